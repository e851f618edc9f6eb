/**
 * The differential tracker: takes the step logs of a golden and a faulty machine, brings each thread together with its
 * golden self at equal progress, and keeps the set of wrong words exactly.
 *
 * Two shadows of RAM hold what each machine's memory is at the point up to which its threads have been compared. A step's
 * writes go into both; the words that it touched are compared. What is newly wrong gets the step as its writer, and the
 * wrong words among what the step read as its sources. Records of the faulty machine are taken in the order in which they
 * happened, so that a message's source is looked up as it was when the message went.
 *
 * While a thread's control flow has parted from the golden one, its records wait for a kernel call that both make alike.
 * The kernel's own words are compared while the two machines are in lockstep (same words written at the same clocks); later
 * only those that are wrong already are followed.
 */
import type { Kernel } from "../../kernel/index.ts";
import { Causes, NOTHING } from "./causes.ts";
import {
  type Corruption,
  CorruptionSet,
  EFLAGS_INDEX,
  EIP_INDEX,
  type Place,
  type RootCause,
  registerPlace,
  type Writer,
} from "./corruption.ts";
import { AccessKind, cycleOf, Record, RecordKind, RecordQueue, type StepLog } from "./step-log.ts";
import { forWrites, type Parting, ThreadTrack } from "./thread-track.ts";

export class Tracker {
  readonly set = new CorruptionSet();
  readonly partings: Parting[] = [];
  /** Clock at which the machines stopped doing the same at the same time; undefined while they do. */
  lockstepEnd: number | undefined;
  /** Called with each record of the faulty machine, in order. */
  onFaultyRecord: (words: Int32Array, at: number) => void = () => {};
  private readonly tracks = new Map<number, ThreadTrack>();
  private readonly goldenKernel = new RecordQueue();
  /** The golden machine has ended: what is missing does not come any more. */
  private goldenEnded = false;
  private readonly causes: Causes;

  /**
   * @param goldenMemory RAM of either machine at the injection, as words; changed by the tracker.
   */
  constructor(
    private readonly golden: StepLog,
    private readonly faulty: StepLog,
    kernel: Kernel,
    readonly goldenMemory: Int32Array,
    readonly faultyMemory: Int32Array,
  ) {
    this.causes = new Causes(this.set, this.tracks, kernel);
  }

  get threads(): Iterable<ThreadTrack> {
    return this.tracks.values();
  }

  track(thread: number): ThreadTrack {
    let track = this.tracks.get(thread);
    if (track === undefined) {
      track = new ThreadTrack(thread);
      this.tracks.set(thread, track);
    }
    return track;
  }

  /** Compares what both logs hold. True when the golden machine must run further before more can be compared. */
  process(goldenEnded: boolean): boolean {
    this.goldenEnded = goldenEnded;
    this.sortGolden();
    let behind = false;
    for (const track of this.tracks.values()) {
      if (track.parted) this.meet(track);
      behind = !this.drain(track) || behind;
    }
    const { queue } = this.faulty;
    while (!queue.isEmpty) {
      const at = queue.head;
      const thread = queue.words[at + Record.Thread]!;
      const done = thread === 0 ? this.kernelWrite(queue.words, at) : this.threadRecord(queue.words, at, thread);
      if (!done) return true;
      this.onFaultyRecord(queue.words, at);
      queue.drop();
    }
    return behind;
  }

  /** Compares what threads that have parted did to the end. */
  finish(): void {
    this.goldenEnded = true;
    for (const track of this.tracks.values()) {
      this.drain(track);
      const { faulty, golden } = track;
      if (track.parted) this.applyOtherPath(track, faulty.tail, golden.tail);
      else if (!faulty.isEmpty) {
        const next = track.nextGoldenStep();
        this.kernelItems(track, next < 0 ? golden.tail : next, track.previous.cycle);
      }
    }
  }

  private sortGolden(): void {
    const { queue } = this.golden;
    while (!queue.isEmpty) {
      const thread = queue.words[queue.head + Record.Thread]!;
      const to = thread === 0 ? this.goldenKernel : this.track(thread).golden;
      if (queue.words[queue.head + Record.Kind] !== RecordKind.Faulted) to.push(queue.words, queue.head);
      queue.drop();
    }
  }

