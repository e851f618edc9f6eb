/**
 * The P5's branch target buffer: 256 entries, 4-way, 64 sets by the low six bits of the branch's linear address
 * (Agner Fog, "The microarchitecture of Intel, AMD and VIA CPUs", chapter 3). No entry means "not taken", for every kind of near transfer; there is no return stack.
 *
 * The counter is asymmetric, as measured: a taken branch without entry gets one in state 3; taken adds 1 up to 3, not taken
 * subtracts 1; states 2 and 3 predict taken; state 0 *is* the free entry, so that a branch never goes from 0 to 1.
 * Replacement is round robin in each set (the chip's is pseudo-random and not published).
 */
import { TimingWord } from "./timing-state.ts";

const WAYS = 4;
const SET_MASK = 63;

export class BranchTargetBuffer {
  /** The entry that the last `execute` found or made, 0 if there is none. A hint, not state. */
  lastEntry = 0;
  private readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Whether `entry` predicts that the branch at `linear` is taken to `target`, with a full counter: then executing it so changes nothing. */
  confirms(entry: number, linear: number, target: number): boolean {
    const { words } = this;
    return (
      words[TimingWord.BranchAddress + entry] === linear &&
      words[TimingWord.BranchState + entry] === 3 &&
      words[TimingWord.BranchTarget + entry] === target
    );
  }

  /** Whether no entry predicts anything for the branch at `linear`: then executing it untaken changes nothing. */
  ignores(linear: number): boolean {
    const { words } = this;
    const entry = TimingWord.BranchAddress + (linear & SET_MASK) * WAYS;
    return (
      words[entry] !== linear &&
      words[entry + 1] !== linear &&
      words[entry + 2] !== linear &&
      words[entry + 3] !== linear
    );
  }

  /** Entry of the branch at `linear`, or -1. */
  find(linear: number): number {
    const { words } = this;
    const first = (linear & SET_MASK) * WAYS;
    for (let entry = first; entry < first + WAYS; entry++) {
      if (words[TimingWord.BranchAddress + entry] === linear && words[TimingWord.BranchState + entry] !== 0)
        return entry;
    }
    return -1;
  }

  /**
   * A near transfer executed. `allocate` false: a taken one without entry gets none.
   * Result: whether the next instruction had been predicted rightly.
   */
  execute(linear: number, taken: boolean, target: number, allocate: boolean): boolean {
    const { words } = this;
    const entry = this.find(linear);
    if (entry < 0) {
      this.lastEntry = 0;
      if (taken && allocate) this.allocate(linear, target);
      return !taken;
    }
    this.lastEntry = entry;
    const state = words[TimingWord.BranchState + entry];
    const predicted = state >= 2;
    if (!taken) {
      words[TimingWord.BranchState + entry] = state - 1;
      return !predicted;
    }
    const right = predicted && words[TimingWord.BranchTarget + entry] === target;
    if (state < 3) words[TimingWord.BranchState + entry] = state + 1;
    words[TimingWord.BranchTarget + entry] = target;
    return right;
  }

  reset(): void {
    this.words.fill(0, TimingWord.BranchAddress, TimingWord.BranchVictim + 64);
  }

  private allocate(linear: number, target: number): void {
    const { words } = this;
    const set = linear & SET_MASK;
    let entry = -1;
    for (let way = 0; way < WAYS && entry < 0; way++) {
      if (words[TimingWord.BranchState + set * WAYS + way] === 0) entry = set * WAYS + way;
    }
    if (entry < 0) {
      const way = words[TimingWord.BranchVictim + set];
      words[TimingWord.BranchVictim + set] = (way + 1) & (WAYS - 1);
      entry = set * WAYS + way;
    }
    words[TimingWord.BranchAddress + entry] = linear;
    words[TimingWord.BranchTarget + entry] = target;
    words[TimingWord.BranchState + entry] = 3;
    this.lastEntry = entry;
  }
}
