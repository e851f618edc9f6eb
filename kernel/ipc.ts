import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { IpcError, IpcPhase } from "./error-code.ts";
import { KernelEvent } from "./events.ts";
import { endKernelIpc, failKernelIpc } from "./kernel-ipc.ts";
import { isSigma0 } from "./mapping.ts";
import { THREAD_COUNT } from "./memory-map.ts";
import { beginTransfer, fits, messageRegisters, TagFlag, transferItems } from "./message.ts";
import { mapIdentity } from "./page-fault.ts";
import { panic } from "./panic.ts";
import { isRunnable, makeReady, makeUnready, pickNext, preemptIfHigher, priorityOf, switchTo } from "./schedule.ts";
import { firstSender, joinSendQueue, leaveSendQueue } from "./send-queue.ts";
import { Step } from "./string-transfer.ts";
import { inTransfer, isSender, setErrorCode, setUtcbWord, utcbWord } from "./tcb.ts";
import { Protocol, Tcb, ThreadState } from "./tcb-layout.ts";
import {
  ANY_LOCAL_THREAD,
  ANY_THREAD,
  findLocalThread,
  findThread,
  isGlobal,
  NIL_THREAD,
  NO_THREAD,
  toGlobal,
} from "./thread-id.ts";
import { cancelTimeout, isTimePoint, receiveTimeout, sendTimeout, startTimeout, ZERO } from "./timeout.ts";
import {
  armTransfer,
  nextTransfer,
  partnerOf,
  queueTransfer,
  startTransferTimeout,
  suspendTransfer,
  timeoutErrors,
  unlinkTransfer,
  unqueueTransfer,
} from "./transfer-fault.ts";
import { messageRegister, Utcb } from "./utcb.ts";

/**
 * IPC (X.2 manual, section 5.6; ABI 7.8): a send phase, then a receive phase, either may be absent. The same code serves
 * the Ipc system call and the IPCs that the kernel makes for a thread (page faults, exceptions, interrupts …).
 *
 *   ready ──send──► polling ──► (message taken) ──receive──► waiting ──► ready
 *             │        │ timeout, cancelled        │            │ timeout, cancelled
 *             └────────┴──────► ready, with error ◄┴────────────┘
 *
 * A message moves in one kernel path, whichever side comes last; only a string whose memory is not mapped stops it, until
 * a pager has answered (`transfer-fault.ts`).
 */

/** How a send phase ended. */
const enum Sent {
  Delivered = 0,
  /** The thread polls. */
  Blocked = 1,
  /** The thread is ready, with an error. */
  Failed = 2,
}

/**
 * Sends the message in a thread's TCB for it and lets it wait for the answer, both without timeout. Its protocol has been
 * set. This is how page faults, exceptions, interrupts and preemptions reach their handlers.
 */
export function performKernelIpc(k: KernelContext, thread: number, partner: number): void {
  k.charge(Cost.faultMessage);
  k.store(thread + Tcb.tag, k.load(thread + Tcb.kernelMessage));
  k.store(thread + Tcb.timeouts, 0);
  performIpc(k, thread, partner === NIL_THREAD ? NO_THREAD : partner, partner);
}

/** How the attempt to move a message ended. */
const enum Delivery {
  Done = 0,
  /** Both sides have their error. */
  Failed = 1,
  /** Both sides wait for a pager. */
  Suspended = 2,
}

/** Does the IPC of a ready thread and names the thread that runs afterwards. Parameters have been checked. */
function performIpc(k: KernelContext, thread: number, to: number, from: number): void {
  k.charge(Cost.ipc);
  k.store(thread + Tcb.receiveFrom, from);
  const partner = to === NIL_THREAD ? 0 : findThread(k, to);
  let sent = Sent.Delivered;
  if (to !== NIL_THREAD) sent = sendPhase(k, thread, partner);
  if (sent === Sent.Delivered) {
    if (from === NIL_THREAD) completeSendOnly(k, thread);
    else receivePhase(k, thread);
  }
  chooseNext(k, sent === Sent.Delivered ? partner : 0);
}

/**
 * After an IPC: a current thread that goes on is only preempted by a higher priority; one that blocked gives its time
 * slice to its partner (ABI 10.4), or to whoever is next. A higher partner runs on the sender's slice, too: who floods a
 * server pays for what the server does about it.
 */
