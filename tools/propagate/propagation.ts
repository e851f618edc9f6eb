/**
 * The propagation of one fault: a golden and a faulty machine from the same snapshot on, in slices, compared by the tracker
 * at equal progress and by pages at equal cycle, until they are one again or the run has ended.
 */
import type { Snapshot } from "../../emulator/index.ts";
import { defaultCycleLimit, type Experiment, judge } from "../faults/experiment.ts";
import { type Fault, type FaultTarget, formatTarget, REGISTERS, targetComponent } from "../faults/fault.ts";
import { type GoldenRun, snapshotBefore } from "../faults/golden-run.ts";
import { aimFault, type StuckBits } from "../faults/injector.ts";
import { cellAt, findSite, type Site } from "../faults/site.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { type Activation, ActivationWatch } from "./activation.ts";
import {
  type Corruption,
  type CorruptionSet,
  type HeldBits,
  type Place,
  PROCESSOR_STATE,
  registerPlace,
  TRACKED_REGISTERS,
} from "./corruption.ts";
import { compareAtEqualCycle, type EqualCycleDifference, isReconverged } from "./equal-cycle.ts";
import { GoldenSide } from "./golden-side.ts";
import { OwnerNames, type PlaceName } from "./owner-names.ts";
import type { Parting } from "./thread-track.ts";
import { Tracker } from "./tracker.ts";

export interface PropagationOptions {
  /** Clocks between two comparisons at equal cycle. Default: 10,000 at first, then a quarter of the time since the injection. */
  readonly interval?: number;
  /** Clock at which the faulty run is given up. */
  readonly cycleLimit?: number;
  /** Corruptions after which the tracker gives up. Default 2 million. */
  readonly largestHistory?: number;
  /** Look at every instruction of every thread, also where nothing can be wrong. */
  readonly everything?: boolean;
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

/** Follows one fault, on machines of its own. */
export function propagate(golden: GoldenRun, fault: Fault, options: PropagationOptions = {}): Propagation {
  return new Propagator(golden).follow(fault, options);
}

/** Outcomes of a machine that stood still in the middle of something. */
const CRASHES: ReadonlySet<string> = new Set(["panic", "triple-fault", "dead-halt"]);

/** Follows faults one after the other on the same two machines. What it gives holds until the next one is followed. */
export class Propagator {
  private readonly faulty: ScenarioRun;
  private readonly good: ScenarioRun;
  private readonly names: OwnerNames;

  constructor(private readonly golden: GoldenRun) {
    const timing = golden.timing === undefined ? {} : { timing: golden.timing };
    this.faulty = new ScenarioRun(golden.plan, timing);
    this.good = new ScenarioRun(golden.plan, timing);
    this.names = new OwnerNames(this.faulty);
  }

  /** @throws InputError if the fault names something that is not in the plan. */
  follow(fault: Fault, options: PropagationOptions = {}): Propagation {
    return new PropagationRun(this.golden, fault, options, this.good, this.faulty, this.names).run();
  }
}

class PropagationRun {
  private readonly cycleLimit: number;
  private readonly samples: EqualCycleSample[] = [];
  /** Clocks at which a comparison was asked for and is still to be made. */
  private readonly wanted: number[];

  constructor(
    private readonly golden: GoldenRun,
    private readonly fault: Fault,
    private readonly options: PropagationOptions,
    private readonly good: ScenarioRun,
    private readonly faulty: ScenarioRun,
    private readonly names: OwnerNames,
  ) {
    this.cycleLimit = options.cycleLimit ?? defaultCycleLimit(golden);
    this.wanted = [...(options.sampleAt ?? [])];
  }

