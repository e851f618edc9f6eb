import type { KernelContext } from "./context.ts";
import { THREAD_COUNT } from "./memory-map.ts";
import { panic } from "./panic.ts";
import { Tcb, ThreadState } from "./tcb-layout.ts";

/** The threads that poll on a receiver: a circular list in the order in which they came (ABI 7.8: no priority). */

/** Appends a thread to a receiver's send queue. */
export function joinSendQueue(k: KernelContext, sender: number, receiver: number): void {
  k.store(sender + Tcb.sendTo, receiver);
  const head = k.tcbOrNone(k.load(receiver + Tcb.sendQueueHead), "send queue");
  if (head === 0) {
    k.store(sender + Tcb.sendNext, sender);
    k.store(sender + Tcb.sendPrevious, sender);
    k.store(receiver + Tcb.sendQueueHead, sender);
    return;
  }
  const tail = k.tcb(k.load(head + Tcb.sendPrevious), "send queue");
  k.store(sender + Tcb.sendNext, head);
  k.store(sender + Tcb.sendPrevious, tail);
  k.store(tail + Tcb.sendNext, sender);
  k.store(head + Tcb.sendPrevious, sender);
}

/** Takes a polling thread out of the send queue in which it is. */
export function leaveSendQueue(k: KernelContext, sender: number): void {
  const receiver = k.tcb(k.load(sender + Tcb.sendTo), "receiver of a polling thread");
  const next = k.tcb(k.load(sender + Tcb.sendNext), "send queue");
  const previous = k.tcb(k.load(sender + Tcb.sendPrevious), "send queue");
  k.store(sender + Tcb.sendTo, 0);
  k.store(sender + Tcb.sendNext, 0);
  k.store(sender + Tcb.sendPrevious, 0);
  if (next === sender) {
    k.store(receiver + Tcb.sendQueueHead, 0);
    return;
  }
  k.store(previous + Tcb.sendNext, next);
  k.store(next + Tcb.sendPrevious, previous);
  if (k.load(receiver + Tcb.sendQueueHead) === sender) k.store(receiver + Tcb.sendQueueHead, next);
}

/** The first thread in the queue for which `accept` holds, or 0. */
export function firstSender(k: KernelContext, receiver: number, accept: (sender: number) => boolean): number {
  const head = k.tcbOrNone(k.load(receiver + Tcb.sendQueueHead), "send queue");
  if (head === 0) return 0;
  let sender = head;
  for (let steps = 0; steps <= THREAD_COUNT; steps++) {
    if (k.state(sender) !== ThreadState.Polling || k.load(sender + Tcb.sendTo) !== receiver)
      panic(
        `thread ${k.threadNumber(sender)} is in the send queue of ${k.threadNumber(receiver)} but does not poll on it`,
      );
    if (accept(sender)) return sender;
    sender = k.tcb(k.load(sender + Tcb.sendNext), "send queue");
    if (sender === head) return 0;
  }
  return panic(`the send queue of thread ${k.threadNumber(receiver)} does not end`);
}

/** The threads of a send queue in order, at most as many as there can be. For the checker and for inspection. */
export function sendQueue(k: KernelContext, receiver: number): number[] {
  const threads: number[] = [];
  const head = k.load(receiver + Tcb.sendQueueHead);
  let thread = head;
  while (thread !== 0 && threads.length <= THREAD_COUNT) {
    threads.push(thread);
    if (!k.isTcb(thread)) break;
    thread = k.load(thread + Tcb.sendNext);
    if (thread === head) break;
  }
  return threads;
}
