/**
 * Basic arithmetic on exact operands (Intel SDM vol. 1, 8.3.5; tables of special operands in vol. 2). Results and
 * exceptions are those of the manual; NaN operands win over everything (vol. 1, table 4-7).
 */
import {
  bitLength,
  type Extended,
  INDEFINITE,
  infinity,
  isNan,
  MAXIMUM_EXPONENT,
  type Operand,
  OperandKind,
  QUIET_BIT,
  zero,
} from "./format.ts";
import { type Conditions, Exception, exact, RoundingMode, roundExtended, roundToInteger } from "./rounding.ts";

/** Bits that a quotient or root is computed to before rounding, the last one standing for the rest. */
const WORKING_BITS = 68;

export function invalid(conditions: Conditions): Extended {
  conditions.raised |= Exception.Invalid;
  return INDEFINITE;
}

function quieted({ sign, significand }: Operand): Extended {
  return { sign, exponent: MAXIMUM_EXPONENT, significand: significand | QUIET_BIT };
}

/** The result when an operand is a NaN or not a number of this format; undefined when all are numbers. */
export function nanResult(conditions: Conditions, a: Operand, b: Operand = a): Extended | undefined {
  if (a.kind === OperandKind.Unsupported || b.kind === OperandKind.Unsupported) return invalid(conditions);
  const aNan = isNan(a);
  const bNan = isNan(b);
  if (!aNan && !bNan) return undefined;
  const aSignals = a.kind === OperandKind.SignallingNan;
  const bSignals = b.kind === OperandKind.SignallingNan;
  if (aSignals || bSignals) conditions.raised |= Exception.Invalid;
  if (!bNan) return quieted(a);
  if (!aNan) return quieted(b);
  // A signalling and a quiet one: the quiet one. Otherwise the larger significand; of equal ones the positive.
  if (aSignals !== bSignals) return quieted(aSignals ? b : a);
  if (a.significand !== b.significand) return quieted(a.significand > b.significand ? a : b);
  return quieted(a.sign === 0 ? a : b);
}

export function noteDenormals(conditions: Conditions, a: Operand, b: Operand = a): void {
  if (a.denormal || b.denormal) conditions.raised |= Exception.Denormal;
}

/** A finite operand, zero included, as a result of the given precision. */
export function rounded(conditions: Conditions, a: Operand, precision: number): Extended {
  if (a.significand === 0n) return zero(a.sign);
  return roundExtended(conditions, a.sign, a.significand, a.exponent, precision);
}

/** Smaller exponent differences are computed exactly; beyond it the smaller operand is below every rounding position. */
const FAR = 200;

/** a + b. */
export function add(conditions: Conditions, a: Operand, b: Operand): Extended {
  const nan = nanResult(conditions, a, b);
  if (nan !== undefined) return nan;
  if (a.kind === OperandKind.Infinity && b.kind === OperandKind.Infinity && a.sign !== b.sign)
    return invalid(conditions);
  noteDenormals(conditions, a, b);
  if (a.kind === OperandKind.Infinity) return infinity(a.sign);
  if (b.kind === OperandKind.Infinity) return infinity(b.sign);
  const zeroSign = conditions.rounding === RoundingMode.Down ? 1 : 0;
  if (a.significand === 0n && b.significand === 0n) return zero(a.sign === b.sign ? a.sign : zeroSign);
  if (a.significand === 0n) return rounded(conditions, b, conditions.precision);
  if (b.significand === 0n) return rounded(conditions, a, conditions.precision);
  const higher = a.exponent >= b.exponent ? a : b;
  const lower = higher === a ? b : a;
  const distance = Math.min(higher.exponent - lower.exponent, FAR);
  const exponent = higher.exponent - distance;
  const low = lower.exponent === exponent ? lower.significand : 1n;
  const sum = signed(higher.sign, higher.significand << BigInt(distance)) + signed(lower.sign, low);
  if (sum === 0n) return zero(zeroSign);
  const sign = sum < 0n ? 1 : 0;
  return roundExtended(conditions, sign, sum < 0n ? -sum : sum, exponent, conditions.precision);
}

function signed(sign: number, significand: bigint): bigint {
  return sign === 0 ? significand : -significand;
}

function negated(a: Operand): Operand {
  return isNan(a) ? a : { ...a, sign: a.sign ^ 1 };
}

