/**
 * The propagation of one fault: a golden and a faulty machine from the same snapshot on, in slices, compared by the tracker
 * at equal progress and by pages at equal cycle, until they are one again or the run has ended.
 */
import type { Snapshot } from "../../emulator/index.ts";
import { defaultCycleLimit, type Experiment, judge } from "../faults/experiment.ts";
import type { Fault } from "../faults/fault.ts";
import { type GoldenRun, snapshotBefore } from "../faults/golden-run.ts";
import type { StuckBits } from "../faults/injector.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { type Activation, ActivationWatch } from "./activation.ts";
import {
  type Corruption,
  type CorruptionSet,
  type HeldBits,
  type Place,
  registerPlace,
  TRACKED_REGISTERS,
} from "./corruption.ts";
import { compareAtEqualCycle, type EqualCycleDifference, isReconverged } from "./equal-cycle.ts";
import { OwnerNames, type PlaceName } from "./owner-names.ts";
import { StepLog } from "./step-log.ts";
import type { Parting } from "./thread-track.ts";
import { Tracker } from "./tracker.ts";

export interface PropagationOptions {
  /** Clocks between two comparisons at equal cycle. Default: 10,000 at first, then a twentieth of the time since the injection. */
  readonly interval?: number;
  /** Clock at which the faulty run is given up. */
  readonly cycleLimit?: number;
  /** Corruptions after which the tracker gives up. Default 2 million. */
  readonly largestHistory?: number;
  /** Called between slices with the faulty machine's clock; true gives up. */
  readonly onSlice?: (cycle: number) => boolean;
  /** Further clocks at which to compare at equal cycle, ascending. */
  readonly sampleAt?: readonly number[];
  /** Called at each comparison at equal cycle with the clock that was asked for. */
  readonly onSample?: (cycle: number, difference: EqualCycleDifference) => void;
}

/** Wrong words at one clock, both machines at the same one. */
export interface EqualCycleSample {
  readonly cycle: number;
  readonly memory: number;
  readonly state: number;
  readonly devices: number;
}

/** A thread against its golden self. */
export interface ThreadShift {
  readonly thread: number;
  readonly name: string;
  /** Clocks by which it was later at the last compared step, and at most (negative: earlier). */
  readonly lastShift: number;
  readonly largestShift: number;
  /** User instructions that it retired since the injection, and how many of them more than its golden self. */
  readonly instructions: number;
  readonly extraInstructions: number;
}

export type EndOfTracking = "reconverged" | "ended" | "given-up" | "not-applied";

export interface Propagation {
  readonly experiment: Experiment;
  readonly injectionCycle: number;
  readonly endCycle: number;
  readonly ended: EndOfTracking;
  readonly activation: Activation;
  readonly history: readonly Corruption[];
  /** By corruption id. */
  readonly names: readonly PlaceName[];
  readonly set: CorruptionSet;
  readonly partings: readonly Parting[];
  readonly shifts: readonly ThreadShift[];
  readonly lockstepEnd: number | undefined;
  readonly samples: readonly EqualCycleSample[];
  readonly owners: OwnerNames;
}

export function propagate(golden: GoldenRun, fault: Fault, options: PropagationOptions = {}): Propagation {
  return new PropagationRun(golden, fault, options).run();
}

class PropagationRun {
  private readonly faulty: ScenarioRun;
  private readonly good: ScenarioRun;
  private readonly cycleLimit: number;
  private readonly samples: EqualCycleSample[] = [];
  /** Clocks at which a comparison is still to be made, and golden snapshots taken there by a machine that has gone ahead. */
  private readonly wanted: number[];
  private readonly ahead = new Map<number, Snapshot>();
  /** The last clock that the golden machine was to come to. */
  private goodAsked = 0;

