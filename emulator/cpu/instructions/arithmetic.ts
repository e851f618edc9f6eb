/** Binary arithmetic (Intel SDM vol. 1, 5.1.2): ADD ADC SUB SBB CMP INC DEC NEG MUL IMUL DIV IDIV XADD CMPXCHG CMPXCHG8B. */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Auxiliary } from "../flags.ts";
import { Micro } from "../interpreter-micro.ts";
import { Flag, Vector, Word } from "../state.ts";
import { aluRows } from "./alu-rows.ts";
import { Pairing } from "./form.ts";
import {
  operandBytes,
  operandLinear,
  readPlace,
  readRegister,
  readRm,
  registerField,
  rmPlace,
  writePlace,
  writeRegister,
} from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";

const ARITHMETIC = flags("oszapc");
const WITH_CARRY = flags("oszapc", "c");
const ALL_BUT_CARRY = flags("oszap");
const PRODUCT = flags("oc", "", "szap", "SF ZF PF from the low half of the product, AF clear");
const QUOTIENT = flags("", "", "oszapc", "unchanged");

/** Sets CF and OF to `overflow`, the rest from the low half of the product. */
function setProductFlags(cpu: Cpu, low: number, overflow: boolean): void {
  cpu.words[Word.FlagResult] = low;
  cpu.words[Word.FlagAuxiliary] = overflow ? Auxiliary.Carry : 0;
}

/** MUL r/m8 and r/m16 (the 32-bit form is a micro-operation). */
function multiply(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const product = readRm(cpu, instruction, bytes) * readRegister(cpu, Word.Eax, bytes);
  if (bytes === 1) {
    writeRegister(cpu, Word.Eax, 2, product);
    setProductFlags(cpu, (product << 24) >> 24, product > 0xff);
  } else {
    writeRegister(cpu, Word.Eax, 2, product);
    writeRegister(cpu, Word.Edx, 2, product >>> 16);
    setProductFlags(cpu, (product << 16) >> 16, product > 0xffff);
  }
}

/** One-operand IMUL r/m8 and r/m16 (the 32-bit form is a micro-operation). */
function multiplySigned(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const unused = 32 - 8 * bytes;
  const product =
    ((readRm(cpu, instruction, bytes) << unused) >> unused) *
    ((readRegister(cpu, Word.Eax, bytes) << unused) >> unused);
  const low = (product << unused) >> unused;
  if (bytes === 1) writeRegister(cpu, Word.Eax, 2, product);
  else {
    writeRegister(cpu, Word.Eax, 2, product);
    writeRegister(cpu, Word.Edx, 2, product >> 16);
  }
  setProductFlags(cpu, low, low !== product);
}

/** 2^32, as a factor for 64-bit values held in two words. */
const WORD_RANGE = 4294967296;

/**
 * Divides high:low by divisor (all unsigned 32-bit), quotient known to fit 32 bits, by two 48/32-bit steps that stay
 * exact in a float. Returns the quotient; the remainder is low - quotient * divisor modulo 2^32.
 */
function divideUnsigned64(high: number, low: number, divisor: number): number {
  const upper = high * 65536 + (low >>> 16);
  const upperQuotient = Math.floor(upper / divisor);
  const upperRemainder = upper - upperQuotient * divisor;
  const lower = upperRemainder * 65536 + (low & 0xffff);
  return upperQuotient * 65536 + Math.floor(lower / divisor);
}

