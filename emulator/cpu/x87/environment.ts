/** FNSTENV, FLDENV, FNSAVE, FRSTOR: the four formats of the environment (Intel SDM vol. 1, 8.1.10; vol. 2, FSTENV). */
import { Cr0 } from "../control-registers.ts";
import type { Cpu } from "../cpu.ts";
import { isOperand32 } from "../instructions/operands.ts";
import { Word } from "../state.ts";
import { INTEGER_BIT, MAXIMUM_EXPONENT } from "./format.ts";
import { fromBits, locate, readMemory, toBits, writeMemory } from "./memory.ts";
import { initialise, physicalRegister, setControl, setPhysicalRegister, setStatus, top } from "./unit.ts";

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

/** The seven words of the environment, the fourth to seventh as the mode has them. */
function environment(cpu: Cpu): number[] {
  const { words } = cpu;
  const fields = [words[Word.X87Control], words[Word.X87Status], tagWord(cpu)];
  const ip = words[Word.X87InstructionOffset];
  const cs = words[Word.X87InstructionSelector];
  const dp = words[Word.X87DataOffset];
  const ds = words[Word.X87DataSelector];
  const opcode = words[Word.X87Opcode] & 0x7ff;
  if (isProtected(cpu)) return [...fields, ip, (opcode << 16) | cs, dp, ds];
  // Real mode: linear addresses, their upper parts beside the opcode.
  const instruction = (ip + (cs << 4)) | 0;
  const data = (dp + (ds << 4)) | 0;
  return [...fields, instruction & 0xffff, instruction, data & 0xffff, data];
}

function storeEnvironment(cpu: Cpu, linear: number, wide: boolean): void {
  const real = !isProtected(cpu);
  const opcode = cpu.words[Word.X87Opcode] & 0x7ff;
  environment(cpu).forEach((field, i) => {
    let value = field;
    if (real && i === 4) value = ((field >>> 16) << 12) | opcode;
    if (real && i === 6) value = (field >>> 16) << 12;
    if (!wide) {
      cpu.access.write16(linear + 2 * i, value & 0xffff);
      return;
    }
    // The upper halves of words that have only 16 bits are reserved and stored as ones.
    const reserved = i < 3 || (real ? i === 3 || i === 5 : i === 6);
    cpu.access.write32(linear + 4 * i, reserved ? value | 0xffff_0000 : value);
  });
}

function loadEnvironment(cpu: Cpu, linear: number, wide: boolean): void {
  const { words, access } = cpu;
  const fields = Array.from({ length: 7 }, (_, i) =>
    wide ? access.read32(linear + 4 * i) : access.read16(linear + 2 * i),
  );
  const [control, status, tags, ip, csAndOpcode, dp, ds] = fields as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Only what exists is there: 16-bit formats have no opcode in protected mode.
  if (isProtected(cpu)) {
    words[Word.X87InstructionOffset] = ip;
    words[Word.X87InstructionSelector] = csAndOpcode & 0xffff;
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
  setControl(cpu, control);
  setStatus(cpu, status);
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
