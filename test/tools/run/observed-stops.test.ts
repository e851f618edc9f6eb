/** Where a run stops does not depend on who watches it: the walk of a fetch alone can use up a slice. */
import { expect, it } from "vitest";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";

const plan = planBoot(
  imageFromScenario(
    JSON.stringify({
      name: "stops",
      replicas: [{ implementation: "ttable" }, { implementation: "bytewise" }, { implementation: "bitslice" }],
      workload: {
        mode: "ecb",
        key: "2b7e151628aed2a6abf7158809cf4f3c",
        data: { random: { seed: 9, bytes: 64 } },
      },
    }),
    "stops",
  ),
);

/** Longer than most instructions, shorter than most walks: every walk is met by the end of some slice. */
const SLICE = 7;
const FROM = 270_000;
const TO = 330_000;

function stops(timing: "simple" | "p5", watched: boolean): number[] {
  const run = new ScenarioRun(plan, { timing });
  if (watched) run.machine.observe({ memoryWrite: () => undefined });
  const found: number[] = [];
  run.advance(FROM);
  while (run.machine.cycles < TO) {
    run.advance(run.machine.cycles + SLICE);
    found.push(run.machine.cycles, run.machine.instructions);
  }
  return found;
}

it.each(["simple", "p5"] as const)("a run stops at the same places with and without an observer (%s)", (timing) => {
  expect(stops(timing, true)).toEqual(stops(timing, false));
});
