/**
 * The P5 timing model as the interpreter and the memory paths see it: which block may run on its static schedule, what
 * happens around single instructions, where branches go. The parts are one file each.
 */
import { BlockWord, ExecutionMode, InstructionWord, MicroWord, TimingBits } from "../cpu/decode-records.ts";
import { FORMS } from "../cpu/instructions/table.ts";
import { Micro } from "../cpu/interpreter-micro.ts";
import { Counter, SegmentRegister, SegmentWord, Word } from "../cpu/state.ts";
import { BankCheck, type TimingModel } from "../cpu/timing-model.ts";
import { PAGE_SHIFT, PageFlag } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { BlockLines, STEPWISE, WHOLE } from "./block-lines.ts";
import { BlockScheduler, BlockTiming, InstructionTiming, NEVER_FAST, ScheduleBits } from "./block-schedule.ts";
import { BranchTargetBuffer } from "./branch-target-buffer.ts";
import { CodeCache } from "./code-cache.ts";
import type { P5Configuration } from "./configuration.ts";
import { Cause, type TimingListener } from "./cycle-causes.ts";
import { DataCache } from "./data-cache.ts";
import { DataPort } from "./data-port.ts";
import type { PerformanceEvent } from "./event-counters.ts";
import { MemoryBus } from "./memory-bus.ts";
import { FormTrait, PairingRules } from "./pairing.ts";
import { Pipeline } from "./pipeline.ts";
import { withCarryOf } from "./shadowing.ts";
import { Course, PairBank, PipelineState, TimingWord } from "./timing-state.ts";
import { X87Unit } from "./x87-unit.ts";

const CS_BASE = Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Base;

export class P5Timing implements TimingModel {
  readonly configuration: P5Configuration;
  readonly bus: MemoryBus;
  readonly data: DataCache;
  readonly code: CodeCache;
  private readonly lines: BlockLines;
  readonly branches: BranchTargetBuffer;
  readonly rules: PairingRules;
  readonly float: X87Unit;
  readonly pipeline: Pipeline;
  readonly port: DataPort;
  readonly causes: Float64Array;
  readonly bankConflict: number;
  readonly portAccess: number;
  readonly interruptAcknowledge: number;
  private listener: TimingListener | undefined = undefined;
  private stepwiseWanted = false;
  /** True: no block runs on its static schedule, because it was asked for, somebody listens, or events are counted. */
  private single = false;
  /** The record of the instruction after the last one of an open block (written to a scratch place), or 0. */
  lookAhead: (block: number) => number = () => 0;
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly memory: PhysicalMemory;
  private readonly scheduler: BlockScheduler;
  /** Pairing among the records of a block that is being decoded, and the one that may pair with the next. */
  partnerAddress: [registers: number, displacement: number] = [0, 0];
  private decodingRules: PairingRules | undefined = undefined;
  private partner = -1;
  readonly partnerNote = TimingWord.PartnerAddress;

  constructor(linear: LinearMemory, memory: PhysicalMemory, configuration: P5Configuration) {
    const { words32: words, stateCounters: counters } = linear;
    this.configuration = configuration;
    this.words = words;
    this.counters = counters;
    this.bus = new MemoryBus(words, counters, configuration);
    this.data = new DataCache(words, counters, this.bus, configuration);
    this.code = new CodeCache(words, counters, this.bus, configuration);
    this.lines = new BlockLines(words, this.code);
    this.branches = new BranchTargetBuffer(words);
    this.rules = new PairingRules(words, FORMS, configuration);
    this.float = new X87Unit(words, counters, FORMS);
    this.pipeline = new Pipeline(
      words,
      counters,
      this.rules,
      this.code,
      this.data,
      this.branches,
      this.float,
      configuration,
    );
    this.causes = this.pipeline.causes;
    this.bankConflict = configuration.bankConflict;
    this.portAccess = configuration.ioIsa;
    this.interruptAcknowledge = 2 * configuration.ioInta;
    this.port = new DataPort(
      words,
      counters,
      this.data,
      this.code,
      memory.byteLength,
      this.rules,
      this.pipeline,
      configuration,
    );
    this.memory = memory;
    this.code.filled = (physical) => this.watchStores(physical);
    this.scheduler = new BlockScheduler(words, this.rules, configuration);
  }

