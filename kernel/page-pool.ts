import type { KernelContext } from "./context.ts";
import { Globals, PAGE, POOL_PAGE, PoolPage, PoolUse } from "./memory-map.ts";
import { hex, panic } from "./panic.ts";

/** The kernel's page frames for page directories, page tables, UTCBs and I/O bitmaps: an array of uses and a free list. */

function descriptor(k: KernelContext, index: number): number {
  return k.map.poolPages + index * POOL_PAGE.bytes;
}

function indexOf(k: KernelContext, page: number): number {
  const index = (page - k.map.pool) / PAGE;
  if (!Number.isInteger(index) || index < 0 || index >= k.map.poolCount) panic(`${hex(page)} is no page of the pool`);
  return index;
}

/** Writes the free list at boot, lowest address first. */
export function initialisePool(k: KernelContext): void {
  const { poolCount } = k.map;
  for (let index = 0; index < poolCount; index++) {
    k.store(descriptor(k, index) + PoolPage.use, PoolUse.Free);
    k.store(descriptor(k, index) + PoolPage.space, index + 1 < poolCount ? index + 2 : 0);
  }
  k.setGlobal(Globals.freePage, 1);
  k.setGlobal(Globals.freePageCount, poolCount);
}

/** A zeroed page for `space`, or 0 when none is left. */
export function allocatePage(k: KernelContext, use: PoolUse, space: number): number {
  const first = k.global(Globals.freePage);
  if (first === 0) return 0;
  if (first > k.map.poolCount) panic(`head of the free page list is ${hex(first)}`);
  const entry = descriptor(k, first - 1);
  if (k.load(entry + PoolPage.use) !== PoolUse.Free) panic(`page ${first - 1} of the free list is in use`);
  k.setGlobal(Globals.freePage, k.load(entry + PoolPage.space));
  k.setGlobal(Globals.freePageCount, k.global(Globals.freePageCount) - 1);
  k.store(entry + PoolPage.use, use);
  k.store(entry + PoolPage.space, space);
  const page = k.map.pool + (first - 1) * PAGE;
  k.memory.fill(page, PAGE, 0);
  return page;
}

export function releasePage(k: KernelContext, page: number): void {
  const index = indexOf(k, page);
  const entry = descriptor(k, index);
  if (k.load(entry + PoolPage.use) === PoolUse.Free) panic(`page ${hex(page)} is freed twice`);
  k.store(entry + PoolPage.use, PoolUse.Free);
  k.store(entry + PoolPage.space, k.global(Globals.freePage));
  k.setGlobal(Globals.freePage, index + 1);
  k.setGlobal(Globals.freePageCount, k.global(Globals.freePageCount) + 1);
}

/** What a page of the pool is used for, and its space (0 when free). */
export function poolPageUse(k: KernelContext, page: number): { use: PoolUse; space: number } {
  const entry = descriptor(k, indexOf(k, page));
  const use = k.load(entry + PoolPage.use);
  return { use, space: use === PoolUse.Free ? 0 : k.load(entry + PoolPage.space) };
}

export function isPoolPage(k: KernelContext, page: number): boolean {
  const index = (page - k.map.pool) / PAGE;
  return Number.isInteger(index) && index >= 0 && index < k.map.poolCount;
}
