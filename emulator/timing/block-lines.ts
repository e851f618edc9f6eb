/**
 * The code lines of a decoded block: how much of it can run on its static schedule, which takes for granted that they are in the code
 * cache with their marks.
 */
import { BlockWord, InstructionWord } from "../cpu/decode-records.ts";
import { BlockTiming, InstructionTiming } from "./block-schedule.ts";
import type { CodeCache } from "./code-cache.ts";
import { CacheGeometry, TimingWord } from "./timing-state.ts";

/** Results besides the micro-operation before which the static schedule ends: nothing of it can run, all of it can. */
export const STEPWISE = 0;
export const WHOLE = -1;

export class BlockLines {
  private readonly words: Int32Array;
  private readonly code: CodeCache;

  /** @param words the whole linear memory */
  constructor(words: Int32Array, code: CodeCache) {
    this.words = words;
    this.code = code;
  }

  /** How far the block's lines are ready. Makes those that will be used the most recently used ones of their sets. */
  reach(block: number): number {
    const { words } = this;
    return this.find(block, words[block + BlockWord.FirstInstruction], 0, words[block + BlockTiming.FirstMarks]);
  }

  /** The same from the instruction `record` on, which is not the first. */
  reachFrom(block: number, record: number): number {
    const { words } = this;
    const physical = words[record + InstructionWord.Physical];
    const line =
      (physical >>> CacheGeometry.LineShift) - (words[block + BlockWord.Physical] >>> CacheGeometry.LineShift);
    const before = words[block + BlockWord.FirstInstruction] + (line - 1) * InstructionWord.Words;
    const marks = line === 0 ? words[block + BlockTiming.FirstMarks] : words[before + InstructionTiming.LineMarks];
    return this.find(block, record, line, marks & (-1 << (physical & 31)));
  }

  /** The block has been left behind `record`: lines that only what follows would have touched get their age back. */
  giveBack(block: number, record: number): void {
    const { words } = this;
    const physical = words[block + BlockWord.Physical];
    const last = words[record + InstructionWord.Physical] + words[record + InstructionWord.Length] - 1;
    const reached = (last >>> CacheGeometry.LineShift) - (physical >>> CacheGeometry.LineShift);
    if (reached < 31) this.exchange(physical, words[TimingWord.SwappedLines] & (-2 << reached));
  }

  /** From `record` on, which is in line `first` of the block; `marks`: what must be marked in that line. */
  private find(block: number, record: number, first: number, marks: number): number {
    const { words, code } = this;
    const physical = words[block + BlockWord.Physical];
    if (words[block + BlockWord.SecondPage] !== -1) return STEPWISE;
    const lines = ((physical & 31) + words[block + BlockWord.Bytes] + 31) >>> CacheGeometry.LineShift;
    let swaps = 0;
    let needed = marks;
    let next = words[block + BlockWord.FirstInstruction] + first * InstructionWord.Words;
    let end: number = WHOLE;
    for (let line = first; line < lines; line++) {
      const found = code.find(physical + line * CacheGeometry.LineBytes, needed);
      if (found === 0) {
        if (line === first) return STEPWISE;
        end = words[next - InstructionWord.Words + InstructionTiming.LineStop];
        if (end <= words[record + InstructionWord.FirstMicro]) return STEPWISE;
        break;
      }
      if (found === 1) swaps |= 1 << line;
      needed = words[next + InstructionTiming.LineMarks];
      next += InstructionWord.Words;
    }
    words[TimingWord.SwappedLines] = swaps;
    if (swaps !== 0) this.exchange(physical, swaps);
    return end;
  }

  private exchange(physical: number, lines: number): void {
    for (let line = 0; lines >>> line !== 0; line++) {
      if (((lines >>> line) & 1) !== 0) this.code.exchange(physical + line * CacheGeometry.LineBytes);
    }
  }
}