  run(): Propagation {
    const { faulty, good, fault, golden, names } = this;
    faulty.restore(snapshotBefore(golden, fault).snapshot, [fault]);
    const due = faulty.advanceToFault(this.cycleLimit);
    const before = faulty.snapshot();
    good.restore(before, []);
    const injectionCycle = faulty.machine.cycles;
    if (due) faulty.advance(injectionCycle);
    const applied = faulty.snapshot();
    const places = struckPlaces(before.machine, applied.machine, good, faulty);
    const side = new GoldenSide(good);
    for (const cycle of this.wanted) side.expectSample(cycle);
    const tracker = new Tracker(side, faulty, before, applied, this.needsEverything());
    const held = heldBits(faulty.stuck);
    tracker.set.held = held;
    const watched = new Map([...places, ...held.map(({ place, bits }) => [place, bits] as const)]);
    const activation = new ActivationWatch(faulty, fault, watched, injectionCycle, tracker.log.blocks);
    const named: PlaceName[] = [];
    tracker.onRecord = (words, at) => activation.see(words, at);
    tracker.reads.onRead = (physical) =>
      activation.kernelReads(physical, faulty.machine.cycles, (faulty.kernel.currentThread() ?? 0) >>> 14);
    const known = new Map<Place, PlaceName>();
    tracker.reach.onChange = () => known.clear();
    tracker.onTaken = () => {
      const { history } = tracker.set;
      while (named.length < history.length) {
        const { place } = history[named.length]!;
        const name = known.get(place) ?? (place === PROCESSOR_STATE ? this.stateName() : names.name(place));
        known.set(place, name);
        named.push(name);
      }
    };
    this.strike(tracker, places, injectionCycle);
    const stopStateWatch = this.strikeState(tracker, places, held);
    tracker.onTaken();
    tracker.begin();
    const struck = faulty.injections.at(-1)?.applied === true;
    const ended = struck ? this.follow(tracker, side) : "not-applied";
    if (ended === "reconverged") tracker.becomeOne(faulty.machine.cycles, (place) => names.threadAt(place));
    else if (ended !== "not-applied") tracker.finish(this.cycleLimit, CRASHES.has(faulty.outcome?.kind ?? ""));
    tracker.stop();
    stopStateWatch();
    activation.stop();
    const end = faulty.machine.cycles;
    // Once the machines are one again, the faulty run's rest is the golden one's.
    if (ended === "reconverged") faulty.restore({ ...golden.end, injections: faulty.injections });
    else if (ended === "not-applied") runWithoutPause(faulty, this.cycleLimit);
    const victim = this.victim(tracker.set.history[0], named);
    const active = activationOf(activation.result, tracker.set);
    const observed = observe(tracker, names, named, active, victim, ended);
    return {
      experiment: judge(golden, faulty, victim, ended === "not-applied" ? {} : observed),
      injectionCycle,
      endCycle: end,
      ended,
      activation: active,
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

  /**
   * What was struck that is no thread's register and no word of RAM gets a place of its own, which is wrong until it holds
   * something else.
   * @returns ends the watch.
   */
  private strikeState(tracker: Tracker, places: ReadonlyMap<Place, number>, held: readonly HeldBits[]): () => void {
    const { faulty, fault } = this;
    const { machine } = faulty;
    const stuckCpu = faulty.stuck.find(({ site }) => site.kind === "cpu");
    if (stuckCpu !== undefined) {
      const { until: stuckUntil = Number.POSITIVE_INFINITY } = stuckCpu;
      tracker.set.suspect = { corruption: tracker.set.history[0], byInstructions: true, stuckUntil };
      return () => {};
    }
    // While the idle loop runs, the CPU's registers are nobody's.
    const isNobodys = isUntracked(fault.target) || ("cpu" in fault.target && machine.cpu.cpl !== 3);
    const { before, after } = faulty.injections.at(-1) ?? {};
    if (!isNobodys || before === undefined || after === undefined || before === after || places.size > 0) {
      // A register that the kernel keeps in a stuck word comes back wrong without any word that was written wrong.
      if (isNobodys || held.length > 0)
        tracker.set.suspect = { corruption: tracker.set.history[0], byInstructions: false };
      return () => {};
    }
    const writer = { kind: "fault", thread: 0, eip: 0, vector: -1 } as const;
    const cycle = machine.cycles;
    const corruption = tracker.set.add(
      { place: PROCESSOR_STATE, cycle, progress: -1, golden: before, faulty: after, writer, sources: [] },
      "fault",
    );
    tracker.set.suspect = { corruption, byInstructions: true };
    return faulty.faultsActive ? () => {} : this.watchState(tracker, after);
  }

  /** Notes when the struck state no longer holds what the fault made of it. */
  private watchState(tracker: Tracker, struck: number): () => void {
    const { faulty, good, fault } = this;
    const { machine } = faulty;
    const site = findSite(good, aimFault(fault, this.golden.plan.components, good.kernel));
    const cell = typeof site === "string" ? site : cellAt(faulty, processorSite(site));
    if (typeof cell === "string") return () => {};
    let detach = (): void => {};
    const look = (): void => {
      if (cell.read() === struck) return;
      tracker.set.heal(PROCESSOR_STATE, machine.cycles, -1);
      detach();
    };
    detach = machine.observe({ afterInstruction: look, portalLeave: look });
    return detach;
  }

  private stateName(): PlaceName {
    const { target } = this.fault;
    const component = targetComponent(target);
    const area = "tlb" in target ? "TLB" : "processor";
    const symbol = component === undefined ? formatTarget(target) : formatTarget(target).slice(component.length + 1);
    return {
      kind: "register",
      component,
      area,
      owner: component === undefined ? area : `${component} ${area}`,
      symbol,
      virtual: undefined,
      physical: undefined,
      space: undefined,
      spaces: [],
    };
  }

  private strike(tracker: Tracker, places: ReadonlyMap<Place, number>, cycle: number): void {
    for (const [place, difference] of places) {
      const register = place < 0 ? this.registerValues(place) : undefined;
      const golden = register?.golden ?? tracker.goldenMemory.get(place) >>> 0;
      const writer = { kind: "fault", thread: 0, eip: 0, vector: -1 } as const;
      const faulty = register?.faulty ?? (golden ^ difference) >>> 0;
      tracker.set.add({ place, cycle, progress: 0, golden, faulty, writer, sources: [] }, "fault");
      if (place < 0) {
        const index = (-place - 1) & 15;
        if (index <= 8) tracker.track((-place - 1) >> 4).wrongRegisters |= 1 << index;
      }
    }
  }

  /** Whether equal registers and memory do not make threads do the same: then every instruction is to be looked at. */
  private needsEverything(): boolean {
    const { target, model } = this.fault;
    return (
      this.options.everything === true || "cpu" in target || isUntracked(target) || !("flip" in model || "set" in model)
    );
  }

  private registerValues(place: Place): { golden: number; faulty: number } {
    const thread = (-place - 1) >> 4;
    const name = TRACKED_REGISTERS[(-place - 1) & 15]!;
    return {
      golden: this.good.kernel.thread(thread)!.registers[name] >>> 0,
      faulty: this.faulty.kernel.thread(thread)!.registers[name] >>> 0,
    };
  }

  private follow(tracker: Tracker, side: GoldenSide): EndOfTracking {
    const { faulty, options, cycleLimit } = this;
    const largest = options.largestHistory ?? 2_000_000;
    const started = faulty.machine.cycles;
    let regular = started;
    while (faulty.outcome === undefined) {
      const interval = options.interval ?? Math.min(LONGEST_SLICE, Math.max(SHORTEST_SLICE, (regular - started) / 4));
      const now = faulty.machine.cycles;
      if (regular <= now) {
        regular = now + Math.floor(interval);
        side.expectSample(regular);
      }
      const target = Math.min(regular, this.wanted[0] ?? regular);
      if (target > cycleLimit + interval) {
        faulty.stop("cycle-limit");
        break;
      }
      this.advance(tracker, target);
      // Bits that are stuck can part the machines again.
      if (faulty.outcome === undefined && this.sample(tracker, side, target) && !faulty.faultsActive)
        return "reconverged";
      if (tracker.set.history.length > largest || options.onSlice?.(faulty.machine.cycles)) {
        faulty.stop("interrupted");
        return "given-up";
      }
    }
    return "ended";
  }

  /** Lets the faulty machine run to a clock or to its end. */
  private advance(tracker: Tracker, cycle: number): void {
    const { faulty } = this;
    if (faulty.faultsActive) faulty.advance(cycle);
    while (faulty.outcome === undefined && faulty.machine.cycles < cycle) {
      const { kind } = faulty.machine.run({ cycle });
      if (kind === "stopped") tracker.startRecording();
      // Any other reason is the end of the run, which the run must see.
      else if (kind !== "cycle") faulty.advance(faulty.machine.cycles + 1);
    }
    tracker.take();
  }

  /** Compares the machines at equal cycle, unless the golden one is past that clock. True: they are one again. */
  private sample(tracker: Tracker, side: GoldenSide, target: number): boolean {
    const { wanted } = this;
    const struck = tracker.snapshot().machine;
    const asked = wanted[0] === target;
    // Machines that are far apart are not one again; and the golden one is better left where its threads are needed.
    if (!asked && Math.abs(tracker.latestShift) > FAR_APART) return false;
    const golden = side.sampleAt(target)?.machine;
    if (golden === undefined) {
      if (asked) wanted.shift();
      return false;
    }
    const found = compareAtEqualCycle(golden, struck);
    // The first boundary after one clock can be that after the next one too.
    for (; wanted[0] !== undefined && wanted[0] <= Math.min(golden.cycle, struck.cycle); wanted.shift())
      this.options.onSample?.(wanted[0], found);
    const { memory, state, devices } = found;
    this.samples.push({ cycle: struck.cycle, memory: memory.length, state: state.length, devices: devices.length });
    return isReconverged(found);
  }
}

/** Between two comparisons at equal cycle, by default. */
const SHORTEST_SLICE = 10_000;
const LONGEST_SLICE = 500_000;

/** Clocks by which a thread is later or earlier that do not go away by themselves soon. */
const FAR_APART = 50_000;

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

/** The same in the processor itself, wherever its thread's copy goes. */
function processorSite(site: Site): Site {
  if (site.kind === "segment") return { kind: "cpu", register: site.segment };
  return site.kind === "directory" ? { kind: "cpu", register: "cr3" } : site;
}

/** What the tracker has no place for: it sees what comes of it only. */
function isUntracked(target: FaultTarget): boolean {
  if ("cpu" in target) return !(REGISTERS as readonly string[]).includes(target.cpu);
  return "tlb" in target || "segment" in target || "control" in target;
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

/** A thread's registers in its TCB, while another runs, are registers still. */
const SAVED_REGISTER = /^tcb \d+ (?:e[abcd]x|e[sb]p|e[sd]i|eip|eflags)$/;

/** What has made something wrong was active, though no place of its own was read (a stuck register of the CPU). */
function activationOf(seen: Activation, { history }: CorruptionSet): Activation {
  if (seen.kind !== "never-read") return seen;
  const first = history.find(({ root, writer }) => root === "fault" && writer.kind !== "fault");
  if (first === undefined) return seen;
  const { cycle, writer } = first;
  return { kind: "read", cycle, thread: writer.thread, eip: writer.eip };
}

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
  const spaces = new Map<number, number>();
  const spaceOf = (thread: number): number => {
    const space = spaces.get(thread) ?? owners.spaceOf(thread);
    spaces.set(thread, space);
    return space;
  };
  const breach = set.history.some(({ root, writer, place }, id) => {
    const { kind, spaces: reachable } = names[id]!;
    if (root !== "fault" || place < 0 || (writer.kind !== "instruction" && writer.kind !== "other-path")) return false;
    // What a program writes itself must be memory that its space has been given.
    return kind === "kernel" || kind === "page-table" || !reachable.includes(spaceOf(writer.thread));
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
