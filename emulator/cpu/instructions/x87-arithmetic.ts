/** Basic arithmetic and comparison (Intel SDM vol. 1, 8.3.5 and 8.3.6). Clocks: p5-timing 7.8. */
import type { Cpu } from "../cpu.ts";
import { Word } from "../state.ts";
import {
  add,
  compareNumbers,
  divide,
  extract,
  multiply,
  nanResult,
  noteDenormals,
  remainder,
  roundToIntegral,
  scale,
  squareRoot,
  subtract,
} from "../x87/arithmetic.ts";
import {
  DOUBLE,
  type Extended,
  INDEFINITE,
  isNan,
  type Operand,
  OperandKind,
  SINGLE,
  unpack,
  ZERO,
} from "../x87/format.ts";
import { type Conditions, Exception } from "../x87/rounding.ts";
import {
  begin,
  deliver,
  isEmpty,
  moveTop,
  operand,
  pop,
  register,
  StatusBit,
  setConditionCodes,
  setRegister,
  settle,
  underflow,
} from "../x87/unit.ts";
import { type Handler, Pairing } from "./form.ts";
import { addClocks } from "./operands.ts";
import type { Row } from "./row.ts";
import { readInteger, readReal } from "./x87-data-transfer.ts";
import { stackField, x87Row } from "./x87-row.ts";

type Binary = (conditions: Conditions, a: Operand, b: Operand) => Extended;
type Unary = (conditions: Conditions, a: Operand) => Extended;
type Read = (cpu: Cpu, instruction: number) => Operand;

function reversed(operation: Binary): Binary {
  return (conditions, a, b) => operation(conditions, b, a);
}

/** What a division takes longer with more precision: 19, 33 and 39 clocks. A pipeline model finds that out by itself. */
const CLOCKS_BY_PRECISION = [0, 20, 14, 20];

function chargePrecision(cpu: Cpu): void {
  if (cpu.timing === undefined) addClocks(cpu, CLOCKS_BY_PRECISION[(cpu.words[Word.X87Control] >> 8) & 3] as number);
}

/** ST := ST op memory. */
function withMemory(operation: Binary, read: Read): Handler {
  return (cpu, instruction) => {
    const value = read(cpu, instruction);
    const conditions = begin(cpu);
    const result = isEmpty(cpu, 0) ? underflow(conditions) : operation(conditions, operand(cpu, 0), value);
    deliver(cpu, 0, result);
  };
}

/** ST := ST op ST(i), or with `toStack` ST(i) := ST(i) op ST and `pops` pops. */
function withRegister(operation: Binary, toStack: boolean, pops: number): Handler {
  return (cpu, instruction) => {
    const i = stackField(cpu, instruction);
    const conditions = begin(cpu);
    let result: Extended;
    if (isEmpty(cpu, 0) || isEmpty(cpu, i)) result = underflow(conditions);
    else if (toStack) result = operation(conditions, operand(cpu, i), operand(cpu, 0));
    else result = operation(conditions, operand(cpu, 0), operand(cpu, i));
    deliver(cpu, toStack ? i : 0, result, pops);
  };
}

function slower(handler: Handler): Handler {
  return (cpu, instruction) => {
    handler(cpu, instruction);
    chargePrecision(cpu);
  };
}

interface Operation {
  readonly name: string;
  /** ModR/M reg field with a memory operand or the result in ST, and with the result in ST(i). */
  readonly digit: number;
  readonly toStackDigit: number;
  readonly operation: Binary;
  readonly divides: boolean;
}

/** FSUB and FSUBR, FDIV and FDIVR change places when the result goes to ST(i). */
const OPERATIONS: readonly Operation[] = [
  { name: "add", digit: 0, toStackDigit: 0, operation: add, divides: false },
  { name: "mul", digit: 1, toStackDigit: 1, operation: multiply, divides: false },
  { name: "sub", digit: 4, toStackDigit: 5, operation: subtract, divides: false },
  { name: "subr", digit: 5, toStackDigit: 4, operation: reversed(subtract), divides: false },
  { name: "div", digit: 6, toStackDigit: 7, operation: divide, divides: true },
  { name: "divr", digit: 7, toStackDigit: 6, operation: reversed(divide), divides: true },
];

