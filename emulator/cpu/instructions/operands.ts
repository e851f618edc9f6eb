/**
 * How handlers reach their operands: general, checked, not for the hot loop. `instruction` is always the word index of
 * the decoded record (InstructionWord). Values are signed int32 unless said otherwise; reads of narrow operands are
 * zero-extended.
 */
import type { Cpu } from "../cpu.ts";
import { InstructionWord, OperandBits } from "../decode-records.ts";
import { raiseFault } from "../exceptions.ts";
import { checkedLinear } from "../segmentation.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "../state.ts";

/** SS.B: the stack pointer is ESP. */
const ATTRIBUTE_BIG = 0x4000;

/** 1, 2 or 4. */
export function operandBytes(cpu: Cpu, instruction: number): number {
  const bits = cpu.words[instruction + InstructionWord.Operands];
  return (bits & OperandBits.Byte) !== 0 ? 1 : (bits & OperandBits.Operand32) !== 0 ? 4 : 2;
}

export function isMemory(cpu: Cpu, instruction: number): boolean {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.Memory) !== 0;
}

export function isOperand32(cpu: Cpu, instruction: number): boolean {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.Operand32) !== 0;
}

export function isAddress32(cpu: Cpu, instruction: number): boolean {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.Address32) !== 0;
}

/** The immediate, sign-extended as the form asks. */
export function immediate(cpu: Cpu, instruction: number): number {
  return cpu.words[instruction + InstructionWord.Immediate];
}

/** Number in the ModR/M reg field, or in the opcode's low three bits. */
export function registerField(cpu: Cpu, instruction: number): number {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.RegisterMask) >> OperandBits.RegisterShift;
}

export function rmField(cpu: Cpu, instruction: number): number {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.RmMask) >> OperandBits.RmShift;
}

/** Segment register of the memory operand, override applied. */
export function operandSegment(cpu: Cpu, instruction: number): number {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.SegmentMask) >> OperandBits.SegmentShift;
}

/** Address of the instruction after this one. */
export function nextEip(cpu: Cpu, instruction: number): number {
  return (cpu.words[instruction + InstructionWord.Eip] + cpu.words[instruction + InstructionWord.Length]) | 0;
}

/** Offset of the memory operand in its segment; modulo 64 KiB with 16-bit addressing. */
export function effectiveOffset(cpu: Cpu, instruction: number): number {
  const words = cpu.words;
  const offset =
    (words[words[instruction + InstructionWord.Base]] +
      (words[words[instruction + InstructionWord.Index]] << words[instruction + InstructionWord.Shift]) +
      words[instruction + InstructionWord.Displacement]) |
    0;
  return isAddress32(cpu, instruction) ? offset : offset & 0xffff;
}

/** Linear address of the memory operand plus `displacement`, limits and rights checked for `bytes`. */
export function operandLinear(cpu: Cpu, instruction: number, bytes: number, write: boolean, displacement = 0): number {
  const offset = (effectiveOffset(cpu, instruction) + displacement) | 0;
  return checkedLinear(cpu, operandSegment(cpu, instruction), offset, bytes, write);
}

export function readRegister(cpu: Cpu, number: number, bytes: number): number {
  const words = cpu.words;
  if (bytes === 4) return words[number];
  if (bytes === 2) return words[number] & 0xffff;
  return (words[number & 3] >> ((number & 4) << 1)) & 0xff;
}

export function writeRegister(cpu: Cpu, number: number, bytes: number, value: number): void {
  const words = cpu.words;
  if (bytes === 4) words[number] = value;
  else if (bytes === 2) words[number] = (words[number] & ~0xffff) | (value & 0xffff);
  else {
    const shift = (number & 4) << 1;
    words[number & 3] = (words[number & 3] & ~(0xff << shift)) | ((value & 0xff) << shift);
  }
}

export function readLinear(cpu: Cpu, linear: number, bytes: number): number {
  if (bytes === 4) return cpu.access.read32(linear);
  return bytes === 2 ? cpu.access.read16(linear) : cpu.access.read8(linear);
}

export function writeLinear(cpu: Cpu, linear: number, bytes: number, value: number): void {
  if (bytes === 4) cpu.access.write32(linear, value);
  else if (bytes === 2) cpu.access.write16(linear, value);
  else cpu.access.write8(linear, value);
}