/** a - b. */
export function subtract(conditions: Conditions, a: Operand, b: Operand): Extended {
  return add(conditions, a, negated(b));
}

/** a × b. */
export function multiply(conditions: Conditions, a: Operand, b: Operand): Extended {
  const nan = nanResult(conditions, a, b);
  if (nan !== undefined) return nan;
  const sign = a.sign ^ b.sign;
  if (a.kind === OperandKind.Infinity || b.kind === OperandKind.Infinity) {
    if (a.significand === 0n || b.significand === 0n) return invalid(conditions);
    noteDenormals(conditions, a, b);
    return infinity(sign);
  }
  noteDenormals(conditions, a, b);
  const product = a.significand * b.significand;
  if (product === 0n) return zero(sign);
  return roundExtended(conditions, sign, product, a.exponent + b.exponent, conditions.precision);
}

/** a ÷ b. */
export function divide(conditions: Conditions, a: Operand, b: Operand): Extended {
  const nan = nanResult(conditions, a, b);
  if (nan !== undefined) return nan;
  const sign = a.sign ^ b.sign;
  if (a.kind === OperandKind.Infinity) {
    if (b.kind === OperandKind.Infinity) return invalid(conditions);
    noteDenormals(conditions, b);
    return infinity(sign);
  }
  if (b.kind === OperandKind.Infinity) {
    noteDenormals(conditions, a);
    return zero(sign);
  }
  if (b.significand === 0n) {
    if (a.significand === 0n) return invalid(conditions);
    conditions.raised |= Exception.ZeroDivide;
    return infinity(sign);
  }
  noteDenormals(conditions, a, b);
  if (a.significand === 0n) return zero(sign);
  const shift = Math.max(0, WORKING_BITS + bitLength(b.significand) - bitLength(a.significand));
  const numerator = a.significand << BigInt(shift);
  const quotient = numerator / b.significand;
  const sticky = quotient * b.significand === numerator ? 0n : 1n;
  const exponent = a.exponent - b.exponent - shift - 1;
  return roundExtended(conditions, sign, (quotient << 1n) | sticky, exponent, conditions.precision);
}

