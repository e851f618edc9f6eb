/**
 * A machine's history, to be walked both ways.
 *
 * Forwards, the machine runs and leaves snapshots behind; backwards, the nearest earlier snapshot is restored and the
 * machine runs again, which gives the same states to the last bit, because nothing from outside reaches it except
 * *edits* (memory and registers changed by a person, injected faults), and those are written down with their position and
 * made again. An edit in the past begins a new future: what was recorded after it is forgotten.
 *
 * Spacing: a snapshot is due when running again from the last one would take `TARGET_MILLISECONDS` at the speed at which
 * the machine ran lately. Host time decides where snapshots lie, never what they hold.
 */
import type { Machine, RunLimits, StopReason } from "../../../emulator/machine.ts";
import type { Snapshot } from "../../../emulator/snapshot.ts";
import { type CheckpointLimits, CheckpointStore } from "./checkpoint-store.ts";
import { comparePositions, type Position } from "./position.ts";

/** Host time that running from one snapshot to the next should take; a step back makes up to three such runs. */
const TARGET_MILLISECONDS = 6;
const MINIMUM_SPACING_CYCLES = 20_000;
const MAXIMUM_SPACING_CYCLES = 100_000_000;

const DEFAULT_CHECKPOINT_LIMITS: CheckpointLimits = { bytes: 256 << 20, count: 400 };

/** A position that history does not have, or no longer. */
export class HistoryError extends RangeError {
  override readonly name = "HistoryError";
}

/** A change from outside, made again whenever history passes it. */
export interface Edit {
  readonly position: Position;
  /** For people: "replica-2:eax:flip:3", "memory 0x0804a010". */
  readonly description: string;
  readonly apply: () => void;
  /** Whatever the maker wants to know it by. */
  readonly source?: unknown;
}

/** State beside the machine's that belongs to a position: saved with every snapshot, and put back with it. */
export interface Companion {
  save(): unknown;
  load(state: unknown): void;
}

interface TimelineSnapshot {
  readonly machine: Snapshot;
  readonly companion: unknown;
  readonly ram: Snapshot["ram"];
  readonly state: Snapshot["state"];
}

export interface TimelineStatistics {
  readonly checkpoints: number;
  readonly checkpointBytes: number;
  readonly spacingCycles: number;
}

export class Timeline {
  private readonly store: CheckpointStore<TimelineSnapshot>;
  private companion: Companion | undefined;
  private readonly edits: Edit[] = [];
  private applied = 0;
  private spacing = 500_000;
  /** The furthest position of this history that has been reached. */
  private end: Position;
  /** Told around each edit, for observers that must tell edits from the machine's own writes. */
  onEdit: ((edit: Edit, phase: "before" | "after") => void) | undefined;
  /** Asked after edits on the way: true makes `advance` return. */
  stopAfterEdit: () => boolean = () => false;

  constructor(
    readonly machine: Machine,
    limits: CheckpointLimits = DEFAULT_CHECKPOINT_LIMITS,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.store = new CheckpointStore(limits);
    this.end = this.position;
    this.checkpoint();
  }

  /** Gives the machine a companion, at the beginning of history. */
  accompany(companion: Companion): void {
    this.companion = companion;
    this.beginHere();
  }

  /** Goes through all of history again, from its beginning to here, for a companion that has to see it. */
  repeat(): void {
    const here = this.position;
    this.restore(this.start);
    this.beginHere();
    this.seek(here);
  }

  get position(): Position {
    const { instructions, cycles } = this.machine;
    return { instructions, cycle: cycles, edits: this.applied };
  }

  /** The earliest position that can be reached. */
  get start(): Position {
    return this.store.positions()[0] as Position;
  }

  /** The furthest position reached in this history; beyond it everything is new. */
  get horizon(): Position {
    return this.end;
  }

  get statistics(): TimelineStatistics {
    return { checkpoints: this.store.count, checkpointBytes: this.store.bytes, spacingCycles: this.spacing };
  }

  editList(): readonly Edit[] {
    return this.edits;
  }

  /** The edits made before the present position. */
  appliedEdits(): readonly Edit[] {
    return this.edits.slice(0, this.applied);
  }

  /** Changes the machine here and now; a recorded future is forgotten. */
  edit(description: string, apply: () => void, source?: unknown): void {
    this.forgetFuture();
    const edit = { position: this.position, description, apply, source };
    this.edits.push(edit);
    this.makeEdit(edit);
    this.end = this.position;
  }

