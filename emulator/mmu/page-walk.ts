import { Word } from "../cpu/state.ts";
import { Layout } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { Watch } from "../observer.ts";

/** Bits of page-directory and page-table entries (Intel SDM vol. 3, 4.3). */
export const enum PageTableBit {
  Present = 0x001,
  Writable = 0x002,
  User = 0x004,
  WriteThrough = 0x008,
  CacheDisable = 0x010,
  Accessed = 0x020,
  Dirty = 0x040,
  /** In a directory entry, with CR4.PSE: maps 4 MiB. */
  PageSize = 0x080,
}

/** Bits of a page-fault error code (Intel SDM vol. 3, 4.7). */
export const enum PageFaultCode {
  Present = 1,
  Write = 2,
  User = 4,
  /** A reserved bit of an entry was set. */
  Reserved = 8,
}

/**
 * Reserved with CR4.PSE set on a P5, which has neither PSE-36 nor PAT (Intel SDM vol. 3, 4.3): bits 12-21 of a 4 MiB
 * directory entry, and bit 7 of a table entry.
 */
export const LARGE_RESERVED = 0x003ff000;
export const TABLE_RESERVED = 0x80;

export const CR4_PSE = 0x10;

/**
 * The two-level page walk of 32-bit paging (Intel SDM vol. 3, 4.3), reading and updating entries in guest memory.
 *
 * The accessed bit of a directory entry is set as soon as the entry was used to reach a page table, also when the
 * walk then faults there; the accessed and dirty bits of the entry that maps the page only when the access is allowed.
 */
export class PageWalk {
  /** Results of the last successful walk: physical address of the page (4 KiB or 4 MiB aligned), and whether it is a 4 MiB page. */
  frame = 0;
  large = false;
  /** Table levels read, and entries written (A or D set), by the last walk. */
  levels = 0;
  updates = 0;
  /** Physical addresses of the entries that the last walk read (the table's: -1 if there was no second level). */
  directoryAddress = 0;
  tableAddress = -1;
  /** Which of the entries it wrote. */
  directoryWritten = false;
  tableWritten = false;
  private readonly words: Int32Array;
  private readonly words32: Int32Array;
  private readonly memory: PhysicalMemory;
  private readonly watch: Watch;

  constructor(linear: LinearMemory, memory: PhysicalMemory, watch: Watch) {
    this.words = linear.words32;
    this.words32 = linear.words32;
    this.memory = memory;
    this.watch = watch;
  }

  /**
   * Walks for an access. Returns the rights of both levels combined (PageTableBit.User, Writable) with Dirty as it now
   * is in the mapping entry; or, when the access faults, the complement of the error code's Present and Reserved bits.
   */
  walk(linear: number, write: boolean, user: boolean, writeProtect: boolean): number {
    this.levels = 1;
    this.updates = 0;
    this.tableAddress = -1;
    this.directoryWritten = false;
    this.tableWritten = false;
    const directoryAddress = (this.words[Word.Cr3] & 0xfffff000) + ((linear >>> 20) & 0xffc);
    this.directoryAddress = directoryAddress;
    const directoryEntry = this.read(directoryAddress);
    if ((directoryEntry & PageTableBit.Present) === 0) return ~0;
    if ((directoryEntry & PageTableBit.PageSize) !== 0 && (this.words[Word.Cr4] & CR4_PSE) !== 0) {
      if ((directoryEntry & LARGE_RESERVED) !== 0) return ~(PageFaultCode.Present | PageFaultCode.Reserved);
      this.large = true;
      this.frame = directoryEntry & 0xffc00000;
      return this.grant(directoryAddress, directoryEntry, directoryEntry, write, user, writeProtect);
    }
    this.set(directoryAddress, directoryEntry, PageTableBit.Accessed);
    this.levels = 2;
    const tableAddress = (directoryEntry & 0xfffff000) + ((linear >>> 10) & 0xffc);
    this.tableAddress = tableAddress;
    const tableEntry = this.read(tableAddress);
    if ((tableEntry & PageTableBit.Present) === 0) return ~0;
    if ((tableEntry & TABLE_RESERVED) !== 0 && (this.words[Word.Cr4] & CR4_PSE) !== 0)
      return ~(PageFaultCode.Present | PageFaultCode.Reserved);
    this.large = false;
    this.frame = tableEntry & 0xfffff000;
    return this.grant(tableAddress, tableEntry, directoryEntry & tableEntry, write, user, writeProtect);
  }

  private grant(
    address: number,
    entry: number,
    rights: number,
    write: boolean,
    user: boolean,
    writeProtect: boolean,
  ): number {
    const denied =
      (user && (rights & PageTableBit.User) === 0) ||
      (write && (rights & PageTableBit.Writable) === 0 && (user || writeProtect));
    if (denied) return ~PageFaultCode.Present;
    const mark = write ? PageTableBit.Accessed | PageTableBit.Dirty : PageTableBit.Accessed;
    this.set(address, entry, mark);
    return (rights & (PageTableBit.User | PageTableBit.Writable)) | ((entry | mark) & PageTableBit.Dirty);
  }

  private read(physical: number): number {
    const value = this.memory.read32(physical);
    if (this.watch.memory) this.watch.walkRead(physical, value);
    return value;
  }

  /** Sets bits of an entry unless they are set. */
  private set(physical: number, entry: number, bits: number): void {
    if ((entry & bits) === bits) return;
    this.updates++;
    if (physical === this.tableAddress) this.tableWritten = true;
    else this.directoryWritten = true;
    const address = physical >>> 0;
    if (address >= this.memory.byteLength) return;
    this.memory.prepareStore(address, 4);
    this.words32[(Layout.GuestRam + address) >>> 2] = entry | bits;
    if (this.watch.memory) this.watch.walkWrite(physical, entry | bits);
  }
}