  constructor(
    private readonly golden: GoldenRun,
    private readonly fault: Fault,
    private readonly options: PropagationOptions,
  ) {
    const timing = golden.timing === undefined ? {} : { timing: golden.timing };
    this.faulty = new ScenarioRun(golden.plan, timing);
    this.good = new ScenarioRun(golden.plan, timing);
    this.cycleLimit = options.cycleLimit ?? defaultCycleLimit(golden);
    this.wanted = [...(options.sampleAt ?? [])];
  }

  run(): Propagation {
    const { faulty, good, fault, golden } = this;
    faulty.restore(snapshotBefore(golden, fault).snapshot, [fault]);
    const due = faulty.advanceToFault(this.cycleLimit);
    const before = faulty.snapshot();
    good.restore(before, []);
    const injectionCycle = faulty.machine.cycles;
    if (due) faulty.advance(injectionCycle);
    const applied = faulty.snapshot();
    const places = struckPlaces(before.machine, applied.machine, good, faulty);
    const held = heldBits(faulty.stuck);
    const watched = new Map([...places, ...held.map(({ place, bits }) => [place, bits] as const)]);
    const activation = new ActivationWatch(faulty, fault, watched, injectionCycle);
    const logs = { golden: new StepLog(good.machine, good.kernel), faulty: new StepLog(faulty.machine, faulty.kernel) };
    const memory = { golden: flatten(before.machine), faulty: flatten(applied.machine) };
    const tracker = new Tracker(logs.golden, logs.faulty, faulty.kernel, memory.golden, memory.faulty);
    tracker.set.held = held;
    const names = new OwnerNames(faulty);
    const named: PlaceName[] = [];
    tracker.onFaultyRecord = (words, at) => activation.see(words, at);
    this.strike(tracker, places, injectionCycle);
    const nameNew = (): void => {
      const { history } = tracker.set;
      while (named.length < history.length) named.push(names.name(history[named.length]!.place));
    };
    nameNew();
    const struck = faulty.injections.at(-1)?.applied === true;
    const ended = struck ? this.follow(tracker, nameNew) : "not-applied";
    tracker.finish();
    nameNew();
    logs.golden.stop();
    logs.faulty.stop();
    activation.stop();
    const end = faulty.machine.cycles;
    // Once the machines are one again, the faulty run's rest is the golden one's.
    if (ended === "reconverged" || ended === "not-applied") runWithoutPause(faulty, this.cycleLimit);
    const victim = this.victim(tracker.set.history[0], named);
    const observed = observe(tracker, names, named, activation.result, victim, ended);
    return {
      experiment: judge(golden, faulty, victim, ended === "not-applied" ? {} : observed),
      injectionCycle,
      endCycle: end,
      ended,
      activation: activation.result,
      history: tracker.set.history,
      names: named,
      set: tracker.set,
      partings: tracker.partings,
      shifts: [...tracker.threads].map((track) => ({
        thread: track.thread,
        name: names.threadName(track.thread),
        lastShift: track.shift,
        largestShift: track.largestShift,
        instructions: track.progress,
        extraInstructions: track.progress - track.goldenProgress,
      })),
      lockstepEnd: tracker.lockstepEnd,
      samples: this.samples,
      owners: names,
    };
  }

  /** The struck component: the target's, or the one that owns the struck word. What only the CPU has (CR3, a TLB entry) is nobody's. */
  private victim(first: Corruption | undefined, named: readonly PlaceName[]): string | undefined {
    const { target } = this.fault;
    if ("component" in target) return target.component;
    return first?.writer.kind === "fault" ? named[0]?.component : undefined;
  }

  private strike(tracker: Tracker, places: ReadonlyMap<Place, number>, cycle: number): void {
    for (const [place, difference] of places) {
      const register = place < 0 ? this.registerValues(place) : undefined;
      const golden = register?.golden ?? tracker.goldenMemory[place >>> 2]! >>> 0;
      const writer = { kind: "fault", thread: 0, eip: 0, vector: -1 } as const;
      const faulty = register?.faulty ?? (golden ^ difference) >>> 0;
      tracker.set.add({ place, cycle, progress: 0, golden, faulty, writer, sources: [] }, "fault");
      if (place < 0) {
        const index = (-place - 1) & 15;
        if (index <= 8) tracker.track((-place - 1) >> 4).wrongRegisters |= 1 << index;
      }
    }
  }

