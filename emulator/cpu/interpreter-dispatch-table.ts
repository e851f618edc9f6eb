/**
 * The interpreter's hot loop: runs micro-operations, follows chained blocks, and returns to the run loop for everything
 * else (interpreter.ts).
 *
 * Hot-path rules: no allocation, views in locals, one dense switch on literal labels (V8 makes a jump table of it), every
 * value an int32. Memory accesses compare one memo tag (mmu/linear-access.ts), with a timing model also the most
 * recently used line of the data cache (timing/data-cache.ts); anything but a hit goes out of line.
 * Clocks and retired instructions are charged for a whole block when it is entered; whatever leaves it early gives back
 * the rest (Word.ChargedBlock tells faults). A slow path that finds the slice over, or the code changed, moves `end` to the
 * end of the running instruction.
 */
import { Memo } from "../mmu/memo.ts";
import { BlockTiming, InstructionTiming, ScheduleBits } from "../timing/block-schedule.ts";
import { Cause } from "../timing/cycle-causes.ts";
import { Course, LineBit, PipelineState, TimingWord } from "../timing/timing-state.ts";
import type { Cpu } from "./cpu.ts";
import { BlockWord, InstructionWord, MicroWord } from "./decode-records.ts";
import { Auxiliary } from "./flags.ts";
import { Micro } from "./interpreter-micro.ts";
import {
  boundaryAfterSlowPath,
  callHandler,
  checkBank,
  loadForWriteSlowly,
  loadSlowly,
  multiplyHigh,
  parityEven,
  pushSlowly,
  readStackSlowly,
  segmentAddress,
  storeSlowly,
} from "./interpreter-slow-paths.ts";
import { End, goOn, stepInto } from "./interpreter-stepping.ts";
import { Counter, Word } from "./state.ts";

/** Bits of an address that select one of the data cache's eight banks. */
const enum Bank {
  Mask = 0x1c,
}

/** How control leaves a block's micro-operations. */
const enum Slot {
  /** To the EIP after it, and to the branch target: offsets from the micro-operation's words for each. */
  Next = 0,
  Taken = 1,
  Indirect = 2,
  None = 3,
}

/** What `execute` returns besides the micro-operation of a handler. */
export const enum Outcome {
  /** Word.Eip is at the next instruction; the run loop must find its block. */
  Continue = 0,
  /** The block at Word.Eip is too long for the slice: its instructions must be run one by one. */
  Careful = -1,
}

/**
 * Runs from block to block, beginning with `startBlock`; or, if `single` is not 0, only that instruction of it, which the caller
 * has charged.
 * @returns an Outcome, or the word index of a HandlerEnd micro-operation, with Word.Eip not yet set
 */
