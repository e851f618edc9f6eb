/**
 * The P5's issue logic, step by step: the reference that block-schedule.ts abbreviates. `begin` is called before each
 * instruction, `end` after it, `branch` after a near transfer. All state is in the state block, so that a run may stop
 * between any two instructions.
 *
 * A group's own clocks are charged when its last member begins; between the members of a pair no clock passes, so that
 * a run that stops at a clock never stops inside a pair. What memory accesses add is charged when it happens.
 */
import { BlockWord, InstructionWord, OperandBits } from "../cpu/decode-records.ts";
import { Counter, SegmentRegister, SegmentWord, Word } from "../cpu/state.ts";
import { InstructionTiming, mispredictionClocks, ScheduleBits } from "./block-schedule.ts";
import type { BranchTargetBuffer } from "./branch-target-buffer.ts";
import type { CodeCache } from "./code-cache.ts";
import type { P5Configuration } from "./configuration.ts";
import { Cause } from "./cycle-causes.ts";
import type { DataCache } from "./data-cache.ts";
import { EventCounters, PerformanceEvent } from "./event-counters.ts";
import { FormTrait, type PairingRules } from "./pairing.ts";
import { carryAfter, prefixStall, stateAfter } from "./shadowing.ts";
import { PairBank, PipelineState, TimingWord } from "./timing-state.ts";
import type { X87Unit } from "./x87-unit.ts";

export class Pipeline {
  /** Clocks waited by cause, ever increasing. Not state. */
  readonly causes: Float64Array;
  readonly events: EventCounters;
  /** Makes the next access of every page come to the data port: what a locked instruction needs. */
  dropMemos: () => void = () => {};
  /** Cause of the last wait of a memory access. Not state. */
  lastWait = Cause.DataCache;
  /** Clock at which the last group was ready to execute but for interlock and prefixes. Not state. */
  groupStart = 0;
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly rules: PairingRules;
  private readonly code: CodeCache;
  private readonly data: DataCache;
  private readonly branches: BranchTargetBuffer;
  private readonly float: X87Unit;
  private readonly configuration: P5Configuration;

  /** @param words the whole linear memory */
  constructor(
    words: Int32Array,
    counters: Float64Array,
    rules: PairingRules,
    code: CodeCache,
    data: DataCache,
    branches: BranchTargetBuffer,
    float: X87Unit,
    configuration: P5Configuration,
  ) {
    this.words = words;
    this.counters = counters;
    this.rules = rules;
    this.code = code;
    this.data = data;
    this.branches = branches;
    this.configuration = configuration;
    this.causes = new Float64Array(Cause.Count);
    this.events = new EventCounters(words);
    this.float = float;
  }

  /** The instruction `record` is about to execute; `next` is the record that follows it in its block, or 0. */
  begin(record: number, next: number): void {
    const { words } = this;
    if (words[Word.RepeatInProgress] !== 0) return;
    if (words[TimingWord.PairPhase] === 1) {
      if (words[TimingWord.PairEip] === words[record + InstructionWord.Eip]) {
        this.beginSecond(record);
        return;
      }
      this.abandon();
    }
    this.beginGroup(record, next);
  }

  /** The instruction `record` has executed. */
  end(record: number): void {
    const { words, rules } = this;
    if (this.events.counting) {
      this.events.count(PerformanceEvent.Instruction);
      if (words[TimingWord.PairPhase] === 2) this.events.count(PerformanceEvent.InstructionInV);
    }
    if (rules.isFloatingPoint(record)) this.endFloat(record);
    const pairs = words[TimingWord.Pairs] !== 0;
    if (pairs && words[TimingWord.PairPhase] === 0) {
      words[TimingWord.PairPhase] = 1;
      words[TimingWord.Pipeline] |= PipelineState.Unfinished;
      words[TimingWord.GroupExtraU] = words[TimingWord.GroupExtra];
      return;
    }
    let extra = words[TimingWord.GroupExtra];
    if (pairs) extra = this.overlap(words[TimingWord.GroupExtraU], extra);
    words[TimingWord.Pipeline] = stateAfter(
      pairs ? words[TimingWord.PairWritten] : words[record + InstructionTiming.Written],
      words[TimingWord.GroupClocks] + extra,
      words[TimingWord.GroupCarry],
      !pairs && (words[record + InstructionTiming.Schedule] & ScheduleBits.String) !== 0,
    );
    words[TimingWord.PairPhase] = 0;
    words[TimingWord.Pairs] = 0;
    words[TimingWord.GroupLocked] = 0;
  }