/** The largest integer whose square is at most `value`. */
export function integerRoot(value: bigint): bigint {
  if (value === 0n) return 0n;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

export function squareRoot(conditions: Conditions, a: Operand): Extended {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return nan;
  if (a.significand === 0n) return zero(a.sign);
  if (a.sign !== 0) return invalid(conditions);
  if (a.kind === OperandKind.Infinity) return infinity(0);
  noteDenormals(conditions, a);
  const shift = 2 * WORKING_BITS - bitLength(a.significand);
  const even = shift + ((a.exponent - shift) & 1);
  const radicand = a.significand << BigInt(even);
  const root = integerRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return roundExtended(conditions, 0, (root << 1n) | sticky, (a.exponent - even) / 2 - 1, conditions.precision);
}

/** FRNDINT. */
export function roundToIntegral(conditions: Conditions, a: Operand): Extended {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return nan;
  if (a.kind === OperandKind.Infinity) return infinity(a.sign);
  if (a.significand === 0n) return zero(a.sign);
  noteDenormals(conditions, a);
  if (a.exponent >= 0) return exact(a.sign, a.significand, a.exponent);
  return exact(a.sign, roundToInteger(conditions, a.sign, a.significand, a.exponent), 0);
}

/** Larger scales overflow or underflow whatever the operand. */
const LARGEST_SCALE = 0x1_0000;

/** FSCALE: a × 2^trunc(b). */
export function scale(conditions: Conditions, a: Operand, b: Operand): Extended {
  const nan = nanResult(conditions, a, b);
  if (nan !== undefined) return nan;
  if (b.kind === OperandKind.Infinity) {
    if (b.sign === 0 ? a.significand === 0n : a.kind === OperandKind.Infinity) return invalid(conditions);
    noteDenormals(conditions, a);
    return b.sign === 0 ? infinity(a.sign) : zero(a.sign);
  }
  noteDenormals(conditions, a, b);
  if (a.kind === OperandKind.Infinity) return infinity(a.sign);
  if (a.significand === 0n) return zero(a.sign);
  const leading = bitLength(b.significand) + b.exponent;
  let power = LARGEST_SCALE;
  if (leading <= 0) power = 0;
  else if (leading <= 16)
    power = Number(b.exponent >= 0 ? b.significand << BigInt(b.exponent) : b.significand >> BigInt(-b.exponent));
  return roundExtended(conditions, a.sign, a.significand, a.exponent + (b.sign === 0 ? power : -power), 64);
}

/** FXTRACT: exponent and significand of a. */
export function extract(conditions: Conditions, a: Operand): { exponent: Extended; significand: Extended } {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return { exponent: nan, significand: nan };
  if (a.kind === OperandKind.Infinity) return { exponent: infinity(0), significand: infinity(a.sign) };
  if (a.significand === 0n) {
    conditions.raised |= Exception.ZeroDivide;
    return { exponent: infinity(1), significand: zero(a.sign) };
  }
  noteDenormals(conditions, a);
  const length = bitLength(a.significand);
  const leading = a.exponent + length - 1;
  const magnitude = BigInt(Math.abs(leading));
  return {
    exponent: exact(leading < 0 ? 1 : 0, magnitude, 0),
    significand: exact(a.sign, a.significand, 1 - length),
  };
}

export interface Remainder {
  readonly value: Extended;
  /** The quotient's low three bits; undefined when there is none: an operand is no number, or the reduction is not complete. */
  readonly quotient: number | undefined;
  /** C2 clear. */
  readonly complete: boolean;
}

/** Reductions by so many bits of the exponent's difference are done at once (SDM vol. 2, FPREM: D < 64). */
const COMPLETE_BELOW = 64;

/**
 * FPREM (`nearest` false) and FPREM1 (true): a - b × quotient. A partial reduction takes off 32 to 63 bits of the
 * exponents' difference; how many is left to the implementation.
 */
export function remainder(conditions: Conditions, a: Operand, b: Operand, nearest: boolean): Remainder {
  const nan = nanResult(conditions, a, b);
  if (nan !== undefined) return { value: nan, quotient: undefined, complete: true };
  if (a.kind === OperandKind.Infinity || b.significand === 0n)
    return { value: invalid(conditions), quotient: undefined, complete: true };
  noteDenormals(conditions, a, b);
  if (a.significand === 0n) return { value: zero(a.sign), quotient: 0, complete: true };
  if (b.kind === OperandKind.Infinity) return { value: rounded(conditions, a, 64), quotient: 0, complete: true };
  const difference = a.exponent + bitLength(a.significand) - b.exponent - bitLength(b.significand);
  if (difference < -1) return { value: rounded(conditions, a, 64), quotient: 0, complete: true };
  const complete = difference < COMPLETE_BELOW;
  // The divisor of a partial step: its exponent lies 32 to 63 below the dividend's.
  const raise = complete ? 0 : difference - (32 | (difference & 31));
  const exponent = Math.min(a.exponent, b.exponent + raise);
  const dividend = a.significand << BigInt(a.exponent - exponent);
  const divisor = b.significand << BigInt(b.exponent + raise - exponent);
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  let { sign } = a;
  if (complete && nearest && (2n * rest > divisor || (2n * rest === divisor && (quotient & 1n) !== 0n))) {
    quotient += 1n;
    rest = divisor - rest;
    sign ^= 1;
  }
  const value = rest === 0n ? zero(a.sign) : roundExtended(conditions, sign, rest, exponent, 64);
  return { value, quotient: complete ? Number(quotient & 7n) : undefined, complete };
}

/** -1, 0 or 1 as a is less than, equal to or greater than b; undefined when they cannot be compared. Numbers only. */
export function compareNumbers(a: Operand, b: Operand): number {
  const left = magnitudeKey(a);
  const right = magnitudeKey(b);
  if (left === right && a.kind === OperandKind.Finite) {
    const exponent = Math.min(a.exponent, b.exponent);
    const difference =
      signed(a.sign, a.significand << BigInt(a.exponent - exponent)) -
      signed(b.sign, b.significand << BigInt(b.exponent - exponent));
    return difference === 0n ? 0 : difference < 0n ? -1 : 1;
  }
  return Math.sign(left - right);
}

/** Orders numbers by sign and by the place of their leading bit. */
function magnitudeKey(a: Operand): number {
  if (a.kind === OperandKind.Zero) return 0;
  const magnitude = a.kind === OperandKind.Infinity ? 0x2_0000 : 0x1_0000 + a.exponent + bitLength(a.significand);
  return a.sign === 0 ? magnitude : -magnitude;
}
