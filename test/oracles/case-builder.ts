/** Puts one instruction and the state before it together: prefixes, opcode, ModR/M, immediates, registers, memory. */
import type { Random } from "./random.ts";
import { CODE, FLAT_CODE, FLAT_DATA, LOCAL_DESCRIPTORS, STACK_TOP } from "./stage.ts";
import type { Patch, TestCase } from "./test-driver.ts";

export const enum Register {
  Eax = 0,
  Ecx = 1,
  Edx = 2,
  Ebx = 3,
  Esp = 4,
  Ebp = 5,
  Esi = 6,
  Edi = 7,
}

export const enum Segment {
  Es = 0,
  Cs = 1,
  Ss = 2,
  Ds = 3,
  Fs = 4,
  Gs = 5,
}

export const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;

/** What every register holds unless the case needs it; values that show where they went when they go astray. */
export const DEFAULT_REGISTERS: readonly number[] = [
  0xa0a1_a2a3,
  0xc0c1_c2c3,
  0xd0d1_d2d3,
  0xb0b1_b2b3,
  STACK_TOP,
  0xe0e1_e2e3,
  0x5051_5253,
  0xf0f1_f2f3,
];
export const DEFAULT_SEGMENTS: readonly number[] = [FLAT_DATA, FLAT_CODE, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA];
/** Code begins here unless the case is about fetching. */
export const DEFAULT_EIP = CODE + 0x800;
/** Bit 1 and IF, as every program at privilege level 3 under Linux has them. */
export const DEFAULT_EFLAGS = 0x202;

export const ARITHMETIC_FLAGS = [0x1, 0x4, 0x10, 0x40, 0x80, 0x800] as const;
export const ALL_ARITHMETIC_FLAGS = 0x8d5;
export const TRAP_FLAG = 0x100;
export const DIRECTION_FLAG = 0x400;
export const ALIGNMENT_FLAG = 0x4_0000;

/** Base of the segment that a selector of the stage names; 0 for the flat ones and for null. */
export function segmentBase(selector: number): number {
  return LOCAL_DESCRIPTORS.find((descriptor) => descriptor.selector === selector)?.base ?? 0;
}

export function bytesOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >>> (8 * i)) & 0xff);
}

export class CaseBuilder {
  readonly random: Random;
  readonly registers: number[] = [...DEFAULT_REGISTERS];
  readonly segments: number[] = [...DEFAULT_SEGMENTS];
  eflags = DEFAULT_EFLAGS;
  /** Offset in the code segment. */
  eip = DEFAULT_EIP;
  readonly prefixes: number[] = [];
  opcode: number[] = [];
  modRm: number[] = [];
  immediate: number[] = [];
  readonly patches: Patch[] = [];
  /** Operand size in bits. */
  readonly size: number;
  /** What undefined results are masked: registers as bits, and flags. */
  undefinedRegisters = 0;
  /** Of each such register, the bits that are undefined. */
  undefinedBits = 0xffff_ffff;
  undefinedFlags = 0;
  /** Set when the choices turned out to mean nothing: the generator then begins again. */
  rejected = false;

  constructor(random: Random, size: number) {
    this.random = random;
    this.size = size;
    if (size === 16) this.prefixes.push(0x66);
    for (const flag of ARITHMETIC_FLAGS) if (random.chance(0.5)) this.eflags |= flag;
    if (random.chance(0.1)) this.eflags |= DIRECTION_FLAG;
  }

  /** Bytes so far. */
  get length(): number {
    return this.prefixes.length + this.opcode.length + this.modRm.length + this.immediate.length;
  }

  setRegister(register: number, value: number): void {
    this.registers[register] = value >>> 0;
  }

  register(register: number): number {
    return this.registers[register] ?? 0;
  }

  /** Gives the low part (or, for 8 bits, the encoded byte) of a register an operand value and the rest anything. */
  setOperandRegister(encoded: number, bits: number, value: number): void {
    if (bits === 32) {
      this.setRegister(encoded, value);
      return;
    }
    const shift = bits === 8 && encoded >= 4 ? 8 : 0;
    const register = bits === 8 ? encoded & 3 : encoded;
    const mask = ((bits === 8 ? 0xff : 0xffff) << shift) >>> 0;
    this.setRegister(register, (this.register(register) & ~mask) | ((value << shift) & mask));
  }

  /** @param bytes number of bytes of `value`, at most 4 */
  patch(address: number, value: number, bytes: number): void {
    this.patches.push({ address: address >>> 0, bytes: Uint8Array.from(bytesOf(value, bytes)) });
  }

  /** Linear address of the first code byte. */
  codeLinear(): number {
    return (segmentBase(this.segments[Segment.Cs] ?? 0) + this.eip) >>> 0;
  }

  /** Runs the same code bytes through another code segment. */
  setCodeSelector(selector: number): void {
    const linear = this.codeLinear();
    this.segments[Segment.Cs] = selector;
    this.eip = (linear - segmentBase(selector)) >>> 0;
  }

  build(): TestCase {
    const code = Uint8Array.from([...this.prefixes, ...this.opcode, ...this.modRm, ...this.immediate]);
    return {
      registers: this.registers,
      eflags: this.eflags >>> 0,
      eip: this.eip >>> 0,
      segments: this.segments,
      patches: [...this.patches, { address: this.codeLinear(), bytes: code }],
      codeBytes: code.length,
      instructions: 1,
    };
  }
}
