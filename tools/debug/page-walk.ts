/** Reads a page directory as the CPU's page walk would, without touching TLBs or accessed bits (Intel SDM vol. 3, 4.3). */
import type { PhysicalMemory } from "../../emulator/index.ts";

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const PAGE_SIZE = 0x80;
/** Reserved on a P5 with CR4.PSE set, as the kernel has it: an entry with one of them maps nothing. */
const LARGE_RESERVED = 0x003ff000;
const TABLE_RESERVED = 0x80;

export interface PageWalk {
  /** Physical address and value of the directory entry. */
  readonly directoryEntry: { readonly physical: number; readonly value: number };
  /** The same of the table entry; undefined for a 4 MiB page and when the directory entry is not present. */
  readonly tableEntry: { readonly physical: number; readonly value: number } | undefined;
  /** Undefined when the address is not mapped. */
  readonly mapping:
    | { readonly physical: number; readonly pageBytes: number; readonly writable: boolean; readonly user: boolean }
    | undefined;
}

/** `directory` is the physical address in CR3; flags in its low bits are ignored. */
export function walkPages(memory: PhysicalMemory, directory: number, linear: number): PageWalk {
  const entryAt = (physical: number): { physical: number; value: number } => ({
    physical,
    value: memory.read32(physical) >>> 0,
  });
  const directoryEntry = entryAt(((directory & 0xfffff000) >>> 0) + (linear >>> 22) * 4);
  const pde = directoryEntry.value;
  if ((pde & PRESENT) === 0) return { directoryEntry, tableEntry: undefined, mapping: undefined };
  const rights = (bits: number) => ({ writable: (bits & WRITABLE) !== 0, user: (bits & USER) !== 0 });
  if ((pde & PAGE_SIZE) !== 0) {
    if ((pde & LARGE_RESERVED) !== 0) return { directoryEntry, tableEntry: undefined, mapping: undefined };
    const physical = ((pde & 0xffc00000) | (linear & 0x3fffff)) >>> 0;
    return { directoryEntry, tableEntry: undefined, mapping: { physical, pageBytes: 0x400000, ...rights(pde) } };
  }
  const tableEntry = entryAt(((pde & 0xfffff000) >>> 0) + ((linear >>> 12) & 0x3ff) * 4);
  const pte = tableEntry.value;
  if ((pte & PRESENT) === 0 || (pte & TABLE_RESERVED) !== 0) return { directoryEntry, tableEntry, mapping: undefined };
  const physical = ((pte & 0xfffff000) | (linear & 0xfff)) >>> 0;
  return { directoryEntry, tableEntry, mapping: { physical, pageBytes: 0x1000, ...rights(pde & pte) } };
}
