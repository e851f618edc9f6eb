import type { Watch } from "../observer.ts";
import { Layout, PAGE_BYTES, PAGE_SHIFT, PageFlag } from "./layout.ts";
import type { LinearMemory } from "./linear-memory.ts";

/** What keeps data derived from memory (the decoded-block cache). */
export interface CodeCache {
  /** Bytes `physical` … `physical + bytes - 1`, inside one page flagged HasCode, are about to change. */
  invalidateCode(physical: number, bytes: number): void;
  /** All of memory may have changed. */
  invalidateAll(): void;
}

/** What keeps permissions to store quickly: told when a page's flags stop being exactly `Dirty`. */
export interface StoreMemos {
  flushStoreMemos(): void;
}

/**
 * Guest RAM by physical address, as the embedder (the kernel model, a loader, a fault injector) sees it.
 *
 * Addresses may be signed or unsigned 32-bit numbers. Values read are unsigned for 8 and 16 bits and signed int32 for 32 bits,
 * like the CPU's own words (use `>>> 0` where sign matters). Reads outside RAM give all ones, writes there are dropped.
 * Writes mark the page dirty, invalidate decoded code and tell observers; the CPU's own stores use `prepareStore` directly.
 */
export class PhysicalMemory {
  readonly byteLength: number;
  readonly pageCount: number;
  private readonly bytes: Uint8Array;
  private readonly words16: Uint16Array;
  private readonly words32: Int32Array;
  private readonly watch: Watch;
  private codeCache: CodeCache | undefined;
  private storeMemos: StoreMemos | undefined;

  constructor(linear: LinearMemory, byteLength: number, watch: Watch) {
    this.byteLength = byteLength;
    this.pageCount = byteLength >>> PAGE_SHIFT;
    this.bytes = linear.bytes;
    this.words16 = linear.words16;
    this.words32 = linear.words32;
    this.watch = watch;
  }

  /** Wires the decoded-block cache. */
  attachCodeCache(cache: CodeCache): void {
    this.codeCache = cache;
  }

  /** Wires the owner of store memos. */
  attachStoreMemos(memos: StoreMemos): void {
    this.storeMemos = memos;
  }

  isRam(physical: number): boolean {
    return physical >>> 0 < this.byteLength;
  }

  read8(physical: number): number {
    const address = physical >>> 0;
    return address < this.byteLength ? this.bytes[Layout.GuestRam + address] : 0xff;
  }

  read16(physical: number): number {
    const address = physical >>> 0;
    if ((address & 1) === 0 && address < this.byteLength) return this.words16[(Layout.GuestRam + address) >>> 1];
    return this.read8(address) | (this.read8(address + 1) << 8);
  }

  /** Signed int32. */
  read32(physical: number): number {
    const address = physical >>> 0;
    if ((address & 3) === 0 && address < this.byteLength) return this.words32[(Layout.GuestRam + address) >>> 2];
    return (
      this.read8(address) |
      (this.read8(address + 1) << 8) |
      (this.read8(address + 2) << 16) |
      (this.read8(address + 3) << 24)
    );
  }

  write8(physical: number, value: number): void {
    const address = physical >>> 0;
    if (address >= this.byteLength) return;
    this.prepareStore(address, 1);
    this.bytes[Layout.GuestRam + address] = value;
    if (this.watch.physicalWrites) this.watch.physicalWrite(address, 1);
  }

  write16(physical: number, value: number): void {
    const address = physical >>> 0;
    if ((address & 1) !== 0) {
      this.write8(address, value);
      this.write8(address + 1, value >>> 8);
      return;
    }
    if (address >= this.byteLength) return;
    this.prepareStore(address, 2);
    this.words16[(Layout.GuestRam + address) >>> 1] = value;
    if (this.watch.physicalWrites) this.watch.physicalWrite(address, 2);
  }

