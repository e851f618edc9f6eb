/**
 * Linear to physical addresses through the P5's three TLBs (tlb.ts), filled by page walks (page-walk.ts), with protection
 * and page faults. Keeps the memos (memo.ts) exact: whatever they would hide is dropped here.
 */
import { GUEST_FAULT } from "../cpu/exceptions.ts";
import { Counter, Vector, Word } from "../cpu/state.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { Watch } from "../observer.ts";
import type { DataPort } from "../timing/data-port.ts";
import { EventCost } from "../timing/event-costs.ts";
import { Memo } from "./memo.ts";
import { CR4_PSE, LARGE_RESERVED, PageFaultCode, PageTableBit, PageWalk, TABLE_RESERVED } from "./page-walk.ts";
import { oldestWay, Tlb, TlbEntry, touchWay } from "./tlb.ts";

/** `mode` is Memo.User for accesses with user rights, 0 for supervisor rights. */
export class Translation {
  /** Of the last data translation: whether its entry lets later stores skip it; the large-page set it is in + 1, or 0. */
  storesFast = false;
  largeSet = 0;
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly memory: PhysicalMemory;
  private readonly pageWalk: PageWalk;
  private paging = false;
  private writeProtect = false;
  private port: DataPort | undefined;

  constructor(linear: LinearMemory, memory: PhysicalMemory, watch: Watch) {
    this.words = linear.words32;
    this.counters = linear.stateCounters;
    this.memory = memory;
    this.pageWalk = new PageWalk(linear, memory, watch);
  }

  /** Makes a timing model charge the page walks. */
  attachPort(port: DataPort): void {
    this.port = port;
  }

  /** Rereads CR0 from the state words; flushes the memos. */
  stateReplaced(): void {
    const cr0 = this.words[Word.Cr0];
    this.paging = cr0 < 0;
    this.writeProtect = (cr0 & 0x10000) !== 0;
    this.flushMemos();
  }

  /** Empties all three TLBs (CR3 load; changes of CR0.PG, CR0.WP, CR4.PSE). */
  flushAll(): void {
    this.words.fill(0, Word.Tlb, Word.Tlb + Tlb.Words);
    this.flushMemos();
  }

  /** INVLPG: drops the translation of one page from the data and code TLBs; of a 4 MiB page also every piece. */
  flushPage(linear: number): void {
    const page = linear & 0xfffff000;
    this.drop(Tlb.Data + ((linear >>> 12) & 15) * 8, Tlb.Ways, page, 0xfffff001 | 0);
    this.drop(Tlb.Code + ((linear >>> 12) & 7) * 8, Tlb.Ways, page, 0xfffff001 | 0);
    this.drop(Tlb.Large + ((linear >>> 22) & 1) * 8, Tlb.Ways, linear & 0xffc00000, 0xffc00001 | 0);
    const pieces = 0xffc00001 | TlbEntry.Piece | 0;
    this.drop(Tlb.Code, Tlb.CodeSets * Tlb.Ways, (linear & 0xffc00000) | TlbEntry.Piece, pieces);
    this.flushMemos();
  }

  /** Empties those of `count` entries from `first` on whose tag is valid and equals `wanted` under `mask`. */
  private drop(first: number, count: number, wanted: number, mask: number): void {
    const { words } = this;
    for (let entry = Word.Tlb + first; entry < Word.Tlb + first + 2 * count; entry += 2)
      if ((words[entry] & mask) === (wanted | TlbEntry.Valid)) words.fill(0, entry, entry + 2);
  }

  /** Forgets all memos; the TLBs stay. */
  flushMemos(): void {
    this.words.fill(Memo.None, Memo.Words, Memo.Words + Memo.Code + 2 * Tlb.CodeSets);
  }

  /** Forgets the permissions to write fast (a page's flags changed). */
  flushStoreMemos(): void {
    for (let memo = Memo.Words; memo < Memo.Words + 4 * Memo.Count; memo += 4)
      this.words[memo + Memo.WriteTag] = Memo.None;
  }

  /**
   * What a supervisor read of `linear` would translate to by the page tables alone (TLBs ignored, nothing changed):
   * physical address or undefined. For debuggers and tests.
   */
  inspect(linear: number): number | undefined {
    if (!this.paging) return linear >>> 0;
    const pageSizes = (this.words[Word.Cr4] & CR4_PSE) !== 0;
    const directoryEntry = this.memory.read32((this.words[Word.Cr3] & 0xfffff000) + ((linear >>> 20) & 0xffc));
    if ((directoryEntry & PageTableBit.Present) === 0) return undefined;
    if ((directoryEntry & PageTableBit.PageSize) !== 0 && pageSizes) {
      if ((directoryEntry & LARGE_RESERVED) !== 0) return undefined;
      return ((directoryEntry & 0xffc00000) | (linear & 0x3fffff)) >>> 0;
    }
    const entry = this.memory.read32((directoryEntry & 0xfffff000) + ((linear >>> 10) & 0xffc));
    if ((entry & PageTableBit.Present) === 0 || ((entry & TABLE_RESERVED) !== 0 && pageSizes)) return undefined;
    return ((entry & 0xfffff000) | (linear & 0xfff)) >>> 0;
  }

