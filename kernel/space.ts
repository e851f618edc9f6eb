import type { KernelContext } from "./context.ts";
import * as flexpage from "./flexpage.ts";
import { releaseIoSpace } from "./io-space.ts";
import { flushSpace } from "./mapping.ts";
import {
  Globals,
  KERNEL_WINDOW,
  PAGE,
  PoolUse,
  SPACE,
  SPACE_COUNT,
  Space,
  SpaceState,
  USER_AREA_END,
  WINDOW_BYTES,
} from "./memory-map.ts";
import { allocatePage, isPoolPage, poolPageUse, releasePage } from "./page-pool.ts";
import {
  clearEntry,
  nextPresent,
  Pte,
  readEntry,
  releaseTables,
  setPrivateTable,
  TABLE_SPAN,
  writeEntry,
} from "./page-table.ts";
import { panic } from "./panic.ts";
import { Tcb } from "./tcb-layout.ts";
import { UTCB_BYTES } from "./utcb.ts";

/** Address spaces: page directory, KIP and UTCB areas, the threads in them. */

/** Makes a space without KIP and UTCB areas. Returns 0 when no slot or no page is left. */
export function createSpace(k: KernelContext): number {
  for (let index = 0; index < SPACE_COUNT; index++) {
    const space = k.map.spaces + index * SPACE.bytes;
    if (k.load(space + Space.state) !== SpaceState.Free) continue;
    const directory = allocatePage(k, PoolUse.PageDirectory, space);
    if (directory === 0) return 0;
    k.memory.fill(space, SPACE.bytes, 0);
    k.store(space + Space.state, SpaceState.Created);
    k.store(space + Space.pageDirectory, directory);
    mapKernel(k, directory);
    setPrivateTable(k, space, k.map.sharedPrivateTable);
    return space;
  }
  return 0;
}

/** The kernel's window: RAM by 4 MiB pages, supervisor only. Accessed and dirty beforehand, so that walks never write them. */
function mapKernel(k: KernelContext, directory: number): void {
  const bytes = Math.min(k.map.memoryBytes, WINDOW_BYTES);
  const bits = Pte.Present | Pte.Writable | Pte.PageSize | Pte.Accessed | Pte.Dirty;
  for (let physical = 0; physical < bytes; physical += TABLE_SPAN)
    k.store(directory + (((KERNEL_WINDOW + physical) >>> 22) << 2), physical | bits);
}

/** Gives a created space its areas and maps the KIP, for reading only. Returns false when memory has run out. */
export function initialiseSpace(k: KernelContext, space: number, kipArea: number, utcbArea: number): boolean {
  const bits = Pte.Present | Pte.User | Pte.KernelOwned;
  if (!writeEntry(k, space, flexpage.base(kipArea), k.map.kip | bits)) return false;
  k.store(space + Space.kipArea, kipArea);
  k.store(space + Space.utcbArea, utcbArea);
  k.store(space + Space.state, SpaceState.Initialised);
  return true;
}

export function isInitialised(k: KernelContext, space: number): boolean {
  return k.load(space + Space.state) === SpaceState.Initialised;
}

/** Whether a UTCB may lie at a virtual address in a space. */
export function isUtcbLocation(k: KernelContext, space: number, utcb: number): boolean {
  return utcb % UTCB_BYTES === 0 && flexpage.contains(k.load(space + Space.utcbArea), utcb, UTCB_BYTES);
}

/** Whether a flexpage can be a KIP or UTCB area: memory, at least a page, wholly in the user area. */
export function isUserArea(raw: number): boolean {
  if (flexpage.isNil(raw) || flexpage.isIo(raw) || flexpage.size(raw) < PAGE) return false;
  return flexpage.base(raw) + flexpage.size(raw) <= USER_AREA_END;
}

/** Physical address of a UTCB, whose page is made if there is none yet; 0 when memory has run out. */
export function allocateUtcb(k: KernelContext, space: number, utcb: number): number {
  const page = flexpage.alignDown(utcb, 12);
  let entry = readEntry(k, space, page);
  if ((entry & Pte.Present) === 0) {
    const frame = allocatePage(k, PoolUse.Utcb, space);
    if (frame === 0) return 0;
    entry = frame | Pte.Present | Pte.Writable | Pte.User | Pte.KernelOwned;
    if (!writeEntry(k, space, page, entry)) {
      releasePage(k, frame);
      return 0;
    }
  }
  const frame = (entry & Pte.Frame) >>> 0;
  if (!isPoolPage(k, frame) || poolPageUse(k, frame).use !== PoolUse.Utcb)
    panic("a page of a UTCB area is no UTCB page");
  return frame + (utcb % PAGE);
}

export function addThread(k: KernelContext, space: number, tcb: number): void {
  const head = k.tcbOrNone(k.load(space + Space.threadHead), "thread list of a space");
  k.store(tcb + Tcb.space, space);
  k.store(tcb + Tcb.spacePrevious, 0);
  k.store(tcb + Tcb.spaceNext, head);
  if (head !== 0) k.store(head + Tcb.spacePrevious, tcb);
  k.store(space + Space.threadHead, tcb);
  k.store(space + Space.threadCount, k.load(space + Space.threadCount) + 1);
}

/** Takes a thread out of its space; the last one takes the space with it. */
export function removeThread(k: KernelContext, tcb: number): void {
  const space = k.spaceOf(tcb);
  const next = k.tcbOrNone(k.load(tcb + Tcb.spaceNext), "thread list of a space");
  const previous = k.tcbOrNone(k.load(tcb + Tcb.spacePrevious), "thread list of a space");
  if (previous !== 0) k.store(previous + Tcb.spaceNext, next);
  else k.store(space + Space.threadHead, next);
  if (next !== 0) k.store(next + Tcb.spacePrevious, previous);
  k.store(tcb + Tcb.space, 0);
  k.store(tcb + Tcb.spaceNext, 0);
  k.store(tcb + Tcb.spacePrevious, 0);
  const count = k.load(space + Space.threadCount) - 1;
  k.store(space + Space.threadCount, count);
  if (count === 0) deleteSpace(k, space);
}

function deleteSpace(k: KernelContext, space: number): void {
  flushSpace(k, space);
  releaseUtcbs(k, space);
  releaseIoSpace(k, space);
  releaseTables(k, space);
  releasePage(k, k.load(space + Space.pageDirectory));
  k.memory.fill(space, SPACE.bytes, 0);
  // Whoever gets this slot next must not inherit its privileges.
  if (space === k.global(Globals.sigma0Space)) k.setGlobal(Globals.sigma0Space, 0);
  if (space === k.global(Globals.rootSpace)) k.setGlobal(Globals.rootSpace, 0);
}

function releaseUtcbs(k: KernelContext, space: number): void {
  if (!isInitialised(k, space)) return;
  clearEntry(k, space, flexpage.base(k.load(space + Space.kipArea)));
  const area = k.load(space + Space.utcbArea);
  const end = flexpage.base(area) + flexpage.size(area);
  for (
    let page = nextPresent(k, space, flexpage.base(area), end);
    page < end;
    page = nextPresent(k, space, page, end)
  ) {
    releasePage(k, (clearEntry(k, space, page) & Pte.Frame) >>> 0);
  }
}
