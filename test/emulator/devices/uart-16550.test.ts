import { beforeEach, describe, expect, it } from "vitest";
import { Uart16550 } from "../../../emulator/devices/uart-16550.ts";
import { ManualClock } from "./manual-clock.ts";

const BASE = 0x3f8;

class Bench {
  readonly clock = new ManualClock();
  readonly sent: { byte: number; cycle: number }[] = [];
  interrupt = false;
  readonly uart = new Uart16550("uart0", BASE, this.clock, (level) => {
    this.interrupt = level;
  });

  constructor() {
    this.uart.reset();
    this.uart.onByte = (byte) => this.sent.push({ byte, cycle: this.clock.now });
  }

  write(register: number, value: number): void {
    this.uart.writePort(BASE + register, 1, value);
  }

  read(register: number): number {
    return this.uart.readPort(BASE + register, 1);
  }

  /** 115200 baud, 8 data bits, no parity, one stop bit, OUT2 on. */
  setUp(fifo: number): void {
    this.write(3, 0x80);
    this.write(0, 1);
    this.write(1, 0);
    this.write(3, 0x03);
    this.write(2, fifo);
    this.write(4, 0x0b);
  }
}

/** 10 bits of 16 crystal clocks each: 160 × 10⁸ / 1843200 core clocks. */
const CHARACTER_CYCLES = (160 * 100_000_000) / 1_843_200;

describe("transmission", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.setUp(0x01);
  });

  it("takes start, data and stop bits at the programmed rate, exactly", () => {
    bench.write(0, 0x41);
    bench.clock.advanceTo(1_000_000);
    expect(bench.sent).toEqual([{ byte: 0x41, cycle: Math.ceil(CHARACTER_CYCLES) }]);
  });

  it("sends characters back to back without drift", () => {
    for (let i = 0; i < 17; i++) bench.write(0, i);
    bench.clock.advanceTo(1_000_000);
    expect(bench.sent).toHaveLength(17);
    expect(bench.sent[16]?.cycle).toBe(Math.ceil(17 * CHARACTER_CYCLES));
  });

  it("takes longer with parity and two stop bits, and masks short characters", () => {
    bench.write(3, 0x0e);
    bench.write(0, 0xff);
    bench.clock.advanceTo(1_000_000);
    expect(bench.sent).toEqual([{ byte: 0x7f, cycle: Math.ceil((11 * CHARACTER_CYCLES) / 10) }]);
  });

  it("shows an empty holding register and an idle transmitter in LSR", () => {
    expect(bench.read(5)).toBe(0x60);
    bench.write(0, 1);
    expect(bench.read(5)).toBe(0x20);
    bench.write(0, 2);
    expect(bench.read(5)).toBe(0x00);
    bench.clock.advanceTo(CHARACTER_CYCLES * 1.5);
    expect(bench.read(5)).toBe(0x20);
    bench.clock.advanceTo(CHARACTER_CYCLES * 3);
    expect(bench.read(5)).toBe(0x60);
  });

  it("interrupts when enabled while empty, and again when the FIFO runs empty; reading IIR clears it", () => {
    bench.write(1, 0x02);
    expect(bench.interrupt).toBe(true);
    expect(bench.read(2)).toBe(0xc2);
    expect(bench.interrupt).toBe(false);
    expect(bench.read(2)).toBe(0xc1);
    bench.write(0, 1);
    bench.write(0, 2);
    expect(bench.read(2) & 0x0f).toBe(1);
    bench.clock.advanceTo(CHARACTER_CYCLES + 1);
    expect(bench.interrupt).toBe(true);
    bench.write(0, 3);
    expect(bench.interrupt).toBe(false);
  });

  it("keeps the interrupt to itself without OUT2", () => {
    bench.write(4, 0x03);
    bench.write(1, 0x02);
    expect(bench.interrupt).toBe(false);
    expect(bench.read(2) & 0x0f).toBe(2);
  });
});

