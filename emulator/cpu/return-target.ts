/** Checks that IRET and far RET share: the code segment returned to, and the outer stack (Intel SDM vol. 2, IRET and RET). */
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor } from "./descriptor-tables.ts";
import { raiseFault } from "./exceptions.ts";
import { attributesOf, checkStackDescriptor, conforming, limitOf, SegmentAttribute } from "./segmentation.ts";
import { peekStack } from "./stack.ts";
import { Vector, Word } from "./state.ts";

/** What the checks found (scratch). */
export const returnSegments = {
  codeLow: 0,
  codeHigh: 0,
  stackSelector: 0,
  stackPointer: 0,
  stackLow: 0,
  stackHigh: 0,
};

/** Checks the selector and EIP popped; leaves the code descriptor in `returnSegments`. */
export function checkReturnTarget(cpu: Cpu, selector: number, eip: number): void {
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  const error = selector & 0xfffc;
  if (!fetchDescriptor(cpu, selector)) raiseFault(cpu, Vector.GeneralProtection, error);
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
  const level = selector & 3;
  if ((attributes & 0x18) !== 0x18 || level < cpu.words[Word.Cpl]) raiseFault(cpu, Vector.GeneralProtection, error);
  if (conforming(attributes) ? dpl > level : dpl !== level) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  if (eip >>> 0 > limitOf(low, high) >>> 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  returnSegments.codeLow = low;
  returnSegments.codeHigh = high;
}

/** Reads and checks the outer level's ESP and SS at `displacement` above the stack pointer. */
export function popOuterStack(cpu: Cpu, displacement: number, width: number, level: number): void {
  const pointer = peekStack(cpu, displacement, width);
  const selector = peekStack(cpu, displacement + width, width) & 0xffff;
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  checkStackDescriptor(cpu, selector, level, Vector.GeneralProtection, 0);
  returnSegments.stackSelector = selector;
  returnSegments.stackPointer = pointer;
  returnSegments.stackLow = descriptor.low;
  returnSegments.stackHigh = descriptor.high;
}