function chooseNext(k: KernelContext, partner: number): void {
  const current = k.current;
  if (current !== 0 && isRunnable(k, current)) {
    if (partner !== 0 && isRunnable(k, partner) && priorityOf(k, partner) > priorityOf(k, current))
      switchTo(k, partner);
  } else if (current !== 0 && partner !== 0 && isRunnable(k, partner)) {
    switchTo(k, partner);
  } else {
    pickNext(k);
  }
}

// ---- send phase ----

function sendPhase(k: KernelContext, sender: number, receiver: number): Sent {
  if (receiver === 0) {
    endWithError(k, sender, IpcPhase.Send, IpcError.NonExisting, TagFlag.Error);
    return Sent.Failed;
  }
  const senderId = propagate(k, sender, receiver);
  k.store(sender + Tcb.senderId, senderId);
  if (accepts(k, receiver, sender)) {
    const delivery = deliver(k, sender, receiver);
    if (delivery === Delivery.Done) return Sent.Delivered;
    return delivery === Delivery.Failed ? Sent.Failed : Sent.Blocked;
  }
  const timeout = sendTimeout(k.load(sender + Tcb.timeouts));
  if (timeout === ZERO) {
    endWithError(k, sender, IpcPhase.Send, IpcError.Timeout, TagFlag.Error);
    return Sent.Failed;
  }
  k.charge(Cost.block);
  makeUnready(k, sender, ThreadState.Polling);
  joinSendQueue(k, sender, receiver);
  startTimeout(k, sender, timeout);
  return Sent.Blocked;
}

/**
 * Decides about propagation (ABI 7.8, step 2): the virtual sender must exist and share its space with the sender or the
 * receiver. Returns the id that the receiver will see; clears the tag's p bit when it is not granted.
 */
function propagate(k: KernelContext, sender: number, receiver: number): number {
  const ownId = k.load(sender + Tcb.globalId);
  const tag = k.load(sender + Tcb.tag);
  if ((tag & TagFlag.Propagated) === 0 || k.load(sender + Tcb.protocol) !== Protocol.None) return ownId;
  const wanted = utcbWord(k, sender, Utcb.virtualSender);
  const virtualSender = isGlobal(wanted) ? findThread(k, wanted) : findLocalThread(k, k.spaceOf(sender), wanted);
  const space = k.spaceOf(sender);
  const granted =
    virtualSender !== 0 &&
    k.load(virtualSender + Tcb.utcbPhysical) !== 0 &&
    (k.spaceOf(virtualSender) === space || k.spaceOf(receiver) === space);
  if (granted) return k.load(virtualSender + Tcb.globalId);
  const plain = (tag & ~TagFlag.Propagated) >>> 0;
  k.store(sender + Tcb.tag, plain);
  setUtcbWord(k, sender, messageRegister(0), plain);
  return ownId;
}

/** Whether a receiver waits for this sender, under its own id or its virtual one. */
function accepts(k: KernelContext, receiver: number, sender: number): boolean {
  return k.state(receiver) === ThreadState.Waiting && matches(k, receiver, sender);
}

function matches(k: KernelContext, receiver: number, sender: number): boolean {
  const from = k.load(receiver + Tcb.receiveFrom);
  if (from === ANY_THREAD) return true;
  // Interrupt threads have no space: they are local to nobody.
  if (from === ANY_LOCAL_THREAD) return k.load(sender + Tcb.space) === k.load(receiver + Tcb.space);
  return from === k.load(sender + Tcb.senderId) || from === k.load(sender + Tcb.globalId);
}

/** The tag as the receiver sees it. */
function receivedTag(k: KernelContext, sender: number): number {
  const propagated = k.load(sender + Tcb.senderId) !== k.load(sender + Tcb.globalId);
  const flags = TagFlag.Redirected | TagFlag.CrossProcessor | TagFlag.Error | (propagated ? 0 : TagFlag.Propagated);
  return (k.load(sender + Tcb.tag) & ~flags) >>> 0;
}

/** Moves the message and ends the receiver's IPC. */
function deliver(k: KernelContext, sender: number, receiver: number): Delivery {
  k.record(KernelEvent.IpcTransfer, k.load(sender + Tcb.senderId), k.load(receiver + Tcb.globalId));
  beginTransfer(k, sender, receiver, receivedTag(k, sender));
  return advance(k, sender, receiver);
}

