import { describe, expect, it } from "vitest";
import { KernelContext } from "../../kernel/context.ts";
import { ioFlexpage } from "../../kernel/flexpage.ts";
import { hasPort } from "../../kernel/io-space.ts";
import { transferItem } from "../../kernel/mapping.ts";
import { Globals, memoryMap, PoolUse, Space } from "../../kernel/memory-map.ts";
import { allocatePage } from "../../kernel/page-pool.ts";
import { translate } from "../../kernel/page-table.ts";
import { allocateUtcb, createSpace } from "../../kernel/space.ts";
import { Tcb } from "../../kernel/tcb-layout.ts";
import { NIL, period } from "./support/guest-script.ts";
import { idOf, Rig, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** The kernel's pool of pages, or its mapping nodes, are used up in the middle of something: what was begun is taken back. */

const MEMORY = 12 << 20;
const MAP = memoryMap(MEMORY, 2 << 20);
const COMPLETE = 0x10;
const PORT = 0x3f8;
const FAR = 0x2000_0000;
const ALL = 7;

/** sigma0's space and that of thread 60, and a kernel that has `left` free pages. */
function scarce(left: number): { k: KernelContext; sigma0: number; child: number; free: () => number[] } {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  rig.startPager();
  const child = rig.script();
  child.ipc(NIL, SIGMA0, { timeouts: period(1_000_000) });
  rig.spawnSpace(60, idOf(51), child);
  rig.run(20);
  const k = new KernelContext(rig.machine, MAP);
  while (k.global(Globals.freePageCount) > left) allocatePage(k, PoolUse.PageTable, k.global(Globals.rootSpace));
  const free = (): number[] => [k.global(Globals.freePageCount), k.global(Globals.freeNodeCount)];
  return { k, sigma0: k.global(Globals.sigma0Space), child: k.load(k.tcbOfNumber(60) + Tcb.space), free };
}

describe("out of memory", () => {
  it.each([0, 1, 2])(
    "a space gets no port when only %i of the three pages of its bitmap are left, and keeps none",
    (left) => {
      const { k, sigma0, child, free } = scarce(left);
      const before = free();
      transferItem(k, sigma0, child, 0, ioFlexpage(PORT, 3, ALL), COMPLETE, false);
      expect(free()).toEqual(before);
      expect(hasPort(k, child, PORT)).toBe(false);
      expect([Space.privateTable, Space.ioBitmap].map((field) => k.load(child + field))).toEqual([0, 0]);
    },
  );

  it("with three it gets all eight", () => {
    const { k, sigma0, child, free } = scarce(3);
    transferItem(k, sigma0, child, 0, ioFlexpage(PORT, 3, ALL), COMPLETE, false);
    expect(free()[0]).toBe(0);
    expect([0, 7, 8].map((i) => hasPort(k, child, PORT + i))).toEqual([true, true, false]);
  });

  it("a page is not mapped without a page table or without a node, and what was taken for it is given back", () => {
    for (const missing of ["page", "node"] as const) {
      const { k, sigma0, child, free } = scarce(missing === "page" ? 0 : 1);
      if (missing === "node") k.setGlobal(Globals.freeNode, 0);
      const before = free();
      transferItem(k, sigma0, child, FAR, (SCRATCH | (12 << 4) | ALL) >>> 0, COMPLETE, false);
      expect(free(), missing).toEqual(before);
      expect(translate(k, child, FAR)).toBe(-1);
    }
  });

  it("no space without a page directory, no UTCB without a page or without its table", () => {
    expect(createSpace(scarce(0).k)).toBe(0);
    for (const left of [0, 1]) {
      const { k, child, free } = scarce(left);
      // In a region that has no page table yet.
      expect(allocateUtcb(k, child, FAR)).toBe(0);
      expect(free()[0]).toBe(left);
    }
    const enough = scarce(2);
    expect(allocateUtcb(enough.k, enough.child, FAR)).not.toBe(0);
  });
});
