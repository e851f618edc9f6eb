/**
 * What an instruction does with the general registers, byte by byte, and with EFLAGS, bit by bit, from the instruction
 * table. It errs on one side only: what is not surely written over counts as read.
 */
import { InstructionWord, OperandBits } from "../../emulator/cpu/decode-records.ts";
import type { InstructionForm, Operand } from "../../emulator/cpu/instructions/form.ts";
import { FORMS } from "../../emulator/cpu/instructions/table.ts";
import { Flag, Word } from "../../emulator/index.ts";

export interface RegisterUse {
  /** Bytes of the general registers: bit 4 × register + byte. */
  readonly read: number;
  /** Those of `read` that are surely read, not only perhaps. */
  readonly surelyRead: number;
  /** Surely written over, whatever they held, when the instruction retires. */
  readonly written: number;
  /** EFLAGS bits. */
  readonly flagsRead: number;
  readonly flagsWritten: number;
  /** A string instruction with a REP prefix: it can stop between two elements. */
  readonly repeats: boolean;
}

const ALL_BYTES = 15;
/** Flags that CLI, STI and port instructions look at. */
const PRIVILEGE_FLAGS = Flag.Iopl | Flag.If | Flag.Vif | Flag.Vip;
const ALL_FLAGS = 0x3f7fd5;
/** Written by POPF whatever the privilege (SDM vol. 2, POPF). */
const POPPED_FLAGS = Flag.Arithmetic | Flag.Df | Flag.Nt;
/** Forms whose implicit destinations are whole registers when operands have 32 bits. */
const WRITES_WHOLE = new Set(["cwd/cdq", "mul", "imul", "rdtsc", "rdmsr", "cpuid", "popa/popad", "leave"]);
/** Forms that read their general registers whole when operands have 32 bits. */
const READS_WHOLE = new Set(["mul", "imul", "div", "idiv", "cwd/cdq"]);
/** Forms that read or keep a register depending on what they find. */
const DEPENDS = /^(bsf|bsr|lar|lsl|arpl|cmpxchg)/;
const POINTERS = 0xf0;
const NAMES = ["A", "C", "D", "B"];
const WORD_NAMES = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"];

const known = new Map<number, RegisterUse>();

/**
 * @param record word index of the decoded instruction (`InstructionWord`).
 * @param count ECX before it: shifts by CL change no flags when it is 0.
 */
export function registerUse(words: Int32Array, record: number, count: number): RegisterUse {
  const form = words[record + InstructionWord.Form]!;
  const operands = words[record + InstructionWord.Operands]!;
  const base = words[record + InstructionWord.Base]!;
  const index = words[record + InstructionWord.Index]!;
  const still = movesNothing(FORMS[form]!, words[record + InstructionWord.Immediate]!, count);
  const key =
    ((form * 1024 + Math.min(base, 31) * 32 + Math.min(index, 31)) * 2 + (still ? 1 : 0)) * 2 ** 21 +
    (operands & 0x1fffff);
  let use = known.get(key);
  if (use === undefined) {
    use = workOut(FORMS[form]!, operands, [base, index], still);
    known.set(key, use);
  }
  return use;
}

/** A shift or rotation by 0: it changes no flag. */
function movesNothing({ flags, operands }: InstructionForm, immediate: number, count: number): boolean {
  if (!flags.undefinedChoice.includes("a count of 0 changes none")) return false;
  const last = operands.at(-1)!;
  if (last.method === "I") return (immediate & 31) === 0;
  return last.fixed === "CL" && (count & 31) === 0;
}

function workOut(form: InstructionForm, bits: number, address: readonly number[], still: boolean): RegisterUse {
  const wide = (bits & OperandBits.Operand32) !== 0;
  const memory = (bits & OperandBits.Memory) !== 0;
  const repeats = form.repeat !== undefined && (bits & (OperandBits.Repeat | OperandBits.RepeatNot)) !== 0;
  let surelyRead = 0;
  let written = 0;
  for (const operand of form.operands) {
    const bytes = operandBytes(operand, bits, wide, memory);
    if (operand.access.includes("r")) surelyRead |= bytes;
    if (operand.access.includes("w")) written |= bytes;
  }
  if (memory) for (const register of address) if (register <= Word.Edi) surelyRead |= ALL_BYTES << (4 * register);
  const words = wide && (bits & OperandBits.Byte) === 0;
  const whole = words && READS_WHOLE.has(form.mnemonic) ? form.implicitRead : form.implicitRead & POINTERS;
  surelyRead |= wholeRegisters(whole);
  if (repeats || DEPENDS.test(form.mnemonic)) surelyRead = 0;
  // What follows is read perhaps.
  let read = surelyRead | wholeRegisters(form.implicitRead);
  for (const operand of form.operands)
    if (operand.access.includes("r")) read |= operandBytes(operand, bits, wide, memory);
  const implicit = wholeRegisters(form.implicitWritten);
  if (words && WRITES_WHOLE.has(form.mnemonic)) written |= implicit;
  else read |= implicit;
  if (memory) for (const register of address) if (register <= Word.Edi) read |= ALL_BYTES << (4 * register);
  if (repeats) read |= written | (ALL_BYTES << (4 * Word.Ecx));
  return { read, surelyRead, written, ...flagUse(form, repeats, still), repeats };
}

function flagUse({ flags, mnemonic, privilege }: InstructionForm, repeats: boolean, still: boolean) {
  let flagsRead = flags.read;
  let flagsWritten = flags.undefinedChoice === "unchanged" ? flags.written & ~flags.undefined : flags.written;
  if (mnemonic.startsWith("popf")) {
    flagsRead = ALL_FLAGS & ~POPPED_FLAGS;
    flagsWritten = POPPED_FLAGS;
  } else if (mnemonic.startsWith("iret")) flagsRead = ALL_FLAGS;
  if (privilege === "iopl" || privilege === "port") flagsRead |= PRIVILEGE_FLAGS;
  if (still) flagsWritten = 0;
  if (repeats) flagsRead |= flagsWritten;
  return { flagsRead, flagsWritten };
}

/** Bytes of the general register that an operand is; 0 for one that is none. */
function operandBytes({ method, size, fixed }: Operand, bits: number, wide: boolean, memory: boolean): number {
  if (method === "F") return fixedBytes(fixed!, wide);
  const field = (bits & OperandBits.RegisterMask) >> OperandBits.RegisterShift;
  const rm = (bits & OperandBits.RmMask) >> OperandBits.RmShift;
  if (method === "G" || method === "Z") return registerBytes(field, size, wide);
  if (method === "R" || (method === "E" && !memory)) return registerBytes(rm, size, wide);
  return 0;
}

function registerBytes(register: number, size: Operand["size"], wide: boolean): number {
  // AH CH DH BH are second bytes.
  if (size === "b") return 1 << (4 * (register & 3) + (register >> 2));
  return (size === "w" || (size === "v" && !wide) ? 3 : ALL_BYTES) << (4 * register);
}

function fixedBytes(name: string, wide: boolean): number {
  const half = /^([ACDB])([LH])$/.exec(name);
  if (half !== null) return 1 << (4 * NAMES.indexOf(half[1]!) + (half[2] === "H" ? 1 : 0));
  const register = WORD_NAMES.indexOf(name.replace("e", ""));
  if (register < 0) return 0;
  return (name.startsWith("e") && wide ? ALL_BYTES : 3) << (4 * register);
}

function wholeRegisters(mask: number): number {
  let bytes = 0;
  for (let register = 0; register < 8; register++)
    if ((mask & (1 << register)) !== 0) bytes |= ALL_BYTES << (4 * register);
  return bytes;
}
