/**
 * One counter of an 8254, computed on demand from the tick at which it was loaded: no work per tick.
 *
 * Time is in ticks of the counter's CLK input. A count written at tick t is loaded at tick t + 1 (data sheet, "write
 * operations"). Mode 3 is kept as half periods, so that a new count takes effect at the next edge of OUT.
 */

/** A tick that never comes. */
const NEVER = Number.POSITIVE_INFINITY;

export class Counter8254 {
  mode = 3;
  bcd = false;
  /** 1 low byte, 2 high byte, 3 low then high. */
  accessBytes = 3;
  gate = true;
  /** Count in use, 1 to 65536 (or 10000 in BCD); 0 before one is written. */
  private count = 0;
  /** Tick at which `count` was loaded (in mode 3: at which the current half period began), or Infinity when stopped. */
  private start = NEVER;
  /** Mode 3: the half period that began at `start` is the high one. */
  private high = true;
  /** Count written but not in use yet, 0 for none, and the tick of its writing. */
  private next = 0;
  private written = 0;
  /** Elapsed ticks when GATE fell, or -1 while counting. */
  private frozen = -1;
  private lowByte = 0;
  private expectHigh = false;
  private readHigh = false;
  /** Latched count bytes, low first; -1 for none. */
  private latchLow = -1;
  private latchHigh = -1;
  private latchedStatus = -1;

  /** Power-up leaves the counter undefined; here OUT is high until a control word says otherwise. */
  reset(): void {
    this.mode = 3;
    this.bcd = false;
    this.accessBytes = 3;
    this.gate = true;
    this.count = 0;
    this.start = NEVER;
    this.high = true;
    this.next = 0;
    this.written = 0;
    this.frozen = -1;
    this.lowByte = 0;
    this.expectHigh = false;
    this.readHigh = false;
    this.latchLow = -1;
    this.latchHigh = -1;
    this.latchedStatus = -1;
  }

  private get modulus(): number {
    return this.bcd ? 10000 : 65536;
  }

  private isPeriodic(): boolean {
    return this.mode === 2 || this.mode === 3;
  }

  private halfTicks(high: boolean): number {
    return high ? (this.count + 1) >>> 1 : this.count >>> 1;
  }

  /** Brings a counter whose count was rewritten, and the half periods of mode 3, up to `now`. */
  private synchronise(now: number): void {
    if (this.start === NEVER || now < this.start || this.frozen >= 0) return;
    if (this.mode === 2 && this.next !== 0) {
      const periods = Math.max(1, Math.ceil((this.written + 1 - this.start) / this.count));
      const boundary = this.start + periods * this.count;
      if (now >= boundary) this.load(boundary, this.next);
    } else if (this.mode === 3) this.synchroniseSquareWave(now);
  }

  private synchroniseSquareWave(now: number): void {
    if (this.next === 0) {
      this.start += Math.floor((now - this.start) / this.count) * this.count;
      if (now - this.start >= this.halfTicks(this.high)) {
        this.start += this.halfTicks(this.high);
        this.high = !this.high;
      }
      return;
    }
    while (this.next !== 0) {
      const boundary = this.start + this.halfTicks(this.high);
      if (now < boundary) return;
      this.start = boundary;
      this.high = !this.high;
      if (boundary > this.written) {
        this.count = this.next;
        this.next = 0;
      }
    }
    this.synchroniseSquareWave(now);
  }

  private load(tick: number, count: number): void {
    this.start = tick;
    this.count = count;
    this.next = 0;
    this.high = true;
  }

  /** Writes the control word's mode bits (M2-M0 and BCD) and access format. */
  setMode(accessBytes: number, mode: number, bcd: boolean): void {
    this.accessBytes = accessBytes;
    this.mode = mode > 5 ? mode & 3 : mode;
    this.bcd = bcd;
    this.count = 0;
    this.next = 0;
    this.start = NEVER;
    this.frozen = -1;
    this.expectHigh = false;
    this.readHigh = false;
    this.latchLow = -1;
    this.latchHigh = -1;
    this.latchedStatus = -1;
  }