  // ---- the kernel's own words ----

  private kernelWrite(words: Int32Array, at: number): boolean {
    const physical = words[at + Record.WordPhysical]!;
    const cycle = cycleOf(words, at);
    const { goldenKernel } = this;
    if (this.lockstepEnd === undefined) {
      if (goldenKernel.isEmpty && !this.goldenEnded) return false;
      const other = goldenKernel.head;
      const same =
        !goldenKernel.isEmpty &&
        cycleOf(goldenKernel.words, other) === cycle &&
        goldenKernel.words[other + Record.WordPhysical] === physical;
      if (same) {
        this.goldenMemory[physical >>> 2] = goldenKernel.words[other + Record.WordValue]!;
        this.faultyMemory[physical >>> 2] = words[at + Record.WordValue]!;
        goldenKernel.drop();
        this.compareKernelWord(words, at, physical, cycle);
        return true;
      }
      this.lockstepEnd = cycle;
    }
    while (!goldenKernel.isEmpty && cycleOf(goldenKernel.words, goldenKernel.head) <= cycle) {
      const other = goldenKernel.head;
      this.goldenMemory[goldenKernel.words[other + Record.WordPhysical]! >>> 2] =
        goldenKernel.words[other + Record.WordValue]!;
      goldenKernel.drop();
    }
    this.faultyMemory[physical >>> 2] = words[at + Record.WordValue]!;
    if (this.faultyMemory[physical >>> 2] === this.goldenMemory[physical >>> 2]) this.set.heal(physical, cycle, -1);
    return true;
  }

  private compareKernelWord(words: Int32Array, at: number, physical: number, cycle: number): void {
    const thread = words[at + Record.PathThread]!;
    const writer: Writer = { kind: "kernel", thread, eip: 0, vector: words[at + Record.PathVector]! };
    this.compareWord(physical, cycle, -1, writer, () => this.causes.around(thread, words[at + Record.Sender]!));
  }

  // ---- threads ----

  private threadRecord(words: Int32Array, at: number, thread: number): boolean {
    const track = this.track(thread);
    if (words[at + Record.Kind] === RecordKind.KernelWrite && this.set.size > 0)
      this.causes.noteMessage(track, words, at);
    if (track.waiting.isEmpty) return this.compareRecord(track, words, at);
    track.waiting.push(words, at);
    return true;
  }

  /** Compares what has waited. False when some of it still must. */
  private drain(track: ThreadTrack): boolean {
    const { waiting } = track;
    while (!waiting.isEmpty) {
      if (!this.compareRecord(track, waiting.words, waiting.head)) return false;
      waiting.drop();
    }
    return true;
  }

  private compareRecord(track: ThreadTrack, words: Int32Array, at: number): boolean {
    if (words[at + Record.Kind] === RecordKind.Faulted) {
      if (!track.parted) track.faultSources = this.causes.sourcesOf(track, words, at);
      return true;
    }
    const isStep = words[at + Record.Kind] !== RecordKind.KernelWrite;
    if (isStep) track.faultSources = NOTHING;
    if (track.parted) {
      if (isStep) track.progress++;
      track.faulty.push(words, at);
      return true;
    }
    if (!isStep) {
      track.faulty.push(words, at);
      return true;
    }
    const other = track.nextGoldenStep();
    if (other < 0) {
      if (!this.goldenEnded) return false;
      this.partFrom(track, words, at, 0);
      track.progress++;
      track.faulty.push(words, at);
      return true;
    }
    const cycle = cycleOf(words, at);
    this.kernelItems(track, other, cycle);
    const { golden } = track;
    const step = golden.head;
    track.shift = cycle - cycleOf(golden.words, step);
    if (track.shift !== 0) this.lockstepEnd ??= cycle;
    if (Math.abs(track.shift) > Math.abs(track.largestShift)) track.largestShift = track.shift;
    this.compareRegisters(track, words, at, golden.words, step, cycle);
    if (words[at + Record.Eip] !== golden.words[step + Record.Eip]) {
      this.partFrom(track, words, at, golden.words[step + Record.Eip]!);
      track.progress++;
      track.faulty.push(words, at);
      return true;
    }
    track.progress++;
    track.goldenProgress++;
    const sources = this.causes.sourcesOf(track, words, at);
    this.applyStep(track, words, at, golden.words, step, sources, cycle);
    this.remember(track, words, at, sources, cycle);
    golden.drop();
    return true;
  }