/** Moves what is left of the message. */
function advance(k: KernelContext, sender: number, receiver: number): Delivery {
  for (let faults = 0; ; faults++) {
    // After a fault of its own sigma0 has that page.
    if (faults > k.map.ramFrames)
      panic(`sigma0's page faults in a transfer of thread ${k.threadNumber(sender)} do not end`);
    const step = transferItems(k, sender, receiver, receivedTag(k, sender));
    if (step > Step.Done) {
      failTransfer(k, sender, receiver, step, step);
      return Delivery.Failed;
    }
    if (step === Step.Done) break;
    const space = k.spaceOf(step === Step.SenderFault ? sender : receiver);
    // sigma0's own faults are the kernel's to serve.
    const served = isSigma0(k, space) && mapIdentity(k, space, k.load(sender + Tcb.faultAddress));
    if (!served) return suspend(k, sender, receiver, step);
  }
  const senderId = k.load(sender + Tcb.senderId);
  if (senderId !== k.load(sender + Tcb.globalId)) reportPropagation(k, sender, receiver, senderId);
  completeReceive(k, receiver, senderId);
  return Delivery.Done;
}

/** Ends the IPC of both sides with the transfer's error; each code may hold an offset. */
function failTransfer(k: KernelContext, sender: number, receiver: number, sending: number, receiving: number): void {
  const tag = k.load(sender + Tcb.tag);
  const from = idSeenBy(k, receiver, k.load(sender + Tcb.senderId));
  endWithError(k, receiver, IpcPhase.Receive, receiving, receivedTag(k, sender) | TagFlag.Error, from);
  endWithError(k, sender, IpcPhase.Send, sending, tag | TagFlag.Error, k.load(receiver + Tcb.globalId));
}

/** The receiver learns who really sent; a virtual sender that waits for the sender now waits for the receiver (ABI 7.8, step 6). */
function reportPropagation(k: KernelContext, sender: number, receiver: number, senderId: number): void {
  if (k.load(receiver + Tcb.protocol) === Protocol.None)
    setUtcbWord(k, receiver, Utcb.virtualSender, k.load(sender + Tcb.globalId));
  const virtualSender = findThread(k, senderId);
  if (virtualSender !== 0 && k.state(virtualSender) === ThreadState.Waiting)
    if (k.load(virtualSender + Tcb.receiveFrom) === k.load(sender + Tcb.globalId))
      k.store(virtualSender + Tcb.receiveFrom, k.load(receiver + Tcb.globalId));
}

// ---- transfers that wait for a page fault ----

/** The side whose page is missing asks its pager; both wait, for no longer than their transfer timeouts allow. */
function suspend(k: KernelContext, sender: number, receiver: number, step: Step): Delivery {
  cancelTimeout(k, sender);
  cancelTimeout(k, receiver);
  if (!armTransfer(k, sender, receiver)) {
    endByTimeout(k, sender, receiver);
    return Delivery.Failed;
  }
  const faulter = suspendTransfer(k, sender, receiver, step);
  performKernelIpc(k, faulter, utcbWord(k, faulter, Utcb.pager));
  const asking = k.state(faulter) === ThreadState.Polling || k.state(faulter) === ThreadState.Waiting;
  if (inTransfer(k, faulter) && asking) startTransferTimeout(k, sender, faulter);
  return Delivery.Suspended;
}

function endByTimeout(k: KernelContext, sender: number, receiver: number): void {
  const offset = k.load(sender + Tcb.bytesCopied) << 4;
  const errors = timeoutErrors(k, sender, receiver);
  failTransfer(k, sender, receiver, errors.sender | offset, errors.receiver | offset);
}

/** Ends a suspended transfer, whichever side is named: by timeout, or because one side is cancelled, or has no pager. */
function abortTransfer(k: KernelContext, thread: number, timedOut: boolean): void {
  const partner = partnerOf(k, thread);
  const [sender, receiver] = isSender(k, thread) ? [thread, partner] : [partner, thread];
  for (const side of [sender, receiver]) {
    if (k.state(side) === ThreadState.Polling) leaveSendQueue(k, side);
    cancelTimeout(k, side);
    unqueueTransfer(k, side);
  }
  unlinkTransfer(k, sender, receiver);
  if (timedOut) {
    endByTimeout(k, sender, receiver);
    return;
  }
  const error = IpcError.Aborted | (k.load(sender + Tcb.bytesCopied) << 4);
  failTransfer(k, sender, receiver, error, error);
}