  /**
   * A near transfer has executed (after `end`). `inV`: in the V pipe; `flushing`: its group was the first after a
   * mispredicted branch.
   */
  branch(record: number, linear: number, taken: boolean, target: number, inV: boolean, flushing: boolean): void {
    const { words, configuration } = this;
    const allocate = !configuration.btbNoAllocateUnmarked || this.code.marked(words[record + InstructionWord.Physical]);
    if (this.events.counting) this.countBranch(linear, taken);
    let right = this.branches.execute(linear, taken, target, allocate);
    // The branch of a loop that is a single group is predicted normally: such loops run at one clock.
    if (flushing && words[TimingWord.FlushBranch] !== linear) right = !taken;
    if (right) return;
    if (this.events.counting) this.events.count(PerformanceEvent.PipelineFlush);
    const clocks = mispredictionClocks(configuration, inV && this.rules.isConditional(record));
    this.counters[Counter.Cycles] += clocks;
    this.causes[Cause.Branch] += clocks;
    words[TimingWord.Pipeline] = PipelineState.Flush;
    words[TimingWord.FlushBranch] = linear;
  }

  private countBranch(linear: number, taken: boolean): void {
    const known = this.branches.find(linear) >= 0;
    this.events.count(PerformanceEvent.Branch);
    if (known) this.events.count(PerformanceEvent.BranchTargetHit);
    if (known || taken) this.events.count(PerformanceEvent.TakenOrHit);
  }

  /** Control leaves the stream of instructions (event, far transfer): nothing is pending, nothing hides or interlocks. */
  redirect(): void {
    if (this.words[TimingWord.PairPhase] === 1) this.abandon();
    this.words[TimingWord.PairPhase] = 0;
    this.words[TimingWord.Pairs] = 0;
    this.words[TimingWord.GroupLocked] = 0;
    this.words[TimingWord.Pipeline] = 0;
  }

  /** The second member never came: the first one had the group to itself. */
  private abandon(): void {
    const { words } = this;
    this.charge(words[TimingWord.GroupAlone]);
    words[TimingWord.PairPhase] = 0;
    words[TimingWord.Pairs] = 0;
    words[TimingWord.Pipeline] = stateAfter(0, words[TimingWord.GroupAlone], words[TimingWord.GroupCarry], false);
  }

  private beginGroup(record: number, next: number): void {
    const { words, rules, configuration } = this;
    const fetched = this.fetch(record);
    this.groupStart = this.counters[Counter.Cycles];
    const state = words[TimingWord.Pipeline];
    const facts = words[record + InstructionTiming.Schedule];
    const marked = this.code.testAndMark(words[record + InstructionWord.Physical]);
    const pairs = next !== 0 && this.pairsNow(record, next, marked);
    const hiding = fetched || !configuration.prefixShadowing ? 0 : state;
    const prefixes = rules.prefixes(record);
    const waits = prefixStall(hiding, prefixes);
    const addresses = (facts & ScheduleBits.AddressMask) | (pairs ? rules.addressRegisters(next) : 0);
    const interlocked =
      waits === 0 &&
      !fetched &&
      (state & addresses & PipelineState.WrittenMask) !== 0 &&
      ((state & PipelineState.String) === 0 || (facts & ScheduleBits.String) === 0);
    words[TimingWord.GroupFlush] = state & PipelineState.Flush;
    words[TimingWord.GroupInterlock] = interlocked ? configuration.addressGenerationInterlock : 0;
    words[TimingWord.GroupPrefix] = waits;
    words[TimingWord.GroupCarry] = carryAfter(hiding, prefixes);
    words[TimingWord.GroupExtra] = 0;
    words[TimingWord.GroupExtraU] = 0;
    words[TimingWord.GroupFloat] = rules.isFloatingPoint(record) ? this.waitForFloat(record) : 0;
    words[TimingWord.GroupCrossed] = 0;
    words[TimingWord.GroupAlone] = rules.aloneClocks(record);
    words[TimingWord.GroupLocked] = 0;
    if ((facts & ScheduleBits.Special) !== 0 && rules.isLocked(record)) {
      words[TimingWord.GroupLocked] = 1;
      this.dropMemos();
    }
    if (pairs) {
      this.expectSecond(record, next);
      if (words[TimingWord.PairBanks] === PairBank.ByAddress) words[TimingWord.FirstAddress] = this.addressOf(record);
    } else {
      words[TimingWord.Pairs] = 0;
      if ((facts & ScheduleBits.Special) !== 0 && rules.isSerializing(record)) this.waitForBuffers();
      this.charge(words[TimingWord.GroupAlone]);
    }
  }

