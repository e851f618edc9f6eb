/**
 * From a form to bytes: for test generators and the documentation, not for the machine. Code is for a 32-bit segment
 * (CS.D = 1) unless told otherwise.
 */
import type { InstructionForm, Operand } from "./form.ts";

export interface EncodeOptions {
  /** CS.D: default 32. */
  readonly codeSize?: 16 | 32;
  /** Operand and address size; a prefix is added when they differ from the code's. Default: the code's. */
  readonly operandSize?: 16 | 32;
  readonly addressSize?: 16 | 32;
  /** ModR/M reg field (ignored where the form has a digit), or the register in the opcode. Default 0. */
  readonly register?: number;
  /** The r/m operand: a register number (i of ST(i)), or the bytes of an address (mod and r/m, SIB, displacement). Default register 0. */
  readonly rm?: number | RmBytes;
  /** Immediates in the order of the encoding; for a branch its displacement; for a far pointer its offset, then its selector. */
  readonly immediates?: readonly number[];
  /** Further prefix bytes, before the size prefixes. */
  readonly prefixes?: readonly number[];
}

/** An address as bytes: the ModR/M byte with reg field 0, and what follows it. */
export interface RmBytes {
  readonly modRm: number;
  readonly rest: readonly number[];
}

/** [base + displacement] with 32-bit addressing; base 4 (ESP) gets its SIB byte. */
function baseDisplacement(base: number, displacement: number): RmBytes {
  const rest = base === 4 ? [0x24] : [];
  return { modRm: 0x80 | base, rest: [...rest, ...littleEndian(displacement, 4)] };
}

/** [base + (index << shift) + displacement] with 32-bit addressing; index 4 means none. */
export function baseIndexDisplacement(base: number, index: number, shift: number, displacement: number): RmBytes {
  return { modRm: 0x84, rest: [(shift << 6) | (index << 3) | base, ...littleEndian(displacement, 4)] };
}

/** [displacement] with 32-bit addressing. */
export function absolute(displacement: number): RmBytes {
  return { modRm: 0x05, rest: littleEndian(displacement, 4) };
}

function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff);
}

/** Whether the operand sizes of the form depend on the operand-size prefix. */
export function hasOperandSizes(form: InstructionForm): boolean {
  const sized = (operand: Operand): boolean => ["v", "p", "a", "bs", "s", "e", "f"].includes(operand.size);
  return form.operands.some(sized) || form.mnemonic.includes("/") || form.encoding.immediates.includes("cv");
}

/** Whether the form needs (true), may not have (false), or may have (undefined) a memory r/m operand. */
export function wantsMemory(form: InstructionForm): boolean | undefined {
  for (const { method } of form.operands) {
    if (method === "M") return true;
    if (method === "R") return false;
  }
  if (form.encoding.modRmByte >= 0) return false;
  return undefined;
}

/** Bytes of an instruction of this form. */
export function encodeForm(form: InstructionForm, options: EncodeOptions = {}): Uint8Array {
  const { encoding } = form;
  const codeSize = options.codeSize ?? 32;
  const operandSize = options.operandSize ?? codeSize;
  const addressSize = options.addressSize ?? codeSize;
  const register = options.register ?? 0;
  const bytes: number[] = [...(options.prefixes ?? [])];
  if (operandSize !== codeSize) bytes.push(0x66);
  if (addressSize !== codeSize) bytes.push(0x67);
  if (encoding.map === 1) bytes.push(0x0f);
  bytes.push(encoding.opcode | (encoding.registerInOpcode ? register : 0));
  if (encoding.modRmByte >= 0) {
    const { rm } = options;
    bytes.push(encoding.modRmByte | (encoding.stackRegister && typeof rm === "number" ? rm : 0));
  } else if (encoding.modRm) {
    const field = encoding.digit >= 0 ? encoding.digit : register;
    const fallback = wantsMemory(form) === true ? absolute(0x1000) : 0;
    const rm = options.rm ?? fallback;
    if (typeof rm === "number") bytes.push(0xc0 | (field << 3) | rm);
    else bytes.push(rm.modRm | (field << 3), ...rm.rest);
  }
  const wide = operandSize === 32 ? 4 : 2;
  const values = options.immediates ?? [];
  encoding.immediates.forEach((kind, i) => {
    const value = values[i] ?? 1;
    if (kind === "ib" || kind === "cb") bytes.push(value & 0xff);
    else if (kind === "iw") bytes.push(...littleEndian(value, 2));
    else if (kind === "mo") bytes.push(...littleEndian(value, addressSize / 8));
    else bytes.push(...littleEndian(value, wide));
    if (kind === "cp") bytes.push(...littleEndian(values[i + 1] ?? 8, 2));
  });
  return Uint8Array.from(bytes);
}

/** A few instructions of the form: both operand sizes, register and memory operands as far as the form allows them. */
export function exampleEncodings(
  form: InstructionForm,
): { readonly operandSize: 16 | 32; readonly bytes: Uint8Array }[] {
  const examples: { operandSize: 16 | 32; bytes: Uint8Array }[] = [];
  const sizes: readonly (16 | 32)[] = hasOperandSizes(form) ? [32, 16] : [32];
  const memory = wantsMemory(form);
  if (form.encoding.reserved) return examples;
  for (const operandSize of sizes) {
    // MOV to CS does not exist, and CR1 neither: registers 2 and 3 exist everywhere.
    if (memory !== true) examples.push({ operandSize, bytes: encodeForm(form, { operandSize, register: 2, rm: 3 }) });
    if (memory === false || !form.encoding.modRm) continue;
    for (const rm of [baseDisplacement(3, 0x10), baseIndexDisplacement(6, 7, 2, -4), absolute(0x12345678)]) {
      examples.push({ operandSize, bytes: encodeForm(form, { operandSize, register: 3, rm }) });
    }
  }
  return examples;
}
