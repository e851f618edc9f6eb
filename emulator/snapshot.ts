/**
 * Snapshots: the whole state of a machine at an instruction boundary, by pages that are shared with the snapshots before and
 * after it. Taking one copies the pages written since the last; restoring one copies the pages that differ.
 */
import type { DeviceState } from "./devices/device.ts";
import type { AlarmState } from "./event-queue.ts";
import { Layout, PAGE_BYTES, PAGE_SHIFT, PageFlag } from "./memory/layout.ts";
import type { LinearMemory } from "./memory/linear-memory.ts";
import type { PhysicalMemory } from "./memory/physical-memory.ts";

export const SNAPSHOT_VERSION = 1;

/** Immutable: pages must not be written, whoever holds them. */
export interface Snapshot {
  readonly version: typeof SNAPSHOT_VERSION;
  /** Core clocks and instructions at which it was taken. */
  readonly cycle: number;
  readonly instructions: number;
  /** The CPU state block, canonical (lazy flags materialised, scratch and limits zero), 4 KiB pages. */
  readonly state: readonly Uint8Array[];
  /** Guest RAM, 4 KiB pages. */
  readonly ram: readonly Uint8Array[];
  /** Device state by device name. */
  readonly devices: Readonly<Record<string, DeviceState>>;
  readonly alarms: AlarmState;
  /** Text of a kernel panic that ended the run, or undefined. */
  readonly panic: string | undefined;
}

/** The page that all untouched RAM shares. */
const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

const STATE_PAGES = Layout.CpuStateBytes / PAGE_BYTES;

/** Pages of a snapshot are cut from blocks of this many, so that a small one keeps little alive. */
const BLOCK_PAGES = 32;

/** Copies pages out of the linear memory. */
class PageAllocator {
  private block = new Uint8Array(0);
  private used = 0;
  private remaining: number;

  constructor(expectedPages: number) {
    this.remaining = expectedPages;
  }

  copy(source: Uint8Array, offset: number): Uint8Array {
    if (this.used === this.block.length) {
      const pages = Math.min(BLOCK_PAGES, Math.max(1, this.remaining));
      this.block = new Uint8Array(pages * PAGE_BYTES);
      this.used = 0;
      this.remaining -= pages;
    }
    const page = this.block.subarray(this.used, this.used + PAGE_BYTES);
    page.set(source.subarray(offset, offset + PAGE_BYTES));
    this.used += PAGE_BYTES;
    return page;
  }
}

/** Keeps track of which snapshot the memory last agreed with, page by page. */
export class PageStore {
  private readonly linear: LinearMemory;
  private readonly memory: PhysicalMemory;
  private ram: readonly Uint8Array[];
  private state: readonly Uint8Array[];

  constructor(linear: LinearMemory, memory: PhysicalMemory) {
    this.linear = linear;
    this.memory = memory;
    this.ram = new Array<Uint8Array>(memory.pageCount).fill(ZERO_PAGE);
    this.state = new Array<Uint8Array>(STATE_PAGES).fill(ZERO_PAGE);
  }

  /** Pages of RAM written since the last capture or restore. */
  dirtyPages(): number[] {
    const { bytes } = this.linear;
    const pages: number[] = [];
    for (let page = 0; page < this.memory.pageCount; page++)
      if ((bytes[Layout.PageFlags + page] & PageFlag.Dirty) !== 0) pages.push(page);
    return pages;
  }

  /** Captures RAM and state block; memory is clean afterwards. */
  capture(): { ram: readonly Uint8Array[]; state: readonly Uint8Array[] } {
    const dirty = this.dirtyPages();
    if (dirty.length > 0) {
      const allocator = new PageAllocator(dirty.length);
      const ram = this.ram.slice();
      for (const page of dirty) ram[page] = allocator.copy(this.linear.bytes, Layout.GuestRam + page * PAGE_BYTES);
      this.ram = ram;
      this.clean(dirty);
    }
    this.state = this.captureState();
    return { ram: this.ram, state: this.state };
  }

  private captureState(): readonly Uint8Array[] {
    const { bytes, words32 } = this.linear;
    const words = PAGE_BYTES / 4;
    return this.state.map((known, page) => {
      const start = Layout.CpuState / 4 + page * words;
      const before = new Int32Array(known.buffer, known.byteOffset, words);
      for (let i = 0; i < words; i++)
        if (words32[start + i] !== before[i]) return bytes.slice(start * 4, start * 4 + PAGE_BYTES);
      return known;
    });
  }

  private clean(pages: readonly number[]): void {
    for (const page of pages) this.linear.bytes[Layout.PageFlags + page] &= ~PageFlag.Dirty;
  }

  /** RangeError when a snapshot is of another amount of RAM. */
  check(snapshot: Snapshot): void {
    const bytes = snapshot.ram.length << PAGE_SHIFT;
    if (bytes !== this.memory.byteLength)
      throw new RangeError(`snapshot of ${bytes} bytes of RAM, machine has ${this.memory.byteLength}`);
  }

  /** Makes memory equal to a snapshot that `check` accepts. The caller refreshes what derives from it. */
  restore(snapshot: Snapshot): void {
    const { bytes } = this.linear;
    for (let page = 0; page < this.ram.length; page++) {
      const dirty = (bytes[Layout.PageFlags + page] & PageFlag.Dirty) !== 0;
      const wanted = snapshot.ram[page] as Uint8Array;
      if (!dirty && wanted === this.ram[page]) continue;
      this.memory.forgetCode(page);
      bytes.set(wanted, Layout.GuestRam + page * PAGE_BYTES);
      bytes[Layout.PageFlags + page] &= ~PageFlag.Dirty;
    }
    this.ram = snapshot.ram;
    this.state = snapshot.state;
    for (let page = 0; page < STATE_PAGES; page++)
      bytes.set(snapshot.state[page] as Uint8Array, Layout.CpuState + page * PAGE_BYTES);
  }
}