describe("reception", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.setUp(0x01);
  });

  it("delivers host bytes one character time after another", () => {
    bench.uart.receive([0x61, 0x62]);
    bench.clock.advanceTo(Math.ceil(CHARACTER_CYCLES) - 1);
    expect(bench.read(5) & 1).toBe(0);
    bench.clock.advanceTo(Math.ceil(CHARACTER_CYCLES));
    expect(bench.read(5) & 1).toBe(1);
    expect(bench.read(0)).toBe(0x61);
    expect(bench.read(5) & 1).toBe(0);
    bench.clock.advanceTo(3 * CHARACTER_CYCLES);
    expect(bench.read(0)).toBe(0x62);
  });

  it("interrupts at the trigger level and after four idle character times below it", () => {
    bench.write(2, 0x41);
    bench.write(1, 0x01);
    bench.uart.receive([1, 2, 3, 4]);
    bench.clock.advanceTo(3.5 * CHARACTER_CYCLES);
    expect(bench.interrupt).toBe(false);
    bench.clock.advanceTo(4.5 * CHARACTER_CYCLES);
    expect(bench.interrupt).toBe(true);
    expect(bench.read(2)).toBe(0xc4);
    bench.read(0);
    expect(bench.interrupt).toBe(false);
    bench.clock.advanceBy(4.1 * CHARACTER_CYCLES);
    expect(bench.interrupt).toBe(true);
    expect(bench.read(2)).toBe(0xcc);
    bench.read(0);
    expect(bench.interrupt).toBe(false);
  });

  it("reports an overrun as the highest interrupt and loses what does not fit", () => {
    bench.write(1, 0x07);
    bench.read(2);
    bench.uart.receive(Array.from({ length: 17 }, (_, i) => i));
    bench.clock.advanceTo(20 * CHARACTER_CYCLES);
    expect(bench.read(2)).toBe(0xc6);
    expect(bench.read(5) & 3).toBe(3);
    expect(bench.read(5) & 3).toBe(1);
    for (let i = 0; i < 16; i++) expect(bench.read(0)).toBe(i);
    expect(bench.read(5) & 1).toBe(0);
  });

  it("holds one character without FIFOs, the newer one after an overrun", () => {
    bench.write(2, 0);
    bench.uart.receive([1, 2]);
    bench.clock.advanceTo(4 * CHARACTER_CYCLES);
    expect(bench.read(5) & 3).toBe(3);
    expect(bench.read(0)).toBe(2);
    expect(bench.read(2)).toBe(0x01);
  });

  it("drops received characters at a FIFO reset", () => {
    bench.uart.receive([1, 2]);
    bench.clock.advanceTo(4 * CHARACTER_CYCLES);
    bench.write(2, 0x03);
    expect(bench.read(5) & 1).toBe(0);
  });
});

describe("loopback", () => {
  it("receives what is sent, sends nothing out, and shows modem controls as modem status", () => {
    const bench = new Bench();
    bench.setUp(0x01);
    expect(bench.read(6)).toBe(0xb0);
    bench.write(4, 0x10);
    bench.write(0, 0x5a);
    bench.clock.advanceTo(2 * CHARACTER_CYCLES);
    expect(bench.sent).toEqual([]);
    expect(bench.read(0)).toBe(0x5a);
    expect(bench.read(6)).toBe(0x0b);
    bench.write(4, 0x1a);
    expect(bench.read(6)).toBe(0x90 | 0x09);
    expect(bench.read(6)).toBe(0x90);
    expect(bench.interrupt).toBe(false);
  });
});

describe("registers", () => {
  it("reads back scratch, line control, divisor and interrupt enable", () => {
    const bench = new Bench();
    bench.write(7, 0xa5);
    expect(bench.read(7)).toBe(0xa5);
    bench.write(3, 0x83);
    bench.write(0, 0x34);
    bench.write(1, 0x12);
    expect([bench.read(0), bench.read(1), bench.read(3)]).toEqual([0x34, 0x12, 0x83]);
    bench.write(3, 0x03);
    bench.write(1, 0xff);
    expect(bench.read(1)).toBe(0x0f);
  });

  it("continues after save and load as if nothing had happened", () => {
    const bench = new Bench();
    bench.setUp(0x41);
    bench.write(1, 0x05);
    bench.uart.receive([1, 2, 3, 4, 5]);
    for (let i = 0; i < 6; i++) bench.write(0, i);
    bench.clock.advanceTo(2.3 * CHARACTER_CYCLES);
    const copy = new Bench();
    copy.clock.advanceTo(bench.clock.now);
    copy.uart.loadState(bench.uart.saveState());
    copy.clock.loadState(bench.clock.saveState());
    bench.sent.length = 0;
    for (const one of [bench, copy]) one.clock.advanceTo(30 * CHARACTER_CYCLES);
    expect(bench.sent).toHaveLength(4);
    expect(copy.sent).toEqual(bench.sent);
    expect(copy.uart.saveState()).toEqual(bench.uart.saveState());
    expect(() => copy.uart.loadState({ version: 1 })).toThrow(RangeError);
  });
});
