/** Chooses states and operands for x87 cases: every class of number, results on rounding boundaries, all modes, all masks, stack faults. */
import { hashText, Random } from "../random.ts";
import type { MemoryFormat, X87Encoding } from "./catalogue.ts";
import { OPERAND, type X87Case, type X87State } from "./x87-case.ts";
import { FILLER } from "./x87-golden.ts";

const INTEGER_BIT = 1n << 63n;
const BIAS = 16383;

function random64(random: Random): bigint {
  return (BigInt(random.next()) << 32n) | BigInt(random.next());
}

/** A 64-bit pattern of the kind that makes ties, carries and single sticky bits. */
function pattern(random: Random): bigint {
  switch (random.below(6)) {
    case 0:
      return random64(random);
    case 1:
      return (1n << BigInt(random.below(64))) - 1n;
    case 2:
      return 1n << BigInt(random.below(64));
    case 3:
      return ((1n << BigInt(random.below(64))) | (1n << BigInt(random.below(64)))) ^ BigInt(random.below(4));
    case 4:
      // A tie, or next to one, at 24, 53 or 64 bits.
      return (
        ((random64(random) >> 40n) << 40n) + (1n << BigInt(random.pick([39, 10]))) + BigInt(random.between(0, 2) - 1)
      );
    default:
      return BigInt(random.below(1000)) << BigInt(random.below(54));
  }
}

function encode(sign: number, exponent: number, significand: bigint): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, significand), true);
  view.setUint16(8, (sign << 15) | exponent, true);
  return bytes;
}

/** What no instruction makes and every one must know: zeros, infinities, NaNs of both kinds, unsupported patterns, denormals. */
function special(random: Random, sign: number): Uint8Array {
  const some = pattern(random) & (INTEGER_BIT - 1n);
  const quiet = 1n << 62n;
  switch (random.below(12)) {
    case 0:
    case 1:
      return encode(sign, 0, 0n);
    case 2:
    case 3:
      return encode(sign, 0x7fff, INTEGER_BIT);
    case 4:
      return encode(sign, 0x7fff, INTEGER_BIT | quiet | some);
    case 5:
      return encode(sign, 0x7fff, INTEGER_BIT | (some & ~quiet) | 1n);
    case 6:
      return encode(sign, 0x7fff, some);
    case 7:
      return encode(sign, random.between(1, 0x7ffe), some);
    case 8:
    case 9:
      return encode(sign, 0, some | 1n);
    case 10:
      return encode(sign, 0, INTEGER_BIT | some);
    default:
      return encode(1, 0x7fff, INTEGER_BIT | quiet);
  }
}

/** A register value. `near`: the exponent that most results should be near to. */
function registerValue(random: Random, near: number): Uint8Array {
  const sign = random.below(2);
  const kind = random.below(20);
  if (kind < 4) return special(random, sign);
  const significand = INTEGER_BIT | pattern(random);
  if (kind < 6) return encode(sign, random.between(1, 0x7ffe), significand);
  if (kind < 8) return encode(sign, random.pick([1, 2, 3, 0x7ffc, 0x7ffd, 0x7ffe]), significand);
  if (kind < 11) return encode(sign, BIAS + random.between(-3, 3), INTEGER_BIT | (pattern(random) << 40n));
  if (kind < 13) {
    // A small integer.
    const value = BigInt(random.between(1, 70000));
    const length = value.toString(2).length;
    return encode(sign, BIAS + length - 1, value << BigInt(64 - length));
  }
  const exponent = Math.min(0x7ffe, Math.max(1, near + random.between(-66, 66)));
  return encode(sign, exponent, significand);
}

/** Exponents at which stores to the smaller formats, and integers, round, overflow and underflow. */
function centre(random: Random, encoding: X87Encoding): number {
  const { memory } = encoding;
  if (memory === "s" && random.chance(0.5)) return BIAS + random.pick([127, -126, -149, 0]);
  if (memory === "d" && random.chance(0.5)) return BIAS + random.pick([1023, -1022, -1074, 0]);
  if ("wlqb".includes(memory) && random.chance(0.7)) return BIAS + random.pick([0, 15, 31, 58, 62]);
  if (encoding.approximate) return BIAS + random.pick([0, 0, 0, -30, 20, 62, -64]);
  if (/fscale|frndint/.test(encoding.mnemonic)) return BIAS + random.pick([0, 8, 14, 40]);
  return random.pick([BIAS, BIAS, BIAS + 30, 40, 0x7fc0, 8000, 24000]);
}