  private registerValues(place: Place): { golden: number; faulty: number } {
    const thread = (-place - 1) >> 4;
    const name = TRACKED_REGISTERS[(-place - 1) & 15]!;
    return {
      golden: this.good.kernel.thread(thread)!.registers[name] >>> 0,
      faulty: this.faulty.kernel.thread(thread)!.registers[name] >>> 0,
    };
  }

  private follow(tracker: Tracker, nameNew: () => void): EndOfTracking {
    const { faulty, good, options, cycleLimit } = this;
    const largest = options.largestHistory ?? 2_000_000;
    const started = faulty.machine.cycles;
    let regular = started;
    while (faulty.outcome === undefined) {
      const interval = options.interval ?? Math.min(LONGEST_SLICE, Math.max(10_000, (regular - started) / 20));
      const now = faulty.machine.cycles;
      if (regular <= now) regular = now + Math.floor(interval);
      const target = Math.min(regular, this.wanted[0] ?? regular);
      if (target > cycleLimit + interval) {
        faulty.stop("cycle-limit");
        break;
      }
      faulty.advance(target);
      this.advanceGood(target);
      while (tracker.process(good.outcome !== undefined) && good.outcome === undefined) {
        if (this.isAt(target)) this.ahead.set(target, good.machine.snapshot());
        this.advanceGood(good.machine.cycles + interval, target);
      }
      nameNew();
      // Bits that are stuck can part the machines again.
      if (faulty.outcome === undefined && this.sample(target) && !faulty.faultsActive) return "reconverged";
      if (tracker.set.history.length > largest || options.onSlice?.(faulty.machine.cycles)) {
        faulty.stop("interrupted");
        return "given-up";
      }
    }
    while (good.outcome === undefined && good.machine.cycles < cycleLimit) {
      good.advance(good.machine.cycles + LONGEST_SLICE);
      tracker.process(good.outcome !== undefined);
    }
    tracker.process(true);
    nameNew();
    return "ended";
  }

  /** Lets the golden machine run to a clock; on its way snapshots are kept where comparisons are wanted later than `now`. */
  private advanceGood(cycle: number, now = cycle): void {
    const { good, ahead } = this;
    for (const at of this.wanted) {
      // Where it has stopped at or after an earlier clock may be the first boundary after this one too.
      if (at <= now || at > Math.max(cycle, good.machine.cycles) || at <= this.goodAsked) continue;
      this.goodAsked = at;
      if (good.advance(at) === undefined) ahead.set(at, good.machine.snapshot());
    }
    if (cycle <= this.goodAsked) return;
    this.goodAsked = cycle;
    good.advance(cycle);
  }

  /** Whether the golden machine stands at its first instruction boundary at or after a clock, and has not ended. */
  private isAt(cycle: number): boolean {
    return this.good.outcome === undefined && this.goodAsked === cycle;
  }

  /** Compares the machines at equal cycle where that can be done. True: they are one again. */
  private sample(cycle: number): boolean {
    const { faulty, good, wanted, ahead } = this;
    const asked = wanted[0] === cycle;
    if (asked) wanted.shift();
    const golden = ahead.get(cycle) ?? (this.isAt(cycle) ? good.machine.snapshot() : undefined);
    ahead.delete(cycle);
    if (golden === undefined) return false;
    const found = compareAtEqualCycle(golden, faulty.machine.snapshot());
    if (asked) this.options.onSample?.(cycle, found);
    const { memory, state, devices } = found;
    this.samples.push({
      cycle: faulty.machine.cycles,
      memory: memory.length,
      state: state.length,
      devices: devices.length,
    });
    return isReconverged(found);
  }
}

/** What is logged in a slice is kept in memory. */
const LONGEST_SLICE = 200_000;

