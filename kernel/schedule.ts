import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { ErrorCode } from "./error-code.ts";
import { KernelEvent } from "./events.ts";
import { Globals, PRIORITY_COUNT } from "./memory-map.ts";
import { dequeue, enqueue, highestReady, rotate } from "./ready-queue.ts";
import { inTransfer, isPrivileged, isSender, setErrorCode, setUtcbWord, utcbWord } from "./tcb.ts";
import { HaltReason, Tcb, ThreadState } from "./tcb-layout.ts";
import { findThread, toGlobal } from "./thread-id.ts";
import { isTimePoint, microseconds } from "./timeout.ts";
import { PreemptFlag, Utcb } from "./utcb.ts";

/**
 * Who runs (X.2 manual, chapter 3; ABI 10): 256 priorities, round robin inside one, direct switches on IPC with donation
 * of the time slice. A kernel path only names the thread to run next (`globals.current`); the switch happens once, at
 * the kernel's exit.
 */

export function priorityOf(k: KernelContext, tcb: number): number {
  return k.load(tcb + Tcb.priority);
}

export function isRunnable(k: KernelContext, tcb: number): boolean {
  return k.state(tcb) === ThreadState.Ready && k.load(tcb + Tcb.halted) === 0;
}

/** Ends a thread's wait: it is ready, and queued unless it is halted. */
export function makeReady(k: KernelContext, tcb: number): void {
  k.store(tcb + Tcb.state, ThreadState.Ready);
  if (k.load(tcb + Tcb.halted) === 0) enqueue(k, tcb);
}

/** Puts a thread into a state in which it does not run. */
export function makeUnready(k: KernelContext, tcb: number, state: ThreadState): void {
  k.store(tcb + Tcb.state, state);
  dequeue(k, tcb);
}

/** Stops a thread until ExchangeRegisters resumes it. An IPC in which it is goes on. */
export function haltThread(k: KernelContext, tcb: number, reason: HaltReason, vector = 0): void {
  k.store(tcb + Tcb.halted, 1);
  k.store(tcb + Tcb.haltReason, reason | (vector << 8));
  dequeue(k, tcb);
  k.record(KernelEvent.Halt, k.load(tcb + Tcb.globalId), reason);
}

export function resumeThread(k: KernelContext, tcb: number): void {
  k.store(tcb + Tcb.halted, 0);
  k.store(tcb + Tcb.haltReason, HaltReason.None);
  if (k.state(tcb) === ThreadState.Ready) enqueue(k, tcb);
}

/** Lets a thread run next; the time slice that is being used up stays the one it is (donation). */
export function switchTo(k: KernelContext, tcb: number): void {
  k.setGlobal(Globals.current, tcb);
}

/** Lets a thread run next on its own time slice. */
export function dispatch(k: KernelContext, tcb: number): void {
  k.setGlobal(Globals.current, tcb);
  k.setGlobal(Globals.timesliceOwner, tcb);
}

/** Lets the first thread of the highest ready list run next, or the CPU idle. */
export function pickNext(k: KernelContext): void {
  k.charge(Cost.pickNext);
  dispatch(k, highestReady(k));
}

/** Lets a runnable thread of higher priority than the current one run at once; the current one stays where it is in its list. */
export function preemptIfHigher(k: KernelContext, tcb: number): void {
  const current = k.current;
  if (!isRunnable(k, tcb)) return;
  if (current === 0 || priorityOf(k, tcb) > priorityOf(k, current)) dispatch(k, tcb);
}

/** Gives a thread its next time slice; what it overran the last one by is taken off, if a slice can bear it. */
export function renewTimeslice(k: KernelContext, tcb: number): void {
  const length = k.load(tcb + Tcb.timesliceLength);
  const left = (k.load(tcb + Tcb.timesliceLeft) | 0) + length;
  k.store(tcb + Tcb.timesliceLeft, left > 0 && left <= length ? left : length);
}

/** Gives a thread its total quantum again, after its scheduler has answered the preemption message. */
export function renewQuantum(k: KernelContext, tcb: number): void {
  if (k.load(tcb + Tcb.quantumLeft) === 0) k.store(tcb + Tcb.quantumLeft, k.load(tcb + Tcb.quantumLength));
}

// ---- system calls ----

/**
 * ThreadSwitch (ABI 6.5): gives the rest of the time slice to a thread, or gives it up. All registers are preserved.
 */
export function threadSwitchSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.threadSwitch);
  const id = toGlobal(k, k.spaceOf(caller), k.load(caller + Tcb.eax));
  const target = findThread(k, id);
  if (target === caller) return;
  if (target !== 0 && isRunnable(k, target)) {
    switchTo(k, target);
    return;
  }
  const owner = k.tcbOrNone(k.global(Globals.timesliceOwner), "timeslice owner");
  if (owner !== 0) {
    k.store(owner + Tcb.timesliceLeft, k.load(owner + Tcb.timesliceLength));
    rotate(k, owner);
  }
  rotate(k, caller);
  setUtcbWord(k, caller, Utcb.flags, utcbWord(k, caller, Utcb.flags) & ~PreemptFlag.Pending);
  pickNext(k);
}