function operationRows({ name, digit, toStackDigit, operation, divides }: Operation): Row[] {
  const adapt = divides ? slower : (handler: Handler): Handler => handler;
  const float = divides
    ? { clocks: 19, overlap: [18, 2] as const, byPrecision: true, pairing: Pairing.FX }
    : { clocks: 3, overlap: [2, 2] as const, pairing: Pairing.FX };
  const integer = divides
    ? { clocks: 22, overlap: [21, 2] as const, byPrecision: true }
    : { clocks: 6, overlap: [2, 2] as const };
  const single = adapt(withMemory(operation, (cpu, at) => readReal(cpu, at, SINGLE)));
  const double = adapt(withMemory(operation, (cpu, at) => readReal(cpu, at, DOUBLE)));
  const word = adapt(withMemory(operation, (cpu, at) => readInteger(cpu, at, 2)));
  const dword = adapt(withMemory(operation, (cpu, at) => readInteger(cpu, at, 4)));
  const low = (field: number): string => (0xc0 + 8 * field).toString(16).toUpperCase();
  return [
    x87Row(`f${name}`, `D8 /${digit}`, "rw:ST r:Md", { run: single, ...float }),
    x87Row(`f${name}`, `DC /${digit}`, "rw:ST r:Mq", { run: double, ...float }),
    x87Row(`f${name}`, `D8 ${low(digit)}+i`, "rw:ST r:Tt", {
      run: adapt(withRegister(operation, false, 0)),
      ...float,
    }),
    x87Row(`f${name}`, `DC ${low(toStackDigit)}+i`, "rw:Tt r:ST", {
      run: adapt(withRegister(operation, true, 0)),
      ...float,
    }),
    x87Row(`f${name}p`, `DE ${low(toStackDigit)}+i`, "rw:Tt r:ST", {
      run: adapt(withRegister(operation, true, 1)),
      ...float,
      stack: -1,
    }),
    x87Row(`fi${name}`, `DE /${digit}`, "rw:ST r:Mw", { run: word, ...integer }),
    x87Row(`fi${name}`, `DA /${digit}`, "rw:ST r:Md", { run: dword, ...integer }),
  ];
}

// ---- comparison ----

const UNORDERED = StatusBit.C0 | StatusBit.C2 | StatusBit.C3;

/** Condition codes of a compared with b. `quiet`: quiet NaNs are not invalid (FUCOM). */
function compare(conditions: Conditions, a: Operand, b: Operand, quiet: boolean): number {
  if (nanResult(conditions, a, b) !== undefined) {
    if (!quiet || !(isNan(a) || isNan(b))) conditions.raised |= Exception.Invalid;
    return UNORDERED;
  }
  noteDenormals(conditions, a, b);
  const order = compareNumbers(a, b);
  if (order === 0) return StatusBit.C3;
  return order < 0 ? StatusBit.C0 : 0;
}

/** Enters the outcome of a comparison, then pops, unless an unmasked exception forbids it. */
function conclude(cpu: Cpu, codes: number, pops: number): void {
  if (!settle(cpu)) return;
  setConditionCodes(cpu, codes);
  pop(cpu, pops);
}

function compareMemory(read: Read, pops: number): Handler {
  return (cpu, instruction) => {
    const value = read(cpu, instruction);
    const conditions = begin(cpu);
    let codes: number = UNORDERED;
    if (isEmpty(cpu, 0)) underflow(conditions);
    else codes = compare(conditions, operand(cpu, 0), value, false);
    conclude(cpu, codes, pops);
  };
}

function compareRegister(quiet: boolean, pops: number): Handler {
  return (cpu, instruction) => {
    const i = stackField(cpu, instruction);
    const conditions = begin(cpu);
    let codes: number = UNORDERED;
    if (isEmpty(cpu, 0) || isEmpty(cpu, i)) underflow(conditions);
    else codes = compare(conditions, operand(cpu, 0), operand(cpu, i), quiet);
    conclude(cpu, codes, pops);
  };
}

function test(cpu: Cpu): void {
  const conditions = begin(cpu);
  let codes: number = UNORDERED;
  if (isEmpty(cpu, 0)) underflow(conditions);
  else codes = compare(conditions, operand(cpu, 0), unpack(ZERO), false);
  conclude(cpu, codes, 0);
}

