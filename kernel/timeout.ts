import type { KernelContext } from "./context.ts";
import { Globals, THREAD_COUNT } from "./memory-map.ts";
import { panic } from "./panic.ts";
import { Tcb } from "./tcb-layout.ts";

/**
 * Timeouts (X.2 manual, section 2.4; ABI 7.7) and the wakeup list: the threads whose blocked IPC may time out, by
 * deadline. Deadlines are looked at on timer ticks only.
 *
 * Time points (bit 15) are not supported: like the real kernel's, but an IPC with one fails cleanly.
 */

export const NEVER = 0x0000;
export const ZERO = 0x0400;

/** Whether a 16-bit time is a point. */
export function isTimePoint(time: number): boolean {
  return (time & 0x8000) !== 0;
}

/** Microseconds of a period: m × 2^e. */
export function microseconds(time: number): number {
  return (time & 0x3ff) * 2 ** ((time >>> 10) & 0x1f);
}

export function sendTimeout(timeouts: number): number {
  return timeouts >>> 16;
}

export function receiveTimeout(timeouts: number): number {
  return timeouts & 0xffff;
}

/** Enters a thread into the wakeup list unless its timeout is never. Equal deadlines stay in the order of entering. */
export function startTimeout(k: KernelContext, tcb: number, time: number): void {
  if (time === NEVER) return;
  startDeadline(k, tcb, k.loadDouble(k.map.globals + Globals.time) + microseconds(time));
}

/** Enters a thread into the wakeup list with a deadline in kernel time. */
export function startDeadline(k: KernelContext, tcb: number, deadline: number): void {
  k.storeDouble(tcb + Tcb.deadline, deadline);
  let previous = 0;
  let next = k.tcbOrNone(k.global(Globals.wakeupHead), "wakeup list");
  for (let steps = 0; next !== 0 && k.loadDouble(next + Tcb.deadline) <= deadline; steps++) {
    if (steps > THREAD_COUNT) panic("the wakeup list does not end");
    previous = next;
    next = k.tcbOrNone(k.load(next + Tcb.wakeupNext), "wakeup list");
  }
  k.store(tcb + Tcb.wakeupQueued, 1);
  k.store(tcb + Tcb.wakeupNext, next);
  k.store(tcb + Tcb.wakeupPrevious, previous);
  if (next !== 0) k.store(next + Tcb.wakeupPrevious, tcb);
  if (previous !== 0) k.store(previous + Tcb.wakeupNext, tcb);
  else k.setGlobal(Globals.wakeupHead, tcb);
}

/** Takes a thread out of the wakeup list, if it is in it. */
export function cancelTimeout(k: KernelContext, tcb: number): void {
  if (k.load(tcb + Tcb.wakeupQueued) === 0) return;
  const next = k.tcbOrNone(k.load(tcb + Tcb.wakeupNext), "wakeup list");
  const previous = k.tcbOrNone(k.load(tcb + Tcb.wakeupPrevious), "wakeup list");
  if (next !== 0) k.store(next + Tcb.wakeupPrevious, previous);
  if (previous !== 0) k.store(previous + Tcb.wakeupNext, next);
  else k.setGlobal(Globals.wakeupHead, next);
  k.store(tcb + Tcb.wakeupQueued, 0);
  k.store(tcb + Tcb.wakeupNext, 0);
  k.store(tcb + Tcb.wakeupPrevious, 0);
}

/** The first thread whose deadline has come, or 0. */
export function firstExpired(k: KernelContext): number {
  const head = k.tcbOrNone(k.global(Globals.wakeupHead), "wakeup list");
  if (head === 0) return 0;
  return k.loadDouble(head + Tcb.deadline) <= k.loadDouble(k.map.globals + Globals.time) ? head : 0;
}
