/**
 * Clocks of the kernel's own code: the one table of them. The machine charges what hardware does by itself: the gate (48
 * for INT n from user mode), IRET (27), descriptor loads, page walks, port accesses. Everything else that a kernel written
 * in assembly would execute is charged from this table, and nothing is charged anywhere else.
 */

/** Where a figure comes from. */
export type CostSource =
  /** Liedtke et al., "Achieved IPC performance" (HotOS-VI, 1997): a short cross-space IPC costs 121 cycles on a Pentium. */
  | "L"
  /** Liedtke, "On µ-kernel construction" (SOSP 1995): page-table switch from 36 cycles on a Pentium, TLB refills apart. */
  | "S"
  /** l4ka.org: L4Ka::Pistachio's C path costs about 55 cycles more than its assembly path. */
  | "K"
  /**
   * Counted from the Pentium's instruction table for the obvious code: all accesses hit the first-level cache, a load or
   * store takes 1, a taken branch 1 (mispredicted 4, one in six), PUSHA and POPA 5, REP MOVSD 13 + 1 a word.
   */
  | "C";

export interface CostEntry {
  readonly clocks: number;
  readonly source: CostSource;
  /** What the clocks are for, and how the figure was found. */
  readonly derivation: string;
}

const entry = (clocks: number, source: CostSource, derivation: string): CostEntry => ({ clocks, source, derivation });

/** Entry, exit, switchThread and ipc make the 46 clocks that 121 [L] leaves beside gate and IRET (75). */
export const KERNEL_COSTS = {
  entry: entry(9, "C", "PUSHA 5; load of the current TCB, store of the vector, dispatch jump: 4"),
  exit: entry(7, "C", "POPA 5; test whether to switch, stack pointer: 2"),
  switchThread: entry(7, "C", "TSS.esp0, the %gs word and the current pointer: 3 loads, 3 stores, 1 add"),
  switchSpace: entry(25, "S", "compare and MOV CR3 (21); the TLB refills follow by themselves"),
  reloadSegments: entry(8, "C", "MOV to DS, ES, FS, GS: 4 × 2 besides the descriptor loads"),
  ipc: entry(23, "L", "partner lookup and id compare, state tests of both sides, tag checks: 46 - 9 - 7 - 7"),
  ipcReceive: entry(12, "K", "second half of a call: source check, send queue, link to the partner"),
  block: entry(14, "C", "into a send queue or the wakeup list (6 stores, 4 loads), out of the ready list (4)"),
  pickNext: entry(20, "C", "scan of the ready bitmap (8 words, BSR) and the list's head"),
  messageWord: entry(1, "C", "each word of REP MOVSD"),
  messageStart: entry(13, "C", "start of REP MOVSD, for messages of more than two words"),
  localId: entry(6, "C", "range check, load of MyGlobalId, TCB load and two compares"),
  typedItem: entry(15, "C", "type test, acceptor load, flexpage decode"),
  mapPage: entry(40, "C", "two table loads, tree insert or removal (6 stores, 6 loads), entry store, limit checks"),
  lookAtPage: entry(10, "C", "two table loads, tests, reference bits taken"),
  newPageTable: entry(1040, "C", "a page from the free list, zeroed by REP STOSD: 1024 + 9, linked"),
  invalidatePage: entry(25, "C", "INVLPG"),
  faultMessage: entry(20, "C", "2 to 12 words stored, their values loaded, the handler's id read"),
  tick: entry(30, "C", "64-bit add, head of the wakeup list, slice accounting, end-of-interrupt code"),
  wakeup: entry(15, "C", "out of the wakeup list, error word and tag stored, into the ready list"),
  threadControl: entry(220, "C", "128 words cleared (REP STOSD 137) and some 60 instructions; pages apart"),
  spaceControl: entry(120, "C", "flexpage checks, directory entries of the kernel copied, areas stored"),
  exchangeRegisters: entry(60, "C", "seven values read, up to seven written, permission check"),
  schedule: entry(40, "C", "permission check, state decoded, up to five fields stored, list change"),
  threadSwitch: entry(12, "C", "lookup and state test of the destination"),
  fpuClaim: entry(18, "C", "CLTS 10; owner's pointer, two compares, new owner's pointer, tests: 8"),
  fpuSave: entry(124, "C", "FNSAVE in protected mode"),
  fpuRestore: entry(70, "C", "FRSTOR in protected mode"),
  fpuInitialise: entry(16, "C", "FNINIT 12; the mark in the TCB tested and set: 4"),
  fpuGuard: entry(28, "C", "MOV from CR0 4, OR or AND 1, MOV to CR0 22, the owner compared 1"),
  trivial: entry(5, "C", "a system call without a body"),
  kernelInterface: entry(18, "C", "two bytes read through the page tables, compared; four registers set"),
} as const;

export type KernelCost = keyof typeof KERNEL_COSTS;

/** Clocks by name. */
export const Cost = Object.fromEntries(
  Object.entries(KERNEL_COSTS).map(([name, { clocks }]) => [name, clocks]),
) as Readonly<Record<KernelCost, number>>;
