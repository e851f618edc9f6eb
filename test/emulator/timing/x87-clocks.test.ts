/** The x87 unit beside the pipes: when what follows a floating-point instruction can begin. */
import { beforeAll, describe, expect, it } from "vitest";
import { createMachine, enterFlatProtectedMode, initialiseX87, Word } from "../../../emulator/index.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { CODE, SOURCE, STACK, TimingRig } from "./rig.ts";
import { type FloatClocks, X87_CLOCKS } from "./x87-clocks-table.ts";

const NOT_PAIRABLE = "f8"; // clc
const INTEGER = "40"; // inc eax
const INDEPENDENT = "d9d0"; // fnop
const USES_TOP = "d9e4"; // ftst
const EXCHANGE = "d9ce"; // fxch st(6)
const CONTROL_WORD = 0x037f;

let disassembler: Disassembler;

beforeAll(async () => {
  disassembler = await Disassembler.load();
});

interface Issue {
  readonly clock: number;
  readonly pipe: number;
}

/** When each instruction of a sequence begins, warm. */
function issues(instructions: readonly string[], control?: number): Issue[] {
  const rig = new TimingRig();
  const { machine } = rig;
  rig.load(instructions.join(""));
  machine.memory.write16(SOURCE + 0x40, CONTROL_WORD);
  machine.memory.write32(SOURCE + 0x80, CONTROL_WORD);
  rig.readLines(SOURCE, 0x200);
  let seen: Issue[] = [];
  machine.timing?.listen({
    instruction: (_linear, clock, pipe) => {
      seen.push({ clock, pipe });
    },
  });
  for (let pass = 0; pass < 3; pass++) {
    machine.charge(1000);
    rig.restart({ eip: CODE, ...(control === undefined ? {} : { control }) });
    seen = [];
    rig.run(instructions.length);
  }
  return seen;
}

/** Clocks from the beginning of the second instruction to that of the third, a CLC being the first. */
function distance(first: string, second: string, control?: number): number {
  const [, one, other] = issues([NOT_PAIRABLE, first, second], control) as [Issue, Issue, Issue];
  return other.clock - one.clock;
}

describe("floating-point instructions", () => {
  it.each(X87_CLOCKS)("$text: $clocks, overlap $integerOverlap, $floatOverlap", (row: FloatClocks) => {
    const { text, code, clocks, pairs, integerOverlap, floatOverlap, control } = row;
    const listing = disassembler.list(Buffer.from(code, "hex"), 0x1000);
    expect(listing.map(({ mnemonic, operands }) => `${mnemonic} ${operands}`.trim()).join("; ")).toBe(text);
    const issue = distance(code, INTEGER, control);
    const total = issue + integerOverlap;
    const [least, most] = typeof clocks === "number" ? [clocks, clocks] : clocks;
    expect(total).toBeGreaterThanOrEqual(least);
    expect(total).toBeLessThanOrEqual(most);
    expect(distance(code, INDEPENDENT, control), "an independent one").toBe(Math.max(issue, total - floatOverlap));
    if (integerOverlap > 0 && text !== "fxam") expect(distance(code, USES_TOP, control), "a dependent one").toBe(total);
    const [, , exchange] = issues([NOT_PAIRABLE, code, EXCHANGE], control) as [Issue, Issue, Issue];
    expect(exchange.pipe === 1, "paired with FXCH").toBe(pairs);
  });

  it("put a comparison's outcome into the status word after four clocks", () => {
    expect(distance("d8d1", "dfe0")).toBe(4);
  });

  it("are stored to memory a clock after the result of a computation is there, and at once when it was loaded", () => {
    expect(distance("d8c1", "d916")).toBe(4);
    expect(distance("d906", "d916")).toBe(1);
    expect(distance("d8c1", "ddd3")).toBe(3);
  });

  it("multiply every second clock", () => {
    expect(distance("d8c9", "dcca")).toBe(3); // st(2) by st, which is needed
    expect(distance("dcc9", "dcca")).toBe(2);
    expect(distance("dcc1", "dcc2")).toBe(1);
  });

  it("wait three clocks more for an operand of eight bytes that is not in an aligned quadword", () => {
    const [, one, other] = issues([NOT_PAIRABLE, "dd4604", INTEGER]) as [Issue, Issue, Issue];
    expect(other.clock - one.clock).toBe(4);
    expect(distance("dd4608", INTEGER)).toBe(1);
  });

  it("access an aligned quadword once: one read, one write", () => {
    for (const [event, code] of [
      [0, "dd06"],
      [1, "dd16"],
    ] as const) {
      const rig = new TimingRig();
      rig.load(code);
      rig.restart();
      const { words } = rig.machine.cpu;
      words[192 + 2 * 0x11] = event | (3 << 6);
      rig.machine.timing?.eventsSelected();
      rig.run(1);
      expect(words[192 + 2 * 0x12]).toBe(1);
    }
  });

  it("use one write buffer for a quadword that misses the cache", () => {
    const clocks = (store: string): number => {
      const rig = new TimingRig();
      rig.load((NOT_PAIRABLE + store).repeat(2) + INTEGER);
      rig.restart();
      rig.run(5);
      rig.machine.charge(1000);
      rig.restart();
      return rig.run(5);
    };
    // fst qword [esi] takes a clock more than mov [esi], eax, each, if the wait for the buffer does not hide it; a second write would take six.
    const more = clocks("dd16") - clocks("8906");
    expect(more).toBeGreaterThanOrEqual(0);
    expect(more).toBeLessThanOrEqual(2);
  });

  it("count in the event counters as operations", () => {
    const rig = new TimingRig();
    rig.load("d8c1d8c9d906ddd8d8f1");
    rig.restart();
    const { words } = rig.machine.cpu;
    const msr = (number: number): number => 192 + 2 * number;
    words[msr(0x11)] = 0x22 | (3 << 6);
    rig.machine.timing?.eventsSelected();
    rig.run(5);
    expect(words[msr(0x12)]).toBe(3);
  });
});

describe("floating-point instructions with simple timing", () => {
  it.each(X87_CLOCKS)("$text: $clocks", ({ code, clocks, control }) => {
    const machine = createMachine({ memoryBytes: 1 << 20 });
    machine.memory.writeBytes(CODE, Buffer.from(code, "hex"));
    enterFlatProtectedMode(machine.cpu, CODE, STACK);
    initialiseX87(machine.cpu);
    machine.cpu.words[Word.X87Control] = control ?? CONTROL_WORD;
    machine.cpu.setRegister(6, SOURCE);
    machine.run({ instructions: 1 });
    const [least, most] = typeof clocks === "number" ? [clocks, clocks] : clocks;
    expect(machine.cycles).toBeGreaterThanOrEqual(least);
    expect(machine.cycles).toBeLessThanOrEqual(most);
  });
});

describe("FXCH", () => {
  it("moves results between registers without waiting for them", () => {
    // fadd; fxch st(2); ftst of what was st(2); then ftst of the sum, which is in st(2) now.
    const clocks = issues([NOT_PAIRABLE, "d8c1", "d9ca", "d9e4", "d9ca", "d9e4"]).map(({ clock }) => clock);
    const start = clocks[1] as number;
    expect(clocks.slice(1).map((clock) => clock - start)).toEqual([0, 0, 1, 2, 3]);
  });
});
