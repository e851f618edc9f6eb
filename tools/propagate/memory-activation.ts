/**
 * The first use of struck words of memory on the faulty machine, as it happens: by instructions, by the CPU's own accesses (frames,
 * descriptors, page walks) and by the kernel model, which no record of a step tells of.
 */
import { type Observer, Word } from "../../emulator/index.ts";
import type { Guest } from "../faults/site.ts";
import type { Place } from "./corruption.ts";

/** What the first use was: a read, or writes that left nothing of the struck bits. */
export interface MemoryUse {
  readonly kind: "read" | "overwritten";
  readonly cycle: number;
  readonly thread: number;
  /** Linear address of the instruction; 0 for the kernel. */
  readonly eip: number;
}

export class MemoryActivation {
  #first: MemoryUse | undefined;
  readonly #places: ReadonlyMap<Place, number>;
  readonly #isStuck: boolean;
  #detach: (() => void)[] = [];
  /** Clock and address at which the present instruction began; the address is 0 in the kernel. */
  #cycle = 0;
  #eip = 0;

  /**
   * @param places words of RAM with masks of the struck bits.
   * @param isStuck the bits are there again after every write.
   */
  constructor(
    private readonly guest: Guest,
    places: ReadonlyMap<Place, number>,
    isStuck: boolean,
  ) {
    this.#places = places;
    this.#isStuck = isStuck;
    if (places.size === 0) return;
    this.#detach = [
      guest.machine.observe(this.observer()),
      guest.kernel.watch({ load: (at, bytes) => this.use(at, bytes, false) }),
    ];
  }

  /** Undefined while nobody has used them. */
  get first(): MemoryUse | undefined {
    return this.#first;
  }

  stop(): void {
    for (const detach of this.#detach) detach();
    this.#detach = [];
  }

  private observer(): Partial<Observer> {
    const { cpu } = this.guest.machine;
    const begin = (linear: number): void => {
      this.#cycle = cpu.cycles;
      this.#eip = linear;
    };
    return {
      beforeInstruction: begin,
      portalEnter: () => begin(0),
      portalLeave: () => begin(cpu.words[Word.Eip]! >>> 0),
      memoryRead: (_linear, physical, bytes) => this.use(physical, bytes, false),
      memoryWrite: (_linear, physical, bytes) => this.use(physical, bytes, true),
      walkRead: (physical) => this.use(physical, 4, false),
      physicalWrite: (physical, bytes) => this.use(physical, bytes, true),
    };
  }

  private use(physical: number, bytes: number, write: boolean): void {
    if (this.#first !== undefined || (write && this.#isStuck)) return;
    for (let word = physical & ~3; word < physical + bytes; word += 4) {
      const struck = this.#places.get(word);
      if (struck === undefined) continue;
      const touched = bitsOf(word, physical, bytes);
      if ((touched & struck) === 0 || (write && (struck & ~touched) !== 0)) continue;
      const { kernel, machine } = this.guest;
      this.#first = {
        kind: write ? "overwritten" : "read",
        cycle: this.#eip === 0 ? machine.cycles : this.#cycle,
        thread: (kernel.currentThread() ?? 0) >>> 14,
        eip: this.#eip,
      };
      return;
    }
  }
}

/** Bits of an aligned word that an access of `bytes` at `physical` touches. */
function bitsOf(word: number, physical: number, bytes: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) if (word + i >= physical && word + i < physical + bytes) bits |= 0xff << (8 * i);
  return bits;
}
