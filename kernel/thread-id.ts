import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { contains } from "./flexpage.ts";
import { Space, THREAD_COUNT } from "./memory-map.ts";
import { translate } from "./page-table.ts";
import { Tcb } from "./tcb-layout.ts";
import { UTCB_BYTES, Utcb } from "./utcb.ts";

/** Thread ids (X.2 manual, section 2.1; ABI 2.1): `version:14, thread number:18` global, UTCB address local. */

export const NIL_THREAD = 0;
export const ANY_THREAD = 0xffff_ffff;
export const ANY_LOCAL_THREAD = 0xffff_ffc0;
/** A global id that no thread can have: its number is beyond the TCB array. */
export const NO_THREAD = 0xffff_c001;
/** A local id is the address of MR0: this far above the UTCB's base. */
const MR0_OFFSET = 0x100;

/** SystemBase and UserBase of the KIP's ThreadInfo (ABI 2.2). */
export const SYSTEM_BASE = 16;
export const USER_BASE = 48;
export const SIGMA0_NUMBER = USER_BASE;
export const ROOT_NUMBER = USER_BASE + 2;

export function globalId(threadNo: number, version: number): number {
  return ((threadNo << 14) | version) >>> 0;
}

export function threadNumberOf(id: number): number {
  return id >>> 14;
}

/** The lowest six bits of a version are never all zero: that pattern marks a local id. */
export function isGlobal(id: number): boolean {
  return (id & 0x3f) !== 0;
}

/** TCB of a complete global id, or 0: any difference, the version's included, means that there is no such thread. */
export function findThread(k: KernelContext, id: number): number {
  const number = threadNumberOf(id);
  if (!isGlobal(id) || number >= THREAD_COUNT) return 0;
  const tcb = k.tcbOfNumber(number);
  return k.load(tcb + Tcb.globalId) === id ? tcb : 0;
}

/** TCB of a thread number, whatever its version, or 0. */
export function findThreadByNumber(k: KernelContext, threadNo: number): number {
  if (threadNo >= THREAD_COUNT) return 0;
  const tcb = k.tcbOfNumber(threadNo);
  return k.load(tcb + Tcb.globalId) === 0 ? 0 : tcb;
}

/**
 * TCB of the thread with a local id in a space, or 0. MyGlobalId in the UTCB says who that is; since user code can write
 * there, the TCB must confirm it. (L4Ka::Pistachio's stubs do this in user mode and may fault, ABI 5.3.)
 */
export function findLocalThread(k: KernelContext, space: number, localId: number): number {
  k.charge(Cost.localId);
  const utcb = localId - MR0_OFFSET;
  if (utcb % UTCB_BYTES !== 0 || !contains(k.load(space + Space.utcbArea), utcb, UTCB_BYTES)) return 0;
  const physical = translate(k, space, utcb);
  if (physical < 0) return 0;
  const tcb = findThread(k, k.load(physical + Utcb.myGlobalId));
  if (tcb === 0 || k.load(tcb + Tcb.space) !== space) return 0;
  return k.localId(tcb) === localId ? tcb : 0;
}

/** The global form of an id given by a thread of `space`; NO_THREAD for a local id that names nobody. */
export function toGlobal(k: KernelContext, space: number, id: number): number {
  if (isGlobal(id) || id === NIL_THREAD || id === ANY_LOCAL_THREAD) return id;
  const tcb = findLocalThread(k, space, id);
  return tcb === 0 ? NO_THREAD : k.load(tcb + Tcb.globalId);
}
