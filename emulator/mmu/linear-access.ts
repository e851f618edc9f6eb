/**
 * Access to memory by linear address: translation through the TLBs, protection, and the fast path.
 *
 * Fast path. For each of the 16 data-TLB sets there is one *memo*: the page most recently used in that set, with the
 * addend that turns a linear address into an offset of the linear memory. Touching the most recently used entry of a
 * pseudo-LRU set again changes nothing, so a memo hit may skip the lookup and still be exact. A memo is installed for
 * reads when the access was allowed, for writes only when moreover the TLB entry is dirty and the page's flags are
 * exactly `Dirty`; it is dropped when another entry of its set is touched, when its page's flags change, on every flush,
 * and it is never installed while memory is observed. Its tag holds the page, the mode (user or supervisor) and zeros
 * where an aligned access of the width has zeros, so one compare decides everything.
 *
 * Memos are derived data: not part of the machine's state.
 */

import { GUEST_FAULT } from "../cpu/exceptions.ts";
import { Counter, Vector, Word } from "../cpu/state.ts";
import { Layout, PageFlag } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { Watch } from "../observer.ts";
import { dataSet } from "../timing/data-cache.ts";
import type { DataPort } from "../timing/data-port.ts";
import { EventCost } from "../timing/event-costs.ts";
import { LineBit, TimingWord } from "../timing/timing-state.ts";
import { PageFaultCode, PageTableBit, PageWalk } from "./page-walk.ts";
import { oldestWay, Tlb, TlbEntry, touchWay } from "./tlb.ts";

/** One memo: four words at Layout.Memos + 16 * set. */
export const enum Memo {
  /** Layout.Memos in words. */
  Words = 0x20000,
  ReadTag = 0,
  WriteTag = 1,
  /** Offset in linear memory minus linear address (mod 2^32). */
  Addend = 2,
  /** 0 for a 4 KiB page, else 1 + the set of the large-page TLB that holds it. */
  LargeSet = 3,
  Count = 16,
  /** A tag that no address matches. */
  None = -1,
  /** Mode bit in a tag. */
  User = 4,
  /** Words of the data memos; the code memos (tag, physical page) follow, one for each of the 8 sets. */
  Code = 64,
}

const enum TagMask {
  Byte = 0xfffff000 | 0,
  Word = 0xfffff001 | 0,
  Dword = 0xfffff003 | 0,
}

/** Of an address: its line in the first-level caches. */
const LINE_MASK = -32;

export class LinearAccess {
  private readonly counters: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly words16: Uint16Array;
  private readonly words32: Int32Array;
  /** The same view, where it is read as CPU state. */
  private readonly words: Int32Array;
  private readonly memory: PhysicalMemory;
  private readonly watch: Watch;
  private readonly pageWalk: PageWalk;
  /** Memo.User at CPL 3, else 0. */
  private mode = 0;
  private paging = false;
  private writeProtect = false;
  /** Set by a lookup for the memo: whether the entry allows fast writes; its large-page set + 1. */
  private foundWritable = false;
  private foundLarge = 0;
  /** Told of every access that is not a plain hit of the first-level data cache; undefined without a timing model. */
  private port: DataPort | undefined;

  constructor(linear: LinearMemory, memory: PhysicalMemory, watch: Watch) {
    this.counters = linear.stateCounters;
    this.bytes = linear.bytes;
    this.words16 = linear.words16;
    this.words32 = linear.words32;
    this.words = linear.words32;
    this.memory = memory;
    this.watch = watch;
    this.pageWalk = new PageWalk(linear, memory, watch);
    memory.attachStoreMemos(this);
    this.flushMemos();
  }

  /** Makes a timing model hear of accesses. Before the first access. */
  attachPort(port: DataPort): void {
    this.port = port;
  }

  // ---- accesses at the current privilege level ----

