import { Cr0, Word } from "../emulator/index.ts";
import { checkMappings } from "./check-mappings.ts";
import { checkSpaces } from "./check-spaces.ts";
import type { KernelContext } from "./context.ts";
import { Globals, PRIORITY_COUNT, THREAD_COUNT } from "./memory-map.ts";
import { hex } from "./panic.ts";
import { readyHead, readyList } from "./ready-queue.ts";
import { sendQueue } from "./send-queue.ts";
import { Protocol, Tcb, ThreadState, TransferRole } from "./tcb-layout.ts";
import { threadNumberOf } from "./thread-id.ts";

/**
 * The checker: walks every structure of the kernel and says what is not as it must be. It reads memory only (no TLB, no kernel
 * code that would panic), so it may run after every kernel path, and on a kernel that faults have struck.
 */

/** Collects violations; too many of them say no more than the first. */
export class Violations {
  readonly list: string[] = [];
  private static readonly limit = 50;

  add(text: string): void {
    if (this.list.length < Violations.limit) this.list.push(text);
  }

  require(condition: boolean, text: () => string): void {
    if (!condition) this.add(text());
  }
}

export function checkKernel(k: KernelContext): string[] {
  const violations = new Violations();
  checkThreads(k, violations);
  checkReadyLists(k, violations);
  checkSendQueues(k, violations);
  checkWakeupList(k, violations);
  checkCurrent(k, violations);
  checkFpu(k, violations);
  checkSpaces(k, violations);
  checkMappings(k, violations);
  return violations.list;
}

function existing(k: KernelContext): number[] {
  const threads: number[] = [];
  for (let number = 0; number < THREAD_COUNT; number++) {
    const tcb = k.tcbOfNumber(number);
    if (k.load(tcb + Tcb.globalId) !== 0) threads.push(tcb);
  }
  return threads;
}

function checkThreads(k: KernelContext, violations: Violations): void {
  for (let number = 0; number < THREAD_COUNT; number++) {
    const tcb = k.tcbOfNumber(number);
    const id = k.load(tcb + Tcb.globalId);
    const state = k.load(tcb + Tcb.state);
    const name = `thread ${number}`;
    if (id === 0) {
      violations.require(state === ThreadState.Free, () => `${name} has no id but state ${state}`);
      violations.require(k.load(tcb + Tcb.readyNext) === 0, () => `${name} does not exist but is in a ready list`);
      continue;
    }
    violations.require(threadNumberOf(id) === number, () => `${name} has the id ${hex(id)}`);
    violations.require(
      state >= ThreadState.Inactive && state <= ThreadState.Transferring,
      () => `${name} has state ${state}`,
    );
    violations.require(k.load(tcb + Tcb.priority) < PRIORITY_COUNT, () => `${name} has a priority above 255`);
    const shouldRun = state === ThreadState.Ready && k.load(tcb + Tcb.halted) === 0;
    const queued = k.load(tcb + Tcb.readyNext) !== 0;
    checkTransfer(k, violations, tcb, state);
    violations.require(shouldRun === queued, () =>
      queued ? `${name} is in a ready list but not ready` : `${name} is ready but in no ready list`,
    );
  }
}

/** The x87 unit's owner exists and has used it; nobody uses it without #NM while it has none. */
function checkFpu(k: KernelContext, violations: Violations): void {
  const owner = k.global(Globals.fpuOwner);
  if (owner !== 0) {
    const exists = k.isTcb(owner) && k.load(owner + Tcb.globalId) !== 0;
    violations.require(exists, () => `globals.fpuOwner is ${hex(owner)}, which is no thread`);
    if (exists)
      violations.require(k.load(owner + Tcb.fpuUsed) === 1, () => `the x87 unit's owner has never used the unit`);
  }
  const open = (k.cpu.words[Word.Cr0] & Cr0.Ts) === 0;
  violations.require(!open || owner !== 0, () => "CR0.TS is clear, but nobody owns the x87 unit");
}

/** Both sides of a transfer name each other, in opposite roles; at least one asks its pager or is about to go on. */
function checkTransfer(k: KernelContext, violations: Violations, tcb: number, state: number): void {
  const name = `thread ${k.threadNumber(tcb)}`;
  const partner = k.load(tcb + Tcb.transferPartner);
  violations.require(k.load(tcb + Tcb.transferNext) === 0, () => `${name} is in the list of transfers`);
  if (partner === 0) {
    violations.require(state !== ThreadState.Transferring, () => `${name} transfers, but with nobody`);
    return;
  }
  const roles = k.isTcb(partner) ? k.load(tcb + Tcb.transferRole) + k.load(partner + Tcb.transferRole) : 0;
  violations.require(
    roles === TransferRole.Sender + TransferRole.Receiver && k.load(partner + Tcb.transferPartner) === tcb,
    () => `${name} and its partner in a transfer do not agree`,
  );
  const asks = (thread: number): boolean => k.load(thread + Tcb.protocol) === Protocol.PageFault;
  violations.require(
    !k.isTcb(partner) || asks(tcb) !== asks(partner),
    () => `${name} transfers, but nobody asks a pager`,
  );
}

