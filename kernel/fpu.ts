import {
  Cr0,
  initialiseX87,
  restoreX87Image,
  saveX87Image,
  Word,
  X87_IMAGE_BYTES,
  x87Image,
} from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { KernelEvent } from "./events.ts";
import { Globals } from "./memory-map.ts";
import { hex, panic } from "./panic.ts";
import { Tcb } from "./tcb-layout.ts";

/**
 * The x87 unit goes from thread to thread only when it is used (ABI 1.1): while the state in it is not the running thread's, CR0.TS makes
 * the first instruction that wants it raise #NM; then the owner's state is saved in its TCB as FNSAVE writes it, and the thread's
 * own comes back, or FNINIT's if it never had one. Threads do not notice.
 */

/** Tcb.fpuUsed. */
const enum FpuUse {
  Never = 0,
  /** The image is the thread's state, unless the unit holds it. */
  Used = 1,
}

/** The thread whose state the unit holds, or 0. */
function ownerOf(k: KernelContext): number {
  const owner = k.tcbOrNone(k.global(Globals.fpuOwner), "globals.fpuOwner");
  if (owner !== 0 && k.load(owner + Tcb.globalId) === 0)
    panic(`globals.fpuOwner is thread ${k.threadNumber(owner)}, which does not exist`);
  return owner;
}

/** #NM of the running thread. Returns false when it was not the lazy switch that made it. */
export function claimFpu(k: KernelContext, thread: number): boolean {
  const { words } = k.cpu;
  if ((words[Word.Cr0] & Cr0.Ts) === 0) return false;
  k.charge(Cost.fpuClaim);
  words[Word.Cr0] &= ~Cr0.Ts;
  const owner = ownerOf(k);
  if (owner === thread) return true;
  if (owner !== 0) save(k, owner);
  load(k, thread);
  k.setGlobal(Globals.fpuOwner, thread);
  k.record(KernelEvent.FpuSwitch, k.load(thread + Tcb.globalId), owner === 0 ? 0 : k.load(owner + Tcb.globalId));
  return true;
}

/** Before `thread` runs: the unit is open to it only if it holds its state. */
export function guardFpu(k: KernelContext, thread: number): void {
  const { words } = k.cpu;
  const wanted = k.global(Globals.fpuOwner) === thread ? 0 : Cr0.Ts;
  if ((words[Word.Cr0] & Cr0.Ts) === wanted) return;
  k.charge(Cost.fpuGuard);
  words[Word.Cr0] ^= Cr0.Ts;
}

/** A thread is deleted: what the unit holds of it is nobody's. */
export function disownFpu(k: KernelContext, thread: number): void {
  if (k.global(Globals.fpuOwner) === thread) k.setGlobal(Globals.fpuOwner, 0);
}

/** A thread's x87 state as FNSAVE writes it, wherever it is; undefined when it has none. */
export function fpuImage(k: KernelContext, thread: number): Uint8Array | undefined {
  if (k.global(Globals.fpuOwner) === thread) return x87Image(k.cpu);
  return k.load(thread + Tcb.fpuUsed) === FpuUse.Used ? savedImage(k, thread) : undefined;
}

function savedImage(k: KernelContext, thread: number): Uint8Array {
  const image = new DataView(new ArrayBuffer(X87_IMAGE_BYTES));
  for (let at = 0; at < X87_IMAGE_BYTES; at += 4) image.setUint32(at, k.load(thread + Tcb.fpuImage + at), true);
  return new Uint8Array(image.buffer);
}

function save(k: KernelContext, owner: number): void {
  k.charge(Cost.fpuSave);
  const image = new DataView(saveX87Image(k.cpu).buffer);
  for (let at = 0; at < X87_IMAGE_BYTES; at += 4) k.store(owner + Tcb.fpuImage + at, image.getUint32(at, true));
}

function load(k: KernelContext, thread: number): void {
  const use = k.load(thread + Tcb.fpuUsed);
  if (use === FpuUse.Never) {
    k.charge(Cost.fpuInitialise);
    initialiseX87(k.cpu);
    k.store(thread + Tcb.fpuUsed, FpuUse.Used);
    return;
  }
  if (use !== FpuUse.Used) panic(`fpuUsed of thread ${k.threadNumber(thread)} is ${hex(use)}`);
  k.charge(Cost.fpuRestore);
  restoreX87Image(k.cpu, savedImage(k, thread));
}
