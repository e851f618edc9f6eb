/**
 * Makes the instruction vectors of one encoding: operands of every kind in every addressing mode, edge values, and
 * each fault that user code can provoke with it. The same encoding, size and seed give the same vectors.
 */
import {
  ALIGNMENT_FLAG,
  ALL_ARITHMETIC_FLAGS,
  bytesOf,
  CaseBuilder,
  DEFAULT_EIP,
  Register,
  SEGMENT_PREFIX,
  Segment,
  TRAP_FLAG,
} from "./case-builder.ts";
import type { Encoding } from "./catalogue.ts";
import { chooseMemoryOffset, chooseMemoryOperand, type MemoryOperand } from "./memory-operand.ts";
import { hashText, Random } from "./random.ts";
import { generateSpecial, isSpecial } from "./special-cases.ts";
import { chooseStack } from "./special-operands.ts";
import { CODE, FLAT_CODE, LocalSelector, PAGE_BYTES } from "./stage.ts";
import type { TestCase } from "./test-driver.ts";

export interface Vector {
  readonly test: TestCase;
  /** EFLAGS bits and registers (bit n = register n) whose value after the instruction the manual leaves undefined. */
  readonly undefinedFlags: number;
  readonly undefinedRegisters: number;
  readonly undefinedBits: number;
}

const OVERFLOW = 0x800;
const AUXILIARY = 0x10;
const CARRY = 0x1;
const LOCK = 0xf0;

/** Bits of an operand by the manual's letter. */
export function operandBits(operand: string, size: number): number {
  switch (operand[1]) {
    case "b":
      return 8;
    case "w":
      return 16;
    case "d":
      return 32;
    default:
      return size;
  }
}

function immediateBytes(operand: string, size: number): number {
  if (operand === "Ib" || operand === "Is") return 1;
  return operand === "Iw" ? 2 : size / 8;
}

/** Bytes that the memory form of an operand reads or writes. */
function memoryBytes(operand: string, size: number): number {
  switch (operand) {
    case "Mp":
      return size / 8 + 2;
    case "Ma":
      return size / 4;
    case "Mq":
      return 8;
    case "Ms":
      return 6;
    default:
      return operandBits(operand, size) / 8;
  }
}

/** Undefined flags of a shift or rotate (SDM vol. 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR"). */
function undefinedByShift(mnemonic: string, bits: number, count: number): number {
  const masked = count & 31;
  if (masked === 0) return 0;
  const overflow = masked === 1 ? 0 : OVERFLOW;
  if (/^(rol|ror|rcl|rcr)$/.test(mnemonic)) return overflow;
  return overflow | AUXILIARY | (mnemonic !== "sar" && masked >= bits ? CARRY : 0);
}

function chooseShiftCount(random: Random): number {
  return random.pick([
    0,
    1,
    1,
    1,
    2,
    3,
    7,
    8,
    9,
    15,
    16,
    17,
    18,
    24,
    31,
    32,
    33,
    64,
    129,
    random.below(32),
    random.below(256),
  ]);
}

/** Encodes the E operand as a register or in memory and gives it a value; returns where it is. */
function chooseModRm(builder: CaseBuilder, encoding: Encoding, operand: string, reg: number): MemoryOperand | number {
  const random = builder.random;
  const bits = operandBits(operand, builder.size);
  const keepStack = encoding.kind === "stack" || encoding.kind === "branch-indirect";
  const onlyMemory = operand.startsWith("M");
  if (!onlyMemory && random.chance(0.45)) {
    const rm = random.below(8);
    builder.modRm = [0xc0 | (reg << 3) | rm];
    if (!(keepStack && rm === Register.Esp)) builder.setOperandRegister(rm, bits, random.operand(bits));
    return rm;
  }
  if (onlyMemory && random.chance(0.03) && encoding.kind !== "far-pointer") {
    builder.modRm = [0xc0 | (reg << 3) | random.below(8)]; // #UD
    return 0;
  }
  const bytes = memoryBytes(operand, builder.size);
  const place = chooseMemoryOperand(builder, reg, bytes, keepStack);
  if (place.patchable) {
    for (let at = 0; at < bytes; at += 4) {
      const part = Math.min(4, bytes - at);
      builder.patch(place.linear + at, random.operand(part * 8 === 24 ? 16 : part * 8), part);
    }
  }
  return place;
}

function readMemory(builder: CaseBuilder, linear: number): number {
  const patch = builder.patches.find((candidate) => candidate.address === linear);
  if (patch === undefined) return 0;
  return patch.bytes.reduce((value, byte, i) => (value | (byte << (8 * i))) >>> 0, 0);
}

