/**
 * The golden machine of a propagation. It runs no further than it is asked to: to a clock, or until a thread stands at a count
 * of its own instructions. What it has passed without recording it can be made to record again.
 */
import type { RunLimits } from "../../emulator/index.ts";
import type { RunSnapshot, ScenarioRun } from "../run/scenario-run.ts";
import type { LogOwner, LogState } from "./log-owner.ts";
import { RecordQueue } from "./records.ts";
import { StepLog } from "./step-log.ts";

/** A place to go back to. */
interface Kept {
  readonly snapshot: RunSnapshot;
  readonly log: LogState;
}

/** A thread goes on in user mode: its own count of instructions and the machine's. */
interface Resumption {
  readonly progress: number;
  readonly instructions: number;
}

/** Clocks between two places to go back to. */
const KEPT_EVERY = 300_000;
const MOST_KEPT = 128;
/** Instructions that are recorded again at once: more when those that follow are wanted too. */
const SHORTEST_REPLAY = 4_000;
const LONGEST_REPLAY = 64_000;
/** Readings of clock and ports that are kept of a thread, at least. */
const KEPT_INPUTS = 1000;

export class GoldenSide implements LogOwner {
  readonly log: StepLog;
  /** Snapshots at the clocks that were asked for, until they are fetched. */
  private readonly sampled = new Map<number, RunSnapshot>();
  private readonly samples: number[] = [];
  private kept: Kept[] = [];
  private readonly resumptions = new Map<number, Resumption[]>();
  /** What threads have read from the clock and from ports: the latest. */
  private readonly read = new Map<number, { readonly progress: number; readonly value: number }[]>();
  /** Count from which instructions of a thread were last needed. */
  private readonly demanded = new Map<number, number>();
  /** The thread to stop at when it goes on, and the one to stop at when instructions of it are recorded; 0 for none. */
  private awaited = 0;
  private pulled = 0;
  private pulledFrom = 0;
  /** Of each thread, where the latest replay ended at most, and how many instructions it had at most. */
  private readonly lastReplay = new Map<number, { readonly end: number; readonly length: number }>();
  /** Count of recorded instructions at which a replay is to stop, 0 for none. */
  private replayed = 0;
  /** Limit of the last run. */
  private limit = 0;

  constructor(readonly run: ScenarioRun) {
    this.log = new StepLog(run.machine, run.kernel, this);
    this.limit = run.machine.cycles;
    this.keep();
  }

  get cycles(): number {
    return this.run.machine.cycles;
  }

  get ended(): boolean {
    return this.run.outcome !== undefined;
  }

  // ---- told by the log ----

  take(): void {
    if (this.replayed !== 0 && this.log.recordedLast >= this.replayed) this.run.machine.stop("enough");
    if (this.pulled !== 0 && this.log.recorded(this.pulled) > this.pulledFrom) this.run.machine.stop("recorded");
  }

  resumed(thread: number, progress: number): void {
    const resumption = { progress, instructions: this.log.resumedAt };
    const list = this.resumptions.get(thread);
    if (list === undefined) this.resumptions.set(thread, [resumption]);
    else list.push(resumption);
    if (thread === this.awaited) this.run.machine.stop("resumed");
    // Recorded so far ahead that it is of no use now; it can be recorded again.
    const { log } = this;
    if (log.wants(thread) && !log.everything && progress - (this.demanded.get(thread) ?? 0) > SHORTEST_REPLAY)
      log.want(thread, false);
  }

  /** From now on instructions of a thread are to be recorded; they are needed from a count on. */
  demand(thread: number, progress: number): void {
    this.demanded.set(thread, progress);
    this.log.want(thread, true);
  }

  inputs(thread: number, progress: number, value: number): void {
    const read = this.read.get(thread);
    if (read === undefined) this.read.set(thread, [{ progress, value }]);
    else {
      read.push({ progress, value });
      if (read.length > 2 * KEPT_INPUTS) read.splice(0, KEPT_INPUTS);
    }
  }

  /** Whether a thread's instruction reads a value from the clock or a port here too; it is run that far. */
  readsToo(thread: number, progress: number, value: number): boolean {
    if (!this.reach(thread, progress + 1)) return false;
    return this.read.get(thread)?.some((input) => input.progress === progress && input.value === value) === true;
  }

  // ---- running ----

  /** A snapshot will be wanted at the first instruction boundary at or after this clock. */
  expectSample(cycle: number): void {
    this.samples.push(cycle);
    this.samples.sort((a, b) => a - b);
  }

  /** The snapshot at a clock that was expected; undefined when the machine was past it already, or ended before. */
  sampleAt(cycle: number): RunSnapshot | undefined {
    this.advance(cycle);
    const found = this.sampled.get(cycle);
    this.sampled.delete(cycle);
    return found;
  }