function divide(cpu: Cpu, instruction: number): void {
  const words = cpu.words;
  const bytes = operandBytes(cpu, instruction);
  const divisor = readRm(cpu, instruction, bytes) >>> 0;
  if (divisor === 0) raiseFault(cpu, Vector.DivideError);
  if (bytes === 4) {
    const high = words[Word.Edx] >>> 0;
    const low = words[Word.Eax] >>> 0;
    if (high >= divisor) raiseFault(cpu, Vector.DivideError);
    const quotient = divideUnsigned64(high, low, divisor);
    words[Word.Eax] = quotient;
    words[Word.Edx] = low - Math.imul(quotient, divisor);
    return;
  }
  const dividend =
    bytes === 1 ? words[Word.Eax] & 0xffff : (((words[Word.Edx] & 0xffff) << 16) | (words[Word.Eax] & 0xffff)) >>> 0;
  const quotient = Math.floor(dividend / divisor);
  const remainder = dividend - quotient * divisor;
  if (bytes === 1) {
    if (quotient > 0xff) raiseFault(cpu, Vector.DivideError);
    writeRegister(cpu, Word.Eax, 2, quotient | (remainder << 8));
  } else {
    if (quotient > 0xffff) raiseFault(cpu, Vector.DivideError);
    writeRegister(cpu, Word.Eax, 2, quotient);
    writeRegister(cpu, Word.Edx, 2, remainder);
  }
}

function divideSigned(cpu: Cpu, instruction: number): void {
  const words = cpu.words;
  const bytes = operandBytes(cpu, instruction);
  const unused = 32 - 8 * bytes;
  const divisor = (readRm(cpu, instruction, bytes) << unused) >> unused;
  if (divisor === 0) raiseFault(cpu, Vector.DivideError);
  if (bytes === 4) {
    let high = words[Word.Edx];
    let low = words[Word.Eax];
    const negative = high < 0;
    if (negative) {
      low = -low | 0;
      high = (~high + (low === 0 ? 1 : 0)) | 0;
    }
    const magnitude = Math.abs(divisor);
    if (high >>> 0 >= magnitude) raiseFault(cpu, Vector.DivideError);
    const quotient = divideUnsigned64(high >>> 0, low >>> 0, magnitude);
    const negate = negative !== divisor < 0;
    if (quotient > (negate ? WORD_RANGE / 2 : WORD_RANGE / 2 - 1)) raiseFault(cpu, Vector.DivideError);
    const remainder = (low - Math.imul(quotient, magnitude)) | 0;
    words[Word.Eax] = negate ? -quotient : quotient;
    words[Word.Edx] = negative ? -remainder : remainder;
    return;
  }
  const dividend = bytes === 1 ? (words[Word.Eax] << 16) >> 16 : (words[Word.Edx] << 16) | (words[Word.Eax] & 0xffff);
  const quotient = Math.trunc(dividend / divisor);
  const remainder = dividend - quotient * divisor;
  const limit = bytes === 1 ? 0x80 : 0x8000;
  if (quotient >= limit || quotient < -limit) raiseFault(cpu, Vector.DivideError);
  if (bytes === 1) writeRegister(cpu, Word.Eax, 2, (quotient & 0xff) | (remainder << 8));
  else {
    writeRegister(cpu, Word.Eax, 2, quotient);
    writeRegister(cpu, Word.Edx, 2, remainder);
  }
}

/** Lazy flags of a sum of two zero-extended operands of 8 * bytes bits. */
function setAddFlags(cpu: Cpu, a: number, b: number, bytes: number): number {
  const unused = 32 - 8 * bytes;
  const sum = (a + b) | 0;
  const carries = (a & b) | ((a | b) & ~sum);
  cpu.words[Word.FlagResult] = (sum << unused) >> unused;
  cpu.words[Word.FlagAuxiliary] = ((carries << unused) & Auxiliary.CarryOverflow) | (carries & Auxiliary.Adjust);
  return sum;
}

/** Lazy flags of a - b. */
export function setSubtractFlags(cpu: Cpu, a: number, b: number, bytes: number): number {
  const unused = 32 - 8 * bytes;
  const difference = (a - b) | 0;
  const borrows = (~a & b) | (~(a ^ b) & difference);
  cpu.words[Word.FlagResult] = (difference << unused) >> unused;
  cpu.words[Word.FlagAuxiliary] = ((borrows << unused) & Auxiliary.CarryOverflow) | (borrows & Auxiliary.Adjust);
  return difference;
}