  private remember(track: ThreadTrack, words: Int32Array, at: number, sources: readonly number[], cycle: number): void {
    const { previous } = track;
    previous.entered = words[at + Record.Kind] === RecordKind.Entry;
    previous.eip = words[at + Record.Eip]! >>> 0;
    previous.cycle = cycle;
    previous.registersWritten = (words[at + Record.RegistersUsed]! >>> 8) & 0xff;
    previous.flagsWritten = words[at + Record.FlagsUsed]! >>> 16;
    previous.sources = sources;
  }

  /** What the kernel wrote into a thread's words while it waited, in both machines, up to the golden record at `until`. */
  private kernelItems(track: ThreadTrack, until: number, cycle: number): void {
    const { golden, faulty } = track;
    if (golden.head === until && faulty.isEmpty) return;
    const missing = new Set<number>();
    while (golden.head < until && !golden.isEmpty) {
      const physical = golden.words[golden.head + Record.WordPhysical]!;
      this.goldenMemory[physical >>> 2] = golden.words[golden.head + Record.WordValue]!;
      missing.add(physical);
      const before = golden.head;
      golden.drop();
      if (golden.head < before) break;
    }
    /** The last record that wrote each word: it made the word what it is. */
    const written = new Map<number, number>();
    for (let at = faulty.head; at < faulty.tail; at += faulty.words[at]!) {
      const physical = faulty.words[at + Record.WordPhysical]!;
      this.faultyMemory[physical >>> 2] = faulty.words[at + Record.WordValue]!;
      written.delete(physical);
      written.set(physical, at);
    }
    for (const [physical, at] of written) {
      missing.delete(physical);
      this.compareMessageWord(track, faulty.words, at, physical);
    }
    for (const physical of missing) {
      const writer: Writer = { kind: "omission", thread: track.thread, eip: 0, vector: -1 };
      this.compareWord(physical, cycle, track.progress, writer, () => this.causes.around(track.thread, 0));
    }
    faulty.clear();
    track.messageSources.clear();
  }

  private compareMessageWord(track: ThreadTrack, words: Int32Array, at: number, physical: number): void {
    const sender = words[at + Record.Sender]!;
    const isMessage = sender !== 0 && words[at + Record.Receiver] === track.thread;
    const writer: Writer = {
      kind: isMessage ? "message" : "kernel",
      thread: words[at + Record.PathThread]!,
      eip: 0,
      vector: words[at + Record.PathVector]!,
      ...(isMessage ? { sender } : {}),
    };
    this.compareWord(
      physical,
      cycleOf(words, at),
      track.progress,
      writer,
      () => track.messageSources.get(physical) ?? this.causes.around(words[at + Record.PathThread]!, sender),
    );
  }

  private compareRegisters(
    track: ThreadTrack,
    words: Int32Array,
    at: number,
    goldenWords: Int32Array,
    step: number,
    cycle: number,
  ): void {
    for (let index = 0; index <= EFLAGS_INDEX; index++) {
      const faulty = words[at + Record.Registers + index]!;
      const golden = goldenWords[step + Record.Registers + index]!;
      const bit = 1 << index;
      const place = registerPlace(track.thread, index);
      if (faulty === golden) {
        if ((track.wrongRegisters & bit) === 0) continue;
        track.wrongRegisters &= ~bit;
        this.set.heal(place, Math.max(track.previous.cycle, this.set.at(place)?.cycle ?? 0), track.progress);
        continue;
      }
      const before = this.set.at(place);
      const { previous } = track;
      const written = index === EFLAGS_INDEX ? previous.flagsWritten !== 0 : (previous.registersWritten & bit) !== 0;
      if (before !== undefined && before.golden === golden >>> 0 && before.faulty === faulty >>> 0 && !written)
        continue;
      track.wrongRegisters |= bit;
      this.addRegister(track, place, golden, faulty, cycle);
    }
  }

