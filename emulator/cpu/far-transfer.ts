/**
 * Far JMP, CALL and RET in protected mode: code segments and call gates, 16 and 32 bit, with parameters
 * (Intel SDM vol. 2, CALL, JMP, RET; vol. 3, 5.8).
 *
 * NOT IMPLEMENTED: TSS descriptors and task gates as targets: #GP with the selector.
 */
import { EventCost } from "../timing/event-costs.ts";
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor } from "./descriptor-tables.ts";
import { raiseFault } from "./exceptions.ts";
import { checkReturnTarget, popOuterStack, returnSegments } from "./return-target.ts";
import {
  attributesOf,
  baseOf,
  checkedLinear,
  checkStackDescriptor,
  conforming,
  limitOf,
  markAccessed,
  nullInaccessibleSegments,
  SegmentAttribute,
  segmentIndex,
  setSegment,
  setSegmentFromDescriptor,
} from "./segmentation.ts";
import {
  beginPushes,
  beginPushesOnCurrentStack,
  currentStackMask,
  peekStack,
  pushedPointer,
  pushValue,
  setStackPointer,
} from "./stack.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";
import { innerStack, readInnerStack } from "./task-state-segment.ts";

const enum GateType {
  Call16 = 0x04,
  Call32 = 0x0c,
}

