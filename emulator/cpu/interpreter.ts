/**
 * The interpreter's run loop: finds blocks, runs them, calls the handlers that end them, delivers faults, and observes.
 *
 * Limits are in the counters: Counter.LimitCycle and Counter.LimitInstructions. Whoever wants the running slice to end at
 * the next instruction boundary (an alarm armed earlier, a power-off, a stop request) lowers LimitCycle.
 *
 * Two ways of running, with identical results:
 * - whole blocks (interpreter-dispatch-table.ts), charged when they are entered;
 * - one instruction at a time, charged one by one: near the limits, while somebody observes, and (inside the hot loop) where a
 *   timing model has no clocks for the block as a whole.
 */
import { Layout, PAGE_SHIFT, PageFlag } from "../memory/layout.ts";
import type { BlockCache } from "./block-cache.ts";
import type { Cpu } from "./cpu.ts";
import { BlockWord, ExecutionMode, InstructionWord, MicroWord, OperandBits } from "./decode-records.ts";
import { FREEZE, GUEST_FAULT, raiseFault } from "./exceptions.ts";
import type { Handler, InstructionForm } from "./instructions/form.ts";
import { FORMS } from "./instructions/table.ts";
import { execute, Outcome } from "./interpreter-dispatch-table.ts";
import { Micro } from "./interpreter-micro.ts";
import { HANDLERS } from "./interpreter-slow-paths.ts";
import { chargeInstruction, isOver } from "./interpreter-stepping.ts";
import { deliverFault } from "./interrupt-delivery.ts";
import { SegmentAttribute } from "./segmentation.ts";
import { Counter, SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** Forms whose handler leaves EIP where execution goes on. */
const TRANSFERS = Uint8Array.from(FORMS, (form) => (form.transfers || form.repeat !== undefined ? 1 : 0));

/**
 * Runs guest code until the first instruction boundary at which Cycles >= LimitCycle or Instructions >= LimitInstructions,
 * or until somebody asked for attention (Cpu.requestAttention). Guest faults are delivered to the guest; any other
 * exception is a host bug and passes through. Interrupts are the machine's matter, between calls.
 */
export function runInterpreter(cpu: Cpu, blocks: BlockCache): void {
  const { counters, words } = cpu;
  /** Last micro-operation of a block that was left for one not chained yet, 0 for none. */
  let from = 0;
  /** The next block cannot be charged as a whole. */
  let careful = false;
  for (;;) {
    try {
      while (!isOver(counters)) {
        words[Word.CodeChanged] = 0;
        words[Word.CurrentMicro] = 0;
        const block = enterBlock(cpu, blocks);
        if (words[Word.CodeChanged] !== 0) {
          // The cache was full and began anew: the block that led here is gone.
          words[Word.CodeChanged] = 0;
          from = 0;
        }
        if (block === 0) {
          from = 0;
          continue;
        }
        // The walk of a fetch may have used up the slice: whether anybody watches or not, the run ends before the instruction.
        if (isOver(counters)) break;
        if (words[Word.RepeatInProgress] !== 0) forgetRepeat(words, block);
        if (careful || isWatched(cpu)) {
          from = 0;
          careful = false;
          runSingly(cpu, block);
          continue;
        }
        if (from !== 0) chain(cpu, from, block);
        from = 0;
        const left = execute(cpu, block, 0);
        if (left === Outcome.Careful) careful = true;
        else if (left !== Outcome.Continue) {
          if (words[left] === Micro.HandlerEnd) callEndHandler(cpu, left);
          else from = left;
        }
      }
      return;
    } catch (fault) {
      if (fault !== GUEST_FAULT && fault !== FREEZE) throw fault;
      from = 0;
      careful = false;
      recover(cpu);
      if (fault === FREEZE) halt(cpu);
      else deliverFault(cpu);
    }
  }
}

/** A REP instruction that was stopped between two elements has been overwritten by another one. */
function forgetRepeat(words: Int32Array, block: number): void {
  const instruction = words[block + BlockWord.FirstInstruction];
  const repeats = (words[instruction + InstructionWord.Operands] & (OperandBits.Repeat | OperandBits.RepeatNot)) !== 0;
  const form = FORMS[words[instruction + InstructionWord.Form]] as InstructionForm;
  if (!repeats || form.repeat === undefined) words[Word.RepeatInProgress] = 0;
}

/** Whether somebody may look between two instructions, or at a memory access with its cycle. */
function isWatched(cpu: Cpu): boolean {
  return cpu.watch.instructions || cpu.watch.memory;
}

/** ExecutionMode bits from the segment registers. */
function executionMode(words: Int32Array): number {
  const code = words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Attributes];
  const stack = words[Word.Segments + 4 * SegmentRegister.Ss + SegmentWord.Attributes];
  let mode = 0;
  if ((code & SegmentAttribute.Big) !== 0) mode |= ExecutionMode.Code32;
  if ((code & SegmentAttribute.FlatRead) !== 0) mode |= ExecutionMode.FlatCode;
  if ((words[Word.Segments + 4 * SegmentRegister.Ds + SegmentWord.Attributes] & SegmentAttribute.FlatWrite) !== 0)
    mode |= ExecutionMode.FlatDs;
  if ((words[Word.Segments + 4 * SegmentRegister.Es + SegmentWord.Attributes] & SegmentAttribute.FlatWrite) !== 0)
    mode |= ExecutionMode.FlatEs;
  if ((stack & SegmentAttribute.Big) !== 0) {
    mode |= ExecutionMode.Stack32;
    if ((stack & SegmentAttribute.FlatWrite) !== 0) mode |= ExecutionMode.FlatSs;
  }
  return mode;
}

