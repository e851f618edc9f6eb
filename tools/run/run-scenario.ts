import type { BootPlan } from "./boot-plan.ts";
import { runWithoutPause } from "./run-loop.ts";
import type { RunResult } from "./run-result.ts";
import { type RunOptions, ScenarioRun } from "./scenario-run.ts";

/**
 * Boots a plan and runs it to its end, or to the clock `cycleLimit`, in one go: the whole experiment as one call.
 * @throws InputError as `ScenarioRun`.
 */
export function runScenario(plan: BootPlan, cycleLimit: number, options: RunOptions = {}): RunResult {
  const run = new ScenarioRun(plan, options);
  runWithoutPause(run, cycleLimit);
  return run.result();
}
