/** Random programs on the emulator run in ways that must not show: observed, in slices, with the pipeline's clocks. */
import { describe, expect, it } from "vitest";
import { COMPARE_ALL, compareOutcomes } from "./compare.ts";
import { EmulatorDriver, type EmulatorOptions } from "./emulator-driver.ts";
import { programOf, programSeeds } from "./random-program.ts";
import type { TestCase } from "./test-driver.ts";

const SEED = Number(process.env.ORACLE_SEED ?? 2026);
const PROGRAMS = 400;

const programs = programSeeds(SEED, PROGRAMS)
  .map(programOf)
  .filter((test): test is TestCase => test !== undefined);

const plain = new EmulatorDriver();
const expected = plain.run(programs);

const VARIANTS: readonly { name: string; options: EmulatorOptions; sameClocks: boolean }[] = [
  { name: "with observers attached", options: { watched: true }, sameClocks: true },
  { name: "in slices of 1 cycle", options: { sliceCycles: 1 }, sameClocks: true },
  { name: "in slices of 7 cycles", options: { sliceCycles: 7 }, sameClocks: true },
  { name: "with the timing of the P5", options: { timing: "p5" }, sameClocks: false },
  { name: "with the timing of the P5, observed", options: { timing: "p5", watched: true }, sameClocks: false },
];

describe("random programs end in the same state", () => {
  it.each(VARIANTS)("$name", ({ options, sameClocks }) => {
    const emulator = new EmulatorDriver(options);
    const outcomes = emulator.run(programs);
    const failures = outcomes.flatMap((outcome, i) => {
      const reference = expected[i];
      if (outcome === undefined || reference === undefined) return ["a program never ended"];
      const lines = compareOutcomes(reference, outcome, COMPARE_ALL);
      return lines.length === 0 ? [] : [`program ${i}, seed ${SEED}\n  ${lines.join("\n  ")}`];
    });
    expect(failures.slice(0, 3)).toEqual([]);
    expect(emulator.observed > 0).toBe(options.watched === true);
    if (sameClocks) expect(emulator.machine.cycles).toBe(plain.machine.cycles);
    expect(emulator.machine.instructions).toBe(plain.machine.instructions);
  });
});
