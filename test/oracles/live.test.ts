/**
 * Live comparison: random programs on the emulator and on each judge that this machine has. A judge that is missing is
 * skipped, and the output says why. `ORACLE_SEED=n` repeats a run, `ORACLE_PROGRAMS=n` makes it longer.
 */
import { afterAll, describe, expect, it } from "vitest";
import { compareOutcomes, type Mask } from "./compare.ts";
import { EmulatorDriver } from "./emulator-driver.ts";
import { noteMissing, openSilicon, openUnicorn } from "./live-drivers.ts";
import { pieceOf, programOf, programSeeds, shrinkProgram } from "./random-program.ts";
import type { DriverOrReason, Outcome, TestCase, TestDriver } from "./test-driver.ts";

const SEED = Number(process.env.ORACLE_SEED ?? 2026);
const PROGRAMS = Number(process.env.ORACLE_PROGRAMS ?? 1500);
const RESUME_FLAG = 0x1_0000;
const ARITHMETIC_FLAGS = 0x8d5;
const DIRECTION_FLAG = 0x400;
const DIVIDE_ERROR = 0;
const PAGE_FAULT = 14;

const emulator = new EmulatorDriver();

interface Judge {
  readonly name: string;
  readonly opened: DriverOrReason;
  /** Leaves out what this judge is known not to say (differences.ts). */
  adapt(outcome: Outcome): Outcome;
  mask(outcome: Outcome): Mask;
}

/** Flags after a divide error are undefined. */
function undefinedAfter(outcome: Outcome): number {
  return outcome.fault?.vector === DIVIDE_ERROR ? ARITHMETIC_FLAGS : 0;
}

const JUDGES: readonly Judge[] = [
  {
    name: "silicon",
    opened: openSilicon(),
    adapt: (outcome) => outcome,
    mask: (outcome) => ({ flags: undefinedAfter(outcome), registers: 0 }),
  },
  {
    name: "libunicorn",
    opened: await openUnicorn(),
    // Its page faults leave EIP at the start of a translated block, have no reliable error code, and change flags or
    // bytes before they are found.
    adapt: (outcome) =>
      outcome.fault?.vector === PAGE_FAULT
        ? { ...outcome, eip: 0, fault: { ...outcome.fault, errorCode: 0 }, changes: [] }
        : outcome,
    mask: (outcome) => ({
      flags:
        RESUME_FLAG |
        (outcome.fault?.vector === PAGE_FAULT ? ARITHMETIC_FLAGS | DIRECTION_FLAG : undefinedAfter(outcome)),
      registers: 0,
    }),
  },
];

function differences(judge: Judge, expected: Outcome | undefined, got: Outcome | undefined): string[] {
  if (expected === undefined || got === undefined)
    return expected === got ? [] : ["only one of the two came to an end"];
  return compareOutcomes(judge.adapt(expected), judge.adapt(got), judge.mask(expected));
}

/** Smallest program that still differs, as bytes per piece, and in what it differs. */
function report(judge: Judge, driver: TestDriver, seeds: readonly number[]): string {
  const differs = (shorter: readonly number[]): string[] => {
    const test = programOf(shorter);
    return test === undefined ? [] : differences(judge, driver.run([test])[0], emulator.run([test])[0]);
  };
  const smallest = shrinkProgram(seeds, (shorter) => differs(shorter).length > 0);
  const test = programOf(smallest) as TestCase;
  const pieces = smallest.map((seed) => Buffer.from(pieceOf(seed)).toString("hex"));
  const registers = test.registers.map((value) => value.toString(16)).join(" ");
  return `seeds ${smallest.join(",")}\n  registers ${registers} eflags ${test.eflags.toString(16)}\n  ${pieces.join("\n  ")}\n  ${differs(smallest).join("\n  ")}`;
}

describe.each(JUDGES)("random programs on the emulator and on $name", (judge) => {
  const { opened } = judge;
  if ("missing" in opened) {
    noteMissing(judge.name, opened.missing);
    it.skip(`needs ${judge.name}: ${opened.missing}`, () => undefined);
    return;
  }
  afterAll(() => opened.driver.close());

  it(`end in the same state (${PROGRAMS} programs, seed ${SEED})`, () => {
    const programs = programSeeds(SEED, PROGRAMS)
      .map((seeds) => ({ seeds, test: programOf(seeds) }))
      .filter((program): program is { seeds: number[]; test: TestCase } => program.test !== undefined);
    const tests = programs.map(({ test }) => test);
    const expected = opened.driver.run(tests);
    const got = emulator.run(tests);
    const failures = programs.filter((_, i) => differences(judge, expected[i], got[i]).length > 0);
    expect(programs.length).toBeGreaterThan(PROGRAMS / 2);
    expect(expected.filter((outcome) => outcome !== undefined && outcome.fault === undefined).length).toBeGreaterThan(
      PROGRAMS / 4,
    );
    expect(
      failures.slice(0, 3).map(({ seeds }) => report(judge, opened.driver, seeds)),
      `${failures.length} programs, seed ${SEED}`,
    ).toEqual([]);
  });
});
