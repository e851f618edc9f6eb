import { Flag } from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";
import type { ErrorCode } from "./error-code.ts";
import { Globals } from "./memory-map.ts";
import { Protocol, TCB_BYTES, Tcb, ThreadState, TransferRole } from "./tcb-layout.ts";
import { Utcb } from "./utcb.ts";

/** Thread control blocks: making one, and the small questions that everyone asks of them. */

export const enum Selector {
  KernelCode = 0x08,
  KernelData = 0x10,
  UserCode = 0x1b,
  UserData = 0x23,
  /** One word at GS_LINEAR. */
  UserGs = 0x2b,
  Tss = 0x30,
}

/** Time slice of a new thread in microseconds (ABI 10.1). */
const DEFAULT_TIMESLICE = 10_000;

const enum StartValue {
  Priority = 100,
  /** What an ExchangeRegisters on a thread that never ran shows (ABI 17). */
  InstructionPointer = 0x8765_4321,
  StackPointer = 0x1234_5678,
}

/** Fills a TCB for a new thread: inactive, in no list, registers zero (ABI 1.4 leaves kernel data in them). */
export function initialiseTcb(k: KernelContext, tcb: number, globalId: number, scheduler: number): void {
  k.memory.fill(tcb, TCB_BYTES, 0);
  k.store(tcb + Tcb.globalId, globalId);
  k.store(tcb + Tcb.state, ThreadState.Inactive);
  k.store(tcb + Tcb.scheduler, scheduler);
  k.store(tcb + Tcb.priority, StartValue.Priority);
  k.store(tcb + Tcb.sensitivePriority, StartValue.Priority);
  k.store(tcb + Tcb.timesliceLength, DEFAULT_TIMESLICE);
  k.store(tcb + Tcb.timesliceLeft, DEFAULT_TIMESLICE);
  k.store(tcb + Tcb.eip, StartValue.InstructionPointer);
  k.store(tcb + Tcb.esp, StartValue.StackPointer);
  k.store(tcb + Tcb.cs, Selector.UserCode);
  k.store(tcb + Tcb.ss, Selector.UserData);
  k.store(tcb + Tcb.eflags, Flag.Reserved1 | Flag.If | (k.userIopl3 ? Flag.Iopl : 0));
}

/** Threads of sigma0's and of the root task's space are privileged (ABI 6.0). */
export function isPrivileged(k: KernelContext, tcb: number): boolean {
  const space = k.spaceOf(tcb);
  return space !== 0 && (space === k.global(Globals.sigma0Space) || space === k.global(Globals.rootSpace));
}

export function isActive(k: KernelContext, tcb: number): boolean {
  return k.load(tcb + Tcb.utcbPhysical) !== 0;
}

/** A word of the thread's UTCB; `offset` from the UTCB's base. */
export function utcbWord(k: KernelContext, tcb: number, offset: number): number {
  return k.load(k.utcbOf(tcb) + offset);
}

export function setUtcbWord(k: KernelContext, tcb: number, offset: number, value: number): void {
  k.store(k.utcbOf(tcb) + offset, value);
}

/** Sets the ErrorCode thread control register. */
export function setErrorCode(k: KernelContext, tcb: number, error: ErrorCode | number): void {
  setUtcbWord(k, tcb, Utcb.errorCode, error);
}

/** Whether the thread's messages are in its UTCB, not made by the kernel. */
export function usesUtcb(k: KernelContext, tcb: number): boolean {
  const protocol = k.load(tcb + Tcb.protocol);
  return protocol === Protocol.None || protocol === Protocol.Start;
}

/** Whether the thread is in a message transfer that waits for a page fault (`transfer-fault.ts`). */
export function inTransfer(k: KernelContext, tcb: number): boolean {
  return k.load(tcb + Tcb.transferPartner) !== 0;
}

/** Which side of that transfer it is. */
export function isSender(k: KernelContext, tcb: number): boolean {
  return k.load(tcb + Tcb.transferRole) === TransferRole.Sender;
}
