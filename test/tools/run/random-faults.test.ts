import { expect, it } from "vitest";
import { Random } from "../support/random.ts";
import { type Effect, FaultExperiments } from "./fault-experiments.ts";

/** `npm run acceptance` makes 10,000. */
const FAULTS = 1_000;

it(`${FAULTS} random single-bit faults in one of three replicas: output right, culprit named, nobody accused wrongly`, () => {
  const experiments = new FaultExperiments();
  const random = new Random(2011);
  const effects: Record<Effect, number> = { none: 0, "wrong-reply": 0, silent: 0, "not-applied": 0 };
  for (let applied = 0; applied < FAULTS; ) {
    const { fault, effect, violations } = experiments.run(random);
    expect([fault, violations]).toEqual([fault, []]);
    effects[effect]++;
    if (effect !== "not-applied") applied++;
  }
  // The sample must have faults that matter, or the test could not fail.
  expect(effects["wrong-reply"]).toBeGreaterThan(100);
  expect(effects.silent).toBeGreaterThan(100);
}, 240_000);