  /** Writes one byte of the count at tick `now`. */
  write(value: number, now: number): void {
    this.synchronise(now);
    if (this.accessBytes === 3 && !this.expectHigh) {
      this.lowByte = value;
      this.expectHigh = true;
      if (this.mode === 0) this.start = NEVER;
      return;
    }
    const low = this.accessBytes === 3 ? this.lowByte : this.accessBytes === 1 ? value : 0;
    const high = this.accessBytes === 1 ? 0 : value;
    this.expectHigh = false;
    // Modes 2 and 3 have no use for a count of 1 (data sheet, "minimum and maximum initial counts"): it counts as 2.
    const count = decodeCount(low | (high << 8), this.bcd);
    this.countWritten(this.isPeriodic() ? Math.max(2, count) : count, now);
  }

  private countWritten(count: number, now: number): void {
    const waitsForGate = this.mode === 1 || this.mode === 5;
    const running = this.start !== NEVER;
    if (waitsForGate || (this.isPeriodic() && running)) {
      this.next = count;
      this.written = now;
      return;
    }
    this.load(now + 1, count);
    if (!this.gate) this.freeze(now + 1);
  }

  private freeze(now: number): void {
    this.frozen = Math.max(0, now - this.start);
  }

  /** Drives GATE. */
  setGate(level: boolean, now: number): void {
    if (level === this.gate) return;
    this.synchronise(now);
    this.gate = level;
    if (this.mode === 1 || this.mode === 5) {
      const count = this.next !== 0 ? this.next : this.count;
      if (level && count !== 0) this.load(now + 1, count);
      return;
    }
    if (this.start === NEVER) return;
    if (!level) this.freeze(now);
    else if (this.isPeriodic()) {
      this.frozen = -1;
      this.load(now + 1, this.next !== 0 ? this.next : this.count);
    } else {
      this.start = now - this.frozen;
      this.frozen = -1;
    }
  }

  private elapsed(now: number): number {
    return this.frozen >= 0 ? this.frozen : now - this.start;
  }

  /** Level of OUT at tick `now`. */
  output(now: number): boolean {
    this.synchronise(now);
    if (this.start === NEVER || now < this.start) return this.mode !== 0;
    if (this.isPeriodic() && this.frozen >= 0) return true;
    const elapsed = this.elapsed(now);
    switch (this.mode) {
      case 0:
      case 1:
        return elapsed >= this.count;
      case 2:
        return elapsed % this.count !== this.count - 1;
      case 3:
        return this.high;
      default:
        return elapsed !== this.count;
    }
  }

  /** First tick after `now` at which OUT changes, or Infinity. */
  nextEdge(now: number): number {
    this.synchronise(now);
    if (this.start === NEVER || this.frozen >= 0) return NEVER;
    if (this.isPeriodic()) return this.nextPeriodicEdge(now);
    const end = this.start + this.count;
    if (this.mode === 1 && now < this.start) return this.start;
    if (now < end) return end;
    return this.mode >= 4 && now < end + 1 ? end + 1 : NEVER;
  }

  private nextPeriodicEdge(now: number): number {
    if (this.mode === 3) {
      return this.start + this.halfTicks(this.high);
    }
    const from = Math.max(now, this.start);
    const position = (from - this.start) % this.count;
    const base = from - position;
    return position < this.count - 1 ? base + this.count - 1 : base + this.count;
  }

  /** The counting element at tick `now`, as 16 bits (BCD when so programmed). */
  private currentCount(now: number): number {
    this.synchronise(now);
    if (this.start === NEVER || now < this.start) return encodeCount(this.count % this.modulus, this.bcd);
    const elapsed = this.elapsed(now);
    let value: number;
    if (this.mode === 2) value = this.count - (elapsed % this.count);
    else if (this.mode === 3) value = (this.count & ~1) - 2 * (elapsed % this.count);
    else value = this.count - elapsed;
    value %= this.modulus;
    return encodeCount(value < 0 ? value + this.modulus : value, this.bcd);
  }

