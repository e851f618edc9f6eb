/**
 * Rounding of exact results, and the exceptions that it raises: overflow, underflow, precision (Intel SDM vol. 1, 4.8.4,
 * 4.9.1 and 8.5). Everything an operation computes ends here.
 */
import { BIAS, bitLength, type Extended, INTEGER_BIT, infinity, type MemoryReal } from "./format.ts";

/** Exception flags: bits of the status word, and of the masks in the control word. */
export const enum Exception {
  Invalid = 0x01,
  Denormal = 0x02,
  ZeroDivide = 0x04,
  Overflow = 0x08,
  Underflow = 0x10,
  Precision = 0x20,
  /** Stack fault: with Invalid, status word only. */
  Stack = 0x40,
  All = 0x3f,
  /** Found before anything is computed: unmasked, they leave operands and stack as they were. */
  BeforeResult = Invalid | Denormal | ZeroDivide,
}

/** Control word, rounding control. */
export const enum RoundingMode {
  Nearest = 0,
  Down = 1,
  Up = 2,
  Truncate = 3,
}

/** Under which control word an operation works, and what it raises. */
export interface Conditions {
  /** Bits of a significand: 24, 53 or 64, by precision control. */
  precision: number;
  rounding: RoundingMode;
  /** Exception bits that are masked. */
  masks: number;
  raised: number;
  /** Exceptions that, unmasked, leave operands and stack as they were. */
  beforeResult: number;
  /** The last rounding made the magnitude larger (C1). */
  roundedUp: boolean;
}

/** What is added to or taken from the exponent of a result whose overflow or underflow is unmasked (SDM vol. 1, 8.5.4). */
const EXPONENT_ADJUSTMENT = 24576;

/** Range and precision of a result. Exponents are those of the leading bit. */
interface Format {
  readonly precision: number;
  readonly lowest: number;
  readonly highest: number;
}

export function isUnmasked({ masks }: Conditions, exception: Exception): boolean {
  return (masks & exception) === 0;
}

/** `significand` without its lowest `count` bits (a negative count appends zeros), rounded. Raises nothing; sets `lost`. */
function dropBits(conditions: Conditions, sign: number, significand: bigint, count: number): bigint {
  conditions.roundedUp = false;
  lost = false;
  if (count <= 0) return significand << BigInt(-count);
  const kept = significand >> BigInt(count);
  const rest = significand - (kept << BigInt(count));
  if (rest === 0n) return kept;
  lost = true;
  let up: boolean;
  if (conditions.rounding === RoundingMode.Nearest) {
    const half = 1n << BigInt(count - 1);
    up = rest > half || (rest === half && (kept & 1n) !== 0n);
  } else up = conditions.rounding === (sign === 0 ? RoundingMode.Up : RoundingMode.Down);
  conditions.roundedUp = up;
  return up ? kept + 1n : kept;
}

/** Whether the last `dropBits` was inexact. */
let lost = false;

/**
 * An exact value, or one whose lowest bit stands for all that follows and lies below every rounding position.
 * @param significand not 0
 * @returns the rounded significand of at most `format.precision` bits and, in `roundedExponent`, the power of two of its lowest bit; or
 *   undefined on overflow that is masked
 */
function roundInto(
  conditions: Conditions,
  sign: number,
  significand: bigint,
  exponent: number,
  format: Format,
): bigint | undefined {
  const drop = bitLength(significand) - format.precision;
  let rounded = dropBits(conditions, sign, significand, drop);
  roundedExponent = exponent + drop;
  const leading = bitLength(rounded) - 1 + roundedExponent;
  if (leading > format.highest) {
    conditions.raised |= Exception.Overflow;
    if (!isUnmasked(conditions, Exception.Overflow)) {
      conditions.raised |= Exception.Precision;
      return undefined;
    }
  } else if (leading < format.lowest) {
    // Tiny: as if the exponent had no bounds, and after rounding.
    if (isUnmasked(conditions, Exception.Underflow)) conditions.raised |= Exception.Underflow;
    else {
      roundedExponent = format.lowest - format.precision + 1;
      rounded = dropBits(conditions, sign, significand, roundedExponent - exponent);
      if (lost) conditions.raised |= Exception.Underflow;
    }
  }
  if (lost) conditions.raised |= Exception.Precision;
  return rounded;
}

let roundedExponent = 0;

/** Whether a masked overflow gives infinity, not the largest number. */
function overflowsToInfinity(conditions: Conditions, sign: number): boolean {
  const { rounding } = conditions;
  return rounding === RoundingMode.Nearest || rounding === (sign === 0 ? RoundingMode.Up : RoundingMode.Down);
}

