/** Segment register instructions (Intel SDM vol. 1, 5.1.12): MOV Sreg, LDS LES LFS LGS LSS. */
import type { Cpu } from "../cpu.ts";
import { holdInterruptsOff } from "../port-access.ts";
import { loadSegment } from "../segmentation.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "../state.ts";
import {
  isMemory,
  isOperand32,
  operandLinear,
  readLinear,
  readRm,
  registerField,
  rmField,
  writeRegister,
  writeRm,
} from "./operands.ts";
import { type Row, row } from "./row.ts";

/** MOV r/m16, Sreg: memory gets 16 bits whatever the operand size; a 32-bit register gets zeros above. */
function storeSegment(cpu: Cpu, instruction: number): void {
  const selector = cpu.words[Word.Segments + 4 * registerField(cpu, instruction) + SegmentWord.Selector] & 0xffff;
  if (isMemory(cpu, instruction)) writeRm(cpu, instruction, 2, selector);
  else writeRegister(cpu, rmField(cpu, instruction), isOperand32(cpu, instruction) ? 4 : 2, selector);
}

function loadSegmentRegister(cpu: Cpu, instruction: number): void {
  const segment = registerField(cpu, instruction);
  loadSegment(cpu, segment, readRm(cpu, instruction, 2));
  if (segment === SegmentRegister.Ss) holdInterruptsOff(cpu);
}

function loadFarPointer(segment: SegmentRegister) {
  return (cpu: Cpu, instruction: number): void => {
    const bytes = isOperand32(cpu, instruction) ? 4 : 2;
    const linear = operandLinear(cpu, instruction, bytes + 2, false);
    const offset = readLinear(cpu, linear, bytes);
    loadSegment(cpu, segment, readLinear(cpu, (linear + bytes) | 0, 2));
    writeRegister(cpu, registerField(cpu, instruction), bytes, offset);
  };
}

const RAISES = [Vector.GeneralProtection, Vector.SegmentNotPresent, Vector.StackFault];
const POINTER = { endsBlock: true, clocks: 4, raises: RAISES } as const;

export const SEGMENT_ROWS: readonly Row[] = [
  row("mov", "8C /r", "w:Ev r:Sw", { handler: storeSegment, clocks: 1 }),
  row("mov", "8E /r", "w:Sw r:Ew", { handler: loadSegmentRegister, endsBlock: true, clocks: [2, 3], raises: RAISES }),
  row("les", "C4 /r", "w:Gv r:Mp", { ...POINTER, handler: loadFarPointer(SegmentRegister.Es) }),
  row("lds", "C5 /r", "w:Gv r:Mp", { ...POINTER, handler: loadFarPointer(SegmentRegister.Ds) }),
  row("lss", "0F B2 /r", "w:Gv r:Mp", { ...POINTER, handler: loadFarPointer(SegmentRegister.Ss) }),
  row("lfs", "0F B4 /r", "w:Gv r:Mp", { ...POINTER, handler: loadFarPointer(SegmentRegister.Fs) }),
  row("lgs", "0F B5 /r", "w:Gv r:Mp", { ...POINTER, handler: loadFarPointer(SegmentRegister.Gs) }),
];
