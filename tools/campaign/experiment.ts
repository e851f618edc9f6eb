/** Experiment k of a campaign, whoever runs it: it depends on the golden run, the space and k alone. */
import type { ExperimentRunner } from "./experiment-runner.ts";
import { pointAt, spaceSize } from "./fault-space.ts";
import type { Job } from "./pool.ts";
import { pointOfClass } from "./pruning.ts";
import type { Row } from "./row.ts";
import { samplePosition } from "./sample.ts";

export function experiment(runner: ExperimentRunner, { space, work }: Pick<Job, "space" | "work">, index: number): Row {
  if (work.kind === "sample") {
    return runner.run(index, pointAt(space, samplePosition(work.seed, index, spaceSize(space))));
  }
  const pilot = work.pilots[Math.floor(index / 8)]!;
  // The last clock is nearest to the use: least to simulate.
  const row = runner.run(index, pointOfClass(pilot, index % 8, pilot.lastCycle));
  return { ...row, weight: pilot.lastCycle - pilot.firstCycle + 1 };
}
