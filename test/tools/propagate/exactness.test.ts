import { expect, it } from "vitest";
import { formatFault } from "../../../tools/faults/fault.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { runScenario } from "../../../tools/run/run-scenario.ts";
import { Random } from "../support/random.ts";
import { Exactness, exactnessGolden, RandomFaults, VICTIMS } from "./exactness.ts";

/** One of each kind; `npm run acceptance exactness` takes 1,000 at 10 moments each. */
const FAULTS = VICTIMS.length;
const POINTS = 3;

it.each(["simple", "p5"] as const)("the sparse sets equal brute force (%s timing)", (timing) => {
  const golden = exactnessGolden(timing);
  const judge = new Exactness(golden);
  const random = new Random(4);
  const faults = new RandomFaults(golden, random);
  let equalCycle = 0;
  let equalProgress = 0;
  let wrong = 0;
  let wrongThreads = 0;
  for (let i = 0; i < FAULTS; i++) {
    const fault = faults.next(VICTIMS[i]);
    const report = judge.check(fault, POINTS, random);
    expect([formatFault(fault), report.violations]).toEqual([formatFault(fault), []]);
    equalCycle += report.equalCycleChecks;
    equalProgress += report.equalProgressChecks;
    wrongThreads += report.wrongThreads;
    wrong += report.propagation.history.length;
  }
  // Enough was compared, and enough was wrong, for the test to be able to fail.
  expect(equalCycle).toBeGreaterThan(FAULTS);
  expect(equalProgress).toBeGreaterThan(FAULTS);
  expect(wrongThreads).toBeGreaterThan(0);
  expect(wrong).toBeGreaterThan(100);
});

it("watching changes nothing: the result is that of a plain run", () => {
  const golden = exactnessGolden();
  for (const line of ["replica-2:aes_state+5:flip:2@instruction=30000", "replica-1:eax:flip:9@instruction=9000"]) {
    const fault = parseFault(line);
    const { experiment } = propagate(golden, fault);
    expect(experiment.result).toEqual(runScenario(golden.plan, 1e9, { faults: [fault] }));
  }
});
