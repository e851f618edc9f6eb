/**
 * Stack instructions (Intel SDM vol. 1, 5.1.1, 5.1.11, 5.1.12). The micro-operations serve the flat 32-bit stack; the
 * handlers serve every other stack and operand size.
 */
import { EventCost } from "../../timing/event-costs.ts";
import type { Cpu } from "../cpu.ts";
import { InstructionWord } from "../decode-records.ts";
import { raiseFault } from "../exceptions.ts";
import { Micro } from "../interpreter-micro.ts";
import { holdInterruptsOff } from "../port-access.ts";
import { loadSegment } from "../segmentation.ts";
import { Flag, SegmentRegister, SegmentWord, Vector, Word } from "../state.ts";
import { Pairing } from "./form.ts";
import {
  addClocks,
  drop,
  immediate,
  isMemory,
  isOperand32,
  movedStackPointer,
  operandLinear,
  peek,
  push,
  readLinear,
  readRegister,
  readRm,
  registerField,
  rmField,
  stackLinear,
  writeLinear,
  writeRegister,
} from "./operands.ts";
import { flags, Registers, type Row, type RowOptions, row } from "./row.ts";

function stackBytes(cpu: Cpu, instruction: number): number {
  return isOperand32(cpu, instruction) ? 4 : 2;
}

function pushRegister(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  push(cpu, readRegister(cpu, registerField(cpu, instruction), bytes), bytes);
}

function pushImmediate(cpu: Cpu, instruction: number): void {
  push(cpu, immediate(cpu, instruction), stackBytes(cpu, instruction));
}

function pushRm(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  push(cpu, readRm(cpu, instruction, bytes), bytes);
}

function popRegister(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  const value = peek(cpu, 0, bytes);
  drop(cpu, bytes);
  writeRegister(cpu, registerField(cpu, instruction), bytes, value);
}

/** POP r/m: an address that uses ESP is computed after ESP has moved (SDM vol. 2, POP). */
function popRm(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  const value = peek(cpu, 0, bytes);
  const before = cpu.words[Word.Esp];
  if (!isMemory(cpu, instruction)) {
    drop(cpu, bytes);
    writeRegister(cpu, rmField(cpu, instruction), bytes, value);
    return;
  }
  const after = movedStackPointer(cpu, before, bytes);
  const usesEsp = cpu.words[instruction + InstructionWord.Base] === Word.Esp;
  const displacement = usesEsp ? (after - before) | 0 : 0;
  writeLinear(cpu, operandLinear(cpu, instruction, bytes, true, displacement), bytes, value);
  cpu.words[Word.Esp] = after;
}

/** PUSH of a segment register with 32-bit operands: the upper half of the slot gets zeros. */
function pushSegment(segment: SegmentRegister) {
  return (cpu: Cpu, instruction: number): void =>
    push(cpu, cpu.words[Word.Segments + 4 * segment + SegmentWord.Selector] & 0xffff, stackBytes(cpu, instruction));
}

function popSegment(segment: SegmentRegister) {
  return (cpu: Cpu, instruction: number): void => {
    const bytes = stackBytes(cpu, instruction);
    const selector = peek(cpu, 0, bytes) & 0xffff;
    // The old stack's size decides how the pointer moves, so it moves before SS changes, and only if the load succeeds.
    const after = movedStackPointer(cpu, cpu.words[Word.Esp], bytes);
    loadSegment(cpu, segment, selector);
    cpu.words[Word.Esp] = after;
    if (segment === SegmentRegister.Ss) holdInterruptsOff(cpu);
  };
}

function pushAll(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  const start = cpu.words[Word.Esp];
  const end = movedStackPointer(cpu, start, -8 * bytes);
  for (let register = 0; register < 8; register++) {
    const slot = movedStackPointer(cpu, start, -bytes * (register + 1));
    cpu.access.probeWrite(stackLinear(cpu, slot, bytes, true), bytes);
  }
  for (let register = 0; register < 8; register++) {
    const slot = movedStackPointer(cpu, start, -bytes * (register + 1));
    writeLinear(cpu, stackLinear(cpu, slot, bytes, true), bytes, cpu.words[register]);
  }
  cpu.words[Word.Esp] = end;
}

/** POPA: all eight slots are read before any register changes; the one for ESP is skipped. */
function popAll(cpu: Cpu, instruction: number): void {
  const bytes = stackBytes(cpu, instruction);
  for (let slot = 0; slot < 8; slot++) peek(cpu, slot * bytes, bytes);
  for (let slot = 0; slot < 8; slot++) {
    const register = 7 - slot;
    if (register !== Word.Esp) writeRegister(cpu, register, bytes, peek(cpu, slot * bytes, bytes));
  }
  drop(cpu, 8 * bytes);
}

