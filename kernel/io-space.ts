import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { GS_LINEAR, IO_BITMAP_LINEAR, PAGE, PoolUse, PRIVATE_REGION, Space } from "./memory-map.ts";
import { allocatePage, isPoolPage, releasePage } from "./page-pool.ts";
import { invalidate, Pte, setPrivateTable } from "./page-table.ts";
import { hex, panic } from "./panic.ts";

/**
 * Which I/O ports a space may use (ABI 9.7): the I/O permission bitmap behind the TSS (Intel SDM vol. 1, 19.5.2), 1 = denied.
 *
 * There is one TSS. Its bitmap lies in the two pages after it, and a space that holds ports has its own two pages there, by a
 * page table of its own for that region; all others share two pages of ones. So the CPU checks ports by hardware
 * alone, and switching spaces switches bitmaps.
 */

const PORTS_PER_PAGE = PAGE * 8;

function bitmapByte(k: KernelContext, space: number, port: number): number {
  const page = k.load(space + Space.ioBitmap + (port >= PORTS_PER_PAGE ? 4 : 0));
  if (page === 0) return 0;
  if (!isPoolPage(k, page)) panic(`I/O bitmap of space ${k.spaceIndex(space)} is at ${hex(page)}`);
  return page + ((port % PORTS_PER_PAGE) >>> 3);
}

/** Whether the space may use a port. */
export function hasPort(k: KernelContext, space: number, port: number): boolean {
  const byte = bitmapByte(k, space, port);
  return byte !== 0 && (k.loadByte(byte) & (1 << (port & 7))) === 0;
}

/** Permits a port. Returns false when memory has run out. */
export function setPort(k: KernelContext, space: number, port: number): boolean {
  if (bitmapByte(k, space, port) === 0 && !giveBitmap(k, space)) return false;
  const byte = bitmapByte(k, space, port);
  k.memory.write8(byte, k.loadByte(byte) & ~(1 << (port & 7)));
  return true;
}

/** Denies a port. */
export function clearPort(k: KernelContext, space: number, port: number): void {
  const byte = bitmapByte(k, space, port);
  if (byte !== 0) k.memory.write8(byte, k.loadByte(byte) | (1 << (port & 7)));
}

/** Gives the space two bitmap pages of its own, all denied, and the page table that shows them. */
function giveBitmap(k: KernelContext, space: number): boolean {
  const table = allocatePage(k, PoolUse.PageTable, space);
  const low = table === 0 ? 0 : allocatePage(k, PoolUse.IoBitmap, space);
  const high = low === 0 ? 0 : allocatePage(k, PoolUse.IoBitmap, space);
  if (high === 0) {
    if (low !== 0) releasePage(k, low);
    if (table !== 0) releasePage(k, table);
    return false;
  }
  k.charge(3 * Cost.newPageTable);
  k.memory.fill(low, PAGE, 0xff);
  k.memory.fill(high, PAGE, 0xff);
  writePrivateTable(k, table, low, high);
  k.store(space + Space.privateTable, table);
  k.store(space + Space.ioBitmap, low);
  k.store(space + Space.ioBitmap + 4, high);
  setPrivateTable(k, space, table);
  invalidate(k, space, IO_BITMAP_LINEAR);
  invalidate(k, space, IO_BITMAP_LINEAR + PAGE);
  return true;
}

/** Fills a page table for the private region: the %gs page for everyone to read, the rest for the CPU's own use. */
export function writePrivateTable(k: KernelContext, table: number, low: number, high: number): void {
  const slot = (linear: number): number => table + ((linear >>> 10) & 0xffc);
  // Accessed and dirty are set beforehand: page walks then never write to these tables.
  const supervisor = Pte.Present | Pte.Writable | Pte.Accessed | Pte.Dirty;
  k.store(slot(GS_LINEAR), k.map.gsPage | Pte.Present | Pte.User | Pte.Accessed);
  k.store(slot(PRIVATE_REGION + PAGE), k.map.tssPage | supervisor);
  k.store(slot(IO_BITMAP_LINEAR), low | supervisor);
  k.store(slot(IO_BITMAP_LINEAR + PAGE), high | supervisor);
  k.store(slot(IO_BITMAP_LINEAR + 2 * PAGE), k.map.bitmapEnd | supervisor);
}

/** Gives the pages of the space's own bitmap back. */
export function releaseIoSpace(k: KernelContext, space: number): void {
  const table = k.load(space + Space.privateTable);
  if (table === 0) return;
  releasePage(k, k.load(space + Space.ioBitmap));
  releasePage(k, k.load(space + Space.ioBitmap + 4));
  releasePage(k, table);
  k.store(space + Space.privateTable, 0);
  k.store(space + Space.ioBitmap, 0);
  k.store(space + Space.ioBitmap + 4, 0);
}

// ---- which access was denied ----

/** An IN, OUT, INS or OUTS instruction. */
export interface PortAccess {
  port: number;
  bytes: number;
}

const MAXIMUM_INSTRUCTION = 15;

/**
 * Recognises an I/O instruction by its bytes (Intel SDM vol. 2: E4-E7, EC-EF, 6C-6F, after any prefixes).
 * @param fetch byte `i` of the instruction, or -1 when it can't be read
 * @param dx the DX register
 */
export function decodePortAccess(fetch: (i: number) => number, dx: number): PortAccess | undefined {
  let operandBytes = 4;
  for (let i = 0; i < MAXIMUM_INSTRUCTION; i++) {
    const byte = fetch(i);
    switch (byte) {
      case 0x66:
        operandBytes = 2;
        continue;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x67:
      case 0xf2:
      case 0xf3:
        continue;
      case 0xe4:
      case 0xe6:
        return { port: fetch(i + 1) & 0xff, bytes: 1 };
      case 0xe5:
      case 0xe7:
        return { port: fetch(i + 1) & 0xff, bytes: operandBytes };
      case 0x6c:
      case 0x6e:
      case 0xec:
      case 0xee:
        return { port: dx & 0xffff, bytes: 1 };
      case 0x6d:
      case 0x6f:
      case 0xed:
      case 0xef:
        return { port: dx & 0xffff, bytes: operandBytes };
      default:
        return undefined;
    }
  }
  return undefined;
}
