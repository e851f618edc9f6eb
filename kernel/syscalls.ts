import { KernelPath } from "./accounting.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { exchangeRegistersSystemCall } from "./exchange-registers.ts";
import * as flexpage from "./flexpage.ts";
import { ipcSystemCall } from "./ipc.ts";
import { SystemCall, systemCallAt } from "./kip.ts";
import { memoryControlSystemCall } from "./memory-control.ts";
import { Space } from "./memory-map.ts";
import { scheduleSystemCall, threadSwitchSystemCall } from "./schedule.ts";
import { spaceControlSystemCall } from "./space-control.ts";
import { Tcb } from "./tcb-layout.ts";
import { threadControlSystemCall } from "./thread-control.ts";
import { unmapSystemCall } from "./unmap.ts";

/**
 * Dispatch of system calls (ABI 5.3). INT 0x30 is Ipc; for INT 0x31 the address of the instruction tells which call it
 * is: it must be the one in the stub, in the KIP area of the caller's own space. From anywhere else it does nothing.
 */

export function handleIpc(k: KernelContext, caller: number): void {
  ipcSystemCall(k, caller);
}

/** Does the system call that the caller's EIP names. Returns its account. */
export function handleSystemCall(k: KernelContext, caller: number): KernelPath {
  const kipArea = flexpage.base(k.load(k.spaceOf(caller) + Space.kipArea));
  const call = systemCallAt(k.load(caller + Tcb.eip) - kipArea);
  switch (call) {
    case SystemCall.SpaceControl:
      spaceControlSystemCall(k, caller);
      break;
    case SystemCall.ThreadControl:
      threadControlSystemCall(k, caller);
      break;
    case SystemCall.ProcessorControl:
      // Nothing to control; EAX stays as it is (ABI 6.8).
      k.charge(Cost.trivial);
      break;
    case SystemCall.MemoryControl:
      memoryControlSystemCall(k, caller);
      break;
    case SystemCall.Unmap:
      unmapSystemCall(k, caller);
      break;
    case SystemCall.ExchangeRegisters:
      exchangeRegistersSystemCall(k, caller);
      break;
    case SystemCall.ThreadSwitch:
      threadSwitchSystemCall(k, caller);
      break;
    case SystemCall.Schedule:
      scheduleSystemCall(k, caller);
      break;
    default:
      k.charge(Cost.trivial);
      return KernelPath.UnknownSystemCall;
  }
  return KernelPath.SystemCalls + call;
}
