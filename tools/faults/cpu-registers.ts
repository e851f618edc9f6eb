/**
 * The CPU's own registers as targets (`cpu:cr0`, `cpu:ds.base`): their names and the bits that this machine has of each.
 * A target that names a component (`replica-2:ds`) means the same register only while that component has the CPU.
 */

/** Registers that a thread has of its own, in the order of the ModR/M encoding, then EIP and EFLAGS. */
export const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags"] as const;
export type RegisterName = (typeof REGISTERS)[number];

/** Segment registers that programs load, in the order of their encoding; as targets their selectors. */
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"] as const;
export type SegmentName = (typeof SEGMENT_NAMES)[number];

const ALL_SEGMENTS = [...SEGMENT_NAMES, "ldtr", "tr"] as const;
const HIDDEN_PARTS = ["base", "limit", "attributes"] as const;
type HiddenName = `${(typeof ALL_SEGMENTS)[number]}.${(typeof HIDDEN_PARTS)[number]}`;

const SYSTEM_REGISTERS = [
  "cr0",
  "cr2",
  "cr3",
  "cr4",
  "dr0",
  "dr1",
  "dr2",
  "dr3",
  "dr6",
  "dr7",
  "gdtr.base",
  "gdtr.limit",
  "idtr.base",
  "idtr.limit",
  "cpl",
] as const;

/** The x87 unit's: physical registers (ST(i) is R(TOP + i)) in three words each; a set bit n of `empty`: Rn is empty. */
const X87_REGISTERS = [
  "x87.control",
  "x87.status",
  "x87.empty",
  "x87.opcode",
  "x87.instruction",
  "x87.data",
  ...([0, 1, 2, 3, 4, 5, 6, 7] as const).flatMap(
    (n) => [`x87.r${n}.low`, `x87.r${n}.high`, `x87.r${n}.exponent`] as const,
  ),
] as const;

export type CpuRegisterName =
  | RegisterName
  | (typeof ALL_SEGMENTS)[number]
  | HiddenName
  | (typeof SYSTEM_REGISTERS)[number]
  | (typeof X87_REGISTERS)[number];

/** Every register of the CPU that a fault can strike. */
export const CPU_REGISTERS: readonly CpuRegisterName[] = [
  ...REGISTERS,
  ...ALL_SEGMENTS,
  ...ALL_SEGMENTS.flatMap((segment) => HIDDEN_PARTS.map((part): HiddenName => `${segment}.${part}`)),
  ...SYSTEM_REGISTERS,
  ...X87_REGISTERS,
];

/**
 * Bits of EFLAGS that this machine holds: CF PF AF ZF SF TF IF DF OF IOPL NT RF AC VIF VIP ID. It has no virtual-8086
 * mode, so VM (17) is no bit that could flip.
 */
export const EFLAGS_BITS: readonly number[] = [0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 19, 20, 21];

const EFLAGS_MASK = EFLAGS_BITS.reduce((mask, bit) => mask | (1 << bit), 0);

/** Bits that exist in registers narrower than 32 bits, or with reserved bits (Pentium Processor User's Manual vol. 3, 10.1). */
const NARROW: Readonly<Record<string, number>> = {
  eflags: EFLAGS_MASK,
  // PE MP EM TS NE WP AM NW CD PG; ET is wired to 1.
  cr0: 0xe005_002f,
  // Page-directory base, PCD, PWT.
  cr3: 0xffff_f018,
  // TSD, PSE, MCE: what CPUID offers.
  cr4: 0x54,
  dr6: 0xe00f,
  dr7: 0xffff_2bff,
  "gdtr.limit": 0xffff,
  "idtr.limit": 0xffff,
  cpl: 3,
  // Bit 6 reads as one (Intel SDM vol. 1, 8.1.5).
  "x87.control": 0x1f3f,
  "x87.status": 0xffff,
  "x87.empty": 0xff,
  "x87.opcode": 0x7ff,
};

/** Access byte at bits 0-7, and G, D/B, L, AVL of the descriptor at bits 15-12. */
const ATTRIBUTE_BITS = 0xf0ff;

/** Mask of the bits that a register has. */
export function registerBits(name: CpuRegisterName): number {
  if ((ALL_SEGMENTS as readonly string[]).includes(name)) return 0xffff;
  if (name.endsWith(".attributes")) return ATTRIBUTE_BITS;
  if (name.endsWith(".exponent")) return 0xffff;
  return (NARROW[name] ?? 0xffff_ffff) >>> 0;
}
