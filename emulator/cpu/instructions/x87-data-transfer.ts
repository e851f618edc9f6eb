/** FLD, FST, FILD, FIST, FBLD, FBSTP, FXCH and the constants (Intel SDM vol. 1, 8.3.3 and 8.3.4). Clocks: p5-timing 7.8. */
import type { Cpu } from "../cpu.ts";
import {
  INDEFINITE_DECIMAL,
  indefiniteInteger,
  indefiniteReal,
  loadDecimal,
  loaded,
  storeDecimal,
  storeInteger,
  storeReal,
} from "../x87/conversion.ts";
import {
  DOUBLE,
  INDEFINITE,
  type MemoryReal,
  ONE,
  type Operand,
  SINGLE,
  unpackInteger,
  unpackReal,
  ZERO,
} from "../x87/format.ts";
import { fromBits, locateData, readMemory, toBits, writeMemory } from "../x87/memory.ts";
import { type Conditions, Exception, isUnmasked, roundExtended } from "../x87/rounding.ts";
import {
  begin,
  deliver,
  isEmpty,
  operand,
  pop,
  push,
  pushIndefinite,
  register,
  setRegister,
  settle,
  underflow,
} from "../x87/unit.ts";
import { type Handler, Pairing } from "./form.ts";
import type { Row } from "./row.ts";
import { stackField, x87Row } from "./x87-row.ts";

const EXTENDED_BYTES = 10;

function bytesOf({ fractionBits, exponentBits }: MemoryReal): number {
  return (fractionBits + exponentBits + 1) / 8;
}

/** A single or double real in memory. */
export function readReal(cpu: Cpu, instruction: number, real: MemoryReal): Operand {
  const bytes = bytesOf(real);
  return unpackReal(readMemory(cpu, locateData(cpu, instruction, bytes, false), bytes), real);
}

/** A two's complement integer in memory. */
export function readInteger(cpu: Cpu, instruction: number, bytes: number): Operand {
  const bits = readMemory(cpu, locateData(cpu, instruction, bytes, false), bytes);
  return unpackInteger(BigInt.asIntN(8 * bytes, bits));
}

function load(read: (cpu: Cpu, instruction: number) => Operand): Handler {
  return (cpu, instruction) => {
    const operand = read(cpu, instruction);
    const conditions = begin(cpu);
    const value = loaded(conditions, operand);
    // A denormal is loaded even when its exception is unmasked.
    conditions.beforeResult = Exception.Invalid;
    push(cpu, value);
  };
}

function loadExtended(cpu: Cpu, instruction: number): void {
  const value = fromBits(readMemory(cpu, locateData(cpu, instruction, EXTENDED_BYTES, false), EXTENDED_BYTES));
  begin(cpu);
  push(cpu, value);
}

function loadRegister(cpu: Cpu, instruction: number): void {
  const conditions = begin(cpu);
  const i = stackField(cpu, instruction);
  if (!isEmpty(cpu, i)) push(cpu, register(cpu, i));
  else pushIndefinite(cpu, conditions);
}

/**
 * Stores ST to `bytes` of memory.
 * @param convert the bits, or undefined when an unmasked exception forbids to store
 * @param indefinite what an empty register stores
 */
function store(
  bytes: number,
  convert: (conditions: Conditions, value: Operand) => bigint | undefined,
  indefinite: bigint,
  pops: number,
): Handler {
  return (cpu, instruction) => {
    const linear = locateData(cpu, instruction, bytes, true);
    const conditions = begin(cpu);
    let bits: bigint | undefined;
    if (!isEmpty(cpu, 0)) bits = convert(conditions, operand(cpu, 0));
    else {
      underflow(conditions);
      bits = isUnmasked(conditions, Exception.Invalid) ? undefined : indefinite;
    }
    settle(cpu);
    if (bits === undefined) return;
    writeMemory(cpu, linear, bytes, bits);
    pop(cpu, pops);
  };
}

function storeRealTo(real: MemoryReal, pops: number): Handler {
  const convert = (conditions: Conditions, value: Operand): bigint | undefined => storeReal(conditions, value, real);
  return store(bytesOf(real), convert, indefiniteReal(real), pops);
}

function storeIntegerTo(bytes: number, pops: number): Handler {
  const convert = (conditions: Conditions, value: Operand): bigint | undefined =>
    storeInteger(conditions, value, bytes);
  return store(bytes, convert, indefiniteInteger(bytes), pops);
}

function storeExtended(cpu: Cpu, instruction: number): void {
  const linear = locateData(cpu, instruction, EXTENDED_BYTES, true);
  const conditions = begin(cpu);
  const value = isEmpty(cpu, 0) ? underflow(conditions) : register(cpu, 0);
  if (!settle(cpu)) return;
  writeMemory(cpu, linear, EXTENDED_BYTES, toBits(value));
  pop(cpu);
}

function storeRegister(pops: number): Handler {
  return (cpu, instruction) => {
    const conditions = begin(cpu);
    deliver(cpu, stackField(cpu, instruction), isEmpty(cpu, 0) ? underflow(conditions) : register(cpu, 0), pops);
  };
}

function exchange(cpu: Cpu, instruction: number): void {
  const conditions = begin(cpu);
  const i = stackField(cpu, instruction);
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) underflow(conditions);
  const first = isEmpty(cpu, 0) ? INDEFINITE : register(cpu, 0);
  const second = isEmpty(cpu, i) ? INDEFINITE : register(cpu, i);
  if (!settle(cpu)) return;
  setRegister(cpu, i, first);
  setRegister(cpu, 0, second);
}

