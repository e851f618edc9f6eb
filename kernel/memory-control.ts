import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { ErrorCode } from "./error-code.ts";
import * as flexpage from "./flexpage.ts";
import { isPrivileged, setErrorCode, setUtcbWord, utcbWord } from "./tcb.ts";
import { Tcb } from "./tcb-layout.ts";
import { MESSAGE_REGISTERS, messageRegister } from "./utcb.ts";

/**
 * MemoryControl (ABI 6.9): checks its parameters like the real kernel and then does nothing, since the machine has no
 * device memory and its caches are coherent. Memory attributes are not kept.
 */
export function memoryControlSystemCall(k: KernelContext, caller: number): void {
  k.charge(Cost.trivial);
  const error = memoryControl(k, caller);
  k.store(caller + Tcb.eax, error === ErrorCode.None ? 1 : 0);
  if (error !== ErrorCode.None) setErrorCode(k, caller, error);
}

function memoryControl(k: KernelContext, caller: number): ErrorCode {
  if (!isPrivileged(k, caller)) return ErrorCode.NoPrivilege;
  const control = k.load(caller + Tcb.eax);
  if (control >= MESSAGE_REGISTERS) return ErrorCode.InvalidParameter;
  const attributes = [Tcb.ecx, Tcb.edx, Tcb.ebx, Tcb.ebp].map((field) => k.load(caller + field));
  setUtcbWord(k, caller, messageRegister(0), k.load(caller + Tcb.esi));
  for (let i = 0; i <= control; i++) {
    const raw = utcbWord(k, caller, messageRegister(i));
    if (!flexpage.isNil(raw) && !isAttribute(attributes[raw & 3])) return ErrorCode.InvalidParameter;
  }
  return ErrorCode.None;
}

/** 0 default, else 1 + a memory type that the page attributes know. */
function isAttribute(value: number): boolean {
  if (value === 0) return true;
  const type = value - 1;
  return type <= 7 && type !== 5 && type !== 6;
}
