/** Random straight-line code: the machine's clocks against a calculator that shares nothing with the model. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clocksOf, type Facts } from "./reference-calculator.ts";
import { DESTINATION, SOURCE, STACK, TimingRig } from "./rig.ts";

const NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
const ESI = 6;
const EDI = 7;
/** Data registers: any value may be in them. */
const data = fc.integer({ min: 0, max: 3 });
const pointer = fc.constantFrom(ESI, EDI);
const displacement = fc.integer({ min: 0, max: 15 }).map((dwords) => 4 * dwords);
const alu = fc.constantFrom(["add", 0x01], ["or", 0x09], ["and", 0x21], ["sub", 0x29], ["xor", 0x31] as const);

const FENCE: Facts = { text: "clc", code: "f8", pairing: "np", clocks: 2, writesFlags: true };

type Instruction = fc.Arbitrary<Facts>;

function bit(register: number): number {
  return 1 << register;
}

function hex(...bytes: number[]): string {
  return Buffer.from(bytes).toString("hex");
}

function registers(reg: number, rm: number): number {
  return 0xc0 | (reg << 3) | rm;
}

/** The dword at a pointer with a displacement of 8 bits. */
function memory(reg: number, base: number, offset: number) {
  const address = (base === ESI ? SOURCE : DESTINATION) + offset;
  return {
    operand: `[${NAMES[base]}+${offset}]`,
    bytes: [0x40 | (reg << 3) | base, offset],
    address: bit(base),
    bank: (address >> 2) & 7,
  };
}

const registerForms: Instruction[] = [
  fc.constant({ text: "nop", code: "90", pairing: "uv", clocks: 1 }),
  fc.tuple(data, data).map(([to, from]) => ({
    text: `mov ${NAMES[to]}, ${NAMES[from]}`,
    code: hex(0x89, registers(from, to)),
    pairing: "uv",
    clocks: 1,
    reads: bit(from),
    writes: bit(to),
  })),
  data.map((to) => ({
    text: `mov ${NAMES[to]}, 7`,
    code: hex(0xb8 | to, 7, 0, 0, 0),
    pairing: "uv",
    clocks: 1,
    writes: bit(to),
  })),
  fc.tuple(alu, data, data).map(([[name, opcode], to, from]) => ({
    text: `${name} ${NAMES[to]}, ${NAMES[from]}`,
    code: hex(Number(opcode), registers(from, to)),
    pairing: "uv",
    clocks: 1,
    reads: bit(from) | bit(to),
    writes: bit(to),
    writesFlags: true,
  })),
  fc.tuple(data, data).map(([one, other]) => ({
    text: `cmp ${NAMES[one]}, ${NAMES[other]}`,
    code: hex(0x39, registers(other, one)),
    pairing: "uv",
    clocks: 1,
    reads: bit(one) | bit(other),
    writesFlags: true,
  })),
  fc.tuple(data, data).map(([to, from]) => ({
    text: `adc ${NAMES[to]}, ${NAMES[from]}`,
    code: hex(0x11, registers(from, to)),
    pairing: "pu",
    clocks: 1,
    reads: bit(from) | bit(to),
    writes: bit(to),
    readsFlags: true,
    writesFlags: true,
  })),
  data.map((to) => ({
    text: `inc ${NAMES[to]}`,
    code: hex(0x40 | to),
    pairing: "uv",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    writesFlags: true,
  })),
  data.map((to) => ({
    text: `shl ${NAMES[to]}, 3`,
    code: hex(0xc1, registers(4, to), 3),
    pairing: "pu",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    writesFlags: true,
  })),
  data.map((to) => ({
    text: `rcr ${NAMES[to]}, 1`,
    code: hex(0xd1, registers(3, to)),
    pairing: "pu",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    readsFlags: true,
    writesFlags: true,
  })),
  pointer.map((to) => ({
    text: `add ${NAMES[to]}, 0`,
    code: hex(0x83, registers(0, to), 0),
    pairing: "uv",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    writesFlags: true,
  })),
  fc.tuple(data, pointer, displacement).map(([to, base, offset]) => ({
    text: `lea ${NAMES[to]}, [${NAMES[base]}+${offset}]`,
    code: hex(0x8d, ...memory(to, base, offset).bytes),
    pairing: "uv",
    clocks: 1,
    address: bit(base),
    writes: bit(to),
  })),
];

const aloneForms: Instruction[] = [
  data.map((to) => ({
    text: `neg ${NAMES[to]}`,
    code: hex(0xf7, registers(3, to)),
    pairing: "np",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    writesFlags: true,
  })),
  fc.tuple(data, data).map(([to, from]) => ({
    text: `movzx ${NAMES[to]}, low byte of ${NAMES[from]}`,
    code: hex(0x0f, 0xb6, registers(to, from)),
    pairing: "np",
    clocks: 3,
    reads: bit(from),
    writes: bit(to),
    prefixes: 1,
  })),
  data.map((to) => ({
    text: `setc low byte of ${NAMES[to]}`,
    code: hex(0x0f, 0x92, registers(0, to)),
    pairing: "np",
    clocks: 1,
    writes: bit(to),
    prefixes: 1,
    readsFlags: true,
  })),
  data.map((to) => ({
    text: `bswap ${NAMES[to]}`,
    code: hex(0x0f, 0xc8 | to),
    pairing: "np",
    clocks: 1,
    reads: bit(to),
    writes: bit(to),
    prefixes: 1,
  })),
  fc.tuple(data, data).map(([to, from]) => ({
    text: `imul ${NAMES[to]}, ${NAMES[from]}`,
    code: hex(0x0f, 0xaf, registers(to, from)),
    pairing: "np",
    clocks: 9,
    reads: bit(to) | bit(from),
    writes: bit(to),
    prefixes: 1,
    writesFlags: true,
  })),
  fc.constant({ text: "cdq", code: "99", pairing: "np", clocks: 2, reads: 1, writes: 4 }),
  fc.tuple(data, data).map(([to, from]) => ({
    text: `add low word of ${NAMES[to]}, ${NAMES[from]}`,
    code: hex(0x66, 0x01, registers(from, to)),
    pairing: "uv",
    clocks: 1,
    reads: bit(to) | bit(from),
    writes: bit(to),
    prefixes: 1,
    writesFlags: true,
  })),
];

