/**
 * The task state segment as far as it serves privilege changes and port permission: LTR, STR, inner stacks
 * (Intel SDM vol. 3, chapter 7).
 *
 * NOT IMPLEMENTED: task switches; far transfers to a TSS or task gate raise #GP with its selector, an IRET with NT set raises #TS.
 */
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor, setDescriptorBits } from "./descriptor-tables.ts";
import { raiseFault } from "./exceptions.ts";
import { attributesOf, baseOf, limitOf, segmentIndex, setSegment } from "./segmentation.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** Low five bits of the access byte of TSS descriptors. */
const enum TssType {
  Available16 = 0x01,
  Busy16 = 0x03,
  Available32 = 0x09,
  Busy32 = 0x0b,
}

/** Bit of a TSS descriptor's high dword that marks it busy. */
const BUSY = 0x200;

/** LTR: loads the task register and marks the TSS busy. */
export function ltr(cpu: Cpu, selector: number): void {
  const value = selector & 0xffff;
  if (cpu.words[Word.Cpl] !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  if ((value & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  const error = value & 0xfffc;
  if ((value & 4) !== 0 || !fetchDescriptor(cpu, value)) raiseFault(cpu, Vector.GeneralProtection, error);
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  const type = attributes & 0x1f;
  if (type !== TssType.Available16 && type !== TssType.Available32) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & 0x80) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  setDescriptorBits(cpu, value, BUSY);
  setSegment(cpu, SegmentRegister.Tr, value, baseOf(low, high), limitOf(low, high), attributesOf(high | BUSY));
}

/** STR: the selector in TR. */
export function str(cpu: Cpu): number {
  return cpu.words[segmentIndex(SegmentRegister.Tr) + SegmentWord.Selector];
}

/** The stack of an inner level as read last from the TSS (scratch). */
export const innerStack = { selector: 0, pointer: 0 };

/** Reads SSn:ESPn of the current TSS into `innerStack`; #TS with TR's selector when the TSS is too short or absent. */
export function readInnerStack(cpu: Cpu, level: number, external: number): void {
  const index = segmentIndex(SegmentRegister.Tr);
  const base = cpu.words[index + SegmentWord.Base];
  const limit = cpu.words[index + SegmentWord.Limit] >>> 0;
  const attributes = cpu.words[index + SegmentWord.Attributes];
  const error = (cpu.words[index + SegmentWord.Selector] & 0xfffc) | external;
  if ((attributes & 0x80) === 0) raiseFault(cpu, Vector.InvalidTss, error);
  if ((attributes & 8) !== 0) {
    const offset = 4 + 8 * level;
    if (offset + 5 > limit) raiseFault(cpu, Vector.InvalidTss, error);
    innerStack.pointer = cpu.access.readSystem32(base + offset);
    innerStack.selector = cpu.access.readSystem16(base + offset + 4);
    return;
  }
  const offset = 2 + 4 * level;
  if (offset + 3 > limit) raiseFault(cpu, Vector.InvalidTss, error);
  innerStack.pointer = cpu.access.readSystem16(base + offset);
  innerStack.selector = cpu.access.readSystem16(base + offset + 2);
}

/** Whether the I/O permission bitmap allows access to `bytes` ports from `port` (Intel SDM vol. 1, 19.5.2). */
export function portPermitted(cpu: Cpu, port: number, bytes: number): boolean {
  const index = segmentIndex(SegmentRegister.Tr);
  const base = cpu.words[index + SegmentWord.Base];
  const limit = cpu.words[index + SegmentWord.Limit] >>> 0;
  const attributes = cpu.words[index + SegmentWord.Attributes];
  if ((attributes & 0x88) !== 0x88 || limit < 0x67) return false;
  const map = cpu.access.readSystem16(base + 0x66) + (port >>> 3);
  if (map + 1 > limit) return false;
  const bits = cpu.access.readSystem8(base + map) | (cpu.access.readSystem8(base + map + 1) << 8);
  return ((bits >>> (port & 7)) & ((1 << bytes) - 1)) === 0;
}
