import { defineStruct } from "./struct.ts";
import { TCB_BYTES } from "./tcb-layout.ts";

/**
 * Where the kernel keeps what, in physical memory (all at the top of RAM) and in the linear address space (the same in
 * every address space). See README.md for the picture.
 */

export const PAGE = 4096;

/** Linear addresses. ABI 1.3: the user area ends at 0xc0000000; the rest is the kernel's in every space. */
export const USER_AREA_END = 0xc000_0000;
/** The 4 MiB region of kernel pages that user-mode accesses need: the %gs page, the TSS and the I/O permission bitmap. */
export const PRIVATE_REGION = 0xdf00_0000;
/** Base of %gs, limit 3: one word, the running thread's local id (ABI 1.1). */
export const GS_LINEAR = PRIVATE_REGION;
const TSS_PAGE_LINEAR = PRIVATE_REGION + PAGE;
/** The I/O permission bitmap follows the TSS at once: one bit for each of 65536 ports, then a page of ones. */
export const IO_BITMAP_LINEAR = PRIVATE_REGION + 2 * PAGE;
export const TSS_BYTES = 104;
/** The TSS ends where its page ends, so that bitmap pages can be exchanged by page table alone. */
export const TSS_LINEAR = TSS_PAGE_LINEAR + PAGE - TSS_BYTES;
export const TSS_LIMIT = TSS_BYTES + 8192;
/** All of RAM, supervisor only, by 4 MiB pages: linear = physical + this. */
export const KERNEL_WINDOW = 0xf000_0000;
/** The window is 256 MiB. */
export const WINDOW_BYTES = 0x1000_0000;

/** Number of valid thread-number bits (KIP ThreadInfo.t): the TCB array has 2^t elements. */
export const THREAD_BITS = 10;
export const THREAD_COUNT = 1 << THREAD_BITS;
export const SPACE_COUNT = 256;
export const PRIORITY_COUNT = 256;
export const IRQ_COUNT = 16;
export const PORT_COUNT = 65536;
const PATH_COUNT = 32;

export const GLOBALS_MAGIC = 0x3638_5134; // "4Q86"

/** The kernel's global variables: the last page of RAM, so that they are found from the size of RAM alone. */
export const GLOBALS = defineStruct(
  "globals",
  {
    magic: "word",
    version: "word",
    kernelMemoryBytes: "word",
    /** Bit 0: user threads start at IOPL 3. */
    options: "word",
    /** TCB of the thread on the CPU; 0 while idle. */
    current: "pointer",
    /** TCB of the thread whose time slice is being used up (differs from current after a donation); 0 while idle. */
    timesliceOwner: "pointer",
    /** Kernel time in microseconds: 1953 for each tick. */
    time: "double",
    wakeupHead: "pointer",
    /** First thread whose transfer can go on (linked by Tcb.transferNext), or 0. */
    transferHead: "pointer",
    freeNode: "word",
    freeNodeCount: "word",
    freePage: "word",
    freePageCount: "word",
    sigma0Space: "pointer",
    rootSpace: "pointer",
    /** Clock and retired instructions at the last return from the kernel. */
    exitCycles: "double",
    exitInstructions: "double",
    idleCycles: "double",
    deletedCycles: "double",
    deletedInstructions: "double",
    pathCycles: ["double", PATH_COUNT],
    pathCount: ["double", PATH_COUNT],
    /** One bit for each non-empty ready list. */
    readyBitmap: ["word", PRIORITY_COUNT / 32],
    /** First TCB of each ready list, or 0. */
    readyHead: ["pointer", PRIORITY_COUNT],
    /** TCB of the thread whose state the x87 unit holds, or 0. */
    fpuOwner: "pointer",
  },
  PAGE,
);
export const Globals = GLOBALS.at;

/** An address space. */
export const SPACE = defineStruct(
  "space",
  {
    /** `SpaceState`. */
    state: "word",
    /** Physical address of the page directory. */
    pageDirectory: "pointer",
    kipArea: "flexpage",
    utcbArea: "flexpage",
    /** First thread, linked through Tcb.spaceNext. */
    threadHead: "pointer",
    threadCount: "word",
    /** Physical address of the space's own page table for PRIVATE_REGION, or 0 while it has no I/O ports. */
    privateTable: "pointer",
    /** The two pages of the space's own I/O permission bitmap. */
    ioBitmap: ["pointer", 2],
  },
  64,
);
export const Space = SPACE.at;

export const enum SpaceState {
  Free = 0,
  /** Created by ThreadControl; SpaceControl has not given it its KIP and UTCB areas. */
  Created = 1,
  Initialised = 2,
}

