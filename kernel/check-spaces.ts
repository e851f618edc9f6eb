import type { Violations } from "./checker.ts";
import type { KernelContext } from "./context.ts";
import {
  Globals,
  GS_LINEAR,
  KERNEL_WINDOW,
  PAGE,
  POOL_PAGE,
  PoolPage,
  PoolUse,
  PRIVATE_REGION,
  SPACE,
  SPACE_COUNT,
  Space,
  SpaceState,
  THREAD_COUNT,
  WINDOW_BYTES,
} from "./memory-map.ts";
import { isPoolPage } from "./page-pool.ts";
import { Pte, TABLE_SPAN } from "./page-table.ts";
import { hex } from "./panic.ts";
import { Tcb } from "./tcb-layout.ts";
import { UTCB_BYTES } from "./utcb.ts";

/** Checks spaces, their thread lists, the kernel's part of their page directories, and the page pool. */
export function checkSpaces(k: KernelContext, violations: Violations): void {
  const members = countMembers(k, violations);
  for (let index = 0; index < SPACE_COUNT; index++) {
    const space = k.map.spaces + index * SPACE.bytes;
    const state = k.load(space + Space.state);
    if (state === SpaceState.Free) continue;
    violations.require(state <= SpaceState.Initialised, () => `space ${index} has state ${state}`);
    checkThreadList(k, violations, space, members.get(space) ?? 0);
    const directory = k.load(space + Space.pageDirectory);
    if (isPoolPage(k, directory)) checkKernelPart(k, violations, space, directory);
    else violations.add(`page directory of space ${index} is at ${hex(directory)}`);
  }
  checkPool(k, violations);
}

/** Number of threads that name each space; checks their UTCBs on the way. */
function countMembers(k: KernelContext, violations: Violations): Map<number, number> {
  const members = new Map<number, number>();
  const utcbs = new Map<number, number>();
  for (let number = 0; number < THREAD_COUNT; number++) {
    const tcb = k.tcbOfNumber(number);
    if (k.load(tcb + Tcb.globalId) === 0) continue;
    const space = k.load(tcb + Tcb.space);
    if (space === 0) continue;
    if (!k.isSpace(space) || k.load(space + Space.state) === SpaceState.Free) {
      violations.add(`thread ${number} is in ${hex(space)}, which is no space`);
      continue;
    }
    members.set(space, (members.get(space) ?? 0) + 1);
    const utcb = k.load(tcb + Tcb.utcbPhysical);
    if (utcb === 0) continue;
    violations.require(
      isPoolPage(k, utcb - (utcb % PAGE)) && utcb % UTCB_BYTES === 0,
      () => `UTCB of thread ${number} is at ${hex(utcb)}`,
    );
    violations.require(!utcbs.has(utcb), () => `threads ${utcbs.get(utcb)} and ${number} share a UTCB`);
    utcbs.set(utcb, number);
  }
  return members;
}

function checkThreadList(k: KernelContext, violations: Violations, space: number, members: number): void {
  const name = `thread list of space ${k.spaceIndex(space)}`;
  let previous = 0;
  let tcb = k.load(space + Space.threadHead);
  let count = 0;
  for (; tcb !== 0 && count <= THREAD_COUNT; count++) {
    const current = tcb;
    if (!k.isTcb(tcb)) {
      violations.add(`${name} holds ${hex(tcb)}, which is no thread`);
      return;
    }
    violations.require(
      k.load(tcb + Tcb.space) === space,
      () => `${name} holds thread ${k.threadNumber(current)} of another`,
    );
    violations.require(
      k.load(tcb + Tcb.spacePrevious) === previous,
      () => `${name} does not lead back from thread ${k.threadNumber(current)}`,
    );
    previous = tcb;
    tcb = k.load(tcb + Tcb.spaceNext);
  }
  violations.require(
    count === members && k.load(space + Space.threadCount) === members,
    () => `${name} has ${count} threads, says ${k.load(space + Space.threadCount)}, and ${members} name it`,
  );
}

/** From 0xc0000000 up: the %gs page for users to read, the window and the private region for the kernel alone, nothing else. */
function checkKernelPart(k: KernelContext, violations: Violations, space: number, directory: number): void {
  const name = `space ${k.spaceIndex(space)}`;
  const window = Math.min(Math.ceil(k.map.memoryBytes / TABLE_SPAN), WINDOW_BYTES / TABLE_SPAN);
  const own = k.load(space + Space.privateTable);
  for (let slot = 0xc000_0000 / TABLE_SPAN; slot < 1024; slot++) {
    const entry = k.load(directory + 4 * slot);
    const inWindow = slot - KERNEL_WINDOW / TABLE_SPAN;
    if (inWindow >= 0 && inWindow < window) {
      const wanted = (inWindow * TABLE_SPAN) | Pte.Present | Pte.Writable | Pte.PageSize;
      violations.require(
        (entry & ~(Pte.Accessed | Pte.Dirty)) === wanted,
        () => `${name} has ${hex(entry)} in the kernel window's directory entry ${slot}`,
      );
    } else if (slot === PRIVATE_REGION / TABLE_SPAN) {
      const table = (entry & Pte.Frame) >>> 0;
      const wanted = own === 0 ? k.map.sharedPrivateTable : own;
      if (table === wanted) checkPrivateTable(k, violations, name, table);
      else violations.add(`${name} has ${hex(entry)} in the private region's directory entry`);
    } else {
      violations.require(entry === 0, () => `${name} has ${hex(entry)} in directory entry ${slot} of the kernel area`);
    }
  }
}

function checkPrivateTable(k: KernelContext, violations: Violations, name: string, table: number): void {
  for (let slot = 0; slot < 1024; slot++) {
    const entry = k.load(table + 4 * slot);
    if ((entry & Pte.Present) === 0) continue;
    const linear = PRIVATE_REGION + slot * PAGE;
    const frame = (entry & Pte.Frame) >>> 0;
    violations.require(frame >= k.map.base, () => `${name} has user memory at ${hex(linear)}`);
    if (linear === GS_LINEAR)
      violations.require(
        frame === k.map.gsPage && (entry & Pte.Writable) === 0,
        () => `${name} has ${hex(entry)} for the %gs page`,
      );
    else violations.require((entry & Pte.User) === 0, () => `${name} shows kernel memory to users at ${hex(linear)}`);
  }
}

function checkPool(k: KernelContext, violations: Violations): void {
  const { poolCount, poolPages } = k.map;
  let free = 0;
  for (let index = 0; index < poolCount; index++) {
    const entry = poolPages + index * POOL_PAGE.bytes;
    const use = k.load(entry + PoolPage.use);
    if (use === PoolUse.Free) {
      free++;
      continue;
    }
    const space = k.load(entry + PoolPage.space);
    violations.require(use <= PoolUse.IoBitmap, () => `pool page ${index} has use ${use}`);
    violations.require(
      k.isSpace(space) && k.load(space + Space.state) !== SpaceState.Free,
      () => `pool page ${index} belongs to ${hex(space)}, which is no space`,
    );
  }
  let listed = 0;
  let next = k.global(Globals.freePage);
  while (next !== 0 && next <= poolCount && listed <= poolCount) {
    listed++;
    const entry = poolPages + (next - 1) * POOL_PAGE.bytes;
    if (k.load(entry + PoolPage.use) !== PoolUse.Free) break;
    next = k.load(entry + PoolPage.space);
  }
  const said = k.global(Globals.freePageCount);
  violations.require(
    next === 0 && listed === free && said === free,
    () => `${free} pool pages are free, ${listed} in the free list, ${said} by its count`,
  );
}
