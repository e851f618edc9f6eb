import type { Machine } from "../emulator/machine.ts";
import { type BootOptions, type Kernel, KernelBootError } from "./kernel.ts";

/**
 * Loads sigma0, the root task and the modules into a freshly reset machine, builds the kernel's structures at the top of
 * its RAM and leaves the CPU ready to run the first thread.
 * @throws KernelBootError when the files do not fit or are not programs; ElfError from the loader.
 */
export function bootKernel(_machine: Machine, _options: BootOptions): Kernel {
  throw new KernelBootError("not built yet");
}

/**
 * The kernel of a machine that was restored from a snapshot taken after `bootKernel` on a machine of the same size.
 * @throws KernelBootError when the machine's RAM holds no kernel.
 */
export function attachKernel(_machine: Machine, _options?: { readonly onExit?: () => void }): Kernel {
  throw new KernelBootError("not built yet");
}
