import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { ErrorCode, IpcError } from "./error-code.ts";
import { setUserFlags } from "./exception.ts";
import { endBlockedIpc } from "./ipc.ts";
import { haltThread, isRunnable, pickNext, preemptIfHigher, resumeThread } from "./schedule.ts";
import { isActive, setErrorCode, setUtcbWord, utcbWord } from "./tcb.ts";
import { HaltReason, Tcb } from "./tcb-layout.ts";
import { findThread, isGlobal, NIL_THREAD, toGlobal } from "./thread-id.ts";
import { isReceiving, isSending } from "./transfer-fault.ts";
import { Utcb } from "./utcb.ts";

/**
 * ExchangeRegisters (X.2 manual, section 2.3; ABI 6.3): reads and changes a thread's registers, cancels its IPC, halts and
 * resumes it. Unlike L4Ka::Pistachio a thread blocked in IPC can be halted: its IPC goes on, it does not run until resumed.
 */

const enum Control {
  /** Value of the halt flag, and what was set before. */
  Halted = 1 << 0,
  Receive = 1 << 1,
  Send = 1 << 2,
  Sp = 1 << 3,
  Ip = 1 << 4,
  Flags = 1 << 5,
  UserHandle = 1 << 6,
  Pager = 1 << 7,
  ApplyHalt = 1 << 8,
}

/** TCB fields of the seven value registers, inputs and outputs. */
const VALUES = [Tcb.eax, Tcb.ecx, Tcb.edx, Tcb.esi, Tcb.edi, Tcb.ebx, Tcb.ebp] as const;

export function exchangeRegistersSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.exchangeRegisters);
  const [given, control, sp, ip, flags, handle, pager] = VALUES.map((field) => k.load(caller + field));
  const target = findTarget(k, caller, given);
  if (target === 0) {
    for (const field of VALUES) k.store(caller + field, 0);
    setErrorCode(k, caller, ErrorCode.InvalidThread);
    return;
  }
  const pagerId = (control & Control.Pager) === 0 ? NIL_THREAD : toGlobal(k, k.spaceOf(caller), pager);
  const before = [
    isGlobal(given) ? k.localId(target) : k.load(target + Tcb.globalId),
    stateBits(k, target),
    k.load(target + Tcb.esp),
    k.load(target + Tcb.eip),
    k.load(target + Tcb.eflags),
    utcbWord(k, target, Utcb.userDefinedHandle),
    utcbWord(k, target, Utcb.pager),
  ];
  // The results first: a thread that exchanges its own registers sees the new ones.
  for (let i = 0; i < VALUES.length; i++) k.store(caller + VALUES[i], before[i]);
  if ((control & Control.Sp) !== 0) k.store(target + Tcb.esp, sp);
  if ((control & Control.Ip) !== 0) k.store(target + Tcb.eip, ip);
  if ((control & Control.Flags) !== 0) setUserFlags(k, target, flags);
  if ((control & Control.UserHandle) !== 0) setUtcbWord(k, target, Utcb.userDefinedHandle, handle);
  if ((control & Control.Pager) !== 0) setUtcbWord(k, target, Utcb.pager, pagerId);
  cancelIpc(k, target, control);
  changeHalt(k, target, control);
}

/** The thread named, if the caller may: an active thread of its own space, or one whose pager is in its space. */
function findTarget(k: KernelContext, caller: number, given: number): number {
  const space = k.spaceOf(caller);
  const target = findThread(k, toGlobal(k, space, given));
  if (target === 0 || !isActive(k, target)) return 0;
  if (k.spaceOf(target) === space) return target;
  const pager = findThread(k, utcbWord(k, target, Utcb.pager));
  return pager !== 0 && k.load(pager + Tcb.space) === space ? target : 0;
}

function stateBits(k: KernelContext, thread: number): number {
  let bits = k.load(thread + Tcb.halted) === 0 ? 0 : Control.Halted;
  if (isReceiving(k, thread)) bits |= Control.Receive;
  if (isSending(k, thread)) bits |= Control.Send;
  return bits;
}

/** Cancels the IPC in which the thread is blocked, if the control word names its phase. A new thread then starts. */
function cancelIpc(k: KernelContext, target: number, control: number): void {
  const sending = isSending(k, target) && (control & Control.Send) !== 0;
  const receiving = isReceiving(k, target) && (control & Control.Receive) !== 0;
  if (!sending && !receiving) return;
  endBlockedIpc(k, target, IpcError.Cancelled);
  preemptIfHigher(k, target);
}

function changeHalt(k: KernelContext, target: number, control: number): void {
  if ((control & Control.ApplyHalt) === 0) return;
  if ((control & Control.Halted) !== 0) {
    haltThread(k, target, HaltReason.Requested);
  } else if (k.load(target + Tcb.halted) !== 0) {
    resumeThread(k, target);
    preemptIfHigher(k, target);
  }
  if (!isRunnable(k, k.current)) pickNext(k);
}
