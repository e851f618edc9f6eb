/** Stack access by microcode: pushes that are checked before the first one is made, pops that change nothing until committed. */
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { checkedLinear, SegmentAttribute, segmentIndex, withinLimit } from "./segmentation.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** Mask of the stack pointer: 32 bits, or 16 for a 16-bit stack segment. */
export function stackMask(attributes: number): number {
  return (attributes & SegmentAttribute.Big) !== 0 ? -1 : 0xffff;
}

/** Mask of the current stack. */
export function currentStackMask(cpu: Cpu): number {
  return stackMask(cpu.words[segmentIndex(SegmentRegister.Ss) + SegmentWord.Attributes]);
}

/** Sets ESP, or only SP on a 16-bit stack. */
export function setStackPointer(cpu: Cpu, value: number): void {
  const mask = currentStackMask(cpu);
  cpu.words[Word.Esp] = (cpu.words[Word.Esp] & ~mask) | (value & mask);
}

/** Reads 16 or 32 bits at `displacement` above the stack pointer, at the current privilege level; #SS(0) beyond the limit. */
export function peekStack(cpu: Cpu, displacement: number, bytes: number): number {
  const offset = (cpu.words[Word.Esp] + displacement) & currentStackMask(cpu);
  const linear = checkedLinear(cpu, SegmentRegister.Ss, offset, bytes, false);
  return bytes === 2 ? cpu.access.read16(linear) : cpu.access.read32(linear);
}

/** A stack that values are pushed on, not necessarily the current one. */
export interface StackFrame {
  base: number;
  mask: number;
  pointer: number;
  user: boolean;
  bytes: number;
}

/** The one frame under construction (scratch). */
const frame: StackFrame = { base: 0, mask: -1, pointer: 0, user: false, bytes: 4 };

/**
 * Begins a sequence of `count` pushes of `bytes` each on a stack given by its segment words, and checks that all of it
 * can be written. `error`: the error code of the #SS when the limit is exceeded.
 */
export function beginPushes(
  cpu: Cpu,
  base: number,
  limit: number,
  attributes: number,
  pointer: number,
  level: number,
  count: number,
  bytes: number,
  error: number,
): void {
  const mask = stackMask(attributes);
  const size = count * bytes;
  const lowest = (pointer - size) & mask;
  if (mask !== -1 && lowest > 0x10000 - size)
    checkEachPush(cpu, base, limit, attributes, pointer, level, count, bytes, error);
  else {
    if (!withinLimit(attributes, limit, lowest, size)) raiseFault(cpu, Vector.StackFault, error);
    cpu.access.probeWriteAs((base + lowest) | 0, size, level === 3);
  }
  frame.base = base;
  frame.mask = mask;
  frame.pointer = pointer;
  frame.user = level === 3;
  frame.bytes = bytes;
}

/** The same for a frame that wraps around a 16-bit stack. */
function checkEachPush(
  cpu: Cpu,
  base: number,
  limit: number,
  attributes: number,
  pointer: number,
  level: number,
  count: number,
  bytes: number,
  error: number,
): void {
  for (let i = 1; i <= count; i++) {
    const offset = (pointer - i * bytes) & 0xffff;
    if (!withinLimit(attributes, limit, offset, bytes)) raiseFault(cpu, Vector.StackFault, error);
    cpu.access.probeWriteAs((base + offset) | 0, bytes, level === 3);
  }
}

/** The same on the current stack at the current privilege level. */
export function beginPushesOnCurrentStack(cpu: Cpu, count: number, bytes: number, error: number): void {
  const index = segmentIndex(SegmentRegister.Ss);
  beginPushes(
    cpu,
    cpu.words[index + SegmentWord.Base],
    cpu.words[index + SegmentWord.Limit],
    cpu.words[index + SegmentWord.Attributes],
    cpu.words[Word.Esp],
    cpu.words[Word.Cpl],
    count,
    bytes,
    error,
  );
}

/** Pushes a value of the frame's width. */
export function pushValue(cpu: Cpu, value: number): void {
  frame.pointer = (frame.pointer & ~frame.mask) | ((frame.pointer - frame.bytes) & frame.mask);
  cpu.access.writeAs((frame.base + (frame.pointer & frame.mask)) | 0, frame.bytes, value, frame.user);
}

/** The stack pointer after the pushes so far. */
export function pushedPointer(): number {
  return frame.pointer;
}
