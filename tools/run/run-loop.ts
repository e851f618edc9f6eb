import { setImmediate } from "node:timers/promises";
import type { Outcome } from "./run-result.ts";
import type { ScenarioRun } from "./scenario-run.ts";

/** Guest clocks between two looks at the host's events: some tens of milliseconds of host time. */
const SLICE_CYCLES = 2_000_000;

export interface RunLoopOptions {
  /** Absolute clock at which to stop. Default: none. */
  readonly cycleLimit?: number;
  /** Asked between slices; true ends the run with outcome `interrupted`. */
  readonly shouldStop?: () => boolean;
  /** Called between slices. */
  readonly onSlice?: () => void;
}

/** Runs to the end while the host's event loop stays alive (Ctrl-C, progress, pipes). */
export async function runToEnd(run: ScenarioRun, options: RunLoopOptions = {}): Promise<Outcome> {
  const { cycleLimit = Number.POSITIVE_INFINITY, shouldStop, onSlice } = options;
  while (run.outcome === undefined) {
    if (shouldStop?.()) run.stop("interrupted");
    else {
      const outcome = run.advance(Math.min(run.machine.clock.now + SLICE_CYCLES, cycleLimit));
      if (outcome === undefined && run.machine.clock.now >= cycleLimit) run.stop("cycle-limit");
    }
    onSlice?.();
    await setImmediate();
  }
  return run.outcome;
}

/** As `runToEnd`, without giving way to anything: for tests and campaign workers. */
export function runWithoutPause(run: ScenarioRun, cycleLimit: number): Outcome {
  if (run.advance(cycleLimit) === undefined) run.stop("cycle-limit");
  return run.outcome!;
}