/**
 * Rounds `significand` × 2^`exponent` to a register (`precision`: bits of the significand; the exponent's range is always that of
 * the extended format). The significand is not 0.
 */
export function roundExtended(
  conditions: Conditions,
  sign: number,
  significand: bigint,
  exponent: number,
  precision: number,
): Extended {
  const format = { precision, lowest: 1 - BIAS, highest: BIAS };
  const rounded = roundInto(conditions, sign, significand, exponent, format);
  if (rounded === undefined) {
    conditions.roundedUp = overflowsToInfinity(conditions, sign);
    if (conditions.roundedUp) return infinity(sign);
    const largest = ((1n << BigInt(precision)) - 1n) << BigInt(64 - precision);
    return { sign, exponent: 2 * BIAS, significand: largest };
  }
  return place(conditions, sign, rounded, roundedExponent);
}

/** A rounded significand in its place in a register, the exponent wrapped if an unmasked exception asks for it. */
function place(conditions: Conditions, sign: number, significand: bigint, exponent: number): Extended {
  if (significand === 0n) return { sign, exponent: 0, significand };
  let leading = bitLength(significand) - 1 + exponent;
  if (leading > BIAS) leading -= EXPONENT_ADJUSTMENT;
  else if (leading < 1 - BIAS && isUnmasked(conditions, Exception.Underflow)) leading += EXPONENT_ADJUSTMENT;
  // Results of FSCALE may be beyond what the adjustment reaches (SDM vol. 2, FSCALE).
  if (leading > BIAS) {
    conditions.raised |= Exception.Precision;
    conditions.roundedUp = true;
    return infinity(sign);
  }
  if (leading < 1 - BIAS && isUnmasked(conditions, Exception.Underflow)) {
    conditions.raised |= Exception.Precision;
    return { sign, exponent: 0, significand: 0n };
  }
  const normal = significand << BigInt(64 - bitLength(significand));
  if (leading >= 1 - BIAS) return { sign, exponent: leading + BIAS, significand: normal };
  return { sign, exponent: 0, significand: normal >> BigInt(1 - BIAS - leading) };
}

/**
 * Rounds to a single or double real. The significand is not 0.
 * @returns its bits, or undefined when an unmasked overflow or underflow forbids to store
 */
export function roundReal(
  conditions: Conditions,
  sign: number,
  significand: bigint,
  exponent: number,
  real: MemoryReal,
): bigint | undefined {
  const { fractionBits, exponentBits } = real;
  const bias = (1 << (exponentBits - 1)) - 1;
  const format = { precision: fractionBits + 1, lowest: 1 - bias, highest: bias };
  const rounded = roundInto(conditions, sign, significand, exponent, format);
  const signBits = BigInt(sign) << BigInt(fractionBits + exponentBits);
  const highest = BigInt(2 * bias + 1) << BigInt(fractionBits);
  if (rounded === undefined) {
    conditions.roundedUp = overflowsToInfinity(conditions, sign);
    return signBits | (conditions.roundedUp ? highest : highest - 1n);
  }
  if ((conditions.raised & ~conditions.masks & (Exception.Overflow | Exception.Underflow)) !== 0) {
    // Nothing is stored: nothing was rounded.
    conditions.raised &= ~Exception.Precision;
    conditions.roundedUp = false;
    return undefined;
  }
  if (rounded === 0n) return signBits;
  const length = bitLength(rounded);
  const leading = length - 1 + roundedExponent;
  const fraction = rounded << BigInt(fractionBits + 1 - length);
  if (leading < format.lowest) return signBits | (fraction >> BigInt(format.lowest - leading));
  return signBits | ((BigInt(leading + bias - 1) << BigInt(fractionBits)) + fraction);
}

/** Rounds to an integer by the rounding mode; raises precision if that changes the value. */
export function roundToInteger(conditions: Conditions, sign: number, significand: bigint, exponent: number): bigint {
  const rounded = dropBits(conditions, sign, significand, -exponent);
  if (lost) conditions.raised |= Exception.Precision;
  return rounded;
}

/** A value with the integer bit where it belongs, for results that need no rounding. */
export function exact(sign: number, significand: bigint, exponent: number): Extended {
  if (significand === 0n) return { sign, exponent: 0, significand };
  const length = bitLength(significand);
  const leading = length - 1 + exponent;
  const normal = length <= 64 ? significand << BigInt(64 - length) : significand >> BigInt(length - 64);
  if (leading >= 1 - BIAS) return { sign, exponent: leading + BIAS, significand: normal & (2n * INTEGER_BIT - 1n) };
  return { sign, exponent: 0, significand: normal >> BigInt(1 - BIAS - leading) };
}