  private addRegister(track: ThreadTrack, place: Place, golden: number, faulty: number, cycle: number): Corruption {
    const { previous, thread } = track;
    const sources = previous.entered ? this.causes.around(thread, 0, previous.sources) : previous.sources;
    const flagsKept = place === registerPlace(thread, EFLAGS_INDEX) ? ~previous.flagsWritten : 0;
    const writer: Writer = {
      kind: previous.entered ? "kernel" : "instruction",
      thread,
      eip: previous.eip,
      vector: -1,
    };
    return this.set.add(
      {
        place,
        // What the kernel gave back is there when the thread goes on.
        cycle: previous.eip === 0 || previous.entered ? cycle : previous.cycle,
        progress: track.progress,
        golden: golden >>> 0,
        faulty: faulty >>> 0,
        writer,
        sources: this.causes.withCarried(place, golden, faulty, sources, !previous.entered, flagsKept),
      },
      this.otherwise(),
    );
  }

  private applyStep(
    track: ThreadTrack,
    words: Int32Array,
    at: number,
    goldenWords: Int32Array,
    step: number,
    sources: readonly number[],
    cycle: number,
  ): void {
    const length = words[at + Record.Length]!;
    const goldenLength = goldenWords[step + Record.Length]!;
    if (length === Record.Accesses && goldenLength === Record.Accesses) return;
    for (let access = Record.Accesses; access < goldenLength; access += 3)
      if ((goldenWords[step + access]! & 15) === AccessKind.Write)
        this.goldenMemory[goldenWords[step + access + 1]! >>> 2] = goldenWords[step + access + 2]!;
    for (let access = Record.Accesses; access < length; access += 3)
      if ((words[at + access]! & 15) === AccessKind.Write)
        this.faultyMemory[words[at + access + 1]! >>> 2] = words[at + access + 2]!;
    const eip = words[at + Record.Eip]! >>> 0;
    for (let access = Record.Accesses; access < length; access += 3)
      if ((words[at + access]! & 15) === AccessKind.Write)
        this.compareStepWord(track, words[at + access + 1]!, "instruction", eip, sources, cycle);
    for (let access = Record.Accesses; access < goldenLength; access += 3)
      if ((goldenWords[step + access]! & 15) === AccessKind.Write)
        this.compareStepWord(track, goldenWords[step + access + 1]!, "omission", eip, sources, cycle);
  }

  private compareStepWord(
    track: ThreadTrack,
    physical: number,
    kind: "instruction" | "omission",
    eip: number,
    sources: readonly number[],
    cycle: number,
  ): void {
    if (this.goldenMemory[physical >>> 2] === this.faultyMemory[physical >>> 2]) {
      if (this.set.memorySize > 0) this.set.heal(physical, cycle, track.progress);
      return;
    }
    const writer: Writer = { kind, thread: track.thread, eip, vector: -1 };
    this.compareWord(physical, cycle, track.progress, writer, () => sources);
  }

  // ---- parted threads ----

  private partFrom(track: ThreadTrack, words: Int32Array, at: number, goldenEip: number): void {
    const cycle = cycleOf(words, at);
    const faultyEip = words[at + Record.Eip]! >>> 0;
    const place = registerPlace(track.thread, EIP_INDEX);
    const existing = this.set.at(place);
    const corruption = existing ?? this.addRegister(track, place, goldenEip, faultyEip, cycle);
    const parting: Parting = {
      thread: track.thread,
      cycle,
      progress: track.progress,
      goldenEip: goldenEip >>> 0,
      faultyEip,
      corruption: corruption.id,
      endCycle: undefined,
      end: undefined,
    };
    this.partings.push(parting);
    track.part(parting);
  }

