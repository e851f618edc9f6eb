/**
 * Access to memory by linear address: the fast path by memos (memo.ts), and out of line everything else: translation
 * (translation.ts), page crossings, observers, the timing model.
 */
import { GUEST_FAULT } from "../cpu/exceptions.ts";
import { Flag, Vector, Word } from "../cpu/state.ts";
import { Layout, PageFlag } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { Watch } from "../observer.ts";
import { dataSet } from "../timing/data-cache.ts";
import type { DataPort } from "../timing/data-port.ts";
import { LineBit, TimingWord } from "../timing/timing-state.ts";
import { Memo } from "./memo.ts";
import { Translation } from "./translation.ts";

const enum TagMask {
  Byte = 0xfffff000 | 0,
  Word = 0xfffff001 | 0,
  Dword = 0xfffff003 | 0,
}

const CR0_AM = 0x40000;

/** Of an address: its line in the first-level caches. */
const LINE_MASK = -32;

export class LinearAccess {
  private readonly bytes: Uint8Array;
  private readonly words16: Uint16Array;
  private readonly words32: Int32Array;
  private readonly memory: PhysicalMemory;
  private readonly watch: Watch;
  private readonly translation: Translation;
  /** Memo.User at CPL 3, else 0. */
  private mode = 0;
  /** Told of every access that is not a plain hit of the first-level data cache; undefined without a timing model. */
  private port: DataPort | undefined;

  constructor(linear: LinearMemory, memory: PhysicalMemory, watch: Watch) {
    this.bytes = linear.bytes;
    this.words16 = linear.words16;
    this.words32 = linear.words32;
    this.memory = memory;
    this.watch = watch;
    this.translation = new Translation(linear, memory, watch);
    memory.attachStoreMemos(this);
    this.flushMemos();
  }

  /** Makes a timing model hear of accesses. Before the first access. */
  attachPort(port: DataPort): void {
    this.port = port;
    this.translation.attachPort(port);
  }

  // ---- accesses at the current privilege level ----

