/**
 * Where our decoder and Capstone 5 may differ, each with the reason. The comparison (capstone.test.ts) fails at any
 * difference that no row explains, and at a row that explains nothing any more.
 */

/** What one of the two made of the bytes; undefined when it called them no instruction. */
export interface Reading {
  readonly length: number;
  /** With prefix words as Capstone prints them: "rep movsb", "lock add". */
  readonly mnemonic: string;
}

export interface DecoderDisagreement {
  /** Bytes after the legacy prefixes. */
  readonly opcode: Uint8Array;
  readonly prefixes: readonly number[];
  readonly ours: Reading | undefined;
  readonly capstone: Reading | undefined;
}

export interface DecoderDifference {
  readonly name: string;
  readonly reason: string;
  applies(disagreement: DecoderDisagreement): boolean;
}

/** Two-byte opcodes (after 0F) that came after the P5 (family 5, before MMX), as [first, last]. */
const LATER_TWO_BYTE_OPCODES: readonly (readonly [number, number, string])[] = [
  [0x05, 0x05, "SYSCALL"],
  [0x07, 0x07, "SYSRET"],
  [0x0d, 0x0f, "3DNow!"],
  [0x10, 0x17, "SSE moves"],
  [0x18, 0x1f, "hints: PREFETCH, NOP with ModR/M, MPX"],
  [0x28, 0x2f, "SSE moves and conversions"],
  [0x33, 0x33, "RDPMC: from the P6 and the Pentium MMX on"],
  [0x34, 0x37, "SYSENTER, SYSEXIT, GETSEC"],
  [0x38, 0x3b, "three-byte maps"],
  [0x40, 0x4f, "CMOVcc: from the P6 on"],
  [0x50, 0x7f, "MMX, SSE, VMX"],
  [0xa6, 0xa7, "PadLock"],
  [0xae, 0xae, "FXSAVE, fences, XSAVE"],
  [0xb8, 0xb8, "POPCNT"],
  [0xc2, 0xc6, "SSE, MOVNTI"],
  [0xd0, 0xfe, "MMX, SSE"],
];

/** Legacy prefix bytes that a decoder of 32-bit code accepts anywhere before the opcode. */
export const LEGACY_PREFIXES: ReadonlySet<number> = new Set([
  0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
]);

const LOCK = 0xf0;

function onlyCapstone({ ours, capstone }: DecoderDisagreement): boolean {
  return ours === undefined && capstone !== undefined;
}

function sameLength({ ours, capstone }: DecoderDisagreement): boolean {
  return ours !== undefined && capstone !== undefined && ours.length === capstone.length;
}

function renames(disagreement: DecoderDisagreement, pairs: Readonly<Record<string, string>>): boolean {
  const { ours, capstone } = disagreement;
  return sameLength(disagreement) && ours !== undefined && pairs[ours.mnemonic] === capstone?.mnemonic;
}

