/**
 * What a thread can come to: whether any wrong word is in its space, its UTCB, or in what all spaces use; and whether both
 * machines have the same page tables, spaces and UTCBs, without which equal addresses would not mean equal words.
 */
import type { Machine } from "../../emulator/index.ts";
import type { Kernel } from "../../kernel/index.ts";
import { Pte } from "../../kernel/page-table.ts";
import { TCB_BYTES, Tcb } from "../../kernel/tcb-layout.ts";
import type { CorruptionSet } from "./corruption.ts";
import type { Shadow } from "./shadow.ts";

/** Structures of the kernel on which what user programs do depends, whoever runs. */
const OF_EVERYBODY = /^(?:GDT|IDT|TSS|portal page|shared page table|I\/O bitmap|end of the I\/O|space)/;
const OF_SPACES: readonly string[] = ["space", "shared page table of the private region"];
/** Words of a control block that say where the thread's words are. */
const PLACES: readonly number[] = [Tcb.space, Tcb.utcb, Tcb.utcbPhysical];
/** Bits of an entry that the CPU sets by itself. */
const SET_BY_CPU = Pte.Accessed | Pte.Dirty;

/** Space indices, or all of them. */
type Spaces = readonly number[] | "all";

interface Range {
  readonly start: number;
  readonly end: number;
}

export class Reach {
  private readonly pages = new Map<number, Spaces>();
  private readonly spaces = new Map<number, number>();
  private readonly utcbs = new Map<number, number>();
  private readonly utcbPages = new Set<number>();
  private known = false;
  private readonly pool: Range;
  private readonly tcbs: Range;
  private readonly others: readonly Range[];
  /** Structural words that have been written since the injection, by machine, and those that are not alike. */
  private readonly goldenWords = new Map<number, number>();
  private readonly faultyWords = new Map<number, number>();
  private readonly unlike = new Set<number>();

  /** Called when page tables, spaces or UTCBs have changed: words may have other owners. */
  onChange: () => void = () => {};
  private readonly watched = new Set<number>();
  /** Of the set's pages, when they were last watched. */
  private version = -1;

  constructor(
    private readonly machine: Machine,
    private readonly kernel: Kernel,
    private readonly set: CorruptionSet,
    private readonly before: Shadow,
  ) {
    const structures = kernel.structures();
    const range = (list: typeof structures): Range => ({
      start: Math.min(...list.map(({ start }) => start)),
      end: Math.max(...list.map(({ start, bytes, count }) => start + bytes * count)),
    });
    this.pool = range(structures.filter(({ kind }) => kind === "page-table" || kind === "utcb" || kind === "free"));
    this.tcbs = range(structures.filter(({ name }) => name === "tcb"));
    this.others = structures.filter(({ name }) => OF_SPACES.includes(name)).map((one) => range([one]));
  }

  // ---- structure ----

  goldenWrote(physical: number, value: number): void {
    if (this.isStructural(physical)) this.write(this.goldenWords, this.faultyWords, physical, value);
  }

  faultyWrote(physical: number, value: number): void {
    if (!this.isStructural(physical)) return;
    this.write(this.faultyWords, this.goldenWords, physical, value);
    this.pages.clear();
    if (physical < this.pool.start || physical >= this.pool.end) this.known = false;
    this.onChange();
  }

  private write(own: Map<number, number>, other: Map<number, number>, physical: number, value: number): void {
    own.set(physical, value);
    const unlike = ((other.get(physical) ?? this.before.get(physical)) ^ value) & ~SET_BY_CPU;
    if (unlike === 0) this.unlike.delete(physical);
    else this.unlike.add(physical);
  }

  private isStructural(physical: number): boolean {
    if (physical >= this.pool.start && physical < this.pool.end) return !this.utcbPages.has(physical >>> 12);
    if (physical >= this.tcbs.start && physical < this.tcbs.end)
      return PLACES.includes((physical - this.tcbs.start) & (TCB_BYTES - 1));
    return this.others.some(({ start, end }) => physical >= start && physical < end);
  }

  private learn(): void {
    if (this.known) return;
    this.known = true;
    this.pages.clear();
    this.spaces.clear();
    this.utcbPages.clear();
    this.utcbs.clear();
    for (const { threadNo, space, utcb } of this.kernel.threads()) {
      this.spaces.set(threadNo, space);
      this.utcbs.set(threadNo, utcb);
      if (utcb !== 0) this.utcbPages.add(utcb >>> 12);
    }
  }

  /** Physical address of a thread's UTCB, 0 for none. */
  utcbOf(thread: number): number {
    this.learn();
    return this.utcbs.get(thread) ?? 0;
  }

  /** Whether user programs, or the CPU for them, write words of a page. */
  holdsUserWords(page: number): boolean {
    const physical = page << 12;
    return physical < this.kernel.kernelMemory.start || (physical >= this.pool.start && physical < this.pool.end);
  }

  // ---- words ----

  /** Whether what a thread does depends on something that is not as in the golden machine and cannot be watched by pages. */
  mustWatch(thread: number): boolean {
    if (this.unlike.size > 0) return true;
    if (this.set.memorySize === 0) return false;
    this.learn();
    const space = this.spaces.get(thread) ?? -1;
    for (const page of this.set.wrongPages()) {
      const spaces = this.spacesOf(page);
      if (spaces === "all" || spaces.includes(space)) return true;
    }
    return false;
  }

  /** Has the machine tell of accesses to the pages that have wrong words now, and of code decoded there. */
  watchPages(): void {
    const { machine, set, watched } = this;
    if (this.version === set.pagesVersion) return;
    this.version = set.pagesVersion;
    for (const page of watched)
      if (!set.touchesPage(page << 12)) {
        watched.delete(page);
        machine.watchPage(page, false);
      }
    for (const page of set.wrongPages()) {
      if (watched.has(page)) continue;
      watched.add(page);
      machine.watchPage(page, true);
    }
  }

  watchNothing(): void {
    for (const page of this.watched) this.machine.watchPage(page, false);
    this.watched.clear();
  }

  /** Wrong words that have been executed must be decoded again, to be told of. */
  forgetCode(): void {
    for (const page of this.set.wrongPages()) this.machine.memory.forgetCode(page);
  }

  /** Spaces whose threads depend on wrong words of a page without accessing it. */
  private spacesOf(page: number): Spaces {
    let spaces = this.pages.get(page);
    if (spaces === undefined) {
      spaces = this.find(page);
      this.pages.set(page, spaces);
    }
    return spaces;
  }

  private find(page: number): Spaces {
    if (page << 12 < this.kernel.kernelMemory.start) return [];
    let before = "";
    for (let physical = page << 12; physical < (page + 1) << 12; physical += 4) {
      const { kind, name, space } = this.kernel.owner(physical);
      if (name === before) continue;
      before = name;
      if (kind === "utcb" || kind === "free") return [];
      if (kind === "page-table") return space === undefined || space < 0 ? "all" : [space];
      if (OF_EVERYBODY.test(name)) return "all";
    }
    return [];
  }
}
