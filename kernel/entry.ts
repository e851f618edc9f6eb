import {
  Flag,
  GUEST_FAULT,
  hasErrorCode,
  interruptReturn,
  loadPageDirectory,
  loadSegment,
  SegmentRegister,
  SegmentWord,
  segmentIndex,
  Vector,
  Word,
} from "../emulator/index.ts";
import { accountExit, accountUntilEntry, KernelPath } from "./accounting.ts";
import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { KernelEvent } from "./events.ts";
import { guardFpu } from "./fpu.ts";
import { finishTransfers } from "./ipc.ts";
import { IPC_VECTOR, SYSTEM_CALL_VECTOR } from "./kip.ts";
import { KERNEL_WINDOW } from "./memory-map.ts";
import { directoryOf } from "./page-table.ts";
import { hex, KernelPanic, panic } from "./panic.ts";
import { IRQ_VECTOR } from "./pic.ts";
import { isRunnable, pickNext } from "./schedule.ts";
import { handleIpc, handleSystemCall } from "./syscalls.ts";
import { Selector } from "./tcb.ts";
import { TCB_BYTES, Tcb } from "./tcb-layout.ts";
import { handleException, handleInterrupt, handlePageFault } from "./traps.ts";
import { TssField } from "./tss.ts";

/**
 * Entry and exit. The CPU comes here through the gates, which point into the portal page: 8 bytes for each vector. It has
 * switched to the stack of the current thread and pushed the trap frame there; the rest of the registers is saved below
 * it, the path does its work on structures in memory only, and the exit loads what belongs to the thread then current.
 */

/** Offset in the portal page of a vector's gate. */
export function gateOffset(vector: number): number {
  return vector * 8;
}

/** Offset in the portal page at which the machine starts after boot. */
export const BOOT_OFFSET = 256 * 8;

/**
 * Answers a fetch from the portal page. Whatever is wrong with the kernel's structures ends in `machine.panic`; a fault
 * that the return to user mode raises is the CPU's to deliver, and comes back here as an exception at ring 0.
 */
