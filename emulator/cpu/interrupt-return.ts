/**
 * IRET and IRETD in protected mode: same and outer level (Intel SDM vol. 2, IRET).
 *
 * NOT IMPLEMENTED: return from a nested task (NT set: #TS with TR's selector); return to virtual-8086 mode (VM in the popped
 * EFLAGS at CPL 0: #GP(0)).
 */
import { EventCost } from "../timing/event-costs.ts";
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { readEflags, writeEflags } from "./flags.ts";
import { ioPrivilegeLevel } from "./port-access.ts";
import { checkReturnTarget, popOuterStack, returnSegments } from "./return-target.ts";
import { markAccessed, nullInaccessibleSegments, segmentIndex, setSegmentFromDescriptor } from "./segmentation.ts";
import { peekStack, setStackPointer } from "./stack.ts";
import { Flag, SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";

/** Flags that IRET loads at any privilege level. */
const ALWAYS = Flag.Arithmetic | Flag.Tf | Flag.Df | Flag.Nt | Flag.Rf | Flag.Ac | Flag.Id;

/** IRET with 16-bit (2) or 32-bit (4) operands. Sets CS, EIP, EFLAGS and, to an outer level, SS, ESP and CPL. */
export function interruptReturn(cpu: Cpu, operandBytes: number): void {
  if ((cpu.words[Word.SystemFlags] & Flag.Nt) !== 0) {
    const task = cpu.words[segmentIndex(SegmentRegister.Tr) + SegmentWord.Selector];
    raiseFault(cpu, Vector.InvalidTss, task & 0xfffc);
  }
  const width = operandBytes;
  const eip = peekStack(cpu, 0, width);
  const selector = peekStack(cpu, width, width) & 0xffff;
  const popped = peekStack(cpu, 2 * width, width);
  const cpl = cpu.words[Word.Cpl];
  if (width === 4 && (popped & Flag.Vm) !== 0 && cpl === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  checkReturnTarget(cpu, selector, eip);
  const { codeLow, codeHigh } = returnSegments;
  const level = selector & 3;
  const flags = returnedFlags(cpu, popped, width);
  if (level > cpl) {
    popOuterStack(cpu, 3 * width, width, level);
    markAccessed(cpu, selector, codeHigh);
    markAccessed(cpu, returnSegments.stackSelector, returnSegments.stackHigh);
    cpu.setCpl(level);
    setSegmentFromDescriptor(
      cpu,
      SegmentRegister.Ss,
      returnSegments.stackSelector,
      returnSegments.stackLow,
      returnSegments.stackHigh | 0x100,
    );
    if (width === 4) cpu.words[Word.Esp] = returnSegments.stackPointer;
    else setStackPointer(cpu, returnSegments.stackPointer);
    cpu.charge(EventCost.InterruptReturnOuterLevel);
  } else {
    markAccessed(cpu, selector, codeHigh);
    setStackPointer(cpu, cpu.words[Word.Esp] + 3 * width);
    cpu.charge(EventCost.InterruptReturnSameLevel);
  }
  setSegmentFromDescriptor(cpu, SegmentRegister.Cs, selector, codeLow, codeHigh | 0x100);
  cpu.words[Word.Eip] = eip;
  writeEflags(cpu.words, flags);
  if (level > cpl) nullInaccessibleSegments(cpu);
  if (cpu.inPortal) cpu.charge(EventCost.InterruptReturn);
  cpu.words[Word.NmiBlocked] = 0;
  cpu.requestAttention();
}

/** EFLAGS after IRET: what the old privilege level may change of the popped image. */
function returnedFlags(cpu: Cpu, popped: number, width: number): number {
  const cpl = cpu.words[Word.Cpl];
  let mask = ALWAYS as number;
  if (cpl <= ioPrivilegeLevel(cpu)) mask |= Flag.If;
  if (cpl === 0) mask |= Flag.Iopl | Flag.Vif | Flag.Vip;
  if (width === 2) mask &= 0xffff;
  return (readEflags(cpu.words) & ~mask) | (popped & mask);
}
