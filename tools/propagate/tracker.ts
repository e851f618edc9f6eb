/**
 * The differential tracker: takes the records of the faulty machine as they come, brings each thread together with its golden
 * self at equal progress, and keeps the set of wrong words exactly. The golden machine is let run as far as that needs.
 *
 * A thread that begins with the registers of its golden self and can reach no wrong word does what that does, until the
 * kernel acts for it: nothing of it needs to be looked at in between. So instructions are recorded only of threads that
 * something wrong can come to; the others run at full speed, and are compared each time they go on.
 *
 * A step's writes go into both shadows of RAM; the words that it touched are compared. What is newly wrong gets the step as
 * its writer, and the wrong words among what the step read as its sources. While a thread's control flow has parted from the
 * golden one, its records wait for a kernel call that both make alike. The kernel's own words are compared while the two
 * machines are in lockstep (same words written at the same clocks); later only those that are wrong already are followed.
 */
import type { RunSnapshot, ScenarioRun } from "../run/scenario-run.ts";
import { Causes, NOTHING } from "./causes.ts";
import { Comparison } from "./comparison.ts";
import { CorruptionSet, EIP_INDEX, type Place, registerOf, registerPlace } from "./corruption.ts";
import { GoldenRecords } from "./golden-records.ts";
import type { GoldenSide } from "./golden-side.ts";
import { KernelReads } from "./kernel-reads.ts";
import { KernelWords } from "./kernel-words.ts";
import type { LogOwner, LogState } from "./log-owner.ts";
import { Reach } from "./reach.ts";
import { cycleOf, forWrites, Record, RecordKind, RecordQueue } from "./records.ts";
import { Shadow } from "./shadow.ts";
import { StepLog } from "./step-log.ts";
import { type Parting, ThreadTrack } from "./thread-track.ts";

/** Instructions that a thread has nothing to do with wrong words before it is let go on unrecorded. */
const QUIET = 1_000;

export class Tracker implements LogOwner {
  readonly set = new CorruptionSet();
  readonly partings: Parting[] = [];
  readonly log: StepLog;
  readonly reads: KernelReads;
  /** Called with each record, in order. */
  onRecord: (words: Int32Array, at: number) => void = () => {};
  /** Called when all that has happened has been compared. */
  onTaken: () => void = () => {};
  private readonly tracks = new Map<number, ThreadTrack>();
  private readonly comparison: Comparison;
  private readonly causes: Causes;
  readonly reach: Reach;
  private readonly records: GoldenRecords;
  private readonly kernelWords: KernelWords;
  /** The thread whose instructions are to be recorded from where it stands, 0 for none. */
  private starting = 0;
  /** Where the faulty machine has to go back to, because an unrecorded instruction there comes to something wrong. */
  private back: { readonly log: LogState; readonly instructions: number } | undefined;
  /** Clocks by which the thread that was compared last is later than its golden self. */
  latestShift = 0;
  /** The latest snapshot of the faulty machine. */
  private latest: RunSnapshot;

  /**
   * @param before,after snapshots of either machine at the injection, and of the faulty one behind it.
   * @param everything record the instructions of all threads, whatever is wrong.
   */
  constructor(
    private readonly golden: GoldenSide,
    private readonly faulty: ScenarioRun,
    before: RunSnapshot,
    after: RunSnapshot,
    private readonly everything: boolean,
  ) {
    this.latest = after;
    const { kernel, machine } = faulty;
    this.causes = new Causes(this.set, this.tracks, kernel);
    this.comparison = new Comparison(
      this.set,
      this.causes,
      new Shadow(before.machine.ram),
      new Shadow(after.machine.ram),
    );
    this.reach = new Reach(machine, kernel, this.set, new Shadow(before.machine.ram));
    this.records = new GoldenRecords(golden, this.reach, (thread) => this.track(thread));
    this.log = new StepLog(machine, kernel, this);
    const { blocks } = this.log;
    this.reads = new KernelReads(kernel, this.set, blocks);
    this.kernelWords = new KernelWords(
      this.comparison,
      this.set,
      this.causes,
      this.records,
      this.reads,
      this.reach,
      this.tracks,
      blocks,
    );
    this.log.everything = everything;
    golden.log.everything = everything;
  }

  get lockstepEnd(): number | undefined {
    return this.comparison.lockstepEnd;
  }

