/** From registers to what memory holds: single and double reals, integers, packed decimals (Intel SDM vol. 1, 8.2 and 4.9.1.1). */
import { nanResult } from "./arithmetic.ts";
import {
  type Extended,
  INTEGER_BIT,
  isNan,
  type MemoryReal,
  type Operand,
  OperandKind,
  QUIET_BIT,
  unpackInteger,
} from "./format.ts";
import { type Conditions, Exception, exact, isUnmasked, roundReal, roundToInteger } from "./rounding.ts";

/** An operand that needs no rounding as a register value: loads, which are exact. Signalling NaNs are invalid and become quiet. */
export function loaded(conditions: Conditions, a: Operand): Extended {
  const nan = nanResult(conditions, a);
  if (nan !== undefined) return nan;
  if (a.kind === OperandKind.Infinity) return { sign: a.sign, exponent: 0x7fff, significand: INTEGER_BIT };
  if (a.denormal) conditions.raised |= Exception.Denormal;
  return exact(a.sign, a.significand, a.exponent);
}

/** The bits of a single or double real, or undefined when an unmasked exception forbids to store. */
export function storeReal(conditions: Conditions, a: Operand, real: MemoryReal): bigint | undefined {
  const signBits = BigInt(a.sign) << BigInt(real.fractionBits + real.exponentBits);
  const highest = ((1n << BigInt(real.exponentBits)) - 1n) << BigInt(real.fractionBits);
  if (a.kind === OperandKind.Unsupported || isNan(a)) {
    const nan = nanResult(conditions, a) as Extended;
    if ((conditions.raised & ~conditions.masks & Exception.Invalid) !== 0) return undefined;
    const fraction = (nan.significand | QUIET_BIT) - INTEGER_BIT;
    return (
      (BigInt(nan.sign) << BigInt(real.fractionBits + real.exponentBits)) |
      highest |
      (fraction >> BigInt(63 - real.fractionBits))
    );
  }
  if (a.kind === OperandKind.Infinity) return signBits | highest;
  if (a.significand === 0n) return signBits;
  return roundReal(conditions, a.sign, a.significand, a.exponent, real);
}

/** What an empty register stores as a real: real indefinite. */
export function indefiniteReal(real: MemoryReal): bigint {
  const bits = BigInt(real.fractionBits);
  return ((1n << BigInt(real.exponentBits + 1)) - 1n) * (1n << bits) + (1n << (bits - 1n));
}

/** Integer indefinite of so many bytes. */
export function indefiniteInteger(bytes: number): bigint {
  return 1n << BigInt(8 * bytes - 1);
}

/** Values whose magnitude has more bits than this are out of every integer's range. */
const INTEGER_RANGE_BITS = 70;

/** The rounded integer, or undefined when it is out of range, no number, or may not be stored. */
function rounded(conditions: Conditions, a: Operand, lowest: bigint, highest: bigint): bigint | undefined {
  if (a.kind !== OperandKind.Zero && a.kind !== OperandKind.Finite) return outOfRange(conditions);
  if (a.exponent > INTEGER_RANGE_BITS) return outOfRange(conditions);
  const magnitude = roundToInteger(conditions, a.sign, a.significand, a.exponent);
  const value = a.sign === 0 ? magnitude : -magnitude;
  return value < lowest || value > highest ? outOfRange(conditions) : value;
}

function outOfRange(conditions: Conditions): undefined {
  conditions.raised = Exception.Invalid;
  conditions.roundedUp = false;
  return undefined;
}

/** The two's complement integer of 2, 4 or 8 bytes; undefined when an unmasked exception forbids to store. */
export function storeInteger(conditions: Conditions, a: Operand, bytes: number): bigint | undefined {
  const limit = indefiniteInteger(bytes);
  const value = rounded(conditions, a, -limit, limit - 1n);
  if (value !== undefined) return value;
  return isUnmasked(conditions, Exception.Invalid) ? undefined : limit;
}

const LARGEST_DECIMAL = 10n ** 18n - 1n;
export const INDEFINITE_DECIMAL = 0xffff_c000_0000_0000_0000n;
const DECIMAL_SIGN = 1n << 79n;

/** Packed decimal: 18 digits, sign in the highest bit. */
export function storeDecimal(conditions: Conditions, a: Operand): bigint | undefined {
  const value = rounded(conditions, a, -LARGEST_DECIMAL, LARGEST_DECIMAL);
  if (value === undefined) return isUnmasked(conditions, Exception.Invalid) ? undefined : INDEFINITE_DECIMAL;
  const digits = (value < 0n ? -value : value).toString();
  return BigInt(`0x${digits}`) | (a.sign === 0 ? 0n : DECIMAL_SIGN);
}

/** The value of a packed decimal; digits above nine count as what they are. */
export function loadDecimal(bits: bigint): Operand {
  let value = 0n;
  for (let digit = 17; digit >= 0; digit--) value = value * 10n + ((bits >> BigInt(4 * digit)) & 0xfn);
  return { ...unpackInteger(value), sign: Number(bits >> 79n) };
}
