import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { ErrorCode, IpcError } from "./error-code.ts";
import { KernelEvent } from "./events.ts";
import { disownFpu } from "./fpu.ts";
import { attachInterrupt, detachInterrupt, interruptId, isAttachable } from "./interrupt.ts";
import { endBlockedIpc, failSenders } from "./ipc.ts";
import { Globals, THREAD_COUNT } from "./memory-map.ts";
import { panic } from "./panic.ts";
import { dequeue } from "./ready-queue.ts";
import { leaveSendQueue } from "./send-queue.ts";
import { addThread, allocateUtcb, createSpace, isInitialised, isUtcbLocation, removeThread } from "./space.ts";
import { initialiseTcb, inTransfer, isActive, isPrivileged, setErrorCode } from "./tcb.ts";
import { Protocol, TCB_BYTES, Tcb, ThreadState } from "./tcb-layout.ts";
import {
  findThread,
  findThreadByNumber,
  isGlobal,
  NIL_THREAD,
  SYSTEM_BASE,
  threadNumberOf,
  toGlobal,
  USER_BASE,
} from "./thread-id.ts";
import { waitForStart } from "./thread-start.ts";
import { cancelTimeout } from "./timeout.ts";
import { isReceiving, isSending } from "./transfer-fault.ts";
import { UTCB, UTCB_BYTES, Utcb } from "./utcb.ts";

/**
 * ThreadControl (X.2 manual, section 2.4; ABI 6.1): creates, activates, changes, moves and deletes threads, and attaches
 * interrupts. Unlike L4Ka::Pistachio, all is checked before anything is done, deleting a thread fails those that poll on
 * it, and two threads can't share a UTCB.
 */

const UTCB_UNCHANGED = 0xffff_ffff;

interface Request {
  target: number;
  space: number;
  scheduler: number;
  pager: number;
  utcb: number;
}

export function threadControlSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.threadControl);
  const error = threadControl(k, caller);
  k.store(caller + Tcb.eax, error === ErrorCode.None ? 1 : 0);
  if (error !== ErrorCode.None) setErrorCode(k, caller, error);
}

function threadControl(k: KernelContext, caller: number): ErrorCode {
  if (!isPrivileged(k, caller)) return ErrorCode.NoPrivilege;
  const ownSpace = k.spaceOf(caller);
  const request: Request = {
    target: k.load(caller + Tcb.eax),
    space: toGlobal(k, ownSpace, k.load(caller + Tcb.esi)),
    scheduler: toGlobal(k, ownSpace, k.load(caller + Tcb.edx)),
    pager: toGlobal(k, ownSpace, k.load(caller + Tcb.ecx)),
    utcb: k.load(caller + Tcb.edi),
  };
  if (!isGlobal(request.target)) return ErrorCode.InvalidSpace;
  const number = threadNumberOf(request.target);
  if (number < SYSTEM_BASE) return controlInterrupt(k, request);
  if (number < USER_BASE || number >= THREAD_COUNT) return ErrorCode.InvalidThread;
  const existing = findThreadByNumber(k, number);
  if (request.space === NIL_THREAD) {
    if (existing === caller) return ErrorCode.InvalidThread;
    if (existing !== 0) deleteThread(k, existing);
    return ErrorCode.None;
  }
  return existing === 0 ? create(k, request) : modify(k, existing, request);
}

function controlInterrupt(k: KernelContext, request: Request): ErrorCode {
  const line = threadNumberOf(request.target);
  if (request.target !== interruptId(line) || !isAttachable(line)) return ErrorCode.InvalidThread;
  if (request.pager === request.target) {
    const thread = findThread(k, request.target);
    if (thread !== 0) detachInterrupt(k, thread);
    return ErrorCode.None;
  }
  const handler = findThread(k, request.pager);
  if (handler === 0 || threadNumberOf(request.pager) < USER_BASE) return ErrorCode.InvalidThread;
  attachInterrupt(k, line, request.pager);
  return ErrorCode.None;
}

// ---- create and activate ----

function create(k: KernelContext, request: Request): ErrorCode {
  if (request.scheduler === NIL_THREAD) return ErrorCode.InvalidThread;
  const newSpace = request.space === request.target;
  const owner = newSpace ? 0 : findThread(k, request.space);
  if (!newSpace && (owner === 0 || k.load(owner + Tcb.space) === 0)) return ErrorCode.InvalidSpace;
  let space = newSpace ? 0 : k.spaceOf(owner);
  if (request.pager !== NIL_THREAD) {
    if (newSpace || !isInitialised(k, space)) return ErrorCode.InvalidSpace;
    const error = checkUtcb(k, space, request.utcb, 0);
    if (error !== ErrorCode.None) return error;
  }
  if (newSpace) space = createSpace(k);
  if (space === 0) return ErrorCode.OutOfMemory;
  const thread = k.tcbOfNumber(threadNumberOf(request.target));
  initialiseTcb(k, thread, request.target, request.scheduler);
  addThread(k, space, thread);
  if (request.utcb !== UTCB_UNCHANGED) k.store(thread + Tcb.utcb, request.utcb);
  k.record(KernelEvent.ThreadCreated, request.target, k.spaceIndex(space));
  if (request.pager === NIL_THREAD) return ErrorCode.None;
  const error = activate(k, thread, request.pager);
  if (error !== ErrorCode.None) deleteThread(k, thread);
  return error;
}

/** Checks a UTCB location for `thread` (0: a new one) in a space: inside the UTCB area, and nobody else's. */
function checkUtcb(k: KernelContext, space: number, utcb: number, thread: number): ErrorCode {
  if (utcb === UTCB_UNCHANGED || !isUtcbLocation(k, space, utcb)) return ErrorCode.UtcbArea;
  return isUtcbTaken(k, space, utcb, thread) ? ErrorCode.UtcbArea : ErrorCode.None;
}

