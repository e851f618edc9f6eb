/**
 * The static part of the timing of a decoded block, computed once: how its instructions group when it is entered with a
 * quiet pipeline (nothing hidden, nothing just written, all its code in the cache with marks), and the clocks of each.
 *
 * It is what pipeline.ts would do in that state, written down. A block that is entered in a state which makes a
 * difference (BlockTiming.EntryMask) runs step by step until the states agree again.
 */
import { BlockWord, ExecutionMode, InstructionWord, OperandBits } from "../cpu/decode-records.ts";
import { SegmentRegister } from "../cpu/state.ts";
import { codeAge } from "./code-cache.ts";
import type { P5Configuration } from "./configuration.ts";
import type { PairingRules } from "./pairing.ts";
import { carryAfter, prefixStall, stateAfter } from "./shadowing.ts";
import { CacheGeometry, PairBank, PipelineState } from "./timing-state.ts";

/** Words of a block record that belong to the timing model, from BlockWord.Timing on. BlockWord.Clocks holds its static clocks. */
export const enum BlockTiming {
  /** Pipeline state after it. */
  Exit = 10,
  /** Bits of the pipeline state that must be clear to run it on this schedule; NEVER_FAST: none will do. */
  EntryMask = 11,
  /** Marks needed in its first code line; those of the others are in the instruction records (InstructionTiming.LineMarks). */
  FirstMarks = 12,
  /** 1: it ended because it was long enough, so its last instruction may pair with what follows. */
  Open = 19,
  /** The age at Age when all its lines were last found in the cache with their marks, each the most recently used of its set. */
  LinesReady = 14,
  /** Where the age of its lines is: codeAge (code-cache.ts). */
  Age = 13,
  /** Bits of the pipeline state that must be clear to enter it without a closer look. */
  QuickMask = 15,
}

/** Words of an instruction record that belong to the timing model. InstructionWord.ClocksThrough holds static clocks. */
export const enum InstructionTiming {
  /** ScheduleBits. */
  Schedule = 10,
  /** Pipeline state before its group. */
  Before = 11,
  /** Of the first instruction of a group: where the pipeline state may not differ from Before if the schedule is to be entered here. */
  Relevant = 12,
  /** Registers that it leaves written when it is alone in its group. */
  Written = 13,
  /** Where the branch target buffer had the branch last. */
  BranchEntry = 14,
  /** Of the branch at its end: clocks of a misprediction. */
  Penalty = 15,
  /** In the record of instruction k: marks needed in line k + 1 of the block. */
  LineMarks = 16,
  /** In the record of instruction k: the first micro-operation of the first group that needs line k + 1 of the block. */
  LineStop = 17,
}

/** A bit that no pipeline state has and that every entry test adds. */
export const NEVER_FAST = 1 << 30;

export const enum ScheduleBits {
  /** Registers from which it makes addresses, implicit ones included. */
  AddressMask = 0xff,
  /** A string instruction. */
  String = 1 << 8,
  /** Locked or serializing. */
  Special = 1 << 9,
  /** All of its clocks are counted at run time: its first wait adds one clock less to the credit than it takes. */
  RunTime = 1 << 10,
  /** Prefix clocks that its group waits. */
  PrefixShift = 16,
  PrefixMask = 15 << 16,
  First = 1 << 20,
  Second = 1 << 21,
  /** A prefix in one of the next two groups: more clocks in this one would hide it. */
  Sensitive = 1 << 22,
  /** Its group is the last of the block, or the last but one. */
  LastGroup = 1 << 23,
  LastButOne = 1 << 24,
  /** Its group waits a clock for an address register. */
  Interlock = 1 << 26,
  /** Its group has an unavoidable bank conflict. */
  Conflict = 1 << 27,
  /** Its group is the whole block. */
  OnlyGroup = 1 << 28,
  /** A wait in its group changes more than the clocks: Sensitive, RunTime, LastGroup, LastButOne. */
  Delicate = (1 << 22) | (1 << 10) | (1 << 23) | (1 << 24),
  /** It can pair with the instruction after it in the block, whether or not the schedule says so. */
  PairsWithNext = 1 << 29,
}

/** `late`: a conditional branch in the V pipe, which is decided a stage later. */
export function mispredictionClocks(configuration: P5Configuration, late: boolean): number {
  return late ? configuration.branchMispredictV : configuration.branchMispredictU;
}

export class BlockScheduler {
  private readonly words: Int32Array;
  private readonly rules: PairingRules;
  private readonly configuration: P5Configuration;

  /** @param words the whole linear memory */
  constructor(words: Int32Array, rules: PairingRules, configuration: P5Configuration) {
    this.words = words;
    this.rules = rules;
    this.configuration = configuration;
  }

