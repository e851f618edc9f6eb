import type { KernelContext } from "./context.ts";
import { IpcError } from "./error-code.ts";
import { finishException } from "./exception.ts";
import { acknowledgeInterrupt, detachInterrupt } from "./interrupt.ts";
import { haltThread, makeReady, renewQuantum } from "./schedule.ts";
import { inTransfer } from "./tcb.ts";
import { HaltReason, Protocol, Tcb } from "./tcb-layout.ts";
import { finishStart } from "./thread-start.ts";
import { queueTransfer } from "./transfer-fault.ts";

/** How the IPCs end that the kernel makes for threads. How each begins is in the file of its protocol. */

/** The thread got its answer. */
export function endKernelIpc(k: KernelContext, thread: number): void {
  const protocol = k.load(thread + Tcb.protocol);
  if (protocol === Protocol.Interrupt) {
    acknowledgeInterrupt(k, thread);
    return;
  }
  if (inTransfer(k, thread)) {
    queueTransfer(k, thread);
    return;
  }
  k.store(thread + Tcb.protocol, Protocol.None);
  if (protocol === Protocol.Start) finishStart(k, thread);
  if (protocol === Protocol.Exception) finishException(k, thread);
  if (protocol === Protocol.Preemption) renewQuantum(k, thread);
  makeReady(k, thread);
}

/**
 * The IPC failed. A missing handler halts the thread: the machine goes on (L4Ka::Pistachio hangs). Anything else, such as a
 * cancel by ExchangeRegisters, lets the thread repeat what it did: it will fault again, and ask again.
 */
export function failKernelIpc(k: KernelContext, thread: number, error: number): void {
  const protocol = k.load(thread + Tcb.protocol);
  const gone = error === IpcError.NonExisting;
  if (protocol === Protocol.Interrupt) {
    detachInterrupt(k, thread);
    return;
  }
  k.store(thread + Tcb.protocol, Protocol.None);
  if (protocol === Protocol.Preemption) renewQuantum(k, thread);
  if (gone) haltThread(k, thread, haltReason(protocol));
  makeReady(k, thread);
}

function haltReason(protocol: number): HaltReason {
  switch (protocol) {
    case Protocol.Exception:
      return HaltReason.ExceptionHandlerGone;
    case Protocol.Preemption:
      return HaltReason.NoScheduler;
    default:
      return HaltReason.NoPager;
  }
}
