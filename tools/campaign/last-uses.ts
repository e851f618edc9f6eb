/**
 * When each word of RAM is used for the last time in the golden run, by anybody. From then on it is dead: a wrong value in it
 * changes nothing but itself.
 */
import type { GoldenRun } from "../faults/golden-run.ts";

/** Words of 4 bytes. */
const WORD_SHIFT = 2;

export class LastUses {
  /** For each word: how many of the golden snapshots are not later than its last use. Shared between threads. */
  readonly counts: Uint16Array;
  readonly #clocks: readonly number[];
  #passed = 0;

  constructor(golden: GoldenRun, counts = new Uint16Array(new SharedArrayBuffer(sizeOf(golden)))) {
    this.counts = counts;
    this.#clocks = golden.snapshots.map(({ cycle }) => cycle);
  }

  /** To be called in the order of time. @param clock not before the use is over. */
  note(physical: number, bytes: number, clock: number): void {
    while (this.#passed < this.#clocks.length && this.#clocks[this.#passed]! <= clock) this.#passed++;
    const { counts } = this;
    const last = (physical + bytes - 1) >>> WORD_SHIFT;
    for (let word = physical >>> WORD_SHIFT; word <= last && word < counts.length; word++) counts[word] = this.#passed;
  }
}

function sizeOf({ end }: GoldenRun): number {
  return (2 * end.machine.ram.length * 4096) >>> WORD_SHIFT;
}

/** Whether nobody uses a word any more from golden snapshot number `snapshot` on. */
export function isDead(counts: Uint16Array, physical: number, snapshot: number): boolean {
  return counts[physical >>> WORD_SHIFT]! <= snapshot;
}