const UNCHANGED = 0xffff_ffff;

/** What Schedule reports of a thread's state (ABI 6.4). */
const enum ReportedState {
  Error = 0,
  Dead = 1,
  Inactive = 2,
  Running = 3,
  PendingSend = 4,
  Sending = 5,
  Waiting = 6,
  Receiving = 7,
}

function reportedState(k: KernelContext, tcb: number): ReportedState {
  const state = k.state(tcb);
  if (state === ThreadState.Inactive) return ReportedState.Dead;
  if (state === ThreadState.Armed || k.load(tcb + Tcb.halted) !== 0) return ReportedState.Inactive;
  if (inTransfer(k, tcb)) return isSender(k, tcb) ? ReportedState.Sending : ReportedState.Receiving;
  if (state === ThreadState.Polling) return ReportedState.PendingSend;
  return state === ThreadState.Waiting ? ReportedState.Waiting : ReportedState.Running;
}

/** Microseconds of a time slice or quantum parameter; never and zero mean infinite, written 0. */
function slice(time: number): number {
  return Math.min(microseconds(time), 0x7fff_ffff);
}

/**
 * Schedule (ABI 6.4). Only the thread's scheduler and privileged threads may.
 * Unlike L4Ka::Pistachio the sensitive priority is checked where it is given, in PreemptionControl.
 */
export function scheduleSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.schedule);
  const target = findThread(k, toGlobal(k, k.spaceOf(caller), k.load(caller + Tcb.eax)));
  const timeControl = k.load(caller + Tcb.edx);
  const priorityControl = k.load(caller + Tcb.ecx);
  const preemptionControl = k.load(caller + Tcb.edi);
  const error = checkSchedule(k, caller, target, timeControl, priorityControl, preemptionControl);
  setErrorCode(k, caller, error);
  if (error !== ErrorCode.None) {
    k.store(caller + Tcb.eax, ReportedState.Error);
    k.store(caller + Tcb.edx, 0);
    return;
  }
  k.store(caller + Tcb.eax, reportedState(k, target));
  k.store(caller + Tcb.edx, timeLeft(k, target));
  if (timeControl !== UNCHANGED) setTimes(k, target, timeControl);
  if (priorityControl !== UNCHANGED && (priorityControl & 0x1ff) < PRIORITY_COUNT)
    setPriority(k, target, priorityControl & 0xff);
  if (preemptionControl !== UNCHANGED) setPreemption(k, target, preemptionControl);
}

function checkSchedule(
  k: KernelContext,
  caller: number,
  target: number,
  timeControl: number,
  priorityControl: number,
  preemptionControl: number,
): ErrorCode {
  if (target === 0) return ErrorCode.InvalidThread;
  const privileged = isPrivileged(k, caller);
  if (!privileged && k.load(target + Tcb.scheduler) !== k.load(caller + Tcb.globalId)) return ErrorCode.NoPrivilege;
  const ceiling = privileged ? PRIORITY_COUNT - 1 : priorityOf(k, caller);
  if (priorityControl !== UNCHANGED) {
    const wanted = priorityControl & 0x1ff;
    if (wanted < PRIORITY_COUNT && wanted > ceiling) return ErrorCode.NoPrivilege;
  }
  if (timeControl !== UNCHANGED)
    for (const half of [timeControl & 0xffff, timeControl >>> 16])
      if (isTimePoint(half)) return ErrorCode.InvalidThread;
  if (preemptionControl !== UNCHANGED && ((preemptionControl >>> 16) & 0xff) > ceiling) return ErrorCode.NoPrivilege;
  return ErrorCode.None;
}

/** Remaining time slice in bits 16-31, remaining total quantum in bits 0-15, in plain microseconds. */
function timeLeft(k: KernelContext, tcb: number): number {
  const left = k.load(tcb + Tcb.timesliceLeft) & 0xffff;
  return ((left << 16) | (k.load(tcb + Tcb.quantumLeft) & 0xffff)) >>> 0;
}

/** Low half: time slice, high half: total quantum: the real kernel's order, not the manual's (ABI 15, 2). */
function setTimes(k: KernelContext, tcb: number, timeControl: number): void {
  k.store(tcb + Tcb.timesliceLength, slice(timeControl & 0xffff));
  k.store(tcb + Tcb.timesliceLeft, slice(timeControl & 0xffff));
  k.store(tcb + Tcb.quantumLength, slice(timeControl >>> 16));
  k.store(tcb + Tcb.quantumLeft, slice(timeControl >>> 16));
}

function setPriority(k: KernelContext, tcb: number, priority: number): void {
  dequeue(k, tcb);
  k.store(tcb + Tcb.priority, priority);
  if (isRunnable(k, tcb)) enqueue(k, tcb);
}

function setPreemption(k: KernelContext, tcb: number, control: number): void {
  k.store(tcb + Tcb.maximumDelay, control & 0xffff);
  const sensitive = (control >>> 16) & 0xff;
  if (sensitive >= priorityOf(k, tcb)) k.store(tcb + Tcb.sensitivePriority, sensitive);
}