function isUtcbTaken(k: KernelContext, space: number, utcb: number, thread: number): boolean {
  for (let number = USER_BASE; number < THREAD_COUNT; number++) {
    const other = k.tcbOfNumber(number);
    if (other === thread || k.load(other + Tcb.globalId) === 0) continue;
    if (k.load(other + Tcb.space) === space && k.load(other + Tcb.utcb) === utcb && isActive(k, other)) return true;
  }
  return false;
}

/** Gives a thread its UTCB and lets it wait for its start message. Its location has been checked. */
function activate(k: KernelContext, thread: number, pager: number): ErrorCode {
  if (!giveUtcb(k, thread, pager)) return ErrorCode.OutOfMemory;
  waitForStart(k, thread, pager);
  return ErrorCode.None;
}

/** Makes the UTCB: all zero but MyGlobalId and Pager (ABI 9.5). Returns false when memory has run out. */
export function giveUtcb(k: KernelContext, thread: number, pager: number): boolean {
  const physical = allocateUtcb(k, k.spaceOf(thread), k.load(thread + Tcb.utcb));
  if (physical === 0) return false;
  k.memory.fill(physical, UTCB_BYTES, 0);
  k.store(physical + Utcb.myGlobalId, k.load(thread + Tcb.globalId));
  k.store(physical + Utcb.pager, pager);
  k.store(thread + Tcb.utcbPhysical, physical);
  return true;
}

// ---- modify ----

function modify(k: KernelContext, thread: number, request: Request): ErrorCode {
  const active = isActive(k, thread);
  const owner = findThread(k, request.space);
  const givesUtcb = request.utcb !== UTCB_UNCHANGED;
  const space = owner === 0 ? 0 : k.spaceOf(owner);
  if (givesUtcb && active) return ErrorCode.UtcbArea;
  if (space === 0) return ErrorCode.InvalidSpace;
  const utcb = givesUtcb ? request.utcb : k.load(thread + Tcb.utcb);
  const moves = space !== k.spaceOf(thread);
  const activates = !active && request.pager !== NIL_THREAD;
  if ((active && moves) || activates) {
    if (!isInitialised(k, space)) return ErrorCode.UtcbArea;
    const error = checkUtcb(k, space, utcb, thread);
    if (error !== ErrorCode.None) return error;
  } else if (givesUtcb && isInitialised(k, space) && !isUtcbLocation(k, space, utcb)) {
    return ErrorCode.UtcbArea;
  }
  return applyChanges(k, thread, request, space, utcb);
}

function applyChanges(k: KernelContext, thread: number, request: Request, space: number, utcb: number): ErrorCode {
  const active = isActive(k, thread);
  k.store(thread + Tcb.utcb, utcb);
  if (space !== k.spaceOf(thread) && !migrate(k, thread, space)) return ErrorCode.OutOfMemory;
  if (k.load(thread + Tcb.globalId) !== request.target) {
    // Who polls on the old id polls on nobody now.
    failSenders(k, thread);
    k.store(thread + Tcb.globalId, request.target);
    if (active) k.store(k.utcbOf(thread) + Utcb.myGlobalId, request.target);
  }
  if (request.scheduler !== NIL_THREAD) k.store(thread + Tcb.scheduler, request.scheduler);
  if (request.pager === NIL_THREAD) return ErrorCode.None;
  if (!active) return activate(k, thread, request.pager);
  k.store(k.utcbOf(thread) + Utcb.pager, request.pager);
  return ErrorCode.None;
}

/** Moves a thread to another space: its IPC is cancelled, its UTCB copied. */
function migrate(k: KernelContext, thread: number, space: number): boolean {
  if (!isActive(k, thread)) {
    removeThread(k, thread);
    addThread(k, space, thread);
    return true;
  }
  const before = k.utcbOf(thread);
  const after = allocateUtcb(k, space, k.load(thread + Tcb.utcb));
  if (after === 0) return false;
  const starting = k.load(thread + Tcb.protocol) === Protocol.Start;
  if (isSending(k, thread) || (isReceiving(k, thread) && !starting)) endBlockedIpc(k, thread, IpcError.Cancelled);
  for (let offset = 0; offset < UTCB.bytes; offset += 4) k.store(after + offset, k.load(before + offset));
  k.store(thread + Tcb.utcbPhysical, after);
  removeThread(k, thread);
  addThread(k, space, thread);
  return true;
}

// ---- delete ----

/** Deletes a thread that is not the current one; with the last thread of a space the space goes. */
function deleteThread(k: KernelContext, thread: number): void {
  if (thread === k.current) panic("the kernel would delete the running thread");
  k.record(KernelEvent.ThreadDeleted, k.load(thread + Tcb.globalId), k.spaceIndex(k.spaceOf(thread)));
  if (inTransfer(k, thread)) endBlockedIpc(k, thread, IpcError.Cancelled);
  if (k.state(thread) === ThreadState.Polling) leaveSendQueue(k, thread);
  cancelTimeout(k, thread);
  dequeue(k, thread);
  k.store(thread + Tcb.state, ThreadState.Inactive);
  k.store(thread + Tcb.protocol, Protocol.None);
  failSenders(k, thread);
  if (k.global(Globals.timesliceOwner) === thread) k.setGlobal(Globals.timesliceOwner, k.current);
  k.addDouble(k.map.globals + Globals.deletedCycles, k.loadDouble(thread + Tcb.userCycles));
  k.addDouble(k.map.globals + Globals.deletedInstructions, k.loadDouble(thread + Tcb.userInstructions));
  removeThread(k, thread);
  disownFpu(k, thread);
  k.memory.fill(thread, TCB_BYTES, 0);
}
