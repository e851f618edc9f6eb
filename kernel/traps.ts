import { hasErrorCode, SegmentRegister, SegmentWord, segmentIndex, Vector } from "../emulator/index.ts";
import { KernelPath } from "./accounting.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { exception } from "./exception.ts";
import * as flexpage from "./flexpage.ts";
import { claimFpu } from "./fpu.ts";
import { interruptMessage } from "./interrupt.ts";
import { ioFault } from "./io-fault.ts";
import { performKernelIpc } from "./ipc.ts";
import { API_FLAGS, API_VERSION, KERNEL_ID } from "./kip.ts";
import { Space } from "./memory-map.ts";
import { pageFault } from "./page-fault.ts";
import { userByte } from "./page-table.ts";
import { endOfInterrupt, isSpurious, TIMER_LINE } from "./pic.ts";
import { tick } from "./preemption.ts";
import { isRunnable, pickNext } from "./schedule.ts";
import { Tcb } from "./tcb-layout.ts";

/** Exceptions and interrupts: which protocol answers which vector. */

export function handlePageFault(k: KernelContext, thread: number): void {
  finish(k, thread, pageFault(k, thread));
}

/** Any other exception in user mode. Returns its account. */
export function handleException(k: KernelContext, thread: number, vector: number): KernelPath {
  if (vector === Vector.DeviceNotAvailable && claimFpu(k, thread)) return KernelPath.Exception;
  if (vector === Vector.InvalidOpcode && kernelInterface(k, thread)) return KernelPath.KernelInterface;
  if (vector === Vector.GeneralProtection && k.load(thread + Tcb.errorCode) === 0) {
    // The exit loads the standard selectors again: the instruction is repeated with them (ABI 1.1).
    if (hasNullSegment(k)) return KernelPath.Exception;
    const pager = ioFault(k, thread);
    if (pager !== undefined) {
      finish(k, thread, pager);
      return KernelPath.IoFault;
    }
  }
  finish(k, thread, exception(k, thread, vector, hasErrorCode(vector)));
  return KernelPath.Exception;
}

/** Sends the message in the thread's TCB, if there is anyone to ask (-1: no); else sees who runs now. */
function finish(k: KernelContext, thread: number, partner: number): void {
  if (partner >= 0) performKernelIpc(k, thread, partner);
  else if (!isRunnable(k, thread)) pickNext(k);
}

function hasNullSegment(k: KernelContext): boolean {
  const isNull = (segment: SegmentRegister): boolean =>
    (k.cpu.words[segmentIndex(segment) + SegmentWord.Selector] & 0xfffc) === 0;
  return (
    isNull(SegmentRegister.Ds) || isNull(SegmentRegister.Es) || isNull(SegmentRegister.Fs) || isNull(SegmentRegister.Gs)
  );
}

/** LOCK NOP (F0 90): tells where the kernel interface page is (ABI 3.1). */
function kernelInterface(k: KernelContext, thread: number): boolean {
  const ip = k.load(thread + Tcb.eip);
  const space = k.spaceOf(thread);
  if (userByte(k, space, ip) !== 0xf0 || userByte(k, space, ip + 1) !== 0x90) return false;
  k.charge(Cost.kernelInterface);
  k.store(thread + Tcb.eip, ip + 2);
  k.store(thread + Tcb.eax, flexpage.base(k.load(space + Space.kipArea)));
  k.store(thread + Tcb.ecx, API_VERSION);
  k.store(thread + Tcb.edx, API_FLAGS);
  k.store(thread + Tcb.esi, KERNEL_ID);
  return true;
}

/** An interrupt line fired. */
export function handleInterrupt(k: KernelContext, line: number): void {
  if (isSpurious(k, line)) return;
  if (line === TIMER_LINE) {
    endOfInterrupt(k, line);
    tick(k);
    return;
  }
  const thread = interruptMessage(k, line);
  endOfInterrupt(k, line);
  if (thread !== 0) performKernelIpc(k, thread, k.load(thread + Tcb.scheduler));
}