/**
 * The block at CS:EIP, fetched through the code TLB; 0 when a portal answered instead. Raises the faults of the fetch and
 * of an instruction that cannot be decoded.
 */
function enterBlock(cpu: Cpu, blocks: BlockCache): number {
  const { words } = cpu;
  const eip = words[Word.Eip];
  const mode = executionMode(words);
  const flat = (mode & ExecutionMode.FlatCode) !== 0;
  if (!flat) checkLimit(words, cpu, eip, 1);
  const physical = cpu.access.translateFetch(
    flat ? eip : (words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Base] + eip) | 0,
  );
  if (
    words[Word.Cpl] === 0 &&
    physical < cpu.memory.byteLength &&
    (cpu.bytes[Layout.PageFlags + (physical >>> PAGE_SHIFT)] & PageFlag.Portal) !== 0
  ) {
    cpu.enterPortal(physical);
    // The portal stands for one instruction, so that a run limited by instructions can stop behind it.
    cpu.counters[Counter.Instructions] += 1;
    return 0;
  }
  const block = blocks.find(physical, eip, mode);
  if (!flat) checkLimit(words, cpu, eip, words[block + BlockWord.Bytes]);
  return block;
}

/** #GP(0) unless `bytes` of code at `eip` lie inside the code segment. */
function checkLimit(words: Int32Array, cpu: Cpu, eip: number, bytes: number): void {
  const limit = words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Limit] >>> 0;
  if ((eip >>> 0) + bytes - 1 > limit) raiseFault(cpu, Vector.GeneralProtection, 0);
}

