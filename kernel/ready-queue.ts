import type { KernelContext } from "./context.ts";
import { Globals, PRIORITY_COUNT, THREAD_COUNT } from "./memory-map.ts";
import { panic } from "./panic.ts";
import { Tcb, ThreadState } from "./tcb-layout.ts";

/**
 * The ready lists: one circular doubly linked list for each of 256 priorities, and a bitmap of the non-empty ones.
 *
 * A thread is in the list of its priority exactly when it is ready and not halted, the running thread included. (The
 * real kernel removes lazily; the exact rule costs two more writes and lets a checker say what is wrong.)
 */

function headAddress(k: KernelContext, priority: number): number {
  return k.map.globals + Globals.readyHead + 4 * priority;
}

function priorityOf(k: KernelContext, tcb: number): number {
  const priority = k.load(tcb + Tcb.priority);
  if (priority >= PRIORITY_COUNT) panic(`priority of thread ${k.threadNumber(tcb)} is ${priority}`);
  return priority;
}

function isQueued(k: KernelContext, tcb: number): boolean {
  return k.load(tcb + Tcb.readyNext) !== 0;
}

/** Appends a thread to the list of its priority; nothing happens when it is in it already. */
export function enqueue(k: KernelContext, tcb: number): void {
  if (isQueued(k, tcb)) return;
  const priority = priorityOf(k, tcb);
  const address = headAddress(k, priority);
  const head = k.tcbOrNone(k.load(address), `ready list ${priority}`);
  if (head === 0) {
    k.store(tcb + Tcb.readyNext, tcb);
    k.store(tcb + Tcb.readyPrevious, tcb);
    k.store(address, tcb);
    const word = k.map.globals + Globals.readyBitmap + 4 * (priority >>> 5);
    k.store(word, k.load(word) | (1 << (priority & 31)));
    return;
  }
  const tail = k.tcb(k.load(head + Tcb.readyPrevious), "ready list");
  k.store(tcb + Tcb.readyNext, head);
  k.store(tcb + Tcb.readyPrevious, tail);
  k.store(tail + Tcb.readyNext, tcb);
  k.store(head + Tcb.readyPrevious, tcb);
}

/** Takes a thread out of its ready list; nothing happens when it is in none. */
export function dequeue(k: KernelContext, tcb: number): void {
  if (!isQueued(k, tcb)) return;
  const priority = priorityOf(k, tcb);
  const address = headAddress(k, priority);
  const next = k.tcb(k.load(tcb + Tcb.readyNext), "ready list");
  const previous = k.tcb(k.load(tcb + Tcb.readyPrevious), "ready list");
  k.store(tcb + Tcb.readyNext, 0);
  k.store(tcb + Tcb.readyPrevious, 0);
  if (next === tcb) {
    k.store(address, 0);
    const word = k.map.globals + Globals.readyBitmap + 4 * (priority >>> 5);
    k.store(word, k.load(word) & ~(1 << (priority & 31)));
    return;
  }
  k.store(previous + Tcb.readyNext, next);
  k.store(next + Tcb.readyPrevious, previous);
  if (k.load(address) === tcb) k.store(address, next);
}

/** Moves a thread to the end of its list (the end of its time slice). */
export function rotate(k: KernelContext, tcb: number): void {
  if (!isQueued(k, tcb)) return;
  dequeue(k, tcb);
  enqueue(k, tcb);
}

/** The first thread of the highest non-empty list, or 0. */
export function highestReady(k: KernelContext): number {
  for (let word = PRIORITY_COUNT / 32 - 1; word >= 0; word--) {
    const bits = k.global(Globals.readyBitmap + 4 * word);
    if (bits === 0) continue;
    const priority = word * 32 + 31 - Math.clz32(bits);
    const head = k.tcb(k.load(headAddress(k, priority)), `ready list ${priority}`);
    if (k.state(head) !== ThreadState.Ready)
      panic(`thread ${k.threadNumber(head)} is in ready list ${priority} but not ready`);
    return head;
  }
  return 0;
}

/** The threads of one ready list in order, at most as many as there can be. For the checker and for inspection. */
export function readyList(k: KernelContext, priority: number): number[] {
  const threads: number[] = [];
  const head = k.load(headAddress(k, priority));
  let thread = head;
  while (thread !== 0 && threads.length <= THREAD_COUNT) {
    threads.push(thread);
    if (!k.isTcb(thread)) break;
    thread = k.load(thread + Tcb.readyNext);
    if (thread === head) break;
  }
  return threads;
}

export function readyHead(k: KernelContext, priority: number): number {
  return k.load(headAddress(k, priority));
}