/** The value that the E operand ended up with, or undefined when it lies where no patch can be. */
function operandValue(builder: CaseBuilder, place: MemoryOperand | number, bits: number): number | undefined {
  const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
  if (typeof place !== "number") return place.patchable ? (readMemory(builder, place.linear) & mask) >>> 0 : undefined;
  if (bits === 8) return (builder.register(place & 3) >>> (place >= 4 ? 8 : 0)) & 0xff;
  return (builder.register(place) & mask) >>> 0;
}

/** Makes the quotient fit most of the time: the high half of the dividend below the divisor. */
function chooseDividend(builder: CaseBuilder, divisor: number | undefined, bits: number, signed: boolean): void {
  const random = builder.random;
  const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
  let high = random.operand(bits);
  if (divisor !== undefined && random.chance(0.75)) {
    const limit = signed ? Math.floor(Math.min(divisor, mask + 1 - divisor) / 2) : divisor;
    high = limit === 0 ? 0 : high % limit;
    if (signed && random.chance(0.5)) high = mask - high;
  }
  const low = random.operand(bits);
  if (bits === 8) builder.setOperandRegister(Register.Eax, 16, (high << 8) | low);
  else {
    builder.setOperandRegister(Register.Eax, bits, low);
    builder.setOperandRegister(Register.Edx, bits, high);
  }
}

/** Registers that the instruction uses without naming them, chosen so that each outcome happens. */
function chooseImplicitRegisters(builder: CaseBuilder, encoding: Encoding, place: MemoryOperand | number): void {
  const random = builder.random;
  const operand = encoding.operands[0] ?? "";
  const bits = operandBits(operand, builder.size);
  const usedByAddress = typeof place !== "number";
  switch (encoding.kind) {
    case "multiply":
      if (!usedByAddress) builder.setOperandRegister(Register.Eax, bits, random.operand(bits));
      break;
    case "divide":
      if (!usedByAddress) {
        chooseDividend(
          builder,
          place === 0 || place === 2 ? undefined : operandValue(builder, place, bits),
          bits,
          encoding.mnemonic === "idiv",
        );
      }
      break;
    case "compare-exchange": {
      const value = operandValue(builder, place, bits);
      if (value !== undefined && !usedByAddress && place !== 0 && random.chance(0.5))
        builder.setOperandRegister(Register.Eax, bits, value);
      break;
    }
    default:
      break;
  }
}

/** Instructions whose memory address is that of the operand alone, so that implicit registers can be set before it. */
function chooseImplicitBefore(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  const bits = operandBits(encoding.operands[0] ?? "", builder.size);
  switch (encoding.kind) {
    case "multiply":
    case "compare-exchange":
      builder.setOperandRegister(Register.Eax, bits, random.operand(bits));
      break;
    case "divide":
      chooseDividend(builder, undefined, bits, encoding.mnemonic === "idiv");
      break;
    case "compare-exchange-8":
      for (const register of [Register.Eax, Register.Edx, Register.Ebx, Register.Ecx])
        builder.setRegister(register, random.operand(32));
      break;
    case "accumulator":
      builder.setRegister(Register.Eax, random.operand(32));
      break;
    default:
      break;
  }
}

/** Makes the outcome of compare instructions in memory fall both ways: copies the accumulator into memory. */
function equalise(builder: CaseBuilder, encoding: Encoding, place: MemoryOperand | number): void {
  const random = builder.random;
  if (typeof place === "number" || !place.patchable || !random.chance(0.5)) return;
  if (encoding.kind === "compare-exchange") {
    const bits = operandBits(encoding.operands[0] ?? "", builder.size);
    builder.patch(place.linear, builder.register(Register.Eax), bits / 8);
  } else if (encoding.kind === "compare-exchange-8") {
    builder.patch(place.linear, builder.register(Register.Eax), 4);
    builder.patch(place.linear + 4, builder.register(Register.Edx), 4);
  } else if (encoding.kind === "divide") {
    const bits = operandBits(encoding.operands[0] ?? "", builder.size);
    // A divisor above the high half of the dividend lets the quotient fit.
    const high =
      bits === 8 ? (builder.register(Register.Eax) >>> 8) & 0xff : builder.register(Register.Edx) & (2 ** bits - 1);
    const top = 2 ** (bits - 1);
    builder.patch(
      place.linear,
      encoding.mnemonic === "idiv"
        ? top - 1 - random.below(Math.min(top, 64))
        : Math.min(high + 1 + random.below(255), 2 * top - 1),
      bits / 8,
    );
  }
}

