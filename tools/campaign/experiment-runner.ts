/** Runs the experiments of a campaign one after the other on one machine. */
import { type Machine, PAGE_BYTES, type Snapshot } from "../../emulator/index.ts";
import { defaultCycleLimit, judge } from "../faults/experiment.ts";
import { type GoldenRun, snapshotBefore } from "../faults/golden-run.ts";
import { type OutcomeAxes, withClass } from "../faults/outcome.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import type { InjectionReport, RunResult } from "../run/run-result.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { sameState } from "./convergence.ts";
import { describePoint } from "./draw-rows.ts";
import { type FaultSpace, type SpaceModel, type SpacePoint, victimOf } from "./fault-space.ts";
import { activationOf } from "./point-axes.ts";
import type { ClassUse } from "./pruning.ts";
import type { Row } from "./row.ts";

export interface RunnerOptions {
  /** Default true. A fault that lasts is never over: then it does nothing. */
  readonly earlyStop?: boolean;
  /** Default false: tracks every wrong word. */
  readonly observe?: boolean;
  /** Clock at which an experiment is given up as hung. */
  readonly cycleLimit?: number;
}

/** What was not run: nothing is known of it. */
const NO_EXPERIMENT: OutcomeAxes = {
  activation: "not-applied",
  replicaEffect: "none",
  vote: "unknown",
  containment: "unobserved",
  recovery: "not-needed",
  ending: "interrupted",
  service: "unfinished",
  breach: false,
  residue: false,
};

export class ExperimentRunner {
  readonly golden: GoldenRun;
  readonly cycleLimit: number;
  readonly #model: SpaceModel;
  readonly #earlyStop: boolean;
  #run: ScenarioRun;
  /** Physical address of the word that was struck, if it was in memory. */
  #struck: number | undefined;

  constructor(golden: GoldenRun, { model }: Pick<FaultSpace, "model">, options: RunnerOptions = {}) {
    this.golden = golden;
    this.#model = model;
    this.cycleLimit = options.cycleLimit ?? defaultCycleLimit(golden);
    this.#earlyStop = (options.earlyStop ?? true) && model.kind === "flip";
    this.#run = this.#newRun();
  }

  /**
   * Never throws for what a fault does: a failure of the tool itself is a row of class TOOL_ERROR.
   * @param point what the row is about.
   * @param struck what is really struck, if that is another member of the point's def/use class.
   * @param use what becomes of the bit first, if that is known.
   */
  run(index: number, point: SpacePoint, struck = point, use?: ClassUse): Row {
    try {
      return this.#experiment(index, point, struck, use);
    } catch (error) {
      // Whatever broke may have left the machine in pieces.
      this.#run = this.#newRun();
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return {
        ...describePoint(index, point),
        outcome: withClass(NO_EXPERIMENT),
        injection: { reason: "the tool failed" },
        cycles: 0,
        instructions: 0,
        stop: "error",
        simulated: 0,
        error: text.slice(0, 500),
      };
    }
  }

  #newRun(): ScenarioRun {
    const { plan, timing } = this.golden;
    return new ScenarioRun(plan, {
      ...(timing === undefined ? {} : { timing }),
      onInjection: ({ location }) => {
        const physical = /^(?:physical|trap frame at) 0x([0-9a-f]+)$/.exec(location ?? "")?.[1];
        this.#struck = physical === undefined ? undefined : Number.parseInt(physical, 16);
      },
    });
  }

  #experiment(index: number, point: SpacePoint, struck: SpacePoint, use: ClassUse | undefined): Row {
    const run = this.#run;
    const { snapshot } = snapshotBefore(this.golden, struck.fault);
    run.restore(snapshot, [struck.fault]);
    const began = run.machine.instructions;
    const converged = this.#earlyStop && this.#runUntilConverged(struck.cycle);
    if (!converged) runWithoutPause(run, this.cycleLimit);
    const simulated = run.machine.instructions - began;
    if (converged) {
      // The rest is the golden run's: what it ended with is what this one would have ended with.
      const { injections } = run.snapshot();
      run.restore({ ...this.golden.end, injections, pending: [] });
    }
    const activation = activationOf(point, this.#model, use);
    const { outcome, result } = judge(this.golden, run, victimOf(point.region), { activation });
    const injection = result.injections[0]!;
    const detection = detectionLatency(result, injection, point.cycle);
    return {
      ...describePoint(index, point),
      outcome,
      injection: describeInjection(injection),
      ...(detection === undefined ? {} : { detection }),
      cycles: result.cycles,
      instructions: result.instructions,
      stop: converged ? "converged" : "end",
      simulated,
    };
  }

  /**
   * Looks at the golden snapshots after the trigger: the first few, then twice as far each time. False means only that
   * the run has to go on.
   */
  #runUntilConverged(trigger: number): boolean {
    const run = this.#run;
    const { snapshots } = this.golden;
    const { machine } = run;
    this.#struck = undefined;
    let next = snapshots.findIndex(({ cycle }) => cycle > trigger);
    for (let step = 1; next >= 0 && next < snapshots.length; next += step, step = looks(step)) {
      const { snapshot, cycle } = snapshots[next]!;
      if (run.advance(cycle) !== undefined) return false;
      if (machine.cycles !== cycle || machine.instructions !== snapshot.machine.instructions) continue;
      if (this.#struck !== undefined && !sameWord(machine, snapshot.machine, this.#struck)) continue;
      if (sameState(run.snapshot().machine, snapshot.machine)) return true;
    }
    return false;
  }
}

/** Whether the struck word is healed: cheap, and most that do not converge fail here. */
function sameWord({ memory }: Machine, { ram }: Snapshot, physical: number): boolean {
  const page = ram[Math.floor(physical / PAGE_BYTES)]!;
  for (let i = 0; i < 4; i++) if (memory.read8(physical + i) !== page[(physical % PAGE_BYTES) + i]) return false;
  return true;
}

/** Distance to the next look, in snapshots. */
function looks(step: number): number {
  return Math.min(16, step * 2);
}

function describeInjection({ applied, reason, cycle, location, before, after }: InjectionReport): Row["injection"] {
  if (!applied) return { reason: reason ?? "unknown" };
  return { cycle: cycle!, location: location!, before: before!, after: after! };
}

function detectionLatency({ votes }: RunResult, injection: InjectionReport, trigger: number): number | undefined {
  if (!injection.applied) return undefined;
  const named = (votes?.votes ?? []).find(
    ({ cycle, dissenting, late, trapped }) =>
      cycle >= injection.cycle! && dissenting.length + late.length + trapped.length > 0,
  );
  return named === undefined ? undefined : named.cycle - trigger;
}
