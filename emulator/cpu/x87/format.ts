/**
 * Extended reals: the 80-bit format of the x87 registers (Intel SDM vol. 1, 4.2.2 and 8.2), and what an operand of any
 * format is to an operation: an exact integer times a power of two.
 */

/** Sign 0 or 1, biased exponent of 15 bits, significand of 64 bits with its integer bit. */
export interface Extended {
  readonly sign: number;
  readonly exponent: number;
  readonly significand: bigint;
}

export const enum OperandKind {
  Zero = 0,
  Finite = 1,
  Infinity = 2,
  QuietNan = 3,
  SignallingNan = 4,
  /** Pseudo-NaN, pseudo-infinity, unnormal: every operation finds them invalid (SDM vol. 1, table 8-3). */
  Unsupported = 5,
}

/** A number is `significand` × 2^`exponent`. A NaN keeps its 64-bit significand. */
export interface Operand {
  readonly kind: OperandKind;
  readonly sign: number;
  readonly significand: bigint;
  readonly exponent: number;
  /** It was a denormal (or pseudo-denormal) in its own format. */
  readonly denormal: boolean;
}

export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
export const MAXIMUM_EXPONENT = 0x7fff;
export const BIAS = 16383;
/** Power of two of the lowest bit of a significand with biased exponent 0 or 1. */
const LOWEST_EXPONENT = 1 - BIAS - 63;

export const ZERO: Extended = { sign: 0, exponent: 0, significand: 0n };
export const ONE: Extended = { sign: 0, exponent: BIAS, significand: INTEGER_BIT };
/** Real indefinite, the answer to invalid operations. */
export const INDEFINITE: Extended = {
  sign: 1,
  exponent: MAXIMUM_EXPONENT,
  significand: INTEGER_BIT | QUIET_BIT,
};

export function zero(sign: number): Extended {
  return { sign, exponent: 0, significand: 0n };
}

export function infinity(sign: number): Extended {
  return { sign, exponent: MAXIMUM_EXPONENT, significand: INTEGER_BIT };
}

/** Bits up to and including the highest set one; 0 for 0. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const digits = value.toString(16);
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0] as string, 16)) + 28;
}

export function unpack(value: Extended): Operand {
  const { sign, exponent, significand } = value;
  const kind = kindOf(value);
  const denormal = exponent === 0 && significand !== 0n;
  return { kind, sign, significand, exponent: LOWEST_EXPONENT + Math.max(exponent, 1) - 1, denormal };
}

function kindOf({ exponent, significand }: Extended): OperandKind {
  if (exponent === 0) return significand === 0n ? OperandKind.Zero : OperandKind.Finite;
  if ((significand & INTEGER_BIT) === 0n) return OperandKind.Unsupported;
  if (exponent !== MAXIMUM_EXPONENT) return OperandKind.Finite;
  if (significand === INTEGER_BIT) return OperandKind.Infinity;
  return (significand & QUIET_BIT) !== 0n ? OperandKind.QuietNan : OperandKind.SignallingNan;
}

export function isNan({ kind }: Operand): boolean {
  return kind === OperandKind.QuietNan || kind === OperandKind.SignallingNan;
}

/** The two IEEE formats in memory: bits of the fraction and of the exponent. */
export interface MemoryReal {
  readonly fractionBits: number;
  readonly exponentBits: number;
}

export const SINGLE: MemoryReal = { fractionBits: 23, exponentBits: 8 };
export const DOUBLE: MemoryReal = { fractionBits: 52, exponentBits: 11 };

/** A single or double real from its bits. */
export function unpackReal(bits: bigint, { fractionBits, exponentBits }: MemoryReal): Operand {
  const highest = (1 << exponentBits) - 1;
  const exponent = Number(bits >> BigInt(fractionBits)) & highest;
  const fraction = BigInt.asUintN(fractionBits, bits);
  const sign = Number((bits >> BigInt(fractionBits + exponentBits)) & 1n);
  const bias = highest >> 1;
  if (exponent === highest) {
    const significand = INTEGER_BIT | (fraction << BigInt(63 - fractionBits));
    return unpack({ sign, exponent: MAXIMUM_EXPONENT, significand });
  }
  if (exponent === 0) {
    const kind = fraction === 0n ? OperandKind.Zero : OperandKind.Finite;
    return { kind, sign, significand: fraction, exponent: 1 - bias - fractionBits, denormal: fraction !== 0n };
  }
  const significand = fraction | (1n << BigInt(fractionBits));
  return { kind: OperandKind.Finite, sign, significand, exponent: exponent - bias - fractionBits, denormal: false };
}

/** An integer as an operand. */
export function unpackInteger(value: bigint): Operand {
  const kind = value === 0n ? OperandKind.Zero : OperandKind.Finite;
  return { kind, sign: value < 0n ? 1 : 0, significand: value < 0n ? -value : value, exponent: 0, denormal: false };
}
