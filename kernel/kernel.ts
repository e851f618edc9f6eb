/**
 * The kernel as the tools see it: boot options and a read-only window on what its structures in guest memory say now.
 *
 * A `Kernel` object holds no kernel state. Every answer is read from guest memory at the time of the question, so it is
 * right after `machine.restore` too.
 */

/** A file placed in memory for the root task: found through the generic bootinfo (record type Module). */
export interface BootModule {
  /** What the bootinfo record's command line begins with, and all of it when `commandLine` is absent. */
  readonly name: string;
  readonly data: Uint8Array;
  readonly commandLine?: string;
}

export interface BootOptions {
  /** ELF file of sigma0, loaded at its physical addresses. */
  readonly sigma0: Uint8Array;
  /** ELF file of the root task, loaded at its physical addresses. */
  readonly root: Uint8Array;
  readonly modules?: readonly BootModule[];
  /** Start threads with IOPL 3, as L4Ka::Pistachio does, for programs built for it. Default false: IOPL 0. */
  readonly userIopl3?: boolean;
  /** Bytes at the top of RAM that the kernel keeps, a multiple of 4096. Default 4 MiB, less on a small machine. */
  readonly kernelMemoryBytes?: number;
  /** Called after each kernel path, just before the return to user mode (for tests: run the checker). */
  readonly onExit?: () => void;
}

/** A boot that cannot work: the message says what is wrong and what to do. */
export class KernelBootError extends Error {
  override readonly name = "KernelBootError";
}

/** Where the value of a thread's user register is at this moment. */
export type RegisterLocation =
  /** The thread is on the CPU in user mode: index of the word in the CPU state block (`Word`). */
  | { readonly where: "cpu"; readonly word: number }
  /** The thread is not running: physical address of the word in its trap frame. */
  | { readonly where: "memory"; readonly physical: number };

/** Registers of a thread that are kept in its trap frame, by the names of the Intel manual in lower case. */
export type UserRegister = "eax" | "ecx" | "edx" | "ebx" | "esp" | "ebp" | "esi" | "edi" | "eip" | "eflags";

export type ThreadStateName =
  | "inactive"
  | "ready"
  | "polling"
  | "waiting"
  /** An interrupt thread whose line is unmasked and has not fired. */
  | "armed"
  /** In a string transfer, while the other side's page fault is being answered. */
  | "transferring";

/** What the thread's present kernel-made IPC is about, if it is in one. */
export type ProtocolName = "none" | "start" | "page-fault" | "io-fault" | "exception" | "preemption" | "interrupt";

export interface ThreadDescription {
  readonly threadNo: number;
  /** Complete global id, version included. */
  readonly globalId: number;
  /** Address of MR0 in its UTCB, 0 for a thread that is not active. */
  readonly localId: number;
  /** Index of its address space. */
  readonly space: number;
  /** Physical address of the space's page directory (what CR3 holds while it runs), 0 when it has no space. */
  readonly pageDirectory: number;
  readonly state: ThreadStateName;
  readonly protocol: ProtocolName;
  readonly halted: boolean;
  /** Why the kernel halted it, or "" (also when ExchangeRegisters did). */
  readonly haltReason: string;
  /** Global id that it waits for or sends to; 0 none, 0xffffffff any, 0xffffffc0 any local. */
  readonly partner: number;
  readonly priority: number;
  readonly timesliceMicroseconds: number;
  readonly scheduler: number;
  readonly pager: number;
  readonly exceptionHandler: number;
  readonly registers: Readonly<Record<UserRegister, number>>;
  /** Physical addresses of its thread control block and of its UTCB (0 when it has none). */
  readonly tcb: number;
  readonly utcb: number;
  readonly userCycles: number;
  readonly userInstructions: number;
}

export interface Accounts {
  /** Cycles in user mode by global thread id (threads that exist). */
  readonly threads: readonly { readonly globalId: number; readonly cycles: number; readonly instructions: number }[];
  /** User cycles and instructions of threads deleted since. */
  readonly deleted: { readonly cycles: number; readonly instructions: number };
  /** Cycles in the kernel by path, with the number of times each path was taken. */
  readonly kernel: readonly { readonly path: string; readonly cycles: number; readonly count: number }[];
  readonly kernelCycles: number;
  readonly idleCycles: number;
}

