/** Why clocks passed. What no other cause claims is issue: the instructions' own clocks. */
export const enum Cause {
  Issue = 0,
  /** Address generation interlock. */
  Interlock = 1,
  /** Prefix bytes that nothing hid. */
  Prefix = 2,
  BankConflict = 3,
  Misaligned = 4,
  DataCache = 5,
  /** A store found its write buffer full. */
  WriteBuffer = 6,
  CodeCache = 7,
  DataTlb = 8,
  CodeTlb = 9,
  Branch = 10,
  /** Locked bus cycles. */
  Lock = 11,
  /** Port accesses on the bus. */
  InputOutput = 12,
  /** Interrupts, exceptions, gates. */
  Event = 13,
  SelfModify = 14,
  /** Floating-point instructions: results, the unit, the status word. */
  FloatingPoint = 15,
  Count = 16,
}

/** Names for people and for files, by `Cause`. */
export const CAUSE_NAMES: readonly string[] = [
  "issue",
  "agi",
  "prefix",
  "bank",
  "misaligned",
  "cache",
  "write-buffer",
  "code-cache",
  "tlb",
  "code-tlb",
  "branch",
  "lock",
  "io",
  "event",
  "self-modify",
  "fpu",
];

/** Hears what the pipeline model does, instruction by instruction. Attaching one makes the model work step by step; clocks stay the same. */
export interface TimingListener {
  /**
   * The instruction at `linear` is over. `issue`: the clock at which its group began to execute; `pipe`: 0 U, 1 V; `opens`: it is the first
   * of a pair whose other member follows. Pipeline.causes has grown by what was waited since the instruction before; what a
   * pair waits before execution is added with its second member.
   */
  instruction(linear: number, issue: number, pipe: number, opens: boolean): void;
}