function checkReadyLists(k: KernelContext, violations: Violations): void {
  let listed = 0;
  for (let priority = 0; priority < PRIORITY_COUNT; priority++) {
    const head = readyHead(k, priority);
    const bitmap = k.load(k.map.globals + Globals.readyBitmap + 4 * (priority >>> 5));
    violations.require(
      ((bitmap >>> (priority & 31)) & 1) === (head === 0 ? 0 : 1),
      () => `ready bitmap bit ${priority} is wrong`,
    );
    const threads = readyList(k, priority);
    listed += threads.length;
    checkRing(k, violations, threads, Tcb.readyNext, Tcb.readyPrevious, `ready list ${priority}`);
    for (const tcb of threads)
      if (k.isTcb(tcb))
        violations.require(
          k.load(tcb + Tcb.priority) === priority,
          () => `thread ${k.threadNumber(tcb)} is in ready list ${priority}`,
        );
  }
  const queued = existing(k).filter((tcb) => k.load(tcb + Tcb.readyNext) !== 0).length;
  violations.require(listed === queued, () => `${listed} threads are in ready lists but ${queued} say so`);
}

/** A circular list whose elements were collected from its head. */
function checkRing(
  k: KernelContext,
  violations: Violations,
  threads: readonly number[],
  next: number,
  previous: number,
  name: string,
): void {
  violations.require(threads.length <= THREAD_COUNT, () => `${name} does not end`);
  threads.forEach((tcb, i) => {
    if (!k.isTcb(tcb)) {
      violations.add(`${name} holds ${hex(tcb)}, which is no thread`);
      return;
    }
    const after = threads[(i + 1) % threads.length];
    violations.require(k.load(tcb + next) === after, () => `${name} is no ring at thread ${k.threadNumber(tcb)}`);
    if (k.isTcb(after))
      violations.require(
        k.load(after + previous) === tcb,
        () => `${name} does not lead back to thread ${k.threadNumber(tcb)}`,
      );
  });
}

function checkSendQueues(k: KernelContext, violations: Violations): void {
  let listed = 0;
  for (const receiver of existing(k)) {
    const name = `send queue of thread ${k.threadNumber(receiver)}`;
    const senders = sendQueue(k, receiver);
    listed += senders.length;
    checkRing(k, violations, senders, Tcb.sendNext, Tcb.sendPrevious, name);
    for (const sender of senders) {
      if (!k.isTcb(sender)) continue;
      violations.require(
        k.load(sender + Tcb.state) === ThreadState.Polling,
        () => `${name} holds thread ${k.threadNumber(sender)}, which does not poll`,
      );
      violations.require(
        k.load(sender + Tcb.sendTo) === receiver,
        () => `${name} holds thread ${k.threadNumber(sender)}, which polls on another`,
      );
    }
  }
  const polling = existing(k).filter((tcb) => k.load(tcb + Tcb.state) === ThreadState.Polling).length;
  violations.require(listed === polling, () => `${polling} threads poll but ${listed} are in send queues`);
}

function checkWakeupList(k: KernelContext, violations: Violations): void {
  let previous = 0;
  let tcb = k.global(Globals.wakeupHead);
  let count = 0;
  for (; tcb !== 0 && count <= THREAD_COUNT; count++) {
    if (!k.isTcb(tcb)) {
      violations.add(`the wakeup list holds ${hex(tcb)}, which is no thread`);
      return;
    }
    const current = tcb;
    const state = k.load(tcb + Tcb.state);
    const name = `thread ${k.threadNumber(tcb)}`;
    violations.require(
      k.load(tcb + Tcb.wakeupPrevious) === previous,
      () => `the wakeup list does not lead back from ${name}`,
    );
    violations.require(k.load(tcb + Tcb.wakeupQueued) === 1, () => `${name} is in the wakeup list but does not say so`);
    violations.require(
      state === ThreadState.Polling || state === ThreadState.Waiting,
      () => `${name} is in the wakeup list but blocked in no IPC`,
    );
    if (previous !== 0) {
      const before = previous;
      violations.require(
        k.loadDouble(before + Tcb.deadline) <= k.loadDouble(current + Tcb.deadline),
        () => `the wakeup list is out of order at ${name}`,
      );
    }
    previous = tcb;
    tcb = k.load(tcb + Tcb.wakeupNext);
  }
  violations.require(count <= THREAD_COUNT, () => "the wakeup list does not end");
  const queued = existing(k).filter((thread) => k.load(thread + Tcb.wakeupQueued) !== 0).length;
  violations.require(count === queued, () => `${count} threads are in the wakeup list but ${queued} say so`);
}

function checkCurrent(k: KernelContext, violations: Violations): void {
  const current = k.global(Globals.current);
  const anyReady = existing(k).some((tcb) => k.load(tcb + Tcb.readyNext) !== 0);
  if (current === 0) {
    violations.require(!anyReady || isBooting(k), () => "the kernel idles although a thread is ready");
    return;
  }
  if (!k.isTcb(current)) {
    violations.add(`globals.current is ${hex(current)}, which is no thread`);
    return;
  }
  violations.require(
    k.load(current + Tcb.state) === ThreadState.Ready && k.load(current + Tcb.halted) === 0,
    () => `the current thread ${k.threadNumber(current)} is not ready`,
  );
  const owner = k.global(Globals.timesliceOwner);
  violations.require(
    owner === 0 || k.isTcb(owner),
    () => `globals.timesliceOwner is ${hex(owner)}, which is no thread`,
  );
}

/** Before the first dispatch: nothing has been accounted yet. */
function isBooting(k: KernelContext): boolean {
  return k.loadDouble(k.map.globals + Globals.exitCycles) === 0;
}