/** Who owns a word of RAM. Every word has exactly one owner. */
export interface Owner {
  readonly kind: /** Kernel structure: `name` is the structure, `field` the word in it. */
    | "kernel"
    /** A thread's UTCB: `thread` is its global id. */
    | "utcb"
    /** Page directory or page table of `space`. */
    | "page-table"
    /** A frame mapped to user spaces; `space` is the one at the end of the mapping chain, `spaces` all that can reach it. */
    | "user"
    /** RAM that no one has been given. */
    | "free";
  /** Human-readable and unique for the structure, such as `tcb 52`, `mapping node 117`, `page table of space 3 at 0x08000000`. */
  readonly name: string;
  readonly field?: string;
  readonly thread?: number;
  readonly space?: number;
  readonly spaces?: readonly number[];
  /** Virtual address in `space`, for kind "user" and "utcb". */
  readonly virtual?: number;
}

/**
 * What someone who watches the kernel's paths is told. What a path writes, `Observer.physicalWrite` of the machine tells;
 * so between `enter` and `leave` it is known what was written from what.
 */
export interface KernelWatcher {
  /** The CPU has come through a gate: a path begins. */
  enter?(): void;
  /** The path reads `bytes` (1 or 4) bytes of memory. */
  load?(physical: number, bytes: number): void;
  /** The path is done, the return to the thread that runs next is about to be made. `path` is named as in the accounts. */
  leave?(path: string): void;
}

/** A kernel structure, or an array of them, as a place in memory. */
export interface KernelStructure {
  /** As its words' owner has it. */
  readonly kind: Owner["kind"];
  /** An owner's name is this, with the index of the element after it when `count` is greater than 1. */
  readonly name: string;
  /** Whose it is, for what belongs to one space or one thread (global id). */
  readonly space?: number;
  readonly thread?: number;
  readonly start: number;
  /** Bytes of one element. */
  readonly bytes: number;
  readonly count: number;
  /** Fields of one element, from its start on without gaps; what is left at its end is padding. Empty for unused memory. */
  readonly fields: readonly { readonly name: string; readonly offset: number; readonly bytes: number }[];
}

export interface Kernel {
  threads(): ThreadDescription[];
  /** By global id, or by bare thread number (below 2^14). */
  thread(id: number): ThreadDescription | undefined;
  /** Global id of the thread that the kernel has dispatched; undefined while idle. */
  currentThread(): number | undefined;
  /** Physical address of a virtual address in the space of a thread (global id or number), by its page tables; undefined if not mapped. */
  translate(thread: number, virtual: number): number | undefined;
  /** Virtual addresses (user area) in the space of a thread that map the frame of `physical`. */
  virtualAddresses(thread: number, physical: number): number[];
  /** Where a thread's user register is now; undefined for a thread that does not exist. */
  registerLocation(thread: number, register: UserRegister): RegisterLocation | undefined;
  /** A thread's x87 state as FNSAVE writes it (108 bytes), in the unit or saved; undefined when it has never used the unit. */
  x87Image(thread: number): Uint8Array | undefined;
  accounts(): Accounts;
  /** Violations of the kernel's invariants, one sentence each; empty when all is well. */
  check(): string[];
  owner(physical: number): Owner;
  /** All of kernel memory as it is now: every byte is in exactly one structure, in the order of their addresses. */
  structures(): KernelStructure[];
  /** One of them by name, among those that are always at the same place: not of the page pool. Cheap. */
  structure(name: string): KernelStructure | undefined;
  /** Watches the kernel's paths; returns the function that ends it. Without a watcher no code runs for it. */
  watch(watcher: KernelWatcher): () => void;
  /** Microseconds of kernel time (ticks accounted). */
  kernelTime(): number;
  /** Physical range of kernel memory. */
  readonly kernelMemory: { readonly start: number; readonly end: number };
}
