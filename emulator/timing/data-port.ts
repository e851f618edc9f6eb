/**
 * What a data access costs: alignment, cache, bus, page walks. Called by the memory access paths with addresses and
 * sizes, never with values; a plain hit is decided before it gets here (mmu/timed-linear-access.ts).
 *
 * A wait is charged when it happens. While a block runs on its static schedule, all of the block's clocks are in the
 * cycle counter already; a wait is simply added if nothing else depends on it, otherwise the block goes on step by step
 * (`leave`), from the state that stepping would have had here.
 */
import { BlockWord, InstructionWord, MicroWord } from "../cpu/decode-records.ts";
import { Counter, Word } from "../cpu/state.ts";
import type { PageWalk } from "../mmu/page-walk.ts";
import { InstructionTiming, ScheduleBits } from "./block-schedule.ts";
import type { CodeCache } from "./code-cache.ts";
import type { P5Configuration } from "./configuration.ts";
import { Cause } from "./cycle-causes.ts";
import { Caching, type DataCache } from "./data-cache.ts";
import { type EventCounters, PerformanceEvent } from "./event-counters.ts";
import type { PairingRules } from "./pairing.ts";
import { crosses, type Pipeline, sameBank } from "./pipeline.ts";
import { carryAfter, withCarryOf, withCredit } from "./shadowing.ts";
import { CacheGeometry, Course, PairBank, PipelineState, TimingWord } from "./timing-state.ts";

const LINE_MASK = CacheGeometry.LineBytes - 1;
const NEXT = InstructionWord.Words as number;

export class DataPort {
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly cache: DataCache;
  private readonly code: CodeCache;
  private readonly ramBytes: number;
  private readonly rules: PairingRules;
  private readonly pipeline: Pipeline;
  private readonly causes: Float64Array;
  private readonly events: EventCounters;
  private readonly configuration: P5Configuration;

  /** @param words the whole linear memory */
  constructor(
    words: Int32Array,
    counters: Float64Array,
    cache: DataCache,
    code: CodeCache,
    ramBytes: number,
    rules: PairingRules,
    pipeline: Pipeline,
    configuration: P5Configuration,
  ) {
    this.words = words;
    this.counters = counters;
    this.cache = cache;
    this.code = code;
    this.ramBytes = ramBytes;
    this.rules = rules;
    this.pipeline = pipeline;
    this.causes = pipeline.causes;
    this.events = pipeline.events;
    this.configuration = configuration;
  }

  /** Whether every access has to come here, because accesses are counted. */
  get counting(): boolean {
    return this.events.counting;
  }

  /** A read of `bytes` inside one page. */
  read(linear: number, physical: number, bytes: number): void {
    if (this.words[TimingWord.GroupLocked] === 0) {
      if (crosses(linear, bytes)) this.crossing();
      this.readLine(physical);
      if ((physical & LINE_MASK) + bytes > CacheGeometry.LineBytes) this.readLine(nextLine(physical));
    }
  }

  /** A read inside one doubleword. */
  readAligned(physical: number): void {
    if (this.words[TimingWord.GroupLocked] === 0) this.readLine(physical);
  }

  /** A write inside one doubleword. */
  writeAligned(physical: number): void {
    if (this.words[TimingWord.GroupLocked] === 0) this.writeLine(physical);
    else this.writeLocked(physical);
  }

  /** A read that lies in two pages: `first` and `second` are the physical addresses of its parts. */
  readCrossing(first: number, second: number): void {
    this.crossing();
    this.readLine(first);
    this.readLine(second);
  }

  write(linear: number, physical: number, bytes: number): void {
    if (this.words[TimingWord.GroupLocked] !== 0) {
      this.writeLocked(physical);
      return;
    }
    if (crosses(linear, bytes)) this.crossing();
    this.writeLine(physical);
    if ((physical & LINE_MASK) + bytes > CacheGeometry.LineBytes) this.writeLine(nextLine(physical));
  }

  writeCrossing(first: number, second: number): void {
    this.crossing();
    this.writeLine(first);
    this.writeLine(second);
  }

  /** A page walk has read and perhaps written its entries. `fetch`: for the code TLB, between groups. */
  pageWalk(walk: PageWalk, fetch: boolean): void {
    const { configuration } = this;
    const cause = fetch ? Cause.CodeTlb : Cause.DataTlb;
    if (this.events.counting) this.events.count(fetch ? PerformanceEvent.CodeTlbMiss : PerformanceEvent.DataTlbMiss);
    const start = this.now();
    let clocks = configuration.pageWalk;
    clocks += this.walkLevel(start + clocks, walk.directoryAddress, walk.directoryWritten);
    if (walk.tableAddress !== -1) clocks += this.walkLevel(start + clocks, walk.tableAddress, walk.tableWritten);
    if (this.events.counting) this.countWriteBacks();
    if (!fetch) {
      this.wait(clocks, cause);
      return;
    }
    this.causes[cause] += clocks;
    this.counters[Counter.Cycles] += clocks;
  }