function dplOf(attributes: number): number {
  return (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
}

function isCode(attributes: number): boolean {
  return (attributes & 0x18) === 0x18;
}

/** Fetches the descriptor of a far pointer's selector. */
function fetchTarget(cpu: Cpu, selector: number): void {
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  if (!fetchDescriptor(cpu, selector)) raiseFault(cpu, Vector.GeneralProtection, selector & 0xfffc);
}

/** Checks a code segment that is the direct target of a jump or call, now in `descriptor`. */
function checkDirectTarget(cpu: Cpu, selector: number, offset: number): void {
  const attributes = attributesOf(descriptor.high);
  const error = selector & 0xfffc;
  const cpl = cpu.words[Word.Cpl];
  const dpl = dplOf(attributes);
  const allowed = conforming(attributes) ? dpl <= cpl : (selector & 3) <= cpl && dpl === cpl;
  if (!allowed) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  checkOffset(cpu, offset, descriptor.low, descriptor.high);
}

function checkOffset(cpu: Cpu, offset: number, low: number, high: number): void {
  if (offset >>> 0 > limitOf(low, high) >>> 0) raiseFault(cpu, Vector.GeneralProtection, 0);
}

/** Loads CS with RPL = `level` and EIP. */
function enterCode(cpu: Cpu, selector: number, level: number, low: number, high: number, offset: number): void {
  markAccessed(cpu, selector, high);
  setSegmentFromDescriptor(cpu, SegmentRegister.Cs, (selector & ~3) | level, low, high | 0x100);
  cpu.words[Word.Eip] = offset;
}

/** A call gate and the code segment it leads to (scratch). */
const callGate = { offset: 0, selector: 0, parameters: 0, bytes: 4, low: 0, high: 0 };

/** Checks the gate in `descriptor` and its target; fills `callGate`. */
function readCallGate(cpu: Cpu, selector: number, jump: boolean): void {
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  const type = attributes & 0x1f;
  const error = selector & 0xfffc;
  const cpl = cpu.words[Word.Cpl];
  if (type !== GateType.Call16 && type !== GateType.Call32) raiseFault(cpu, Vector.GeneralProtection, error);
  if (dplOf(attributes) < cpl || dplOf(attributes) < (selector & 3)) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  const target = low >>> 16;
  fetchTarget(cpu, target);
  const code = attributesOf(descriptor.high);
  const dpl = dplOf(code);
  const reachable = jump && !conforming(code) ? dpl === cpl : dpl <= cpl;
  if (!isCode(code) || !reachable) raiseFault(cpu, Vector.GeneralProtection, target & 0xfffc);
  if ((code & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, target & 0xfffc);
  callGate.bytes = type === GateType.Call32 ? 4 : 2;
  callGate.offset = (low & 0xffff) | (callGate.bytes === 4 ? high & 0xffff0000 : 0);
  callGate.selector = target;
  callGate.parameters = high & 0x1f;
  callGate.low = descriptor.low;
  callGate.high = descriptor.high;
  checkOffset(cpu, callGate.offset, callGate.low, callGate.high);
}

function isRealMode(cpu: Cpu): boolean {
  return (cpu.words[Word.Cr0] & 1) === 0;
}

function enterRealCode(cpu: Cpu, selector: number, offset: number): void {
  setSegment(cpu, SegmentRegister.Cs, selector, (selector & 0xffff) << 4, 0xffff, 0x9b);
  cpu.words[Word.Eip] = offset;
}

/** JMP far to selector:offset. */
export function farJump(cpu: Cpu, selector: number, offset: number): void {
  if (isRealMode(cpu)) {
    enterRealCode(cpu, selector, offset);
    return;
  }
  const target = selector & 0xffff;
  fetchTarget(cpu, target);
  const cpl = cpu.words[Word.Cpl];
  if (isCode(attributesOf(descriptor.high))) {
    checkDirectTarget(cpu, target, offset);
    enterCode(cpu, target, cpl, descriptor.low, descriptor.high, offset);
    cpu.charge(EventCost.FarJump);
    return;
  }
  readCallGate(cpu, target, true);
  enterCode(cpu, callGate.selector, cpl, callGate.low, callGate.high, callGate.offset);
  cpu.charge(EventCost.FarJumpGate);
}

/** CALL far to selector:offset with 16-bit (2) or 32-bit (4) operands; `nextEip` is what RET shall return to. */
export function farCall(cpu: Cpu, selector: number, offset: number, operandBytes: number, nextEip: number): void {
  if (isRealMode(cpu)) {
    pushReturnAddress(cpu, operandBytes, nextEip);
    enterRealCode(cpu, selector, offset);
    return;
  }
  const target = selector & 0xffff;
  fetchTarget(cpu, target);
  if (isCode(attributesOf(descriptor.high))) {
    checkDirectTarget(cpu, target, offset);
    const { low, high } = descriptor;
    pushReturnAddress(cpu, operandBytes, nextEip);
    enterCode(cpu, target, cpu.words[Word.Cpl], low, high, offset);
    cpu.charge(EventCost.FarCall);
    return;
  }
  readCallGate(cpu, target, false);
  const dpl = dplOf(attributesOf(callGate.high));
  if (!conforming(attributesOf(callGate.high)) && dpl < cpu.words[Word.Cpl]) {
    callInner(cpu, dpl, nextEip);
    return;
  }
  pushReturnAddress(cpu, callGate.bytes, nextEip);
  enterCode(cpu, callGate.selector, cpu.words[Word.Cpl], callGate.low, callGate.high, callGate.offset);
  cpu.charge(EventCost.FarCallGate);
}

function pushReturnAddress(cpu: Cpu, bytes: number, nextEip: number): void {
  beginPushesOnCurrentStack(cpu, 2, bytes, 0);
  pushValue(cpu, cpu.words[segmentIndex(SegmentRegister.Cs) + SegmentWord.Selector]);
  pushValue(cpu, nextEip);
  cpu.words[Word.Esp] = pushedPointer();
}

/** Parameters on their way from the caller's stack to the inner one. */
const parameters = new Int32Array(31);

/** Through a call gate to an inner level: new stack from the TSS, old SS:ESP, parameters, return address. */
function callInner(cpu: Cpu, level: number, nextEip: number): void {
  const { bytes, parameters: count } = callGate;
  readInnerStack(cpu, level, 0);
  const { selector, pointer } = innerStack;
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.InvalidTss, 0);
  checkStackDescriptor(cpu, selector, level, Vector.InvalidTss, 0);
  const { low, high } = descriptor;
  readParameters(cpu, count, bytes);
  const error = selector & 0xfffc;
  beginPushes(cpu, baseOf(low, high), limitOf(low, high), attributesOf(high), pointer, level, count + 4, bytes, error);
  pushValue(cpu, cpu.words[segmentIndex(SegmentRegister.Ss) + SegmentWord.Selector]);
  pushValue(cpu, cpu.words[Word.Esp]);
  for (let i = count - 1; i >= 0; i--) pushValue(cpu, parameters[i]);
  pushValue(cpu, cpu.words[segmentIndex(SegmentRegister.Cs) + SegmentWord.Selector]);
  pushValue(cpu, nextEip);
  markAccessed(cpu, selector, high);
  cpu.setCpl(level);
  setSegmentFromDescriptor(cpu, SegmentRegister.Ss, selector, low, high | 0x100);
  cpu.words[Word.Esp] = pushedPointer();
  enterCode(cpu, callGate.selector, level, callGate.low, callGate.high, callGate.offset);
  cpu.charge(EventCost.FarCallGateInner);
  if (count > 0) cpu.charge(EventCost.FarCallGateParameters + EventCost.FarCallGateParameter * count);
}

function readParameters(cpu: Cpu, count: number, bytes: number): void {
  const mask = currentStackMask(cpu);
  for (let i = 0; i < count; i++) {
    const linear = checkedLinear(cpu, SegmentRegister.Ss, (cpu.words[Word.Esp] + i * bytes) & mask, bytes, false);
    parameters[i] = bytes === 4 ? cpu.access.read32(linear) : cpu.access.read16(linear);
  }
}

/** RET far, releasing `popBytes` of parameters. */
export function farReturn(cpu: Cpu, operandBytes: number, popBytes: number): void {
  const width = operandBytes;
  const eip = peekStack(cpu, 0, width);
  const selector = peekStack(cpu, width, width) & 0xffff;
  if (isRealMode(cpu)) {
    setStackPointer(cpu, cpu.words[Word.Esp] + 2 * width + popBytes);
    enterRealCode(cpu, selector, eip);
    return;
  }
  checkReturnTarget(cpu, selector, eip);
  const { codeLow, codeHigh } = returnSegments;
  const level = selector & 3;
  if (level === cpu.words[Word.Cpl]) {
    setStackPointer(cpu, cpu.words[Word.Esp] + 2 * width + popBytes);
    enterCode(cpu, selector, level, codeLow, codeHigh, eip);
    cpu.charge(EventCost.FarReturn);
    return;
  }
  popOuterStack(cpu, 2 * width + popBytes, width, level);
  const { stackSelector, stackPointer, stackLow, stackHigh } = returnSegments;
  markAccessed(cpu, stackSelector, stackHigh);
  markAccessed(cpu, selector, codeHigh);
  cpu.setCpl(level);
  setSegmentFromDescriptor(cpu, SegmentRegister.Ss, stackSelector, stackLow, stackHigh | 0x100);
  if (width === 4) cpu.words[Word.Esp] = stackPointer;
  setStackPointer(cpu, stackPointer + popBytes);
  setSegmentFromDescriptor(cpu, SegmentRegister.Cs, selector, codeLow, codeHigh | 0x100);
  cpu.words[Word.Eip] = eip;
  nullInaccessibleSegments(cpu);
  cpu.charge(EventCost.FarReturnOuter);
}
