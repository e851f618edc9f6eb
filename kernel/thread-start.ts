import type { KernelContext } from "./context.ts";
import { messageRegisters, untypedWords } from "./message.ts";
import { makeUnready } from "./schedule.ts";
import { Protocol, Tcb, ThreadState } from "./tcb-layout.ts";

/** The start protocol (X.2 manual, section 7.1; ABI 9.5): a new thread waits for a message from its pager, two words: IP and SP. */

/** Lets a newly activated thread wait for its start message from `pager`, for ever. */
export function waitForStart(k: KernelContext, thread: number, pager: number): void {
  k.store(thread + Tcb.protocol, Protocol.Start);
  k.store(thread + Tcb.receiveFrom, pager);
  k.store(thread + Tcb.timeouts, 0);
  makeUnready(k, thread, ThreadState.Waiting);
}

/** The message came. Without exactly two untyped words the thread starts where it was, which is nowhere (ABI 9.5). */
export function finishStart(k: KernelContext, thread: number): void {
  const registers = messageRegisters(k, thread);
  if (untypedWords(k.load(registers)) !== 2) return;
  k.store(thread + Tcb.eip, k.load(registers + 4));
  k.store(thread + Tcb.esp, k.load(registers + 8));
}
