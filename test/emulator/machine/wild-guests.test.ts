import { beforeAll, describe, expect, it } from "vitest";
import { enterFlatProtectedMode } from "../../../emulator/cpu/segmentation.ts";
import { Word } from "../../../emulator/cpu/state.ts";
import { createMachine, type Machine } from "../../../emulator/machine.ts";
import type { Snapshot } from "../../../emulator/snapshot.ts";
import { SystemBench } from "../system/system-bench.ts";

/** Mulberry32: small, seeded, good enough for noise. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const OUTCOMES = ["cycle", "instructions", "power-off", "shutdown", "halted"];
const GUESTS = 150;

/**
 * Guests of noise: random bytes as code and data, under several set-ups. Nothing they do may reach the host as an
 * exception, and what they do must not depend on the way they are run.
 */
describe.each(["simple", "p5"] as const)("a guest of noise with %s timing", (timing) => {
  const kinds = ["flat ring 0", "gates and ring 3", "noise in tables", "noise in page tables", "real mode"] as const;
  const machines = new Map<string, { machine: Machine; start: Snapshot }>();

  function make(kind: string): { machine: Machine; start: Snapshot } {
    const bench = kind === "gates and ring 3" ? new SystemBench(timing) : undefined;
    const machine = bench?.machine ?? createMachine({ memoryBytes: 1 << 20, timing });
    if (bench !== undefined) {
      for (let vector = 0; vector < 128; vector++) bench.interruptGate(vector, vector % 3 === 0 ? 0xee : 0x8e);
      bench.enterLevel(3);
    } else if (kind !== "real mode") enterFlatProtectedMode(machine.cpu, 0, 0x80000);
    return { machine, start: machine.snapshot() };
  }

  beforeAll(() => {
    for (const kind of kinds) machines.set(kind, make(kind));
  });

  /** A guest ready to run: on a machine that has run many before, or on a new one. */
  function prepare(kind: string, seed: number, age: "used" | "new" = "used"): Machine {
    const { machine, start } =
      age === "new" ? make(kind) : (machines.get(kind) as { machine: Machine; start: Snapshot });
    const random = generator(seed);
    machine.restore(start);
    const { cpu, memory } = machine;
    const noise = new Uint8Array(0x8000);
    for (let i = 0; i < noise.length; i += 4) new DataView(noise.buffer).setUint32(i, random());
    memory.writeBytes(0x10000, noise);
    // Handlers, if any, lie at 0x20000: noise too, ending in IRET here and there.
    memory.writeBytes(
      0x20000,
      noise.map((byte, i) => (i % 16 === 15 ? 0xcf : byte)),
    );
    for (let register = 0; register < 8; register++)
      if (register !== 4) cpu.setRegister(register, random() % 4 === 0 ? random() : random() % 0x30000);
    cpu.eip = 0x10000 + (random() % 0x7000);
    if (kind === "real mode") cpu.eip = random() & 0xffff;
    if (kind === "noise in tables") {
      cpu.words[Word.GdtrBase] = 0x10000;
      cpu.words[Word.GdtrLimit] = 0xffff;
      cpu.words[Word.IdtrBase] = 0x14000;
      cpu.words[Word.IdtrLimit] = 0x7ff;
    }
    if (kind === "noise in page tables") {
      memory.writeBytes(0x40000, noise.subarray(0, 0x2000));
      for (let i = 0; i < 64; i++) memory.write32(0x41000 + 4 * i, (i << 12) | 7);
      memory.write32(0x40000, 0x41007);
      cpu.words[Word.Cr3] = 0x40000;
      cpu.words[Word.Cr4] = 0x10;
      cpu.words[Word.Cr0] |= 0x80010000;
      cpu.access.flushAll();
    }
    if (kind !== "gates and ring 3") cpu.eflags = 2 | (random() & 0x200);
    cpu.stateReplaced();
    return machine;
  }

  for (const kind of kinds)
    it(`(${kind}) is an outcome, the same in one piece, in slices, and observed on a new machine`, () => {
      const seen = new Set<string>();
      let exceptions = 0;
      for (let seed = 1; seed <= GUESTS; seed++) {
        const whole = prepare(kind, seed);
        const limits = { cycle: whole.cycles + 20_000, instructions: whole.instructions + 2000 };
        const reason = whole.run(limits);
        seen.add(reason.kind);
        expect(OUTCOMES).toContain(reason.kind);
        const digest = whole.stateDigest();
        if (seed % 5 !== 0) continue;
        const sliced = prepare(kind, seed);
        let last = sliced.run({ cycle: 0 });
        for (let slice = 1; (last.kind === "cycle" && sliced.cycles < limits.cycle) || slice === 1; slice++)
          last = sliced.run({ ...limits, cycle: Math.min(limits.cycle, sliced.cycles + (slice % 13) * slice) });
        expect(last, `seed ${seed}`).toEqual(reason);
        expect(sliced.stateDigest(), `seed ${seed}, sliced`).toBe(digest);
        const observed = prepare(kind, seed, "new");
        const detach = observed.observe({
          memoryRead: () => {},
          afterInstruction: () => {},
          exception: () => exceptions++,
        });
        expect(observed.run(limits), `seed ${seed}`).toEqual(reason);
        detach();
        expect(observed.stateDigest(), `seed ${seed}, observed`).toBe(digest);
      }
      if (kind !== "real mode") expect(seen.size).toBeGreaterThan(1);
      if (kind === "gates and ring 3") expect(exceptions).toBeGreaterThan(GUESTS);
    });
});
