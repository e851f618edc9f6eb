import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../../../emulator/index.ts";
import type { P5Configuration } from "../../../emulator/timing/configuration.ts";
import { generator, SCATTERED_MEMORY_BYTES, startScattered } from "./scattered-program.ts";

const INSTRUCTIONS = 2500;
const PROGRAMS = Number(process.env.QUORUM86_SCATTERED_PROGRAMS ?? 60);

interface Limits {
  readonly instructions: number;
  readonly cycle: number;
}

function progress(machine: Machine): unknown {
  return { digest: machine.stateDigest(), cycles: machine.cycles, instructions: machine.instructions };
}

/** Runs to the limits in pieces of random length, in clocks or in instructions, some from a snapshot. */
function runInPieces(machine: Machine, limits: Limits, seed: number, unit: "cycle" | "instructions"): void {
  const random = generator(seed);
  for (let last: string = unit; last === unit && machine.instructions < limits.instructions; ) {
    const piece =
      unit === "cycle"
        ? { cycle: Math.min(limits.cycle, machine.cycles + 1 + random(90)) }
        : { instructions: Math.min(limits.instructions, machine.instructions + 1 + random(40)) };
    last = machine.run({ ...limits, ...piece }).kind;
    if (random(20) === 0) machine.restore(machine.snapshot());
    if (machine.cycles >= limits.cycle) return;
  }
}

const CONFIGURATIONS: readonly Partial<P5Configuration>[] = [
  {},
  { prefixShadowing: false },
  { firstExecutionMarks: false },
  { btbNoAllocateUnmarked: true, bankConflict: 2, addressGenerationInterlock: 2 },
];

describe("random programs that the caches cannot hold", () => {
  it.each(CONFIGURATIONS)("end alike on static schedules, step by step, in pieces and observed: %o", (p5) => {
    const machine = createMachine({ memoryBytes: SCATTERED_MEMORY_BYTES, timing: "p5", p5 });
    let stopped = 0;
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      startScattered(machine, seed);
      const limits = {
        instructions: machine.instructions + INSTRUCTIONS,
        cycle: machine.cycles + 40 * INSTRUCTIONS,
      };
      if (machine.run(limits).kind !== "instructions") stopped++;
      const whole = progress(machine);

      startScattered(machine, seed);
      if (machine.timing !== undefined) machine.timing.stepwise = true;
      machine.run(limits);
      if (machine.timing !== undefined) machine.timing.stepwise = false;
      expect(progress(machine), `program ${seed}, step by step`).toEqual(whole);

      for (const unit of ["cycle", "instructions"] as const) {
        startScattered(machine, seed);
        runInPieces(machine, limits, seed, unit);
        expect(progress(machine), `program ${seed}, in pieces of one ${unit}`).toEqual(whole);
      }

      startScattered(machine, seed);
      const detach = machine.observe({ beforeInstruction: () => {}, memoryWrite: () => {} });
      machine.run({ ...limits, instructions: limits.instructions - INSTRUCTIONS / 2 });
      detach();
      machine.run(limits);
      expect(progress(machine), `program ${seed}, half of it observed`).toEqual(whole);
    }
    // Nearly all programs run on: the comparison is of something.
    expect(stopped).toBeLessThan(PROGRAMS / 10);
  });
});
