import { Word } from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { Globals, PAGE, PoolUse, PRIVATE_REGION, Space, USER_AREA_END } from "./memory-map.ts";
import { allocatePage, isPoolPage, releasePage } from "./page-pool.ts";
import { hex, panic } from "./panic.ts";

/** Page directories and page tables (Intel SDM vol. 3, 4.3), written by physical address. */

export const enum Pte {
  Present = 0x001,
  Writable = 0x002,
  User = 0x004,
  Accessed = 0x020,
  Dirty = 0x040,
  PageSize = 0x080,
  /** Available to the system: a page that the kernel put there (KIP, UTCB), in no mapping tree, never mapped on. */
  KernelOwned = 0x200,
  Frame = 0xffff_f000,
}

const DIRECTORY_SHIFT = 22;
/** Bytes that one page table covers. */
export const TABLE_SPAN = 1 << DIRECTORY_SHIFT;

/** Physical address of a space's page directory, checked to be a page of the pool. */
export function directoryOf(k: KernelContext, space: number): number {
  const directory = k.load(space + Space.pageDirectory);
  if (!isPoolPage(k, directory)) panic(`page directory of space ${k.spaceIndex(space)} is at ${hex(directory)}`);
  return directory;
}

function directoryEntry(k: KernelContext, space: number, virtual: number): number {
  return directoryOf(k, space) + ((virtual >>> DIRECTORY_SHIFT) << 2);
}

/** Physical address of the page table for a user address, 0 when there is none. */
function tableOf(k: KernelContext, space: number, virtual: number): number {
  const entry = k.load(directoryEntry(k, space, virtual));
  if ((entry & Pte.Present) === 0) return 0;
  const table = (entry & Pte.Frame) >>> 0;
  if (!isPoolPage(k, table))
    panic(`page-directory entry of space ${k.spaceIndex(space)} for ${hex(virtual)} is ${hex(entry)}`);
  return table;
}

/** Physical address of the page-table entry for a user address, 0 when there is no table. */
export function entryAddress(k: KernelContext, space: number, virtual: number): number {
  const table = tableOf(k, space, virtual);
  return table === 0 ? 0 : table + ((virtual >>> 10) & 0xffc);
}

/**
 * Physical address of the table entry by which the MMU would let a user's access through, 0 when it would fault. `needed`:
 * bits that both levels must have. What is no table and no page here has been struck: the MMU finds a reserved bit set.
 */
export function allowedEntry(k: KernelContext, space: number, virtual: number, needed: number): number {
  const wanted = needed | Pte.PageSize;
  if ((k.load(directoryEntry(k, space, virtual)) & wanted) !== needed) return 0;
  const address = entryAddress(k, space, virtual);
  return (k.load(address) & wanted) === needed ? address : 0;
}

/** The page-table entry for a user address, 0 when there is none. */
export function readEntry(k: KernelContext, space: number, virtual: number): number {
  const address = entryAddress(k, space, virtual);
  return address === 0 ? 0 : k.load(address);
}

/** The first page from `virtual` (page-aligned) on that is present in a space, or `end`. Looks at whole tables at a time. */
export function nextPresent(k: KernelContext, space: number, virtual: number, end: number): number {
  for (let next = virtual; next < end; ) {
    const table = tableOf(k, space, next);
    const tableEnd = Math.min(end, next - (next % TABLE_SPAN) + TABLE_SPAN);
    if (table !== 0)
      for (; next < tableEnd; next += PAGE)
        if ((k.load(table + ((next >>> 10) & 0xffc)) & Pte.Present) !== 0) return next;
    next = tableEnd;
  }
  return end;
}

/** Whether the page tables of `space` are the ones that the CPU uses now. */
function isLoaded(k: KernelContext, space: number): boolean {
  return (k.cpu.words[Word.Cr3] & Pte.Frame) >>> 0 === k.load(space + Space.pageDirectory);
}

