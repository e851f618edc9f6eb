import type { KernelContext } from "./context.ts";
import { IpcError } from "./error-code.ts";
import { KernelEvent } from "./events.ts";
import { Globals, THREAD_COUNT } from "./memory-map.ts";
import { AccessLabel, pageFaultMessage } from "./page-fault.ts";
import { panic } from "./panic.ts";
import { makeUnready } from "./schedule.ts";
import { Step } from "./string-transfer.ts";
import { inTransfer, isSender, utcbWord } from "./tcb.ts";
import { Protocol, Tcb, ThreadState, TransferRole } from "./tcb-layout.ts";
import { isTimePoint, microseconds, NEVER, startDeadline, ZERO } from "./timeout.ts";
import { Utcb } from "./utcb.ts";

/**
 * A message transfer that waits for a page fault (ABI 7.6). The side whose page is missing asks its pager, like for any
 * page fault; the other side waits for it, in state `Transferring`. Both are linked by Tcb.transferPartner; the copy's
 * place is in the sender's TCB. When the answer has come the transfer is put into a list, and goes on at the end of the path.
 */

/** What the message says instead of an instruction pointer (ABI 7.6). */
const enum FaultIp {
  Receiver = 0xffff_ffff,
  /** The kernel's own copy loop: an address in its window. */
  Sender = 0xf000_0000,
}

/** The other side; both must name each other. */
export function partnerOf(k: KernelContext, thread: number): number {
  const partner = k.tcb(k.load(thread + Tcb.transferPartner), "partner in a transfer");
  if (k.load(partner + Tcb.transferPartner) !== thread)
    panic(`threads ${k.threadNumber(thread)} and ${k.threadNumber(partner)} do not agree about their transfer`);
  return partner;
}

/** Whether the thread's own IPC is in its send phase and cannot go on. */
export function isSending(k: KernelContext, thread: number): boolean {
  return inTransfer(k, thread) ? isSender(k, thread) : k.state(thread) === ThreadState.Polling;
}

/** Whether the thread's own IPC is in its receive phase and cannot go on. */
export function isReceiving(k: KernelContext, thread: number): boolean {
  return inTransfer(k, thread) ? !isSender(k, thread) : k.state(thread) === ThreadState.Waiting;
}

/**
 * Stops the transfer at a fault: links both sides and prepares the page-fault message of the one whose page is missing.
 * Returns that thread; its pager has to be asked. `timeout` of its wait is the transfer's.
 */
export function suspendTransfer(k: KernelContext, sender: number, receiver: number, step: Step): number {
  const faulter = step === Step.SenderFault ? sender : receiver;
  link(k, sender, receiver, TransferRole.Sender);
  link(k, receiver, sender, TransferRole.Receiver);
  const address = k.load(sender + Tcb.faultAddress);
  const write = faulter === receiver;
  const ip = write ? FaultIp.Receiver : FaultIp.Sender;
  pageFaultMessage(k, faulter, write ? AccessLabel.Write : AccessLabel.ReadExecute, address, ip);
  k.record(KernelEvent.PageFault, k.load(faulter + Tcb.globalId), address);
  return faulter;
}

function link(k: KernelContext, thread: number, partner: number, role: TransferRole): void {
  makeUnready(k, thread, ThreadState.Transferring);
  k.store(thread + Tcb.transferPartner, partner);
  k.store(thread + Tcb.transferRole, role);
  k.store(thread + Tcb.outerTag, k.load(thread + Tcb.tag));
  k.store(thread + Tcb.outerTimeouts, k.load(thread + Tcb.timeouts));
  k.store(thread + Tcb.outerFrom, k.load(thread + Tcb.receiveFrom));
  k.store(thread + Tcb.outerSenderId, k.load(thread + Tcb.senderId));
}

/** Undoes `suspendTransfer` on one side: its own IPC's fields are there again, it is linked to nobody. */
function unlink(k: KernelContext, thread: number): void {
  k.store(thread + Tcb.transferPartner, 0);
  k.store(thread + Tcb.transferRole, TransferRole.None);
  k.store(thread + Tcb.protocol, Protocol.None);
  k.store(thread + Tcb.tag, k.load(thread + Tcb.outerTag));
  k.store(thread + Tcb.timeouts, k.load(thread + Tcb.outerTimeouts));
  k.store(thread + Tcb.receiveFrom, k.load(thread + Tcb.outerFrom));
  k.store(thread + Tcb.senderId, k.load(thread + Tcb.outerSenderId));
}

