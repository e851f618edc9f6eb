import { Word } from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { KernelEvent } from "./events.ts";
import { isSigma0 } from "./mapping.ts";
import { PAGE } from "./memory-map.ts";
import { tagOf } from "./message.ts";
import { Pte, readEntry, writeEntry } from "./page-table.ts";
import { haltThread } from "./schedule.ts";
import { utcbWord } from "./tcb.ts";
import { HaltReason, Protocol, Tcb } from "./tcb-layout.ts";
import { Utcb } from "./utcb.ts";

/**
 * The page-fault protocol (X.2 manual, section 7.3; ABI 9.1). The faulting thread sends its pager the address and its
 * instruction pointer and waits for a mapping; the answer's map items do their work, whatever else it holds is ignored.
 */

const PAGE_FAULT_LABEL = 0xffe0;

const enum FaultCode {
  Write = 2,
}

export const enum AccessLabel {
  Write = 2,
  /** x86 can't tell reading from executing. */
  ReadExecute = 5,
}

/**
 * A user-mode page fault. Returns the pager to ask, after putting the message into the thread's TCB; -1 when the kernel
 * itself has dealt with it.
 */
export function pageFault(k: KernelContext, thread: number): number {
  const address = k.cpu.words[Word.Cr2] >>> 0;
  const write = (k.load(thread + Tcb.errorCode) & FaultCode.Write) !== 0;
  k.record(KernelEvent.PageFault, k.load(thread + Tcb.globalId), address);
  if (isSigma0(k, k.spaceOf(thread))) {
    if (!mapIdentity(k, k.spaceOf(thread), address)) haltThread(k, thread, HaltReason.Sigma0Fault);
    return -1;
  }
  const access = write ? AccessLabel.Write : AccessLabel.ReadExecute;
  pageFaultMessage(k, thread, access, address, k.load(thread + Tcb.eip));
  return utcbWord(k, thread, Utcb.pager);
}

/** Puts a page-fault message into the TCB of the thread that will send it. */
export function pageFaultMessage(
  k: KernelContext,
  thread: number,
  access: AccessLabel,
  address: number,
  ip: number,
): void {
  const message = thread + Tcb.kernelMessage;
  k.store(message, tagOf(PAGE_FAULT_LABEL | access, 2));
  k.store(message + 4, address);
  k.store(message + 8, ip);
  k.store(thread + Tcb.protocol, Protocol.PageFault);
}

/** sigma0's memory is physical memory, as far as RAM goes and without the kernel's part. Returns false outside it. */
export function mapIdentity(k: KernelContext, space: number, address: number): boolean {
  const page = address - (address % PAGE);
  if (page >= k.map.base) return false;
  // Present and still faulting: its own KIP or UTCB area can't be here, so nothing more can be given.
  if ((readEntry(k, space, page) & Pte.Present) !== 0) return false;
  k.charge(Cost.mapPage);
  return writeEntry(k, space, page, page | Pte.Present | Pte.Writable | Pte.User);
}