  /**
   * The V instruction `record`, about to execute, accesses `address`, its U partner accessed `before`: whether it is in the same bank or crosses
   * its container. Only static schedules leave that open.
   */
  checkBank(record: number, address: number, before: number): void {
    const { words } = this;
    if (!this.isFast() || !(sameBank(address, before) || crosses(address, this.rules.bytesOf(record)))) return;
    const clocks = this.configuration.bankConflict;
    this.causes[Cause.BankConflict] += clocks;
    words[TimingWord.Touched] = 1;
    words[TimingWord.ConflictRecord] = record;
    if (this.absorbs(record, clocks)) {
      this.absorb(record, clocks);
      return;
    }
    // `leave` counts the conflict among the group's clocks.
    this.leaveAfter(record);
    this.counters[Counter.Cycles] += clocks;
  }

  private walkLevel(now: number, physical: number, written: boolean): number {
    const read = Math.max(this.configuration.pageWalkLevel, this.cache.read(now, physical, this.cachingOf(physical)));
    return written ? read + this.cache.locked(now + read, physical) : read;
  }

  /** The running instruction stores where the code cache may have a line: it is dropped and, if it is near, fetched again. */
  codeWritten(physical: number, bytes: number): void {
    let held = this.code.invalidate(physical);
    if (((physical ^ (physical + bytes - 1)) & ~LINE_MASK) !== 0)
      held = this.code.invalidate(physical + bytes - 1) || held;
    if (held) this.wait(this.configuration.selfModify, Cause.SelfModify);
  }

  /** Adds clocks that the running instruction waits. */
  wait(clocks: number, cause: Cause): void {
    if (clocks === 0) return;
    this.causes[cause] += clocks;
    this.pipeline.lastWait = cause;
    if (this.isFast()) {
      const record = this.current();
      if (this.absorbs(record, clocks)) {
        this.absorb(record, clocks);
        return;
      }
      this.leaveAfter(record);
    }
    this.counters[Counter.Cycles] += clocks;
    this.words[TimingWord.GroupExtra] += clocks;
  }

  /** The instruction with which the charged block was entered. */
  private entryRecord(): number {
    const { words } = this;
    const entry = words[TimingWord.EntryRecord];
    return entry === 0 ? words[words[Word.ChargedBlock] + BlockWord.FirstInstruction] : entry;
  }

  /** Whether the running instruction is charged by its block's static schedule. */
  private isFast(): boolean {
    return this.words[TimingWord.Course] >= Course.Static;
  }

  /** The core clock of an access made now. */
  private now(): number {
    const { words } = this;
    const cycles = this.counters[Counter.Cycles];
    if (words[TimingWord.Course] === Course.None) return cycles;
    const block = words[Word.ChargedBlock];
    const record = this.current();
    return (
      cycles -
      words[block + BlockWord.Clocks] +
      words[record + InstructionWord.ClocksThrough] -
      (words[TimingWord.Course] === Course.Leaving ? 0 : this.ahead(record))
    );
  }

  /** Clocks charged at the entry of the static schedule that stepping charges when the pair begun by `record` is complete. */
  private ahead(record: number): number {
    const { words } = this;
    const first = (words[record + InstructionTiming.Schedule] & ScheduleBits.First) !== 0;
    return first && record === this.entryRecord() ? words[TimingWord.EntryInterlock] : 0;
  }

  /** RAM is cached; PCD and PWT of its mapping are not looked at. */
  private cachingOf(physical: number): Caching {
    return physical >>> 0 < this.ramBytes ? Caching.WriteBack : Caching.None;
  }

  /** Record of the instruction that executes. */
  private current(): number {
    return this.words[this.words[Word.CurrentMicro] + MicroWord.Instruction];
  }

  private writeLocked(physical: number): void {
    const clocks = this.cache.locked(this.now(), physical);
    if (this.events.counting) {
      this.events.count(PerformanceEvent.LockedCycle);
      this.countWriteBacks();
    }
    this.wait(clocks, Cause.Lock);
  }

  /** Counts the modified lines that have left the data cache. */
  countWriteBacks(): void {
    for (; this.cache.writtenBack > 0; this.cache.writtenBack--)
      if (this.events.counting) this.events.count(PerformanceEvent.LineWrittenBack);
  }