/** Remembers where the micro-operation at `from` led, for the hot loop. */
function chain(cpu: Cpu, from: number, block: number): void {
  const { words } = cpu;
  const source = words[words[from + MicroWord.Instruction] + InstructionWord.Block];
  const physical = words[block + BlockWord.Physical] >>> 0;
  if (
    words[block + BlockWord.SecondPage] !== -1 ||
    words[source + BlockWord.Mode] !== words[block + BlockWord.Mode] ||
    (words[block + BlockWord.Mode] & ExecutionMode.FlatCode) === 0 ||
    (cpu.memory.pageFlags(physical >>> PAGE_SHIFT) & PageFlag.Portal) !== 0
  )
    return;
  const target = words[block + BlockWord.Eip];
  const op = words[from];
  if (op === Micro.CallIndirect || op === Micro.Return || op === Micro.JumpIndirect) {
    words[from + MicroWord.Immediate] = target;
    words[from + MicroWord.Base] = block;
  } else if (target === words[from + MicroWord.Source] && op !== Micro.End) words[from + MicroWord.Base] = block;
  else words[from + MicroWord.Immediate] = block;
}

/** Runs a block's instructions one by one until control leaves it or the slice ends. */
function runSingly(cpu: Cpu, block: number): void {
  const { words, counters } = cpu;
  let instruction = words[block + BlockWord.FirstInstruction];
  const last = instruction + (words[block + BlockWord.Count] - 1) * InstructionWord.Words;
  for (;;) {
    runInstruction(cpu, instruction);
    if (instruction === last || words[Word.CodeChanged] !== 0 || isOver(counters)) return;
    instruction += InstructionWord.Words;
    if (words[Word.Eip] !== words[instruction + InstructionWord.Eip]) return;
  }
}

function runInstruction(cpu: Cpu, instruction: number): void {
  const { words, counters, watch } = cpu;
  let linear = 0;
  if (watch.instructions) {
    linear = words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Base] + words[Word.Eip];
    watch.beforeInstruction(linear);
    // An observer may have asked to stop before this instruction.
    if (isOver(counters)) return;
  }
  chargeInstruction(cpu, instruction);
  const left = execute(cpu, words[instruction + InstructionWord.Block], instruction);
  if (left > 0 && words[left] === Micro.HandlerEnd) callEndHandler(cpu, left);
  if (watch.instructions && words[Word.RepeatInProgress] === 0) watch.afterInstruction(linear);
}

/** Calls the handler of an instruction that ends its block, and sets EIP after it. */
function callEndHandler(cpu: Cpu, micro: number): void {
  const { words, counters } = cpu;
  const instruction = words[micro + MicroWord.Instruction];
  const form = words[instruction + InstructionWord.Form];
  const eip = words[instruction + InstructionWord.Eip];
  words[Word.CurrentMicro] = micro;
  words[Word.Eip] = eip;
  (HANDLERS[form] as Handler)(cpu, instruction);
  if (TRANSFERS[form] === 0) words[Word.Eip] = eip + words[instruction + InstructionWord.Length];
  // Stopped between two elements: not retired yet.
  else if (words[Word.RepeatInProgress] !== 0) counters[Counter.Instructions] -= 1;
  cpu.timing?.handled(instruction);
}

/** The CPU waits for an interrupt, also where STI has just held them off. */
function halt(cpu: Cpu): void {
  cpu.words[Word.Halted] = 1;
  cpu.words[Word.InterruptShadow] = 0;
  cpu.requestAttention();
}

/** Abandons the instruction at Word.CurrentMicro (none: a fetch): EIP is its own, and what was charged too much is taken back. */
function recover(cpu: Cpu): void {
  const { words, counters } = cpu;
  const micro = words[Word.CurrentMicro];
  const instruction = micro === 0 ? 0 : words[micro + MicroWord.Instruction];
  if (instruction !== 0) {
    const block = words[Word.ChargedBlock];
    words[Word.Eip] = words[instruction + InstructionWord.Eip];
    if (block === 0) counters[Counter.Instructions] -= 1;
    else {
      counters[Counter.Cycles] -= words[block + BlockWord.Clocks] - words[instruction + InstructionWord.ClocksThrough];
      counters[Counter.Instructions] -= words[block + BlockWord.Count] - words[instruction + InstructionWord.Number];
    }
  }
  words[Word.RepeatInProgress] = 0;
  cpu.timing?.faulted(instruction);
}