const memoryForms: Instruction[] = [
  fc.tuple(data, pointer, displacement).map(([to, base, offset]) => {
    const { operand, bytes, address, bank } = memory(to, base, offset);
    const text = `mov ${NAMES[to]}, ${operand}`;
    return { text, code: hex(0x8b, ...bytes), pairing: "uv", clocks: 1, address, bank, writes: bit(to) };
  }),
  fc.tuple(data, pointer, displacement).map(([from, base, offset]) => {
    const { operand, bytes, address, bank } = memory(from, base, offset);
    const text = `mov ${operand}, ${NAMES[from]}`;
    return { text, code: hex(0x89, ...bytes), pairing: "uv", clocks: 1, address, bank, reads: bit(from) };
  }),
  fc.tuple(pointer, displacement).map(([base, offset]) => {
    const { operand, bytes, address, bank } = memory(0, base, offset);
    const text = `mov ${operand}, 5`;
    return { text, code: hex(0xc7, ...bytes, 5, 0, 0, 0), pairing: "uv", clocks: 1, address, bank, bulky: true };
  }),
  fc.tuple(alu, data, pointer, displacement).map(([[name, opcode], to, base, offset]) => {
    const { operand, bytes, address, bank } = memory(to, base, offset);
    const facts = { reads: bit(to), writes: bit(to), address, bank, writesFlags: true };
    const text = `${name} ${NAMES[to]}, ${operand}`;
    return { text, code: hex(Number(opcode) | 2, ...bytes), pairing: "uv", clocks: 2, ...facts };
  }),
  fc.tuple(alu, data, pointer, displacement).map(([[name, opcode], from, base, offset]) => {
    const { operand, bytes, address, bank } = memory(from, base, offset);
    const facts = { reads: bit(from), address, bank, writesFlags: true };
    const text = `${name} ${operand}, ${NAMES[from]}`;
    return { text, code: hex(Number(opcode), ...bytes), pairing: "uv", clocks: 3, ...facts };
  }),
  fc.tuple(data, pointer, displacement).map(([from, base, offset]) => {
    const { operand, bytes, address, bank } = memory(from, base, offset);
    const facts = { reads: bit(from), address, bank, writesFlags: true };
    return { text: `test ${operand}, ${NAMES[from]}`, code: hex(0x85, ...bytes), pairing: "uv", clocks: 2, ...facts };
  }),
  fc.tuple(pointer, displacement).map(([base, offset]) => {
    const { operand, bytes, address, bank } = memory(1, base, offset);
    const facts = { address, bank, writesFlags: true };
    return { text: `dec dword ${operand}`, code: hex(0xff, ...bytes), pairing: "uv", clocks: 3, ...facts };
  }),
];

/** Two pushes and two pops, with what is between them: ESP is the same in every repetition. */
const stackForms = fc
  .tuple(data, data, data, fc.oneof(...registerForms))
  .map(([first, second, third, between]): Facts[] => {
    const slot = (depth: number) => ((STACK - 4 * depth) >> 2) & 7;
    const push = (from: number, depth: number): Facts => ({
      text: `push ${NAMES[from]}`,
      code: hex(0x50 | from),
      pairing: "uv",
      clocks: 1,
      reads: bit(from),
      stack: "push",
      bank: slot(depth),
    });
    const pop = (to: number, depth: number): Facts => ({
      text: `pop ${NAMES[to]}`,
      code: hex(0x58 | to),
      pairing: "uv",
      clocks: 1,
      writes: bit(to),
      stack: "pop",
      bank: slot(depth),
    });
    return [push(first, 1), push(second, 2), between, pop(second, 2), pop(third, 1)];
  });

const body = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.oneof(...registerForms).map((one) => [one]) },
      { weight: 4, arbitrary: fc.oneof(...memoryForms).map((one) => [one]) },
      { weight: 1, arbitrary: fc.oneof(...aloneForms).map((one) => [one]) },
      { weight: 1, arbitrary: stackForms },
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => [FENCE, ...parts.flat()]);

describe("random straight-line code", () => {
  it("takes the clocks that the published rules give", () => {
    fc.assert(
      fc.property(body, (instructions) => {
        const code = instructions.map((instruction) => instruction.code).join("");
        const expected = clocksOf(instructions);
        const measured = new TimingRig().steady(code, instructions.length, false, 24);
        expect(measured, instructions.map(({ text }) => text).join("; ")).toBeCloseTo(expected, 6);
      }),
      { numRuns: Number(process.env.QUORUM86_TIMING_PROGRAMS ?? 1000), seed: 586 },
    );
  });
});
