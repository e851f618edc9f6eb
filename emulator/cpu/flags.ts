/**
 * Lazy arithmetic flags: two words from which each of CF PF AF ZF SF OF can be read with at most three operations, and
 * which any operation writes without saying what it was.
 *
 *   result     the operation's result, sign-extended to 32 bits
 *   auxiliary  bit 31     CF
 *              bit 30     CF xor OF (for an addition: the carry into the sign bit)
 *              bits 8-15  parity delta: exclusive-ored into the result's low byte before PF is taken
 *              bit 3      AF
 *              bit 0      sign delta: exclusive-ored into the result's sign
 *
 * An addition's vector of carries out of each bit, aligned at bit 31 and masked, is such an auxiliary word already.
 * The two deltas make every combination of flags representable, for example ZF and SF together after POPF.
 */
import { Flag, Word } from "./state.ts";

/** Bits that survive from a 32-bit carry vector: carries out of bits 31, 30 and 3. */
export const enum Auxiliary {
  Carry = 0x80000000 | 0,
  CarryOverflow = 0xc0000000 | 0,
  Kept = 0xc0000008 | 0,
  NotCarries = 0x3fffffff,
  Adjust = 0x8,
}

/** The result word of the canonical encoding when ZF is clear: low byte 0, positive, not zero. */
const CANONICAL_NOT_ZERO = 0x100;

/** CF PF AF ZF SF OF at their places in EFLAGS, from the two words. */
export function arithmeticFlags(result: number, auxiliary: number): number {
  const carry = auxiliary >>> 31;
  const overflow = carry ^ ((auxiliary >>> 30) & 1);
  const sign = (result >>> 31) ^ (auxiliary & 1);
  let parity = (result ^ (auxiliary >>> 8)) & 0xff;
  parity ^= parity >>> 4;
  const even = (0x9669 >>> (parity & 15)) & 1;
  return (
    carry |
    (even << 2) |
    (((auxiliary >>> 3) & 1) << 4) |
    ((result === 0 ? 1 : 0) << 6) |
    (sign << 7) |
    (overflow << 11)
  );
}

/** The canonical auxiliary word for these EFLAGS bits; the canonical result word is `canonicalResult`. */
export function canonicalAuxiliary(eflags: number): number {
  const carry = eflags & 1;
  const overflow = (eflags >>> 11) & 1;
  return (
    (carry << 31) |
    ((carry ^ overflow) << 30) |
    ((eflags & Flag.Pf) === 0 ? 0x100 : 0) |
    (((eflags >>> 4) & 1) << 3) |
    ((eflags >>> 7) & 1)
  );
}

export function canonicalResult(eflags: number): number {
  return (eflags & Flag.Zf) === 0 ? CANONICAL_NOT_ZERO : 0;
}

/** EFLAGS in full. */
export function readEflags(words: Int32Array): number {
  return (
    (words[Word.SystemFlags] & ~Flag.Arithmetic) |
    Flag.Reserved1 |
    arithmeticFlags(words[Word.FlagResult], words[Word.FlagAuxiliary])
  );
}

/** Writes EFLAGS in full; the caller has applied the privilege rules. */
export function writeEflags(words: Int32Array, eflags: number): void {
  words[Word.SystemFlags] = (eflags & ~Flag.Arithmetic) | Flag.Reserved1;
  writeArithmeticFlags(words, eflags);
}

/** Writes CF PF AF ZF SF OF from their places in EFLAGS. */
export function writeArithmeticFlags(words: Int32Array, eflags: number): void {
  words[Word.FlagResult] = canonicalResult(eflags);
  words[Word.FlagAuxiliary] = canonicalAuxiliary(eflags);
}

/**
 * Brings the lazy words into their canonical encoding. The flags do not change; two machines with equal flags then have
 * equal words. Snapshots and state comparisons do this first.
 */
export function materialiseFlags(words: Int32Array): void {
  writeArithmeticFlags(words, arithmeticFlags(words[Word.FlagResult], words[Word.FlagAuxiliary]));
}

/**
 * Evaluates a condition code (Intel SDM vol. 2, appendix B.1.4.7): the low four bits of Jcc and SETcc. Returns 0 or 1.
 */
export function evaluateCondition(words: Int32Array, condition: number): number {
  const flags = arithmeticFlags(words[Word.FlagResult], words[Word.FlagAuxiliary]);
  let value: number;
  switch (condition >>> 1) {
    case 0:
      value = flags >>> 11;
      break;
    case 1:
      value = flags;
      break;
    case 2:
      value = flags >>> 6;
      break;
    case 3:
      value = flags | (flags >>> 6);
      break;
    case 4:
      value = flags >>> 7;
      break;
    case 5:
      value = flags >>> 2;
      break;
    case 6:
      value = (flags >>> 7) ^ (flags >>> 11);
      break;
    default:
      value = ((flags >>> 7) ^ (flags >>> 11)) | (flags >>> 6);
      break;
  }
  return (value & 1) ^ (condition & 1);
}