/** Goes on with the transfers whose page fault has been answered in this path. */
export function finishTransfers(k: KernelContext): void {
  // A bound for broken lists; what is left goes on with the next path.
  for (let rounds = 0; rounds < THREAD_COUNT; rounds++) {
    const thread = nextTransfer(k);
    if (thread === 0) return;
    const partner = partnerOf(k, thread);
    const [sender, receiver] = isSender(k, thread) ? [thread, partner] : [partner, thread];
    unlinkTransfer(k, sender, receiver);
    if (advance(k, sender, receiver) === Delivery.Done) {
      if (k.load(sender + Tcb.receiveFrom) === NIL_THREAD) completeSendOnly(k, sender);
      else receivePhase(k, sender);
    }
    preemptIfHigher(k, receiver);
    preemptIfHigher(k, sender);
  }
}

// ---- receive phase ----

/**
 * Begins the receive phase of a thread. It may take the message of a polling thread, whose own receive phase is then
 * due in turn; every round takes one thread out of a send queue, so the rounds end.
 */
function receivePhase(k: KernelContext, thread: number): void {
  let due = thread;
  for (let rounds = 0; due !== 0; rounds++) {
    if (rounds > THREAD_COUNT) panic("a chain of receive phases does not end");
    due = receiveOnce(k, due);
  }
}

/** One receive phase. Returns the thread whose send phase it ended and whose receive phase is due, or 0. */
function receiveOnce(k: KernelContext, receiver: number): number {
  const from = k.load(receiver + Tcb.receiveFrom);
  k.charge(Cost.ipcReceive);
  if (from !== ANY_THREAD && from !== ANY_LOCAL_THREAD && findThread(k, from) === 0) {
    endWithError(k, receiver, IpcPhase.Receive, IpcError.NonExisting, TagFlag.Error);
    return 0;
  }
  const sender = firstSender(k, receiver, (candidate) => matches(k, receiver, candidate));
  if (sender === 0) {
    block(k, receiver);
    return 0;
  }
  leaveSendQueue(k, sender);
  cancelTimeout(k, sender);
  if (deliver(k, sender, receiver) !== Delivery.Done) return 0;
  if (k.load(sender + Tcb.receiveFrom) !== NIL_THREAD) return sender;
  completeSendOnly(k, sender);
  return 0;
}

function block(k: KernelContext, receiver: number): void {
  const timeout = receiveTimeout(k.load(receiver + Tcb.timeouts));
  if (timeout === ZERO) {
    endWithError(k, receiver, IpcPhase.Receive, IpcError.Timeout, TagFlag.Error);
    return;
  }
  k.charge(Cost.block);
  makeUnready(k, receiver, ThreadState.Waiting);
  startTimeout(k, receiver, timeout);
}

// ---- ends ----

function completeSendOnly(k: KernelContext, sender: number): void {
  returnFromIpc(k, sender, NIL_THREAD);
  makeReady(k, sender);
}

function completeReceive(k: KernelContext, receiver: number, senderId: number): void {
  cancelTimeout(k, receiver);
  if (k.load(receiver + Tcb.protocol) !== Protocol.None) {
    endKernelIpc(k, receiver);
    return;
  }
  returnFromIpc(k, receiver, idSeenBy(k, receiver, senderId));
  makeReady(k, receiver);
}

/** The form in which a thread is named to another: its local id inside one space, else its global id. */
function idSeenBy(k: KernelContext, receiver: number, globalId: number): number {
  const thread = findThread(k, globalId);
  if (thread === 0 || k.load(thread + Tcb.space) !== k.load(receiver + Tcb.space)) return globalId;
  const local = k.localId(thread);
  return local === 0 ? globalId : local;
}