export function execute(cpu: Cpu, startBlock: number, single: number): number {
  const words = cpu.words32;
  const halves = cpu.words16;
  const bytes = cpu.bytes;
  const counters = cpu.counters;
  const limitCycle = counters[Counter.LimitCycle];
  const limitInstructions = counters[Counter.LimitInstructions];
  const timing = cpu.timing;
  const untimed = timing === undefined;
  const mode = words[Word.Cpl] === 3 ? Memo.User : 0;
  let block = startBlock;
  let pc = single === 0 ? 0 : words[single + InstructionWord.FirstMicro];
  let end = single === 0 ? End.None : words[single + InstructionWord.EndMicro];
  let slot = 0;
  let target = 0;
  let modified = 0;
  let modifiedHost = 0;
  let charged = single !== 0;
  for (;;) {
    if (charged) charged = false;
    else {
      const cycles = counters[Counter.Cycles] + words[block + BlockWord.Clocks];
      const instructions = counters[Counter.Instructions] + words[block + BlockWord.Count];
      // A REP instruction at the end is charged as it runs: the boundary before it may be where the block's clocks end.
      const fits = cycles < limitCycle && instructions <= limitInstructions;
      if (timing !== undefined) {
        if (!fits) end = 0;
        else if (
          (words[TimingWord.Pipeline] & words[block + BlockTiming.QuickMask]) === 0 &&
          words[block + BlockTiming.LinesReady] === words[words[block + BlockTiming.Age]]
        ) {
          // What timing.enter does when nothing stands in the way.
          if (words[TimingWord.Touched] !== 0) {
            words[TimingWord.Touched] = 0;
            words[TimingWord.StallRecord] = 0;
            words[TimingWord.OlderStallRecord] = 0;
            words[TimingWord.ConflictRecord] = 0;
            words[TimingWord.SwappedLines] = 0;
            words[TimingWord.EntryRecord] = 0;
            words[TimingWord.EntryInterlock] = 0;
          }
          words[TimingWord.Course] = Course.Static;
          words[TimingWord.EntryState] = words[TimingWord.Pipeline];
          words[TimingWord.Pipeline] = words[block + BlockTiming.Exit];
        } else end = timing.enter(block);
      } else if (!fits) {
        words[Word.Eip] = words[block + BlockWord.Eip];
        return Outcome.Careful;
      }
      pc = words[block + BlockWord.FirstMicro];
      if (end !== 0) {
        counters[Counter.Cycles] += words[block + BlockWord.Clocks];
        counters[Counter.Instructions] = instructions;
        words[Word.ChargedBlock] = block;
      } else {
        end = stepInto(cpu, block);
        if (end === 0) return Outcome.Continue;
      }
    }
    slot = Slot.None;
    run: while (pc !== end) {
      switch (words[pc]) {
        case Micro.Add8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = (a + b) | 0;
          bytes[destination] = result;
          const vector = (a & b) | ((a | b) & ~result);
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Add16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = (a + b) | 0;
          halves[destination] = result;
          const vector = (a & b) | ((a | b) & ~result);
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Add32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = (a + b) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = ((a & b) | ((a | b) & ~result)) & Auxiliary.Kept;
          break;
        }
        case Micro.Or8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = a | b;
          bytes[destination] = result;
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Or16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = a | b;
          halves[destination] = result;
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Or32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = a | b;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Adc8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = (a + b + (words[Word.FlagAuxiliary] >>> 31)) | 0;
          bytes[destination] = result;
          const vector = (a & b) | ((a | b) & ~result);
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Adc16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = (a + b + (words[Word.FlagAuxiliary] >>> 31)) | 0;
          halves[destination] = result;
          const vector = (a & b) | ((a | b) & ~result);
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Adc32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = (a + b + (words[Word.FlagAuxiliary] >>> 31)) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = ((a & b) | ((a | b) & ~result)) & Auxiliary.Kept;
          break;
        }
        case Micro.Sbb8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = (a - b - (words[Word.FlagAuxiliary] >>> 31)) | 0;
          bytes[destination] = result;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Sbb16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = (a - b - (words[Word.FlagAuxiliary] >>> 31)) | 0;
          halves[destination] = result;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Sbb32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = (a - b - (words[Word.FlagAuxiliary] >>> 31)) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = ((~a & b) | (~(a ^ b) & result)) & Auxiliary.Kept;
          break;
        }
        case Micro.And8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = a & b;
          bytes[destination] = result;
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.And16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = a & b;
          halves[destination] = result;
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.And32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = a & b;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Sub8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          bytes[destination] = result;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Sub16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          halves[destination] = result;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Sub32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = ((~a & b) | (~(a ^ b) & result)) & Auxiliary.Kept;
          break;
        }
        case Micro.Xor8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = a ^ b;
          bytes[destination] = result;
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Xor16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const b = halves[words[pc + MicroWord.Source]];
          const result = a ^ b;
          halves[destination] = result;
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Xor32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = a ^ b;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Cmp8: {
          const a = bytes[words[pc + MicroWord.Destination]];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Cmp16: {
          const a = halves[words[pc + MicroWord.Destination]];
          const b = halves[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          const vector = (~a & b) | (~(a ^ b) & result);
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Cmp32: {
          const a = words[words[pc + MicroWord.Destination]];
          const b = words[words[pc + MicroWord.Source]];
          const result = (a - b) | 0;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = ((~a & b) | (~(a ^ b) & result)) & Auxiliary.Kept;
          break;
        }
        case Micro.Test8: {
          const a = bytes[words[pc + MicroWord.Destination]];
          const b = bytes[words[pc + MicroWord.Source]];
          const result = a & b;
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Test16: {
          const a = halves[words[pc + MicroWord.Destination]];
          const b = halves[words[pc + MicroWord.Source]];
          const result = a & b;
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Test32: {
          const a = words[words[pc + MicroWord.Destination]];
          const b = words[words[pc + MicroWord.Source]];
          const result = a & b;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = 0;
          break;
        }
        case Micro.Inc8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const result = (a + 1) | 0;
          bytes[destination] = result;
          words[Word.FlagResult] = (result << 24) >> 24;
          const vector = a & ~result;
          const auxiliary = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Inc16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const result = (a + 1) | 0;
          halves[destination] = result;
          words[Word.FlagResult] = (result << 16) >> 16;
          const vector = a & ~result;
          const auxiliary = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Inc32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const result = (a + 1) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          const auxiliary = a & ~result & Auxiliary.Kept;
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Dec8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const result = (a - 1) | 0;
          bytes[destination] = result;
          words[Word.FlagResult] = (result << 24) >> 24;
          const vector = ~a & result;
          const auxiliary = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Dec16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const result = (a - 1) | 0;
          halves[destination] = result;
          words[Word.FlagResult] = (result << 16) >> 16;
          const vector = ~a & result;
          const auxiliary = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Dec32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const result = (a - 1) | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          const auxiliary = ~a & result & Auxiliary.Kept;
          // CF stays: where it would change, both carry bits flip, which keeps OF.
          words[Word.FlagAuxiliary] =
            auxiliary ^ (((auxiliary ^ words[Word.FlagAuxiliary]) >> 31) & Auxiliary.CarryOverflow);
          break;
        }
        case Micro.Neg8: {
          const destination = words[pc + MicroWord.Destination];
          const a = bytes[destination];
          const result = -a | 0;
          bytes[destination] = result;
          const vector = a | result;
          words[Word.FlagResult] = (result << 24) >> 24;
          words[Word.FlagAuxiliary] = ((vector << 24) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Neg16: {
          const destination = words[pc + MicroWord.Destination];
          const a = halves[destination];
          const result = -a | 0;
          halves[destination] = result;
          const vector = a | result;
          words[Word.FlagResult] = (result << 16) >> 16;
          words[Word.FlagAuxiliary] = ((vector << 16) & Auxiliary.CarryOverflow) | (vector & Auxiliary.Adjust);
          break;
        }
        case Micro.Neg32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const result = -a | 0;
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = (a | result) & Auxiliary.Kept;
          break;
        }
        case Micro.Not8: {
          const destination = words[pc + MicroWord.Destination];
          bytes[destination] = ~bytes[destination];
          break;
        }
        case Micro.Not16: {
          const destination = words[pc + MicroWord.Destination];
          halves[destination] = ~halves[destination];
          break;
        }
        case Micro.Not32: {
          const destination = words[pc + MicroWord.Destination];
          words[destination] = ~words[destination];
          break;
        }
        case Micro.Mov8: {
          bytes[words[pc + MicroWord.Destination]] = bytes[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.Mov16: {
          halves[words[pc + MicroWord.Destination]] = halves[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.Mov32: {
          words[words[pc + MicroWord.Destination]] = words[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.Load8: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff000) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            bytes[words[pc + MicroWord.Destination]] = bytes[host >>> 0];
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.Load16: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff001) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            halves[words[pc + MicroWord.Destination]] = halves[host >>> 1];
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.Load32: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff003) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            words[words[pc + MicroWord.Destination]] = words[host >>> 2];
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.Store8: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff000) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            bytes[host >>> 0] = bytes[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.Store16: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff001) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            halves[host >>> 1] = halves[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.Store32: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff003) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            words[host >>> 2] = words[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.LoadForWrite8: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          modified = address;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff000) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          ) {
            modifiedHost = host;
            bytes[words[pc + MicroWord.Destination]] = bytes[modifiedHost >>> 0];
          } else {
            modifiedHost = 0;
            end = loadForWriteSlowly(cpu, pc, address, end);
          }
          break;
        }
        case Micro.LoadForWrite16: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          modified = address;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff001) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          ) {
            modifiedHost = host;
            halves[words[pc + MicroWord.Destination]] = halves[modifiedHost >>> 1];
          } else {
            modifiedHost = 0;
            end = loadForWriteSlowly(cpu, pc, address, end);
          }
          break;
        }
        case Micro.LoadForWrite32: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          modified = address;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff003) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          ) {
            modifiedHost = host;
            words[words[pc + MicroWord.Destination]] = words[modifiedHost >>> 2];
          } else {
            modifiedHost = 0;
            end = loadForWriteSlowly(cpu, pc, address, end);
          }
          break;
        }
        case Micro.StoreBack8: {
          if (modifiedHost !== 0) bytes[modifiedHost >>> 0] = bytes[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, modified, end);
          break;
        }
        case Micro.StoreBack16: {
          if (modifiedHost !== 0) halves[modifiedHost >>> 1] = halves[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, modified, end);
          break;
        }
        case Micro.StoreBack32: {
          if (modifiedHost !== 0) words[modifiedHost >>> 2] = words[words[pc + MicroWord.Source]];
          else end = storeSlowly(cpu, pc, modified, end);
          break;
        }
        case Micro.Xchg8: {
          const destination = words[pc + MicroWord.Destination];
          const source = words[pc + MicroWord.Source];
          const value = bytes[destination];
          bytes[destination] = bytes[source];
          bytes[source] = value;
          break;
        }
        case Micro.Xchg16: {
          const destination = words[pc + MicroWord.Destination];
          const source = words[pc + MicroWord.Source];
          const value = halves[destination];
          halves[destination] = halves[source];
          halves[source] = value;
          break;
        }
        case Micro.Xchg32: {
          const destination = words[pc + MicroWord.Destination];
          const source = words[pc + MicroWord.Source];
          const value = words[destination];
          words[destination] = words[source];
          words[source] = value;
          break;
        }
        case Micro.Rol8: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = bytes[destination];
            const result = ((value << (count & 7)) | (value >>> (8 - (count & 7)))) & 0xff;
            bytes[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) | (result << 31) | ((result >>> 7) << 30);
          }
          break;
        }
        case Micro.Rol16: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = halves[destination];
            const result = ((value << (count & 15)) | (value >>> (16 - (count & 15)))) & 0xffff;
            halves[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) | (result << 31) | ((result >>> 15) << 30);
          }
          break;
        }
        case Micro.Rol32: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = words[destination];
            const result = (value << count) | (value >>> (32 - count));
            words[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) | (result << 31) | ((result >>> 31) << 30);
          }
          break;
        }
        case Micro.Ror8: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = bytes[destination];
            const result = ((value >>> (count & 7)) | (value << (8 - (count & 7)))) & 0xff;
            bytes[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) |
              ((result >>> 7) << 31) |
              (((result >>> 6) & 1) << 30);
          }
          break;
        }
        case Micro.Ror16: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = halves[destination];
            const result = ((value >>> (count & 15)) | (value << (16 - (count & 15)))) & 0xffff;
            halves[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) |
              ((result >>> 15) << 31) |
              (((result >>> 14) & 1) << 30);
          }
          break;
        }
        case Micro.Ror32: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = words[destination];
            const result = (value >>> count) | (value << (32 - count));
            words[destination] = result;
            words[Word.FlagAuxiliary] =
              (words[Word.FlagAuxiliary] & Auxiliary.NotCarries) |
              ((result >>> 31) << 31) |
              (((result >>> 30) & 1) << 30);
          }
          break;
        }
        case Micro.Shl8: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = bytes[destination];
            const result = value << count;
            bytes[destination] = result;
            words[Word.FlagResult] = (result << 24) >> 24;
            words[Word.FlagAuxiliary] = ((result >>> 8) << 31) | (((result >>> 7) & 1) << 30);
          }
          break;
        }
        case Micro.Shl16: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = halves[destination];
            const result = value << count;
            halves[destination] = result;
            words[Word.FlagResult] = (result << 16) >> 16;
            words[Word.FlagAuxiliary] = ((result >>> 16) << 31) | (((result >>> 15) & 1) << 30);
          }
          break;
        }
        case Micro.Shl32: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = words[destination];
            const result = value << count;
            words[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = ((value >>> (32 - count)) << 31) | ((result >>> 31) << 30);
          }
          break;
        }
        case Micro.Shr8: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = bytes[destination] >>> (count - 1);
            const result = last >>> 1;
            bytes[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((((last >>> 7) ^ last) & 1) << 30);
          }
          break;
        }
        case Micro.Shr16: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = halves[destination] >>> (count - 1);
            const result = last >>> 1;
            halves[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((((last >>> 15) ^ last) & 1) << 30);
          }
          break;
        }
        case Micro.Shr32: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = words[destination] >>> (count - 1);
            const result = last >>> 1;
            words[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((((last >>> 31) ^ last) & 1) << 30);
          }
          break;
        }
        case Micro.Sar8: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = ((bytes[destination] << 24) >> 24) >> (count - 1);
            const result = last >> 1;
            bytes[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((last & 1) << 30);
          }
          break;
        }
        case Micro.Sar16: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = ((halves[destination] << 16) >> 16) >> (count - 1);
            const result = last >> 1;
            halves[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((last & 1) << 30);
          }
          break;
        }
        case Micro.Sar32: {
          const count = bytes[words[pc + MicroWord.Source]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const last = words[destination] >> (count - 1);
            const result = last >> 1;
            words[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = (last << 31) | ((last & 1) << 30);
          }
          break;
        }
        case Micro.LoadZeroExtend8: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff000) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            words[words[pc + MicroWord.Destination]] = bytes[host >>> 0];
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.LoadZeroExtend16: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff001) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            words[words[pc + MicroWord.Destination]] = halves[host >>> 1];
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.LoadSignExtend8: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff000) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            words[words[pc + MicroWord.Destination]] = (bytes[host >>> 0] << 24) >> 24;
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.LoadSignExtend16: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff001) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            words[words[pc + MicroWord.Destination]] = (halves[host >>> 1] << 16) >> 16;
          else end = loadSlowly(cpu, pc, address, end);
          break;
        }
        case Micro.ZeroExtend8: {
          words[words[pc + MicroWord.Destination]] = bytes[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.ZeroExtend16: {
          words[words[pc + MicroWord.Destination]] = halves[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.SignExtend8: {
          words[words[pc + MicroWord.Destination]] = (bytes[words[pc + MicroWord.Source]] << 24) >> 24;
          break;
        }
        case Micro.SignExtend16: {
          words[words[pc + MicroWord.Destination]] = (halves[words[pc + MicroWord.Source]] << 16) >> 16;
          break;
        }
        case Micro.ZeroExtend8To16: {
          halves[words[pc + MicroWord.Destination]] = bytes[words[pc + MicroWord.Source]];
          break;
        }
        case Micro.SignExtend8To16: {
          halves[words[pc + MicroWord.Destination]] = (bytes[words[pc + MicroWord.Source]] << 24) >> 24;
          break;
        }
        case Micro.Lea: {
          words[words[pc + MicroWord.Destination]] =
            words[words[pc + MicroWord.Base]] +
            (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
            words[pc + MicroWord.Immediate];
          break;
        }
        case Micro.Lea16: {
          words[words[pc + MicroWord.Destination]] =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) &
            0xffff;
          break;
        }
        case Micro.SegmentAddress: {
          segmentAddress(cpu, pc);
          break;
        }
        case Micro.Shld32: {
          const count = bytes[words[pc + MicroWord.Base]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = words[destination];
            const result = (value << count) | (words[words[pc + MicroWord.Source]] >>> (32 - count));
            words[destination] = result;
            words[Word.FlagResult] = result;
            words[Word.FlagAuxiliary] = ((value >>> (32 - count)) << 31) | ((result >>> 31) << 30);
          }
          break;
        }
        case Micro.Shrd32: {
          const count = bytes[words[pc + MicroWord.Base]] & 31;
          if (count !== 0) {
            const destination = words[pc + MicroWord.Destination];
            const value = words[destination];
            const result = (value >>> count) | (words[words[pc + MicroWord.Source]] << (32 - count));
            words[destination] = result;
            words[Word.FlagResult] = result;
            const carry = value >>> (count - 1);
            words[Word.FlagAuxiliary] = (carry << 31) | (((carry ^ (result >>> 31) ^ (result >>> 30)) & 1) << 30);
          }
          break;
        }
        case Micro.Imul16: {
          const destination = words[pc + MicroWord.Destination];
          const product = ((halves[destination] << 16) >> 16) * ((halves[words[pc + MicroWord.Source]] << 16) >> 16);
          const result = (product << 16) >> 16;
          halves[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = result !== product ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.Imul32: {
          const destination = words[pc + MicroWord.Destination];
          const a = words[destination];
          const b = words[words[pc + MicroWord.Source]];
          const result = Math.imul(a, b);
          words[destination] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = a * b !== result ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.ImulImmediate16: {
          const product = ((halves[words[pc + MicroWord.Source]] << 16) >> 16) * words[pc + MicroWord.Immediate];
          const result = (product << 16) >> 16;
          halves[words[pc + MicroWord.Destination]] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = result !== product ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.ImulImmediate32: {
          const a = words[words[pc + MicroWord.Source]];
          const b = words[pc + MicroWord.Immediate];
          const result = Math.imul(a, b);
          words[words[pc + MicroWord.Destination]] = result;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = a * b !== result ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.MulWide32: {
          const a = words[Word.Eax];
          const b = words[words[pc + MicroWord.Source]];
          const result = Math.imul(a, b);
          const high = multiplyHigh(a, b);
          words[Word.Eax] = result;
          words[Word.Edx] = high;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = high !== 0 ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.ImulWide32: {
          const a = words[Word.Eax];
          const b = words[words[pc + MicroWord.Source]];
          const result = Math.imul(a, b);
          const high = (multiplyHigh(a, b) - ((a >> 31) & b) - ((b >> 31) & a)) | 0;
          words[Word.Eax] = result;
          words[Word.Edx] = high;
          words[Word.FlagResult] = result;
          words[Word.FlagAuxiliary] = high !== result >> 31 ? Auxiliary.Carry : 0;
          break;
        }
        case Micro.Cwde: {
          words[Word.Eax] = (words[Word.Eax] << 16) >> 16;
          break;
        }
        case Micro.Cdq: {
          words[Word.Edx] = words[Word.Eax] >> 31;
          break;
        }
        case Micro.Bswap: {
          const destination = words[pc + MicroWord.Destination];
          const value = words[destination];
          words[destination] = (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
          break;
        }
        case Micro.Nop:
          break;
        case Micro.Push32: {
          const address = (words[Word.Esp] - 4) | 0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff003) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            words[host >>> 2] = words[words[pc + MicroWord.Source]];
          else end = pushSlowly(cpu, pc, address, words[words[pc + MicroWord.Source]], end);
          words[Word.Esp] = address;
          break;
        }
        case Micro.Pop32: {
          const address = words[Word.Esp];
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          let value = 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff003) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            value = words[host >>> 2];
          else {
            value = readStackSlowly(cpu, pc, address);
            end = boundaryAfterSlowPath(cpu, pc, end);
          }
          // POP ESP: the value read wins over the increment.
          words[Word.Esp] = address + 4;
          words[words[pc + MicroWord.Destination]] = value;
          break;
        }
        case Micro.Leave32: {
          const address = words[Word.Ebp];
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          let value = 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff003) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            value = words[host >>> 2];
          else {
            value = readStackSlowly(cpu, pc, address);
            end = boundaryAfterSlowPath(cpu, pc, end);
          }
          words[Word.Esp] = address + 4;
          words[Word.Ebp] = value;
          break;
        }
        case Micro.Call: {
          const address = (words[Word.Esp] - 4) | 0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff003) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            words[host >>> 2] = words[pc + MicroWord.Destination];
          else end = pushSlowly(cpu, pc, address, words[pc + MicroWord.Destination], end);
          words[Word.Esp] = address;
          slot = 1;
          break run;
        }
        case Micro.CallIndirect: {
          target = words[words[pc + MicroWord.Source]];
          const address = (words[Word.Esp] - 4) | 0;
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          if (
            words[memo + Memo.WriteTag] === ((address & 0xfffff003) | mode) &&
            (untimed || words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] === ((host & -32) | 3))
          )
            words[host >>> 2] = words[pc + MicroWord.Destination];
          else end = pushSlowly(cpu, pc, address, words[pc + MicroWord.Destination], end);
          words[Word.Esp] = address;
          slot = Slot.Indirect;
          break run;
        }
        case Micro.Return: {
          const address = words[Word.Esp];
          const memo = Memo.Words + ((address >>> 10) & 0x3c);
          const host = (address + words[memo + Memo.Addend]) | 0;
          let value = 0;
          if (
            words[memo + Memo.ReadTag] === ((address & 0xfffff003) | mode) &&
            (untimed || (words[TimingWord.DataTags + ((host >>> 4) & 0xfe)] | LineBit.Modified) === ((host & -32) | 3))
          )
            value = words[host >>> 2];
          else {
            value = readStackSlowly(cpu, pc, address);
            end = boundaryAfterSlowPath(cpu, pc, end);
          }
          words[Word.Esp] = address + 4 + words[pc + MicroWord.Index];
          target = value;
          slot = Slot.Indirect;
          break run;
        }
        case Micro.Jump:
          slot = 1;
          break run;
        case Micro.JumpIndirect:
          target = words[words[pc + MicroWord.Source]];
          slot = Slot.Indirect;
          break run;
        case Micro.End:
          slot = 0;
          break run;
        case Micro.JumpO:
          slot = (words[Word.FlagAuxiliary] ^ (words[Word.FlagAuxiliary] << 1)) < 0 ? 1 : 0;
          break run;
        case Micro.JumpNO:
          slot = (words[Word.FlagAuxiliary] ^ (words[Word.FlagAuxiliary] << 1)) >= 0 ? 1 : 0;
          break run;
        case Micro.JumpB:
          slot = words[Word.FlagAuxiliary] < 0 ? 1 : 0;
          break run;
        case Micro.JumpNB:
          slot = words[Word.FlagAuxiliary] >= 0 ? 1 : 0;
          break run;
        case Micro.JumpZ:
          slot = words[Word.FlagResult] === 0 ? 1 : 0;
          break run;
        case Micro.JumpNZ:
          slot = words[Word.FlagResult] !== 0 ? 1 : 0;
          break run;
        case Micro.JumpBE:
          slot = words[Word.FlagAuxiliary] < 0 || words[Word.FlagResult] === 0 ? 1 : 0;
          break run;
        case Micro.JumpNBE:
          slot = words[Word.FlagAuxiliary] >= 0 && words[Word.FlagResult] !== 0 ? 1 : 0;
          break run;
        case Micro.JumpS:
          slot = (words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] << 31)) < 0 ? 1 : 0;
          break run;
        case Micro.JumpNS:
          slot = (words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] << 31)) >= 0 ? 1 : 0;
          break run;
        case Micro.JumpP:
          slot = parityEven(words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] >>> 8)) !== 0 ? 1 : 0;
          break run;
        case Micro.JumpNP:
          slot = parityEven(words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] >>> 8)) === 0 ? 1 : 0;
          break run;
        case Micro.JumpL:
          slot =
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) <
            0
              ? 1
              : 0;
          break run;
        case Micro.JumpNL:
          slot =
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) >=
            0
              ? 1
              : 0;
          break run;
        case Micro.JumpLE:
          slot =
            words[Word.FlagResult] === 0 ||
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) <
              0
              ? 1
              : 0;
          break run;
        case Micro.JumpNLE:
          slot =
            words[Word.FlagResult] !== 0 &&
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) >=
              0
              ? 1
              : 0;
          break run;
        case Micro.SetO:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagAuxiliary] ^ (words[Word.FlagAuxiliary] << 1)) < 0 ? 1 : 0;
          break;
        case Micro.SetNO:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagAuxiliary] ^ (words[Word.FlagAuxiliary] << 1)) >= 0 ? 1 : 0;
          break;
        case Micro.SetB:
          bytes[words[pc + MicroWord.Destination]] = words[Word.FlagAuxiliary] < 0 ? 1 : 0;
          break;
        case Micro.SetNB:
          bytes[words[pc + MicroWord.Destination]] = words[Word.FlagAuxiliary] >= 0 ? 1 : 0;
          break;
        case Micro.SetZ:
          bytes[words[pc + MicroWord.Destination]] = words[Word.FlagResult] === 0 ? 1 : 0;
          break;
        case Micro.SetNZ:
          bytes[words[pc + MicroWord.Destination]] = words[Word.FlagResult] !== 0 ? 1 : 0;
          break;
        case Micro.SetBE:
          bytes[words[pc + MicroWord.Destination]] =
            words[Word.FlagAuxiliary] < 0 || words[Word.FlagResult] === 0 ? 1 : 0;
          break;
        case Micro.SetNBE:
          bytes[words[pc + MicroWord.Destination]] =
            words[Word.FlagAuxiliary] >= 0 && words[Word.FlagResult] !== 0 ? 1 : 0;
          break;
        case Micro.SetS:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] << 31)) < 0 ? 1 : 0;
          break;
        case Micro.SetNS:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] << 31)) >= 0 ? 1 : 0;
          break;
        case Micro.SetP:
          bytes[words[pc + MicroWord.Destination]] =
            parityEven(words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] >>> 8)) !== 0 ? 1 : 0;
          break;
        case Micro.SetNP:
          bytes[words[pc + MicroWord.Destination]] =
            parityEven(words[Word.FlagResult] ^ (words[Word.FlagAuxiliary] >>> 8)) === 0 ? 1 : 0;
          break;
        case Micro.SetL:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) <
            0
              ? 1
              : 0;
          break;
        case Micro.SetNL:
          bytes[words[pc + MicroWord.Destination]] =
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) >=
            0
              ? 1
              : 0;
          break;
        case Micro.SetLE:
          bytes[words[pc + MicroWord.Destination]] =
            words[Word.FlagResult] === 0 ||
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) <
              0
              ? 1
              : 0;
          break;
        case Micro.SetNLE:
          bytes[words[pc + MicroWord.Destination]] =
            words[Word.FlagResult] !== 0 &&
            (words[Word.FlagResult] ^
              (words[Word.FlagAuxiliary] << 31) ^
              words[Word.FlagAuxiliary] ^
              (words[Word.FlagAuxiliary] << 1)) >=
              0
              ? 1
              : 0;
          break;
        case Micro.Handler:
          end = callHandler(cpu, pc, end);
          break;
        case Micro.CheckBank: {
          const address =
            (words[words[pc + MicroWord.Base]] +
              (words[words[pc + MicroWord.Index]] << words[pc + MicroWord.Shift]) +
              words[pc + MicroWord.Immediate]) |
            0;
          const registers = words[pc + MicroWord.Destination];
          const before =
            (words[registers & 0xff] +
              (words[(registers >> 8) & 0xff] << (registers >> 16)) +
              words[pc + MicroWord.Source]) |
            0;
          if (((address ^ before) & Bank.Mask) !== 0 && (address & (registers >> 24)) === 0) break;
          const record = words[pc + MicroWord.Instruction];
          const conflict = timing === undefined ? 0 : timing.bankConflict;
          if (
            timing === undefined ||
            words[TimingWord.Course] < Course.Static ||
            (words[record + InstructionTiming.Schedule] & ScheduleBits.Delicate) !== 0 ||
            words[TimingWord.StallRecord] === record - InstructionWord.Words ||
            (address & (registers >> 24)) !== 0 ||
            counters[Counter.Cycles] + conflict >= counters[Counter.LimitCycle]
          ) {
            end = checkBank(cpu, pc, address, before, end);
            break;
          }
          // What timing.checkBank does when nothing but this group depends on it.
          counters[Counter.Cycles] += conflict;
          timing.causes[Cause.BankConflict] += conflict;
          words[TimingWord.Touched] = 1;
          words[TimingWord.ConflictRecord] = record;
          words[TimingWord.OlderStallRecord] = words[TimingWord.StallRecord];
          words[TimingWord.OlderStallClocks] = words[TimingWord.StallClocks];
          words[TimingWord.StallRecord] = record;
          words[TimingWord.StallClocks] = conflict;
          break;
        }
        case Micro.HandlerEnd:
          return pc;
        default:
          throw new Error(`no such micro-operation: ${words[pc]}`);
      }
      pc += MicroWord.Words;
    }
    if (slot === Slot.None) {
      // At an instruction boundary inside the block (or after the one instruction asked for).
      const instruction = words[pc - MicroWord.Words + MicroWord.Instruction];
      if (words[Word.ChargedBlock] !== 0) {
        counters[Counter.Cycles] -=
          words[block + BlockWord.Clocks] - words[instruction + InstructionWord.ClocksThrough];
        counters[Counter.Instructions] -=
          words[block + BlockWord.Count] - words[instruction + InstructionWord.Number] - 1;
      }
      words[Word.Eip] = words[instruction + InstructionWord.Eip] + words[instruction + InstructionWord.Length];
      if (timing === undefined) return Outcome.Continue;
      timing.boundary(instruction);
      if (single !== 0) return Outcome.Continue;
      end = goOn(cpu, instruction);
      if (end === 0) return Outcome.Continue;
      charged = true;
      continue;
    }
    // Control leaves the block at `pc`, its last micro-operation.
    if (slot !== Slot.Indirect) target = words[pc + MicroWord.Destination + slot];
    if (timing !== undefined) {
      // What timing.transfer does after a static schedule, when there is no branch or the branch target buffer knows it.
      const record = words[pc + MicroWord.Instruction];
      const entry = words[record + InstructionTiming.BranchEntry];
      const state = words[TimingWord.BranchState + entry];
      if (words[TimingWord.Course] !== Course.Static) timing.transfer(record, slot, target);
      else if (words[pc] === Micro.End) words[TimingWord.Course] = Course.None;
      else if (words[TimingWord.BranchAddress + entry] !== words[record + InstructionWord.Eip] || state === 0)
        timing.transfer(record, slot, target);
      else {
        words[TimingWord.Course] = Course.None;
        let right = state >= 2;
        if (slot === 0) {
          words[TimingWord.BranchState + entry] = state - 1;
          right = !right;
        } else {
          if (state < 3) words[TimingWord.BranchState + entry] = state + 1;
          if (words[TimingWord.BranchTarget + entry] !== target) {
            words[TimingWord.BranchTarget + entry] = target;
            right = false;
          }
        }
        if (!right) {
          const clocks = words[record + InstructionTiming.Penalty];
          counters[Counter.Cycles] += clocks;
          timing.causes[Cause.Branch] += clocks;
          words[TimingWord.Pipeline] = PipelineState.Flush;
          words[TimingWord.FlushBranch] = words[record + InstructionWord.Eip];
        }
      }
    }
    if (end !== End.None) {
      words[Word.Eip] = target;
      return Outcome.Continue;
    }
    let next = 0;
    if (slot !== Slot.Indirect) next = words[pc + MicroWord.Immediate + slot];
    else if (words[pc + MicroWord.Immediate] === target) next = words[pc + MicroWord.Base];
    if (next !== 0 && words[next + BlockWord.Alive] !== 0) {
      if (((target ^ words[block + BlockWord.Eip]) & 0xfffff000) === 0) {
        block = next;
        continue;
      }
      // Another page: go there directly when the code TLB's memo still maps it to the block's page.
      const memo = Memo.Words + Memo.Code + ((target >>> 11) & 0xe);
      if (
        words[memo] === ((target & 0xfffff000) | mode) &&
        words[memo + 1] === (words[next + BlockWord.Physical] & 0xfffff000)
      ) {
        block = next;
        continue;
      }
    }
    words[Word.Eip] = target;
    return pc;
  }
}
