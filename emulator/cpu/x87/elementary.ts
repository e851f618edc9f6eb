/**
 * Elementary functions in fixed-point integers of some 200 bits: no result is off by more than 2^-120 of itself before it is
 * rounded, so that rounding is right but for one case in 2^50. (A Pentium's own are within one unit in the last place:
 * Intel SDM vol. 1, 8.3.10.)
 *
 * Fixed point: an integer v stands for v × 2^-FRACTION.
 */
import { integerRoot } from "./arithmetic.ts";
import { bitLength } from "./format.ts";

/** Fraction bits. */
export const FRACTION = 200;
const BITS = BigInt(FRACTION);
const UNIT = 1n << BITS;

/** A number that is `significand` × 2^`exponent`. */
export interface Scaled {
  readonly significand: bigint;
  readonly exponent: number;
}

/** value × 2^FRACTION, rounded down; the value must not be much above one. */
export function toFixed({ significand, exponent }: Scaled): bigint {
  const shift = exponent + FRACTION;
  return shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift);
}

function multiply(a: bigint, b: bigint): bigint {
  return (a * b) >> BITS;
}

/** Sum of `first` × square^k / divisor(k), signs alternating or not, until the terms vanish. */
function series(square: bigint, divide: (power: bigint, k: number) => bigint, alternating: boolean): bigint {
  let power = UNIT;
  let sum = UNIT;
  for (let k = 1; power !== 0n; k++) {
    power = multiply(power, square);
    const term = divide(power, k);
    sum += alternating && (k & 1) !== 0 ? -term : term;
  }
  return sum;
}

/** artanh(z) / z = 1 + z²/3 + z⁴/5 …, or arctan(z) / z with alternating signs; `square` is z². */
function inverseTangentQuotient(square: bigint, alternating: boolean): bigint {
  return series(square, (power, k) => power / BigInt(2 * k + 1), alternating);
}

/** ln 2 = 2 artanh(1/3), and π = 16 arctan(1/5) - 4 arctan(1/239). */
const LN2 = multiply((UNIT * 2n) / 3n, inverseTangentQuotient(UNIT / 9n, false));
export const PI =
  16n * multiply(UNIT / 5n, inverseTangentQuotient(UNIT / 25n, true)) -
  4n * multiply(UNIT / 239n, inverseTangentQuotient(UNIT / 57121n, true));
const LOG2E = (UNIT * UNIT) / LN2;

/** (2^x - 1) / x, as fixed point; `x` is fixed point of magnitude one at most. */
export function powerQuotient(x: bigint): bigint {
  const y = multiply(x, LN2);
  let term = UNIT;
  let sum = UNIT;
  for (let k = 2n; term !== 0n && term !== -1n; k++) {
    term = multiply(term, y) / k;
    sum += term;
  }
  return multiply(sum, LN2);
}

/** log2 of 2^63 ≤ significand < 2^64 taken as a number from one to two, and whether it is exact. */
export function logarithm(significand: bigint): { readonly value: bigint; readonly exact: boolean } {
  if (significand === 1n << 63n) return { value: 0n, exact: true };
  // Above the root of two: half of it, and one more.
  const large = significand > 0xb504_f333_f9de_6484n;
  const m = significand << (BITS - (large ? 64n : 63n));
  const z = ((m - UNIT) << BITS) / (m + UNIT);
  const natural = 2n * multiply(z, inverseTangentQuotient(multiply(z, z), false));
  return { value: multiply(natural, LOG2E) + (large ? UNIT : 0n), exact: false };
}

/** log2(1 + x) / x; `x` is fixed point, from -0.3 to 0.5. */
export function logarithmQuotient(x: bigint): bigint {
  const z = (x << BITS) / (2n * UNIT + x);
  const half = (UNIT << BITS) / (2n * UNIT + x);
  return 2n * multiply(multiply(half, inverseTangentQuotient(multiply(z, z), false)), LOG2E);
}

/** arctan(t) / t; `t` is fixed point, from zero to one. */
export function arctangentQuotient(t: bigint): bigint {
  // arctan t = 2 arctan(t / (1 + sqrt(1 + t²))), three times, brings t below 0.1.
  let small = t;
  let doublings = 0n;
  for (; small > UNIT >> 3n && doublings < 3n; doublings++)
    small = (small << BITS) / (UNIT + integerRoot(UNIT * UNIT + small * small));
  const quotient = belowOne(small, inverseTangentQuotient(multiply(small, small), true));
  if (doublings === 0n) return quotient;
  return ((multiply(small, quotient) << doublings) << BITS) / t;
}

/** sin(r) / r, and cos(r); `r` is fixed point of magnitude one at most. */
export function sineQuotient(r: bigint): bigint {
  return belowOne(r, factorialSeries(multiply(r, r), 2n));
}

export function cosine(r: bigint): bigint {
  return belowOne(r, factorialSeries(multiply(r, r), 1n));
}

/** 1 - s/(first (first+1)) + s²/(first … (first+3)) … */
function factorialSeries(square: bigint, first: bigint): bigint {
  let term = UNIT;
  let sum = UNIT;
  for (let k = first; term !== 0n; k += 2n) {
    term = -(multiply(term, square) / (k * (k + 1n)));
    sum += term;
    if (term === -1n) break;
  }
  return sum;
}

/** What is less than one by too little to be seen is less than one all the same, unless its argument was zero. */
function belowOne(argument: bigint, quotient: bigint): bigint {
  return quotient >= UNIT && argument !== 0n ? UNIT - 1n : quotient;
}

/** π as the Pentium has it when it takes multiples off an argument: 66 bits (SDM vol. 1, 8.3.8), times 2^66. */
const PI_66 = 0xc90f_daa2_2168_c234_cn;
const PI_66_EXPONENT = -66;

/** An angle less the nearest multiple of π/2: what is left, its sign, and the multiple modulo four. */
export interface Reduced {
  readonly rest: Scaled;
  readonly negative: boolean;
  readonly quadrant: number;
}

/** Takes multiples of the Pentium's π/2 off a positive angle. What is left is exact. */
export function reduceAngle({ significand, exponent }: Scaled): Reduced {
  // In units of 2^-67 or smaller, where π/2 is PI_66.
  const unit = Math.min(exponent, PI_66_EXPONENT - 1);
  // An angle that small is none to reduce.
  if (bitLength(significand) + exponent < -1) return { rest: { significand, exponent }, negative: false, quadrant: 0 };
  const angle = significand << BigInt(exponent - unit);
  const right = PI_66 << BigInt(PI_66_EXPONENT - 1 - unit);
  const quotient = (2n * angle + right) / (2n * right);
  const rest = angle - quotient * right;
  const negative = rest < 0n;
  return {
    rest: { significand: negative ? -rest : rest, exponent: unit },
    negative,
    quadrant: Number(quotient & 3n),
  };
}