  /** Fills in the static part of a block that has just been decoded. `open`: it ended because it was long enough. */
  schedule(block: number, open: boolean): void {
    const { words } = this;
    const first = words[block + BlockWord.FirstInstruction];
    if (open) {
      const kept = this.rules.wholeGroups(first, words[block + BlockWord.Count]);
      if (kept < words[block + BlockWord.Count]) this.cut(block, kept);
    }
    this.scheduler.schedule(block);
    words[block + BlockTiming.Open] = open ? 1 : 0;
    if (open && words[block + BlockWord.Count] === 1) words[block + BlockTiming.EntryMask] |= NEVER_FAST;
  }

  needsBankCheck(records: Int32Array, record: number): BankCheck {
    let rules = this.decodingRules;
    if (rules === undefined) {
      rules = new PairingRules(records, FORMS, this.configuration);
      this.decodingRules = rules;
    }
    if (record === 0) this.partner = -1;
    const first = this.partner;
    if (first < 0 || !rules.canPair(first, record)) {
      this.partner = record;
      return BankCheck.None;
    }
    this.partner = -1;
    if (rules.banks(first, record) !== PairBank.ByAddress) return BankCheck.None;
    const [registers, displacement] = rules.losesAddress(first)
      ? [TimingWord.PartnerAddress | (Word.Zero << 8), 0]
      : rules.addressAfter(first);
    this.partnerAddress = [registers | ((rules.bytesOf(record) - 1) << 24), displacement];
    if (!rules.usesStack(record)) return BankCheck.Operand;
    return (rules.trait(record) & FormTrait.Pop) !== 0 ? BankCheck.Pop : BankCheck.Push;
  }

  losesAddress(record: number): boolean {
    return this.partner === record && this.decodingRules?.losesAddress(record) === true;
  }

  needsAddressNote(record: number): boolean {
    const rules = this.decodingRules;
    const next = record + InstructionWord.Words;
    return rules?.canPair(record, next) === true && rules.banks(record, next) === PairBank.ByAddress;
  }

  checkBank(record: number, address: number, before: number): void {
    this.port.checkBank(record, address, before);
  }

  /** Whether the block may be charged as a whole and run on its static schedule; if so it has been entered. Result: as of TimingModel.enter. */
  enter(block: number): number {
    const { words } = this;
    const state = words[TimingWord.Pipeline];
    const blocking = (state | NEVER_FAST) & words[block + BlockTiming.EntryMask];
    if (this.single || (blocking & ~PipelineState.WrittenMask) !== 0) return STEPWISE;
    const first = words[block + BlockWord.FirstInstruction];
    let interlock = 0;
    if (blocking !== 0) {
      interlock = this.entryInterlock(block, state, first);
      if (interlock < 0) return STEPWISE;
    }
    let end: number = WHOLE;
    const age = words[block + BlockTiming.Age];
    if (words[block + BlockTiming.LinesReady] === words[age]) words[TimingWord.SwappedLines] = 0;
    else {
      end = this.lines.reach(block);
      if (end === STEPWISE) return STEPWISE;
      const flat = (words[block + BlockWord.Mode] & ExecutionMode.FlatCode) !== 0;
      if (end === WHOLE && flat) words[block + BlockTiming.LinesReady] = words[age];
    }
    this.start(block, first, state, interlock);
    if (interlock !== 0) {
      this.counters[Counter.Cycles] += interlock;
      this.pipeline.causes[Cause.Interlock] += interlock;
      this.port.addExitCredit(words[first + InstructionTiming.Schedule], interlock);
    }
    return end;
  }