const CLASS_CODES: Readonly<Record<OperandKind, number>> = {
  [OperandKind.Unsupported]: 0,
  [OperandKind.QuietNan]: StatusBit.C0,
  [OperandKind.SignallingNan]: StatusBit.C0,
  [OperandKind.Finite]: StatusBit.C2,
  [OperandKind.Infinity]: StatusBit.C2 | StatusBit.C0,
  [OperandKind.Zero]: StatusBit.C3,
};

/** FXAM: class of ST in C3 C2 C0, its sign in C1, of an empty register too. */
function examine(cpu: Cpu): void {
  const value = register(cpu, 0);
  const { kind, denormal } = unpack(value);
  let codes = denormal ? StatusBit.C3 | StatusBit.C2 : (CLASS_CODES[kind] as number);
  if (isEmpty(cpu, 0)) codes = StatusBit.C3 | StatusBit.C0;
  setConditionCodes(cpu, codes | (value.sign === 0 ? 0 : StatusBit.C1), UNORDERED | StatusBit.C1);
}

// ---- one operand ----

/** ST := operation of ST. */
export function unary(operation: Unary): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    deliver(cpu, 0, isEmpty(cpu, 0) ? underflow(conditions) : operation(conditions, operand(cpu, 0)));
  };
}

/** FCHS and FABS: the sign bit of whatever ST holds. */
function changeSign(sign: (before: number) => number): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    const value = register(cpu, 0);
    deliver(cpu, 0, isEmpty(cpu, 0) ? underflow(conditions) : { ...value, sign: sign(value.sign) });
  };
}

// ---- remainder, scale, extract ----

/** Clocks beyond the least, by the exponents' difference: what a bit of quotient takes (p5-timing 7.8 gives the ends). */
const MOST_REDUCTION_CLOCKS = { fprem: 48, fprem1: 50 };

function partialRemainder(nearest: boolean): Handler {
  const most = nearest ? MOST_REDUCTION_CLOCKS.fprem1 : MOST_REDUCTION_CLOCKS.fprem;
  return (cpu) => {
    const conditions = begin(cpu);
    setConditionCodes(cpu, 0, StatusBit.C2);
    if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
      deliver(cpu, 0, underflow(conditions));
      return;
    }
    const difference = register(cpu, 0).exponent - register(cpu, 1).exponent;
    const { value, quotient, complete } = remainder(conditions, operand(cpu, 0), operand(cpu, 1), nearest);
    addClocks(cpu, Math.max(0, Math.min(difference, most)));
    if (!settle(cpu)) return;
    setRegister(cpu, 0, value);
    if (!complete) setConditionCodes(cpu, StatusBit.C2, UNORDERED | StatusBit.C1);
    else if (quotient !== undefined) setConditionCodes(cpu, quotientCodes(quotient), UNORDERED | StatusBit.C1);
  };
}

/** C0 C3 C1: the quotient's bits 2, 1, 0. */
function quotientCodes(quotient: number): number {
  return (
    ((quotient & 4) !== 0 ? StatusBit.C0 : 0) |
    ((quotient & 2) !== 0 ? StatusBit.C3 : 0) |
    ((quotient & 1) !== 0 ? StatusBit.C1 : 0)
  );
}

function scaleByPower(cpu: Cpu): void {
  const conditions = begin(cpu);
  const empty = isEmpty(cpu, 0) || isEmpty(cpu, 1);
  deliver(cpu, 0, empty ? underflow(conditions) : scale(conditions, operand(cpu, 0), operand(cpu, 1)));
}

/** FXTRACT: the exponent in ST(1), the significand in ST after it. */
function extractParts(cpu: Cpu): void {
  const conditions = begin(cpu);
  let parts = { exponent: INDEFINITE, significand: INDEFINITE };
  const overflow = !isEmpty(cpu, 0) && !isEmpty(cpu, 7);
  if (isEmpty(cpu, 0) || overflow) underflow(conditions);
  else parts = extract(conditions, operand(cpu, 0));
  const stored = settle(cpu);
  if (stored) {
    setRegister(cpu, 0, parts.exponent);
    moveTop(cpu, -1);
    setRegister(cpu, 0, parts.significand);
  }
  if (overflow) setConditionCodes(cpu, StatusBit.C1, StatusBit.C1);
}

