import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { IpcError } from "./error-code.ts";
import { endBlockedIpc, performKernelIpc } from "./ipc.ts";
import { Globals, THREAD_COUNT } from "./memory-map.ts";
import { tagOf } from "./message.ts";
import { rotate } from "./ready-queue.ts";
import { dispatch, isRunnable, pickNext, priorityOf, renewTimeslice } from "./schedule.ts";
import { isActive, setUtcbWord, utcbWord } from "./tcb.ts";
import { Protocol, Tcb } from "./tcb-layout.ts";
import { firstExpired } from "./timeout.ts";
import { PreemptFlag, Utcb } from "./utcb.ts";

/** The timer tick, the end of time slices, delayed preemption, and the preemption protocol (ABI 9.4, 10.3). */

/** Microseconds that the kernel accounts for each tick, as L4Ka::Pistachio does. */
const TICK_MICROSECONDS = 1953;

const PREEMPTION_LABEL = 0xffd0;

/** One timer tick: time goes on, timeouts fire, the time slice shrinks. */
export function tick(k: KernelContext): void {
  k.charge(Cost.tick);
  const time = k.map.globals + Globals.time;
  k.storeDouble(time, k.loadDouble(time) + TICK_MICROSECONDS);
  const woken = expireTimeouts(k);
  const current = k.current;
  if (current === 0) {
    pickNext(k);
    return;
  }
  if (chargeQuantum(k, current)) return;
  const owner = k.tcbOrNone(k.global(Globals.timesliceOwner), "timeslice owner");
  if (owner !== 0 && isSliceOver(k, owner)) endOfTimeslice(k, current, owner, woken);
  else if (woken !== 0 && !isDelayed(k, current, woken)) dispatch(k, woken);
}

/** Ends the IPCs whose deadline has come. Returns the thread that should preempt the current one, or 0. */
function expireTimeouts(k: KernelContext): number {
  const current = k.current;
  const owner = k.tcbOrNone(k.global(Globals.timesliceOwner), "timeslice owner");
  let highest = current === 0 ? -1 : Math.max(priorityOf(k, current), owner === 0 ? -1 : priorityOf(k, owner));
  let woken = 0;
  for (let rounds = 0; rounds <= THREAD_COUNT; rounds++) {
    const thread = firstExpired(k);
    if (thread === 0) break;
    k.charge(Cost.wakeup);
    endBlockedIpc(k, thread, IpcError.Timeout);
    if (!isRunnable(k, thread) || priorityOf(k, thread) <= highest) continue;
    highest = priorityOf(k, thread);
    woken = thread;
  }
  return woken;
}

/** Takes a tick from the owner's time slice; true when it is used up. */
function isSliceOver(k: KernelContext, owner: number): boolean {
  if (k.load(owner + Tcb.timesliceLength) === 0) return false;
  const left = (k.load(owner + Tcb.timesliceLeft) | 0) - TICK_MICROSECONDS;
  k.store(owner + Tcb.timesliceLeft, left);
  return left <= 0;
}

function endOfTimeslice(k: KernelContext, current: number, owner: number, woken: number): void {
  if (isDelayed(k, current, woken)) {
    // Once per Schedule: the delay that is granted is taken from the allowance.
    const delay = k.load(current + Tcb.maximumDelay);
    k.store(owner + Tcb.timesliceLeft, (k.load(owner + Tcb.timesliceLeft) | 0) + delay);
    k.store(current + Tcb.maximumDelay, 0);
    setUtcbWord(k, current, Utcb.flags, utcbWord(k, current, Utcb.flags) | PreemptFlag.Pending);
    return;
  }
  renewTimeslice(k, owner);
  rotate(k, owner);
  pickNext(k);
}

/** Whether the current thread has asked for its preemption by `woken` to be delayed, and may. */
function isDelayed(k: KernelContext, current: number, woken: number): boolean {
  if (!isActive(k, current) || k.load(current + Tcb.maximumDelay) === 0) return false;
  if ((utcbWord(k, current, Utcb.flags) & PreemptFlag.Delay) === 0) return false;
  return woken === 0 || woken === current || priorityOf(k, woken) <= k.load(current + Tcb.sensitivePriority);
}

/** Takes a tick from the current thread's total quantum. True: it ran out, and the thread now talks to its scheduler. */
function chargeQuantum(k: KernelContext, current: number): boolean {
  if (k.load(current + Tcb.quantumLength) === 0) return false;
  const left = (k.load(current + Tcb.quantumLeft) | 0) - TICK_MICROSECONDS;
  k.store(current + Tcb.quantumLeft, Math.max(left, 0));
  if (left > 0) return false;
  const time = k.loadDouble(k.map.globals + Globals.time);
  const message = current + Tcb.kernelMessage;
  k.store(message, tagOf(PREEMPTION_LABEL, 2));
  k.store(message + 4, time >>> 0);
  k.store(message + 8, Math.floor(time / 4294967296));
  k.store(current + Tcb.protocol, Protocol.Preemption);
  performKernelIpc(k, current, k.load(current + Tcb.scheduler));
  return true;
}