  /** Makes the present position the beginning of history: nobody can go back before it. */
  beginHere(): void {
    this.store.clear();
    this.checkpoint();
  }

  /** Makes the present position the end of history. */
  forgetFuture(): void {
    this.edits.length = this.applied;
    this.store.forgetAfter(this.position);
    this.end = this.position;
  }

  /** Runs on as `Machine.run` does, through edits on the way. */
  advance(limits: RunLimits = {}): StopReason {
    const { machine } = this;
    for (;;) {
      if (this.editIsDue()) {
        this.makeEditsDue();
        if (this.stopAfterEdit()) return { kind: "stopped", reason: "edit" };
      }
      if (machine.cycles >= (limits.cycle ?? Number.POSITIVE_INFINITY)) return { kind: "cycle" };
      if (machine.instructions >= (limits.instructions ?? Number.POSITIVE_INFINITY)) return { kind: "instructions" };
      const reason = this.runOnce(limits);
      // Something may have been changed after the machine had come to its end.
      if (reason.kind !== "cycle" && reason.kind !== "instructions" && !this.editIsDue()) return reason;
    }
  }

  /** As `advance`, past every stop that somebody who watches asks for. */
  runTo(limits: RunLimits): StopReason {
    for (;;) {
      const reason = this.advance(limits);
      if (reason.kind !== "stopped") return reason;
    }
  }

  /** One step of the machine (see `Machine.step`), edits at this position first. */
  step(): StopReason | undefined {
    this.makeEditsDue();
    const reason = this.machine.step();
    this.reached();
    if (this.machine.cycles >= this.checkpointDue()) this.checkpoint();
    return reason;
  }

  /** Goes to a position of this history, earlier or later; HistoryError when it was never passed. */
  seek(target: Position): void {
    this.restoreFor(target);
    this.runThrough(target);
  }

  /** Goes on to a later position of this history through everything in between, which observers then see. */
  runThrough(target: Position): void {
    while (comparePositions(this.position, target) < 0) {
      const limits = towards(this.position, target);
      if (this.editIsDue() || (limits.cycle === undefined && limits.instructions === undefined)) {
        this.makeNextEdit();
        continue;
      }
      const { kind } = this.runOnce(limits);
      const goesOn = kind === "cycle" || kind === "instructions" || kind === "stopped";
      if (!goesOn && !this.editIsDue() && comparePositions(this.position, target) < 0) {
        throw new HistoryError(`history ends before ${format(target)}`);
      }
    }
    if (comparePositions(this.position, target) !== 0)
      throw new HistoryError(`${format(target)} is not in this history`);
  }

  /** Goes to the first boundary with that many retired instructions, behind the edits made there. */
  seekInstructions(instructions: number): void {
    this.restoreFor({ instructions, cycle: Number.POSITIVE_INFINITY, edits: Number.POSITIVE_INFINITY }, instructions);
    this.runTo({ instructions });
  }

  /**
   * As `seekInstructions` to here: the machine was stopped by an observer behind the fetch of an instruction, which may have
   * cost clocks. That is no boundary that could be come back to.
   */
  beforeFetch(): void {
    const { instructions } = this.machine;
    this.seekInstructions(instructions);
    if (this.end.instructions === instructions) this.end = this.position;
  }

  /** Goes to the first boundary at or after a cycle. Returns why when the machine ended before it. */
  seekCycle(cycle: number): StopReason | undefined {
    if (cycle < this.machine.cycles || this.latestBefore(cycle).cycle > this.machine.cycles) {
      this.restore(this.latestBefore(cycle));
    }
    if (this.machine.cycles >= cycle) return undefined;
    const reason = this.runTo({ cycle });
    return reason.kind === "cycle" ? undefined : reason;
  }

  private latestBefore(cycle: number): Position {
    const earlier = this.store.positions().filter((position) => position.cycle <= cycle);
    return earlier.at(-1) ?? this.start;
  }

  /** Restores the nearest snapshot unless going on from here is at least as near. */
  private restoreFor(target: Position, instructions?: number): void {
    const here = this.position;
    const wanted = instructions === undefined ? target : { instructions, cycle: 0, edits: 0 };
    const checkpoint = this.store.atOrBefore(wanted)?.position ?? this.start;
    const reachable = comparePositions(here, wanted) <= 0;
    if (!reachable || comparePositions(here, checkpoint) < 0) this.restore(checkpoint);
  }