function realBits(random: Random, fractionBits: number, exponentBits: number): bigint {
  const sign = BigInt(random.below(2)) << BigInt(fractionBits + exponentBits);
  const highest = (1 << exponentBits) - 1;
  const bias = highest >> 1;
  const fraction = BigInt.asUintN(fractionBits, random.chance(0.4) ? random64(random) : pattern(random));
  const exponent = random.pick([
    0,
    0,
    1,
    bias,
    bias + random.between(-8, 8),
    bias + random.between(-8, 8),
    random.below(highest + 1),
    random.below(highest + 1),
    highest - 1,
    highest,
  ]);
  return sign | (BigInt(exponent) << BigInt(fractionBits)) | (random.chance(0.15) ? 0n : fraction);
}

function little(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function integerBits(random: Random, bits: number): bigint {
  if (random.chance(0.4)) return BigInt.asUintN(bits, pattern(random));
  if (random.chance(0.4)) return BigInt.asUintN(bits, BigInt(random.between(-40, 40)));
  return BigInt.asUintN(bits, random64(random) >> BigInt(random.below(64)));
}

function decimalBits(random: Random): bigint {
  let value = 0n;
  const digits = random.between(0, 18);
  for (let i = 0; i < digits; i++) value = (value << 4n) | BigInt(random.chance(0.3) ? 9 : random.below(10));
  return value | (BigInt(random.below(2)) << 79n);
}

const SIZES: Readonly<Record<MemoryFormat, number>> = {
  s: 4,
  d: 8,
  t: 10,
  w: 2,
  l: 4,
  q: 8,
  b: 10,
  cw: 2,
  env: 28,
  state: 108,
  "-": 0,
};

const NEAREST_EXTENDED = 0x037f;

/** Mostly all exceptions masked; all roundings and precisions; sometimes some unmasked. */
function controlWord(random: Random): number {
  const mode = (random.below(4) << 10) | (random.pick([0, 2, 3, 3]) << 8);
  const masks = random.chance(0.7) ? 0x3f : random.chance(0.5) ? 0 : random.below(64);
  return random.chance(0.2) ? NEAREST_EXTENDED : mode | masks | 0x40;
}

/** Status before: condition codes, sticky flags that are masked (or, rarely, a pending exception), TOP. */
function statusWord(random: Random, control: number, top: number): number {
  const codes = random.below(16);
  const flags = random.chance(0.3) ? random.below(64) : 0;
  const shown = random.chance(0.06) ? flags | 1 : flags & control & 0x3f;
  return (
    (top << 11) | ((codes & 7) << 8) | ((codes & 8) << 11) | shown | (shown !== 0 && random.chance(0.3) ? 0x40 : 0)
  );
}

function tagWord(random: Random, top: number, encoding: X87Encoding, i: number): number {
  let tags = 0;
  const loads = /^(fld|fild|fbld|fptan|fsincos|fxtract)/.test(encoding.mnemonic);
  for (let number = 0; number < 8; number++) {
    const st = (number - top) & 7;
    let empty = random.chance(0.3);
    if (st === 0 || st === 1 || st === i) empty = random.chance(0.04);
    if (st === 7 && loads) empty = random.chance(0.93);
    if (empty) tags |= 3 << (2 * number);
  }
  return tags;
}

function environmentOperand(random: Random, bytes: number, state: X87State): Uint8Array {
  const operand = Uint8Array.from({ length: bytes }, () => random.below(256));
  const wide = bytes === 28 || bytes === 108;
  const view = new DataView(operand.buffer);
  [state.control, state.status, state.tags].forEach((word, i) => {
    view.setUint16(wide ? 4 * i : 2 * i, word, true);
  });
  if (bytes >= 94) {
    const from = wide ? 28 : 14;
    state.registers.forEach((register, i) => {
      operand.set(register, from + 10 * i);
    });
  }
  return operand;
}

/** Highest biased exponents for which the manual defines a result (SDM vol. 2, F2XM1: from -1 to 1; FYL2XP1: √½ - 1 to √2 - 1). */
const DEFINED_BELOW: Readonly<Record<string, number>> = { f2xm1: BIAS, fyl2xp1: BIAS - 2 };

/** Brings a number into the range of the instruction, infinities too; ±1 is an F2XM1 of its own. */
function intoRange(value: Uint8Array, mnemonic: string): void {
  const limit = DEFINED_BELOW[mnemonic];
  if (limit === undefined) return;
  const view = new DataView(value.buffer);
  const high = view.getUint16(8, true);
  const exponent = high & 0x7fff;
  const significand = view.getBigUint64(0, true);
  const isOne = exponent === BIAS && significand === INTEGER_BIT;
  const isNan = exponent === 0x7fff && significand !== INTEGER_BIT;
  if (exponent < limit || isNan || (isOne && mnemonic === "f2xm1")) return;
  view.setUint16(8, (high & 0x8000) | (limit - 1 - (exponent & 63)), true);
}

function stateOf(random: Random, encoding: X87Encoding, i: number): X87State {
  const top = random.below(8);
  const control = controlWord(random);
  const near = centre(random, encoding);
  const registers = Array.from({ length: 8 }, (_, st) =>
    st < 2 || st === i ? registerValue(random, near) : Uint8Array.from(FILLER[st] as Uint8Array),
  );
  // Close neighbours: cancellation, equal operands.
  if (random.chance(0.12)) registers[i > 0 ? i : 1] = Uint8Array.from(registers[0] as Uint8Array);
  if (random.chance(0.08)) {
    const near0 = Uint8Array.from(registers[0] as Uint8Array);
    near0[random.below(3)] = random.below(256);
    registers[i > 0 ? i : 1] = near0;
  }
  intoRange(registers[0] as Uint8Array, encoding.mnemonic);
  return {
    control,
    status: statusWord(random, control, top),
    tags: tagWord(random, top, encoding, i),
    registers,
  };
}

function operandOf(random: Random, encoding: X87Encoding, narrow: boolean): Uint8Array {
  const { memory } = encoding;
  switch (memory) {
    case "-":
      return new Uint8Array();
    case "s":
      return little(realBits(random, 23, 8), 4);
    case "d":
      return little(realBits(random, 52, 11), 8);
    case "t":
      return registerValue(random, BIAS);
    case "b":
      return little(decimalBits(random), 10);
    case "cw":
      return little(BigInt(controlWord(random)), 2);
    case "env":
      return environmentOperand(random, narrow ? 14 : 28, stateOf(random, encoding, 1));
    case "state":
      return environmentOperand(random, narrow ? 94 : 108, stateOf(random, encoding, 1));
    default:
      return little(integerBits(random, 8 * SIZES[memory]), SIZES[memory]);
  }
}

/** `count` cases of an encoding; the same seed gives the same cases. */
export function generateX87Cases(encoding: X87Encoding, count: number, seed = 0): X87Case[] {
  const random = new Random(hashText(`x87 ${encoding.key} ${seed}`));
  return Array.from({ length: count }, () => {
    const i = encoding.stackRegister ? random.pick([0, 1, 1, 2, 3, 4, 5, 6, 7]) : -1;
    const narrow = (encoding.memory === "env" || encoding.memory === "state") && random.chance(0.4);
    const operand = operandOf(random, encoding, narrow);
    const operandOffset = random.chance(0.6) ? 0 : random.below(16);
    const before = stateOf(random, encoding, i);
    const at = OPERAND + operandOffset;
    const address = [at & 0xff, (at >>> 8) & 0xff, (at >>> 16) & 0xff, at >>> 24];
    const second =
      encoding.digit >= 0
        ? [0x05 | (encoding.digit << 3), ...address]
        : [encoding.second + (encoding.stackRegister ? i : 0)];
    const code = Uint8Array.from([...(narrow ? [0x66] : []), encoding.opcode, ...second]);
    return { code, before, operandOffset, operand };
  });
}