  /**
   * Translates a data access inside one page; sets storesFast and largeSet for the memo. Returns the physical address.
   * Changes pseudo-LRU state exactly as the hardware's lookup does; drops memos that stop being exact.
   */
  data(linear: number, write: boolean, mode: number): number {
    if (!this.paging) {
      this.storesFast = true;
      this.largeSet = 0;
      return linear;
    }
    const words = this.words;
    const page = (linear & 0xfffff000) | TlbEntry.Valid;
    const set = (linear >>> 12) & 15;
    const base = Word.Tlb + Tlb.Data + set * 8;
    for (let way = 0; way < Tlb.Ways; way++) {
      const tag = words[base + 2 * way];
      if ((tag & 0xfffff001) !== page) continue;
      this.checkEntry(linear, tag, write, mode);
      if (write && (tag & TlbEntry.Dirty) === 0) return this.walk(linear, true, mode);
      this.touch(set, way);
      this.noteFound(tag, mode, 0);
      return words[base + 2 * way + 1] | (linear & 0xfff);
    }
    const largePage = (linear & 0xffc00000) | TlbEntry.Valid;
    const largeSet = (linear >>> 22) & 1;
    const largeBase = Word.Tlb + Tlb.Large + largeSet * 8;
    for (let way = 0; way < Tlb.Ways; way++) {
      const tag = words[largeBase + 2 * way];
      if ((tag & 0xffc00001) !== largePage) continue;
      this.checkEntry(linear, tag, write, mode);
      if (write && (tag & TlbEntry.Dirty) === 0) return this.walk(linear, true, mode);
      this.touchLarge(largeSet, way);
      this.noteFound(tag, mode, largeSet + 1);
      return words[largeBase + 2 * way + 1] | (linear & 0x3fffff);
    }
    return this.walk(linear, write, mode);
  }

  private noteFound(tag: number, mode: number, large: number): void {
    this.storesFast =
      (tag & TlbEntry.Dirty) !== 0 && ((tag & TlbEntry.Writable) !== 0 || (mode === 0 && !this.writeProtect));
    this.largeSet = large;
  }

  /** Raises the page fault that a TLB entry's rights call for. The entry is dropped, so that a retry walks (SDM vol. 3, 4.10.4.1). */
  private checkEntry(linear: number, tag: number, write: boolean, mode: number): void {
    if (!this.denied(tag, write, mode)) return;
    this.flushPage(linear);
    this.pageFault(linear, PageFaultCode.Present, write, mode);
  }

  /** `rights`: User and Writable, which have the same bits in TLB tags and page-table entries. */
  private denied(rights: number, write: boolean, mode: number): boolean {
    if (mode !== 0 && (rights & TlbEntry.User) === 0) return true;
    return write && (rights & TlbEntry.Writable) === 0 && (mode !== 0 || this.writeProtect);
  }

  private pageFault(linear: number, code: number, write: boolean, mode: number): never {
    this.words[Word.Cr2] = linear;
    this.words[Word.FaultVector] = Vector.PageFault;
    this.words[Word.FaultErrorCode] = code | (write ? PageFaultCode.Write : 0) | (mode !== 0 ? PageFaultCode.User : 0);
    throw GUEST_FAULT;
  }

  /** Walks the page tables and fills the data TLBs. */
  private walk(linear: number, write: boolean, mode: number): number {
    const words = this.words;
    const rights = this.walkAndCharge(linear, write, mode, false);
    const frame = this.pageWalk.frame;
    const tagBits = TlbEntry.Valid | (rights & (TlbEntry.User | TlbEntry.Writable | TlbEntry.Dirty));
    if (this.pageWalk.large) {
      const largeSet = (linear >>> 22) & 1;
      const base = Word.Tlb + Tlb.Large + largeSet * 8;
      const tag = (linear & 0xffc00000) | tagBits;
      const way = this.chooseWay(base, linear & 0xffc00000, 0xffc00001 | 0, words[Word.Tlb + Tlb.LargeLru + largeSet]);
      words[base + 2 * way] = tag;
      words[base + 2 * way + 1] = frame;
      this.dropLargeMemos(largeSet);
      this.touchLarge(largeSet, way);
      this.noteFound(tag, mode, largeSet + 1);
      return frame | (linear & 0x3fffff);
    }
    const set = (linear >>> 12) & 15;
    const base = Word.Tlb + Tlb.Data + set * 8;
    const tag = (linear & 0xfffff000) | tagBits;
    const way = this.chooseWay(base, linear & 0xfffff000, 0xfffff001 | 0, words[Word.Tlb + Tlb.DataLru + set]);
    words[base + 2 * way] = tag;
    words[base + 2 * way + 1] = frame;
    this.dropMemo(set);
    this.touch(set, way);
    this.noteFound(tag, mode, 0);
    return frame | (linear & 0xfff);
  }