  /** Runs to a clock. */
  advance(cycle: number): void {
    while (!this.ended && this.cycles < cycle) this.go({ cycle });
    this.collectSamples();
  }

  /** Runs until a thread is about to execute its instruction number `progress`, or a later one. False: it never does. */
  reach(thread: number, progress: number): boolean {
    const { log, run } = this;
    while (!this.stands(thread, progress)) {
      if (this.ended) return false;
      if (log.running === thread) this.go({ instructions: run.machine.instructions + progress - log.position(thread) });
      else {
        this.awaited = thread;
        this.go({});
        this.awaited = 0;
      }
    }
    return true;
  }

  private stands(thread: number, progress: number): boolean {
    const { log } = this;
    const position = log.position(thread);
    if (position > progress || (log.running === thread && position === progress)) return true;
    return (this.resumptions.get(thread)?.at(-1)?.progress ?? -1) >= progress;
  }

  /** Runs until more instructions of a thread are recorded. False: none ever is. */
  pull(thread: number): boolean {
    const { log } = this;
    this.demand(thread, log.position(thread));
    this.pulled = thread;
    this.pulledFrom = log.recorded(thread);
    while (!this.ended && log.recorded(thread) === this.pulledFrom) this.go({});
    this.pulled = 0;
    return log.recorded(thread) !== this.pulledFrom;
  }

  /** To the end. */
  finish(cycleLimit: number): void {
    while (!this.ended && this.cycles < cycleLimit) this.go({ cycle: cycleLimit });
  }

  private go(limits: RunLimits): void {
    this.collectSamples();
    const { machine } = this.run;
    this.limit = Math.min(limits.cycle ?? Number.POSITIVE_INFINITY, this.samples[0] ?? Number.POSITIVE_INFINITY);
    const { kind } = machine.run({ ...limits, cycle: this.limit });
    // Any other reason is the end of the run, which the run must see.
    if (kind !== "cycle" && kind !== "instructions" && kind !== "stopped") this.run.advance(machine.cycles + 1);
    this.collectSamples();
    if (this.cycles - this.kept.at(-1)!.snapshot.machine.cycle > KEPT_EVERY) this.keep();
  }

  private collectSamples(): void {
    const { samples } = this;
    while (samples[0] !== undefined && samples[0] <= this.cycles) {
      const cycle = samples.shift()!;
      // With a later limit it may have passed the first boundary after that clock.
      if (cycle >= this.limit && !this.ended) this.sampled.set(cycle, this.keep());
    }
  }

  private keep(): RunSnapshot {
    const snapshot = this.run.snapshot();
    this.kept.push({ snapshot, log: this.log.saveState() });
    // The first and the latest stay; long runs get by with fewer in between.
    if (this.kept.length > MOST_KEPT) this.kept = this.kept.filter((_, i) => i % 2 === 0);
    return snapshot;
  }

  // ---- recording again ----

  /**
   * Instructions of a thread from its number `progress` on, at most up to where it stands, recorded by going back; the machine
   * is where it was afterwards.
   */
  replay(thread: number, progress: number): RecordQueue {
    const { run, log } = this;
    const { machine } = run;
    const before = last(this.resumptions.get(thread) ?? [], (resumption) => resumption.progress <= progress);
    const first = this.kept[0]!;
    const from = before ?? { progress: 0, instructions: first.snapshot.machine.instructions };
    const start = from.instructions + progress - from.progress;
    const origin = last(this.kept, ({ snapshot }) => snapshot.machine.instructions <= start)!;
    const here = { snapshot: run.snapshot(), log: log.saveState(), count: machine.instructions };

    log.detachAll();
    run.restore(origin.snapshot, []);
    if (machine.instructions < start) machine.run({ instructions: start });
    const steps = new RecordQueue(1 << 14);
    log.recordOnly(thread, progress, steps);
    const latest = this.lastReplay.get(thread);
    const goesOn = latest !== undefined && Math.abs(progress - latest.end) < latest.length;
    const length = goesOn ? Math.min(2 * latest.length, LONGEST_REPLAY) : SHORTEST_REPLAY;
    this.lastReplay.set(thread, { end: progress + length, length });
    this.replayed = log.recorded(thread) + length;
    while (machine.instructions < here.count) {
      const { kind } = machine.run({ instructions: here.count });
      if (kind !== "instructions") break;
    }
    this.replayed = 0;
    log.detachAll();
    run.restore(here.snapshot, []);
    log.attachAgain(here.log);
    return steps;
  }
}

function last<T>(list: readonly T[], test: (item: T) => boolean): T | undefined {
  for (let i = list.length - 1; i >= 0; i--) if (test(list[i]!)) return list[i];
  return undefined;
}