  /** Fills the timing words of a decoded block. */
  schedule(block: number): void {
    const { words, rules, configuration } = this;
    const count = words[block + BlockWord.Count];
    const first = words[block + BlockWord.FirstInstruction];
    const end = first + count * InstructionWord.Words;
    let state = 0;
    let through = 0;
    let groups = 0;
    let entryMask = 0;
    for (let record = first; record < end; ) {
      const second = record + InstructionWord.Words < end && rules.canPair(record, record + InstructionWord.Words);
      const other = second ? record + InstructionWord.Words : 0;
      const addresses = rules.addressRegisters(record) | (second ? rules.addressRegisters(other) : 0);
      const prefixes = rules.prefixes(record);
      const shadowed = configuration.prefixShadowing ? state : 0;
      const waits = prefixStall(shadowed, prefixes);
      const interlock = waits === 0 && this.interlocked(state, record, addresses);
      const bank = second ? rules.banks(record, other) : PairBank.None;
      let clocks = second ? rules.pairClocks(record, other) : rules.aloneClocks(record);
      if (interlock) clocks += configuration.addressGenerationInterlock;
      if (bank === PairBank.Same) clocks += configuration.bankConflict;
      const before = through;
      through += clocks + waits;
      const bits =
        (waits << ScheduleBits.PrefixShift) |
        (interlock ? ScheduleBits.Interlock : 0) |
        (bank === PairBank.Same ? ScheduleBits.Conflict : 0);
      words[record + InstructionTiming.Schedule] = bits | (second ? ScheduleBits.First : 0);
      words[record + InstructionTiming.Before] = state;
      words[record + InstructionWord.ClocksThrough] = second ? before : through;
      if (second) {
        words[other + InstructionWord.ClocksThrough] = through;
        words[other + InstructionTiming.Schedule] = bits | ScheduleBits.Second;
        words[other + InstructionTiming.Before] = state;
      }
      if (rules.isLocked(record) || rules.isSerializing(record) || rules.isFloatingPoint(record))
        entryMask |= NEVER_FAST;
      if (bank === PairBank.ByAddress && !this.canCheckBank(record, other)) entryMask |= NEVER_FAST;
      if (groups === 0) entryMask |= addresses;
      if (groups < 2 && prefixes > 0) entryMask |= PipelineState.CreditMask | PipelineState.CarryMask;
      groups++;
      const written = second ? rules.writtenPair(record, other) : rules.writtenAlone(record);
      state = stateAfter(written, clocks, carryAfter(shadowed, prefixes), !second && rules.isString(record));
      record += second ? 2 * InstructionWord.Words : InstructionWord.Words;
    }
    words[block + BlockWord.Clocks] = through;
    words[block + BlockTiming.Exit] = state;
    words[block + BlockTiming.EntryMask] = entryMask | PipelineState.Unfinished;
    // A block that is one group passes on what the group before it had to spare, and knows a misprediction.
    const single = PipelineState.CreditMask | PipelineState.Flush;
    words[block + BlockTiming.QuickMask] = words[block + BlockTiming.EntryMask] | (groups === 1 ? single : 0);
    words[block + BlockTiming.LinesReady] = -1;
    const physical = words[block + BlockWord.Physical];
    words[block + BlockTiming.Age] = codeAge(physical, physical + words[block + BlockWord.Bytes] - 1);
    if (groups === 1) {
      for (let record = first; record < end; record += InstructionWord.Words) {
        words[record + InstructionTiming.Schedule] |= ScheduleBits.OnlyGroup;
      }
    }
    this.lookAhead(first, end);
    for (let record = first; record + InstructionWord.Words < end; record += InstructionWord.Words) {
      if (rules.canPair(record, record + InstructionWord.Words)) {
        words[record + InstructionTiming.Schedule] |= ScheduleBits.PairsWithNext;
      }
    }
    this.facts(first, end);
    this.relevant(first, end);
    this.lines(block, first, end);
  }

  /** Whether Micro.CheckBank can tell the addresses of a pair. */
  private canCheckBank(first: number, second: number): boolean {
    const { rules } = this;
    return (
      this.addressIsPlain(first) && this.addressIsPlain(second) && !(rules.usesStack(first) && rules.usesStack(second))
    );
  }

  /** No segment base, 32-bit addressing. */
  private addressIsPlain(record: number): boolean {
    const { words } = this;
    const mode = words[words[record + InstructionWord.Block] + BlockWord.Mode];
    if (this.rules.usesStack(record)) return (mode & ExecutionMode.FlatSs) !== 0;
    const bits = words[record + InstructionWord.Operands];
    const segment = (bits & OperandBits.SegmentMask) >> OperandBits.SegmentShift;
    const flat =
      segment === SegmentRegister.Ds
        ? ExecutionMode.FlatDs
        : segment === SegmentRegister.Ss
          ? ExecutionMode.FlatSs
          : segment === SegmentRegister.Es
            ? ExecutionMode.FlatEs
            : 0;
    return (mode & flat) !== 0 && (bits & OperandBits.Address32) !== 0;
  }

