import { beforeEach, describe, expect, it } from "vitest";
import { DerivedClock } from "../../../emulator/clock.ts";
import { PIT_HERTZ, Pit8254 } from "../../../emulator/devices/i8254-pit.ts";
import { ManualClock } from "./manual-clock.ts";

const ticks = new DerivedClock(100_000_000, PIT_HERTZ);

/** A PIT with the edges of OUT 0 recorded, in ticks; time is moved in ticks. */
class Bench {
  readonly clock = new ManualClock();
  readonly edges: string[] = [];
  readonly pit = new Pit8254(0x40, this.clock, (level) => {
    const tick = ticks.ticksAt(this.clock.now);
    if (this.recording) this.edges.push(`${level ? "high" : "low"} ${tick}`);
  });
  private recording = false;

  constructor() {
    this.pit.reset();
    this.recording = true;
  }

  toTick(tick: number): void {
    this.clock.advanceTo(ticks.cycleOf(tick));
  }

  /** Programs counter `index` with low and high byte of a count. */
  program(index: number, mode: number, count: number, bcd = 0): void {
    this.pit.writePort(0x43, 1, (index << 6) | 0x30 | (mode << 1) | bcd);
    this.pit.writePort(0x40 + index, 1, count & 0xff);
    this.pit.writePort(0x40 + index, 1, count >>> 8);
  }

  latched(index: number): number {
    this.pit.writePort(0x43, 1, index << 6);
    return this.pit.readPort(0x40 + index, 1) | (this.pit.readPort(0x40 + index, 1) << 8);
  }

  status(index: number): number {
    this.pit.writePort(0x43, 1, 0xe0 | (2 << index));
    return this.pit.readPort(0x40 + index, 1);
  }
}

describe("counter 0 of the 8254", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.toTick(100);
  });

  it("mode 0: OUT is low from the control word until N + 1 ticks after the count was written", () => {
    bench.program(0, 0, 50);
    bench.toTick(1000);
    expect(bench.edges).toEqual(["low 100", "high 151"]);
  });

  it("mode 0: a new count restarts it", () => {
    bench.program(0, 0, 50);
    bench.toTick(120);
    bench.pit.writePort(0x40, 1, 10);
    bench.pit.writePort(0x40, 1, 0);
    bench.toTick(1000);
    expect(bench.edges).toEqual(["low 100", "high 131"]);
  });

  it("mode 2: OUT goes low for one tick in every N", () => {
    bench.program(0, 2, 10);
    bench.toTick(135);
    expect(bench.edges).toEqual(["low 110", "high 111", "low 120", "high 121", "low 130", "high 131"]);
  });

  it("mode 2: a new count takes effect at the end of the period", () => {
    bench.program(0, 2, 10);
    bench.toTick(105);
    bench.pit.writePort(0x40, 1, 4);
    bench.pit.writePort(0x40, 1, 0);
    bench.toTick(120);
    expect(bench.edges).toEqual(["low 110", "high 111", "low 114", "high 115", "low 118", "high 119"]);
  });

  it("mode 3: a square wave, the high half longer by one for an odd count", () => {
    bench.program(0, 3, 5);
    bench.toTick(112);
    expect(bench.edges).toEqual(["low 104", "high 106", "low 109", "high 111"]);
  });

  it("mode 3: a new count takes effect at the next edge", () => {
    bench.program(0, 3, 10);
    bench.toTick(102);
    bench.pit.writePort(0x40, 1, 4);
    bench.pit.writePort(0x40, 1, 0);
    bench.toTick(112);
    expect(bench.edges).toEqual(["low 106", "high 108", "low 110", "high 112"]);
  });

  it("mode 4: OUT goes low for one tick, N + 1 ticks after the count was written", () => {
    bench.program(0, 4, 7);
    bench.toTick(200);
    expect(bench.edges).toEqual(["low 108", "high 109"]);
  });

  it("a count of 0 means 65536, and 1193182 ticks are exactly one second", () => {
    bench.program(0, 2, 0);
    bench.edges.length = 0;
    bench.toTick(101 + 2 * 65536);
    expect(bench.edges).toEqual(["low 65636", "high 65637", "low 131172", "high 131173"]);
    expect(ticks.cycleOf(PIT_HERTZ)).toBe(100_000_000);
  });

  it("BCD: a count of 0 means 10000 and counts read back in decimal", () => {
    bench.program(0, 2, 0, 1);
    bench.edges.length = 0;
    bench.toTick(101 + 1);
    expect(bench.latched(0)).toBe(0x9999);
    bench.toTick(101 + 10000);
    expect(bench.edges).toEqual(["low 10100", "high 10101"]);
  });

  it("latches a count and keeps it until both bytes are read", () => {
    bench.program(0, 2, 1000);
    bench.toTick(101 + 10);
    bench.pit.writePort(0x43, 1, 0x00);
    bench.toTick(101 + 500);
    bench.pit.writePort(0x43, 1, 0x00);
    expect(bench.pit.readPort(0x40, 1) | (bench.pit.readPort(0x40, 1) << 8)).toBe(990);
    expect(bench.latched(0)).toBe(500);
  });

  it("counts down by two in mode 3", () => {
    bench.program(0, 3, 1000);
    bench.toTick(101 + 100);
    expect(bench.latched(0)).toBe(800);
    bench.toTick(101 + 600);
    expect(bench.latched(0)).toBe(800);
  });

  it("reads back status: OUT, null count, access format, mode", () => {
    bench.program(0, 2, 1000);
    expect(bench.status(0)).toBe(0xf4);
    bench.toTick(150);
    expect(bench.status(0)).toBe(0xb4);
  });

  it("reads back count and status of several counters with one command, status first", () => {
    bench.program(0, 2, 1000);
    bench.program(2, 0, 77);
    bench.toTick(110);
    bench.pit.writePort(0x43, 1, 0xca);
    expect(bench.pit.readPort(0x40, 1)).toBe(0xb4);
    expect(bench.pit.readPort(0x40, 1) | (bench.pit.readPort(0x40, 1) << 8)).toBe(991);
    expect(bench.pit.readPort(0x42, 1)).toBe(0x30);
  });

  it("reads and writes single bytes in the formats that have only one", () => {
    bench.pit.writePort(0x43, 1, 0x14);
    bench.pit.writePort(0x40, 1, 20);
    bench.toTick(111);
    expect(bench.pit.readPort(0x40, 1)).toBe(10);
    expect(bench.pit.readPort(0x40, 1)).toBe(10);
  });
});