export const DECODER_DIFFERENCES: readonly DecoderDifference[] = [
  {
    name: "instructions of later processors",
    reason: "Capstone knows every x86; a P5 raises #UD (SDM vol. 2, A.3, and the CPUID features that a P5 lacks).",
    applies: (d) =>
      onlyCapstone(d) &&
      d.opcode[0] === 0x0f &&
      LATER_TWO_BYTE_OPCODES.some(([first, last]) => (d.opcode[1] ?? 0) >= first && (d.opcode[1] ?? 0) <= last),
  },
  {
    name: "system instructions of later processors in group 0F 01",
    reason:
      "With a register operand, /0 to /3, /5 and /7 are VMX, SVM, SMAP, XSETBV and SWAPGS today, and #UD on a P5.",
    applies: (d) => onlyCapstone(d) && d.opcode[0] === 0x0f && d.opcode[1] === 0x01,
  },
  {
    name: "later members of group 0F C7",
    reason: "A P5 has only /1, CMPXCHG8B with a memory operand.",
    applies: (d) => onlyCapstone(d) && d.opcode[0] === 0x0f && d.opcode[1] === 0xc7,
  },
  {
    name: "UD0 as an instruction",
    reason:
      "Capstone prints 0F FF as UD0 and takes a ModR/M byte; here it is an opcode without a meaning: #UD either way.",
    applies: (d) => d.capstone?.mnemonic === "ud0" && d.ours === undefined,
  },
  {
    name: "VEX, EVEX and XOP prefixes",
    reason:
      "C4, C5 and 62 with a register operand and 8F with a reg field other than 0 are prefixes today, and #UD on a P5.",
    applies: (d) => onlyCapstone(d) && [0xc4, 0xc5, 0x62, 0x8f].includes(d.opcode[0] ?? 0),
  },
  {
    name: "XABORT and XBEGIN",
    reason: "C6 F8 and C7 F8 belong to transactional memory; on a P5 reg field 7 of that group has no meaning.",
    applies: (d) => onlyCapstone(d) && (d.opcode[0] === 0xc6 || d.opcode[0] === 0xc7) && d.opcode[1] === 0xf8,
  },
  {
    name: "control registers that do not exist",
    reason:
      "MOV to and from CR1, CR5, CR6 and CR7 is #UD (SDM vol. 2, MOV control registers); Capstone prints a name for each.",
    applies: (d) => onlyCapstone(d) && d.opcode[0] === 0x0f && (d.opcode[1] === 0x20 || d.opcode[1] === 0x22),
  },
  {
    name: "MOV to CS",
    reason: "8E /1 is #UD (SDM vol. 2, MOV); Capstone prints it.",
    applies: (d) => onlyCapstone(d) && d.opcode[0] === 0x8e && (((d.opcode[1] ?? 0) >> 3) & 7) === 1,
  },
  {
    name: "LOCK where none is legal",
    reason:
      "LOCK is legal only before a read-modify-write of memory, else #UD (SDM vol. 2, LOCK); Capstone refuses some and prints the rest.",
    applies: (d) => onlyCapstone(d) && d.prefixes.includes(LOCK),
  },
  {
    name: "reserved floating-point escapes",
    reason:
      "What is no instruction is one form a byte, which raises #NM or #UD; Capstone refuses it, or names aliases that the manual calls reserved and instructions of later processors (FCMOV, FCOMI, FISTTP).",
    applies: (d) =>
      d.ours?.mnemonic.endsWith("esc") === true && (d.capstone === undefined || d.capstone.length === d.ours.length),
  },
  {
    name: "FNENI, FNDISI and FNSETPM",
    reason: "Instructions of the 8087 and the 80287, which do nothing since; Capstone has other names for them.",
    applies: (d) => renames(d, { fneni: "feni8087_nop", fndisi: "fdisi8087_nop", fnsetpm: "fsetpm" }),
  },
  {
    name: "BND, NOTRACK, XACQUIRE and XRELEASE",
    reason:
      "Names of later processors for F2, F3 and 3E before branches and locked instructions; a P5 ignores these bytes there.",
    applies: (d) =>
      sameLength(d) &&
      /^(bnd|notrack|xacquire|xrelease) /.test(d.capstone?.mnemonic ?? "") &&
      (d.capstone?.mnemonic ?? "").replace(/^((bnd|notrack|xacquire|xrelease) )+(lock )?/, "") ===
        renamed((d.ours?.mnemonic ?? "").replace(/^lock /, ""), { ljmp: "jmp", lcall: "call" }),
  },
  {
    name: "LOCK together with F2 or F3",
    reason: "Both count for a processor; Capstone prints one prefix of the two.",
    applies: (d) => sameLength(d) && d.prefixes.length > 1 && d.ours?.mnemonic === `lock ${d.capstone?.mnemonic}`,
  },
  {
    name: "REPNE MOVSD",
    reason:
      "F2 repeats MOVS as F3 does; Capstone prints no prefix, F2 with that name being an SSE instruction elsewhere.",
    applies: (d) => renames(d, { "repne movsd": "movsd" }),
  },
  {
    name: "REPZ RET",
    reason: "Capstone prints F3 before RET because it was a branch-predictor idiom; it does nothing.",
    applies: (d) => sameLength(d) && /^rep[nz]*[ez]? ret[fn]?$/.test(d.capstone?.mnemonic ?? ""),
  },
  {
    name: "PUSHA and POPA by operand size",
    reason: "Capstone writes pushal and pushaw as the AT&T assembler does; the manual's names are PUSHAD and PUSHA.",
    applies: (d) => renames(d, { pushad: "pushal", pusha: "pushaw", popad: "popal", popa: "popaw" }),
  },
  {
    name: "far CALL and JMP through memory",
    reason:
      "Capstone prints FF /3 and FF /5 as call and jmp with an operand size of 48 bits; the direct forms it calls lcall and ljmp, as we do both.",
    applies: (d) => renames(d, { lcall: "call", ljmp: "jmp" }),
  },
  {
    name: "instructions that F2 or F3 turned into others",
    reason: "PAUSE, WBNOINVD, TZCNT and LZCNT are NOP, WBINVD, BSF and BSR with a prefix that a P5 ignores.",
    applies: (d) => renames(d, { nop: "pause", wbinvd: "wbnoinvd", bsf: "tzcnt", bsr: "lzcnt" }),
  },
  {
    name: "F2 or 66 with F3 before an opcode of the two-byte map",
    reason: "Capstone takes F2 and F3 as part of the opcode and finds nothing there; a P5 ignores them.",
    applies: (d) =>
      d.ours !== undefined &&
      d.capstone === undefined &&
      d.opcode[0] === 0x0f &&
      (d.prefixes.includes(0xf2) || d.prefixes.includes(0xf3)),
  },
];

function renamed(mnemonic: string, pairs: Readonly<Record<string, string>>): string {
  return pairs[mnemonic] ?? mnemonic;
}
