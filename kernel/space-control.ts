import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { ErrorCode } from "./error-code.ts";
import * as flexpage from "./flexpage.ts";
import { initialiseSpace, isInitialised, isUserArea } from "./space.ts";
import { isPrivileged, setErrorCode } from "./tcb.ts";
import { Tcb } from "./tcb-layout.ts";
import { findThread, isGlobal } from "./thread-id.ts";

/**
 * SpaceControl (X.2 manual, section 3.1; ABI 6.2): gives a new space its KIP and UTCB areas, once. Later calls change
 * nothing and succeed. The control word and the redirector are ignored: no small spaces, no IPC redirection.
 */
export function spaceControlSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.spaceControl);
  const error = spaceControl(k, caller);
  k.store(caller + Tcb.eax, error === ErrorCode.None ? 1 : 0);
  k.store(caller + Tcb.ecx, 0);
  if (error !== ErrorCode.None) setErrorCode(k, caller, error);
}

function spaceControl(k: KernelContext, caller: number): ErrorCode {
  const specifier = k.load(caller + Tcb.eax);
  const kipArea = k.load(caller + Tcb.edx);
  const utcbArea = k.load(caller + Tcb.esi);
  if (!isPrivileged(k, caller)) return ErrorCode.NoPrivilege;
  const thread = isGlobal(specifier) ? findThread(k, specifier) : 0;
  const space = thread === 0 ? 0 : k.spaceOf(thread);
  if (space === 0) return ErrorCode.InvalidSpace;
  if (isInitialised(k, space)) return ErrorCode.None;
  if (!isUserArea(utcbArea)) return ErrorCode.UtcbArea;
  if (!isUserArea(kipArea)) return ErrorCode.KipArea;
  if (flexpage.overlaps(utcbArea, flexpage.base(kipArea), flexpage.size(kipArea))) return ErrorCode.KipArea;
  return initialiseSpace(k, space, kipArea, utcbArea) ? ErrorCode.None : ErrorCode.OutOfMemory;
}