  /** Whether the rest of its block from `record` on may run on its static schedule; if so it has been entered, and its clocks are to be charged. */
  resume(record: number): number {
    const { words, counters } = this;
    const state = words[TimingWord.Pipeline];
    const difference = state ^ words[record + InstructionTiming.Before];
    if (
      (difference & words[record + InstructionTiming.Relevant]) !== 0 ||
      (words[record + InstructionTiming.Schedule] & ScheduleBits.Second) !== 0 ||
      this.single
    )
      return STEPWISE;
    const block = words[record + InstructionWord.Block];
    if ((words[block + BlockTiming.EntryMask] & NEVER_FAST) !== 0) return STEPWISE;
    const passed = words[record - InstructionWord.Words + InstructionWord.ClocksThrough];
    const count = words[block + BlockWord.Count] - words[record + InstructionWord.Number];
    if (
      counters[Counter.Cycles] + words[block + BlockWord.Clocks] - passed >= counters[Counter.LimitCycle] ||
      counters[Counter.Instructions] + count > counters[Counter.LimitInstructions]
    ) {
      return STEPWISE;
    }
    const end = this.lines.reachFrom(block, record);
    if (end !== STEPWISE) this.start(block, record, state, 0);
    return end;
  }

  /** The instruction `record` is about to execute on its own. */
  begin(record: number): void {
    const { words } = this;
    const block = words[record + InstructionWord.Block];
    let next = 0;
    if (words[record + InstructionWord.Number] + 1 < words[block + BlockWord.Count])
      next = record + InstructionWord.Words;
    else if (words[block + BlockTiming.Open] !== 0 && this.mayPair(record)) next = this.lookAhead(block);
    words[TimingWord.Course] = Course.None;
    this.pipeline.begin(record, next);
  }

  /** Whether `record` may be the first of a pair now. */
  private mayPair(record: number): boolean {
    const { words } = this;
    const isSecond =
      words[TimingWord.PairPhase] === 1 && words[TimingWord.PairEip] === words[record + InstructionWord.Eip];
    if (isSecond || !this.rules.canIssueFirst(record)) return false;
    const known = words[record + InstructionWord.Length] === 1 || !this.configuration.firstExecutionMarks;
    return known || this.code.marked(words[record + InstructionWord.Physical]);
  }

  /** The instruction `record` has executed and the interpreter stops behind it, inside a block or after one step. */
  boundary(record: number): void {
    const { words } = this;
    const inV = words[TimingWord.PairPhase] === 2;
    if (words[TimingWord.Course] < Course.Static) this.pipeline.end(record);
    else this.port.stop(record);
    this.leaveBlock(record);
    if (this.listener !== undefined) this.tell(record, inV);
  }

  /**
   * Control leaves a block at its last instruction `record`.
   * @param slot 0: to the next instruction; otherwise to EIP `target`
   */
  transfer(record: number, slot: number, target: number): void {
    const { words } = this;
    const fast = words[TimingWord.Course] >= Course.Static;
    words[TimingWord.Course] = Course.None;
    if (!fast) {
      this.transferStepped(record, slot !== 0, target);
      return;
    }
    if ((words[record + InstructionWord.TimingClass] & TimingBits.Branch) === 0) return;
    const base = words[CS_BASE];
    const linear = (base + words[record + InstructionWord.Eip]) | 0;
    const bits = words[record + InstructionTiming.Schedule];
    const flushing =
      (bits & ScheduleBits.OnlyGroup) !== 0 && (words[TimingWord.EntryState] & PipelineState.Flush) !== 0;
    if (!flushing) {
      if (slot === 0) {
        if (this.branches.ignores(linear)) return;
      } else if (this.branches.confirms(words[record + InstructionTiming.BranchEntry], linear, (base + target) | 0))
        return;
    }
    this.branch(record, linear, slot !== 0, (base + target) | 0, (bits & ScheduleBits.Second) !== 0, flushing);
  }

  /** The handler of `record`, the last instruction of its block, has run and set EIP. */
  handled(record: number): void {
    const { words } = this;
    if (words[Word.RepeatInProgress] !== 0) {
      if (words[TimingWord.Course] >= Course.Static) this.port.leave(record);
      words[TimingWord.Course] = Course.None;
      words[TimingWord.Pipeline] |= PipelineState.Unfinished;
      return;
    }
    const next = (words[record + InstructionWord.Eip] + words[record + InstructionWord.Length]) | 0;
    const conditional = (words[record + InstructionWord.TimingClass] & TimingBits.Conditional) !== 0;
    this.transfer(record, conditional && words[Word.Eip] === next ? 0 : 1, words[Word.Eip]);
    if (this.rules.redirects(record)) this.pipeline.redirect();
  }

