/** FNSTENV, FLDENV, FNSAVE, FRSTOR: the four formats of the environment (Intel SDM vol. 1, 8.1.10; vol. 2, FSTENV). */
import { Cr0 } from "../control-registers.ts";
import type { Cpu } from "../cpu.ts";
import { isOperand32 } from "../instructions/operands.ts";
import { Word } from "../state.ts";
import { INTEGER_BIT, MAXIMUM_EXPONENT } from "./format.ts";
import { fromBits, locate, readMemory, toBits, writeMemory } from "./memory.ts";
import { initialise, physicalRegister, setControl, setControlAndStatus, setPhysicalRegister, top } from "./unit.ts";

const REGISTER_BYTES = 10;
const EXCEPTION_MASKS = 0x3f;

const enum Tag {
  Valid = 0,
  Zero = 1,
  Special = 2,
  Empty = 3,
}

/** The tag word: two bits a physical register, worked out from what it holds. */
export function tagWord(cpu: { readonly words: Int32Array }): number {
  let tags = 0;
  for (let number = 0; number < 8; number++) tags |= tagOf(cpu, number) << (2 * number);
  return tags;
}

function tagOf(cpu: { readonly words: Int32Array }, number: number): Tag {
  if (((cpu.words[Word.X87Empty] >> number) & 1) !== 0) return Tag.Empty;
  const { exponent, significand } = physicalRegister(cpu, number);
  if (exponent === 0 && significand === 0n) return Tag.Zero;
  const normal = exponent !== 0 && exponent !== MAXIMUM_EXPONENT && (significand & INTEGER_BIT) !== 0n;
  return normal ? Tag.Valid : Tag.Special;
}

/** Loads emptiness from a tag word: the unit works out the other tags by itself. */
function setTags(cpu: Cpu, tags: number): void {
  let empty = 0;
  for (let number = 0; number < 8; number++) if (((tags >> (2 * number)) & 3) === Tag.Empty) empty |= 1 << number;
  cpu.words[Word.X87Empty] = empty;
}

function isProtected(cpu: Cpu): boolean {
  return (cpu.words[Word.Cr0] & Cr0.Pe) !== 0;
}

function environmentBytes(wide: boolean): number {
  return wide ? 28 : 14;
}

/** The seven words of the environment as the mode and the operand size have them. */
function environment(cpu: Cpu, wide: boolean): number[] {
  const { words } = cpu;
  // Where only 16 bits of 32 exist, the others are reserved and stored as ones.
  const reserved = wide ? 0xffff_0000 | 0 : 0;
  const fields = [words[Word.X87Control], words[Word.X87Status], tagWord(cpu)].map((field) => field | reserved);
  const ip = words[Word.X87InstructionOffset];
  const cs = words[Word.X87InstructionSelector];
  const dp = words[Word.X87DataOffset];
  const ds = words[Word.X87DataSelector];
  const opcode = words[Word.X87Opcode] & 0x7ff;
  if (isProtected(cpu)) return [...fields, ip, (opcode << 16) | cs, dp, ds | reserved];
  // Real mode: linear addresses, their upper parts beside the opcode.
  const instruction = ip + (cs << 4);
  const data = dp + (ds << 4);
  return [
    ...fields,
    (instruction & 0xffff) | reserved,
    ((instruction >>> 16) << 12) | opcode,
    (data & 0xffff) | reserved,
    (data >>> 16) << 12,
  ];
}

function setEnvironment(cpu: Cpu, fields: readonly number[], wide: boolean): void {
  const { words } = cpu;
  const [control, status, tags, ip, csAndOpcode, dp, ds] = fields as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (isProtected(cpu)) {
    words[Word.X87InstructionOffset] = ip;
    words[Word.X87InstructionSelector] = csAndOpcode & 0xffff;
    // The 16-bit format has no opcode.
    words[Word.X87Opcode] = wide ? (csAndOpcode >>> 16) & 0x7ff : 0;
    words[Word.X87DataOffset] = dp;
    words[Word.X87DataSelector] = ds & 0xffff;
  } else {
    words[Word.X87InstructionOffset] = (ip & 0xffff) | ((csAndOpcode >>> 12) << 16);
    words[Word.X87InstructionSelector] = 0;
    words[Word.X87Opcode] = csAndOpcode & 0x7ff;
    words[Word.X87DataOffset] = (dp & 0xffff) | ((ds >>> 12) << 16);
    words[Word.X87DataSelector] = 0;
  }
  setTags(cpu, tags);
  setControlAndStatus(cpu, control, status);
}

