import { beforeEach, describe, expect, it } from "vitest";
import { Pic8259, PicPair } from "../../../emulator/devices/i8259-pic.ts";

const COMMAND = 0x20;
const DATA = 0x21;

/** A single 8259A with its INT output recorded. */
class Bench {
  output = false;
  edges = 0;
  readonly pic = new Pic8259("pic", COMMAND, true, (level) => {
    if (level && !this.output) this.edges++;
    this.output = level;
  });

  constructor(icw1 = 0x13, icw4 = 0x01) {
    this.pic.reset();
    this.command(icw1);
    this.data(0x20);
    if ((icw1 & 2) === 0) this.data(0x04);
    if ((icw1 & 1) !== 0) this.data(icw4);
  }

  command(value: number): void {
    this.pic.writePort(COMMAND, 1, value);
  }

  data(value: number): void {
    this.pic.writePort(DATA, 1, value);
  }

  request(line: number): void {
    this.pic.setLine(line, false);
    this.pic.setLine(line, true);
  }

  irr(): number {
    this.command(0x0a);
    return this.pic.readPort(COMMAND, 1);
  }

  isr(): number {
    this.command(0x0b);
    return this.pic.readPort(COMMAND, 1);
  }
}

describe("one 8259A, edge triggered", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it("raises INT on a rising edge and gives the vector of its input at INTA", () => {
    bench.request(3);
    expect(bench.output).toBe(true);
    expect(bench.irr()).toBe(0x08);
    expect(bench.pic.acknowledge()).toBe(0x23);
    expect(bench.output).toBe(false);
    expect(bench.irr()).toBe(0);
    expect(bench.isr()).toBe(0x08);
  });

  it("does not see a line that stays high as a second request", () => {
    bench.request(3);
    bench.pic.acknowledge();
    bench.command(0x20);
    expect(bench.output).toBe(false);
    bench.pic.setLine(3, true);
    expect(bench.output).toBe(false);
    bench.request(3);
    expect(bench.output).toBe(true);
  });

  it("holds lower and equal priorities back while a request is in service, and lets higher ones through", () => {
    bench.request(3);
    bench.pic.acknowledge();
    bench.request(4);
    expect(bench.output).toBe(false);
    bench.request(3);
    expect(bench.output).toBe(false);
    bench.request(2);
    expect(bench.output).toBe(true);
    expect(bench.pic.acknowledge()).toBe(0x22);
    expect(bench.isr()).toBe(0x0c);
  });

  it("ends the highest request in service with a nonspecific EOI", () => {
    bench.request(3);
    bench.pic.acknowledge();
    bench.request(1);
    bench.pic.acknowledge();
    bench.command(0x20);
    expect(bench.isr()).toBe(0x08);
    bench.command(0x20);
    expect(bench.isr()).toBe(0);
  });

  it("ends exactly the named request with a specific EOI", () => {
    bench.request(3);
    bench.pic.acknowledge();
    bench.request(1);
    bench.pic.acknowledge();
    bench.command(0x63);
    expect(bench.isr()).toBe(0x02);
  });

  it("does not let a masked request through but remembers it", () => {
    bench.data(0x08);
    bench.request(3);
    expect(bench.output).toBe(false);
    expect(bench.irr()).toBe(0x08);
    expect(bench.pic.readPort(DATA, 1)).toBe(0x08);
    bench.data(0x00);
    expect(bench.output).toBe(true);
  });

  it("gives the spurious vector IR7 without setting ISR when the request goes away before INTA", () => {
    bench.request(3);
    bench.pic.setLine(3, false);
    expect(bench.output).toBe(false);
    expect(bench.pic.acknowledge()).toBe(0x27);
    expect(bench.isr()).toBe(0);
  });

  it("rotates priorities: after a rotating EOI the ended input is lowest", () => {
    bench.request(3);
    bench.pic.acknowledge();
    bench.command(0xa0);
    bench.request(3);
    bench.request(5);
    expect(bench.pic.acknowledge()).toBe(0x25);
  });

  it("sets the lowest priority by command", () => {
    bench.command(0xc4);
    bench.request(0);
    bench.request(5);
    expect(bench.pic.acknowledge()).toBe(0x25);
  });

  it("answers a poll with the request and takes it into service", () => {
    bench.request(6);
    bench.command(0x0c);
    expect(bench.pic.readPort(COMMAND, 1)).toBe(0x86);
    expect(bench.isr()).toBe(0x40);
    bench.command(0x0c);
    expect(bench.pic.readPort(COMMAND, 1)).toBe(0);
  });

  it("lets lower priorities through in special mask mode when the one in service is masked", () => {
    bench.request(2);
    bench.pic.acknowledge();
    bench.request(5);
    bench.data(0x04);
    expect(bench.output).toBe(false);
    bench.command(0x68);
    expect(bench.output).toBe(true);
    expect(bench.pic.acknowledge()).toBe(0x25);
  });

  it("forgets mask, service and edges at ICW1", () => {
    bench.data(0xff);
    bench.request(3);
    bench.command(0x13);
    bench.data(0x40);
    bench.data(0x01);
    expect(bench.pic.readPort(DATA, 1)).toBe(0);
    expect(bench.irr()).toBe(0);
    bench.request(2);
    expect(bench.pic.acknowledge()).toBe(0x42);
  });
});

