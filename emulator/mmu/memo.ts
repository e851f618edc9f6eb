/**
 * Translation memos, the fast path of memory accesses.
 *
 * For each of the 16 data-TLB sets there is one memo: the page most recently used in that set, with the addend that turns a
 * linear address into an offset of the linear memory. Touching the most recently used entry of a pseudo-LRU set again
 * changes nothing, so a memo hit may skip the lookup and still be exact. A memo is installed for reads when the access
 * was allowed, for writes only when moreover the TLB entry is dirty and the page's flags are exactly `Dirty`; it is dropped
 * when another entry of its set is touched, when its page's flags change, on every flush, and it is never installed while
 * memory is observed. Its tag holds the page, the mode (user or supervisor) and zeros where an aligned access of the width
 * has zeros, so one compare decides everything.
 *
 * Memos are derived data: not part of the machine's state.
 */

/** One memo: four words at Layout.Memos + 16 * set. */
export const enum Memo {
  /** Layout.Memos in words. */
  Words = 0x20000,
  ReadTag = 0,
  WriteTag = 1,
  /** Offset in linear memory minus linear address (mod 2^32). */
  Addend = 2,
  /** 0 for a 4 KiB page, else 1 + the set of the large-page TLB that holds it. */
  LargeSet = 3,
  Count = 16,
  /** A tag that no address matches. */
  None = -1,
  /** Mode bit in a tag. */
  User = 4,
  /** Words of the data memos; the code memos (tag, physical page) follow, one for each of the 8 sets. */
  Code = 64,
}