const FX = Pairing.FX;
const COMPARISON = { clocks: 1, pairing: FX };
const INTEGER_COMPARISON = { clocks: 4 };

export const X87_ARITHMETIC_ROWS: readonly Row[] = [
  ...OPERATIONS.flatMap(operationRows),
  x87Row("fcom", "D8 /2", "r:ST r:Md", { run: compareMemory((c, at) => readReal(c, at, SINGLE), 0), ...COMPARISON }),
  x87Row("fcomp", "D8 /3", "r:ST r:Md", {
    run: compareMemory((c, at) => readReal(c, at, SINGLE), 1),
    ...COMPARISON,
    stack: -1,
  }),
  x87Row("fcom", "DC /2", "r:ST r:Mq", { run: compareMemory((c, at) => readReal(c, at, DOUBLE), 0), ...COMPARISON }),
  x87Row("fcomp", "DC /3", "r:ST r:Mq", {
    run: compareMemory((c, at) => readReal(c, at, DOUBLE), 1),
    ...COMPARISON,
    stack: -1,
  }),
  x87Row("fcom", "D8 D0+i", "r:ST r:Tt", { run: compareRegister(false, 0), ...COMPARISON }),
  x87Row("fcomp", "D8 D8+i", "r:ST r:Tt", { run: compareRegister(false, 1), ...COMPARISON, stack: -1 }),
  x87Row("fcompp", "DE D9", "r:ST r:ST1", { run: compareRegister(false, 2), ...COMPARISON, stack: -2 }),
  x87Row("fucom", "DD E0+i", "r:ST r:Tt", { run: compareRegister(true, 0), ...COMPARISON }),
  x87Row("fucomp", "DD E8+i", "r:ST r:Tt", { run: compareRegister(true, 1), ...COMPARISON, stack: -1 }),
  x87Row("fucompp", "DA E9", "r:ST r:ST1", { run: compareRegister(true, 2), ...COMPARISON, stack: -2 }),
  x87Row("ficom", "DE /2", "r:ST r:Mw", {
    run: compareMemory((c, at) => readInteger(c, at, 2), 0),
    ...INTEGER_COMPARISON,
  }),
  x87Row("ficomp", "DE /3", "r:ST r:Mw", {
    run: compareMemory((c, at) => readInteger(c, at, 2), 1),
    ...INTEGER_COMPARISON,
    stack: -1,
  }),
  x87Row("ficom", "DA /2", "r:ST r:Md", {
    run: compareMemory((c, at) => readInteger(c, at, 4), 0),
    ...INTEGER_COMPARISON,
  }),
  x87Row("ficomp", "DA /3", "r:ST r:Md", {
    run: compareMemory((c, at) => readInteger(c, at, 4), 1),
    ...INTEGER_COMPARISON,
    stack: -1,
  }),
  x87Row("ftst", "D9 E4", "r:ST", { run: test, clocks: 1 }),
  // 17 to 21 clocks; Intel gives 21.
  x87Row("fxam", "D9 E5", "r:ST", { run: examine, clocks: 21, overlap: [4, 0] }),
  x87Row("fchs", "D9 E0", "rw:ST", { run: changeSign((before) => before ^ 1), clocks: 1, pairing: FX }),
  x87Row("fabs", "D9 E1", "rw:ST", { run: changeSign(() => 0), clocks: 1, pairing: FX }),
  x87Row("fsqrt", "D9 FA", "rw:ST", { run: unary(squareRoot), clocks: 70, overlap: [69, 2] }),
  x87Row("frndint", "D9 FC", "rw:ST", { run: unary(roundToIntegral), clocks: 15 }),
  x87Row("fprem", "D9 F8", "rw:ST r:ST1", { run: partialRemainder(false), clocks: 16, overlap: [2, 2] }),
  x87Row("fprem1", "D9 F5", "rw:ST r:ST1", { run: partialRemainder(true), clocks: 20, overlap: [2, 2] }),
  x87Row("fscale", "D9 FD", "rw:ST r:ST1", { run: scaleByPower, clocks: 26, overlap: [5, 0] }),
  x87Row("fxtract", "D9 F4", "rw:ST", { run: extractParts, clocks: 13, stack: 1 }),
];