describe("other modes of the 8259A", () => {
  it("clears ISR by itself with automatic EOI", () => {
    const bench = new Bench(0x13, 0x03);
    bench.request(3);
    bench.pic.acknowledge();
    expect(bench.isr()).toBe(0);
    bench.request(4);
    expect(bench.pic.acknowledge()).toBe(0x24);
  });

  it("rotates at automatic EOI when told so", () => {
    const bench = new Bench(0x13, 0x03);
    bench.command(0x80);
    bench.request(3);
    bench.pic.acknowledge();
    bench.request(3);
    bench.request(4);
    expect(bench.pic.acknowledge()).toBe(0x24);
  });

  it("requests again after EOI while a level-triggered line stays high", () => {
    const bench = new Bench(0x1b);
    bench.pic.setLine(3, true);
    expect(bench.pic.acknowledge()).toBe(0x23);
    expect(bench.output).toBe(false);
    bench.command(0x20);
    expect(bench.output).toBe(true);
    bench.pic.setLine(3, false);
    expect(bench.output).toBe(false);
  });
});

describe("the PC's pair of controllers", () => {
  let intr = false;
  let pair: PicPair;
  beforeEach(() => {
    pair = new PicPair((level) => {
      intr = level;
    });
    pair.primary.reset();
    pair.secondary.reset();
    for (const [pic, base, vector, icw3] of [
      [pair.primary, 0x20, 0x20, 0x04],
      [pair.secondary, 0xa0, 0x28, 0x02],
    ] as const) {
      pic.writePort(base, 1, 0x11);
      pic.writePort(base + 1, 1, vector);
      pic.writePort(base + 1, 1, icw3);
      pic.writePort(base + 1, 1, 0x01);
    }
  });

  it("delivers IRQ 8-15 through input 2 with the second controller's vector", () => {
    pair.setLine(10, true);
    expect(intr).toBe(true);
    expect(pair.acknowledge()).toBe(0x2a);
    expect(intr).toBe(false);
  });

  it("needs an EOI at both before the next IRQ of the second controller", () => {
    pair.setLine(10, true);
    pair.acknowledge();
    pair.setLine(12, true);
    expect(intr).toBe(false);
    pair.secondary.writePort(0xa0, 1, 0x20);
    expect(intr).toBe(false);
    pair.primary.writePort(0x20, 1, 0x20);
    expect(intr).toBe(true);
    expect(pair.acknowledge()).toBe(0x2c);
  });

  it("asks again for a second pending IRQ of the second controller", () => {
    pair.setLine(10, true);
    pair.setLine(9, true);
    expect(pair.acknowledge()).toBe(0x29);
    pair.secondary.writePort(0xa0, 1, 0x20);
    pair.primary.writePort(0x20, 1, 0x20);
    expect(intr).toBe(true);
    expect(pair.acknowledge()).toBe(0x2a);
  });

  it("gives IRQ 15 for a request of the second controller that went away, with input 2 of the first in service", () => {
    // The first controller's own request stays only as long as its input: so lower the second's between the two INTA cycles.
    pair.setLine(10, true);
    const { secondary } = pair;
    const original = secondary.acknowledge.bind(secondary);
    secondary.acknowledge = () => {
      secondary.setLine(2, false);
      return original();
    };
    expect(pair.acknowledge()).toBe(0x2f);
    pair.primary.writePort(0x20, 1, 0x0b);
    expect(pair.primary.readPort(0x20, 1)).toBe(0x04);
  });

  it("lets a higher IRQ of the second controller interrupt a lower one in special fully nested mode", () => {
    pair.primary.writePort(0x20, 1, 0x11);
    for (const word of [0x20, 0x04, 0x11]) pair.primary.writePort(0x21, 1, word);
    pair.setLine(12, true);
    expect(pair.acknowledge()).toBe(0x2c);
    pair.setLine(9, true);
    expect(intr).toBe(true);
    expect(pair.acknowledge()).toBe(0x29);
  });

  it("saves and loads its whole state", () => {
    pair.setLine(10, true);
    pair.setLine(3, true);
    pair.acknowledge();
    const copy = new PicPair(() => {});
    copy.primary.loadState(pair.primary.saveState());
    copy.secondary.loadState(pair.secondary.saveState());
    expect(copy.primary.saveState()).toEqual(pair.primary.saveState());
    expect(copy.acknowledge()).toBe(pair.acknowledge());
    expect(() => copy.primary.loadState({ version: 2 })).toThrow(RangeError);
  });
});
