/**
 * The P5's three TLBs in the CPU state block (Pentium Processor User's Manual vol. 1, 2.5; vol. 3, 11.3.5):
 *
 *   data, 4 KiB pages:  64 entries, 4-way, 16 sets (linear address bits 12-15)
 *   data, 4 MiB pages:   8 entries, 4-way,  2 sets (bit 22)
 *   code:               32 entries, 4-way,  8 sets (bits 12-14); 4 MiB pages enter as 4 KiB pieces
 *
 * An entry is two words: tag (linear page number in bits 12-31, `TlbEntry` bits below) and physical page address.
 * After the entries of a TLB come its pseudo-LRU words, one a set. TLBs are part of the machine's state: what is
 * stale stays visible until it is flushed or replaced.
 */
export const enum Tlb {
  DataSets = 16,
  LargeSets = 2,
  CodeSets = 8,
  Ways = 4,
  /** Word offsets from Word.Tlb. */
  Data = 0,
  DataLru = 128,
  Large = 144,
  LargeLru = 160,
  Code = 162,
  CodeLru = 226,
  /** Words in all. */
  Words = 234,
}

/** Low bits of an entry's tag word. User, Writable and Dirty are the page-table bits, combined over both levels. */
export const enum TlbEntry {
  Valid = 1,
  Writable = 2,
  User = 4,
  /** Of a code entry: a 4 KiB piece of a 4 MiB page. */
  Piece = 8,
  Dirty = 0x40,
}

/**
 * Tree pseudo-LRU of four ways (Intel486 and Pentium manuals, "cache replacement"): bit 0 says that ways 2-3 are older than
 * 0-1, bit 1 that way 1 is older than 0, bit 2 that way 3 is older than 2.
 */
export function touchWay(lru: number, way: number): number {
  switch (way) {
    case 0:
      return lru | 3;
    case 1:
      return (lru | 1) & ~2;
    case 2:
      return (lru & ~1) | 4;
    default:
      return lru & ~5;
  }
}

/** The way to replace when all four are valid. */
export function oldestWay(lru: number): number {
  if ((lru & 1) === 0) return (lru & 2) === 0 ? 0 : 1;
  return (lru & 4) === 0 ? 2 : 3;
}
