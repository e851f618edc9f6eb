/**
 * The path behind the first-level caches: 64-bit bus, second-level cache, memory with open rows, posted writes.
 *
 * The bus runs at a fixed ratio of the core clock and a request starts at the next bus edge. Bursts are four quadwords,
 * the critical one first, in the order A[4:3] XOR beat (Pentium Processor User's Manual vol. 1, 6.3.3.1). One transfer at a time; the address
 * of a read may go out while the burst before it still arrives (pipelined bus cycles, 6.3.6), but not before buffered writes are out.
 *
 * Times: `now` and results are core clocks; inside, "units" are core clocks times the bus side of the ratio, so that
 * both clocks have whole edges.
 */
import type { P5Configuration } from "./configuration.ts";
import { CacheGeometry, TimingCounter, TimingWord } from "./timing-state.ts";

const enum L2Bit {
  Valid = 1,
  Dirty = 2,
  TagShift = 2,
}

export class MemoryBus {
  /** Of the last line read: unit at the end of its first quadword, bus clocks between quadwords. */
  firstQuadword = 0;
  quadwordStep = 0;
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly l2: Uint16Array;
  private readonly configuration: P5Configuration;
  /** Units of a core clock and of a bus clock. */
  private readonly coreUnits: number;
  private readonly busUnits: number;
  private readonly l2Lines: number;
  private readonly l2TagShift: number;

  constructor(words: Int32Array, counters: Float64Array, configuration: P5Configuration) {
    this.words = words;
    this.counters = counters;
    this.l2 = new Uint16Array(words.buffer, words.byteOffset + TimingWord.L2Tags * 4, 16384);
    this.configuration = configuration;
    this.coreUnits = configuration.busClocksPerBusRatio;
    this.busUnits = configuration.coreClocksPerBusRatio;
    this.l2Lines = configuration.l2Bytes >>> CacheGeometry.LineShift;
    this.l2TagShift = CacheGeometry.LineShift + 31 - Math.clz32(Math.max(1, this.l2Lines));
  }

  /** Reads a line into a first-level cache. Result: the core clock at which the quadword at `physical` can be used. */
  readLine(now: number, physical: number): number {
    const { configuration } = this;
    const start = this.readRequest(now);
    let first: number;
    let step: number;
    if (this.l2Holds(physical)) {
      first = configuration.l2Read;
      step = configuration.l2ReadNext;
    } else {
      first = this.openRow(physical);
      step = configuration.dramReadNext;
      this.allocateL2(physical, start);
    }
    this.quadwordStep = step;
    const idle = this.counters[TimingCounter.BusFree] + step * this.busUnits;
    this.firstQuadword = Math.max(start + first * this.busUnits, idle);
    this.counters[TimingCounter.BusFree] = this.firstQuadword + 3 * step * this.busUnits;
    return this.usable(this.firstQuadword);
  }

  /** Reads at most eight bytes without filling a line. Result: the core clock at which they can be used. */
  readSingle(now: number, physical: number): number {
    const start = Math.max(this.readRequest(now), this.counters[TimingCounter.BusFree]);
    const first = this.l2Holds(physical) ? this.configuration.l2Read : this.openRow(physical);
    const end = start + first * this.busUnits;
    this.counters[TimingCounter.BusFree] = end;
    return this.usable(end);
  }

  /** Writes at most eight bytes. Result: the core clock at which the bus has taken them. */
  writeSingle(now: number, physical: number): number {
    const start = this.request(now);
    const end = start + this.writeClocks(physical, start, 1) * this.busUnits;
    this.written(end);
    return Math.ceil(end / this.coreUnits);
  }

  /** Writes a modified line back, as soon as the bus is free after what is going on. Nobody waits for it. */
  writeBackLine(now: number, physical: number): void {
    const start = Math.max(this.edge(now * this.coreUnits), this.counters[TimingCounter.BusFree]);
    this.written(start + this.writeClocks(physical, start, 4) * this.busUnits);
  }

  /** A locked read and write of one datum. Result: the core clock at which it is over. */
  lockedUpdate(now: number, physical: number): number {
    const start = this.request(now);
    const read = this.l2Holds(physical) ? this.configuration.l2Read : this.openRow(physical);
    const write = this.writeClocks(physical, start, 1);
    const end = start + (read + write + this.configuration.lockedOverhead) * this.busUnits;
    this.written(end);
    return Math.ceil(end / this.coreUnits);
  }

  /** The core clock at which data that arrived at `unit` can be used. */
  usable(unit: number): number {
    return Math.ceil(unit / this.coreUnits) + this.configuration.dataReturn;
  }