function exchangeAndAdd(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const place = rmPlace(cpu, instruction, bytes);
  const destination = readPlace(cpu, instruction, place, bytes);
  const register = registerField(cpu, instruction);
  const sum = setAddFlags(cpu, destination, readRegister(cpu, register, bytes), bytes);
  writeRegister(cpu, register, bytes, destination);
  writePlace(cpu, instruction, place, bytes, sum);
}

function compareAndExchange(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const place = rmPlace(cpu, instruction, bytes);
  const destination = readPlace(cpu, instruction, place, bytes);
  const accumulator = readRegister(cpu, Word.Eax, bytes);
  setSubtractFlags(cpu, accumulator, destination, bytes);
  if (accumulator === destination) {
    writePlace(cpu, instruction, place, bytes, readRegister(cpu, registerField(cpu, instruction), bytes));
  } else {
    // The destination gets a write cycle in any case (SDM vol. 2, CMPXCHG).
    writePlace(cpu, instruction, place, bytes, destination);
    writeRegister(cpu, Word.Eax, bytes, destination);
  }
}

function compareAndExchange8Bytes(cpu: Cpu, instruction: number): void {
  const words = cpu.words;
  const linear = operandLinear(cpu, instruction, 8, true);
  cpu.access.probeWrite(linear, 8);
  const low = cpu.access.read32(linear);
  const high = cpu.access.read32((linear + 4) | 0);
  const equal = low === words[Word.Eax] && high === words[Word.Edx];
  cpu.access.write32(linear, equal ? words[Word.Ebx] : low);
  cpu.access.write32((linear + 4) | 0, equal ? words[Word.Ecx] : high);
  if (!equal) {
    words[Word.Eax] = low;
    words[Word.Edx] = high;
  }
  cpu.eflags = equal ? cpu.eflags | Flag.Zf : cpu.eflags & ~Flag.Zf;
}

const UV = Pairing.UV;
const PU = Pairing.PU;
const ACCUMULATORS = { implicitRead: Registers.Eax | Registers.Edx, implicitWritten: Registers.Eax | Registers.Edx };
const ACCUMULATOR = { implicitRead: Registers.Eax, implicitWritten: Registers.Eax };
const DIVIDE_ERROR = [Vector.DivideError];

