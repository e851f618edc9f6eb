/** The transcendental operations on operands: special cases (tables of Intel SDM vol. 2), the numbers by elementary.ts. */
import { invalid, nanResult, noteDenormals, rounded } from "./arithmetic.ts";
import {
  arctangentQuotient,
  cosine,
  FRACTION,
  logarithm,
  logarithmQuotient,
  PI,
  powerQuotient,
  reduceAngle,
  type Scaled,
  sineQuotient,
  toFixed,
} from "./elementary.ts";
import { bitLength, type Extended, infinity, ONE, type Operand, OperandKind, zero } from "./format.ts";
import { type Conditions, Exception, roundExtended } from "./rounding.ts";

const PRECISION = 64;
/** Bits appended below a result that is known to some 120 bits more than it needs: they say that it is not exact. */
const BELOW = 2;

/** Rounds a result that is never exact. */
function inexact(conditions: Conditions, sign: number, significand: bigint, exponent: number): Extended {
  return roundExtended(conditions, sign, (significand << BigInt(BELOW)) | 1n, exponent - BELOW, PRECISION);
}

/** |a| at least one. */
function isLarge(a: Operand): boolean {
  return bitLength(a.significand) + a.exponent > 0;
}

/** F2XM1: 2^a - 1, for a from -1 to 1. Beyond, the manual leaves the result undefined: it is a here. */
export function powerMinusOne(conditions: Conditions, a: Operand): Extended {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return nan;
  if (a.kind === OperandKind.Infinity) return a.sign === 0 ? infinity(0) : { ...ONE, sign: 1 };
  if (a.significand === 0n) return zero(a.sign);
  noteDenormals(conditions, a);
  if (isLarge(a)) {
    const one = a.significand << BigInt(Math.max(0, a.exponent)) === 1n << BigInt(Math.max(0, -a.exponent));
    if (!one || a.sign === 0) return rounded(conditions, a, PRECISION);
    return { ...ONE, sign: 1, exponent: ONE.exponent - 1 };
  }
  const fixed = toFixed(a);
  const quotient = powerQuotient(a.sign === 0 ? fixed : -fixed);
  return inexact(conditions, a.sign, a.significand * quotient, a.exponent - FRACTION);
}

/** FYL2X: y × log2(x). */
export function timesLogarithm(conditions: Conditions, x: Operand, y: Operand): Extended {
  const nan = nanResult(conditions, x, y);
  if (nan !== undefined) return nan;
  if (x.sign !== 0 && x.significand !== 0n) return invalid(conditions);
  const yInfinite = y.kind === OperandKind.Infinity;
  if (x.significand === 0n) {
    if (y.significand === 0n) return invalid(conditions);
    if (!yInfinite) conditions.raised |= Exception.ZeroDivide;
    return infinity(y.sign ^ 1);
  }
  if (x.kind === OperandKind.Infinity) {
    if (y.significand === 0n) return invalid(conditions);
    noteDenormals(conditions, y);
    return infinity(y.sign);
  }
  const length = bitLength(x.significand);
  const power = x.exponent + length - 1;
  const { value, exact } = logarithm(x.significand << BigInt(64 - length));
  const log = (BigInt(power) << BigInt(FRACTION)) + value;
  if (yInfinite) {
    if (log === 0n) return invalid(conditions);
    noteDenormals(conditions, x);
    return infinity(log < 0n ? y.sign ^ 1 : y.sign);
  }
  noteDenormals(conditions, x, y);
  const sign = log < 0n ? y.sign ^ 1 : y.sign;
  const product = y.significand * (log < 0n ? -log : log);
  if (product === 0n) return zero(sign);
  const exponent = y.exponent - FRACTION;
  return exact
    ? roundExtended(conditions, sign, product, exponent, PRECISION)
    : inexact(conditions, sign, product, exponent);
}

/** FYL2XP1: y × log2(x + 1), for x from √½ - 1 to √2 - 1. Beyond, the manual leaves the result undefined: y × x here. */
export function timesLogarithmPlusOne(conditions: Conditions, x: Operand, y: Operand): Extended {
  const nan = nanResult(conditions, x, y);
  if (nan !== undefined) return nan;
  const sign = x.sign ^ y.sign;
  if (x.kind === OperandKind.Infinity) {
    if (x.sign !== 0 || y.significand === 0n) return invalid(conditions);
    noteDenormals(conditions, y);
    return infinity(y.sign);
  }
  if (y.kind === OperandKind.Infinity) {
    if (x.significand === 0n) return invalid(conditions);
    noteDenormals(conditions, x);
    return infinity(sign);
  }
  noteDenormals(conditions, x, y);
  if (x.significand === 0n || y.significand === 0n) return zero(sign);
  const product = x.significand * y.significand;
  const exponent = x.exponent + y.exponent;
  // One half covers the range for which there is a definition.
  if (bitLength(x.significand) + x.exponent > -1) return roundExtended(conditions, sign, product, exponent, PRECISION);
  const fixed = toFixed(x);
  const quotient = logarithmQuotient(x.sign === 0 ? fixed : -fixed);
  return inexact(conditions, sign, product * quotient, exponent - FRACTION);
}