/** Drops a translation from the TLBs; those of other spaces go when CR3 is loaded. */
export function invalidate(k: KernelContext, space: number, virtual: number): void {
  if (!isLoaded(k, space)) return;
  k.cpu.access.flushPage(virtual);
  k.charge(Cost.invalidatePage);
}

const DIRECTORY_USER_ENTRIES = USER_AREA_END / 2 ** DIRECTORY_SHIFT;
const LEAST_QUOTA = 8;
const LARGEST_QUOTA = 32;

/**
 * Whether a space may have one more page table. A program that maps its own pages all over its space must not use up the
 * tables and mapping nodes that others need: a space gets at most as many tables as half the mapping nodes can fill. The
 * initial servers, who own the memory, have no limit.
 */
function mayHaveTable(k: KernelContext, space: number): boolean {
  if (space === k.global(Globals.sigma0Space) || space === k.global(Globals.rootSpace)) return true;
  const quota = Math.max(LEAST_QUOTA, Math.min(LARGEST_QUOTA, k.map.nodeCount >>> 11));
  const directory = k.load(space + Space.pageDirectory);
  let tables = 0;
  for (let i = 0; i < DIRECTORY_USER_ENTRIES; i++) if ((k.load(directory + 4 * i) & Pte.Present) !== 0) tables++;
  return tables < quota;
}

/** Writes the entry for a user page, making the page table if need be. Returns false when memory or the quota has run out. */
export function writeEntry(k: KernelContext, space: number, virtual: number, entry: number): boolean {
  let table = tableOf(k, space, virtual);
  if (table === 0) {
    if (!mayHaveTable(k, space)) return false;
    table = allocatePage(k, PoolUse.PageTable, space);
    if (table === 0) return false;
    k.charge(Cost.newPageTable);
    k.store(directoryEntry(k, space, virtual), table | Pte.Present | Pte.Writable | Pte.User);
  }
  const address = table + ((virtual >>> 10) & 0xffc);
  const before = k.load(address);
  k.store(address, entry);
  if ((before & Pte.Present) !== 0) invalidate(k, space, virtual);
  return true;
}

/** Changes bits of a present entry and drops the stale translation. Returns the entry as it was, 0 when there was none. */
export function changeEntry(k: KernelContext, space: number, virtual: number, clear: number, set = 0): number {
  const address = entryAddress(k, space, virtual);
  if (address === 0) return 0;
  const before = k.load(address);
  if ((before & Pte.Present) === 0) return 0;
  const after = ((before & ~clear) | set) >>> 0;
  if (after !== before) {
    k.store(address, after);
    invalidate(k, space, virtual);
  }
  return before;
}

/** Removes an entry. Returns it as it was. */
export function clearEntry(k: KernelContext, space: number, virtual: number): number {
  return changeEntry(k, space, virtual, 0xffff_ffff);
}

/** Physical address of a user address by the page tables of a space, or -1. */
export function translate(k: KernelContext, space: number, virtual: number): number {
  if (virtual >= USER_AREA_END) return -1;
  const entry = readEntry(k, space, virtual);
  if ((entry & Pte.Present) === 0) return -1;
  return ((entry & Pte.Frame) >>> 0) + (virtual & (PAGE - 1));
}

/** A byte of user memory by the page tables of a space; -1 when it is not mapped. Leaves TLBs and reference bits alone. */
export function userByte(k: KernelContext, space: number, virtual: number): number {
  const physical = translate(k, space, virtual >>> 0);
  return physical < 0 ? -1 : k.loadByte(physical);
}

/** Gives all page tables of the user area back to the pool. */
export function releaseTables(k: KernelContext, space: number): void {
  for (let virtual = 0; virtual < USER_AREA_END; virtual += TABLE_SPAN) {
    const table = tableOf(k, space, virtual);
    if (table === 0) continue;
    k.store(directoryEntry(k, space, virtual), 0);
    releasePage(k, table);
  }
}

/** Points the space's directory entry for the private region at `table`. */
export function setPrivateTable(k: KernelContext, space: number, table: number): void {
  k.store(directoryEntry(k, space, PRIVATE_REGION), table | Pte.Present | Pte.Writable | Pte.User);
}
