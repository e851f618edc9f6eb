/**
 * Single instructions: charging one by itself, and what the hot loop does where a timing model cannot give a block's clocks
 * as a whole. It then runs instruction by instruction, without leaving the loop, until the model can go on with the rest.
 */
import { TimingWord } from "../timing/timing-state.ts";
import type { Cpu } from "./cpu.ts";
import { BlockWord, InstructionWord } from "./decode-records.ts";
import { Counter, Word } from "./state.ts";

export const enum End {
  /** `end` of a run that goes on from block to block. */
  None = -1,
}

/** Whether the slice is over. */
export function isOver(counters: Float64Array): boolean {
  return (
    counters[Counter.Cycles] >= counters[Counter.LimitCycle] ||
    counters[Counter.Instructions] >= counters[Counter.LimitInstructions]
  );
}

/** Charges an instruction that is about to execute by itself. */
export function chargeInstruction(cpu: Cpu, instruction: number): void {
  const { words, counters, timing } = cpu;
  words[Word.ChargedBlock] = 0;
  words[Word.CurrentMicro] = words[instruction + InstructionWord.FirstMicro];
  if (timing === undefined) counters[Counter.Cycles] += words[instruction + InstructionWord.Clocks];
  else {
    timing.begin(instruction);
    // A locked access goes to the bus: the timing model must hear of it, also where a memo would hit.
    if (words[TimingWord.GroupLocked] !== 0) cpu.access.flushMemos();
  }
  counters[Counter.Instructions] += 1;
}

/**
 * The model does not know the clocks of `block` as a whole, or they do not fit the limits: charges its first instruction.
 * Result: where to stop (as `goOn`), 0 when the slice is over.
 */
export function stepInto(cpu: Cpu, block: number): number {
  const { words, counters } = cpu;
  words[Word.Eip] = words[block + BlockWord.Eip];
  if (isOver(counters)) return 0;
  return stepOnto(cpu, words[block + BlockWord.FirstInstruction]);
}

/**
 * The interpreter has stopped behind `instruction`, inside its block. Charges what comes next: the rest of the block, if the timing model can
 * go on with it as a whole (Word.ChargedBlock is the block then), else the next instruction.
 * Result: where to stop (the micro-operation after, or End.None); 0 when the run loop must look first.
 */
export function goOn(cpu: Cpu, instruction: number): number {
  const { words, counters, timing } = cpu;
  const block = words[instruction + InstructionWord.Block];
  if (
    words[Word.CodeChanged] !== 0 ||
    isOver(counters) ||
    words[instruction + InstructionWord.Number] + 1 === words[block + BlockWord.Count]
  )
    return 0;
  const next = instruction + InstructionWord.Words;
  const end = timing === undefined ? 0 : timing.resume(next);
  if (end === 0) return stepOnto(cpu, next);
  counters[Counter.Cycles] += words[block + BlockWord.Clocks] - words[instruction + InstructionWord.ClocksThrough];
  counters[Counter.Instructions] += words[block + BlockWord.Count] - words[next + InstructionWord.Number];
  words[Word.ChargedBlock] = block;
  return end;
}

function stepOnto(cpu: Cpu, instruction: number): number {
  const { words } = cpu;
  chargeInstruction(cpu, instruction);
  const block = words[instruction + InstructionWord.Block];
  const last = words[instruction + InstructionWord.Number] + 1 === words[block + BlockWord.Count];
  // The last one leaves the block by itself.
  return last ? End.None : words[instruction + InstructionWord.EndMicro];
}