  /** Notes what the second member of a pair will need: by then the first one's record may be gone. */
  expectSecond(first: number, second: number): void {
    const { words, rules } = this;
    words[TimingWord.Pairs] = 1;
    words[TimingWord.PairPhase] = 0;
    words[TimingWord.PairEip] = words[second + InstructionWord.Eip];
    words[TimingWord.PairClocks] = rules.pairClocks(first, second);
    words[TimingWord.PairWritten] = rules.writtenPair(first, second);
    words[TimingWord.PairBanks] = rules.banks(first, second);
  }

  private beginSecond(record: number): void {
    const { words } = this;
    this.fetch(record);
    this.code.testAndMark(words[record + InstructionWord.Physical]);
    words[TimingWord.PairPhase] = 2;
    let clocks = words[TimingWord.PairClocks];
    if (this.banksMeet(record)) {
      clocks += this.configuration.bankConflict;
      this.causes[Cause.BankConflict] += this.configuration.bankConflict;
      if (this.events.counting) this.events.count(PerformanceEvent.BankConflict);
    }
    if (this.events.counting && words[TimingWord.PairBanks] !== PairBank.None) {
      this.events.count(PerformanceEvent.MemoryInBothPipes);
    }
    this.charge(clocks);
  }

  /** Clocks that a floating-point instruction waits beyond its group's other waits before execution. */
  private waitForFloat(record: number): number {
    const { words, counters } = this;
    const ready = counters[Counter.Cycles] + words[TimingWord.GroupInterlock] + words[TimingWord.GroupPrefix];
    return this.float.begin(record, ready);
  }

  /** The floating-point instruction `record` has executed. The clocks of a pair begun by it are still to pass. */
  private endFloat(record: number): void {
    const { words, counters } = this;
    if (this.events.counting && this.float.isOperation(record)) this.events.count(PerformanceEvent.FloatingPoint);
    const first = words[TimingWord.Pairs] !== 0 && words[TimingWord.PairPhase] === 0;
    const pending = first
      ? words[TimingWord.PairClocks] +
        words[TimingWord.GroupInterlock] +
        words[TimingWord.GroupPrefix] +
        words[TimingWord.GroupFloat]
      : 0;
    this.float.end(record, counters[Counter.Cycles] + pending);
  }

  private waitForBuffers(): void {
    const clocks = Math.max(0, this.data.buffersEmptyAt() - this.counters[Counter.Cycles]);
    this.counters[Counter.Cycles] += clocks;
    this.causes[Cause.WriteBuffer] += clocks;
  }

  /** Charges a group's clocks, with what it waits before execution. */
  private charge(clocks: number): void {
    const { words } = this;
    const interlock = words[TimingWord.GroupInterlock];
    const prefix = words[TimingWord.GroupPrefix];
    const float = words[TimingWord.GroupFloat];
    this.counters[Counter.Cycles] += clocks + interlock + prefix + float;
    if (float !== 0) this.causes[Cause.FloatingPoint] += float;
    if (interlock !== 0) {
      this.causes[Cause.Interlock] += interlock;
      if (this.events.counting) this.events.count(PerformanceEvent.Interlock, interlock);
    }
    if (prefix !== 0) this.causes[Cause.Prefix] += prefix;
    words[TimingWord.GroupClocks] = clocks + interlock + float;
  }

