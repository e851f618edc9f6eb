import type { KernelContext } from "./context.ts";
import { Globals } from "./memory-map.ts";
import { Tcb } from "./tcb-layout.ts";

/**
 * Where the clocks went, kept in guest memory: user mode by thread, the kernel by path, idle.
 *
 * A path's clocks are from the moment at which the gate was entered to the end of IRET: the hardware's own part, which
 * the machine charges before and after the kernel's handler, is moved here by its usual clocks (page walks that the
 * gate or IRET need stay with the thread).
 */

/** Kernel paths by kind of entry. Numbers are indices in guest memory and never change. */
export const enum KernelPath {
  Boot = 0,
  Ipc = 1,
  PageFault = 2,
  Exception = 3,
  KernelInterface = 4,
  IoFault = 5,
  Tick = 6,
  Interrupt = 7,
  SystemCalls = 8,
  UnknownSystemCall = 8 + 11,
}

/** Names of the paths, by index; system calls in the order of `SystemCall`. */
export const PATH_NAMES: readonly string[] = [
  "boot",
  "Ipc",
  "page fault",
  "exception",
  "KernelInterface",
  "I/O fault",
  "tick",
  "interrupt",
  "SpaceControl",
  "ThreadControl",
  "ProcessorControl",
  "MemoryControl",
  "Ipc (other gate)",
  "Lipc (other gate)",
  "Unmap",
  "ExchangeRegisters",
  "SystemClock (other gate)",
  "ThreadSwitch",
  "Schedule",
  "unknown system call",
];

/** Clocks of the gates and of IRET from and to user mode, as the machine charges them (p5 clocks: INT n 48, IRET 27). */
const enum HardwareClocks {
  SoftwareInterrupt = 48,
  Exception = 48,
  PageFault = 83,
  ExternalInterrupt = 116,
  Return = 27,
}

function gateClocks(path: KernelPath): number {
  switch (path) {
    case KernelPath.PageFault:
      return HardwareClocks.PageFault;
    case KernelPath.Exception:
    case KernelPath.KernelInterface:
    case KernelPath.IoFault:
      return HardwareClocks.Exception;
    case KernelPath.Tick:
    case KernelPath.Interrupt:
      return HardwareClocks.ExternalInterrupt;
    default:
      return HardwareClocks.SoftwareInterrupt;
  }
}

/** Accounts the time since the last exit to the thread that ran, or to idle. Returns the clocks that belong to the kernel. */
export function accountUntilEntry(k: KernelContext, thread: number, path: KernelPath): number {
  const { globals } = k.map;
  const elapsed = k.cpu.cycles - k.loadDouble(globals + Globals.exitCycles);
  const hardware = path === KernelPath.Boot ? 0 : Math.min(elapsed, gateClocks(path) + HardwareClocks.Return);
  const used = elapsed - hardware;
  if (thread === 0) {
    k.addDouble(globals + Globals.idleCycles, used);
  } else {
    k.addDouble(thread + Tcb.userCycles, used);
    // The portal's own entry counts as one instruction, retired at ring 0.
    const retired = k.cpu.instructions - k.loadDouble(globals + Globals.exitInstructions);
    k.addDouble(thread + Tcb.userInstructions, Math.max(0, retired - 1));
  }
  return hardware;
}

/** Accounts a path, and marks the beginning of user (or idle) time. */
export function accountExit(k: KernelContext, path: KernelPath, cycles: number): void {
  const { globals } = k.map;
  k.addDouble(globals + Globals.pathCycles + 8 * path, cycles);
  k.addDouble(globals + Globals.pathCount + 8 * path, 1);
  k.storeDouble(globals + Globals.exitCycles, k.cpu.cycles);
  k.storeDouble(globals + Globals.exitInstructions, k.cpu.instructions);
}