  /** Reads a byte (unsigned); a fault leaves CR2 and the error code set and throws GUEST_FAULT. */
  read8(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Byte) | this.mode)) {
      if (this.port !== undefined && !this.readHits(memo, linear)) this.port.readAligned(this.physical(memo, linear));
      return this.bytes[(linear + this.words32[memo + Memo.Addend]) >>> 0];
    }
    return this.load(linear, 1, this.mode);
  }

  /** Reads 16 bits (unsigned). */
  read16(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Word) | this.mode)) {
      if (this.port !== undefined && !this.readHits(memo, linear)) this.port.readAligned(this.physical(memo, linear));
      return this.words16[(linear + this.words32[memo + Memo.Addend]) >>> 1];
    }
    return this.load(linear, 2, this.mode);
  }

  /** Reads 32 bits (signed int32). */
  read32(linear: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Dword) | this.mode)) {
      if (this.port !== undefined && !this.readHits(memo, linear)) this.port.readAligned(this.physical(memo, linear));
      return this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2];
    }
    return this.load(linear, 4, this.mode);
  }

  write8(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Byte) | this.mode)) {
      if (this.port !== undefined && !this.writeHits(memo, linear)) this.port.writeAligned(this.physical(memo, linear));
      this.bytes[(linear + this.words32[memo + Memo.Addend]) >>> 0] = value;
    } else this.store(linear, 1, value, this.mode);
  }

  write16(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Word) | this.mode)) {
      if (this.port !== undefined && !this.writeHits(memo, linear)) this.port.writeAligned(this.physical(memo, linear));
      this.words16[(linear + this.words32[memo + Memo.Addend]) >>> 1] = value;
    } else this.store(linear, 2, value, this.mode);
  }

  write32(linear: number, value: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Dword) | this.mode)) {
      if (this.port !== undefined && !this.writeHits(memo, linear)) this.port.writeAligned(this.physical(memo, linear));
      this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2] = value;
    } else this.store(linear, 4, value, this.mode);
  }

  /**
   * The upper half of an aligned quadword whose lower half has just been read: one access of the processor, of which the timing model has
   * heard.
   */
  readUpper32(linear: number): number {
    const physical = this.translation.data(linear, false, this.mode);
    const value = this.memory.read32(physical);
    if (this.watch.memory) this.watch.memoryRead(linear, physical, 4, value);
    if (this.watch.pages) this.tellWatched(physical, 4);
    return value;
  }

  /** The same for a write. */
  writeUpper32(linear: number, value: number): void {
    const physical = this.translation.data(linear, true, this.mode);
    this.storeBytes(physical, 4, value);
    if (this.watch.memory) this.watch.memoryWrite(linear, physical, 4, value);
    if (this.watch.pages) this.tellWatched(physical, 4);
  }

  /** Faults exactly as a write of `bytes` (1 to 4096) at `linear` would, and writes nothing. Sets A and D bits like the write. */
  probeWrite(linear: number, bytes: number): void {
    this.probeWriteIn(linear, bytes, this.mode);
  }

  private probeWriteIn(linear: number, bytes: number, mode: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if ((linear & 0xfff) + bytes <= 0x1000 && this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Byte) | mode))
      return;
    this.probe(linear, bytes, true, mode);
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
    return this.read32As(linear, 0);
  }

  writeSystem32(linear: number, value: number): void {
    this.write32As(linear, value, 0);
  }

  /** Faults as a write of `bytes` by a user (or supervisor) would; for stacks that are about to be switched to. */
  probeWriteAs(linear: number, bytes: number, user: boolean): void {
    this.probeWriteIn(linear, bytes, user ? Memo.User : 0);
  }

  /** Reads 8, 16 or 32 bits as a user or as a supervisor, whatever the current privilege level. */
  readAs(linear: number, bytes: number, user: boolean): number {
    const mode = user ? Memo.User : 0;
    return bytes === 4 ? this.read32As(linear, mode) : this.load(linear, bytes, mode);
  }

  writeAs(linear: number, bytes: number, value: number, user: boolean): void {
    const mode = user ? Memo.User : 0;
    if (bytes === 4) this.write32As(linear, value, mode);
    else this.store(linear, bytes, value, mode);
  }

  private read32As(linear: number, mode: number): number {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.ReadTag] === ((linear & TagMask.Dword) | mode)) {
      if (this.port !== undefined && !this.readHits(memo, linear)) this.port.readAligned(this.physical(memo, linear));
      return this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2];
    }
    return this.load(linear, 4, mode);
  }

  private write32As(linear: number, value: number, mode: number): void {
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    if (this.words32[memo + Memo.WriteTag] === ((linear & TagMask.Dword) | mode)) {
      if (this.port !== undefined && !this.writeHits(memo, linear)) this.port.writeAligned(this.physical(memo, linear));
      this.words32[(linear + this.words32[memo + Memo.Addend]) >>> 2] = value;
    } else this.store(linear, 4, value, mode);
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
    return this.translation.code(linear, this.mode);
  }

  // ---- state ----

  /** Called by Cpu.setCpl only. */
  setUserMode(user: boolean): void {
    this.mode = user ? Memo.User : 0;
  }

  /** Rereads CR0 and CPL from the state words; flushes the memos. */
  stateReplaced(): void {
    this.mode = this.words32[Word.Cpl] === 3 ? Memo.User : 0;
    this.translation.stateReplaced();
  }

  /** Empties all three TLBs (CR3 load; changes of CR0.PG, CR0.WP, CR4.PSE). */
  flushAll(): void {
    this.translation.flushAll();
  }

  /** INVLPG: drops the translation of one page from the data and code TLBs. */
  flushPage(linear: number): void {
    this.translation.flushPage(linear);
  }

  /** Forgets all memos; the TLBs stay. */
  flushMemos(): void {
    this.translation.flushMemos();
  }

  /** Forgets the permissions to write fast (a page's flags changed). */
  flushStoreMemos(): void {
    this.translation.flushStoreMemos();
  }

  /** Physical address of `linear` by the page tables alone, or undefined; changes nothing. For debuggers and tests. */
  inspect(linear: number): number | undefined {
    return this.translation.inspect(linear);
  }

  // ---- slow paths ----

  /** Physical address of `linear`, on the page of its memo. */
  private physical(memo: number, linear: number): number {
    return (linear + this.words32[memo + Memo.Addend] - Layout.GuestRam) | 0;
  }

  /** Whether a read through a memo hits the first-level data cache; the line becomes the most recently used, as a lookup makes it. */
  private readHits(memo: number, linear: number): boolean {
    const words = this.words32;
    const host = linear + words[memo + Memo.Addend];
    const set = dataSet(host);
    const line = (host & LINE_MASK) | LineBit.Valid | LineBit.Modified;
    if ((words[set] | LineBit.Modified) !== line) {
      const other = words[set + 1];
      if ((other | LineBit.Modified) !== line) return false;
      words[set + 1] = words[set];
      words[set] = other;
    }
    return true;
  }

  /** The same for a write, which leaves the line modified. Never for a locked one. */
  private writeHits(memo: number, linear: number): boolean {
    const words = this.words32;
    if (words[TimingWord.GroupLocked] !== 0) return false;
    const host = linear + words[memo + Memo.Addend];
    const set = dataSet(host);
    const line = (host & LINE_MASK) | LineBit.Valid | LineBit.Modified;
    if ((words[set] | LineBit.Modified) !== line) {
      if ((words[set + 1] | LineBit.Modified) !== line) return false;
      words[set + 1] = words[set];
    }
    words[set] = line;
    return true;
  }

  private load(linear: number, bytes: number, mode: number): number {
    const room = 0x1000 - (linear & 0xfff);
    if (bytes > room) return this.loadCrossing(linear, bytes, room, mode);
    const physical = this.translation.data(linear, false, mode);
    if ((linear & (bytes - 1)) !== 0) this.checkAlignment(mode);
    this.port?.read(linear, physical, bytes);
    const value = bytes === 4 ? this.memory.read32(physical) : this.loadBytes(physical, bytes);
    if (this.watch.memory) this.watch.memoryRead(linear, physical, bytes, value);
    else this.installMemo(linear, physical, mode);
    if (this.watch.pages) this.tellWatched(physical, bytes);
    return value;
  }

  /** Raises #AC(0) for a misaligned access with user rights when CR0.AM and EFLAGS.AC are set (after page faults: SDM vol. 3, table 6-2). */
  private checkAlignment(mode: number): void {
    const words = this.words32;
    if (mode === 0 || (words[Word.SystemFlags] & Flag.Ac) === 0 || (words[Word.Cr0] & CR0_AM) === 0) return;
    words[Word.FaultVector] = Vector.AlignmentCheck;
    words[Word.FaultErrorCode] = 0;
    throw GUEST_FAULT;
  }

  private loadBytes(physical: number, bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= this.memory.read8(physical + i) << (8 * i);
    return value;
  }

  private loadCrossing(linear: number, bytes: number, room: number, mode: number): number {
    const first = this.translation.data(linear, false, mode);
    const second = this.translation.data(linear + room, false, mode);
    this.checkAlignment(mode);
    this.port?.readCrossing(first, second);
    const low = this.loadBytes(first, room);
    const high = this.loadBytes(second, bytes - room);
    if (this.watch.memory) {
      this.watch.memoryRead(linear, first, room, low);
      this.watch.memoryRead(linear + room, second, bytes - room, high);
    }
    if (this.watch.pages) {
      this.tellWatched(first, room);
      this.tellWatched(second, bytes - room);
    }
    return low | (high << (8 * room));
  }

  private store(linear: number, bytes: number, value: number, mode: number): void {
    const room = 0x1000 - (linear & 0xfff);
    if (bytes > room) {
      this.storeCrossing(linear, bytes, room, value, mode);
      return;
    }
    const physical = this.translation.data(linear, true, mode);
    if ((linear & (bytes - 1)) !== 0) this.checkAlignment(mode);
    this.port?.write(linear, physical, bytes);
    this.storeBytes(physical, bytes, value);
    if (this.watch.memory) this.watch.memoryWrite(linear, physical, bytes, truncate(value, bytes));
    else this.installMemo(linear, physical, mode);
    if (this.watch.pages) this.tellWatched(physical, bytes);
  }

  private storeCrossing(linear: number, bytes: number, room: number, value: number, mode: number): void {
    const first = this.translation.data(linear, true, mode);
    const second = this.translation.data(linear + room, true, mode);
    this.checkAlignment(mode);
    this.port?.writeCrossing(first, second);
    this.storeBytes(first, room, value);
    this.storeBytes(second, bytes - room, value >>> (8 * room));
    if (this.watch.memory) {
      this.watch.memoryWrite(linear, first, room, truncate(value, room));
      this.watch.memoryWrite(linear + room, second, bytes - room, truncate(value >>> (8 * room), bytes - room));
    }
    if (this.watch.pages) {
      this.tellWatched(first, room);
      this.tellWatched(second, bytes - room);
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
    const first = this.translation.data(linear, write, mode);
    if (!this.watch.memory) this.installMemo(linear, first, mode);
    if ((linear & 0xfff) + bytes > 0x1000) this.translation.data((linear & 0xfffff000) + 0x1000, write, mode);
  }

  private tellWatched(physical: number, bytes: number): void {
    if ((this.memory.pageFlags((physical >>> 0) >>> 12) & PageFlag.Watched) !== 0)
      this.watch.watchedAccess(physical, bytes);
  }

  private installMemo(linear: number, physical: number, mode: number): void {
    const address = physical >>> 0;
    if (address >= this.memory.byteLength || this.port?.counting === true) return;
    const flags = this.bytes[Layout.PageFlags + (address >>> 12)];
    if ((flags & PageFlag.Watched) !== 0) return;
    const memo = Memo.Words + ((linear >>> 10) & 0x3c);
    const tag = (linear & 0xfffff000) | mode;
    const fastWrite = this.translation.storesFast && flags === PageFlag.Dirty ? tag : Memo.None;
    this.words32[memo + Memo.ReadTag] = tag;
    this.words32[memo + Memo.WriteTag] = fastWrite;
    this.words32[memo + Memo.Addend] = Layout.GuestRam + address - linear;
    this.words32[memo + Memo.LargeSet] = this.translation.largeSet;
  }
}

function truncate(value: number, bytes: number): number {
  return bytes === 4 ? value : value & ((1 << (8 * bytes)) - 1);
}