describe("counter 2 and port 0x61", () => {
  it("counts only while GATE is high and shows OUT in bit 5", () => {
    const bench = new Bench();
    bench.program(2, 0, 100);
    bench.toTick(50);
    expect(bench.pit.readPort(0x61, 1)).toBe(0);
    bench.pit.writePort(0x61, 1, 1);
    bench.toTick(100);
    bench.pit.writePort(0x61, 1, 0);
    bench.toTick(500);
    expect(bench.pit.readPort(0x61, 1)).toBe(0);
    bench.pit.writePort(0x61, 1, 1);
    bench.toTick(549);
    expect(bench.pit.readPort(0x61, 1)).toBe(1);
    bench.toTick(551);
    expect(bench.pit.readPort(0x61, 1)).toBe(0x21);
  });

  it("mode 1: a rising GATE starts one low pulse of N ticks", () => {
    const bench = new Bench();
    bench.program(2, 1, 10);
    expect(bench.pit.readPort(0x61, 1)).toBe(0x20);
    bench.toTick(20);
    bench.pit.writePort(0x61, 1, 1);
    bench.toTick(21);
    expect(bench.pit.readPort(0x61, 1)).toBe(1);
    bench.toTick(30);
    expect(bench.pit.readPort(0x61, 1)).toBe(1);
    bench.toTick(31);
    expect(bench.pit.readPort(0x61, 1)).toBe(0x21);
  });
});

describe("the state of the 8254", () => {
  it("continues after save and load as if nothing had happened", () => {
    const bench = new Bench();
    bench.program(0, 3, 1001);
    bench.program(2, 2, 333);
    bench.toTick(5000);
    const copy = new Bench();
    copy.clock.advanceTo(bench.clock.now);
    copy.pit.loadState(bench.pit.saveState());
    copy.clock.loadState(bench.clock.saveState());
    bench.edges.length = 0;
    copy.edges.length = 0;
    for (const one of [bench, copy]) one.toTick(20000);
    expect(bench.edges.length).toBeGreaterThan(20);
    expect(copy.edges).toEqual(bench.edges);
    expect(copy.pit.saveState()).toEqual(bench.pit.saveState());
    expect(() => copy.pit.loadState({ version: 1, counter0: [1] })).toThrow(RangeError);
  });
});