  /** Reads a byte (unsigned); a fault leaves CR2 and the error code set and throws GUEST_FAULT. */
  read8(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Byte) | this.mode) &&
      (this.port === undefined || this.readHits(memo, linear))
    )
      return this.bytes[(linear + this.words32[memo + Memo.Addend]) >>> 0];
    return this.load(linear, 1, this.mode);
  }

  /** Reads 16 bits (unsigned). */
  read16(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Word) | this.mode) &&
      (this.port === undefined || this.readHits(memo, linear))
    )
      return this.words16[(linear + this.words32[memo + Memo.Addend]) >>> 1];
    return this.load(linear, 2, this.mode);
  }

  /** Reads 32 bits (signed int32). */
  read32(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Dword) | this.mode) &&
      (this.port === undefined || this.readHits(memo, linear))
    )
      return this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2];
    return this.load(linear, 4, this.mode);
  }

  write8(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Byte) | this.mode) &&
      (this.port === undefined || this.writeHits(memo, linear))
    )
      this.bytes[(linear + this.words32[memo + Memo.Addend]) >>> 0] = value;
    else this.store(linear, 1, value, this.mode);
  }

  write16(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Word) | this.mode) &&
      (this.port === undefined || this.writeHits(memo, linear))
    )
      this.words16[(linear + this.words32[memo + Memo.Addend]) >>> 1] = value;
    else this.store(linear, 2, value, this.mode);
  }

  write32(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Dword) | this.mode) &&
      (this.port === undefined || this.writeHits(memo, linear))
    )
      this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2] = value;
    else this.store(linear, 4, value, this.mode);
  }

  /** Faults exactly as a write of `bytes` (1 to 4096) at `linear` would, and writes nothing. Sets A and D bits like the write. */
  probeWrite(linear: number, bytes: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (
      (linear & 0xfff) + bytes <= 0x1000 &&
      this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Byte) | this.mode)
    )
      return;
    this.probe(linear, bytes, true, this.mode);
  }

  /** Faults exactly as a read of `bytes` at `linear` would. */
  probeRead(linear: number, bytes: number): void {
    this.probe(linear, bytes, false, this.mode);
  }

  /** The read of a read-modify-write: faults like a write, so that the write that follows cannot fault. */
  readModify8(linear: number): number {
    this.probeWrite(linear, 1);
    return this.read8(linear);
  }

  readModify16(linear: number): number {
    this.probeWrite(linear, 2);
    return this.read16(linear);
  }

  readModify32(linear: number): number {
    this.probeWrite(linear, 4);
    return this.read32(linear);
  }

  // ---- implicit supervisor accesses: descriptor tables, TSS, stacks of inner levels ----

  readSystem8(linear: number): number {
    return this.load(linear, 1, 0);
  }

  readSystem16(linear: number): number {
    return this.load(linear, 2, 0);
  }

  readSystem32(linear: number): number {
    return this.load(linear, 4, 0);
  }

  writeSystem8(linear: number, value: number): void {
    this.store(linear, 1, value, 0);
  }

  writeSystem16(linear: number, value: number): void {
    this.store(linear, 2, value, 0);
  }

  writeSystem32(linear: number, value: number): void {
    this.store(linear, 4, value, 0);
  }

  /** Faults as a write of `bytes` by a user (or supervisor) would; for stacks that are about to be switched to. */
  probeWriteAs(linear: number, bytes: number, user: boolean): void {
    this.probe(linear, bytes, true, user ? Memo.User : 0);
  }

  /** Reads 8, 16 or 32 bits as a user or as a supervisor, whatever the current privilege level. */
  readAs(linear: number, bytes: number, user: boolean): number {
    return this.load(linear, bytes, user ? Memo.User : 0);
  }

  writeAs(linear: number, bytes: number, value: number, user: boolean): void {
    this.store(linear, bytes, value, user ? Memo.User : 0);
  }

  // ---- instruction fetch ----

  /**
   * Physical address (unsigned) of the instruction byte at `linear` through the code TLB, at the current privilege
   * level. To be called once for every page that instructions are fetched from, not for every byte.
   */
  translateFetch(linear: number): number {
    const memo = Memo.Words + Memo.Code + ((linear >>> 11) & 0xe);
    if (this.words32[memo] === ((linear & 0xfffff000) | this.mode))
      return (this.words32[memo + 1] | (linear & 0xfff)) >>> 0;
    return this.lookUpCode(linear);
  }

  // ---- state ----

  /** Called by Cpu.setCpl only. */
  setUserMode(user: boolean): void {
    this.mode = user ? Memo.User : 0;
  }

  /** Rereads CR0 and CPL from the state words; flushes the memos. */
  stateReplaced(): void {
    const cr0 = this.words[Word.Cr0];
    this.paging = cr0 < 0;
    this.writeProtect = (cr0 & 0x10000) !== 0;
    this.mode = this.words[Word.Cpl] === 3 ? Memo.User : 0;
    this.flushMemos();
  }

  /** Empties all three TLBs (CR3 load; changes of CR0.PG, CR0.WP, CR4.PSE). */
  flushAll(): void {
    this.words.fill(0, Word.Tlb, Word.Tlb + Tlb.Words);
    this.flushMemos();
  }

  /** INVLPG: drops the translation of one page from the data and code TLBs. */
  flushPage(linear: number): void {
    const words = this.words;
    const data = Word.Tlb + Tlb.Data + ((linear >>> 12) & 15) * 8;
    const code = Word.Tlb + Tlb.Code + ((linear >>> 12) & 7) * 8;
    const large = Word.Tlb + Tlb.Large + ((linear >>> 22) & 1) * 8;
    const page = (linear & 0xfffff000) | TlbEntry.Valid;
    const largePage = (linear & 0xffc00000) | TlbEntry.Valid;
    for (let way = 0; way < 8; way += 2) {
      if ((words[data + way] & 0xfffff001) === page) words.fill(0, data + way, data + way + 2);
      if ((words[code + way] & 0xfffff001) === page) words.fill(0, code + way, code + way + 2);
      if ((words[large + way] & 0xffc00001) === largePage) words.fill(0, large + way, large + way + 2);
    }
    this.flushMemos();
  }

  /** Forgets all memos; the TLBs stay. */
  flushMemos(): void {
    this.words32.fill(Memo.None, Memo.Words, Memo.Words + Memo.Code + 2 * Tlb.CodeSets);
  }

  /** Forgets the permissions to write fast (a page's flags changed). */
  flushStoreMemos(): void {
    for (let memo = Memo.Words; memo < Memo.Words + 4 * Memo.Count; memo += 4)
      this.words32[memo + Memo.WriteTag] = Memo.None;
  }

  /**
   * What a supervisor read of `linear` would translate to by the page tables alone (TLBs ignored, nothing changed):
   * physical address or undefined. For debuggers and tests.
   */
  inspect(linear: number): number | undefined {
    if (!this.paging) return linear >>> 0;
    const directoryEntry = this.memory.read32((this.words[Word.Cr3] & 0xfffff000) + ((linear >>> 20) & 0xffc));
    if ((directoryEntry & PageTableBit.Present) === 0) return undefined;
    if ((directoryEntry & PageTableBit.PageSize) !== 0 && (this.words[Word.Cr4] & 0x10) !== 0)
      return ((directoryEntry & 0xffc00000) | (linear & 0x3fffff)) >>> 0;
    const entry = this.memory.read32((directoryEntry & 0xfffff000) + ((linear >>> 10) & 0xffc));
    if ((entry & PageTableBit.Present) === 0) return undefined;
    return ((entry & 0xfffff000) | (linear & 0xfff)) >>> 0;
  }

  // ---- slow paths ----

  /** Whether a read through a memo hits the first-level cache without changing it; notes the address for the timing model. */
  private readHits(memo: number, linear: number): boolean {
    const host = linear + this.words32[memo + Memo.Addend];
    if ((this.words32[dataSet(host)] | LineBit.Modified) !== ((host & LINE_MASK) | LineBit.Valid | LineBit.Modified))
      return false;
    this.words32[TimingWord.LastAddress] = linear;
    return true;
  }

  private writeHits(memo: number, linear: number): boolean {
    const host = linear + this.words32[memo + Memo.Addend];
    if (this.words32[dataSet(host)] !== ((host & LINE_MASK) | LineBit.Valid | LineBit.Modified)) return false;
    this.words32[TimingWord.LastAddress] = linear;
    return true;
  }

  private load(linear: number, bytes: number, mode: number): number {
    const room = 0x1000 - (linear & 0xfff);
    if (bytes > room) return this.loadCrossing(linear, bytes, room, mode);
    const physical = this.translate(linear, false, mode);
    this.port?.read(linear, physical, bytes);
    const value = bytes === 4 ? this.memory.read32(physical) : this.loadBytes(physical, bytes);
    if (this.watch.memory) this.watch.memoryRead(linear, physical, bytes, value);
    else this.installMemo(linear, physical, mode);
    return value;
  }

  private loadBytes(physical: number, bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= this.memory.read8(physical + i) << (8 * i);
    return value;
  }

  private loadCrossing(linear: number, bytes: number, room: number, mode: number): number {
    const first = this.translate(linear, false, mode);
    const second = this.translate(linear + room, false, mode);
    this.port?.readCrossing(linear, first, second);
    const low = this.loadBytes(first, room);
    const high = this.loadBytes(second, bytes - room);
    if (this.watch.memory) {
      this.watch.memoryRead(linear, first, room, low);
      this.watch.memoryRead(linear + room, second, bytes - room, high);
    }
    return low | (high << (8 * room));
  }

  private store(linear: number, bytes: number, value: number, mode: number): void {
    const room = 0x1000 - (linear & 0xfff);
    if (bytes > room) {
      this.storeCrossing(linear, bytes, room, value, mode);
      return;
    }
    const physical = this.translate(linear, true, mode);
    this.port?.write(linear, physical, bytes);
    this.storeBytes(physical, bytes, value);
    if (this.watch.memory) this.watch.memoryWrite(linear, physical, bytes, truncate(value, bytes));
    else this.installMemo(linear, physical, mode);
  }

  private storeCrossing(linear: number, bytes: number, room: number, value: number, mode: number): void {
    const first = this.translate(linear, true, mode);
    const second = this.translate(linear + room, true, mode);
    this.port?.writeCrossing(linear, first, second);
    this.storeBytes(first, room, value);
    this.storeBytes(second, bytes - room, value >>> (8 * room));
    if (this.watch.memory) {
      this.watch.memoryWrite(linear, first, room, truncate(value, room));
      this.watch.memoryWrite(linear + room, second, bytes - room, truncate(value >>> (8 * room), bytes - room));
    }
  }

  /** Stores inside one page. */
  private storeBytes(physical: number, bytes: number, value: number): void {
    const address = physical >>> 0;
    if (address >= this.memory.byteLength) return;
    if (this.port !== undefined && (this.bytes[Layout.PageFlags + (address >>> 12)] & PageFlag.CodeCached) !== 0)
      this.port.codeWritten(address, bytes);
    this.memory.prepareStore(address, bytes);
    if (bytes === 4 && (address & 3) === 0) {
      this.words32[(Layout.GuestRam + address) >>> 2] = value;
      return;
    }
    for (let i = 0; i < bytes; i++) this.bytes[Layout.GuestRam + address + i] = value >>> (8 * i);
  }

  private probe(linear: number, bytes: number, write: boolean, mode: number): void {
    const first = this.translate(linear, write, mode);
    if (!this.watch.memory) this.installMemo(linear, first, mode);
    if ((linear & 0xfff) + bytes > 0x1000) this.translate((linear & 0xfffff000) + 0x1000, write, mode);
  }

  private installMemo(linear: number, physical: number, mode: number): void {
    const address = physical >>> 0;
    if (address >= this.memory.byteLength) return;
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    const tag = (linear & 0xfffff000) | mode;
    const fastWrite =
      this.foundWritable && this.bytes[Layout.PageFlags + (address >>> 12)] === PageFlag.Dirty ? tag : Memo.None;
    this.words32[memo + Memo.ReadTag] = tag;
    this.words32[memo + Memo.WriteTag] = fastWrite;
    this.words32[memo + Memo.Addend] = Layout.GuestRam + address - linear;
    this.words32[memo + Memo.LargeSet] = this.foundLarge;
  }

  /**
   * Translates a data access inside one page; sets found* for the memo. Returns the physical address.
   * Changes pseudo-LRU state exactly as the hardware's lookup does; drops memos that stop being exact.
   */
  private translate(linear: number, write: boolean, mode: number): number {
    if (!this.paging) {
      this.foundWritable = true;
      this.foundLarge = 0;
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
    this.foundWritable =
      (tag & TlbEntry.Dirty) !== 0 && ((tag & TlbEntry.Writable) !== 0 || (mode === 0 && !this.writeProtect));
    this.foundLarge = large;
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
    this.words32[memo + Memo.ReadTag] = Memo.None;
    this.words32[memo + Memo.WriteTag] = Memo.None;
  }

  private dropLargeMemos(largeSet: number): void {
    for (let set = 0; set < Memo.Count; set++)
      if (this.words32[Memo.Words + 4 * set + Memo.LargeSet] === largeSet + 1) this.dropMemo(set);
  }

  private lookUpCode(linear: number): number {
    if (!this.paging) {
      this.installCodeMemo(linear, linear & 0xfffff000);
      return linear >>> 0;
    }
    const words = this.words;
    const page = (linear & 0xfffff000) | TlbEntry.Valid;
    const set = (linear >>> 12) & 7;
    const base = Word.Tlb + Tlb.Code + set * 8;
    let way = 0;
    while (way < Tlb.Ways && (words[base + 2 * way] & 0xfffff001) !== page) way++;
    if (way < Tlb.Ways) this.checkEntry(linear, words[base + 2 * way], false, this.mode);
    else way = this.fillCode(linear, base, set);
    const lru = Word.Tlb + Tlb.CodeLru + set;
    words[lru] = touchWay(words[lru], way);
    const frame = words[base + 2 * way + 1];
    this.installCodeMemo(linear, frame);
    return (frame | (linear & 0xfff)) >>> 0;
  }

  private fillCode(linear: number, base: number, set: number): number {
    const words = this.words;
    const rights = this.walkAndCharge(linear, false, this.mode, true);
    const way = this.chooseWay(base, linear & 0xfffff000, 0xfffff001 | 0, words[Word.Tlb + Tlb.CodeLru + set]);
    words[base + 2 * way] = (linear & 0xfffff000) | TlbEntry.Valid | (rights & (TlbEntry.User | TlbEntry.Writable));
    words[base + 2 * way + 1] = this.pageWalk.large ? this.pageWalk.frame | (linear & 0x3ff000) : this.pageWalk.frame;
    return way;
  }

  private installCodeMemo(linear: number, frame: number): void {
    const memo = Memo.Words + Memo.Code + ((linear >>> 11) & 0xe);
    this.words32[memo] = (linear & 0xfffff000) | this.mode;
    this.words32[memo + 1] = frame;
  }
}

function truncate(value: number, bytes: number): number {
  return bytes === 4 ? value : value & ((1 << (8 * bytes)) - 1);
}
