/**
 * What one flipped bit of a page-directory or page-table entry does to an access, once the entry is walked again. While a
 * TLB holds what the entry said before, no flip does anything (Intel SDM vol. 3, 4.10.2: an access may use a cached
 * translation whatever the paging structures have become).
 *
 * 32-bit paging of a Pentium: CR4.PSE exists, PGE and PAT and PSE-36 do not. Sections are those of the Intel SDM vol. 3A:
 * 4.3 (entries, reserved bits), 4.6 (rights), 4.7 (error codes), 4.8 (accessed and dirty flags); the older editions' section
 * 3.6.4 has the Pentium's own bits.
 */

/** An access that goes through: which memory it reaches. */
export type Reached =
  /** The frame that the entry named before. */
  | "same"
  /** The frame whose number has that bit flipped; beyond RAM if it is there. */
  | "other frame"
  /** Whatever the page table says whose address has that bit flipped. */
  | "other table"
  /** The page of the 4 MiB page that begins at what was the table's address. */
  | "4 MiB page at the table"
  /** Whatever the first page of the 4 MiB frame says, read as a page table. */
  | "frame read as a table";

/** Error code of the page fault (4.7): 1 protection, 2 write, 4 user, 8 reserved bit. */
export type Faulted = { readonly fault: number };

/** By access and level. Fetches are reads: a Pentium has no execute permission. */
export interface Effect {
  readonly userRead: Reached | Faulted;
  readonly userWrite: Reached | Faulted;
  readonly supervisorRead: Reached | Faulted;
  /** With CR0.WP = 0 and 1. */
  readonly supervisorWrite: readonly [Reached | Faulted, Reached | Faulted];
}

function everywhere(reached: Reached): Effect {
  return { userRead: reached, userWrite: reached, supervisorRead: reached, supervisorWrite: [reached, reached] };
}

/** 4.3: a clear P flag ends the walk, whatever else the entry says. */
export const NOT_PRESENT: Effect = {
  userRead: { fault: 4 },
  userWrite: { fault: 6 },
  supervisorRead: { fault: 0 },
  supervisorWrite: [{ fault: 2 }, { fault: 2 }],
};

/** 4.6.1: R/W = 0 in any entry of the walk. */
export const READ_ONLY: Effect = {
  userRead: "same",
  userWrite: { fault: 7 },
  supervisorRead: "same",
  supervisorWrite: ["same", { fault: 3 }],
};

/** 4.6.1: U/S = 0 in any entry of the walk. */
export const SUPERVISOR: Effect = {
  userRead: { fault: 5 },
  userWrite: { fault: 7 },
  supervisorRead: "same",
  supervisorWrite: ["same", "same"],
};

/** U/S = 0 and R/W = 0. */
export const SUPERVISOR_READ_ONLY: Effect = {
  ...SUPERVISOR,
  supervisorWrite: ["same", { fault: 3 }],
};

/** 4.3: with CR4.PSE = 1 some bits are reserved; the fault says so whatever the access is. */
export const RESERVED: Effect = {
  userRead: { fault: 13 },
  userWrite: { fault: 15 },
  supervisorRead: { fault: 9 },
  supervisorWrite: [{ fault: 11 }, { fault: 11 }],
};

/** The bit does not matter to this access, and the entry keeps it as it is. */
export const NOTHING: Effect = everywhere("same");

/** How an entry begins: all rights, or only present. */
export type Beginning = "all rights" | "no rights";

export interface Row {
  readonly bits: readonly [first: number, last: number];
  readonly name: string;
  readonly section: string;
  /** From an entry that gives all rights, accessed (and dirty if it was written through). */
  readonly flipped: Effect;
  /** From one that is present, supervisor's and read-only. */
  readonly flippedWithoutRights: Effect;
}

function row(first: number, last: number, name: string, section: string, flipped: Effect, without?: Effect): Row {
  const ignored = flipped === NOTHING ? SUPERVISOR_READ_ONLY : flipped;
  return { bits: [first, last], name, section, flipped, flippedWithoutRights: without ?? ignored };
}

/** Another frame or table: the entry's rights stay what they were. */
function elsewhere(reached: Reached): readonly [Effect, Effect] {
  const denied: Effect = {
    userRead: { fault: 5 },
    userWrite: { fault: 7 },
    supervisorRead: reached,
    supervisorWrite: [reached, { fault: 3 }],
  };
  return [everywhere(reached), denied];
}

/** Bits 0 to 6 are the same in all three entries, but for D, which a directory entry that names a table has not. */
const RIGHTS: readonly Row[] = [
  row(0, 0, "P", "4.3", NOT_PRESENT),
  row(1, 1, "R/W", "4.6.1", READ_ONLY, SUPERVISOR),
  row(2, 2, "U/S", "4.6.1", SUPERVISOR, READ_ONLY),
  row(3, 3, "PWT", "4.9", NOTHING),
  row(4, 4, "PCD", "4.9", NOTHING),
  row(5, 5, "A", "4.8", NOTHING),
];
const DIRTY = row(6, 6, "D", "4.8", NOTHING);
/** Global pages came with the Pentium Pro: 4.10.2.4, "if CR4.PGE = 0, ignored". */
const GLOBAL = row(8, 8, "G", "4.3", NOTHING);
const AVAILABLE = row(9, 11, "available to software", "4.3", NOTHING);

export const PAGE_TABLE_ENTRY: readonly Row[] = [
  ...RIGHTS,
  DIRTY,
  row(7, 7, "bit 7 without CR4.PSE", "4.3", NOTHING),
  GLOBAL,
  AVAILABLE,
  row(12, 31, "frame", "4.3", ...elsewhere("other frame")),
];

export const PAGE_TABLE_ENTRY_PSE: readonly Row[] = PAGE_TABLE_ENTRY.map((known) =>
  // "If the PAT is not supported: if the P flag of a PTE is 1, bit 7 is reserved."
  known.bits[0] === 7 ? row(7, 7, "bit 7 with CR4.PSE", "4.3", RESERVED) : known,
);

export const DIRECTORY_ENTRY: readonly Row[] = [
  ...RIGHTS,
  row(6, 6, "bit 6", "4.3", NOTHING),
  row(7, 7, "PS without CR4.PSE", "4.3", NOTHING),
  GLOBAL,
  AVAILABLE,
  row(12, 31, "table", "4.3", ...elsewhere("other table")),
];

export const DIRECTORY_ENTRY_PSE: readonly Row[] = DIRECTORY_ENTRY.map((known) =>
  // The table's address has bits among 12 to 21, which a 4 MiB page must not have.
  known.bits[0] === 7 ? row(7, 7, "PS, table not 4 MiB-aligned", "4.3", RESERVED) : known,
);

export const DIRECTORY_ENTRY_OF_ALIGNED_TABLE: readonly Row[] = [
  row(7, 7, "PS, table 4 MiB-aligned", "4.3", ...elsewhere("4 MiB page at the table")),
];

export const LARGE_PAGE_ENTRY: readonly Row[] = [
  ...RIGHTS,
  DIRTY,
  row(7, 7, "PS", "4.3", ...elsewhere("frame read as a table")),
  GLOBAL,
  AVAILABLE,
  // 12 is PAT's, 13 to 21 PSE-36's: the Pentium has neither.
  row(12, 21, "reserved", "4.3", RESERVED),
  row(22, 31, "frame", "4.3", ...elsewhere("other frame")),
];