function chooseBoundPair(builder: CaseBuilder, place: MemoryOperand | number, reg: number): void {
  if (typeof place === "number" || !place.patchable) return;
  const random = builder.random;
  const bytes = builder.size / 8;
  const index = builder.register(reg);
  builder.patch(place.linear, index - random.pick([0, 1, 5, -1, 1000]), bytes);
  builder.patch(place.linear + bytes, index + random.pick([0, 1, 5, -1, 1000]), bytes);
}

/** A bit string in memory: the offset in the register moves the address by up to 2^28 bytes; keep most of it near. */
function chooseBitOffset(builder: CaseBuilder, reg: number, place: MemoryOperand | number): void {
  const random = builder.random;
  if (typeof place === "number") {
    builder.setOperandRegister(reg, builder.size, random.operand(builder.size));
    return;
  }
  const offset = random.pick([
    random.below(32),
    random.between(-64, 64),
    random.between(-2048, 2048),
    random.between(0, 0x7fff),
  ]);
  builder.setOperandRegister(reg, builder.size, builder.size === 16 ? offset & 0xffff : offset >>> 0);
}

function generateOrdinary(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  const reg = encoding.extension ?? random.below(8);
  const register = encoding.operands.find((operand) => /^[GR]/.test(operand));
  const modRm = encoding.operands.find((operand) => /^[EM]/.test(operand));
  chooseImplicitBefore(builder, encoding);
  if (encoding.kind === "stack") chooseStack(builder);
  if (register !== undefined) {
    const bits = operandBits(register, builder.size);
    if (!(encoding.kind === "stack" && reg === Register.Esp))
      builder.setOperandRegister(reg, bits, random.operand(bits));
  }
  let count = 1;
  for (const operand of encoding.operands) {
    if (operand.startsWith("Z")) {
      const chosen = encoding.kind === "exchange" ? random.between(1, 7) : random.below(8);
      const last = builder.opcode.length - 1;
      builder.opcode[last] = ((builder.opcode[last] as number) & 0xf8) | chosen;
      const bits = operandBits(operand, builder.size);
      if (!(encoding.kind === "stack" && chosen === Register.Esp))
        builder.setOperandRegister(chosen, bits, random.operand(bits));
      if (encoding.kind === "exchange") builder.setOperandRegister(Register.Eax, bits, random.operand(bits));
    } else if (operand === "AL" || operand === "eAX") {
      const bits = operand === "AL" ? 8 : builder.size;
      builder.setOperandRegister(Register.Eax, bits, random.operand(bits));
    }
  }
  let place: MemoryOperand | number | undefined;
  if (modRm !== undefined) {
    if (encoding.operands.includes("CL")) builder.setOperandRegister(Register.Ecx, 8, chooseShiftCount(random));
    place = chooseModRm(builder, encoding, modRm, reg);
    chooseImplicitRegisters(builder, encoding, place);
    equalise(builder, encoding, place);
    if (encoding.kind === "bound") chooseBoundPair(builder, place, reg);
    if (encoding.kind === "bit-string") {
      if (typeof place !== "number" && addressUses(builder, reg)) builder.rejected = true;
      else if (place !== reg) chooseBitOffset(builder, reg, place);
    }
  }
  const offset = encoding.operands.find((operand) => operand.startsWith("O"));
  if (offset !== undefined) {
    const bytes = operandBits(offset, builder.size) / 8;
    place = chooseMemoryOffset(builder, bytes);
    if (place.patchable) builder.patch(place.linear, random.operand(bytes * 8), bytes);
  }
  for (const operand of encoding.operands) {
    if (!operand.startsWith("I")) continue;
    const bytes = immediateBytes(operand, builder.size);
    const counted = encoding.kind === "shift" || encoding.kind === "double-shift";
    const value = counted ? chooseShiftCount(random) : random.operand(bytes * 8);
    if (counted) count = value;
    builder.immediate.push(...bytesOf(value, bytes));
  }
  builder.undefinedFlags = encoding.undefinedFlags;
  if (encoding.operands.includes("CL")) count = builder.register(Register.Ecx) & 0xff;
  undefinedResults(builder, encoding, place, modRm, count);
}

/** Does the memory operand in ModR/M use this register for its address? */
function addressUses(builder: CaseBuilder, register: number): boolean {
  const modRm = builder.modRm[0] as number;
  if (modRm >= 0xc0) return false;
  if (builder.prefixes.includes(0x67)) return true; // any of four: say yes
  const rm = modRm & 7;
  if (rm !== 4) return rm === register && !(rm === 5 && modRm < 0x40);
  const sib = builder.modRm[1] as number;
  return (sib & 7) === register || ((sib >>> 3) & 7) === register;
}

