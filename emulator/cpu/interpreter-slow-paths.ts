/**
 * What the hot loop calls out of line: memory accesses that miss their memo, handlers, segment checks. Each records
 * which micro-operation runs (so that a fault finds its instruction) and gives back where the loop must stop: a page
 * walk may have used up the slice, a store may have changed decoded code, an observer may have asked to stop.
 */
import type { Cpu } from "./cpu.ts";
import { InstructionWord, MicroWord } from "./decode-records.ts";
import { raiseFault } from "./exceptions.ts";
import type { Handler } from "./instructions/form.ts";
import { FORMS } from "./instructions/table.ts";
import { Micro, SegmentAccess } from "./interpreter-micro.ts";
import { checkedLinear } from "./segmentation.ts";
import { Counter, Vector, Word } from "./state.ts";

/** Protected-mode-only instructions outside protected mode. */
const CR0_PE = 1;

/** The handler of each form, its privilege check in front. */
export const HANDLERS: readonly Handler[] = FORMS.map((form): Handler => {
  const { handler, privilege } = form;
  if (handler === undefined) {
    return () => {
      throw new Error(`${form.mnemonic} (${form.encoding.text}) has no handler`);
    };
  }
  if (privilege === "supervisor") {
    return (cpu, instruction) => {
      if (cpu.words[Word.Cpl] !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
      handler(cpu, instruction);
    };
  }
  if (privilege === "protected") {
    return (cpu, instruction) => {
      if ((cpu.words[Word.Cr0] & CR0_PE) === 0) raiseFault(cpu, Vector.InvalidOpcode);
      handler(cpu, instruction);
    };
  }
  return handler;
});

/** `end`, or the end of the running instruction when the run loop must look again. */
export function boundaryAfterSlowPath(cpu: Cpu, pc: number, end: number): number {
  const { words, counters } = cpu;
  if (counters[Counter.Cycles] < counters[Counter.LimitCycle] && words[Word.CodeChanged] === 0) return end;
  return words[words[pc + MicroWord.Instruction] + InstructionWord.EndMicro];
}

export function loadSlowly(cpu: Cpu, pc: number, address: number, end: number): number {
  const { words, access } = cpu;
  words[Word.CurrentMicro] = pc;
  const destination = words[pc + MicroWord.Destination];
  switch (words[pc]) {
    case Micro.Load8:
      cpu.bytes[destination] = access.read8(address);
      break;
    case Micro.Load16:
      cpu.words16[destination] = access.read16(address);
      break;
    case Micro.Load32:
      words[destination] = access.read32(address);
      break;
    case Micro.LoadZeroExtend8:
      words[destination] = access.read8(address);
      break;
    case Micro.LoadZeroExtend16:
      words[destination] = access.read16(address);
      break;
    case Micro.LoadSignExtend8:
      words[destination] = (access.read8(address) << 24) >> 24;
      break;
    default:
      words[destination] = (access.read16(address) << 16) >> 16;
      break;
  }
  return boundaryAfterSlowPath(cpu, pc, end);
}

/** Store and StoreBack. */
export function storeSlowly(cpu: Cpu, pc: number, address: number, end: number): number {
  const { words, access } = cpu;
  words[Word.CurrentMicro] = pc;
  const source = words[pc + MicroWord.Source];
  switch (words[pc]) {
    case Micro.Store8:
    case Micro.StoreBack8:
      access.write8(address, cpu.bytes[source]);
      break;
    case Micro.Store16:
    case Micro.StoreBack16:
      access.write16(address, cpu.words16[source]);
      break;
    default:
      access.write32(address, words[source]);
      break;
  }
  return boundaryAfterSlowPath(cpu, pc, end);
}

export function loadForWriteSlowly(cpu: Cpu, pc: number, address: number, end: number): number {
  const { words, access } = cpu;
  words[Word.CurrentMicro] = pc;
  const destination = words[pc + MicroWord.Destination];
  switch (words[pc]) {
    case Micro.LoadForWrite8:
      cpu.bytes[destination] = access.readModify8(address);
      break;
    case Micro.LoadForWrite16:
      cpu.words16[destination] = access.readModify16(address);
      break;
    default:
      words[destination] = access.readModify32(address);
      break;
  }
  return boundaryAfterSlowPath(cpu, pc, end);
}

export function pushSlowly(cpu: Cpu, pc: number, address: number, value: number, end: number): number {
  cpu.words[Word.CurrentMicro] = pc;
  cpu.access.write32(address, value);
  return boundaryAfterSlowPath(cpu, pc, end);
}

export function readStackSlowly(cpu: Cpu, pc: number, address: number): number {
  cpu.words[Word.CurrentMicro] = pc;
  return cpu.access.read32(address);
}

/** Micro.SegmentAddress. */
export function segmentAddress(cpu: Cpu, pc: number): void {
  const { words } = cpu;
  words[Word.CurrentMicro] = pc;
  const access = words[pc + MicroWord.Immediate];
  words[words[pc + MicroWord.Destination]] = checkedLinear(
    cpu,
    access >> SegmentAccess.SegmentShift,
    words[words[pc + MicroWord.Source]],
    access & SegmentAccess.BytesMask,
    (access & SegmentAccess.Write) !== 0,
  );
}

/** Micro.CheckBank whose address is in the bank of the access before it, or misaligned. */
export function checkBank(cpu: Cpu, pc: number, address: number, before: number, end: number): number {
  cpu.words[Word.CurrentMicro] = pc;
  cpu.timing?.checkBank(cpu.words[pc + MicroWord.Instruction], address, before);
  return boundaryAfterSlowPath(cpu, pc, end);
}

/** Micro.Handler. */
export function callHandler(cpu: Cpu, pc: number, end: number): number {
  const { words } = cpu;
  words[Word.CurrentMicro] = pc;
  const instruction = words[pc + MicroWord.Instruction];
  (HANDLERS[words[instruction + InstructionWord.Form]] as Handler)(cpu, instruction);
  return boundaryAfterSlowPath(cpu, pc, end);
}

/** The high word of the unsigned product, as int32. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow) >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + low;
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + Math.floor(middle / 65536) + Math.floor(cross / 65536)) | 0;
}

/** 1 when the low byte has an even number of set bits. */
export function parityEven(value: number): number {
  return (0x9669 >>> ((value ^ (value >>> 4)) & 15)) & 1;
}