/** Bytes of what FNSAVE writes with 32-bit operands. */
export const IMAGE_BYTES = 108;

/** What FNSAVE with 32-bit operands writes. Changes nothing. */
export function stateImage(cpu: Cpu): Uint8Array {
  const image = new DataView(new ArrayBuffer(IMAGE_BYTES));
  environment(cpu, true).forEach((field, i) => {
    image.setInt32(4 * i, field, true);
  });
  for (let i = 0; i < 8; i++) {
    const { sign, exponent, significand } = physicalRegister(cpu, (top(cpu) + i) & 7);
    const at = environmentBytes(true) + REGISTER_BYTES * i;
    image.setBigUint64(at, significand, true);
    image.setUint16(at + 8, (sign << 15) | exponent, true);
  }
  return new Uint8Array(image.buffer);
}

/** FNSAVE for a kernel that keeps the image itself. */
export function saveImage(cpu: Cpu): Uint8Array {
  const image = stateImage(cpu);
  initialise(cpu);
  return image;
}

/** FRSTOR of such an image. */
export function restoreImage(cpu: Cpu, bytes: Uint8Array): void {
  const image = new DataView(bytes.buffer, bytes.byteOffset);
  const fields = Array.from({ length: 7 }, (_, i) => image.getInt32(4 * i, true));
  setEnvironment(cpu, fields, true);
  for (let i = 0; i < 8; i++) {
    const at = environmentBytes(true) + REGISTER_BYTES * i;
    const high = image.getUint16(at + 8, true);
    const significand = image.getBigUint64(at, true);
    setPhysicalRegister(cpu, (top(cpu) + i) & 7, { sign: high >> 15, exponent: high & 0x7fff, significand });
  }
}

function storeEnvironment(cpu: Cpu, linear: number, wide: boolean): void {
  environment(cpu, wide).forEach((field, i) => {
    if (wide) cpu.access.write32(linear + 4 * i, field);
    else cpu.access.write16(linear + 2 * i, field & 0xffff);
  });
}

function loadEnvironment(cpu: Cpu, linear: number, wide: boolean): void {
  const { access } = cpu;
  const read = (i: number): number => (wide ? access.read32(linear + 4 * i) : access.read16(linear + 2 * i));
  const fields = Array.from({ length: 7 }, (_, i) => read(i));
  setEnvironment(cpu, fields, wide);
}

export function storeEnvironmentInstruction(cpu: Cpu, instruction: number): void {
  const wide = isOperand32(cpu, instruction);
  const linear = locate(cpu, instruction, environmentBytes(wide), true);
  storeEnvironment(cpu, linear, wide);
  setControl(cpu, cpu.words[Word.X87Control] | EXCEPTION_MASKS);
}

export function loadEnvironmentInstruction(cpu: Cpu, instruction: number): void {
  const wide = isOperand32(cpu, instruction);
  const linear = locate(cpu, instruction, environmentBytes(wide), false);
  loadEnvironment(cpu, linear, wide);
}

/** FNSAVE: environment and ST(0) to ST(7), then FNINIT. */
export function save(cpu: Cpu, instruction: number): void {
  const wide = isOperand32(cpu, instruction);
  const bytes = environmentBytes(wide);
  const linear = locate(cpu, instruction, bytes + 8 * REGISTER_BYTES, true);
  storeEnvironment(cpu, linear, wide);
  for (let i = 0; i < 8; i++) {
    const value = physicalRegister(cpu, (top(cpu) + i) & 7);
    writeMemory(cpu, linear + bytes + REGISTER_BYTES * i, REGISTER_BYTES, toBits(value));
  }
  initialise(cpu);
}

export function restore(cpu: Cpu, instruction: number): void {
  const wide = isOperand32(cpu, instruction);
  const bytes = environmentBytes(wide);
  const linear = locate(cpu, instruction, bytes + 8 * REGISTER_BYTES, false);
  const registers = Array.from({ length: 8 }, (_, i) =>
    fromBits(readMemory(cpu, linear + bytes + REGISTER_BYTES * i, REGISTER_BYTES)),
  );
  loadEnvironment(cpu, linear, wide);
  registers.forEach((value, i) => {
    setPhysicalRegister(cpu, (top(cpu) + i) & 7, value);
  });
}
