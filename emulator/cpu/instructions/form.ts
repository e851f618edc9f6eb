/**
 * One row of the instruction table: an instruction form, described once. The decoder, the interpreter, the timing model,
 * def/use analysis, the test oracles and the generated documentation read these rows and nothing else.
 *
 * Encodings and operands are written as in Intel's manuals (SDM vol. 2: instruction pages, appendix A.2):
 * "81 /4 id", "0F B6 /r", "50+r"; operands "Ev", "Gv", "Ib", with r: w: or rw: for how they are used.
 */
import type { Cpu } from "../cpu.ts";

/** Pipe in which the instruction can pair on a P5 (Intel AP-500). */
export const enum Pairing {
  /** Not pairable. */
  NP = 0,
  /** Either pipe. */
  UV = 1,
  /** Only as the first of a pair. */
  PU = 2,
  /** Only as the second of a pair. */
  PV = 3,
  /** Floating point, pairs only as the first, with an FXCH as the second. */
  FX = 4,
  /** FXCH: only as the second, after a floating-point instruction of class FX. */
  FV = 5,
}

/** Shape of the execution stage for pair durations. */
export const enum Kind {
  /** Register operands, MOV in every form, LEA, PUSH, POP, near branches: 1 clock. */
  REG = 0,
  /** ALU with a memory source: 2 clocks. */
  RM = 1,
  /** ALU with a memory destination: 3 clocks. */
  RMW = 2,
  /** Everything that issues alone with its own count. */
  OTHER = 3,
}

export type Access = "r" | "w" | "rw" | "a";

/**
 * How an operand is addressed (SDM vol. 2, A.2.1):
 * E r/m · M memory only · R r/m that must be a register · G reg field · Z register in the opcode · S segment register ·
 * C control register · D debug register · I immediate · J relative · A far pointer in the code · O memory offset in the code ·
 * X DS:[eSI] · Y ES:[eDI] · F a fixed register or constant, see `fixed` · T ST(i) of the x87 stack, i in the r/m field.
 */
export type AddressingMethod =
  | "E"
  | "M"
  | "R"
  | "G"
  | "Z"
  | "S"
  | "C"
  | "D"
  | "I"
  | "J"
  | "A"
  | "O"
  | "X"
  | "Y"
  | "F"
  | "T";

/**
 * b byte · w word · d doubleword · q quadword · v word or doubleword by operand size · s 6-byte pseudo-descriptor ·
 * p far pointer (16:16 or 16:32) · a pair for BOUND · bs byte, sign-extended to the operand size · n no size (LEA, INVLPG) ·
 * of x87: t ten bytes (extended real, packed decimal, register) · e environment (14 or 28 bytes by operand size) ·
 * f environment and registers (94 or 108 bytes).
 */
export type OperandSize = "b" | "w" | "d" | "q" | "v" | "s" | "p" | "a" | "bs" | "n" | "t" | "e" | "f";

export interface Operand {
  readonly access: Access;
  readonly method: AddressingMethod;
  readonly size: OperandSize;
  /** For method F: "AL", "AX" (16-bit whatever the prefix), "eAX" (by operand size), "CL", "DX", "1", "3", "ES", "ST", "ST1" … */
  readonly fixed?: string;
}

export interface Encoding {
  /** The manual's notation, as written in the row. */
  readonly text: string;
  /** 0: one-byte opcode map; 1: two-byte map (0F). */
  readonly map: 0 | 1;
  readonly opcode: number;
  /** Opcode's low three bits are a register ("+r"). */
  readonly registerInOpcode: boolean;
  readonly modRm: boolean;
  /** ModR/M reg field that selects this form ("/0" … "/7"), or -1. */
  readonly digit: number;
  /** Whole ModR/M byte that selects this form (x87 forms without a memory operand), or -1. */
  readonly modRmByte: number;
  /** The ModR/M byte's low three bits are ST(i) ("+i"). */
  readonly stackRegister: boolean;
  /** "reserved": every ModR/M byte of the opcode that no other form has. */
  readonly reserved: boolean;
  /** In order: ib iw iv immediates (iv by operand size), cb cv relative branch, cp far pointer, mo memory offset (by address size). */
  readonly immediates: readonly ("ib" | "iw" | "iv" | "cb" | "cv" | "cp" | "mo")[];
}

export type Privilege =
  /** Any level. */
  | "user"
  /** CPL 0 only, otherwise #GP(0). */
  | "supervisor"
  /** CPL <= IOPL, otherwise #GP(0) (CLI, STI). */
  | "iopl"
  /** CPL <= IOPL or the TSS bitmap allows the port. */
  | "port"
  /** Protected mode only; #UD in real and V86 mode. */
  | "protected";

export interface FlagUse {
  /** EFLAGS bits read. */
  readonly read: number;
  /** EFLAGS bits that may change. */
  readonly written: number;
  /** Of those written, the ones Intel leaves undefined; `undefinedChoice` says what this machine does. */
  readonly undefined: number;
  readonly undefinedChoice: string;
}

export interface RepeatClocks {
  readonly zero: number;
  readonly base: number;
  readonly each: number;
}

/** What a floating-point instruction is to the pipeline and to the x87 unit (Intel AP-526; Agner Fog, list of x87 instructions). */
export interface FloatingPoint {
  /** Of its clocks, how many the next integer instruction need not wait for. */
  readonly integerOverlap: number;
  /** The same for the next floating-point instruction that does not need the result. */
  readonly floatOverlap: number;
  /** Registers it puts on the stack (1), or takes off (-1, -2), on top of what its operands say. */
  readonly stack: number;
  /** Its clocks are those of 24-bit precision: 14 more with 53 bits, 20 more with 64 (divisions). */
  readonly byPrecision: boolean;
  /** It first raises a pending exception of an instruction before (all but the FN… forms). */
  readonly waits: boolean;
}

/** A rare or block-ending instruction: does everything, faults by raiseFault. `instruction` = word index of its record. */
export type Handler = (cpu: Cpu, instruction: number) => void;

export interface InstructionForm {
  /** Index in FORMS. */
  readonly id: number;
  /** Lower case, as Capstone and the manual print it; "a/b" = 16-bit name / 32-bit name. */
  readonly mnemonic: string;
  readonly encoding: Encoding;
  readonly operands: readonly Operand[];
  /** General registers used beyond the operands, as masks (bit n = register n). */
  readonly implicitRead: number;
  readonly implicitWritten: number;
  readonly flags: FlagUse;
  readonly privilege: Privilege;
  /** LOCK is legal when the destination is memory. */
  readonly lockable: boolean;
  /** Ends a decoded block: control transfer, or changes what later instructions mean or when events are taken. */
  readonly endsBlock: boolean;
  /** The handler leaves EIP at the next instruction to execute; otherwise the run loop advances it. */
  readonly transfers: boolean;
  /** Micro-operation of the byte form (16- and 32-bit ones follow it), or a handler. */
  readonly micro: number;
  readonly handler: Handler | undefined;
  readonly pairing: Pairing;
  /** Clocks with a register r/m operand (or none), and with a memory one. Variable parts are added by the semantics. */
  readonly clocks: number;
  readonly memoryClocks: number;
  /** Clocks with 16-bit operands where they differ (register or memory), or -1. */
  readonly clocks16: number;
  /** String instructions with a REP prefix: clocks for a count of zero, start-up, each element; charged by the handler. */
  readonly repeat: RepeatClocks | undefined;
  /** Floating-point instructions only. */
  readonly floatingPoint: FloatingPoint | undefined;
  /** Vectors that the form can raise beyond memory faults. */
  readonly raises: readonly number[];
}
