/** Who is told what a log sees as it happens, and what a log must know again. */
import type { Begun } from "./begun.ts";

export interface LogOwner {
  /** Records are in the queue: called at the latest before the kernel acts, and before a thread goes on. */
  take(): void;
  /** Instead of `take` in the midst of a thread's instructions. */
  batch?(): void;
  /** A path of the kernel is about to begin. */
  entering?(cycle: number): void;
  /** A thread is about to go on in user mode. */
  resumed?(thread: number, progress: number): void;
  /** An instruction of a thread reads what is no register and no memory: the clock, or a port. */
  inputs?(thread: number, progress: number, value: number): void;
  /** An instruction that is not recorded accesses a page that is watched, or code in it is decoded. */
  touches?(thread: number, physical: number, bytes: number): void;
}

/** What a log must know again after its machine has been taken back. */
export interface LogState {
  readonly progress: ReadonlyMap<number, number>;
  readonly running: number;
  readonly resumedAt: number;
  /** Instructions that have begun and not ended. */
  readonly begun: readonly Begun[];
}