export function unlinkTransfer(k: KernelContext, sender: number, receiver: number): void {
  unlink(k, sender);
  unlink(k, receiver);
}

// ---- the list of transfers that can go on ----

const LAST = 1;

/** The page fault of a thread has been answered: its transfer goes on at the end of the kernel path. */
export function queueTransfer(k: KernelContext, thread: number): void {
  k.store(thread + Tcb.protocol, Protocol.None);
  makeUnready(k, thread, ThreadState.Transferring);
  const head = k.global(Globals.transferHead);
  k.store(thread + Tcb.transferNext, head === 0 ? LAST : head);
  k.setGlobal(Globals.transferHead, thread);
}

/** Takes the next thread out of the list, or 0. */
export function nextTransfer(k: KernelContext): number {
  const thread = k.tcbOrNone(k.global(Globals.transferHead), "list of transfers");
  if (thread !== 0) unqueueTransfer(k, thread);
  return thread;
}

/** Takes a thread out of the list if it is in it (its transfer ends for another reason). The list is short. */
export function unqueueTransfer(k: KernelContext, thread: number): void {
  const next = k.load(thread + Tcb.transferNext);
  if (next === 0) return;
  const after = next === LAST ? 0 : next;
  if (k.global(Globals.transferHead) === thread) {
    k.setGlobal(Globals.transferHead, after);
  } else {
    let before = k.tcb(k.global(Globals.transferHead), "list of transfers");
    for (let steps = 0; k.load(before + Tcb.transferNext) !== thread; steps++) {
      if (steps > THREAD_COUNT) panic("the list of transfers does not end");
      before = k.tcb(k.load(before + Tcb.transferNext), "list of transfers");
    }
    k.store(before + Tcb.transferNext, next);
  }
  k.store(thread + Tcb.transferNext, 0);
}

// ---- the transfer timeout ----

function transferTimeouts(k: KernelContext, sender: number, receiver: number): [number, number] {
  return [utcbWord(k, sender, Utcb.transferTimeouts) >>> 16, utcbWord(k, receiver, Utcb.transferTimeouts) & 0xffff];
}

/**
 * Arms the transfer timeout at the first page fault: the shorter of the sender's and the receiver's (ABI 7.6). Returns
 * false when there is no time at all: the transfer ends at once.
 */
export function armTransfer(k: KernelContext, sender: number, receiver: number): boolean {
  if (k.load(sender + Tcb.transferTimed) !== 0) return true;
  const times = transferTimeouts(k, sender, receiver);
  if (times.some((time) => time === ZERO || isTimePoint(time))) return false;
  const limits = times.filter((time) => time !== NEVER).map(microseconds);
  k.store(sender + Tcb.transferTimed, limits.length === 0 ? 1 : 2);
  if (limits.length > 0)
    k.storeDouble(sender + Tcb.transferDeadline, k.loadDouble(k.map.globals + Globals.time) + Math.min(...limits));
  return true;
}

/** Enters the thread that asks its pager into the wakeup list with the transfer's deadline, if it has one. */
export function startTransferTimeout(k: KernelContext, sender: number, faulter: number): void {
  if (k.load(sender + Tcb.transferTimed) === 2) startDeadline(k, faulter, k.loadDouble(sender + Tcb.transferDeadline));
}

/** The errors of both sides when the time is over: the one whose timeout it was gets "own", the other "partner's". */
export function timeoutErrors(
  k: KernelContext,
  sender: number,
  receiver: number,
): { sender: number; receiver: number } {
  const [sending, receiving] = transferTimeouts(k, sender, receiver).map((time) =>
    time === NEVER ? Number.POSITIVE_INFINITY : time === ZERO || isTimePoint(time) ? 0 : microseconds(time),
  );
  return receiving < sending
    ? { sender: IpcError.TransferTimeoutPartner, receiver: IpcError.TransferTimeoutOwn }
    : { sender: IpcError.TransferTimeoutOwn, receiver: IpcError.TransferTimeoutPartner };
}
