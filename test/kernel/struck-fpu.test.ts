import fc from "fast-check";
import { expect, it } from "vitest";
import { GLOBALS, memoryMap } from "../../kernel/memory-map.ts";
import { TCB, TCB_BYTES } from "../../kernel/tcb-layout.ts";
import { Rig, SCRATCH } from "./support/rig.ts";

/** Faults in x87 states that the kernel keeps for its threads: any image can be loaded, and its owner is checked. */

const MEMORY = 12 << 20;
const MAP = memoryMap(MEMORY, 2 << 20);
const THREADS = [60, 61];

const address = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Two threads that compute for ever with full stacks, exceptions masked, and take turns. */
function computing(): Rig {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  THREADS.forEach((thread, n) => {
    const script = rig.script();
    const place = SCRATCH + 64 * n;
    script.raw(0xd9, 0xe8, 0xd9, 0xeb, 0xd9, 0xee); // fld1; fldpi; fldz
    const loop = script.code.here;
    script.raw(0xd9, 0xe8, 0xde, 0xc1, 0xd9, 0xfa); // fld1; faddp; fsqrt
    script.raw(0xd9, 0xfe, 0xdc, 0xc1, 0xd9, 0xc9); // fsin; fadd st(1), st; fxch
    script.raw(0xd9, 0xc0, 0xdf, 0x35, ...address(place)); // fld st; fbstp
    script.raw(0xdd, 0x15, ...address(place + 16), 0xd9, 0xf5); // fst qword; fprem1
    script.raw(0xd9, 0x3d, ...address(place + 32)); // fnstcw
    script.code.jump(loop);
    rig.spawn(thread, 1 + n, script);
  });
  rig.run(40);
  return rig;
}

it("any word of any saved x87 state, of its mark and of the owner's pointer: an outcome, never an exception of the host", () => {
  const rig = computing();
  const snapshot = rig.machine.snapshot();
  const tcb = (thread: number): number => MAP.tcbs + thread * TCB_BYTES;
  const words = THREADS.flatMap((thread) =>
    Array.from({ length: 28 }, (_, word) => tcb(thread) + TCB.at.fpuUsed + 4 * word),
  );
  expect(TCB.at.fpuImage).toBe(TCB.at.fpuUsed + 4);
  const owner = MAP.globals + GLOBALS.at.fpuOwner;
  expect(THREADS.map(tcb)).toContain(rig.word(owner));
  const endings = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: fc.constant(owner) }),
      fc.oneof(
        fc.integer({ min: 0, max: 31 }).map((bit) => (word: number) => word ^ (1 << bit)),
        fc.integer().map((value) => () => value),
        fc.constantFrom(...THREADS).map((thread) => () => tcb(thread)),
      ),
      (physical, change) => {
        rig.machine.restore(snapshot);
        rig.machine.memory.write32(physical, change(rig.word(physical)));
        const reason = rig.machine.run({ cycle: rig.machine.cycles + 3_000_000 });
        expect(["cycle", "panic"]).toContain(reason.kind);
        if (reason.kind === "panic") expect(reason.text).toMatch(/^kernel panic: /);
        endings.set(reason.kind, (endings.get(reason.kind) ?? 0) + 1);
        rig.kernel.check();
      },
    ),
    { numRuns: 40, seed: 87 },
  );
  expect([...endings.keys()].sort()).toEqual(["cycle", "panic"]);
});