  /** An event or a software interrupt has gone through a gate. */
  redirected(): void {
    this.pipeline.redirect();
  }

  /** The instruction `record` (0: a fetch) faulted. */
  faulted(record: number): void {
    if (record !== 0) this.leaveBlock(record);
    this.words[TimingWord.Course] = Course.None;
    this.pipeline.redirect();
  }

  /** The state block was replaced: rebuilds what derives from it. */
  stateReplaced(): void {
    this.code.changed();
    this.code.stateReplaced();
    this.data.stateReplaced();
    this.eventsSelected();
    for (const physical of this.code.lines()) this.watchStores(physical);
  }

  /** Makes `listener` hear of every instruction from now on; undefined: nobody. */
  listen(listener: TimingListener | undefined): void {
    this.listener = listener;
    this.refreshSingle();
  }

  /** True: every instruction goes through the pipeline model by itself. Clocks are the same either way. */
  get stepwise(): boolean {
    return this.stepwiseWanted;
  }

  set stepwise(value: boolean) {
    this.stepwiseWanted = value;
    this.refreshSingle();
  }

  stores(physical: number): void {
    this.port.writeAligned(physical);
  }

  misaligned(): void {
    this.port.misaligned();
  }

  lockBus(locked: boolean): void {
    this.words[TimingWord.GroupLocked] = locked ? 1 : 0;
    if (locked) this.pipeline.dropMemos();
  }

  happened(event: PerformanceEvent): void {
    const { events } = this.pipeline;
    if (events.counting) events.count(event);
  }

  cachesFlushed(writeBack: boolean): void {
    this.code.flush();
    this.data.flush(this.counters[Counter.Cycles], writeBack);
    this.port.countWriteBacks();
    if (!writeBack) return;
    // The processor waits until the bus has taken every modified line.
    this.port.wait(Math.max(0, this.bus.freeAt() - this.counters[Counter.Cycles]), Cause.DataCache);
  }

  /** CESR was written: events are counted, or not any more. The caller drops the translation memos. */
  eventsSelected(): void {
    this.data.writtenBack = 0;
    this.pipeline.events.select();
    this.refreshSingle();
  }

  /** Power-on: everything empty. */
  reset(): void {
    this.words.fill(0, TimingWord.Pipeline, TimingWord.End);
  }

  /** Before a snapshot: words that mean nothing now become 0. */
  canonicalise(): void {
    const { words } = this;
    this.code.settle(this.counters[Counter.Cycles]);
    this.float.settle();
    // A repeated string instruction between two elements: its group goes on, alone.
    if (words[Word.RepeatInProgress] !== 0) {
      words.fill(0, TimingWord.PairEip, TimingWord.GroupAlone);
      words[TimingWord.FirstAddress] = 0;
    } else if (words[TimingWord.PairPhase] === 0) words.fill(0, TimingWord.Pairs, TimingWord.GroupEnd);
    else {
      // The second member of a pair is to come; the state before the group has been used.
      words[TimingWord.Pipeline] = PipelineState.Unfinished;
      words[TimingWord.GroupClocks] = 0;
      // Only a pair whose banks depend on it looks at the first member's address.
      if (words[TimingWord.PairBanks] !== PairBank.ByAddress) words[TimingWord.FirstAddress] = 0;
    }
  }

  /** Shortens a decoded block to its first `count` instructions. */
  private cut(block: number, count: number): void {
    const { words } = this;
    const last = words[block + BlockWord.FirstInstruction] + count * InstructionWord.Words;
    const micro = words[last + InstructionWord.FirstMicro];
    words[micro + MicroWord.Op] = Micro.End;
    words[micro + MicroWord.Destination] = words[last + InstructionWord.Eip];
    words[micro + MicroWord.Source] = 0;
    words[micro + MicroWord.Immediate] = 0;
    words[micro + MicroWord.Base] = 0;
    words[micro + MicroWord.Instruction] = last - InstructionWord.Words;
    words[block + BlockWord.Count] = count;
    words[block + BlockWord.Bytes] -= words[last + InstructionWord.Length];
  }

