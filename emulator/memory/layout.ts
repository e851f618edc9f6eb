/**
 * Layout of the machine's one linear memory (byte offsets into the WebAssembly.Memory).
 *
 *   0x000000  CPU state block: registers, segment caches, TLBs, counters (64 KiB, see cpu/state.ts)
 *   0x010000  page flags: one byte per guest physical page (up to 1 GiB of RAM)
 *   0x080000  translation memos (derived data: never part of a snapshot, see mmu/memo.ts)
 *   0x081000  ages of the code cache's sets (derived data: see timing/code-cache.ts)
 *   0x100000  decoded instructions (derived data: never part of a snapshot)
 *   0x800000  guest RAM: guest physical address 0
 */
export const enum Layout {
  CpuState = 0x000000,
  CpuStateBytes = 0x010000,
  PageFlags = 0x010000,
  PageFlagsBytes = 0x040000,
  Memos = 0x080000,
  CodeAges = 0x081000,
  DecodedInstructions = 0x100000,
  DecodedInstructionsBytes = 0x700000,
  GuestRam = 0x800000,
}

/** Bits of a page-flags byte. A page's stores are fast only while its flags are exactly `Dirty`. */
export const enum PageFlag {
  /** Written since the last snapshot or restore. */
  Dirty = 1,
  /** Holds bytes of decoded instructions: a store must check for self-modifying code. */
  HasCode = 2,
  /** Registered as a portal page: instructions fetched from it at CPL 0 call the embedder (portal.ts). */
  Portal = 4,
  /** The timing model's code cache may hold lines of it: a store must look there. */
  CodeCached = 8,
  /** Observers are told of every access by linear address (`Observer.watchedAccess`). */
  Watched = 16,
}

export const PAGE_BYTES = 4096;
export const PAGE_SHIFT = 12;