function undefinedResults(
  builder: CaseBuilder,
  encoding: Encoding,
  place: MemoryOperand | number | undefined,
  modRm: string | undefined,
  count: number,
): void {
  if (encoding.kind === "shift") {
    builder.undefinedFlags |= undefinedByShift(encoding.mnemonic, operandBits(modRm ?? "", builder.size), count);
  } else if (encoding.kind === "double-shift") {
    let masked = count & 31;
    if (masked > builder.size && typeof place !== "number") {
      // An undefined result in memory would make the case say nothing: take another count.
      masked &= 15;
      if (encoding.operands.includes("CL")) builder.setOperandRegister(Register.Ecx, 8, masked);
      else builder.immediate = [masked];
    }
    if (masked === 0) return;
    builder.undefinedFlags |= AUXILIARY | (masked === 1 ? 0 : OVERFLOW);
    if (masked > builder.size && typeof place === "number") {
      builder.undefinedFlags |= ALL_ARITHMETIC_FLAGS;
      builder.undefinedRegisters |= 1 << place;
    }
  } else if (encoding.kind === "bswap" && builder.size === 16) {
    builder.undefinedRegisters |= 1 << ((builder.opcode[1] as number) & 7);
  }
}

const TRAPPABLE =
  /^(|shift|double-shift|bit-string|scan|multiply|divide|stack|accumulator|exchange|branch|branch-indirect|string|xlat|bswap|compare-exchange|compare-exchange-8|return|leave|enter|selector|bound)$/;

/** LOCK on anything: legal only before a read-modify-write of memory, else #UD. */
function chooseDecoration(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  const kind = random.below(100);
  // CPUID leaves the processor for its hypervisor. How many bytes of an opcode without a meaning are fetched is not architecture; LOCK MOV CR is another register on AMD.
  // BOUND with a register operand is a prefix today.
  const prefixToday = encoding.kind === "bound" && (builder.modRm[0] as number) >= 0xc0;
  const fetches =
    builder.eip === DEFAULT_EIP && !prefixToday && !/^(undefined-modrm|identification)$/.test(encoding.kind);
  if (kind < 3 && encoding.kind !== "control-register") builder.prefixes.unshift(LOCK);
  else if (kind < 5 && TRAPPABLE.test(encoding.kind)) builder.eflags |= TRAP_FLAG;
  else if (kind < 6) {
    builder.prefixes.unshift(random.pick(SEGMENT_PREFIX), random.pick(SEGMENT_PREFIX));
    builder.eflags &= ~ALIGNMENT_FLAG; // the operand may now be where a page fault comes too
  } else if (kind < 8 && fetches && !encoding.kind.startsWith("branch")) {
    // The instruction's last bytes lie in a page that is not there, or beyond the limit of the code segment.
    builder.eip = CODE + PAGE_BYTES - random.below(builder.length + 1);
    if (builder.eip === CODE + PAGE_BYTES) builder.eip = CODE + PAGE_BYTES - builder.length;
    if (random.chance(0.4) && builder.segments[Segment.Cs] === FLAT_CODE)
      builder.setCodeSelector(LocalSelector.ReadableCode);
  } else if (kind < 9 && builder.prefixes.length === 0 && encoding.kind !== "undefined-modrm") {
    while (builder.length < random.between(14, 17)) builder.prefixes.push(0x3e); // 15 bytes are the most
  }
}

function generateOne(encoding: Encoding, size: number, random: Random): Vector | undefined {
  const builder = new CaseBuilder(random, size);
  if (isSpecial(encoding)) generateSpecial(builder, encoding);
  else generateOrdinary(builder, encoding);
  chooseDecoration(builder, encoding);
  if (builder.rejected) return undefined;
  return {
    test: builder.build(),
    undefinedFlags: builder.undefinedFlags,
    undefinedRegisters: builder.undefinedRegisters,
    undefinedBits: builder.undefinedBits,
  };
}

/** Such a branch would go on to run pieces of its own bytes: that is no vector of this instruction. */
function jumpsIntoItself(encoding: Encoding, test: TestCase): boolean {
  if (encoding.operands[0] !== "Jb") return false;
  const code = test.patches[test.patches.length - 1]?.bytes as Uint8Array;
  const displacement = ((code[code.length - 1] as number) << 24) >> 24;
  return displacement < 0 && displacement >= -code.length;
}

/**
 * @param size operand size in bits, one of encoding.sizes
 * @param count how many vectors
 */
export function generateVectors(encoding: Encoding, size: number, count: number, seed = 0): Vector[] {
  const random = new Random(hashText(`${encoding.key}:${size}:${seed}`));
  const vectors: Vector[] = [];
  while (vectors.length < count) {
    const vector = generateOne(encoding, size, random);
    if (vector !== undefined && !jumpsIntoItself(encoding, vector.test)) vectors.push(vector);
  }
  return vectors;
}
