import type { KernelContext } from "./context.ts";
import { KernelEvent } from "./events.ts";
import { IRQ_COUNT } from "./memory-map.ts";
import { tagOf } from "./message.ts";
import { CASCADE_LINE, maskLine, TIMER_LINE, unmaskLine } from "./pic.ts";
import { leaveSendQueue } from "./send-queue.ts";
import { initialiseTcb } from "./tcb.ts";
import { Protocol, Tcb, ThreadState } from "./tcb-layout.ts";
import { findThread, globalId } from "./thread-id.ts";
import { cancelTimeout } from "./timeout.ts";

/**
 * The interrupt protocol (X.2 manual, section 7.2; ABI 9.3). Each line is a thread, number = line, version 1, that sends its
 * handler a message when the line fires and waits for any answer before the line is unmasked again.
 *
 *   inactive ──attach──► armed ──interrupt──► polling on the handler ──► waiting for the answer ──► armed
 */

const INTERRUPT_LABEL = 0xfff0;
const INTERRUPT_PRIORITY = 255;
const INTERRUPT_VERSION = 1;

export function interruptId(line: number): number {
  return globalId(line, INTERRUPT_VERSION);
}

/** The timer is the kernel's tick, and line 2 the cascade of the two controllers. */
export function isAttachable(line: number): boolean {
  return line < IRQ_COUNT && line !== TIMER_LINE && line !== CASCADE_LINE;
}

/** Attaches a line to a handler (global id of an existing thread), or moves it from the one before. */
export function attachInterrupt(k: KernelContext, line: number, handler: number): void {
  const thread = k.tcbOfNumber(line);
  if (k.load(thread + Tcb.globalId) === 0) {
    initialiseTcb(k, thread, interruptId(line), handler);
    k.store(thread + Tcb.priority, INTERRUPT_PRIORITY);
  }
  stopIpc(k, thread);
  k.store(thread + Tcb.scheduler, handler);
  arm(k, thread);
}

/** Masks a line and takes it from its handler. */
export function detachInterrupt(k: KernelContext, thread: number): void {
  stopIpc(k, thread);
  k.store(thread + Tcb.state, ThreadState.Inactive);
  k.store(thread + Tcb.protocol, Protocol.None);
  maskLine(k, k.threadNumber(thread));
}

function stopIpc(k: KernelContext, thread: number): void {
  if (k.state(thread) === ThreadState.Polling) leaveSendQueue(k, thread);
  cancelTimeout(k, thread);
}

function arm(k: KernelContext, thread: number): void {
  k.store(thread + Tcb.state, ThreadState.Armed);
  k.store(thread + Tcb.protocol, Protocol.Interrupt);
  unmaskLine(k, k.threadNumber(thread));
}

/** The handler has answered. */
export function acknowledgeInterrupt(k: KernelContext, thread: number): void {
  arm(k, thread);
}

/**
 * A line has fired: prepares its message. Returns the interrupt thread, or 0 when nobody wants the interrupt; the line is
 * masked by then.
 */
export function interruptMessage(k: KernelContext, line: number): number {
  maskLine(k, line);
  const thread = k.tcbOfNumber(line);
  const handler = k.load(thread + Tcb.scheduler);
  k.record(KernelEvent.Interrupt, line, handler);
  if (k.load(thread + Tcb.globalId) === 0 || k.state(thread) !== ThreadState.Armed) return 0;
  if (findThread(k, handler) === 0) {
    detachInterrupt(k, thread);
    return 0;
  }
  k.store(thread + Tcb.kernelMessage, tagOf(INTERRUPT_LABEL, 0));
  return thread;
}