/** Loads the output registers of Ipc (ABI 5.2): EAX from, ESI MR0, EBX MR1, EBP MR2; ECX is MR2 too, as measured. */
function returnFromIpc(k: KernelContext, thread: number, from: number): void {
  const registers = messageRegisters(k, thread);
  k.store(thread + Tcb.eax, from);
  k.store(thread + Tcb.esi, k.load(registers));
  k.store(thread + Tcb.ebx, k.load(registers + 4));
  const second = k.load(registers + 8);
  k.store(thread + Tcb.ebp, second);
  k.store(thread + Tcb.ecx, second);
}

/**
 * Ends a thread's IPC with an error. `tag` is what its MR0 becomes; `from` is returned in EAX (0 after most errors, where
 * the real kernel leaves garbage). The thread must be in no send queue any more.
 */
function endWithError(
  k: KernelContext,
  thread: number,
  phase: IpcPhase,
  error: number,
  tag: number,
  from = NIL_THREAD,
): void {
  cancelTimeout(k, thread);
  k.record(KernelEvent.IpcError, k.load(thread + Tcb.globalId), error | phase);
  if (k.load(thread + Tcb.protocol) !== Protocol.None) {
    // A pager that answers nonsense has answered; one that is not there ends the transfer.
    if (!inTransfer(k, thread)) failKernelIpc(k, thread, error);
    else if (phase === IpcPhase.Receive && error === IpcError.MessageOverflow) queueTransfer(k, thread);
    else abortTransfer(k, thread, false);
    return;
  }
  setUtcbWord(k, thread, messageRegister(0), tag);
  setErrorCode(k, thread, error | phase);
  returnFromIpc(k, thread, from);
  makeReady(k, thread);
}

/** Ends the IPC of a blocked thread: its timeout has come, or someone cancels it, or its partner is gone. */
export function endBlockedIpc(k: KernelContext, thread: number, error: IpcError): void {
  if (inTransfer(k, thread)) {
    abortTransfer(k, thread, error === IpcError.Timeout);
    return;
  }
  if (k.state(thread) === ThreadState.Polling) {
    leaveSendQueue(k, thread);
    endWithError(k, thread, IpcPhase.Send, error, k.load(thread + Tcb.tag) | TagFlag.Error);
  } else {
    endWithError(k, thread, IpcPhase.Receive, error, TagFlag.Error);
  }
}

/** Fails all threads that poll on one that is going away, or changes its id. */
export function failSenders(k: KernelContext, receiver: number): void {
  for (let rounds = 0; ; rounds++) {
    if (rounds > THREAD_COUNT) panic(`the send queue of thread ${k.threadNumber(receiver)} does not end`);
    const sender = firstSender(k, receiver, () => true);
    if (sender === 0) return;
    endBlockedIpc(k, sender, IpcError.NonExisting);
  }
}

// ---- the system call ----

/** Ipc and Lipc (ABI 5.2). The stub leaves its caller's address in EBX, where the thread goes on. */
export function ipcSystemCall(k: KernelContext, caller: number): void {
  const space = k.spaceOf(caller);
  const to = toGlobal(k, space, k.load(caller + Tcb.eax));
  const from = toGlobal(k, space, k.load(caller + Tcb.edx));
  const timeouts = k.load(caller + Tcb.ecx);
  const tag = k.load(caller + Tcb.esi);
  k.store(caller + Tcb.eip, k.load(caller + Tcb.ebx));
  setUtcbWord(k, caller, messageRegister(0), tag);
  k.store(caller + Tcb.tag, tag);
  k.store(caller + Tcb.timeouts, timeouts);
  if (to === NIL_THREAD && from === NIL_THREAD) {
    returnFromIpc(k, caller, NIL_THREAD);
    return;
  }
  if (to !== NIL_THREAD && !fits(tag)) {
    endWithError(k, caller, IpcPhase.Send, IpcError.MessageOverflow, tag | TagFlag.Error);
    return;
  }
  if (to !== NIL_THREAD && isTimePoint(sendTimeout(timeouts))) {
    endWithError(k, caller, IpcPhase.Send, IpcError.Timeout, TagFlag.Error);
    return;
  }
  if (from !== NIL_THREAD && isTimePoint(receiveTimeout(timeouts))) {
    endWithError(k, caller, IpcPhase.Receive, IpcError.Timeout, TagFlag.Error);
    return;
  }
  performIpc(k, caller, to, from);
}