  /** The core clock at which the bus is free. */
  freeAt(): number {
    return Math.ceil(this.counters[TimingCounter.BusFree] / this.coreUnits);
  }

  /**
   * Core clocks at which the quadwords of an arriving line can be used, in the order of their addresses; and the last of them.
   * @param first bus unit at which the first one has arrived
   * @param critical its place in the line
   * @param step bus clocks between quadwords
   */
  arrivals(first: number, critical: number, step: number, usable: Float64Array): number {
    let last = 0;
    for (let beat = 0; beat < 4; beat++) {
      last = this.usable(first + beat * step * this.busUnits);
      usable[beat ^ critical] = last;
    }
    return last;
  }

  /** Forgets the contents of the second-level cache and all transfers under way. */
  reset(): void {
    this.l2.fill(0);
    this.words.fill(0, TimingWord.OpenRow, TimingWord.OpenRow + 4);
    this.counters.fill(0, TimingCounter.BusFree, TimingCounter.WritesDone + 1);
  }

  /** Where a write or a locked cycle asked for now starts. */
  private request(now: number): number {
    const unit = this.edge((now + this.configuration.missDetect) * this.coreUnits);
    return Math.max(unit, this.counters[TimingCounter.BusFree]);
  }

  /** Where the address of a read asked for now goes out. */
  private readRequest(now: number): number {
    const unit = this.edge((now + this.configuration.missDetect) * this.coreUnits);
    return Math.max(unit, this.counters[TimingCounter.WritesDone]);
  }

  private written(end: number): void {
    this.counters[TimingCounter.BusFree] = end;
    this.counters[TimingCounter.WritesDone] = end;
  }

  /** The bus edge at `unit` or after it. */
  private edge(unit: number): number {
    return Math.ceil(unit / this.busUnits) * this.busUnits;
  }

  private l2Holds(physical: number): boolean {
    if (this.l2Lines === 0) return false;
    const tag = this.l2[(physical >>> CacheGeometry.LineShift) & (this.l2Lines - 1)];
    return (tag & L2Bit.Valid) !== 0 && tag >>> L2Bit.TagShift === physical >>> this.l2TagShift;
  }

  private allocateL2(physical: number, start: number): void {
    if (this.l2Lines === 0) return;
    const index = (physical >>> CacheGeometry.LineShift) & (this.l2Lines - 1);
    const before = this.l2[index];
    if ((before & L2Bit.Dirty) !== 0) this.postWrites(start, 4);
    this.l2[index] = ((physical >>> this.l2TagShift) << L2Bit.TagShift) | L2Bit.Valid;
  }

  /** Bus clocks of a write of `quadwords` (1 or 4) that starts at `start`; the second-level cache allocates on reads only. */
  private writeClocks(physical: number, start: number, quadwords: number): number {
    if (this.l2Holds(physical)) {
      this.l2[(physical >>> CacheGeometry.LineShift) & (this.l2Lines - 1)] |= L2Bit.Dirty;
      return this.configuration.l2Write + (quadwords - 1) * this.configuration.l2WriteNext;
    }
    this.openRow(physical);
    return this.postWrites(start, quadwords);
  }

  /** Bus clocks until the chipset has taken `quadwords` for memory. */
  private postWrites(start: number, quadwords: number): number {
    const { dramWritePosted, dramWriteDrain, dramPostBuffer } = this.configuration;
    const drain = dramWriteDrain * this.busUnits;
    let empty = Math.max(this.counters[TimingCounter.PostBufferEmpty], start);
    let clocks = 0;
    for (let i = 0; i < quadwords; i++) {
      const at = start + clocks * this.busUnits;
      const waiting = Math.ceil(Math.max(0, empty - at) / drain);
      clocks += waiting < dramPostBuffer ? dramWritePosted : dramWriteDrain;
      empty = Math.max(empty, at) + drain;
    }
    this.counters[TimingCounter.PostBufferEmpty] = empty;
    return clocks;
  }

  /** Opens the row of `physical`; result: bus clocks to the first quadword of a read. */
  private openRow(physical: number): number {
    const { configuration, words } = this;
    const number = Math.floor((physical >>> 0) / configuration.dramRowBytes);
    const slot = TimingWord.OpenRow + (number & (configuration.dramBanks - 1));
    const row = Math.floor(number / configuration.dramBanks) + 1;
    const before = words[slot];
    words[slot] = row;
    if (before === row) return configuration.dramPageHit;
    return before === 0 ? configuration.dramRowMiss : configuration.dramPageMiss;
  }
}
