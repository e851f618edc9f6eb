/** Runs the experiments of a campaign one after the other on one machine. */
import { type Machine, PAGE_BYTES, type Snapshot } from "../../emulator/index.ts";
import { defaultCycleLimit, type Experiment, judge } from "../faults/experiment.ts";
import { type GoldenRun, snapshotBefore } from "../faults/golden-run.ts";
import { type ExperimentOutcome, type OutcomeAxes, withClass } from "../faults/outcome.ts";
import { propagate } from "../propagate/propagation.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import type { InjectionReport, RunResult } from "../run/run-result.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { type DeadWord, deadDifference, sameState } from "./convergence.ts";
import { describePoint } from "./draw-rows.ts";
import { type FaultSpace, type SpaceModel, type SpacePoint, victimOf } from "./fault-space.ts";
import { isDead } from "./last-uses.ts";
import { activationOf } from "./point-axes.ts";
import type { ClassUse } from "./pruning.ts";
import type { Row } from "./row.ts";

export interface RunnerOptions {
  /** Default true. */
  readonly earlyStop?: boolean;
  /** Default false: tracks every wrong word. */
  readonly observe?: boolean;
  /** `LastUses.counts` of the golden run: experiments also end when all that is wrong is dead. */
  readonly lastUses?: Uint16Array;
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
  readonly #observe: boolean;
  readonly #lastUses: Uint16Array | undefined;
  #run: ScenarioRun;
  /** Physical address of the word that was struck, if it was in memory. */
  #struck: number | undefined;

  constructor(golden: GoldenRun, { model }: Pick<FaultSpace, "model">, options: RunnerOptions = {}) {
    this.golden = golden;
    this.#model = model;
    this.cycleLimit = options.cycleLimit ?? defaultCycleLimit(golden);
    this.#earlyStop = options.earlyStop ?? true;
    this.#observe = options.observe ?? false;
    this.#lastUses = options.lastUses;
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
    const dead = this.#earlyStop ? this.#runUntilKnown(struck.cycle) : undefined;
    if (dead === undefined) runWithoutPause(run, this.cycleLimit);
    const simulated = run.machine.instructions - began;
    if (dead !== undefined) {
      // The rest is the golden run's: what it ended with is what this one would have ended with, but for the dead words.
      const { injections } = run.snapshot();
      run.restore({ ...this.golden.end, injections }, []);
      for (const { physical, value } of dead) run.machine.memory.write32(physical, value);
    }
    const judged = this.#judge(point, use);
    const { result } = judged;
    const outcome = this.#observe ? this.#observed(judged.outcome, struck) : judged.outcome;
    const injection = result.injections[0]!;
    const detection = detectionLatency(result, injection, point.cycle);
    return {
      ...describePoint(index, point),
      outcome,
      injection: describeInjection(injection),
      ...(detection === undefined ? {} : { detection }),
      cycles: result.cycles,
      instructions: result.instructions,
      stop: dead === undefined ? "end" : dead.length === 0 ? "converged" : "dead",
      simulated,
    };
  }

  #judge(point: SpacePoint, use: ClassUse | undefined): Experiment {
    const { golden } = this;
    const run = this.#run;
    const victim = victimOf(point.region);
    const activation = activationOf(point, this.#model, use);
    return judge(golden, run, victim, { activation });
  }

  /** The same outcome with what only a tracker of every wrong word knows; unchanged if it had to give up. */
  #observed(outcome: ExperimentOutcome, { fault }: SpacePoint): ExperimentOutcome {
    const { ended, experiment } = propagate(this.golden, fault, { cycleLimit: this.cycleLimit });
    if (ended === "given-up" || ended === "not-applied") return outcome;
    const { activation, containment, breach } = experiment.outcome;
    return withClass({ ...outcome, activation, containment, breach });
  }

  /**
   * Looks at the golden snapshots after the trigger: the first few, then twice as far each time. Gives the dead words that
   * are wrong for ever when the rest of the run is known; undefined means only that the run has to go on.
   */
  #runUntilKnown(trigger: number): readonly DeadWord[] | undefined {
    const run = this.#run;
    const { snapshots } = this.golden;
    const { machine } = run;
    this.#struck = undefined;
    let next = snapshots.findIndex(({ cycle }) => cycle > trigger);
    for (let step = 1; next >= 0 && next < snapshots.length; next += step, step = looks(step)) {
      const { snapshot, cycle } = snapshots[next]!;
      if (run.advance(cycle) !== undefined) return undefined;
      if (run.faultsActive || machine.cycles !== cycle) continue;
      if (machine.instructions !== snapshot.machine.instructions) continue;
      if (!this.#wordMayDo(snapshot.machine, next)) continue;
      const dead = this.#difference(snapshot.machine, next);
      if (dead !== undefined) return dead;
    }
    return undefined;
  }

  #difference(golden: Snapshot, number: number): readonly DeadWord[] | undefined {
    const now = this.#run.snapshot().machine;
    if (this.#lastUses !== undefined) return deadDifference(now, golden, number, this.#lastUses);
    return sameState(now, golden) ? [] : undefined;
  }

  /** Whether the struck word is healed or dead: cheap, and most whose future is not known fail here. */
  #wordMayDo(golden: Snapshot, number: number): boolean {
    const struck = this.#struck;
    if (struck === undefined || sameWord(this.#run.machine, golden, struck)) return true;
    return this.#lastUses !== undefined && isDead(this.#lastUses, struck, number);
  }
}

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
