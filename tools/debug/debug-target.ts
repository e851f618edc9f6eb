/**
 * What a debugger front end (the GDB server, the terminal) needs of the thing being debugged.
 *
 * A *process* is an address space and a *thread* runs in one; ids are positive, and a thread's id is unique over all
 * processes. The target is always stopped except inside `resume`, which runs it in slices so that the front end can
 * look for an interrupt in between.
 */

/** One thread, as people see it. */
export interface TargetThread {
  readonly process: number;
  readonly thread: number;
  /** For example "replica-1". */
  readonly name: string;
  /** For example "waiting for a message from voter". */
  readonly state: string;
}

/** A register in the target description. Values are little-endian bytes. */
export interface TargetRegister {
  readonly name: string;
  readonly bits: number;
  /** A type of the target description: "int32", "uint32", "code_ptr", "data_ptr", "i386_eflags", "i387_ext", "uint64". */
  readonly type: string;
  /** Name of the description's feature that the register belongs to, for example "org.gnu.gdb.i386.core". */
  readonly feature: string;
  readonly group?: string;
}

/** Code breakpoints (software, hardware) and watchpoints (write, read, access): the five kinds of `Z` packets. */
export const POINT_KINDS = ["software", "hardware", "write", "read", "access"] as const;
export type PointKind = (typeof POINT_KINDS)[number];

/** A breakpoint or watchpoint; it holds in one address space only. */
export interface TargetPoint {
  readonly kind: PointKind;
  readonly process: number;
  /** Virtual address. */
  readonly address: number;
  /** Bytes watched; for code breakpoints the length of the replaced instruction, of no importance here. */
  readonly length: number;
}

export interface ResumeRequest {
  readonly direction: "forward" | "backward";
  /**
   * "step" runs until the thread has executed one instruction of its own (or takes one back), "range" steps until
   * its EIP leaves [rangeStart, rangeEnd), "continue" until something stops it.
   */
  readonly mode: "continue" | "step" | "range";
  /** The thread that steps; with "continue", the one to report an interrupt on when none is running. */
  readonly thread: number;
  /** With "continue" forwards: stop at the first boundary at or after this cycle too. */
  readonly untilCycle?: number;
  /** With "continue" forwards: stop behind the next fault that strikes too. */
  readonly untilFault?: boolean;
  readonly rangeStart?: number;
  readonly rangeEnd?: number;
}

export type StopCause =
  | { readonly kind: "step" }
  | { readonly kind: "breakpoint"; readonly point: TargetPoint }
  | { readonly kind: "watchpoint"; readonly point: TargetPoint; readonly address: number }
  | { readonly kind: "interrupt" }
  /** Running backwards came to the start of history. */
  | { readonly kind: "history-begin" }
  /** The machine can't go on: powered off, shut down, or halted for ever. */
  | { readonly kind: "history-end" };

export interface StopReport {
  readonly process: number;
  readonly thread: number;
  readonly cause: StopCause;
  /** A sentence for people, for example the cycle of the hit and who wrote. */
  readonly message?: string;
}

/** A region of the memory map. */
export interface MemoryRegion {
  readonly type: "ram" | "rom";
  readonly start: number;
  readonly length: number;
}

export interface DebugTarget {
  readonly registers: readonly TargetRegister[];
  /** How many of them, from the first on, `g` packets hold; the others are read one by one. */
  readonly groupedRegisters: number;
  /** Indices (into `registers`) worth sending with every stop: instruction, stack and frame pointer. */
  readonly expeditedRegisters: readonly number[];
  threads(): readonly TargetThread[];
  /** The thread whose turn it is, or another one when none runs. */
  currentThread(): TargetThread;
  /**
   * The thread that gdb is shown first. gdb 13 takes no notice of a stop in that thread's process before it has been
   * resumed from there once (it then waits for ever), so it should be one that is not stopped in by itself.
   */
  initialThread(): TargetThread;
  /** Undefined when the register is not available (or does not exist). */
  readRegister(thread: number, register: number): Uint8Array | undefined;
  /** False when the register can't be written. */
  writeRegister(thread: number, register: number, value: Uint8Array): boolean;
  /** The readable bytes from `address` on, at most `length`; undefined when not even the first one is. */
  readMemory(process: number, address: number, length: number): Uint8Array | undefined;
  /** All or nothing. */
  writeMemory(process: number, address: number, bytes: Uint8Array): boolean;
  memoryMap(): readonly MemoryRegion[];
  /** Name under which `openFile` gives the process's ELF file. */
  executable(process: number): string | undefined;
  openFile(path: string): Uint8Array | undefined;
  /** False when the target can't watch that. Inserting one twice is the same as once. */
  insertPoint(point: TargetPoint): boolean;
  /** False when there is none such. */
  removePoint(point: TargetPoint): boolean;
  /** Begins to run; call `slice` until it gives a report. */
  resume(request: ResumeRequest): void;
  /** Runs for some milliseconds of host time; the report when the target has stopped. */
  slice(): StopReport | undefined;
  /** Stops a running target where it is. */
  interrupt(): StopReport;
  /** One line from a person (`monitor …`); the answer is text, whatever the line was. */
  command(line: string, thread: number): string;
  /** What the guest printed since the last call. */
  takeConsoleOutput(): string;
}
