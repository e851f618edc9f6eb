/** Where the kernel's thread control blocks are, and which of their words are registers of threads. */
import type { Kernel } from "../../kernel/index.ts";
import { TCB_BYTES, Tcb } from "../../kernel/tcb-layout.ts";
import { TRACKED_REGISTERS } from "./corruption.ts";

/** Physical addresses: thread 0's control block begins at `start`. */
export interface ControlBlocks {
  readonly start: number;
  readonly end: number;
}

/** Register index by word of a control block; -1 for other words. */
const REGISTER_AT = new Int8Array(TCB_BYTES / 4).fill(-1);
TRACKED_REGISTERS.forEach((name, index) => {
  REGISTER_AT[Tcb[name] >>> 2] = index;
});

export function controlBlocksOf(kernel: Kernel): ControlBlocks {
  const { start, bytes, count } = kernel.structures().find(({ name }) => name === "tcb")!;
  return { start, end: start + bytes * count };
}

/** Offset of a word in the control block that it is in; -1 for other memory. */
export function controlBlockOffset(physical: number, { start, end }: ControlBlocks): number {
  return physical >= start && physical < end ? (physical - start) & (TCB_BYTES - 1) : -1;
}

/** A register of a thread that a word holds while the thread is not in user mode. */
export function registerOfWord(physical: number, blocks: ControlBlocks): { thread: number; index: number } | undefined {
  const offset = controlBlockOffset(physical, blocks);
  if (offset < 0) return undefined;
  const index = REGISTER_AT[offset >>> 2]!;
  return index < 0 ? undefined : { thread: Math.floor((physical - blocks.start) / TCB_BYTES), index };
}