/** A mapping of one page frame or one I/O port into one space: a node of that frame's mapping tree. */
export const MAPPING_NODE = defineStruct("mapping node", {
  /** Index of the next node of the same frame in depth-first order, 0 at the end. In a free node: next free. */
  next: "word",
  /** Index of the node before it, 0 for the first. */
  previous: "word",
  /** Frame number, or ramFrames + port. */
  frame: "word",
  /** Virtual page number (or port) in `space`. */
  page: "word",
  space: "pointer",
  /** Bits 0-15: depth below sigma0 (1 = mapped by sigma0), 0 in a free node. Bits 16-18: reference bits remembered. */
  depth: "word",
});
export const MappingNode = MAPPING_NODE.at;

/** What a page of the pool is used for. */
export const POOL_PAGE = defineStruct("pool page", {
  /** `PoolUse`. */
  use: "word",
  /** Space that owns it; in a free page: index + 1 of the next free page. */
  space: "pointer",
});
export const PoolPage = POOL_PAGE.at;

export const enum PoolUse {
  Free = 0,
  PageDirectory = 1,
  PageTable = 2,
  Utcb = 3,
  IoBitmap = 4,
}

/** Physical addresses of the kernel's structures. Derived from the sizes of RAM and of kernel memory, nothing else. */
export interface MemoryMap {
  readonly memoryBytes: number;
  /** First byte of kernel memory. */
  readonly base: number;
  readonly portal: number;
  readonly idleCode: number;
  readonly idleStackTop: number;
  readonly gdt: number;
  readonly idt: number;
  readonly kip: number;
  readonly gsPage: number;
  readonly tss: number;
  readonly tssPage: number;
  /** Two pages of ones: no port permitted. */
  readonly deniedBitmap: number;
  readonly bitmapEnd: number;
  /** Page table of PRIVATE_REGION for spaces without ports of their own. */
  readonly sharedPrivateTable: number;
  readonly spaces: number;
  readonly tcbs: number;
  /** One word for each frame of RAM, then one for each port: first mapping node, or 0. */
  readonly frames: number;
  readonly ramFrames: number;
  readonly nodes: number;
  /** Number of nodes; indices run from 1 to nodeCount - 1. */
  readonly nodeCount: number;
  readonly poolPages: number;
  readonly pool: number;
  readonly poolCount: number;
  readonly globals: number;
}

const DEFAULT_KERNEL_MEMORY = 4 << 20;
export const LEAST_KERNEL_MEMORY = 2 << 20;

export function defaultKernelMemory(memoryBytes: number): number {
  return memoryBytes >= 16 << 20 ? DEFAULT_KERNEL_MEMORY : LEAST_KERNEL_MEMORY;
}

export function memoryMap(memoryBytes: number, kernelMemoryBytes: number): MemoryMap {
  const base = memoryBytes - kernelMemoryBytes;
  const globals = memoryBytes - PAGE;
  let next = base;
  const take = (bytes: number): number => {
    const start = next;
    next += Math.ceil(bytes / PAGE) * PAGE;
    return start;
  };
  const portal = take(PAGE);
  const idle = take(PAGE);
  const descriptorTables = take(PAGE);
  const kip = take(PAGE);
  const gsPage = take(PAGE);
  const tssPage = take(PAGE);
  const deniedBitmap = take(2 * PAGE);
  const bitmapEnd = take(PAGE);
  const sharedPrivateTable = take(PAGE);
  const spaces = take(SPACE_COUNT * SPACE.bytes);
  const tcbs = take(THREAD_COUNT * TCB_BYTES);
  const ramFrames = memoryBytes / PAGE;
  const frames = take((ramFrames + PORT_COUNT) * 4);
  // A mapping costs 24 bytes; a quarter of what is left holds as many as the pool's page tables can use.
  const nodeBytes = Math.floor((globals - next) / 4 / PAGE) * PAGE;
  const nodes = take(nodeBytes);
  const poolLeft = Math.floor((globals - next) / PAGE);
  const poolPages = take(poolLeft * POOL_PAGE.bytes);
  const pool = next;
  return {
    memoryBytes,
    base,
    portal,
    idleCode: idle,
    idleStackTop: idle + PAGE,
    gdt: descriptorTables,
    idt: descriptorTables + 2048,
    kip,
    gsPage,
    tss: tssPage + PAGE - TSS_BYTES,
    tssPage,
    deniedBitmap,
    bitmapEnd,
    sharedPrivateTable,
    spaces,
    tcbs,
    frames,
    ramFrames,
    nodes,
    nodeCount: Math.floor(nodeBytes / MAPPING_NODE.bytes),
    poolPages,
    pool,
    poolCount: Math.floor((globals - pool) / PAGE),
    globals,
  };
}
