import { Flag } from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";
import { KernelEvent } from "./events.ts";
import { tagOf } from "./message.ts";
import { haltThread } from "./schedule.ts";
import { utcbWord } from "./tcb.ts";
import { HaltReason, Protocol, Tcb } from "./tcb-layout.ts";
import { NIL_THREAD } from "./thread-id.ts";
import { Utcb } from "./utcb.ts";

/**
 * The exception protocol (X.2 manual, section 7.4 and appendix; ABI 9.2): twelve words with the thread's registers go to its
 * exception handler, whose answer is loaded back. A thread without a handler is halted, whatever the exception.
 */

const EXCEPTION_LABEL = 0xffb0;

/** TCB fields of the words 1 to 12 of the message, in order. */
const MESSAGE_FIELDS = [
  Tcb.eip,
  Tcb.eflags,
  Tcb.vector,
  Tcb.errorCode,
  Tcb.edi,
  Tcb.esi,
  Tcb.ebp,
  Tcb.esp,
  Tcb.ebx,
  Tcb.edx,
  Tcb.ecx,
  Tcb.eax,
] as const;

/** An exception in user mode. Returns the handler to ask, after putting the message into the TCB; -1 when the thread was halted. */
export function exception(k: KernelContext, thread: number, vector: number, hasErrorCode: boolean): number {
  k.record(KernelEvent.Exception, k.load(thread + Tcb.globalId), vector);
  const handler = utcbWord(k, thread, Utcb.exceptionHandler);
  if (handler === NIL_THREAD) {
    haltThread(k, thread, HaltReason.NoExceptionHandler, vector);
    return -1;
  }
  const message = thread + Tcb.kernelMessage;
  // The real kernel gives a kernel address for vectors without an error code; here it is 0.
  if (!hasErrorCode) k.store(thread + Tcb.errorCode, 0);
  k.store(message, tagOf(EXCEPTION_LABEL, MESSAGE_FIELDS.length));
  for (let i = 0; i < MESSAGE_FIELDS.length; i++) k.store(message + 4 + 4 * i, k.load(thread + MESSAGE_FIELDS[i]));
  k.store(thread + Tcb.protocol, Protocol.Exception);
  return handler;
}

/** Loads the registers from the handler's answer; of EFLAGS only the arithmetic flags (ABI 1.1). */
export function finishException(k: KernelContext, thread: number): void {
  for (let i = 0; i < MESSAGE_FIELDS.length; i++) {
    const field = MESSAGE_FIELDS[i];
    const value = k.load(thread + Tcb.kernelMessage + 4 + 4 * i);
    if (field === Tcb.eflags) setUserFlags(k, thread, value);
    else if (field !== Tcb.vector && field !== Tcb.errorCode) k.store(thread + field, value);
  }
}

/** Replaces the flags that users may change: CF PF AF ZF SF OF. */
export function setUserFlags(k: KernelContext, thread: number, flags: number): void {
  const kept = k.load(thread + Tcb.eflags) & ~Flag.Arithmetic;
  k.store(thread + Tcb.eflags, kept | (flags & Flag.Arithmetic));
}