/** V86 mode with IOPL below 3 may neither push nor pop the flags. */
function requireFlagAccess(cpu: Cpu): void {
  const system = cpu.words[Word.SystemFlags];
  if ((system & Flag.Vm) !== 0 && (system & Flag.Iopl) !== Flag.Iopl) raiseFault(cpu, Vector.GeneralProtection, 0);
}

function pushFlags(cpu: Cpu, instruction: number): void {
  requireFlagAccess(cpu);
  if ((cpu.words[Word.Cr0] & 1) === 0) addClocks(cpu, EventCost.PushFlagsRealMode);
  push(cpu, cpu.eflags & ~(Flag.Rf | Flag.Vm), stackBytes(cpu, instruction));
}

/** POPF changes IOPL only at CPL 0 and IF only when CPL <= IOPL, without a fault; VM stays, RF is cleared. */
function popFlags(cpu: Cpu, instruction: number): void {
  requireFlagAccess(cpu);
  if ((cpu.words[Word.Cr0] & 1) === 0) addClocks(cpu, EventCost.PopFlagsRealMode);
  const bytes = stackBytes(cpu, instruction);
  const value = peek(cpu, 0, bytes);
  const before = cpu.eflags;
  const cpl = cpu.words[Word.Cpl];
  let writable = Flag.Arithmetic | Flag.Tf | Flag.Df | Flag.Nt;
  if (bytes === 4) writable |= Flag.Ac | Flag.Id;
  if (cpl === 0) writable |= Flag.Iopl;
  if (cpl <= (before & Flag.Iopl) >> 12) writable |= Flag.If;
  drop(cpu, bytes);
  const kept = bytes === 4 ? ~(writable | Flag.Rf) : ~writable;
  cpu.eflags = (before & kept) | (value & writable);
  // IF or TF may have changed: the run loop looks again.
  cpu.requestAttention();
}

/** ENTER (SDM vol. 2): every slot it will use is probed first, then written. Nesting level modulo 32. */
function enter(cpu: Cpu, instruction: number): void {
  const words = cpu.words;
  const bytes = stackBytes(cpu, instruction);
  const locals = words[instruction + InstructionWord.Immediate] & 0xffff;
  const level = words[instruction + InstructionWord.Immediate2] & 31;
  const start = words[Word.Esp];
  const slots = level === 0 ? 1 : level + 1;
  for (let slot = 1; slot <= slots; slot++) {
    cpu.access.probeWrite(stackLinear(cpu, movedStackPointer(cpu, start, -bytes * slot), bytes, true), bytes);
  }
  // The new top of the stack must be writable too: the instruction probes it without writing.
  const end = movedStackPointer(cpu, start, -bytes * slots - locals);
  cpu.access.probeWrite(stackLinear(cpu, end, bytes, true), bytes);
  const frame = movedStackPointer(cpu, start, -bytes);
  const oldBase = words[Word.Ebp];
  for (let slot = 1; slot < level; slot++) {
    readLinear(cpu, stackLinear(cpu, movedStackPointer(cpu, oldBase, -bytes * slot), bytes, false), bytes);
  }
  writeLinear(cpu, stackLinear(cpu, frame, bytes, true), bytes, oldBase);
  for (let slot = 1; slot < level; slot++) {
    const display = movedStackPointer(cpu, oldBase, -bytes * slot);
    const value = readLinear(cpu, stackLinear(cpu, display, bytes, false), bytes);
    writeLinear(cpu, stackLinear(cpu, movedStackPointer(cpu, frame, -bytes * slot), bytes, true), bytes, value);
  }
  if (level > 0) {
    writeLinear(cpu, stackLinear(cpu, movedStackPointer(cpu, frame, -bytes * level), bytes, true), bytes, frame);
  }
  writeRegister(cpu, Word.Ebp, bytes, frame);
  words[Word.Esp] = end;
  if (level === 1) addClocks(cpu, 4);
  else if (level > 1) addClocks(cpu, 4 + 2 * level);
}

