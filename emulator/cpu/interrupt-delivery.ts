/**
 * Delivery of interrupts and exceptions through the IDT (Intel SDM vol. 3, chapter 6; vol. 2, INT n): gate and segment
 * checks, privilege change with the stack switch through the TSS, the pushed frame, double and triple fault.
 *
 * All checks, page faults of the new frame included, come before the first change of state.
 *
 * NOT IMPLEMENTED: task gates (#GP with the gate's error code), virtual-8086 mode, the real-mode vector table (an event in
 * real mode shuts the CPU down).
 */
import { EventKind } from "../event-log.ts";
import { Cause as ClockCause } from "../timing/cycle-causes.ts";
import { EventCost } from "../timing/event-costs.ts";
import { PerformanceEvent } from "../timing/event-counters.ts";
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor } from "./descriptor-tables.ts";
import { GUEST_FAULT, hasErrorCode, raiseFault } from "./exceptions.ts";
import { readEflags } from "./flags.ts";
import {
  attributesOf,
  baseOf,
  checkStackDescriptor,
  limitOf,
  markAccessed,
  SegmentAttribute,
  segmentIndex,
  setSegmentFromDescriptor,
} from "./segmentation.ts";
import { beginPushes, beginPushesOnCurrentStack, pushedPointer, pushValue } from "./stack.ts";
import { Flag, SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";
import { innerStack, readInnerStack } from "./task-state-segment.ts";

/** Gate types in an IDT descriptor (Intel SDM vol. 3, table 3-2). */
const enum GateType {
  Interrupt16 = 0x6,
  Trap16 = 0x7,
  Interrupt32 = 0xe,
  Trap32 = 0xf,
}

/** What caused a delivery. */
const enum Cause {
  /** INT n, INT3, INTO: the gate's DPL is checked, faults of the delivery have EXT clear. */
  Software = 0,
  /** Exceptions, external interrupts, NMI: EXT set. */
  Hardware = 1,
}

/** Bit of an error code: the selector part is an IDT index. */
const IDT_ERROR = 2;

/** The gate read last (scratch). */
const gate = { selector: 0, offset: 0, bits32: false, interrupt: false };

function readGate(cpu: Cpu, vector: number, cause: Cause): void {
  const error = vector * 8 + IDT_ERROR + cause;
  if (vector * 8 + 7 > cpu.words[Word.IdtrLimit]) raiseFault(cpu, Vector.GeneralProtection, error);
  const linear = (cpu.words[Word.IdtrBase] + vector * 8) | 0;
  const low = cpu.access.readSystem32(linear);
  const high = cpu.access.readSystem32(linear + 4);
  const type = (high >>> 8) & 0x1f;
  if (type !== GateType.Interrupt16 && type !== GateType.Trap16 && (type & 0x1e) !== GateType.Interrupt32)
    raiseFault(cpu, Vector.GeneralProtection, error);
  if (cause === Cause.Software && ((high >>> 13) & 3) < cpu.words[Word.Cpl])
    raiseFault(cpu, Vector.GeneralProtection, error);
  if ((high & 0x8000) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  gate.selector = low >>> 16;
  gate.bits32 = (type & 8) !== 0;
  gate.interrupt = (type & 1) === 0;
  gate.offset = (low & 0xffff) | (gate.bits32 ? high & 0xffff0000 : 0);
}

/** Saved state of the interrupted program: EFLAGS as pushed, CS, the EIP to return to, and an error code or none. */
interface Interrupted {
  eflags: number;
  eip: number;
  errorCode: number;
  withErrorCode: boolean;
}

const interrupted: Interrupted = { eflags: 0, eip: 0, errorCode: 0, withErrorCode: false };

/** Goes through a gate. Throws GUEST_FAULT with nothing changed (accessed bits aside) when a check fails. */
function enterGate(cpu: Cpu, vector: number, cause: Cause): void {
  if ((cpu.words[Word.Cr0] & 1) === 0) {
    shutDown(cpu);
    return;
  }
  readGate(cpu, vector, cause);
  const selector = gate.selector;
  const error = (selector & 0xfffc) | cause;
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.GeneralProtection, cause);
  if (!fetchDescriptor(cpu, selector)) raiseFault(cpu, Vector.GeneralProtection, error);
  const { low, high } = descriptor;
  const attributes = attributesOf(high);
  const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
  const cpl = cpu.words[Word.Cpl];
  if ((attributes & 0x18) !== 0x18 || dpl > cpl) raiseFault(cpu, Vector.GeneralProtection, error);
  if ((attributes & SegmentAttribute.Present) === 0) raiseFault(cpu, Vector.SegmentNotPresent, error);
  const inner = (attributes & SegmentAttribute.ExpandDownOrConforming) === 0 && dpl < cpl;
  if (inner) pushOnInnerStack(cpu, dpl, cause, limitOf(low, high));
  else pushOnSameStack(cpu, cause, limitOf(low, high));
  const level = inner ? dpl : cpl;
  markAccessed(cpu, selector, high);
  setSegmentFromDescriptor(cpu, SegmentRegister.Cs, (selector & ~3) | level, low, high | 0x100);
  cpu.words[Word.Eip] = gate.offset;
  const cleared = Flag.Tf | Flag.Nt | Flag.Rf | Flag.Vm | (gate.interrupt ? Flag.If : 0);
  cpu.words[Word.SystemFlags] &= ~cleared;
  cpu.words[Word.InterruptShadow] = 0;
  cpu.words[Word.Halted] = 0;
  cpu.words[Word.RepeatInProgress] = 0;
  cpu.gateEntered = true;
  cpu.timing?.redirected();
  cpu.charge(inner ? EventCost.GateInnerLevel : EventCost.GateSameLevel, ClockCause.Event);
  cpu.requestAttention();
}

function checkGateOffset(cpu: Cpu, limit: number, cause: Cause): void {
  if (gate.offset >>> 0 > limit >>> 0) raiseFault(cpu, Vector.GeneralProtection, cause);
}

function pushOnSameStack(cpu: Cpu, cause: Cause, codeLimit: number): void {
  const count = interrupted.withErrorCode ? 4 : 3;
  beginPushesOnCurrentStack(cpu, count, gate.bits32 ? 4 : 2, cause);
  checkGateOffset(cpu, codeLimit, cause);
  pushReturnFrame(cpu);
  cpu.words[Word.Esp] = pushedPointer();
}

function pushOnInnerStack(cpu: Cpu, level: number, cause: Cause, codeLimit: number): void {
  readInnerStack(cpu, level, cause);
  const { selector, pointer } = innerStack;
  if ((selector & 0xfffc) === 0) raiseFault(cpu, Vector.InvalidTss, cause);
  checkStackDescriptor(cpu, selector, level, Vector.InvalidTss, cause);
  const { low, high } = descriptor;
  const base = baseOf(low, high);
  const limit = limitOf(low, high);
  const attributes = attributesOf(high);
  const count = interrupted.withErrorCode ? 6 : 5;
  beginPushes(cpu, base, limit, attributes, pointer, level, count, gate.bits32 ? 4 : 2, (selector & 0xfffc) | cause);
  checkGateOffset(cpu, codeLimit, cause);
  pushValue(cpu, cpu.words[segmentIndex(SegmentRegister.Ss) + SegmentWord.Selector]);
  pushValue(cpu, cpu.words[Word.Esp]);
  pushReturnFrame(cpu);
  markAccessed(cpu, selector, high);
  cpu.setCpl(level);
  setSegmentFromDescriptor(cpu, SegmentRegister.Ss, selector, low, high | 0x100);
  cpu.words[Word.Esp] = pushedPointer();
}

function pushReturnFrame(cpu: Cpu): void {
  pushValue(cpu, interrupted.eflags);
  pushValue(cpu, cpu.words[segmentIndex(SegmentRegister.Cs) + SegmentWord.Selector]);
  pushValue(cpu, interrupted.eip);
  if (interrupted.withErrorCode) pushValue(cpu, interrupted.errorCode);
}

/**
 * INT n, INT3 and INTO, after which execution shall go on at `nextEip`. The table rows carry what these instructions cost over
 * the gate. Faults are raised with EIP at the instruction.
 */
export function softwareInterrupt(cpu: Cpu, vector: number, nextEip: number): void {
  const from = cpu.words[Word.Eip];
  setInterrupted(cpu, nextEip, 0);
  enterGate(cpu, vector, Cause.Software);
  cpu.eventLog.record(EventKind.SoftwareInterrupt, vector, from);
  if (cpu.watch.events) cpu.watch.interrupt(vector, "software", nextEip);
}

function setInterrupted(cpu: Cpu, eip: number, resume: number): void {
  interrupted.eflags = readEflags(cpu.words) | resume;
  interrupted.eip = eip;
  interrupted.withErrorCode = false;
}

/** Exceptions that make a second one a double fault (Intel SDM vol. 3, table 6-4). */
function isContributory(vector: number): boolean {
  return vector === Vector.DivideError || (vector >= Vector.InvalidTss && vector <= Vector.GeneralProtection);
}

/** Delivers the fault in Word.FaultVector and Word.FaultErrorCode; the pushed EIP is Word.Eip. Never throws GUEST_FAULT. */
export function deliverFault(cpu: Cpu): void {
  deliverException(cpu, cpu.words[Word.FaultVector], cpu.words[Word.FaultErrorCode], Flag.Rf);
}

/** Delivers a trap (#DB after a single step): the same without RF in the pushed EFLAGS. */
export function deliverTrap(cpu: Cpu, vector: Vector): void {
  deliverException(cpu, vector, 0, 0);
}

function deliverException(cpu: Cpu, firstVector: number, firstErrorCode: number, resume: number): void {
  let vector = firstVector;
  let errorCode = firstErrorCode;
  for (;;) {
    try {
      setInterrupted(cpu, cpu.words[Word.Eip], resume);
      interrupted.withErrorCode = hasErrorCode(vector);
      interrupted.errorCode = errorCode;
      const eip = cpu.words[Word.Eip];
      enterGate(cpu, vector, Cause.Hardware);
      cpu.charge(vector === Vector.PageFault ? EventCost.PageFault : EventCost.Exception, ClockCause.Event);
      if (interrupted.withErrorCode) cpu.charge(EventCost.ErrorCode, ClockCause.Event);
      cpu.eventLog.record(EventKind.Exception, (vector << 16) | (errorCode & 0xffff), eip);
      if (cpu.watch.events) cpu.watch.exception(vector, errorCode, eip);
      return;
    } catch (fault) {
      if (fault !== GUEST_FAULT) throw fault;
      const second = cpu.words[Word.FaultVector];
      if (vector === Vector.DoubleFault) {
        shutDown(cpu);
        return;
      }
      if (becomesDoubleFault(vector, second)) {
        vector = Vector.DoubleFault;
        errorCode = 0;
      } else {
        vector = second;
        errorCode = cpu.words[Word.FaultErrorCode];
      }
    }
  }
}

function becomesDoubleFault(first: number, second: number): boolean {
  if (isContributory(first)) return isContributory(second);
  return first === Vector.PageFault && (second === Vector.PageFault || isContributory(second));
}

/** Triple fault: the CPU stops until reset. */
function shutDown(cpu: Cpu): void {
  cpu.words[Word.Shutdown] = 1;
  cpu.eventLog.record(EventKind.Shutdown, cpu.words[Word.Eip], 0);
  if (cpu.watch.events) cpu.watch.shutdown();
  cpu.requestAttention();
}

/**
 * Delivers a pending NMI or external interrupt, if one can be taken at this instruction boundary. Returns whether it did. The run
 * loop calls it; the interpreter need not.
 */
export function deliverPendingInterrupt(cpu: Cpu): boolean {
  const { words } = cpu;
  if ((words[Word.NmiPending] | words[Word.InterruptLine]) === 0 || words[Word.InterruptShadow] !== 0) return false;
  if (words[Word.NmiPending] !== 0 && words[Word.NmiBlocked] === 0) {
    words[Word.NmiPending] = 0;
    words[Word.NmiBlocked] = 1;
    words[Word.Halted] = 0;
    deliverInterrupt(cpu, Vector.Nmi, true);
    return true;
  }
  if (words[Word.InterruptLine] === 0 || (words[Word.SystemFlags] & Flag.If) === 0) return false;
  words[Word.Halted] = 0;
  const vector = cpu.acknowledgeInterrupt();
  deliverInterrupt(cpu, vector, false);
  return true;
}

function deliverInterrupt(cpu: Cpu, vector: number, nmi: boolean): void {
  const eip = cpu.words[Word.Eip];
  const acknowledge = cpu.timing?.interruptAcknowledge ?? EventCost.InterruptAcknowledge;
  cpu.charge(nmi ? EventCost.Nmi : EventCost.ExternalInterrupt + acknowledge, ClockCause.Event);
  if (!nmi) cpu.timing?.happened(PerformanceEvent.HardwareInterrupt);
  try {
    setInterrupted(cpu, eip, 0);
    enterGate(cpu, vector, Cause.Hardware);
  } catch (fault) {
    if (fault !== GUEST_FAULT) throw fault;
    deliverFault(cpu);
    return;
  }
  cpu.eventLog.record(nmi ? EventKind.Nmi : EventKind.ExternalInterrupt, vector, eip);
  if (cpu.watch.events) cpu.watch.interrupt(vector, nmi ? "nmi" : "external", eip);
}
