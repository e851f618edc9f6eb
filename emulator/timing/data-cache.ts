/**
 * The P5's first-level data cache and write buffers: 8 KiB, two-way, 32-byte lines, LRU, write-back, no allocation on a
 * write miss (Pentium Processor User's Manual vol. 1, 2.5 and chapter 3). It holds tags only: data live in guest RAM.
 *
 * A set is two words, most recently used first (TimingWord.DataTags). A tag is the line's offset in the linear memory with
 * LineBit bits. Lines are filled as E, so that stores to them hit silently. A line that is still arriving, or written
 * through, has LineBit.Checked, so that the fast path never matches it.
 *
 * Stores that miss use one of two write buffers, one for each pipe; a store that finds its buffer full waits until the
 * bus has taken it.
 */
import { Layout } from "../memory/layout.ts";
import type { P5Configuration } from "./configuration.ts";
import type { MemoryBus } from "./memory-bus.ts";
import { CacheGeometry, LineBit, TimingCounter, TimingWord } from "./timing-state.ts";

/** How a page may be cached: PCD and PWT of its mapping. */
export const enum Caching {
  WriteBack = 0,
  WriteThrough = 1,
  None = 2,
}

const LINE_MASK = ~(CacheGeometry.LineBytes - 1);

/** Index of the first word of the set that holds `address`. */
export function dataSet(address: number): number {
  return TimingWord.DataTags + ((address >>> (CacheGeometry.LineShift - 1)) & (CacheGeometry.SetMask << 1));
}

export class DataCache {
  /** Of the last access: whether it missed. */
  missed = false;
  /** Modified lines that left the cache since somebody set it to 0. Not state. */
  writtenBack = 0;
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly bus: MemoryBus;
  private readonly enabled: boolean;
  /** Core clocks at which each quadword of the arriving line, and all of it, can be used. They follow from the state. */
  private readonly usable = new Float64Array(4);
  private complete = 0;

  constructor(words: Int32Array, counters: Float64Array, bus: MemoryBus, configuration: P5Configuration) {
    this.words = words;
    this.counters = counters;
    this.bus = bus;
    this.enabled = configuration.dataCache;
  }

  /** A read inside one line at physical address `physical`. Result: clocks that it waits beyond a hit. */
  read(now: number, physical: number, caching: Caching): number {
    const { words } = this;
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = dataSet(line);
    this.missed = false;
    if ((words[set] & LINE_MASK) === line && (words[set] & LineBit.Valid) !== 0) {
      return (words[set] & LineBit.Checked) === 0 ? 0 : this.arriving(now, set, line, physical);
    }
    if ((words[set + 1] & LINE_MASK) === line && (words[set + 1] & LineBit.Valid) !== 0) {
      this.swap(set);
      return (words[set] & LineBit.Checked) === 0 ? 0 : this.arriving(now, set, line, physical);
    }
    this.missed = true;
    if (!this.enabled || caching === Caching.None) return this.bus.readSingle(now, physical) - now;
    return this.fill(now, set, line, physical, caching);
  }

  /** A write inside one line; `pipe` 0 is U, 1 is V. Result: clocks that it waits. */
  write(now: number, physical: number, pipe: number, caching: Caching): number {
    const { words } = this;
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = dataSet(line);
    this.missed = false;
    if ((words[set] & LINE_MASK) !== line || (words[set] & LineBit.Valid) === 0) {
      if ((words[set + 1] & LINE_MASK) !== line || (words[set + 1] & LineBit.Valid) === 0) {
        this.missed = true;
        return this.buffer(now, physical, pipe);
      }
      this.swap(set);
    }
    if (caching === Caching.WriteThrough) return this.buffer(now, physical, pipe);
    const wait = (words[set] & LineBit.Checked) === 0 ? 0 : this.arriving(now, set, line, physical);
    words[set] |= LineBit.Modified;
    return wait;
  }

  /** A locked read-modify-write: buffers drained, the line written back and dropped, one bus read and write. Result: clocks. */
  locked(now: number, physical: number): number {
    const { words } = this;
    const start = Math.max(now, this.buffersEmptyAt());
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = dataSet(line);
    for (let way = set; way <= set + 1; way++) {
      if ((words[way] & LINE_MASK) !== line || (words[way] & LineBit.Valid) === 0) continue;
      if ((words[way] & LineBit.Modified) !== 0) {
        this.writtenBack++;
        this.bus.writeBackLine(start, physical & LINE_MASK);
      }
      this.drop(set, way);
    }
    return this.bus.lockedUpdate(start, physical) - now;
  }