export const ARITHMETIC_ROWS: readonly Row[] = [
  ...aluRows("add", 0, Micro.Add8, ARITHMETIC, UV),
  ...aluRows("adc", 2, Micro.Adc8, WITH_CARRY, PU),
  ...aluRows("sbb", 3, Micro.Sbb8, WITH_CARRY, PU),
  ...aluRows("sub", 5, Micro.Sub8, ARITHMETIC, UV),
  ...aluRows("cmp", 7, Micro.Cmp8, ARITHMETIC, UV),

  row("inc", "40+r", "rw:Zv", { micro: Micro.Inc8, flags: ALL_BUT_CARRY, pairing: UV, clocks: 1 }),
  row("inc", "FE /0", "rw:Eb", {
    micro: Micro.Inc8,
    flags: ALL_BUT_CARRY,
    pairing: UV,
    clocks: [1, 3],
    lockable: true,
  }),
  row("inc", "FF /0", "rw:Ev", {
    micro: Micro.Inc8,
    flags: ALL_BUT_CARRY,
    pairing: UV,
    clocks: [1, 3],
    lockable: true,
  }),
  row("dec", "48+r", "rw:Zv", { micro: Micro.Dec8, flags: ALL_BUT_CARRY, pairing: UV, clocks: 1 }),
  row("dec", "FE /1", "rw:Eb", {
    micro: Micro.Dec8,
    flags: ALL_BUT_CARRY,
    pairing: UV,
    clocks: [1, 3],
    lockable: true,
  }),
  row("dec", "FF /1", "rw:Ev", {
    micro: Micro.Dec8,
    flags: ALL_BUT_CARRY,
    pairing: UV,
    clocks: [1, 3],
    lockable: true,
  }),
  row("neg", "F6 /3", "rw:Eb", { micro: Micro.Neg8, flags: ARITHMETIC, clocks: [1, 3], lockable: true }),
  row("neg", "F7 /3", "rw:Ev", { micro: Micro.Neg8, flags: ARITHMETIC, clocks: [1, 3], lockable: true }),

  row("mul", "F6 /4", "r:Eb", { handler: multiply, flags: PRODUCT, clocks: 11, ...ACCUMULATOR }),
  row("mul", "F7 /4", "r:Ev", {
    micro: Micro.MulWide32,
    handler: multiply,
    flags: PRODUCT,
    clocks: 10,
    clocks16: 11,
    ...ACCUMULATORS,
    implicitRead: Registers.Eax,
  }),
  row("imul", "F6 /5", "r:Eb", { handler: multiplySigned, flags: PRODUCT, clocks: 11, ...ACCUMULATOR }),
  row("imul", "F7 /5", "r:Ev", {
    micro: Micro.ImulWide32,
    handler: multiplySigned,
    flags: PRODUCT,
    clocks: 10,
    clocks16: 11,
    ...ACCUMULATORS,
    implicitRead: Registers.Eax,
  }),
  row("imul", "0F AF /r", "rw:Gv r:Ev", { micro: Micro.Imul16, flags: PRODUCT, clocks: 9 }),
  row("imul", "69 /r iv", "w:Gv r:Ev r:Iv", { micro: Micro.ImulImmediate16, flags: PRODUCT, clocks: 10 }),
  row("imul", "6B /r ib", "w:Gv r:Ev r:Ibs", { micro: Micro.ImulImmediate16, flags: PRODUCT, clocks: 10 }),
  row("div", "F6 /6", "r:Eb", { handler: divide, flags: QUOTIENT, clocks: 17, ...ACCUMULATOR, raises: DIVIDE_ERROR }),
  row("div", "F7 /6", "r:Ev", {
    handler: divide,
    flags: QUOTIENT,
    clocks: 41,
    clocks16: 25,
    ...ACCUMULATORS,
    raises: DIVIDE_ERROR,
  }),
  row("idiv", "F6 /7", "r:Eb", {
    handler: divideSigned,
    flags: QUOTIENT,
    clocks: 22,
    ...ACCUMULATOR,
    raises: DIVIDE_ERROR,
  }),
  row("idiv", "F7 /7", "r:Ev", {
    handler: divideSigned,
    flags: QUOTIENT,
    clocks: 46,
    clocks16: 30,
    ...ACCUMULATORS,
    raises: DIVIDE_ERROR,
  }),

  row("xadd", "0F C0 /r", "rw:Eb rw:Gb", {
    handler: exchangeAndAdd,
    flags: ARITHMETIC,
    clocks: [3, 4],
    lockable: true,
  }),
  row("xadd", "0F C1 /r", "rw:Ev rw:Gv", {
    handler: exchangeAndAdd,
    flags: ARITHMETIC,
    clocks: [3, 4],
    lockable: true,
  }),
  row("cmpxchg", "0F B0 /r", "rw:Eb r:Gb", {
    handler: compareAndExchange,
    flags: ARITHMETIC,
    clocks: [5, 6],
    lockable: true,
    ...ACCUMULATOR,
  }),
  row("cmpxchg", "0F B1 /r", "rw:Ev r:Gv", {
    handler: compareAndExchange,
    flags: ARITHMETIC,
    clocks: [5, 6],
    lockable: true,
    ...ACCUMULATOR,
  }),
  row("cmpxchg8b", "0F C7 /1", "rw:Mq", {
    handler: compareAndExchange8Bytes,
    flags: flags("z"),
    clocks: 10,
    lockable: true,
    implicitRead: Registers.Eax | Registers.Ecx | Registers.Edx | Registers.Ebx,
    implicitWritten: Registers.Eax | Registers.Edx,
  }),
];
