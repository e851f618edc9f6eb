/**
 * A machine's RAM as it is where its threads have been compared to, by words. It begins as a snapshot; pages are copied when
 * they are first changed.
 */

const PAGE_WORDS = 1024;

export class Shadow {
  private readonly pages: Int32Array[];
  private readonly own: Uint8Array;
  /** The snapshot's pages, by which it is known what has changed since. */
  private base: readonly Uint8Array[];

  /** @param ram pages of a snapshot. */
  constructor(ram: readonly Uint8Array[]) {
    this.base = ram;
    this.pages = ram.map(wordsOf);
    this.own = new Uint8Array(ram.length);
  }

  /** Signed. */
  get(physical: number): number {
    return this.pages[physical >>> 12]![(physical >>> 2) & (PAGE_WORDS - 1)]!;
  }

  set(physical: number, value: number): void {
    const page = physical >>> 12;
    if (this.own[page] === 0) {
      this.own[page] = 1;
      this.pages[page] = this.pages[page]!.slice();
    }
    this.pages[page]![(physical >>> 2) & (PAGE_WORDS - 1)] = value;
  }

  /** Numbers of the pages that another snapshot of the same machine has otherwise than the one given last. */
  changedPages(ram: readonly Uint8Array[]): number[] {
    const found: number[] = [];
    const { base } = this;
    for (let page = 0; page < ram.length; page++) if (ram[page] !== base[page]) found.push(page);
    this.base = ram;
    return found;
  }

  /** Takes a page as a snapshot has it. */
  replace(page: number, bytes: Uint8Array): void {
    this.pages[page] = wordsOf(bytes);
    this.own[page] = 0;
  }
}

function wordsOf(page: Uint8Array): Int32Array {
  return new Int32Array(page.buffer, page.byteOffset, PAGE_WORDS);
}