export function enterKernel(k: KernelContext, offset: number, onExit?: (path: KernelPath) => void): void {
  try {
    const path = takePath(k, offset);
    onExit?.(path);
    leave(k, path);
  } catch (error) {
    if (error === GUEST_FAULT) throw error;
    if (error instanceof KernelPanic) k.machine.panic(`kernel panic: ${error.message}`);
    else k.machine.panic(`kernel model failure: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Clocks at which the present path began, for its account. Not state: a path is atomic. */
let pathBegan = 0;

function takePath(k: KernelContext, offset: number): KernelPath {
  pathBegan = k.cpu.cycles;
  if (offset === BOOT_OFFSET) {
    // All clocks so far were spent on programming the hardware.
    pathBegan = 0;
    pickNext(k);
    return KernelPath.Boot;
  }
  const vector = offset >>> 3;
  const thread = k.current;
  if (thread === 0) checkIdleFrame(k, vector);
  else saveRegisters(k, thread, vector);
  const path = pathOf(k, thread, vector);
  pathBegan -= accountUntilEntry(k, thread, path === KernelPath.SystemCalls ? KernelPath.Ipc : path);
  k.charge(Cost.entry);
  const taken = act(k, thread, vector, path);
  finishTransfers(k);
  return taken;
}

function pathOf(k: KernelContext, thread: number, vector: number): KernelPath {
  switch (vector) {
    case IPC_VECTOR:
      return KernelPath.Ipc;
    case SYSTEM_CALL_VECTOR:
      return KernelPath.SystemCalls;
    case Vector.PageFault:
      return KernelPath.PageFault;
    case Vector.Nmi:
    case Vector.DoubleFault:
    case Vector.MachineCheck:
      return panic(`exception ${vector} in ${thread === 0 ? "the idle loop" : `thread ${k.threadNumber(thread)}`}`);
    case IRQ_VECTOR:
      return KernelPath.Tick;
    default:
      return vector < IRQ_VECTOR ? KernelPath.Exception : KernelPath.Interrupt;
  }
}

function act(k: KernelContext, thread: number, vector: number, path: KernelPath): KernelPath {
  switch (path) {
    case KernelPath.Ipc:
      handleIpc(k, thread);
      return path;
    case KernelPath.SystemCalls:
      return handleSystemCall(k, thread);
    case KernelPath.PageFault:
      handlePageFault(k, thread);
      return path;
    case KernelPath.Exception:
      return handleException(k, thread, vector);
    default:
      // Vectors above the lines have no source but a misprogrammed controller; there is nothing to do for them.
      if (vector < IRQ_VECTOR + 16) handleInterrupt(k, vector - IRQ_VECTOR);
      return path;
  }
}

// ---- entry ----

/** Linear address of the frame that the CPU pushes on a thread's stack. */
function frameLinear(tcb: number): number {
  return (KERNEL_WINDOW + tcb + Tcb.eip) >>> 0;
}

/** Saves the general registers below the trap frame, which must be where the thread's stack says. */
function saveRegisters(k: KernelContext, thread: number, vector: number): void {
  const { words } = k.cpu;
  const stackPointer = words[Word.Esp] >>> 0;
  const pushed = hasErrorCode(vector) ? 4 : 0;
  if (stackPointer !== frameLinear(thread) - pushed || (k.load(thread + Tcb.cs) & 3) !== 3)
    reportFault(k, vector, `thread ${k.threadNumber(thread)} was current`);
  k.store(thread + Tcb.vector, vector);
  k.store(thread + Tcb.eax, words[Word.Eax]);
  k.store(thread + Tcb.ecx, words[Word.Ecx]);
  k.store(thread + Tcb.edx, words[Word.Edx]);
  k.store(thread + Tcb.ebx, words[Word.Ebx]);
  k.store(thread + Tcb.ebp, words[Word.Ebp]);
  k.store(thread + Tcb.esi, words[Word.Esi]);
  k.store(thread + Tcb.edi, words[Word.Edi]);
}

/** Only interrupts can come while the idle loop runs. */
function checkIdleFrame(k: KernelContext, vector: number): void {
  if (vector < IRQ_VECTOR || vector >= IRQ_VECTOR + 16) reportFault(k, vector, "the kernel was idle");
}

/** An exception at ring 0: the kernel's own stack, gates or frames are broken. */
function reportFault(k: KernelContext, vector: number, situation: string): never {
  const { words } = k.cpu;
  const physical = ((words[Word.Esp] >>> 0) - KERNEL_WINDOW) >>> 0;
  const frame = hasErrorCode(vector) ? physical + 4 : physical;
  const errorCode = hasErrorCode(vector) ? `, error code ${hex(k.load(physical))}` : "";
  return panic(
    `exception ${vector}${errorCode} at ring 0: EIP ${hex(k.load(frame))}, CS ${hex(k.load(frame + 4))}, ` +
      `ESP ${hex(words[Word.Esp])}, CR2 ${hex(words[Word.Cr2])}; ${situation}`,
  );
}

// ---- exit ----

function leave(k: KernelContext, path: KernelPath): void {
  const next = k.current;
  if (next !== 0 && !isRunnable(k, next)) panic(`thread ${k.threadNumber(next)} is to run but is not ready`);
  k.charge(Cost.exit);
  if (next === 0) leaveToIdle(k);
  else prepareThread(k, next);
  accountExit(k, path, k.cpu.cycles - pathBegan);
  interruptReturn(k.cpu, 4);
}

/** The idle loop, STI; HLT, on its own stack at ring 0. */
function leaveToIdle(k: KernelContext): void {
  const frame = k.map.idleStackTop - 12;
  k.store(frame, KERNEL_WINDOW + k.map.idleCode);
  k.store(frame + 4, Selector.KernelCode);
  k.store(frame + 8, Flag.Reserved1);
  k.store(k.map.gsPage, 0);
  k.cpu.words[Word.Esp] = KERNEL_WINDOW + frame;
}

function prepareThread(k: KernelContext, thread: number): void {
  const { words } = k.cpu;
  const stackTop = (KERNEL_WINDOW + thread + TCB_BYTES) >>> 0;
  if (k.load(k.map.tss + TssField.Esp0) !== stackTop || k.load(k.map.gsPage) === 0) {
    k.charge(Cost.switchThread);
    k.store(k.map.tss + TssField.Esp0, stackTop);
    k.record(KernelEvent.Switch, k.load(thread + Tcb.globalId), 0);
  }
  k.store(k.map.gsPage, k.localId(thread));
  const directory = directoryOf(k, k.spaceOf(thread));
  if ((words[Word.Cr3] & 0xffff_f000) >>> 0 !== directory) {
    k.charge(Cost.switchSpace);
    loadPageDirectory(k.cpu, directory);
  }
  guardFpu(k, thread);
  restoreSegments(k);
  words[Word.Eax] = k.load(thread + Tcb.eax);
  words[Word.Ecx] = k.load(thread + Tcb.ecx);
  words[Word.Edx] = k.load(thread + Tcb.edx);
  words[Word.Ebx] = k.load(thread + Tcb.ebx);
  words[Word.Ebp] = k.load(thread + Tcb.ebp);
  words[Word.Esi] = k.load(thread + Tcb.esi);
  words[Word.Edi] = k.load(thread + Tcb.edi);
  words[Word.Esp] = frameLinear(thread);
}

/** User segment registers are not a thread's own: at every exit they hold the standard selectors again. */
function restoreSegments(k: KernelContext): void {
  const { cpu } = k;
  let reloaded = false;
  for (const [segment, selector] of USER_SEGMENTS) {
    if (cpu.words[segmentIndex(segment) + SegmentWord.Selector] === selector) continue;
    loadSegment(cpu, segment, selector);
    reloaded = true;
  }
  if (reloaded) k.charge(Cost.reloadSegments);
}

const USER_SEGMENTS = [
  [SegmentRegister.Ds, Selector.UserData],
  [SegmentRegister.Es, Selector.UserData],
  [SegmentRegister.Fs, Selector.UserData],
  [SegmentRegister.Gs, Selector.UserGs],
] as const;
