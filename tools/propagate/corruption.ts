/**
 * The sparse set of wrong words, and its history: one `Corruption` for each write that left a word wrong, with edges to the
 * wrong words that it came from. A word that is written with another wrong value begins a new one.
 */

/** A place: an aligned word of RAM (its physical address), or a register of a thread (negative). */
export type Place = number;

export const TRACKED_REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eflags", "eip"] as const;
export const EFLAGS_INDEX = 8;
export const EIP_INDEX = 9;

export function registerPlace(thread: number, index: number): Place {
  return -(thread * 16 + index + 1);
}

export function registerOf(place: Place): { thread: number; index: number } | undefined {
  return place >= 0 ? undefined : { thread: (-place - 1) >> 4, index: (-place - 1) & 15 };
}

/** What the fault struck in the processor that no thread keeps (a TLB entry, CR0, a descriptor's limit): a place of its own. */
export const PROCESSOR_STATE: Place = registerPlace(0, 15);

/** Struck state that changes what instructions do though their registers and memory are right. */
export interface Suspect {
  /** Of the struck state itself; undefined if no place holds it. */
  readonly corruption: Corruption | undefined;
  /** Whether instructions of any thread can have gone astray by it, as long as it is wrong. */
  readonly byInstructions: boolean;
  /** Clock until which a register of the CPU is stuck, whoever runs; undefined if none is. */
  readonly stuckUntil?: number;
}

/** Bits of a place that are stuck until a clock. */
export interface HeldBits {
  readonly place: Place;
  readonly bits: number;
  readonly until: number;
}

export type WriterKind =
  /** The injected fault itself. */
  | "fault"
  /** A user instruction. */
  | "instruction"
  /** The kernel moved a message. */
  | "message"
  /** Another path of the kernel, or the CPU's own entry to it. */
  | "kernel"
  /** The CPU's page walk for a user instruction marked an entry as accessed or written (in one machine only). */
  | "walk"
  /** The golden machine writes the word and this one does not. */
  | "omission"
  /** The run took another way, and this was written (or not) there. */
  | "other-path";

export interface Writer {
  readonly kind: WriterKind;
  /** Thread that executed it; 0 for none. */
  readonly thread: number;
  /** Linear address of the instruction, 0 for none. */
  readonly eip: number;
  /** Vector of the kernel's entry, -1 for none. */
  readonly vector: number;
  /** For messages. */
  readonly sender?: number;
}

/** Why a word is wrong that was computed from right ones. */
export type RootCause =
  /** The injected fault. */
  | "fault"
  /** Clocks have shifted: a time was read, or things came in another order. */
  | "time"
  /** Nothing explains it: a gap of the tracker. */
  | "unknown";

export interface Corruption {
  readonly id: number;
  readonly place: Place;
  /** Clock of the faulty machine when the writer began. */
  readonly cycle: number;
  /** User instructions that the place's thread had retired since the injection; -1 for the kernel's words. */
  readonly progress: number;
  readonly golden: number;
  readonly faulty: number;
  readonly writer: Writer;
  /** Ids. */
  readonly sources: readonly number[];
  /** Where its chains of sources begin: the fault if any of them does. */
  readonly root: RootCause;
  /** When the word was right again or wrong in another way; undefined while it is as written. */
  endCycle: number | undefined;
  endProgress: number | undefined;
  /** Whether it ended by being right again. */
  healed: boolean;
}

export type NewCorruption = Omit<Corruption, "id" | "root" | "endCycle" | "endProgress" | "healed"> & {
  /** The instruction that wrote it has read the clock or a port. */
  readonly byInput?: boolean;
};

export class CorruptionSet {
  readonly history: Corruption[] = [];
  /** Bits that are stuck: wrong by the fault's doing whoever writes there. */
  held: readonly HeldBits[] = [];
  suspect: Suspect | undefined;
  private readonly wrong = new Map<Place, Corruption>();
  /** Physical pages with wrong words: number of them. */
  private readonly pages = new Map<number, number>();
  private memoryWords = 0;
  /** Changes when a page gets its first wrong word or loses its last one. */
  pagesVersion = 0;