  /** Brings the instruction's code lines in; whether it had to wait for them. */
  private fetch(record: number): boolean {
    const { words } = this;
    const physical = words[record + InstructionWord.Physical];
    if (this.code.isCurrent(physical, words[record + InstructionWord.Length]) && !this.events.counting) return false;
    const last = this.lastByte(record);
    const before = this.counters[Counter.Cycles];
    this.fetchByte(physical);
    if (((physical ^ last) & ~7) !== 0) this.fetchByte(last);
    return this.counters[Counter.Cycles] !== before;
  }

  private fetchByte(physical: number): void {
    const clocks = this.code.fetch(this.counters[Counter.Cycles], physical);
    if (this.events.counting) {
      this.events.count(PerformanceEvent.CodeRead);
      if (this.code.missed) this.events.count(PerformanceEvent.CodeCacheMiss);
    }
    this.counters[Counter.Cycles] += clocks;
    this.causes[Cause.CodeCache] += clocks;
  }

  private lastByte(record: number): number {
    const { words } = this;
    const physical = words[record + InstructionWord.Physical];
    const end = physical + words[record + InstructionWord.Length] - 1;
    if (((physical ^ end) & ~0xfff) === 0) return end;
    const second = words[words[record + InstructionWord.Block] + BlockWord.SecondPage];
    return second + (end & 0xfff);
  }

  /** Static rules, and: the second one's bytes are there, and the first one's length is known. */
  private pairsNow(first: number, second: number, marked: boolean): boolean {
    const { words, code } = this;
    const allowed =
      second === first + InstructionWord.Words
        ? (words[first + InstructionTiming.Schedule] & ScheduleBits.PairsWithNext) !== 0
        : this.rules.canPair(first, second);
    if (!allowed) return false;
    const known = !this.configuration.firstExecutionMarks || words[first + InstructionWord.Length] === 1 || marked;
    return (
      known &&
      code.ready(this.counters[Counter.Cycles], words[second + InstructionWord.Physical], this.lastByte(second))
    );
  }

  /** Whether the pair's second member, about to execute, meets the first one in a bank. */
  private banksMeet(second: number): boolean {
    const { words } = this;
    const banks = words[TimingWord.PairBanks];
    if (banks === PairBank.None) return false;
    if (banks === PairBank.Same || words[TimingWord.GroupCrossed] !== 0) return true;
    const address = this.addressOf(second);
    if (crosses(address, this.rules.bytesOf(second))) return true;
    return banks === PairBank.ByAddress && sameBank(address, words[TimingWord.FirstAddress]);
  }

  /** Linear address of the data that an instruction of a pair is going to access. */
  addressOf(record: number): number {
    const { words } = this;
    const traits = this.rules.trait(record);
    const stack = words[Word.Esp] + segmentBase(words, SegmentRegister.Ss);
    if ((traits & (FormTrait.Push | FormTrait.Call)) !== 0) return (stack - 4) | 0;
    if ((traits & FormTrait.Pop) !== 0) return stack | 0;
    const bits = words[record + InstructionWord.Operands];
    const offset =
      words[words[record + InstructionWord.Base]] +
      (words[words[record + InstructionWord.Index]] << words[record + InstructionWord.Shift]) +
      words[record + InstructionWord.Displacement];
    const segment = (bits & OperandBits.SegmentMask) >> OperandBits.SegmentShift;
    return (((bits & OperandBits.Address32) !== 0 ? offset : offset & 0xffff) + segmentBase(words, segment)) | 0;
  }

  /** Both members waited: more than the longer wait, less than the sum. Takes back what was charged too much. */
  private overlap(first: number, both: number): number {
    const second = both - first;
    if (first === 0 || second === 0) return both;
    const together = Math.max(first, second) + this.configuration.secondMiss;
    this.counters[Counter.Cycles] += together - both;
    this.causes[this.lastWait] += together - both;
    return together;
  }
}

/** Whether two linear addresses select the same of the eight 4-byte banks. */
export function sameBank(a: number, b: number): boolean {
  return ((a ^ b) & 0x1c) === 0;
}

/** Whether `bytes` at a linear address cross their natural container: words a doubleword, doublewords an aligned one. */
export function crosses(linear: number, bytes: number): boolean {
  return bytes === 4 ? (linear & 3) !== 0 : bytes === 2 && (linear & 3) === 3;
}

function segmentBase(words: Int32Array, segment: number): number {
  return words[Word.Segments + 4 * segment + SegmentWord.Base];
}
