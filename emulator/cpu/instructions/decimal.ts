/** Decimal arithmetic (Intel SDM vol. 1, 5.1.3; operations as in vol. 2). */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Flag, Vector, Word } from "../state.ts";
import { immediate, readRegister, writeRegister } from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";

const AL = 0;
const AH = 4;

/** SF ZF PF of a byte, with AF and CF as given; OF clear. */
function setDecimalFlags(cpu: Cpu, value: number, adjust: boolean, carry: boolean): void {
  let parity = value;
  parity ^= parity >> 4;
  const even = (0x9669 >> (parity & 15)) & 1;
  cpu.eflags =
    (cpu.eflags & ~Flag.Arithmetic) |
    (value & 0x80) |
    (value === 0 ? Flag.Zf : 0) |
    (even << 2) |
    (adjust ? Flag.Af : 0) |
    (carry ? Flag.Cf : 0);
}

function decimalAdjustAddition(cpu: Cpu): void {
  const before = readRegister(cpu, AL, 1);
  const eflags = cpu.eflags;
  let value = before;
  const adjust = (before & 15) > 9 || (eflags & Flag.Af) !== 0;
  if (adjust) value += 6;
  const carry = before > 0x99 || (eflags & Flag.Cf) !== 0;
  if (carry) value += 0x60;
  writeRegister(cpu, AL, 1, value);
  setDecimalFlags(cpu, value & 0xff, adjust, carry);
}

function decimalAdjustSubtraction(cpu: Cpu): void {
  const before = readRegister(cpu, AL, 1);
  const eflags = cpu.eflags;
  let value = before;
  let carry = (eflags & Flag.Cf) !== 0;
  const adjust = (before & 15) > 9 || (eflags & Flag.Af) !== 0;
  if (adjust) {
    carry = carry || value < 6;
    value -= 6;
  }
  if (before > 0x99 || (eflags & Flag.Cf) !== 0) {
    value -= 0x60;
    carry = true;
  }
  writeRegister(cpu, AL, 1, value);
  setDecimalFlags(cpu, value & 0xff, adjust, carry);
}

/** AAA (sign = 1) and AAS (sign = -1): AX moves by 106h as a word on the Pentium, then AL keeps its low digit. */
function asciiAdjust(cpu: Cpu, sign: number): void {
  const adjust = (cpu.words[Word.Eax] & 15) > 9 || (cpu.eflags & Flag.Af) !== 0;
  if (adjust) writeRegister(cpu, Word.Eax, 2, (cpu.words[Word.Eax] & 0xffff) + sign * 0x106);
  const value = readRegister(cpu, AL, 1) & 15;
  writeRegister(cpu, AL, 1, value);
  setDecimalFlags(cpu, value, adjust, adjust);
}

function asciiAdjustAddition(cpu: Cpu): void {
  asciiAdjust(cpu, 1);
}

function asciiAdjustSubtraction(cpu: Cpu): void {
  asciiAdjust(cpu, -1);
}

function asciiAdjustMultiply(cpu: Cpu, instruction: number): void {
  const base = immediate(cpu, instruction) & 0xff;
  if (base === 0) raiseFault(cpu, Vector.DivideError);
  const value = readRegister(cpu, AL, 1);
  writeRegister(cpu, AH, 1, (value / base) | 0);
  writeRegister(cpu, AL, 1, value % base);
  setDecimalFlags(cpu, value % base, false, false);
}

function asciiAdjustDivision(cpu: Cpu, instruction: number): void {
  const value = (readRegister(cpu, AL, 1) + readRegister(cpu, AH, 1) * immediate(cpu, instruction)) & 0xff;
  writeRegister(cpu, Word.Eax, 2, value);
  setDecimalFlags(cpu, value, false, false);
}

const PACKED = flags("szapc", "ac", "o", "OF clear");
const UNPACKED = flags("ac", "a", "oszp", "SF ZF PF from AL after the instruction, OF clear");
const ASCII_MULTIPLY = flags("szp", "", "oac", "clear");
const EAX = { implicitRead: Registers.Eax, implicitWritten: Registers.Eax };

export const DECIMAL_ROWS: readonly Row[] = [
  row("daa", "27", "", { handler: decimalAdjustAddition, flags: PACKED, clocks: 3, ...EAX }),
  row("das", "2F", "", { handler: decimalAdjustSubtraction, flags: PACKED, clocks: 3, ...EAX }),
  row("aaa", "37", "", { handler: asciiAdjustAddition, flags: UNPACKED, clocks: 3, ...EAX }),
  row("aas", "3F", "", { handler: asciiAdjustSubtraction, flags: UNPACKED, clocks: 3, ...EAX }),
  row("aam", "D4 ib", "r:Ib", {
    handler: asciiAdjustMultiply,
    flags: ASCII_MULTIPLY,
    clocks: 18,
    ...EAX,
    raises: [Vector.DivideError],
  }),
  row("aad", "D5 ib", "r:Ib", { handler: asciiAdjustDivision, flags: ASCII_MULTIPLY, clocks: 10, ...EAX }),
];