  write32(physical: number, value: number): void {
    const address = physical >>> 0;
    if ((address & 3) !== 0) {
      for (let i = 0; i < 4; i++) this.write8(address + i, value >>> (8 * i));
      return;
    }
    if (address >= this.byteLength) return;
    this.prepareStore(address, 4);
    this.words32[(Layout.GuestRam + address) >>> 2] = value;
    if (this.watch.physicalWrites) this.watch.physicalWrite(address, 4);
  }

  /** A copy of `length` bytes; bytes outside RAM are 0xff. */
  readBytes(physical: number, length: number): Uint8Array {
    const address = physical >>> 0;
    const result = new Uint8Array(length).fill(0xff);
    const available = Math.max(0, Math.min(length, this.byteLength - address));
    if (available > 0) {
      const start = Layout.GuestRam + address;
      result.set(this.bytes.subarray(start, start + available));
    }
    return result;
  }

  /** Writes `source`; bytes that fall outside RAM are dropped. */
  writeBytes(physical: number, source: Uint8Array): void {
    const address = physical >>> 0;
    const length = Math.max(0, Math.min(source.length, this.byteLength - address));
    if (length === 0) return;
    this.prepareRange(address, length);
    this.bytes.set(length === source.length ? source : source.subarray(0, length), Layout.GuestRam + address);
    if (this.watch.physicalWrites) this.watch.physicalWrite(address, length);
  }

  /** Fills `length` bytes with a byte value; the part outside RAM is dropped. */
  fill(physical: number, length: number, value = 0): void {
    const address = physical >>> 0;
    const available = Math.max(0, Math.min(length, this.byteLength - address));
    if (available === 0) return;
    this.prepareRange(address, available);
    const start = Layout.GuestRam + address;
    this.bytes.fill(value, start, start + available);
    if (this.watch.physicalWrites) this.watch.physicalWrite(address, available);
  }

  /** Must precede every store of `bytes` inside one RAM page: marks it dirty and invalidates decoded code that it holds. */
  prepareStore(physical: number, bytes: number): void {
    const index = Layout.PageFlags + (physical >>> PAGE_SHIFT);
    const flags = this.bytes[index];
    if (flags === PageFlag.Dirty) return;
    this.bytes[index] = flags | PageFlag.Dirty;
    if ((flags & PageFlag.HasCode) !== 0) this.codeCache?.invalidateCode(physical, bytes);
  }

  private prepareRange(address: number, length: number): void {
    let start = address;
    const end = address + length;
    while (start < end) {
      const pageEnd = Math.min(end, (start & ~0xfff) + 0x1000);
      this.prepareStore(start, pageEnd - start);
      start = pageEnd;
    }
  }

  /** The flags byte (`PageFlag`) of a page by number. */
  pageFlags(page: number): number {
    return page < this.pageCount ? this.bytes[Layout.PageFlags + page] : 0;
  }

  /** Sets flag bits of a page; every flag except Dirty makes its stores take the checked path from now on. */
  setPageFlags(page: number, flags: number): void {
    if (page >= this.pageCount) return;
    const index = Layout.PageFlags + page;
    const before = this.bytes[index];
    this.bytes[index] = before | flags;
    if ((before | flags) !== before && (flags & ~PageFlag.Dirty) !== 0) this.storeMemos?.flushStoreMemos();
  }

  clearPageFlags(page: number, flags: number): void {
    if (page >= this.pageCount) return;
    this.bytes[Layout.PageFlags + page] &= ~flags;
    if ((flags & PageFlag.Dirty) !== 0) this.storeMemos?.flushStoreMemos();
  }

  /** Marks a page as holding decoded instructions (called by the decoder before it reads them). */
  markCode(page: number): void {
    this.setPageFlags(page, PageFlag.HasCode);
  }

  /** Tells the decoder that a whole page is replaced, and clears HasCode. */
  forgetCode(page: number): void {
    if ((this.pageFlags(page) & PageFlag.HasCode) === 0) return;
    this.codeCache?.invalidateCode(page << PAGE_SHIFT, PAGE_BYTES);
    this.clearPageFlags(page, PageFlag.HasCode);
  }
}