  private readLine(physical: number): void {
    const { events, cache } = this;
    const clocks = cache.read(this.now(), physical, this.cachingOf(physical));
    if (events.counting) {
      this.countWriteBacks();
      events.count(PerformanceEvent.DataRead);
      events.count(PerformanceEvent.DataAccess);
      if (cache.missed) events.count(PerformanceEvent.DataReadMiss);
      if (cache.missed) events.count(PerformanceEvent.DataMiss);
      if (clocks > 0) events.count(PerformanceEvent.ReadWait, clocks);
    }
    this.wait(clocks, Cause.DataCache);
  }

  private writeLine(physical: number): void {
    const { words, events, cache } = this;
    const inV = this.isFast()
      ? (words[this.current() + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0
      : words[TimingWord.PairPhase] === 2;
    const clocks = cache.write(this.now(), physical, inV ? 1 : 0, this.cachingOf(physical));
    if (events.counting) {
      events.count(PerformanceEvent.DataWrite);
      events.count(PerformanceEvent.DataAccess);
      events.count(cache.missed ? PerformanceEvent.DataWriteMiss : PerformanceEvent.WriteHit);
      if (cache.missed) events.count(PerformanceEvent.DataMiss);
      if (clocks > 0) events.count(PerformanceEvent.WriteBackup, clocks);
    }
    this.wait(clocks, Cause.WriteBuffer);
  }

  /** An access of eight or ten bytes, made in parts, is not in one aligned quadword. */
  misaligned(): void {
    this.crossing();
  }

  /** The access crosses its container: it waits, and what its partner accesses after it conflicts with it. */
  private crossing(): void {
    const { words } = this;
    if (this.isFast()) {
      const record = this.current();
      const bits = words[record + InstructionTiming.Schedule];
      // Whether a pair meets in a bank is then decided step by step.
      if ((bits & (ScheduleBits.First | ScheduleBits.Second)) !== 0) this.leaveAfter(record);
    }
    words[TimingWord.GroupCrossed] = 1;
    if (this.events.counting) this.events.count(PerformanceEvent.Misaligned);
    this.wait(this.configuration.misaligned, Cause.Misaligned);
  }

  /** Whether a wait of the running instruction can be added to the static schedule as it is. */
  private absorbs(record: number, clocks: number): boolean {
    const { words, counters } = this;
    const bits = words[record + InstructionTiming.Schedule];
    if ((bits & (ScheduleBits.Sensitive | ScheduleBits.RunTime)) !== 0) return false;
    if ((bits & ScheduleBits.Second) !== 0 && this.stallOf(record - NEXT) !== 0) return false;
    return counters[Counter.Cycles] + clocks < counters[Counter.LimitCycle];
  }

  private absorb(record: number, clocks: number): void {
    const { words } = this;
    const bits = words[record + InstructionTiming.Schedule];
    this.counters[Counter.Cycles] += clocks;
    this.addExitCredit(bits, clocks);
    words[TimingWord.Touched] = 1;
    if (words[TimingWord.StallRecord] === record) {
      words[TimingWord.StallClocks] += clocks;
      return;
    }
    words[TimingWord.OlderStallRecord] = words[TimingWord.StallRecord];
    words[TimingWord.OlderStallClocks] = words[TimingWord.StallClocks];
    words[TimingWord.StallRecord] = record;
    words[TimingWord.StallClocks] = clocks;
  }

  /** A group of the running static block, with these schedule bits, takes longer: what the state after the block gains from that. */
  addExitCredit(bits: number, clocks: number): void {
    const { words } = this;
    if ((bits & ScheduleBits.LastGroup) !== 0) {
      words[TimingWord.Pipeline] = withCredit(words[TimingWord.Pipeline], clocks, false);
    } else if ((bits & ScheduleBits.LastButOne) !== 0) {
      words[TimingWord.Pipeline] = withCredit(words[TimingWord.Pipeline], clocks, true);
    }
  }

  /** Clocks that `record` waited in the running static block, as far as remembered. */
  private stallOf(record: number): number {
    const { words } = this;
    if (words[TimingWord.StallRecord] === record) return words[TimingWord.StallClocks];
    return words[TimingWord.OlderStallRecord] === record ? words[TimingWord.OlderStallClocks] : 0;
  }

  /** The interpreter stops behind `record`, which has executed on the static schedule: makes the state that stepping would have left. */
  stop(record: number): void {
    const { words } = this;
    if ((words[record + InstructionTiming.Schedule] & ScheduleBits.First) !== 0) {
      this.leave(record, true);
      this.pipeline.end(record);
      return;
    }
    const block = words[record + InstructionWord.Block];
    // At the end of the block the state after it is there already.
    if (words[record + InstructionWord.Number] + 1 === words[block + BlockWord.Count]) return;
    words[TimingWord.Pipeline] = this.stateBefore(record + NEXT);
  }

  /** `leave`, and the interpreter stops behind `record`, which executes. */
  private leaveAfter(record: number): void {
    this.leave(record);
    this.words[Word.CodeChanged] = 1;
  }

  /**
   * From here on the block goes step by step: makes the words that stepping would have left when it began `record`. The cycle
   * counter still holds the whole block until the interpreter reaches the instruction's end. `executed`: it has executed already.
   */
  leave(record: number, executed = false): void {
    const { words, rules, configuration } = this;
    const bits = words[record + InstructionTiming.Schedule];
    const second = (bits & ScheduleBits.Second) !== 0;
    const first = second ? record - NEXT : record;
    const before = this.stateBefore(first);
    const conflict = (bits & ScheduleBits.Conflict) !== 0 || words[TimingWord.ConflictRecord] === record;
    words[TimingWord.Course] = Course.Leaving;
    this.counters[Counter.Cycles] -= this.ahead(record);
    words[TimingWord.Pipeline] = before;
    words[TimingWord.Pairs] = 0;
    if ((bits & (ScheduleBits.First | ScheduleBits.Second)) !== 0) this.pipeline.expectSecond(first, first + NEXT);
    words[TimingWord.PairPhase] = second ? 2 : 0;
    words[TimingWord.GroupAlone] = rules.aloneClocks(first);
    words[TimingWord.GroupInterlock] =
      (bits & ScheduleBits.Interlock) !== 0
        ? configuration.addressGenerationInterlock
        : first === this.entryRecord()
          ? words[TimingWord.EntryInterlock]
          : 0;
    words[TimingWord.GroupPrefix] = (bits & ScheduleBits.PrefixMask) >> ScheduleBits.PrefixShift;
    words[TimingWord.GroupCarry] = carryAfter(configuration.prefixShadowing ? before : 0, rules.prefixes(first));
    words[TimingWord.GroupExtraU] = second ? this.stallOf(first) : 0;
    const met = words[TimingWord.ConflictRecord] === record ? configuration.bankConflict : 0;
    words[TimingWord.GroupExtra] = words[TimingWord.GroupExtraU] + Math.max(0, this.stallOf(record) - met);
    words[TimingWord.GroupClocks] =
      (second
        ? words[TimingWord.PairClocks] + (conflict ? configuration.bankConflict : 0)
        : words[TimingWord.GroupAlone]) + words[TimingWord.GroupInterlock];
    if (words[TimingWord.Pairs] !== 0 && words[TimingWord.PairBanks] === PairBank.ByAddress && !second) {
      words[TimingWord.FirstAddress] = executed ? this.addressAfter(first) : this.pipeline.addressOf(first);
    }
    words[TimingWord.GroupFloat] = 0;
    words[TimingWord.GroupFlush] = before & PipelineState.Flush;
    words[TimingWord.GroupCrossed] = 0;
    words[TimingWord.GroupLocked] = 0;
  }

  /** Linear address that `record` accessed, now that it has executed (flat segments). */
  private addressAfter(record: number): number {
    const { words } = this;
    if (this.rules.losesAddress(record)) return words[TimingWord.PartnerAddress];
    const [registers, displacement] = this.rules.addressAfter(record);
    return (words[registers & 0xff] + (words[(registers >> 8) & 0xff] << (registers >> 16)) + displacement) | 0;
  }

  /** Pipeline state before the group that begins with `first`: the schedule's, and what the group before it waited. */
  private stateBefore(first: number): number {
    const { words } = this;
    const entry = this.entryRecord();
    if (first === entry) return words[TimingWord.EntryState];
    const last = first - NEXT;
    const pair = (words[last + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0;
    const before = pair ? last - NEXT : last;
    let waited = this.stallOf(last) + (pair ? this.stallOf(before) : 0);
    let state = words[first + InstructionTiming.Before];
    if (before === entry) {
      waited += words[TimingWord.EntryInterlock];
      if (this.rules.prefixes(before) === 0)
        state = withCarryOf(state, words[TimingWord.EntryState], this.configuration);
    }
    return waited > 0 ? withCredit(state, waited, false) : state;
  }
}

function nextLine(physical: number): number {
  return (physical | LINE_MASK) + 1;
}