  private refreshSingle(): void {
    this.single = this.stepwiseWanted || this.listener !== undefined || this.pipeline.events.counting;
    this.code.changed();
  }

  private watchStores(physical: number): void {
    const page = physical >>> PAGE_SHIFT;
    if ((this.memory.pageFlags(page) & PageFlag.CodeCached) === 0) this.memory.setPageFlags(page, PageFlag.CodeCached);
  }

  private tell(record: number, inV: boolean): void {
    const { words } = this;
    const linear = (words[CS_BASE] + words[record + InstructionWord.Eip]) >>> 0;
    const waits = words[TimingWord.GroupInterlock] + words[TimingWord.GroupPrefix] + words[TimingWord.GroupFloat];
    const issue = this.pipeline.groupStart + waits;
    this.listener?.instruction(linear, issue, inV ? 1 : 0, words[TimingWord.PairPhase] === 1);
  }

  private transferStepped(record: number, taken: boolean, target: number): void {
    const { words } = this;
    const inV = words[TimingWord.PairPhase] === 2;
    const flushing = words[TimingWord.GroupFlush] !== 0;
    this.pipeline.end(record);
    if ((words[record + InstructionWord.TimingClass] & TimingBits.Branch) !== 0) {
      const base = words[CS_BASE];
      const linear = (base + words[record + InstructionWord.Eip]) | 0;
      this.branch(record, linear, taken, (base + target) | 0, inV, flushing);
    }
    if (this.listener !== undefined) this.tell(record, inV);
  }

  /** A near transfer has executed; its group is over. `linear` and `target` are linear addresses. */
  private branch(
    record: number,
    linear: number,
    taken: boolean,
    target: number,
    inV: boolean,
    flushing: boolean,
  ): void {
    this.pipeline.branch(record, linear, taken, target, inV, flushing);
    this.words[record + InstructionTiming.BranchEntry] = this.branches.lastEntry;
  }

  private start(block: number, record: number, state: number, interlock: number): void {
    const { words } = this;
    const exit = words[block + BlockTiming.Exit];
    const flat = (words[block + BlockWord.Mode] & ExecutionMode.FlatCode) !== 0;
    words[TimingWord.Course] = flat && (state & PipelineState.Flush) === 0 ? Course.Static : Course.SlowBranch;
    words[TimingWord.Pipeline] = this.endsWithItsGroup(record) ? withCarryOf(exit, state, this.configuration) : exit;
    words[TimingWord.Touched] = 1;
    words[TimingWord.EntryRecord] = record;
    words[TimingWord.EntryState] = state;
    words[TimingWord.EntryInterlock] = interlock;
    words[TimingWord.StallRecord] = 0;
    words[TimingWord.OlderStallRecord] = 0;
    words[TimingWord.ConflictRecord] = 0;
  }

  /** Whether the group that begins with `record` is its block's last and has no prefixes, so that it passes on what the group before it had to spare. */
  private endsWithItsGroup(record: number): boolean {
    const { words } = this;
    return (
      (words[record + InstructionTiming.Schedule] & ScheduleBits.LastGroup) !== 0 && this.rules.prefixes(record) === 0
    );
  }

  /** Clocks that the block's first group waits for an address register; -1 when the schedule does not hold then. */
  private entryInterlock(block: number, state: number, first: number): number {
    const { words, counters } = this;
    const clocks = this.configuration.addressGenerationInterlock;
    const bits = words[first + InstructionTiming.Schedule];
    const string = (state & PipelineState.String) !== 0 && this.rules.isString(first);
    const late = counters[Counter.Cycles] + words[block + BlockWord.Clocks] + clocks >= counters[Counter.LimitCycle];
    const depends = (bits & (ScheduleBits.Sensitive | ScheduleBits.RunTime | ScheduleBits.PrefixMask)) !== 0;
    return string || late || depends ? -1 : clocks;
  }

  /** The running block ends with `record`. */
  private leaveBlock(record: number): void {
    const { words } = this;
    const whole = words[TimingWord.Course] !== Course.None;
    words[TimingWord.Course] = Course.None;
    if (whole && words[TimingWord.SwappedLines] !== 0) this.lines.giveBack(words[Word.ChargedBlock], record);
  }
}
