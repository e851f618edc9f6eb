/**
 * Segment registers in protected mode: descriptor loads with all their checks, the cached descriptor, and checked
 * addresses for segments that are not flat (Intel SDM vol. 3, chapters 3.4 and 5).
 *
 * NOT IMPLEMENTED: real-mode limits other than 64 KiB; virtual-8086 mode.
 */

import { EventCost } from "../timing/event-costs.ts";
import { PerformanceEvent } from "../timing/event-counters.ts";
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor, setDescriptorBits } from "./descriptor-tables.ts";
import { raiseFault } from "./exceptions.ts";
import { Flag, SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** Bits of SegmentWord.Attributes: the descriptor's access byte, its flags nibble at 12, and what we derive from all of it. */
export const enum SegmentAttribute {
  Accessed = 0x01,
  /** Data: writable. Code: readable. */
  WritableOrReadable = 0x02,
  /** Data: expand-down. Code: conforming. */
  ExpandDownOrConforming = 0x04,
  Code = 0x08,
  /** Code or data, not a system segment. */
  NotSystem = 0x10,
  DplShift = 5,
  Dpl = 0x60,
  Present = 0x80,
  /** D of a code segment, B of a stack or data segment. */
  Big = 0x4000,
  Granularity = 0x8000,
  /** Base 0, limit 4 GiB, present, readable, not expand-down: an offset is a linear address and no read can fail. */
  FlatRead = 0x10000,
  /** The same, and writable. */
  FlatWrite = 0x20000,
}

/** Index of the first of the four words of a segment register. */
export function segmentIndex(segment: SegmentRegister): number {
  return Word.Segments + 4 * segment;
}

/** Access byte and flags of a descriptor's high dword as `SegmentAttribute`, without the derived bits. */
export function attributesOf(high: number): number {
  return (high >>> 8) & 0xf0ff;
}

export function baseOf(low: number, high: number): number {
  return (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
}

/** Limit in bytes, granularity applied, as int32. */
export function limitOf(low: number, high: number): number {
  const raw = (low & 0xffff) | (high & 0xf0000);
  return (high & 0x800000) !== 0 ? (raw << 12) | 0xfff : raw;
}

/** Loads the four words of a segment register; the caller has made every check. */
export function setSegment(
  cpu: Cpu,
  segment: SegmentRegister,
  selector: number,
  base: number,
  limit: number,
  attributes: number,
): void {
  const index = segmentIndex(segment);
  let derived = attributes & 0xffff;
  const expandDown = (attributes & (SegmentAttribute.Code | SegmentAttribute.ExpandDownOrConforming)) === 4;
  const usable = (attributes & 0x90) === 0x90;
  if (usable && base === 0 && (limit | 0) === -1 && !expandDown) {
    const code = (attributes & SegmentAttribute.Code) !== 0;
    const second = (attributes & SegmentAttribute.WritableOrReadable) !== 0;
    if (!code || second) derived |= SegmentAttribute.FlatRead;
    if (!code && second) derived |= SegmentAttribute.FlatWrite;
  }
  cpu.words[index + SegmentWord.Selector] = selector & 0xffff;
  cpu.words[index + SegmentWord.Base] = base;
  cpu.words[index + SegmentWord.Limit] = limit;
  cpu.words[index + SegmentWord.Attributes] = derived;
  cpu.timing?.happened(PerformanceEvent.SegmentLoad);
}

/** The same from a descriptor's two dwords. */
export function setSegmentFromDescriptor(
  cpu: Cpu,
  segment: SegmentRegister,
  selector: number,
  low: number,
  high: number,
): void {
  setSegment(cpu, segment, selector, baseOf(low, high), limitOf(low, high), attributesOf(high));
}

/** Makes a data segment register unusable, keeping the (null) selector. */
export function setNullSegment(cpu: Cpu, segment: SegmentRegister, selector: number): void {
  setSegment(cpu, segment, selector, 0, 0, 0);
}

/**
 * MOV Sreg, POP Sreg and LxS: loads ES, SS, DS, FS or GS with all checks (Intel SDM vol. 2, MOV). Charges what a descriptor
 * load costs over the instruction's own clocks. MOV SS and POP SS must also hold interrupts off (Word.InterruptShadow).
 */
export function loadSegment(cpu: Cpu, segment: SegmentRegister, selector: number): void {
  const value = selector & 0xffff;
  if ((cpu.words[Word.Cr0] & 1) === 0) {
    const limit = cpu.words[segmentIndex(segment) + SegmentWord.Limit];
    setSegment(cpu, segment, value, value << 4, limit, 0x93);
    return;
  }
  if (segment === SegmentRegister.Ss) loadStackSegment(cpu, value);
  else loadDataSegment(cpu, segment, value);
}

function loadStackSegment(cpu: Cpu, selector: number): void {
  const cpl = cpu.words[Word.Cpl];
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  checkStackDescriptor(cpu, selector, cpl, Vector.GeneralProtection, 0);
  const { low, high } = descriptor;
  markAccessed(cpu, selector, high);
  setSegmentFromDescriptor(cpu, SegmentRegister.Ss, selector, low, high | 0x100);
  cpu.charge(EventCost.DescriptorLoad + EventCost.StackSegmentLoad);
}

/**
 * Fetches the descriptor of a stack segment for privilege level `level` into `descriptor` and checks it; faults go to `vector`
 * with the selector and `external` (EXT bit) as error code, a segment not present to #SS.
 */
export function checkStackDescriptor(
  cpu: Cpu,
  selector: number,
  level: number,
  vector: Vector,
  external: number,
): void {
  const error = (selector & 0xfffc) | external;
  if (!fetchDescriptor(cpu, selector)) raiseFault(cpu, vector, error);
  const attributes = attributesOf(descriptor.high);
  const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
  const writableData = (attributes & 0x1a) === 0x12;
  if (!writableData || (selector & 3) !== level || dpl !== level) raiseFault(cpu, vector, error);
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.StackFault, error);
}

function loadDataSegment(cpu: Cpu, segment: SegmentRegister, selector: number): void {
  if ((selector & 0xfffc) === 0) {
    setNullSegment(cpu, segment, selector);
    return;
  }
  const error = selector & 0xfffc;
  if (!fetchDescriptor(cpu, selector)) raiseFault(cpu, Vector.GeneralProtection, error);
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  if (!readable(attributes)) raiseFault(cpu, Vector.GeneralProtection, error);
  if (!conforming(attributes)) {
    const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
    if (dpl < (selector & 3) || dpl < cpu.words[Word.Cpl]) raiseFault(cpu, Vector.GeneralProtection, error);
  }
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  markAccessed(cpu, selector, high);
  setSegmentFromDescriptor(cpu, segment, selector, low, high | 0x100);
  cpu.charge(EventCost.DescriptorLoad);
}

/** Data, or code that may be read. */
export function readable(attributes: number): boolean {
  if ((attributes & SegmentAttribute.NotSystem) === 0) return false;
  return (attributes & SegmentAttribute.Code) === 0 || (attributes & SegmentAttribute.WritableOrReadable) !== 0;
}

/** Conforming code. */
export function conforming(attributes: number): boolean {
  return (attributes & 0x1c) === 0x1c;
}

/** Sets the accessed bit of a code or data descriptor in memory, unless it is set. */
export function markAccessed(cpu: Cpu, selector: number, high: number): void {
  if ((high & 0x100) === 0) setDescriptorBits(cpu, selector, 0x100);
}

/**
 * After a return to an outer level: a data segment register that the new level may not use becomes null
 * (Intel SDM vol. 3, 5.8.6).
 */
export function nullInaccessibleSegments(cpu: Cpu): void {
  const cpl = cpu.words[Word.Cpl];
  for (let segment = SegmentRegister.Es as number; segment <= SegmentRegister.Gs; segment++) {
    if (segment === SegmentRegister.Cs || segment === SegmentRegister.Ss) continue;
    const attributes = cpu.words[segmentIndex(segment) + SegmentWord.Attributes];
    const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
    if (!conforming(attributes) && dpl < cpl) setNullSegment(cpu, segment, 0);
  }
}

/**
 * Checks an access of `bytes` at `offset` of a segment against its type and limit and returns the linear address.
 * Raises #SS(0) for SS and #GP(0) for the others.
 */
export function checkedLinear(
  cpu: Cpu,
  segment: SegmentRegister,
  offset: number,
  bytes: number,
  write: boolean,
): number {
  const index = segmentIndex(segment);
  const attributes = cpu.words[index + SegmentWord.Attributes];
  if ((attributes & (write ? SegmentAttribute.FlatWrite : SegmentAttribute.FlatRead)) !== 0) return offset;
  if (!mayAccess(attributes, write) || !withinLimit(attributes, cpu.words[index + SegmentWord.Limit], offset, bytes))
    raiseFault(cpu, segment === SegmentRegister.Ss ? Vector.StackFault : Vector.GeneralProtection, 0);
  return (cpu.words[index + SegmentWord.Base] + offset) | 0;
}

function mayAccess(attributes: number, write: boolean): boolean {
  if ((attributes & 0x90) !== 0x90) return false;
  return write ? (attributes & 0x0a) === 0x02 : readable(attributes);
}

/**
 * Whether `bytes` at `offset` lie inside a segment (Intel SDM vol. 3, 5.3). A 4 GiB limit is never exceeded: an access
 * across its end wraps.
 */
export function withinLimit(attributes: number, limit: number, offset: number, bytes: number): boolean {
  const first = offset >>> 0;
  const last = first + bytes - 1;
  if ((attributes & 0x0c) === SegmentAttribute.ExpandDownOrConforming) {
    const top = (attributes & SegmentAttribute.Big) !== 0 ? 0xffffffff : 0xffff;
    return first > limit >>> 0 && last <= top;
  }
  return limit === -1 || last <= limit >>> 0;
}

/**
 * Puts the CPU into flat 32-bit protected mode at CPL 0 (paging off, interrupts off) without descriptor tables, as a boot loader
 * hands over: CS, DS, ES, FS, GS, SS with base 0 and limit 4 GiB.
 */
export function enterFlatProtectedMode(cpu: Cpu, eip: number, esp: number): void {
  cpu.words[Word.Cr0] = 0x11;
  cpu.setCpl(0);
  for (let segment = SegmentRegister.Es as number; segment <= SegmentRegister.Gs; segment++) {
    const code = segment === SegmentRegister.Cs;
    setSegment(cpu, segment, code ? 0x08 : 0x10, 0, -1, code ? 0xc09b : 0xc093);
  }
  cpu.words[Word.Eip] = eip;
  cpu.words[Word.Esp] = esp;
  cpu.eflags = Flag.Reserved1;
  cpu.stateReplaced();
}
