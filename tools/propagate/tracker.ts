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
import { Utcb } from "../../kernel/utcb.ts";
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

/** Registers in which a kernel call passes its arguments: all but ESP. */
const CALL_REGISTERS = 0xef;
const GENERAL_REGISTERS = 8;
/** ESI holds the tag of a message (ABI 3). */
const TAG_REGISTER = 6;

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
  private readonly utcbs = new Map<number, number>();

  /**
   * @param goldenMemory RAM of either machine at the injection, as words; changed by the tracker.
   */
  constructor(
    private readonly golden: StepLog,
    private readonly faulty: StepLog,
    private readonly kernel: Kernel,
    readonly goldenMemory: Int32Array,
    readonly faultyMemory: Int32Array,
  ) {}

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
    this.compareWord(physical, cycle, -1, writer, () => this.causesAround(thread, words[at + Record.Sender]!));
  }

  // ---- threads ----

  private threadRecord(words: Int32Array, at: number, thread: number): boolean {
    const track = this.track(thread);
    if (words[at + Record.Kind] === RecordKind.KernelWrite && this.set.size > 0) this.noteMessage(track, words, at);
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
      if (!track.parted) track.faultSources = this.sourcesOf(track, words, at);
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
    const sources = this.sourcesOf(track, words, at);
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
      this.compareWord(physical, cycle, track.progress, writer, () => this.causesAround(track.thread, 0));
    }
    faulty.clear();
    track.messageSources.clear();
  }

  /** Where a message's word came from, while the sender's words are still what was sent. */
  private noteMessage(track: ThreadTrack, words: Int32Array, at: number): void {
    const sender = words[at + Record.Sender]!;
    const physical = words[at + Record.WordPhysical]!;
    const isMessage = sender !== 0 && words[at + Record.Receiver] === track.thread;
    const own = isMessage ? this.set.at(this.utcbOf(sender) + (physical & 511)) : undefined;
    const isTag = isMessage && (physical & 511) === Utcb.messageRegisters;
    const tag = isTag ? this.set.at(registerPlace(sender, TAG_REGISTER)) : undefined;
    const found = own ?? tag;
    const sources = found === undefined ? this.causesAround(words[at + Record.PathThread]!, sender) : [found.id];
    track.messageSources.set(physical, sources);
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
      () => track.messageSources.get(physical) ?? this.causesAround(words[at + Record.PathThread]!, sender),
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
    const sources = previous.entered ? this.causesAround(thread, 0, previous.sources) : previous.sources;
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
        sources: this.withCarried(place, golden, faulty, sources, !previous.entered, flagsKept),
      },
      this.otherwise(),
    );
  }

  /** Wrong words among what a step reads: registers, flags, memory, its own code. */
  private sourcesOf(track: ThreadTrack, words: Int32Array, at: number): readonly number[] {
    const { set } = this;
    if (track.wrongRegisters === 0 && set.memorySize === 0) return NOTHING;
    const sources: number[] = [];
    const take = (place: Place): void => {
      const found = set.at(place);
      if (found !== undefined && !sources.includes(found.id)) sources.push(found.id);
    };
    if (track.wrongRegisters !== 0) {
      const entered = words[at + Record.Kind] === RecordKind.Entry;
      let read = words[at + Record.RegistersUsed]! & 0xff;
      if (entered) read |= CALL_REGISTERS;
      for (let index = 0; index < GENERAL_REGISTERS; index++)
        if ((read & track.wrongRegisters & (1 << index)) !== 0) take(registerPlace(track.thread, index));
      if ((words[at + Record.FlagsUsed]! & 0xffff) !== 0 && (track.wrongRegisters & (1 << EFLAGS_INDEX)) !== 0)
        take(registerPlace(track.thread, EFLAGS_INDEX));
    }
    if (set.memorySize === 0) return sources;
    const end = at + words[at + Record.Length]!;
    for (let access = at + Record.Accesses; access < end; access += 3)
      if ((words[access]! & 15) !== AccessKind.Write && set.touchesPage(words[access + 1]!)) take(words[access + 1]!);
    const code = words[at + Record.CodePhysical]!;
    if (set.touchesPage(code))
      for (let word = code & ~3; word < code + words[at + Record.CodeBytes]!; word += 4) take(word);
    return sources;
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
      track.previous.sources = [track.parting.corruption];
      track.previous.entered = false;
      track.previous.cycle = cycle;
      this.compareRegisters(track, words, 0, other, 0, cycle);
      track.parting = undefined;
      this.set.heal(registerPlace(track.thread, EIP_INDEX), cycle, track.progress);
      this.remember(track, words, 0, this.sourcesOf(track, words, 0), cycle);
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

  // ---- causes ----

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
    const all = this.withCarried(physical, golden, faulty, sources(), writer.eip !== 0);
    this.set.add({ place: physical, cycle, progress, golden, faulty, writer, sources: all }, this.otherwise());
  }

  /**
   * Adds the wrong word itself to the sources when bytes of it were left as they were (a byte written beside a wrong one).
   * Without any source a program's own write can only have gone astray.
   */
  private withCarried(
    place: Place,
    golden: number,
    faulty: number,
    sources: readonly number[],
    isProgram: boolean,
    flagsKept = 0,
  ): readonly number[] {
    const before = this.set.at(place);
    if (before !== undefined && !sources.includes(before.id)) {
      // INC, for one, leaves the carry as it was.
      if (flagsKept !== 0 && ((golden ^ faulty) & (before.golden ^ before.faulty) & flagsKept) !== 0)
        return [...sources, before.id];
      for (let byte = 0xff; byte !== 0; byte <<= 8) {
        if (((golden ^ faulty) & byte) === 0) continue;
        if (((golden ^ before.golden) & byte) === 0 && ((faulty ^ before.faulty) & byte) === 0)
          return [...sources, before.id];
      }
    }
    return sources.length > 0 || !isProgram ? sources : this.translationSuspects();
  }

  private otherwise(): RootCause {
    return this.lockstepEnd === undefined ? "unknown" : "time";
  }

  /**
   * What can have made the kernel do something else for a thread: what it asked for, its own wrong registers or way, those
   * of its partner; failing that, threads that have parted because of the fault (a message that did not come).
   */
  private causesAround(thread: number, partner: number, asked: readonly number[] = NOTHING): readonly number[] {
    const sources: number[] = [...asked];
    for (const who of [thread, partner]) {
      const track = this.tracks.get(who);
      if (track === undefined) continue;
      if (track.parting !== undefined) sources.push(track.parting.corruption);
      sources.push(...track.faultSources);
      for (let index = 0; index <= EIP_INDEX; index++) {
        if (index !== EIP_INDEX && (track.wrongRegisters & (1 << index)) === 0) continue;
        const found = this.set.at(registerPlace(who, index));
        if (found !== undefined) sources.push(found.id);
      }
    }
    if (sources.length > 0) return [...new Set(sources)];
    for (const { parting, faultSources } of this.tracks.values())
      for (const id of parting === undefined ? faultSources : [parting.corruption])
        if (this.set.history[id]!.root === "fault") sources.push(id);
    return sources.length > 0 ? sources : this.translationSuspects();
  }

  /** Wrong words that decide where accesses go: page tables, and whatever else of the kernel's is wrong. */
  private translationSuspects(): readonly number[] {
    if (this.set.memorySize === 0) return NOTHING;
    const { start } = this.kernel.kernelMemory;
    const found: number[] = [];
    for (const { place, id } of this.set.current()) if (place >= start && this.isTranslation(place)) found.push(id);
    return found.length > 0 ? found : NOTHING;
  }

  private isTranslation(physical: number): boolean {
    try {
      return this.kernel.owner(physical).kind === "page-table";
    } catch {
      return false;
    }
  }

  private utcbOf(thread: number): number {
    let utcb = this.utcbs.get(thread);
    if (utcb === undefined || utcb === 0) {
      utcb = this.kernel.thread(thread)?.utcb ?? 0;
      this.utcbs.set(thread, utcb);
    }
    return utcb;
  }
}

const NOTHING: readonly number[] = [];