  private interlocked(state: number, record: number, addresses: number): boolean {
    if ((state & addresses & PipelineState.WrittenMask) === 0) return false;
    return (state & PipelineState.String) === 0 || !this.rules.isString(record);
  }

  /** From the end backwards: which groups are among the last two, and which have prefixes in the next two. */
  private lookAhead(first: number, end: number): void {
    const { words, rules } = this;
    let nextHasPrefix = false;
    let secondNextHasPrefix = false;
    let groupsAfter = 0;
    for (let record = end - InstructionWord.Words; record >= first; record -= InstructionWord.Words) {
      const second = (words[record + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0;
      const bits =
        (nextHasPrefix || secondNextHasPrefix ? ScheduleBits.Sensitive : 0) |
        (groupsAfter === 0 ? ScheduleBits.LastGroup : groupsAfter === 1 ? ScheduleBits.LastButOne : 0);
      words[record + InstructionTiming.Schedule] |= bits;
      if (second) {
        record -= InstructionWord.Words;
        words[record + InstructionTiming.Schedule] |= bits;
      }
      groupsAfter++;
      secondNextHasPrefix = nextHasPrefix;
      nextHasPrefix = rules.prefixes(record) > 0;
    }
  }

  /** What stepping asks of every instruction. */
  private facts(first: number, end: number): void {
    const { words, rules } = this;
    for (let record = first; record < end; record += InstructionWord.Words) {
      const special = rules.isLocked(record) || rules.isSerializing(record);
      words[record + InstructionTiming.Schedule] |=
        rules.addressRegisters(record) |
        (rules.isString(record) ? ScheduleBits.String : 0) |
        (special ? ScheduleBits.Special : 0) |
        (rules.aloneClocks(record) === 0 ? ScheduleBits.RunTime : 0);
      words[record + InstructionTiming.Written] = rules.writtenAlone(record);
      words[record + InstructionTiming.Penalty] = this.penalty(record);
    }
  }

  /** Clocks of a misprediction of `record`, issued where the schedule has it. */
  private penalty(record: number): number {
    const inV = (this.words[record + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0;
    return mispredictionClocks(this.configuration, inV && this.rules.isConditional(record));
  }

  /** What of the pipeline state each group and, through it, the state after the block depend on. */
  private relevant(first: number, end: number): void {
    const { words, rules } = this;
    const hiding = PipelineState.CreditMask | PipelineState.CarryMask;
    let nextHasPrefix = false;
    for (let record = end - InstructionWord.Words; record >= first; record -= InstructionWord.Words) {
      let addresses = rules.addressRegisters(record);
      if ((words[record + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0) {
        record -= InstructionWord.Words;
        addresses |= rules.addressRegisters(record);
      }
      const hasPrefix = rules.prefixes(record) > 0;
      words[record + InstructionTiming.Relevant] =
        addresses |
        (hasPrefix || nextHasPrefix ? hiding : 0) |
        PipelineState.String |
        PipelineState.Flush |
        PipelineState.Unfinished;
      nextHasPrefix = hasPrefix;
    }
  }

  /** For each code line: the places at which instructions of the block begin, and the group that needs it first. */
  private lines(block: number, first: number, end: number): void {
    const { words } = this;
    const firstLine = words[first + InstructionWord.Physical] >>> CacheGeometry.LineShift;
    words[block + BlockTiming.FirstMarks] = 0;
    for (let record = first; record < end; record += InstructionWord.Words)
      words[record + InstructionTiming.LineMarks] = 0;
    let group = first;
    let reached = 0;
    for (let record = first; record < end; record += InstructionWord.Words) {
      if ((words[record + InstructionTiming.Schedule] & ScheduleBits.Second) === 0) group = record;
      const physical = words[record + InstructionWord.Physical];
      const line = (physical >>> CacheGeometry.LineShift) - firstLine;
      const slot =
        line === 0
          ? block + BlockTiming.FirstMarks
          : first + (line - 1) * InstructionWord.Words + InstructionTiming.LineMarks;
      words[slot] |= 1 << (physical & 31);
      const lastByte = physical + words[record + InstructionWord.Length] - 1;
      for (; reached < (lastByte >>> CacheGeometry.LineShift) - firstLine; reached++) {
        words[first + reached * InstructionWord.Words + InstructionTiming.LineStop] =
          words[group + InstructionWord.FirstMicro];
      }
    }
  }
}
