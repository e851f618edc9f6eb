/** The run without a fault, kept with snapshots on the way, so that experiments begin near their trigger. */
import { PAGE_BYTES } from "../../emulator/index.ts";
import type { Owner } from "../../kernel/index.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import type { RunResult } from "../run/run-result.ts";
import { type RunSnapshot, ScenarioRun } from "../run/scenario-run.ts";
import { type Fault, targetComponent } from "./fault.ts";

export interface GoldenOptions {
  readonly timing?: "simple" | "p5";
  /** Snapshots on the way, the first at clock 0. Default 24. */
  readonly snapshots?: number;
  /** Clock at which a golden run that does not end is given up. Default 20 thousand million. */
  readonly cycleLimit?: number;
}

export interface GoldenSnapshot {
  readonly snapshot: RunSnapshot;
  readonly cycle: number;
  /** User instructions that each component had retired, by name; of the machine under the name "". */
  readonly instructions: ReadonlyMap<string, number>;
}

export interface GoldenRun {
  readonly plan: BootPlan;
  readonly timing: "simple" | "p5" | undefined;
  readonly result: RunResult;
  /** Ascending. */
  readonly snapshots: readonly GoldenSnapshot[];
  readonly end: RunSnapshot;
  /** Registers of each component's thread at the end, by name. */
  readonly endRegisters: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Owner of each page of RAM at the end. */
  readonly endOwners: readonly Owner[];
  /** Space of each component at the end, by name. */
  readonly endSpaces: ReadonlyMap<string, number>;
}

/** Runs a plan without faults, twice: once for its length, once for snapshots at even distances. */
export function recordGolden(plan: BootPlan, options: GoldenOptions = {}): GoldenRun {
  const { timing, snapshots: count = 24, cycleLimit = 20e9 } = options;
  const runOptions = timing === undefined ? {} : { timing };
  const scout = new ScenarioRun(plan, runOptions);
  runWithoutPause(scout, cycleLimit);
  const length = scout.machine.cycles;

  const run = new ScenarioRun(plan, runOptions);
  const snapshots: GoldenSnapshot[] = [];
  for (let i = 0; i < count; i++) {
    run.advance(Math.floor((length * i) / count));
    const instructions = new Map<string, number>([["", run.machine.instructions]]);
    for (const { name, threadNumber } of plan.components)
      instructions.set(name, run.kernel.thread(threadNumber)?.userInstructions ?? 0);
    snapshots.push({ snapshot: run.snapshot(), cycle: run.machine.cycles, instructions });
  }
  runWithoutPause(run, cycleLimit);
  const { kernel, machine } = run;
  const threads = plan.components.map(({ name, threadNumber }) => ({ name, thread: kernel.thread(threadNumber) }));
  return {
    plan,
    timing,
    result: run.result(),
    snapshots,
    end: run.snapshot(),
    endRegisters: new Map(threads.flatMap(({ name, thread }) => (thread ? [[name, thread.registers] as const] : []))),
    endSpaces: new Map(threads.flatMap(({ name, thread }) => (thread ? [[name, thread.space] as const] : []))),
    endOwners: Array.from({ length: machine.memory.pageCount }, (_, page) => kernel.owner(page * PAGE_BYTES)),
  };
}

/** The last snapshot that is surely before the fault's trigger; what is counted from the start needs the first one. */
export function snapshotBefore(golden: GoldenRun, fault: Fault): GoldenSnapshot {
  const { trigger, target } = fault;
  const component = targetComponent(target) ?? "";
  const early = golden.snapshots.filter(({ cycle, instructions }) =>
    "cycle" in trigger
      ? cycle <= trigger.cycle
      : "instruction" in trigger && (instructions.get(component) ?? 0) < trigger.instruction,
  );
  return early.at(-1) ?? golden.snapshots[0]!;
}