/** The r/m operand's value. */
export function readRm(cpu: Cpu, instruction: number, bytes: number): number {
  if (!isMemory(cpu, instruction)) return readRegister(cpu, rmField(cpu, instruction), bytes);
  return readLinear(cpu, operandLinear(cpu, instruction, bytes, false), bytes);
}

/**
 * Where a read-modify-write r/m operand is: the linear address, checked for writing, or 0 for a register. Raises every
 * fault that the later `readPlace` and `writePlace` could raise.
 */
export function rmPlace(cpu: Cpu, instruction: number, bytes: number): number {
  if (!isMemory(cpu, instruction)) return 0;
  const linear = operandLinear(cpu, instruction, bytes, true);
  cpu.access.probeWrite(linear, bytes);
  return linear;
}

export function readPlace(cpu: Cpu, instruction: number, place: number, bytes: number): number {
  if (!isMemory(cpu, instruction)) return readRegister(cpu, rmField(cpu, instruction), bytes);
  return readLinear(cpu, place, bytes);
}

export function writePlace(cpu: Cpu, instruction: number, place: number, bytes: number, value: number): void {
  if (!isMemory(cpu, instruction)) writeRegister(cpu, rmField(cpu, instruction), bytes, value);
  else writeLinear(cpu, place, bytes, value);
}

/** Writes a write-only r/m operand. */
export function writeRm(cpu: Cpu, instruction: number, bytes: number, value: number): void {
  if (!isMemory(cpu, instruction)) writeRegister(cpu, rmField(cpu, instruction), bytes, value);
  else writeLinear(cpu, operandLinear(cpu, instruction, bytes, true), bytes, value);
}

function isStack32(cpu: Cpu): boolean {
  return (cpu.words[Word.Segments + 4 * SegmentRegister.Ss + SegmentWord.Attributes] & ATTRIBUTE_BIG) !== 0;
}

/** The stack pointer moved by `delta`: ESP, or SP with the upper half kept (SS.B = 0). */
export function movedStackPointer(cpu: Cpu, pointer: number, delta: number): number {
  const moved = (pointer + delta) | 0;
  return isStack32(cpu) ? moved : (pointer & ~0xffff) | (moved & 0xffff);
}

/** Linear address of the stack slot of `bytes` at stack pointer `pointer`. */
export function stackLinear(cpu: Cpu, pointer: number, bytes: number, write: boolean): number {
  const offset = isStack32(cpu) ? pointer : pointer & 0xffff;
  return checkedLinear(cpu, SegmentRegister.Ss, offset, bytes, write);
}

/** Pushes `bytes` (2 or 4); faults before anything changes. */
export function push(cpu: Cpu, value: number, bytes: number): void {
  const pointer = movedStackPointer(cpu, cpu.words[Word.Esp], -bytes);
  writeLinear(cpu, stackLinear(cpu, pointer, bytes, true), bytes, value);
  cpu.words[Word.Esp] = pointer;
}

/** Raises the faults of a push without doing it. */
export function probePush(cpu: Cpu, bytes: number): void {
  const pointer = movedStackPointer(cpu, cpu.words[Word.Esp], -bytes);
  cpu.access.probeWrite(stackLinear(cpu, pointer, bytes, true), bytes);
}

/** The value `depth` bytes above the stack pointer, which does not move. */
export function peek(cpu: Cpu, depth: number, bytes: number): number {
  const pointer = movedStackPointer(cpu, cpu.words[Word.Esp], depth);
  return readLinear(cpu, stackLinear(cpu, pointer, bytes, false), bytes);
}

/** Removes `bytes` from the stack without reading. */
export function drop(cpu: Cpu, bytes: number): void {
  cpu.words[Word.Esp] = movedStackPointer(cpu, cpu.words[Word.Esp], bytes);
}

/** Adds the variable part of an instruction's clocks. */
export function addClocks(cpu: Cpu, clocks: number): void {
  cpu.charge(clocks);
}

/** Near transfer of control: checks the target against the code segment's limit (#GP(0)), then sets EIP. */
export function jumpNear(cpu: Cpu, target: number, bytes: number): void {
  cpu.words[Word.Eip] = checkedTarget(cpu, target, bytes);
}

/** The EIP that a near transfer to `target` gives: modulo 64 KiB with 16-bit operands, inside the code segment. */
export function checkedTarget(cpu: Cpu, target: number, bytes: number): number {
  const eip = bytes === 2 ? target & 0xffff : target;
  const limit = cpu.words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Limit];
  if (eip >>> 0 > limit >>> 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  return eip;
}
