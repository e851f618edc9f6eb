import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Snapshot } from "../../emulator/index.ts";
import { GLOBALS, MAPPING_NODE, memoryMap, SPACE } from "../../kernel/memory-map.ts";
import { TCB, TCB_BYTES } from "../../kernel/tcb-layout.ts";
import { ANY, NIL, period } from "./support/guest-script.ts";
import { idOf, Rig, ROOT, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** Faults in the kernel's own memory: a panic with a report, or no effect, but never an exception of the host or a hang. */

const MEMORY = 12 << 20;
const MAP = memoryMap(MEMORY, 2 << 20);
const tcb = (threadNo: number): number => MAP.tcbs + threadNo * TCB_BYTES;

/** Two threads that call each other for ever, a child space that is paged, root asleep. */
function busy(): { rig: Rig; snapshot: Snapshot } {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  rig.startPager();
  const [ping, pong, child] = [rig.script(), rig.script(), rig.script()];
  const pinging = ping.code.here;
  ping.ipc(idOf(61), idOf(61), { tag: 3 });
  ping.code.jump(pinging);
  pong.ipc(NIL, ANY);
  const ponging = pong.code.here;
  pong.ipc(idOf(60), ANY, { tag: 2 });
  pong.code.jump(ponging);
  const sleeping = child.code.here;
  child.ipc(NIL, idOf(51), { timeouts: period(1000) });
  child.code.jump(sleeping);
  rig.createLocal(60, 2);
  rig.spawn(61, 3, pong);
  rig.start(60, ping);
  rig.spawnSpace(62, idOf(51), child);
  const loop = rig.root.code.here;
  rig.root.ipc(NIL, SIGMA0, { timeouts: period(2000) });
  rig.root.code.jump(loop);
  rig.run(12);
  return { rig, snapshot: rig.machine.snapshot() };
}

const { rig, snapshot } = busy();

function strike(physical: number, change: (word: number) => number): ReturnType<Rig["machine"]["run"]> {
  rig.machine.restore(snapshot);
  rig.machine.memory.write32(physical, change(rig.machine.memory.read32(physical)));
  return rig.machine.run({ cycle: rig.machine.cycles + 500_000 });
}

describe("a broken kernel structure", () => {
  it("unbroken, all goes on", () => {
    expect(strike(SCRATCH, (word) => word)).toEqual({ kind: "cycle" });
    expect(rig.kernel.check()).toEqual([]);
  });

  it.each([
    ["the current pointer out of the array", MAP.globals + GLOBALS.at.current, 4, "globals.current"],
    ["the current pointer off a boundary", MAP.globals + GLOBALS.at.current, 0x10, "no thread control block"],
    ["a ready list", MAP.globals + GLOBALS.at.readyHead + 4 * 100, 0x8000_0000, "ready list 100"],
    ["the wakeup list", MAP.globals + GLOBALS.at.wakeupHead, 0x4000_0000, "wakeup list"],
    ["a thread's state", tcb(50) + TCB.at.state, 0x100, "state of thread 50"],
    ["a thread's space", tcb(61) + TCB.at.space, 4, "space of thread 61"],
    ["a UTCB pointer", tcb(61) + TCB.at.utcbPhysical, 0x4000_0000, "UTCB of thread 61"],
    ["a priority", tcb(61) + TCB.at.priority, 0x1000, "priority of thread 61"],
    ["a page directory pointer", MAP.spaces + SPACE.bytes * 2 + SPACE.at.pageDirectory, 0x1000_0000, "page directory"],
    ["a trap frame's CS", tcb(50) + TCB.at.cs, 0x8000, "at ring 0"],
  ])("%s: panics with a report that names it", (_name, physical, flip, text) => {
    const reason = strike(physical, (word) => word ^ flip);
    expect(reason).toMatchObject({ kind: "panic", text: expect.stringContaining("kernel panic: ") });
    expect(reason).toMatchObject({ text: expect.stringContaining(text) });
  });

  it("a panic is part of a snapshot: the machine stays stopped", () => {
    strike(tcb(50) + TCB.at.state, () => 99);
    const stopped = rig.machine.snapshot();
    rig.machine.restore(snapshot);
    rig.machine.restore(stopped);
    expect(rig.machine.run().kind).toBe("panic");
  });

  it("any bit of any word: no host exception, and the views still answer", () => {
    const regions: [number, number][] = [
      [MAP.globals, 1700],
      [MAP.spaces, 4 * SPACE.bytes],
      [tcb(48), 15 * TCB_BYTES],
      [MAP.nodes, 100 * MAPPING_NODE.bytes],
      [MAP.gdt, 56],
      [MAP.idt + 0x20 * 8, 0x12 * 8],
      [MAP.tss, 104],
      [MAP.pool, 24 * 4096],
      [MAP.poolPages, 30 * 8],
      [MAP.frames + 0x400 * 4, 256],
      [MAP.sharedPrivateTable, 20],
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: regions.length - 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: 31 }),
        (region, where, bit) => {
          const [start, bytes] = regions[region];
          const physical = start + 4 * Math.floor((where * bytes) / 4);
          const reason = strike(physical, (word) => word ^ (1 << bit));
          expect(["cycle", "panic", "shutdown", "halted"]).toContain(reason.kind);
          if (reason.kind === "panic") expect(reason.text).toMatch(/^kernel panic: /);
          expect(Array.isArray(rig.kernel.check())).toBe(true);
          expect(rig.kernel.threads().length).toBeGreaterThan(0);
          expect(rig.kernel.owner(physical).name).not.toBe("");
          expect(rig.kernel.thread(ROOT)?.threadNo).not.toBe(0);
        },
      ),
      { numRuns: 120, seed: 86 },
    );
  });
});