/** Places that the injection changed, with the bits that differ. */
function struckPlaces(before: Snapshot, after: Snapshot, good: ScenarioRun, faulty: ScenarioRun): Map<Place, number> {
  const places = new Map<Place, number>();
  const golden = new Map(good.kernel.threads().map((thread) => [thread.threadNo, thread]));
  for (const { threadNo, registers } of faulty.kernel.threads()) {
    const other = golden.get(threadNo);
    if (other === undefined) continue;
    TRACKED_REGISTERS.forEach((name, index) => {
      const difference = registers[name] ^ other.registers[name];
      if (difference !== 0) places.set(registerPlace(threadNo, index), difference);
    });
  }
  for (const address of compareAtEqualCycle(before, after).memory) {
    const page = address >>> 12;
    const word = (snapshot: Snapshot): number => {
      const bytes = snapshot.ram[page]!;
      return new DataView(bytes.buffer, bytes.byteOffset).getInt32(address & 4095, true);
    };
    places.set(address, word(before) ^ word(after));
  }
  return places;
}

/** Stuck bits as places that are tracked. */
function heldBits(stuck: readonly StuckBits[]): HeldBits[] {
  return stuck.flatMap(({ site, zeros, ones, until = Number.POSITIVE_INFINITY }) => {
    const mask = zeros | ones;
    if (site.kind === "register") {
      const place = registerPlace(site.thread, TRACKED_REGISTERS.indexOf(site.register));
      return [{ place, bits: mask, until }];
    }
    if (site.kind !== "memory") return [];
    return site.bytes
      .map((physical, i) => ({
        place: physical & ~3,
        bits: ((mask >>> (8 * i)) & 0xff) << (8 * (physical & 3)),
        until,
      }))
      .filter(({ bits }) => bits !== 0);
  });
}

/** RAM of a snapshot as one array of words. */
function flatten({ ram }: Snapshot): Int32Array {
  const bytes = new Uint8Array(ram.length * 4096);
  ram.forEach((page, i) => {
    bytes.set(page, i * 4096);
  });
  return new Int32Array(bytes.buffer);
}

/** A thread's registers in its TCB, while another runs, are registers still. */
const SAVED_REGISTER = /^tcb \d+ (?:e[abcd]x|e[sb]p|e[sd]i|eip|eflags)$/;

/** The axes that only an observer knows. */
function observe(
  { set }: Tracker,
  owners: OwnerNames,
  names: readonly PlaceName[],
  activation: Activation,
  victim: string | undefined,
  ended: EndOfTracking,
) {
  const own = names.filter((_, id) => set.history[id]!.root === "fault");
  const foreign = own.filter(({ component }) => component !== undefined && component !== victim);
  const reached = (test: (name: PlaceName) => boolean): boolean => own.some(test);
  const breach = set.history.some(({ root, writer, place }, id) => {
    const { kind, spaces } = names[id]!;
    if (root !== "fault" || place < 0 || (writer.kind !== "instruction" && writer.kind !== "other-path")) return false;
    // What a program writes itself must be memory that its space has been given.
    return kind === "kernel" || kind === "page-table" || !spaces.includes(owners.spaceOf(writer.thread));
  });
  const containment = foreign.some(({ area }) => area !== "UTCB" && area !== "registers")
    ? "other-space"
    : reached(({ kind, symbol }) => kind === "page-table" || (kind === "kernel" && !SAVED_REGISTER.test(symbol)))
      ? "kernel-state"
      : foreign.length > 0
        ? "ipc-message"
        : reached(({ area }) => area === "UTCB")
          ? "own-utcb"
          : reached(({ kind, area }) => kind === "user" && area !== "stack")
            ? "own-space"
            : reached(({ area }) => area === "stack")
              ? "own-stack"
              : reached(({ kind }) => kind === "register")
                ? "registers"
                : "none";
  const residue = ended !== "reconverged" && [...set.current()].some(({ root }) => root === "fault");
  return { activation: activation.kind, containment, breach, residue } as const;
}