function leave(cpu: Cpu, instruction: number): void {
  const words = cpu.words;
  const bytes = stackBytes(cpu, instruction);
  const base = movedStackPointer(cpu, words[Word.Ebp], 0);
  const pointer = (words[Word.Esp] & ~stackMask(cpu)) | (base & stackMask(cpu));
  const value = readLinear(cpu, stackLinear(cpu, pointer, bytes, false), bytes);
  words[Word.Esp] = movedStackPointer(cpu, pointer, bytes);
  writeRegister(cpu, Word.Ebp, bytes, value);
}

/** All ones for a 32-bit stack, FFFF for a 16-bit one. */
function stackMask(cpu: Cpu): number {
  return movedStackPointer(cpu, 0x10000, -0x10000) === 0 ? -1 : 0xffff;
}

const ESP = { implicitRead: Registers.Esp, implicitWritten: Registers.Esp };
const UV = Pairing.UV;
const SEGMENT: RowOptions = {
  endsBlock: true,
  clocks: 3,
  ...ESP,
  raises: [Vector.GeneralProtection, Vector.SegmentNotPresent],
};

export const STACK_ROWS: readonly Row[] = [
  row("push", "50+r", "r:Zv", { micro: Micro.Push32, handler: pushRegister, pairing: UV, clocks: 1, ...ESP }),
  row("push", "68 iv", "r:Iv", { micro: Micro.Push32, handler: pushImmediate, pairing: UV, clocks: 1, ...ESP }),
  row("push", "6A ib", "r:Ibs", { micro: Micro.Push32, handler: pushImmediate, pairing: UV, clocks: 1, ...ESP }),
  row("push", "FF /6", "r:Ev", { micro: Micro.Push32, handler: pushRm, clocks: [1, 2], ...ESP }),
  row("push", "06", "r:ES", { handler: pushSegment(SegmentRegister.Es), clocks: 1, ...ESP }),
  row("push", "0E", "r:CS", { handler: pushSegment(SegmentRegister.Cs), clocks: 1, ...ESP }),
  row("push", "16", "r:SS", { handler: pushSegment(SegmentRegister.Ss), clocks: 1, ...ESP }),
  row("push", "1E", "r:DS", { handler: pushSegment(SegmentRegister.Ds), clocks: 1, ...ESP }),
  row("push", "0F A0", "r:FS", { handler: pushSegment(SegmentRegister.Fs), clocks: 1, ...ESP }),
  row("push", "0F A8", "r:GS", { handler: pushSegment(SegmentRegister.Gs), clocks: 1, ...ESP }),
  row("pop", "58+r", "w:Zv", { micro: Micro.Pop32, handler: popRegister, pairing: UV, clocks: 1, ...ESP }),
  row("pop", "8F /0", "w:Ev", { handler: popRm, clocks: [1, 3], ...ESP }),
  row("pop", "07", "w:ES", { ...SEGMENT, handler: popSegment(SegmentRegister.Es) }),
  row("pop", "17", "w:SS", { ...SEGMENT, handler: popSegment(SegmentRegister.Ss) }),
  row("pop", "1F", "w:DS", { ...SEGMENT, handler: popSegment(SegmentRegister.Ds) }),
  row("pop", "0F A1", "w:FS", { ...SEGMENT, handler: popSegment(SegmentRegister.Fs) }),
  row("pop", "0F A9", "w:GS", { ...SEGMENT, handler: popSegment(SegmentRegister.Gs) }),
  row("pusha/pushad", "60", "", {
    handler: pushAll,
    clocks: 5,
    implicitRead: Registers.All,
    implicitWritten: Registers.Esp,
  }),
  row("popa/popad", "61", "", {
    handler: popAll,
    clocks: 5,
    implicitRead: Registers.Esp,
    implicitWritten: Registers.All,
  }),
  row("pushf/pushfd", "9C", "", {
    handler: pushFlags,
    flags: flags("", "oszapcditnlx"),
    clocks: 3,
    ...ESP,
    raises: [Vector.GeneralProtection],
  }),
  row("popf/popfd", "9D", "", {
    handler: popFlags,
    flags: flags("oszapcditnlx"),
    endsBlock: true,
    clocks: 4,
    ...ESP,
    raises: [Vector.GeneralProtection],
  }),
  row("enter", "C8 iw ib", "r:Iw r:Ib", {
    handler: enter,
    clocks: 11,
    implicitRead: Registers.Esp | Registers.Ebp,
    implicitWritten: Registers.Esp | Registers.Ebp,
  }),
  row("leave", "C9", "", {
    micro: Micro.Leave32,
    handler: leave,
    clocks: 3,
    implicitRead: Registers.Ebp,
    implicitWritten: Registers.Esp | Registers.Ebp,
  }),
];