/** A constant rounded as rounding control says: 96 bits of it, none of which ends in a tie; precision is not raised. */
function loadConstant(significand: bigint, exponent: number): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    const value = roundExtended(conditions, 0, significand, exponent, 64);
    conditions.raised = 0;
    conditions.roundedUp = false;
    push(cpu, value);
  };
}

function loadExact(value: typeof ONE): Handler {
  return (cpu) => {
    begin(cpu);
    push(cpu, value);
  };
}

const FX = Pairing.FX;
const ONTO_STACK = { stack: 1 };
const CONSTANT = { clocks: 5, overlap: [2, 2], ...ONTO_STACK } as const;
const INTEGER_LOAD = { clocks: 3, overlap: [2, 2], ...ONTO_STACK } as const;
const POPS = { stack: -1 };

export const X87_DATA_TRANSFER_ROWS: readonly Row[] = [
  x87Row("fld", "D9 /0", "r:Md", {
    run: load((cpu, instruction) => readReal(cpu, instruction, SINGLE)),
    clocks: 1,
    pairing: FX,
    ...ONTO_STACK,
  }),
  x87Row("fld", "DD /0", "r:Mq", {
    run: load((cpu, instruction) => readReal(cpu, instruction, DOUBLE)),
    clocks: 1,
    pairing: FX,
    ...ONTO_STACK,
  }),
  x87Row("fld", "DB /5", "r:Mt", { run: loadExtended, clocks: 3, ...ONTO_STACK }),
  x87Row("fld", "D9 C0+i", "r:Tt", { run: loadRegister, clocks: 1, pairing: FX, ...ONTO_STACK }),
  x87Row("fst", "D9 /2", "w:Md r:ST", { run: storeRealTo(SINGLE, 0), clocks: 2 }),
  x87Row("fst", "DD /2", "w:Mq r:ST", { run: storeRealTo(DOUBLE, 0), clocks: 2 }),
  x87Row("fst", "DD D0+i", "w:Tt r:ST", { run: storeRegister(0), clocks: 1 }),
  x87Row("fstp", "D9 /3", "w:Md r:ST", { run: storeRealTo(SINGLE, 1), clocks: 2, ...POPS }),
  x87Row("fstp", "DD /3", "w:Mq r:ST", { run: storeRealTo(DOUBLE, 1), clocks: 2, ...POPS }),
  x87Row("fstp", "DB /7", "w:Mt r:ST", { run: storeExtended, clocks: 3, ...POPS }),
  x87Row("fstp", "DD D8+i", "w:Tt r:ST", { run: storeRegister(1), clocks: 1, ...POPS }),
  x87Row("fild", "DF /0", "r:Mw", { run: load((cpu, at) => readInteger(cpu, at, 2)), ...INTEGER_LOAD }),
  x87Row("fild", "DB /0", "r:Md", { run: load((cpu, at) => readInteger(cpu, at, 4)), ...INTEGER_LOAD }),
  x87Row("fild", "DF /5", "r:Mq", { run: load((cpu, at) => readInteger(cpu, at, 8)), ...INTEGER_LOAD }),
  x87Row("fist", "DF /2", "w:Mw r:ST", { run: storeIntegerTo(2, 0), clocks: 6 }),
  x87Row("fist", "DB /2", "w:Md r:ST", { run: storeIntegerTo(4, 0), clocks: 6 }),
  x87Row("fistp", "DF /3", "w:Mw r:ST", { run: storeIntegerTo(2, 1), clocks: 6, ...POPS }),
  x87Row("fistp", "DB /3", "w:Md r:ST", { run: storeIntegerTo(4, 1), clocks: 6, ...POPS }),
  x87Row("fistp", "DF /7", "w:Mq r:ST", { run: storeIntegerTo(8, 1), clocks: 6, ...POPS }),
  // 48 to 58 clocks, and 148 to 154: what of the operand decides is not published.
  x87Row("fbld", "DF /4", "r:Mt", {
    run: load((cpu, at) => loadDecimal(readMemory(cpu, locateData(cpu, at, EXTENDED_BYTES, false), EXTENDED_BYTES))),
    clocks: 53,
    ...ONTO_STACK,
  }),
  x87Row("fbstp", "DF /6", "w:Mt r:ST", {
    run: store(EXTENDED_BYTES, storeDecimal, INDEFINITE_DECIMAL, 1),
    clocks: 151,
    ...POPS,
  }),
  x87Row("fxch", "D9 C8+i", "rw:ST rw:Tt", { run: exchange, clocks: 1, pairing: Pairing.FV }),
  x87Row("fld1", "D9 E8", "", { run: loadExact(ONE), clocks: 2, ...ONTO_STACK }),
  x87Row("fldl2t", "D9 E9", "", { run: loadConstant(0xd49a784bcd1b8afe492bf6ffn, -94), ...CONSTANT }),
  x87Row("fldl2e", "D9 EA", "", { run: loadConstant(0xb8aa3b295c17f0bbbe87fed0n, -95), ...CONSTANT }),
  x87Row("fldpi", "D9 EB", "", { run: loadConstant(0xc90fdaa22168c234c4c6628bn, -94), ...CONSTANT }),
  x87Row("fldlg2", "D9 EC", "", { run: loadConstant(0x9a209a84fbcff7988f8959acn, -97), ...CONSTANT }),
  x87Row("fldln2", "D9 ED", "", { run: loadConstant(0xb17217f7d1cf79abc9e3b398n, -96), ...CONSTANT }),
  x87Row("fldz", "D9 EE", "", { run: loadExact(ZERO), clocks: 2, ...ONTO_STACK }),
];