  private restore(position: Position): void {
    const checkpoint = this.store.atOrBefore(position);
    if (checkpoint === undefined) throw new HistoryError(`no snapshot at or before ${format(position)}`);
    this.machine.restore(checkpoint.snapshot.machine);
    this.applied = checkpoint.position.edits;
    this.companion?.load(checkpoint.snapshot.companion);
  }

  /** One run of the machine within limits that also ends at the next edit and at the next snapshot. */
  private runOnce(limits: RunLimits): StopReason {
    const next = this.edits[this.applied];
    const due = this.checkpointDue();
    const bounded = next === undefined ? limits : tighten(limits, towards(this.position, next.position));
    const reason = this.runMeasured(tighten(bounded, { cycle: due }));
    this.reached();
    if (this.machine.cycles >= due) this.checkpoint();
    return reason;
  }

  private editIsDue(): boolean {
    const next = this.edits[this.applied]?.position;
    return next?.instructions === this.machine.instructions && next.cycle === this.machine.cycles;
  }

  private makeEditsDue(): void {
    while (this.editIsDue()) this.makeNextEdit();
  }

  private makeNextEdit(): void {
    const next = this.edits[this.applied];
    if (next === undefined) throw new HistoryError("no edit is due here");
    this.makeEdit(next);
  }

  private makeEdit(edit: Edit): void {
    this.onEdit?.(edit, "before");
    edit.apply();
    this.applied++;
    this.onEdit?.(edit, "after");
  }

  private reached(): void {
    if (comparePositions(this.position, this.end) > 0) this.end = this.position;
  }

  /** Cycle at which the next snapshot is due on the way forward; Infinity where one follows soon anyway. */
  private checkpointDue(): number {
    const here = this.position;
    const last = this.store.atOrBefore(here)?.position.cycle ?? 0;
    const due = Math.max(last + this.spacing, here.cycle + 1);
    const next = this.store.after(here);
    return next !== undefined && next.position.cycle <= due + this.spacing / 2 ? Number.POSITIVE_INFINITY : due;
  }

  /** Leaves a snapshot here unless there is one within `instructions` before: for coming back soon. */
  keepNear(instructions: number): void {
    const last = this.store.atOrBefore(this.position)?.position.instructions ?? Number.NEGATIVE_INFINITY;
    if (this.position.instructions - last > instructions) this.checkpoint();
  }

  private checkpoint(): void {
    const machine = this.machine.snapshot();
    const { ram, state } = machine;
    this.store.add(this.position, { machine, ram, state, companion: this.companion?.save() }, this.position);
  }

  private runMeasured(limits: RunLimits): StopReason {
    const before = this.machine.instructions;
    const beforeCycles = this.machine.cycles;
    const started = this.now();
    const reason = this.machine.run(limits);
    const elapsed = this.now() - started;
    // Short runs are all overhead and say nothing about speed.
    if (elapsed > 1 && this.machine.instructions - before > 1000) {
      const wanted = ((this.machine.cycles - beforeCycles) / elapsed) * TARGET_MILLISECONDS;
      const next = this.spacing * 0.75 + wanted * 0.25;
      this.spacing = Math.min(MAXIMUM_SPACING_CYCLES, Math.max(MINIMUM_SPACING_CYCLES, Math.round(next)));
    }
    return reason;
  }
}

/**
 * Limits of a run that must not pass a boundary of known instructions and clocks. When both are ahead, whichever is
 * reached first ends the run; when only one is, that one does, at the boundary itself.
 */
function towards(here: Position, target: Position): RunLimits {
  const limits: RunLimits = {};
  if (here.instructions < target.instructions) limits.instructions = target.instructions;
  if (here.cycle < target.cycle) limits.cycle = target.cycle;
  return limits;
}

function tighten(one: RunLimits, other: RunLimits): RunLimits {
  const limits: RunLimits = {};
  const cycle = Math.min(one.cycle ?? Number.POSITIVE_INFINITY, other.cycle ?? Number.POSITIVE_INFINITY);
  const instructions = Math.min(
    one.instructions ?? Number.POSITIVE_INFINITY,
    other.instructions ?? Number.POSITIVE_INFINITY,
  );
  if (cycle !== Number.POSITIVE_INFINITY) limits.cycle = cycle;
  if (instructions !== Number.POSITIVE_INFINITY) limits.instructions = instructions;
  return limits;
}

function format(position: Position): string {
  return `instruction ${position.instructions}, cycle ${position.cycle}`;
}