  /** The core clock at which both write buffers are empty. */
  buffersEmptyAt(): number {
    return Math.max(this.counters[TimingCounter.WriteBufferU], this.counters[TimingCounter.WriteBufferV]);
  }

  /** WBINVD (`writeBack`) and INVD: empties the cache. */
  flush(now: number, writeBack: boolean): void {
    const { words } = this;
    for (let index = TimingWord.DataTags; index < TimingWord.DataTags + 2 * CacheGeometry.Sets; index++) {
      const tag = words[index];
      words[index] = 0;
      if (!writeBack || (tag & LineBit.Modified) === 0) continue;
      this.bus.writeBackLine(now, (tag & LINE_MASK) - Layout.GuestRam);
      this.writtenBack++;
    }
    words[TimingWord.ArrivingData] = 0;
  }

  /** Whether the line of `physical` is in the cache. For tools and tests; changes nothing. */
  holds(physical: number): boolean {
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = dataSet(line);
    for (let way = set; way <= set + 1; way++) {
      if ((this.words[way] & LINE_MASK) === line && (this.words[way] & LineBit.Valid) !== 0) return true;
    }
    return false;
  }

  private fill(now: number, set: number, line: number, physical: number, caching: Caching): number {
    const { words, counters, bus } = this;
    const usable = bus.readLine(now, physical);
    this.settle();
    const victim = words[set + 1];
    words[set + 1] = words[set];
    words[set] = line | LineBit.Valid | LineBit.Checked;
    words[TimingWord.ArrivingData] = line + 1;
    words[TimingWord.ArrivingDataFirst] = (physical >>> 3) & 3;
    words[TimingWord.ArrivingDataStep] = bus.quadwordStep;
    counters[TimingCounter.ArrivingDataTime] = bus.firstQuadword;
    this.stateReplaced();
    if (caching === Caching.WriteThrough) words[TimingWord.ArrivingData] = 0;
    if ((victim & LineBit.Valid) !== 0 && (victim & LineBit.Modified) !== 0) {
      this.writtenBack++;
      bus.writeBackLine(usable, (victim & LINE_MASK) - Layout.GuestRam);
    }
    return usable - now;
  }

  /** The line that was arriving is complete: later accesses to it are plain hits. */
  private settle(): void {
    const { words } = this;
    const line = words[TimingWord.ArrivingData] - 1;
    words[TimingWord.ArrivingData] = 0;
    if (line < 0) return;
    const set = dataSet(line);
    for (let way = set; way <= set + 1; way++) {
      if ((words[way] & LINE_MASK) === line) words[way] &= ~LineBit.Checked;
    }
  }

  /** Rebuilds what follows from the state. */
  stateReplaced(): void {
    const { words, counters } = this;
    const first = counters[TimingCounter.ArrivingDataTime];
    const step = words[TimingWord.ArrivingDataStep];
    this.complete = this.bus.arrivals(first, words[TimingWord.ArrivingDataFirst], step, this.usable);
  }

  /** Access to a line with LineBit.Checked: waits for its quadword while the line arrives. */
  private arriving(now: number, set: number, line: number, physical: number): number {
    const { words } = this;
    if (words[TimingWord.ArrivingData] !== line + 1) return 0;
    if (now >= this.complete) {
      words[TimingWord.ArrivingData] = 0;
      words[set] &= ~LineBit.Checked;
      return 0;
    }
    return Math.max(0, this.usable[(physical >>> 3) & 3] - now);
  }

  private buffer(now: number, physical: number, pipe: number): number {
    const { counters } = this;
    const index = TimingCounter.WriteBufferU + pipe;
    const start = Math.max(now, counters[index]);
    counters[index] = this.bus.writeSingle(start, physical);
    return start - now;
  }

  private swap(set: number): void {
    const { words } = this;
    const tag = words[set];
    words[set] = words[set + 1];
    words[set + 1] = tag;
  }

  private drop(set: number, way: number): void {
    const { words } = this;
    if (way === set) words[set] = words[set + 1];
    words[set + 1] = 0;
  }
}
