/** GDT, LDT and IDT registers, and descriptors fetched from memory (Intel SDM vol. 3, 2.4 and 3.5). */
import { EventCost } from "../timing/event-costs.ts";
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { attributesOf, baseOf, limitOf, setNullSegment, setSegment } from "./segmentation.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** The two dwords of the descriptor fetched last (scratch: copy them before the next fetch). */
export const descriptor = { low: 0, high: 0 };

const enum DescriptorType {
  Ldt = 2,
}

/** Index words of a table by a selector's TI bit. */
function tableBase(cpu: Cpu, selector: number): number {
  return (selector & 4) !== 0
    ? cpu.words[Word.Segments + 4 * SegmentRegister.Ldtr + SegmentWord.Base]
    : cpu.words[Word.GdtrBase];
}

/** Limit of the selector's table, or -1 when there is no LDT. */
function tableLimit(cpu: Cpu, selector: number): number {
  if ((selector & 4) === 0) return cpu.words[Word.GdtrLimit];
  const index = Word.Segments + 4 * SegmentRegister.Ldtr;
  if ((cpu.words[index + SegmentWord.Attributes] & 0x80) === 0) return -1;
  return cpu.words[index + SegmentWord.Limit] >>> 0;
}

/** Fetches the descriptor of a selector into `descriptor`; false when it lies outside its table. */
export function fetchDescriptor(cpu: Cpu, selector: number): boolean {
  const offset = selector & 0xfff8;
  if (offset + 7 > tableLimit(cpu, selector)) return false;
  const linear = (tableBase(cpu, selector) + offset) | 0;
  descriptor.low = cpu.access.readSystem32(linear);
  descriptor.high = cpu.access.readSystem32(linear + 4);
  return true;
}

/** Sets bits (accessed, busy) in the high dword of a descriptor in memory: a locked read-modify-write. */
export function setDescriptorBits(cpu: Cpu, selector: number, bits: number): void {
  const linear = (tableBase(cpu, selector) + (selector & 0xfff8) + 4) | 0;
  cpu.access.probeWriteAs(linear, 4, false);
  cpu.timing?.lockBus(true);
  cpu.access.writeSystem32(linear, cpu.access.readSystem32(linear) | bits);
  if (cpu.timing === undefined) cpu.charge(EventCost.LockedUpdate);
  else cpu.timing.lockBus(false);
}

/** LGDT, LIDT: the operand is a 16-bit limit and a base of 32 bits, or 24 with a 16-bit operand size. */
export function lgdt(cpu: Cpu, linear: number, operandBytes: number): void {
  loadTableRegister(cpu, linear, operandBytes, Word.GdtrBase, Word.GdtrLimit);
}

export function lidt(cpu: Cpu, linear: number, operandBytes: number): void {
  loadTableRegister(cpu, linear, operandBytes, Word.IdtrBase, Word.IdtrLimit);
}

function loadTableRegister(cpu: Cpu, linear: number, operandBytes: number, baseWord: Word, limitWord: Word): void {
  if (cpu.words[Word.Cpl] !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  const limit = cpu.access.read16(linear);
  const base = cpu.access.read32(linear + 2);
  cpu.words[limitWord] = limit;
  cpu.words[baseWord] = operandBytes === 2 ? base & 0xffffff : base;
}

/** SGDT, SIDT: stores limit and all 32 bits of the base. */
export function sgdt(cpu: Cpu, linear: number): void {
  storeTableRegister(cpu, linear, Word.GdtrBase, Word.GdtrLimit);
}

export function sidt(cpu: Cpu, linear: number): void {
  storeTableRegister(cpu, linear, Word.IdtrBase, Word.IdtrLimit);
}

function storeTableRegister(cpu: Cpu, linear: number, baseWord: Word, limitWord: Word): void {
  cpu.access.probeWrite(linear, 6);
  cpu.access.write16(linear, cpu.words[limitWord]);
  cpu.access.write32(linear + 2, cpu.words[baseWord]);
}

/** LLDT (CPL 0 only; a null selector makes the LDT unusable). */
export function lldt(cpu: Cpu, selector: number): void {
  const value = selector & 0xffff;
  if (cpu.words[Word.Cpl] !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  if ((value & 0xfffc) === 0) {
    setNullSegment(cpu, SegmentRegister.Ldtr, value);
    return;
  }
  const error = value & 0xfffc;
  if ((value & 4) !== 0 || !fetchDescriptor(cpu, value)) raiseFault(cpu, Vector.GeneralProtection, error);
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  if ((attributes & 0x1f) !== DescriptorType.Ldt) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & 0x80) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  setSegment(cpu, SegmentRegister.Ldtr, value, baseOf(low, high), limitOf(low, high), attributes);
}

/** SLDT: the selector in LDTR. */
export function sldt(cpu: Cpu): number {
  return cpu.words[Word.Segments + 4 * SegmentRegister.Ldtr + SegmentWord.Selector];
}