/** A multiple of π/4, never exact. */
function partOfPi(conditions: Conditions, sign: number, quarters: number): Extended {
  return inexact(conditions, sign, PI * BigInt(quarters), -FRACTION - 2);
}

/** FPATAN: the angle of the point (x, y), from -π to π. */
export function arctangent(conditions: Conditions, x: Operand, y: Operand): Extended {
  const nan = nanResult(conditions, x, y);
  if (nan !== undefined) return nan;
  const { sign } = y;
  const behind = x.sign !== 0;
  const yInfinite = y.kind === OperandKind.Infinity;
  if (x.kind === OperandKind.Infinity) {
    noteDenormals(conditions, y);
    if (yInfinite) return partOfPi(conditions, sign, behind ? 3 : 1);
    return behind ? partOfPi(conditions, sign, 4) : zero(sign);
  }
  noteDenormals(conditions, x, y);
  if (y.significand === 0n) return behind ? partOfPi(conditions, sign, 4) : zero(sign);
  if (yInfinite || x.significand === 0n) return partOfPi(conditions, sign, 2);
  return quotientAngle(conditions, x, y);
}

/** Quotients this far from one leave nothing of the smaller operand in the angle but that it is there. */
const FAR = 190;

function quotientAngle(conditions: Conditions, x: Operand, y: Operand): Extended {
  const { sign } = y;
  const behind = x.sign !== 0;
  const distance = bitLength(y.significand) + y.exponent - bitLength(x.significand) - x.exponent;
  const steep = distance > 0 || (distance === 0 && isGreater(y, x));
  const small = steep ? x : y;
  const large = steep ? y : x;
  // The smaller by the larger one, with FRACTION bits beside its exponent.
  const shift = FRACTION + bitLength(large.significand);
  const ratio = (small.significand << BigInt(shift)) / large.significand;
  const ratioExponent = small.exponent - large.exponent - shift;
  const fixed = toFixed({ significand: ratio, exponent: ratioExponent });
  const quotient = arctangentQuotient(fixed);
  if (!steep && !behind) return inexact(conditions, sign, ratio * quotient, ratioExponent - FRACTION);
  const angle = Math.abs(distance) > FAR ? 1n : (fixed * quotient) >> BigInt(FRACTION);
  const right = PI >> 1n;
  let value = PI - angle;
  if (steep) value = behind ? right + angle : right - angle;
  return inexact(conditions, sign, value, -FRACTION);
}

function isGreater(a: Operand, b: Operand): boolean {
  const exponent = Math.min(a.exponent, b.exponent);
  return a.significand << BigInt(a.exponent - exponent) > b.significand << BigInt(b.exponent - exponent);
}

// ---- trigonometry ----

/** From this power of two on an angle is too large: C2, and nothing is done. */
const LARGEST_ANGLE_BITS = 63;

export function isAngleTooLarge(a: Operand): boolean {
  return a.kind === OperandKind.Finite && bitLength(a.significand) + a.exponent > LARGEST_ANGLE_BITS;
}

/** Sine and cosine of an angle as numbers: a sign, and a magnitude that is never exact. */
interface Circle {
  readonly sine: Scaled & { readonly sign: number };
  readonly cosine: Scaled & { readonly sign: number };
}

function circle(a: Operand): Circle {
  const { rest, negative, quadrant } = reduceAngle(a);
  const fixed = toFixed(rest);
  const along = { significand: cosine(fixed), exponent: -FRACTION };
  const across = { significand: rest.significand * sineQuotient(fixed), exponent: rest.exponent - FRACTION };
  const odd = (quadrant & 1) !== 0;
  const turned = quadrant >= 2 ? 1 : 0;
  const back = negative ? 1 : 0;
  return {
    sine: odd ? { ...along, sign: a.sign ^ turned } : { ...across, sign: a.sign ^ turned ^ back },
    cosine: odd ? { ...across, sign: 1 ^ turned ^ back } : { ...along, sign: turned },
  };
}

/** A special operand's result for all three functions, or undefined for a number that is not zero. */
function specialAngle(conditions: Conditions, a: Operand, atZero: Extended): Extended | undefined {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return nan;
  if (a.kind === OperandKind.Infinity) return invalid(conditions);
  if (a.significand === 0n) return atZero;
  noteDenormals(conditions, a);
  return undefined;
}

function roundScaled(conditions: Conditions, value: Scaled & { readonly sign: number }): Extended {
  return inexact(conditions, value.sign, value.significand, value.exponent);
}

export function sine(conditions: Conditions, a: Operand): Extended {
  return specialAngle(conditions, a, zero(a.sign)) ?? roundScaled(conditions, circle(a).sine);
}

export function cosineOf(conditions: Conditions, a: Operand): Extended {
  return specialAngle(conditions, a, ONE) ?? roundScaled(conditions, circle(a).cosine);
}

export function tangent(conditions: Conditions, a: Operand): Extended {
  const special = specialAngle(conditions, a, zero(a.sign));
  if (special !== undefined) return special;
  const { sine: y, cosine: x } = circle(a);
  const shift = FRACTION + bitLength(x.significand);
  const quotient = (y.significand << BigInt(shift)) / x.significand;
  return inexact(conditions, y.sign ^ x.sign, quotient, y.exponent - x.exponent - shift);
}