  /** Walks, charges the clocks, checks the rights; returns the combined rights. */
  private walkAndCharge(linear: number, write: boolean, mode: number, fetch: boolean): number {
    const outcome = this.pageWalk.walk(linear, write, mode !== 0, this.writeProtect);
    if (this.port !== undefined) this.port.pageWalk(this.pageWalk, fetch);
    else
      this.counters[Counter.Cycles] +=
        EventCost.PageWalk +
        EventCost.PageWalkLevel * this.pageWalk.levels +
        EventCost.LockedUpdate * this.pageWalk.updates;
    if (outcome < 0) this.pageFault(linear, ~outcome, write, mode);
    return outcome;
  }

  /** The way to fill: the one that holds this page already, else a free one, else the pseudo-least-recently used. */
  private chooseWay(base: number, page: number, mask: number, lru: number): number {
    let free = -1;
    for (let way = 0; way < Tlb.Ways; way++) {
      const tag = this.words[base + 2 * way];
      if ((tag & mask) === (page | TlbEntry.Valid)) return way;
      if (free < 0 && (tag & TlbEntry.Valid) === 0) free = way;
    }
    return free >= 0 ? free : oldestWay(lru);
  }

  private touch(set: number, way: number): void {
    const index = Word.Tlb + Tlb.DataLru + set;
    const before = this.words[index];
    const after = touchWay(before, way);
    if (after === before) return;
    this.words[index] = after;
    this.dropMemo(set);
  }

  private touchLarge(set: number, way: number): void {
    const index = Word.Tlb + Tlb.LargeLru + set;
    const before = this.words[index];
    const after = touchWay(before, way);
    if (after === before) return;
    this.words[index] = after;
    this.dropLargeMemos(set);
  }

  private dropMemo(set: number): void {
    const memo = Memo.Words + 4 * set;
    this.words[memo + Memo.ReadTag] = Memo.None;
    this.words[memo + Memo.WriteTag] = Memo.None;
  }

  private dropLargeMemos(largeSet: number): void {
    for (let set = 0; set < Memo.Count; set++)
      if (this.words[Memo.Words + 4 * set + Memo.LargeSet] === largeSet + 1) this.dropMemo(set);
  }

  /** Translates an instruction fetch through the code TLB; installs the code memo. Returns the physical address, unsigned. */
  code(linear: number, mode: number): number {
    if (!this.paging) {
      this.installCodeMemo(linear, linear & 0xfffff000, mode);
      return linear >>> 0;
    }
    const words = this.words;
    const page = (linear & 0xfffff000) | TlbEntry.Valid;
    const set = (linear >>> 12) & 7;
    const base = Word.Tlb + Tlb.Code + set * 8;
    let way = 0;
    while (way < Tlb.Ways && (words[base + 2 * way] & 0xfffff001) !== page) way++;
    if (way < Tlb.Ways) this.checkEntry(linear, words[base + 2 * way], false, mode);
    else way = this.fillCode(linear, base, set, mode);
    const lru = Word.Tlb + Tlb.CodeLru + set;
    words[lru] = touchWay(words[lru], way);
    const frame = words[base + 2 * way + 1];
    this.installCodeMemo(linear, frame, mode);
    return (frame | (linear & 0xfff)) >>> 0;
  }

  private fillCode(linear: number, base: number, set: number, mode: number): number {
    const words = this.words;
    const rights = this.walkAndCharge(linear, false, mode, true);
    const way = this.chooseWay(base, linear & 0xfffff000, 0xfffff001 | 0, words[Word.Tlb + Tlb.CodeLru + set]);
    const { large, frame } = this.pageWalk;
    const kind = large ? TlbEntry.Valid | TlbEntry.Piece : TlbEntry.Valid;
    words[base + 2 * way] = (linear & 0xfffff000) | kind | (rights & (TlbEntry.User | TlbEntry.Writable));
    words[base + 2 * way + 1] = large ? frame | (linear & 0x3ff000) : frame;
    return way;
  }

  private installCodeMemo(linear: number, frame: number, mode: number): void {
    const memo = Memo.Words + Memo.Code + ((linear >>> 11) & 0xe);
    this.words[memo] = (linear & 0xfffff000) | mode;
    this.words[memo + 1] = frame;
  }
}