  /** Counter latch command; ignored while a latched count is unread. */
  latchCount(now: number): void {
    if (this.latchLow >= 0 || this.latchHigh >= 0) return;
    const count = this.currentCount(now);
    if ((this.accessBytes & 1) !== 0) this.latchLow = count & 0xff;
    if ((this.accessBytes & 2) !== 0) this.latchHigh = count >>> 8;
  }

  /** Status half of the read-back command; ignored while a latched status is unread. */
  latchStatus(now: number): void {
    if (this.latchedStatus >= 0) return;
    const output = this.output(now) ? 0x80 : 0;
    const nullCount = this.count === 0 || this.next !== 0 || now < this.start ? 0x40 : 0;
    this.latchedStatus = output | nullCount | (this.accessBytes << 4) | (this.mode << 1) | (this.bcd ? 1 : 0);
  }

  /** Reads the next byte: latched status, then latched count, then the running count. */
  read(now: number): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    if (this.latchLow >= 0) {
      const byte = this.latchLow;
      this.latchLow = -1;
      this.readHigh = this.latchHigh >= 0;
      return byte;
    }
    if (this.latchHigh >= 0) {
      const byte = this.latchHigh;
      this.latchHigh = -1;
      this.readHigh = false;
      return byte;
    }
    const count = this.currentCount(now);
    const high = this.accessBytes === 2 || (this.accessBytes === 3 && this.readHigh);
    if (this.accessBytes === 3) this.readHigh = !this.readHigh;
    return high ? count >>> 8 : count & 0xff;
  }

  /** All state as numbers (JSON-safe; -1 stands for a tick that never comes). */
  save(): number[] {
    const { mode, accessBytes, count, next, written, frozen, lowByte, latchLow, latchHigh, latchedStatus } = this;
    const flags = [this.bcd, this.gate, this.high, this.expectHigh, this.readHigh].map(Number);
    const start = this.start === NEVER ? -1 : this.start;
    return [
      mode,
      accessBytes,
      count,
      start,
      next,
      written,
      frozen,
      lowByte,
      latchLow,
      latchHigh,
      latchedStatus,
      ...flags,
    ];
  }

  /** Takes over what `save` gave; RangeError for anything else. */
  restore(state: readonly number[]): void {
    if (state.length !== 16) throw new RangeError("not a state of an 8254 counter");
    const [mode, accessBytes, count, start, next, written, frozen, lowByte, latchLow, latchHigh, latchedStatus] =
      state as [number, number, number, number, number, number, number, number, number, number, number];
    Object.assign(this, {
      mode,
      accessBytes,
      count,
      next,
      written,
      frozen,
      lowByte,
      latchLow,
      latchHigh,
      latchedStatus,
    });
    this.start = start < 0 ? NEVER : start;
    [this.bcd, this.gate, this.high, this.expectHigh, this.readHigh] = state.slice(11).map((flag) => flag === 1) as [
      boolean,
      boolean,
      boolean,
      boolean,
      boolean,
    ];
  }
}

/** A written count as a number of ticks: 0 means the largest. */
function decodeCount(raw: number, bcd: boolean): number {
  if (!bcd) return raw === 0 ? 65536 : raw;
  const value = (raw >>> 12) * 1000 + ((raw >>> 8) & 15) * 100 + ((raw >>> 4) & 15) * 10 + (raw & 15);
  return value === 0 ? 10000 : value;
}

function encodeCount(value: number, bcd: boolean): number {
  if (!bcd) return value & 0xffff;
  const digit = (unit: number): number => Math.floor(value / unit) % 10;
  return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
}
