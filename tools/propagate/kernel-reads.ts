/**
 * What the kernel's path reads in the faulty machine: from wrong words come the wrong words that it writes. Registers of
 * threads are read where the kernel keeps them, in their control blocks.
 */
import type { Kernel } from "../../kernel/index.ts";
import { type ControlBlocks, registerOfWord } from "./control-blocks.ts";
import { type CorruptionSet, type Place, registerPlace } from "./corruption.ts";

export class KernelReads {
  /** Ids of the wrong words that the present path has read. */
  readonly sources = new Set<number>();
  /** Called with each aligned word that a path reads. */
  onRead: (physical: number) => void = () => {};
  private open = false;
  private paused = false;
  private readonly detach: () => void;

  constructor(
    kernel: Kernel,
    private readonly set: CorruptionSet,
    private readonly blocks: ControlBlocks,
  ) {
    this.detach = kernel.watch({
      enter: () => {
        if (this.paused) return;
        this.open = true;
        if (this.sources.size > 0) this.sources.clear();
      },
      load: (physical) => {
        const word = physical & ~3;
        if (this.open || !(this.paused || this.isRegister(word))) this.load(word);
      },
      // The exit still reads accounts and where the next thread is; the registers that it loads then are that thread's.
      leave: () => {
        this.open = false;
      },
    });
  }

  /** While paths are gone again. */
  pause(on: boolean): void {
    this.paused = on;
    this.open = false;
  }

  stop(): void {
    this.detach();
  }

  /**
   * Sources of a word that the path writes with this value: what it was copied from, else all that the path has read, and
   * where the ways of those parted for whom it acts (`ways`). Undefined when there is nothing of the kind.
   */
  of(value: number, ways: readonly number[]): readonly number[] | undefined {
    const { sources, set } = this;
    if (sources.size === 0) return ways.length > 0 ? ways : undefined;
    const copied = [...sources].filter((id) => set.history[id]!.faulty === value >>> 0);
    return copied.length > 0 ? copied : [...new Set([...ways, ...sources])];
  }

  private isRegister(word: number): boolean {
    return registerOfWord(word, this.blocks) !== undefined;
  }

  private load(word: number): void {
    this.onRead(word);
    const { set } = this;
    if (set.size === 0) return;
    if (set.touchesPage(word)) this.take(word);
    const register = registerOfWord(word, this.blocks);
    if (register !== undefined) this.take(registerPlace(register.thread, register.index));
  }

  private take(place: Place): void {
    const found = this.set.at(place);
    if (found !== undefined) this.sources.add(found.id);
  }
}
