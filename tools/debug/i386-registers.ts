/**
 * The registers of the target description: what gdb requires of an i386 (feature org.gnu.gdb.i386.core: general and
 * segment registers, then the x87 set), and ours: control, table and debug registers, and the two counters by which the
 * machine's history is indexed.
 */
import type { TargetRegister } from "./debug-target.ts";

const CORE = "org.gnu.gdb.i386.core";
const SYSTEM = "org.quorum86.system";

function group(
  feature: string,
  names: readonly string[],
  bits: number,
  type: string,
  name?: string,
): readonly TargetRegister[] {
  return names.map((register) => ({ name: register, bits, type, feature, ...(name !== undefined && { group: name }) }));
}

export const I386_REGISTERS: readonly TargetRegister[] = [
  ...group(CORE, ["eax", "ecx", "edx", "ebx"], 32, "int32"),
  ...group(CORE, ["esp", "ebp"], 32, "data_ptr"),
  ...group(CORE, ["esi", "edi"], 32, "int32"),
  ...group(CORE, ["eip"], 32, "code_ptr"),
  ...group(CORE, ["eflags"], 32, "i386_eflags"),
  ...group(CORE, ["cs", "ss", "ds", "es", "fs", "gs"], 32, "int32"),
  ...group(CORE, ["st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"], 80, "i387_ext"),
  ...group(CORE, ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"], 32, "int32", "float"),
  ...group(SYSTEM, ["cr0", "cr2", "cr3", "cr4"], 32, "uint32", "system"),
  ...group(SYSTEM, ["dr0", "dr1", "dr2", "dr3", "dr6", "dr7"], 32, "uint32", "system"),
  ...group(SYSTEM, ["gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "ldtr", "tr", "cpl"], 32, "uint32", "system"),
  ...group(SYSTEM, ["cycle", "instruction"], 64, "uint64", "counters"),
];

/** Number of a register in gdb's protocol, by name; -1 when there is none. */
function registerNumber(name: string): number {
  return I386_REGISTERS.findIndex((register) => register.name === name);
}

const FIRST_X87 = registerNumber("st0");

/** Whether a number is that of st0 to st7 or of an x87 control register. */
export function isX87Register(number: number): boolean {
  return number >= FIRST_X87 && number < GROUPED_REGISTERS;
}

const ESP_NUMBER = registerNumber("esp");
const EBP_NUMBER = registerNumber("ebp");
export const EIP_NUMBER = registerNumber("eip");

/**
 * The registers of `g` packets: no more than an i386 has without a description, and in the same places, because gdb asks
 * for the description only once, for its first inferior, and reads the other inferiors' registers without one.
 */
export const GROUPED_REGISTERS = I386_REGISTERS.findIndex((register) => register.feature === SYSTEM);

/** Those that every stop tells gdb at once. */
export const EXPEDITED_REGISTERS: readonly number[] = [ESP_NUMBER, EBP_NUMBER, EIP_NUMBER];