  get goldenMemory(): Shadow {
    return this.comparison.goldenMemory;
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

  /** After the fault has struck: the thread that is running may have to be looked at from its next instruction on. */
  begin(): void {
    const { running } = this.log;
    if (running === 0) return;
    const isRight =
      this.track(running).wrongRegisters === 0 &&
      this.set.at(registerPlace(running, EIP_INDEX)) === undefined &&
      !this.reach.mustWatch(running);
    if (isRight && !this.everything) this.reach.watchPages();
    else {
      this.starting = running;
      this.startRecording();
    }
  }

  /** Ends the watch. */
  stop(): void {
    this.log.detachAll();
    this.reads.stop();
    this.reach.watchNothing();
    this.golden.log.detachAll();
  }

  // ---- told by the faulty machine's log ----

  /** In lockstep the golden machine goes the kernel's path first. */
  entering(cycle: number): void {
    if (this.lockstepEnd === undefined) this.golden.advance(cycle + 1);
  }

  inputs(thread: number, progress: number, value: number): void {
    if (this.log.wants(thread)) {
      const track = this.track(thread);
      track.quietFrom = progress;
      track.inputs.add(progress);
      return;
    }
    if (!this.golden.readsToo(thread, this.track(thread).goldenAt(progress), value)) this.goBack();
  }

  touches(_thread: number, physical: number, bytes: number): void {
    for (let word = physical & ~3; word < physical + bytes; word += 4)
      if (this.set.at(word) !== undefined) {
        this.goBack();
        return;
      }
  }

  take(): void {
    const { queue } = this.log;
    if (queue.isEmpty) return;
    while (!queue.isEmpty) {
      this.record(queue.words, queue.head);
      this.onRecord(queue.words, queue.head);
      queue.drop();
    }
    this.onTaken();
  }

  batch(): void {
    this.take();
    this.calmDown();
  }

  private record(words: Int32Array, at: number): void {
    const thread = words[at + Record.Thread]!;
    const kind = words[at + Record.Kind]!;
    if (kind === RecordKind.KernelWrite) {
      if (thread === 0) this.kernelWords.write(words, at);
      else this.threadWrite(this.track(thread), words, at);
    } else if (kind === RecordKind.Left) this.left(this.track(thread), words, at);
    else if (kind === RecordKind.Resumed) this.goesOn(this.track(thread), words, at);
    else this.step(this.track(thread), words, at);
  }

  /**
   * The machines are one again: so is every thread, wherever it was last compared.
   * @param threadAt the thread whose word a place is.
   */
  becomeOne(cycle: number, threadAt: (place: Place) => number | undefined): void {
    this.take();
    // What the kernel has written for threads that have not gone on since.
    for (const track of this.tracks.values())
      for (let at = track.faulty.head; at < track.faulty.tail; at += track.faulty.words[at]!)
        forWrites(track.faulty.words, at, (place, _value, written) => {
          this.set.heal(place, written, this.log.position(track.thread));
        });
    for (const { place, progress } of [...this.set.current()]) {
      const thread = registerOf(place)?.thread ?? threadAt(place);
      this.set.heal(place, cycle, thread === undefined ? progress : this.log.position(thread));
    }
  }

  /**
   * Compares what threads that have parted did to the end, and what the kernel has given to threads that wait. After a crash
   * that gift may be half made, and the thread never goes on with it: there is nothing to compare it with.
   */
  finish(cycleLimit: number, crashed: boolean): void {
    this.take();
    this.golden.finish(cycleLimit);
    this.records.sort();
    for (const track of this.tracks.values()) {
      if (track.parted) this.meet(track);
      const { faulty, golden } = track;
      if (track.parted) this.comparison.otherPath(track, faulty.tail, golden.tail);
      else if (!faulty.isEmpty && !crashed)
        this.comparison.kernelItems(track, track.goldenAt(track.progress), track.previous.cycle);
    }
    this.onTaken();
  }

  // ---- threads ----

  private threadWrite(track: ThreadTrack, words: Int32Array, at: number): void {
    const ways = this.causes.ways(words[at + Record.PathThread]!, words[at + Record.Sender]!);
    const sources = this.reads.of(words[at + Record.WordValue]!, ways);
    if (sources !== undefined) track.messageSources.set(words[at + Record.WordPhysical]!, sources);
    track.faulty.push(words, at);
  }

  /** A thread leaves user mode of which nothing was recorded: it did what its golden self does. */
  private left(track: ThreadTrack, words: Int32Array, at: number): void {
    this.comeTo(track, words[at + Record.Progress]!);
    track.left.take(words, at);
    this.comparison.refreshUtcb(this.faulty.machine.memory, this.reach.utcbOf(track.thread));
    track.faultSources = NOTHING;
    track.registerSources.clear();
    track.haveLeft(words, at);
  }

  private comeTo(track: ThreadTrack, progress: number): void {
    track.goldenProgress = track.goldenAt(progress);
    track.progress = progress;
  }

  private goesOn(track: ThreadTrack, words: Int32Array, at: number): void {
    const cycle = cycleOf(words, at);
    this.kernelWords.compareRewritten(cycle);
    if (track.parted) {
      this.golden.advance(cycle - track.shift);
      this.meet(track);
      if (track.lost) this.lose(track);
      return;
    }
    const isRight = this.resumesRight(track, words, at, cycle);
    if (this.everything) return;
    const { thread } = track;
    if (this.log.wants(thread)) {
      if (isRight && isQuiet(track)) this.stopRecording(thread);
    } else if (isRight) this.reach.watchPages();
    else {
      this.starting = thread;
      this.faulty.machine.stop("instructions are to be recorded");
    }
  }

  /** Whether a thread goes on as its golden self does, with nothing wrong that it could come to. */
  private resumesRight(track: ThreadTrack, words: Int32Array, at: number, cycle: number): boolean {
    const progress = words[at + Record.Progress]!;
    const goldenProgress = track.goldenAt(progress);
    if (!this.golden.reach(track.thread, goldenProgress)) return false;
    this.records.sort();
    this.comeTo(track, progress);
    this.comparison.kernelItems(track, goldenProgress, cycle);
    const { goldenResumed, left } = track;
    // Interrupted, maybe between two elements of a repeated instruction, and untouched since.
    const isUntouched =
      track.wrongRegisters === 0 && left.progress === progress && !left.byCall && left.equals(words, at);
    if (!isUntouched) {
      if (goldenResumed.progress !== goldenProgress) return false;
      if (left.byCall || left.progress < 0) this.noteShift(track, cycle, cycleOf(goldenResumed.words, 0));
      if (!goldenResumed.equals(words, at)) return false;
      this.comparison.registers(track, words, at, goldenResumed.words, 0, cycle);
    }
    return !this.reach.mustWatch(track.thread);
  }

  /** Stops the faulty machine, to take it back to the instruction that it executes. */
  private goBack(): void {
    this.back = { log: this.log.saveState(), instructions: this.log.retired() };
    this.log.mute();
    this.faulty.machine.stop("instructions should have been recorded");
  }

  /** Between runs: keeps a snapshot of the faulty machine to go back to. */
  snapshot(): RunSnapshot {
    this.latest = this.faulty.snapshot();
    return this.latest;
  }

  /** Between runs: instructions of the thread for which the machine was stopped are recorded from here on. */
  startRecording(): void {
    const { back, faulty, log } = this;
    if (back !== undefined) {
      this.back = undefined;
      const { machine } = faulty;
      log.detachAll();
      this.reads.pause(true);
      faulty.restore(this.latest);
      if (machine.instructions < back.instructions) machine.run({ instructions: back.instructions });
      this.reads.pause(false);
      log.attachAgain(back.log);
      this.starting = log.running;
      this.comeTo(this.track(log.running), log.position(log.running));
    }
    const { starting, golden } = this;
    if (starting === 0) return;
    this.starting = 0;
    this.comparison.refresh(this.snapshot().machine.ram, this.tracks.values(), (page) =>
      this.reach.holdsUserWords(page),
    );
    const track = this.track(starting);
    track.quietFrom = track.progress;
    log.want(starting, true);
    const goldenProgress = track.goldenAt(track.progress);
    golden.reach(starting, goldenProgress);
    this.records.sort();
    golden.demand(starting, goldenProgress);
  }

  private stopRecording(thread: number): void {
    this.log.want(thread, false);
    this.golden.log.want(thread, false);
    this.reach.forgetCode();
    this.reach.watchPages();
  }

  private step(track: ThreadTrack, words: Int32Array, at: number): void {
    if (words[at + Record.Kind] === RecordKind.Faulted) {
      if (track.parted) return;
      const sources = this.causes.sourcesOf(track, words, at);
      track.faultSources = sources.length > 0 ? sources : this.set.suspectAt(cycleOf(words, at));
      return;
    }
    track.faultSources = NOTHING;
    const progress = words[at + Record.Progress]!;
    if (track.parted) {
      track.progress = progress + 1;
      track.faulty.push(words, at);
      if (words[at + Record.Kind] !== RecordKind.Entry) return;
      this.golden.advance(cycleOf(words, at) - track.shift);
      this.meet(track);
      return;
    }
    const goldenProgress = track.goldenAt(progress);
    const other = this.records.step(track, goldenProgress);
    this.comeTo(track, progress);
    if (other < 0) {
      this.part(track, words, at, 0);
      return;
    }
    const cycle = cycleOf(words, at);
    const { golden } = track;
    const { comparison } = this;
    if (golden.head !== other || !track.faulty.isEmpty) comparison.kernelItems(track, goldenProgress, cycle);
    const step = golden.head;
    this.noteShift(track, cycle, cycleOf(golden.words, step));
    comparison.registers(track, words, at, golden.words, step, cycle);
    if (words[at + Record.Eip] !== golden.words[step + Record.Eip]) {
      this.part(track, words, at, golden.words[step + Record.Eip]!);
      return;
    }
    track.progress++;
    track.goldenProgress++;
    const sources = this.causes.sourcesOf(track, words, at);
    comparison.step(track, words, at, golden.words, step, sources, cycle);
    track.haveDone(words, at, sources, cycle);
    golden.drop();
    if (sources.length > 0 || track.wrongRegisters !== 0) track.quietFrom = progress;
  }

  /** When the running thread has had nothing to do with wrong words for a while, it needs not be looked at. */
  private calmDown(): void {
    const { running } = this.log;
    if (this.everything || !this.log.wants(running)) return;
    const track = this.track(running);
    if (track.parted || track.wrongRegisters !== 0 || !isQuiet(track) || !track.faulty.isEmpty) return;
    if (this.reach.mustWatch(running)) return;
    track.left.progress = -1;
    this.stopRecording(running);
  }

  private noteShift(track: ThreadTrack, cycle: number, goldenCycle: number): void {
    track.shift = cycle - goldenCycle;
    this.latestShift = track.shift;
    if (track.shift !== 0) this.comparison.lockstepEnd ??= cycle;
    if (Math.abs(track.shift) > Math.abs(track.largestShift)) track.largestShift = track.shift;
  }

  // ---- parted threads ----

  private part(track: ThreadTrack, words: Int32Array, at: number, goldenEip: number): void {
    const cycle = cycleOf(words, at);
    const faultyEip = words[at + Record.Eip]! >>> 0;
    const place = registerPlace(track.thread, EIP_INDEX);
    const corruption =
      this.set.at(place) ?? this.comparison.addRegister(track, place, EIP_INDEX, goldenEip, faultyEip, cycle);
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
    track.progress++;
    track.faulty.push(words, at);
  }

  private meet(track: ThreadTrack): void {
    this.records.sort();
    for (;;) {
      const point = track.meetingPoint();
      if (point === undefined || track.parting === undefined) return;
      const { faulty, golden, parting } = track;
      if (golden.words[point.golden + Record.Kind] === RecordKind.Left)
        point.golden = this.records.upTo(track, golden.words[point.golden + Record.Progress]! - 1);
      const cycle = cycleOf(faulty.words, point.faulty);
      const words = faulty.words.slice(point.faulty, point.faulty + faulty.words[point.faulty]!);
      const other = golden.words.slice(point.golden, point.golden + golden.words[point.golden]!);
      track.progress = words[Record.Progress]! + 1;
      this.comparison.otherPath(track, point.faulty + words[0]!, point.golden + other[0]!);
      track.shift = cycle - cycleOf(other, 0);
      parting.endCycle = cycle;
      parting.end = { progress: track.progress, goldenProgress: track.goldenProgress };
      track.previous.sources = [parting.corruption];
      track.previous.entered = false;
      track.previous.cycle = cycle;
      this.comparison.registers(track, words, 0, other, 0, cycle);
      track.parting = undefined;
      track.inputs.clear();
      this.set.heal(registerPlace(track.thread, EIP_INDEX), cycle, track.progress);
      track.haveDone(words, 0, this.causes.sourcesOf(track, words, 0), cycle);
      this.goOnTogether(track);
    }
  }

  /** A thread that cannot be brought together with its golden self any more is not recorded further. */
  private lose(track: ThreadTrack): void {
    if (this.everything || this.reach.mustWatch(track.thread)) return;
    this.log.want(track.thread, false);
    this.golden.log.want(track.thread, false);
    track.faulty.clear();
    track.golden.clear();
  }

  /** Takes up the records that came after the meeting point. */
  private goOnTogether(track: ThreadTrack): void {
    const { faulty } = track;
    const rest = new RecordQueue(faulty.size + 16);
    for (let at = faulty.head; at < faulty.tail; at += faulty.words[at]!) rest.push(faulty.words, at);
    faulty.clear();
    for (let at = rest.head; at < rest.tail; at += rest.words[at]!) {
      if (rest.words[at + Record.Kind] === RecordKind.KernelWrite) faulty.push(rest.words, at);
      else this.step(track, rest.words, at);
    }
  }
}

function isQuiet(track: ThreadTrack): boolean {
  return track.progress - track.quietFrom >= QUIET;
}