  /** Wrong words of RAM. */
  get memorySize(): number {
    return this.memoryWords;
  }

  get size(): number {
    return this.wrong.size;
  }

  at(place: Place): Corruption | undefined {
    return this.wrong.get(place);
  }

  current(): Iterable<Corruption> {
    return this.wrong.values();
  }

  places(): Iterable<Place> {
    return this.wrong.keys();
  }

  /** Numbers of the physical pages with wrong words. */
  wrongPages(): Iterable<number> {
    return this.pages.keys();
  }

  /** Whether any wrong word is in the page of a physical address. Cheap. */
  touchesPage(physical: number): boolean {
    return this.memoryWords > 0 && this.pages.has(physical >>> 12);
  }

  /** What an instruction without any other cause has done at this clock by struck state that is wrong still. */
  suspectAt(cycle: number): readonly number[] {
    const { suspect } = this;
    if (suspect?.corruption === undefined || !suspect.byInstructions) return [];
    const { id, endCycle = Number.POSITIVE_INFINITY } = suspect.corruption;
    return cycle <= (suspect.stuckUntil ?? endCycle) ? [id] : [];
  }

  /** Whether struck state that no instruction names can have done it: nothing else is known to. */
  private isSuspect({ writer, sources, cycle, place, byInput = false }: NewCorruption, otherwise: RootCause): boolean {
    if (this.suspect === undefined || sources.length > 0) return false;
    const { stuckUntil } = this.suspect;
    if (otherwise === "unknown" || (stuckUntil !== undefined && place < 0 && cycle <= stuckUntil)) return true;
    const byInstruction = writer.kind === "instruction" || writer.kind === "walk";
    return byInstruction && !byInput && this.suspectAt(cycle).length > 0;
  }

  private isHeld({ place, golden, faulty, cycle }: NewCorruption): boolean {
    return (
      this.held.length > 0 &&
      this.held.some((one) => one.place === place && ((golden ^ faulty) & one.bits) !== 0 && cycle < one.until)
    );
  }

  add(what: NewCorruption, otherwise: RootCause): Corruption {
    const before = this.wrong.get(what.place);
    const { place, cycle, progress, golden, faulty, writer } = what;
    const suspected = this.isSuspect(what, otherwise);
    const struck = suspected ? this.suspect?.corruption?.id : undefined;
    const sources = struck === undefined ? what.sources : [struck];
    const corruption: Corruption = {
      id: this.history.length,
      place,
      cycle,
      progress,
      golden,
      faulty,
      writer,
      sources,
      root: suspected || this.isHeld(what) ? "fault" : this.rootOf(sources, otherwise),
      endCycle: undefined,
      endProgress: undefined,
      healed: false,
    };
    if (before !== undefined) {
      before.endCycle = what.cycle;
      before.endProgress = what.progress;
    } else this.count(what.place, 1);
    this.history.push(corruption);
    this.wrong.set(what.place, corruption);
    return corruption;
  }

  heal(place: Place, cycle: number, progress: number): void {
    const corruption = this.wrong.get(place);
    if (corruption === undefined) return;
    corruption.endCycle = cycle;
    corruption.endProgress = progress;
    corruption.healed = true;
    this.wrong.delete(place);
    this.count(place, -1);
  }

  private rootOf(sources: readonly number[], otherwise: RootCause): RootCause {
    let root: RootCause | undefined;
    for (const id of sources) {
      const other = this.history[id]!.root;
      if (other === "fault") return "fault";
      if (root === undefined || other === "unknown") root = other;
    }
    return root ?? otherwise;
  }

  private count(place: Place, change: number): void {
    if (place < 0) return;
    this.memoryWords += change;
    const page = place >>> 12;
    const left = (this.pages.get(page) ?? 0) + change;
    if (left === 0 || left === change) this.pagesVersion++;
    if (left === 0) this.pages.delete(page);
    else this.pages.set(page, left);
  }
}