  private meet(track: ThreadTrack): void {
    for (;;) {
      const point = track.meetingPoint();
      if (point === undefined || track.parting === undefined) return;
      const { faulty, golden } = track;
      const cycle = cycleOf(faulty.words, point.faulty);
      const words = faulty.words.slice(point.faulty, point.faulty + faulty.words[point.faulty]!);
      const other = golden.words.slice(point.golden, point.golden + golden.words[point.golden]!);
      // The faulty records before the call, and the call, have counted already; those after it count again.
      let later = 0;
      for (let at = point.faulty + words[0]!; at < faulty.tail; at += faulty.words[at]!)
        if (faulty.words[at + Record.Kind] !== RecordKind.KernelWrite) later++;
      track.progress -= later;
      this.applyOtherPath(track, point.faulty + words[0]!, point.golden + other[0]!);
      track.shift = cycle - cycleOf(other, 0);
      track.parting.endCycle = cycle;
      track.parting.end = { progress: track.progress, goldenProgress: track.goldenProgress };
      track.previous.sources = [track.parting.corruption];
      track.previous.entered = false;
      track.previous.cycle = cycle;
      this.compareRegisters(track, words, 0, other, 0, cycle);
      track.parting = undefined;
      this.set.heal(registerPlace(track.thread, EIP_INDEX), cycle, track.progress);
      this.remember(track, words, 0, this.causes.sourcesOf(track, words, 0), cycle);
      this.replay(track);
    }
  }

  /** Takes up the records that came after the meeting point. */
  private replay(track: ThreadTrack): void {
    const { faulty, waiting } = track;
    const rest = new RecordQueue(faulty.size + waiting.size + 16);
    for (const queue of [faulty, waiting])
      for (let at = queue.head; at < queue.tail; at += queue.words[at]!) rest.push(queue.words, at);
    faulty.clear();
    waiting.clear();
    for (let at = rest.head; at < rest.tail; at += rest.words[at]!) waiting.push(rest.words, at);
    this.drain(track);
  }

  /** Applies what both did on their different ways, up to these offsets in the queues, and compares every word touched. */
  private applyOtherPath(track: ThreadTrack, faultyEnd: number, goldenEnd: number): void {
    const { faulty, golden, parting } = track;
    const touched = new Map<number, { cycle: number; eip: number }>();
    while (!golden.isEmpty && golden.head < goldenEnd) {
      forWrites(golden.words, golden.head, (physical, value) => {
        this.goldenMemory[physical >>> 2] = value;
        touched.set(physical, { cycle: parting!.cycle, eip: 0 });
      });
      if (golden.words[golden.head + Record.Kind] !== RecordKind.KernelWrite) track.goldenProgress++;
      const last = golden.head + golden.words[golden.head]! >= goldenEnd;
      golden.drop();
      if (last) break;
    }
    while (!faulty.isEmpty && faulty.head < faultyEnd) {
      forWrites(faulty.words, faulty.head, (physical, value, cycle, eip) => {
        this.faultyMemory[physical >>> 2] = value;
        touched.set(physical, { cycle, eip: eip >>> 0 });
      });
      const last = faulty.head + faulty.words[faulty.head]! >= faultyEnd;
      faulty.drop();
      if (last) break;
    }
    for (const [physical, { cycle, eip }] of touched) {
      const kind = eip === 0 ? "omission" : "other-path";
      const writer: Writer = { kind, thread: track.thread, eip, vector: -1 };
      this.compareWord(physical, cycle, track.progress, writer, () => [parting!.corruption]);
    }
  }

  // ---- words ----

  private compareWord(
    physical: number,
    cycle: number,
    progress: number,
    writer: Writer,
    sources: () => readonly number[],
  ): void {
    const golden = this.goldenMemory[physical >>> 2]! >>> 0;
    const faulty = this.faultyMemory[physical >>> 2]! >>> 0;
    if (golden === faulty) {
      this.set.heal(physical, cycle, progress);
      return;
    }
    const before = this.set.at(physical);
    if (before !== undefined && before.golden === golden && before.faulty === faulty) return;
    const all = this.causes.withCarried(physical, golden, faulty, sources(), writer.eip !== 0);
    this.set.add({ place: physical, cycle, progress, golden, faulty, writer, sources: all }, this.otherwise());
  }

  private otherwise(): RootCause {
    return this.lockstepEnd === undefined ? "unknown" : "time";
  }
}
