/**
 * Every flip of the written table (page-table-faults-table.ts) as a system case: the page is accessed, so that a TLB holds
 * it; one bit of its entry is flipped; the translation is removed in one of three ways, or stays; the page is accessed again.
 * All of it is guest code, so that the emulator and QEMU play the same case.
 */
import { bytesOf } from "../case-builder.ts";
import { Random } from "../random.ts";
import { CODE, PAGE_BYTES } from "../stage.ts";
import type { Outcome, Patch, TestDriver } from "../test-driver.ts";
import {
  type Beginning,
  DIRECTORY_ENTRY,
  DIRECTORY_ENTRY_OF_ALIGNED_TABLE,
  DIRECTORY_ENTRY_PSE,
  type Effect,
  type Faulted,
  LARGE_PAGE_ENTRY,
  NOT_PRESENT,
  NOTHING,
  PAGE_TABLE_ENTRY,
  PAGE_TABLE_ENTRY_PSE,
  RESERVED,
  type Reached,
  type Row,
  SUPERVISOR_READ_ONLY,
} from "./page-table-faults-table.ts";
import {
  ALIGNED_TABLE,
  ALL_RIGHTS,
  CODE_OFFSET,
  type EntryKind,
  EVICTION_FRAME,
  EVICTION_LARGE_FRAME,
  FAR_FRAME,
  FRAME,
  isMappedByOtherTable,
  LARGE_FRAME,
  MARKS,
  MEMORY_BYTES,
  markedWord,
  markOfBit,
  nameOf,
  PAGE_INDEX,
  REGION,
  TABLE,
  TARGET_PAGE,
  WORD_OFFSET,
} from "./page-table-stage.ts";
import type { SystemCase } from "./system-case.ts";
import { CR0_WRITE_PROTECT, CR4_LARGE_PAGES, Draft, IDT } from "./system-draft.ts";
import { BASE, encodeGate, KERNEL_CODE, Offset, PageBit, WINDOW } from "./system-stage.ts";

export type Access = "read" | "write" | "fetch";
export type Level = "user" | "supervisor";
/** What happens between the flip and the access. */
export type Removal =
  /** Nothing: the TLB hits. */
  | "none"
  | "invlpg"
  | "cr3"
  /** Other pages take its place. */
  | "eviction";

/**
 * By the access itself; where the entry denies it, not at all, or by one that it lets through: a supervisor's read or fetch.
 */
export type Primed = "itself" | "not" | "weaker access";

export interface PageTableCase {
  readonly kind: EntryKind;
  readonly row: Row;
  readonly bit: number;
  readonly beginning: Beginning;
  readonly access: Access;
  readonly level: Level;
  readonly writeProtect: boolean;
  readonly removal: Removal;
  /** How the page gets into a TLB before the flip. */
  readonly primed: Primed;
  readonly test: SystemCase;
}

const ROWS: Readonly<Record<EntryKind, readonly Row[]>> = {
  "page-table entry": PAGE_TABLE_ENTRY,
  "page-table entry, PSE": PAGE_TABLE_ENTRY_PSE,
  "directory entry": DIRECTORY_ENTRY,
  "directory entry, PSE": DIRECTORY_ENTRY_PSE,
  "directory entry of an aligned table": DIRECTORY_ENTRY_OF_ALIGNED_TABLE,
  "4 MiB entry": LARGE_PAGE_ENTRY,
  "4 MiB entry, nothing in the frame": LARGE_PAGE_ENTRY.filter(({ name }) => name === "PS"),
};
export const ENTRY_KINDS = Object.keys(ROWS) as EntryKind[];
export const ACCESSES: readonly Access[] = ["read", "write", "fetch"];
export const LEVELS: readonly Level[] = ["user", "supervisor"];
export const REMOVALS: readonly Removal[] = ["none", "invlpg", "cr3", "eviction"];

const isLarge = (kind: EntryKind): boolean => kind.startsWith("4 MiB");
const isTableEntry = (kind: EntryKind): boolean => kind.startsWith("page-table");
const hasPse = (kind: EntryKind): boolean => kind !== "page-table entry" && kind !== "directory entry";

// ---- where things are ----

const ALIAS_TABLE = 0x0074_0000;
const ALIAS_DIRECTORY = 0x0074_1000;
/** Same set of the data and the code TLB as the target page, in another region. */
const EVICTION_PAGES = [0x0070_5000, 0x0071_5000, 0x0072_5000, 0x0073_5000];
/** Regions of the same set of the large-page TLB as the target's. */
const EVICTION_REGIONS = [5, 7, 9, 11];
const GATE = 0x41;
const LEVEL_0_CODE = CODE + 0xa00;

const CODE_ADDRESS = TARGET_PAGE + CODE_OFFSET;
const WORD_ADDRESS = TARGET_PAGE + WORD_OFFSET;
const FIRST_VALUE = 0x1111_1111;
const SECOND_VALUE = 0x5a5a_5a5a;

/** The flipped entry: linear name (for outcomes) and the linear address by which the guest flips it. */
function entryPlace(kind: EntryKind): { name: number; alias: number } {
  if (isTableEntry(kind)) return { name: nameOf(TABLE) + 4 * PAGE_INDEX, alias: ALIAS_TABLE + 4 * PAGE_INDEX };
  return { name: WINDOW + Offset.Directory + 4 * REGION, alias: ALIAS_DIRECTORY + 4 * REGION };
}

function entryBefore({ kind, beginning }: Pick<PageTableCase, "kind" | "beginning">): number {
  const rights = beginning === "all rights" ? ALL_RIGHTS : PageBit.Present;
  if (isTableEntry(kind)) return FRAME | rights;
  if (isLarge(kind)) return LARGE_FRAME | rights | PageBit.Large;
  return (kind === "directory entry of an aligned table" ? ALIGNED_TABLE : TABLE) | rights;
}

// ---- the cases ----

export function* pageTableCases(kind: EntryKind): Generator<PageTableCase> {
  for (const row of ROWS[kind])
    for (let bit = row.bits[0]; bit <= row.bits[1]; bit++)
      for (const beginning of ["all rights", "no rights"] as const)
        for (const access of ACCESSES)
          for (const level of LEVELS)
            for (const writeProtect of [false, true])
              for (const removal of REMOVALS) {
                const itself = beginning === "all rights" || mayTouch(access, level, writeProtect);
                const primed: Primed = itself ? "itself" : removal === "none" ? "weaker access" : "not";
                const about = { kind, row, bit, beginning, access, level, writeProtect, removal, primed };
                yield { ...about, test: testOf(about) };
              }
}

/** Whether a supervisor's read-only page lets an access through. */
function mayTouch(access: Access, level: Level, writeProtect: boolean): boolean {
  return level === "supervisor" && (access !== "write" || !writeProtect);
}

function testOf(about: Omit<PageTableCase, "test">): SystemCase {
  const { kind, access, level, writeProtect, removal, primed, bit } = about;
  const draft = new Draft(new Random(1));
  if (level === "supervisor") draft.supervisor();
  draft.eflags = 0x2;
  if (!writeProtect) draft.cr0 &= ~CR0_WRITE_PROTECT;
  if (hasPse(kind)) draft.cr4 = CR4_LARGE_PAGES;
  patchTables(draft, about);
  const code: number[] = [];
  const here = (): number => draft.eip + code.length;
  if (primed === "itself") code.push(...accessCode(access, FIRST_VALUE, here()));
  else if (primed === "weaker access") {
    const weaker = access === "fetch" ? "fetch" : "read";
    if (level === "supervisor") code.push(...accessCode(weaker, 0, here()));
    else code.push(...atLevel0(draft, accessCode(weaker, 0, LEVEL_0_CODE)));
  }
  // xor dword [alias], 1 << bit
  code.push(0x81, 0x35, ...bytesOf(entryPlace(kind).alias, 4), ...bytesOf(2 ** bit, 4));
  if (removal === "eviction") code.push(...evictionCode(kind, access, here()));
  else if (removal !== "none") {
    const steps = removal === "invlpg" ? INVLPG : LOAD_CR3;
    code.push(...(level === "supervisor" ? steps : atLevel0(draft, steps)));
  }
  // mov eax, 0
  code.push(0xb8, 0, 0, 0, 0, ...accessCode(access, SECOND_VALUE, here() + 5));
  draft.code = code;
  return draft.finish().test;
}

/** INT to a gate behind which `steps` and an IRET are. One for a case. */
function atLevel0(draft: Draft, steps: readonly number[]): number[] {
  draft.patch(LEVEL_0_CODE, [...steps, 0xcf]);
  draft.patch(IDT + 8 * GATE, encodeGate(KERNEL_CODE, LEVEL_0_CODE, 0xee));
  return [0xcd, GATE];
}

const INVLPG = [0x0f, 0x01, 0x3d, ...bytesOf(CODE_ADDRESS, 4)];
const LOAD_CR3 = [0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8];

function callTo(target: number, at: number): number[] {
  return [0xe8, ...bytesOf(target - (at + 5), 4)];
}

function accessCode(access: Access, value: number, at: number): number[] {
  if (access === "read") return [0xa1, ...bytesOf(CODE_ADDRESS, 4)];
  if (access === "write") return [0xc7, 0x05, ...bytesOf(WORD_ADDRESS, 4), ...bytesOf(value, 4)];
  return callTo(CODE_ADDRESS, at);
}

/** Four other pages of the same set: the target's entry is the least recently used of its set by then. */
function evictionCode(kind: EntryKind, access: Access, at: number): number[] {
  if (access === "fetch") return EVICTION_PAGES.flatMap((page, i) => callTo(page + CODE_OFFSET, at + 5 * i));
  const pages = isLarge(kind) ? EVICTION_REGIONS.map((region) => region << 22) : EVICTION_PAGES;
  return pages.flatMap((page) => [0xa1, ...bytesOf(page + CODE_OFFSET, 4)]);
}

function patchTables(draft: Draft, about: Omit<PageTableCase, "test">): void {
  const { kind } = about;
  const directory = WINDOW + Offset.Directory;
  const whole = ALL_RIGHTS | PageBit.Accessed | PageBit.Dirty;
  const entry = entryBefore(about);
  draft.patch32(directory + 4 * REGION, isTableEntry(kind) ? TABLE | ALL_RIGHTS : entry);
  if (isTableEntry(kind)) draft.patch32(nameOf(TABLE) + 4 * PAGE_INDEX, entry);
  for (const region of EVICTION_REGIONS)
    draft.patch32(directory + 4 * region, EVICTION_LARGE_FRAME | whole | PageBit.Large);
  const map = (linear: number, physical: number): void => {
    draft.patch32(WINDOW + Offset.HighTable + 4 * ((linear >>> 12) & 0x3ff), physical | whole);
  };
  map(ALIAS_TABLE, TABLE);
  map(ALIAS_DIRECTORY, BASE + Offset.Directory);
  for (const page of EVICTION_PAGES) map(page, EVICTION_FRAME);
}

// ---- what the table says ----

/** An access's end: a fault, the frame that it reached, or memory that is not there. */
export type End =
  | { readonly kind: "fault"; readonly code: number }
  | { readonly kind: "page"; readonly page: number; readonly mark: number }
  | { readonly kind: "beyond RAM" };

export interface Expected {
  readonly end: End;
  /** The flipped entry after the access. */
  readonly entry: number;
}

function expectedOf(one: PageTableCase): Expected {
  const { removal, row, bit, beginning, access, primed, kind } = one;
  const holdsDirty = isTableEntry(kind) || isLarge(kind);
  const marks = PageBit.Accessed | (access === "write" && holdsDirty ? PageBit.Dirty : 0);
  const before = entryBefore(one);
  const primedMarks = { itself: marks, "weaker access": PageBit.Accessed, not: 0 }[primed];
  const flipped = flip(before | primedMarks, bit);
  // 4.10.2: the TLB still has the translation, and the entry is not looked at.
  if (removal === "none") return { end: endOf(one, cellOf(primedEffect(one), one)), entry: flipped };
  const effect = beginning === "all rights" ? row.flipped : row.flippedWithoutRights;
  const end = endOf(one, cellOf(walkedEffect(one, effect), one));
  // 4.8: A when an entry is used for a translation, D when the page is written, neither by an access that faults.
  const walked = end.kind === "fault" ? usedByFault(one) : marksOf(one, marks);
  return { end, entry: (flipped | walked) >>> 0 };
}

/** What the entry let through before the flip. */
function primedEffect({ beginning }: PageTableCase): Effect {
  return beginning === "all rights" ? NOTHING : SUPERVISOR_READ_ONLY;
}

/** Where the table's word is "whatever memory says": what it says in these cases. */
function walkedEffect({ kind, bit, row }: PageTableCase, effect: Effect): Effect {
  if (row.name === "table") {
    // All ones is a present entry that has bit 7.
    if (flip(TABLE, bit) >= MEMORY_BYTES) return hasPse(kind) ? RESERVED : effect;
    return isMappedByOtherTable(bit) ? effect : NOT_PRESENT;
  }
  if (kind === "4 MiB entry, nothing in the frame") return NOT_PRESENT;
  return effect;
}

function cellOf(effect: Effect, { access, level, writeProtect }: PageTableCase): Reached | Faulted {
  if (level === "user") return access === "write" ? effect.userWrite : effect.userRead;
  return access === "write" ? effect.supervisorWrite[writeProtect ? 1 : 0] : effect.supervisorRead;
}

function endOf({ kind, bit }: PageTableCase, cell: Reached | Faulted): End {
  if (typeof cell !== "string") return { kind: "fault", code: cell.fault };
  const target = targetPage(kind);
  switch (cell) {
    case "same":
      return { kind: "page", page: target, mark: isLarge(kind) ? MARKS.largeFrame : MARKS.frame };
    case "other frame": {
      const page = flip(target, bit);
      return page < MEMORY_BYTES ? { kind: "page", page, mark: markOfBit(bit) } : { kind: "beyond RAM" };
    }
    case "4 MiB page at the table":
      return { kind: "page", page: ALIGNED_TABLE + PAGE_INDEX * PAGE_BYTES, mark: MARKS.alignedTable };
    case "other table":
      // Memory that is not there reads as all ones: an entry that leads beyond RAM again.
      if (flip(TABLE, bit) >= MEMORY_BYTES) return { kind: "beyond RAM" };
      return { kind: "page", page: FAR_FRAME, mark: MARKS.far };
    default:
      return { kind: "page", page: FAR_FRAME, mark: MARKS.far };
  }
}

function targetPage(kind: EntryKind): number {
  return isLarge(kind) ? LARGE_FRAME + PAGE_INDEX * PAGE_BYTES : FRAME;
}

function flip(word: number, bit: number): number {
  return (word ^ (1 << bit)) >>> 0;
}

/** A directory entry that a flip turned into that of a 4 MiB page has a D flag, one turned back has none. */
function marksOf({ row, access, kind }: PageTableCase, marks: number): number {
  if (row.name === "PS, table 4 MiB-aligned" && access === "write") return marks | PageBit.Dirty;
  return row.name === "PS" && isLarge(kind) ? PageBit.Accessed : marks;
}

/** A directory entry that leads to a table is used, and so accessed, even if the walk faults at the table's entry. */
function usedByFault({ kind, row }: PageTableCase): number {
  const becomesLarge = row.name.startsWith("PS, table");
  const leadsToTable = isLarge(kind) ? row.name === "PS" : !isTableEntry(kind) && row.name !== "P" && !becomesLarge;
  return leadsToTable ? PageBit.Accessed : 0;
}

// ---- what a judge saw ----

/** What differs between an outcome and the table, in words; empty when they agree. */
function disagreements(one: PageTableCase, outcome: Outcome | undefined, expected: Expected): string[] {
  if (outcome === undefined) return ["came to no end"];
  const found: string[] = [];
  const note = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted !== got) found.push(`${what}: ${wanted} in the table, ${got} here`);
  };
  const { end, entry } = expected;
  const { access } = one;
  const { fault } = outcome;
  const place = entryPlace(one.kind);
  note("entry", hex(entry), hex(wordAfter(one, outcome, place.name, entryBefore(one))));
  const written = (page: number): string => hex(wordAfter(one, outcome, nameOf(page) + WORD_OFFSET, 0));
  if (end.kind === "fault") {
    note("vector", 14, fault?.vector);
    note("error code", end.code, fault?.errorCode);
    note("CR2", hex(access === "write" ? WORD_ADDRESS : CODE_ADDRESS), hex(fault?.linearAddress ?? 0));
  } else {
    // Beyond RAM are ones: the instruction FF FF does not exist.
    note("vector", end.kind === "beyond RAM" && access === "fetch" ? 6 : undefined, fault?.vector);
    const eax = hex(outcome.registers[0] ?? 0);
    if (access === "read") note("word read", hex(end.kind === "page" ? markedWord(end.mark) : 0xffff_ffff), eax);
    if (access === "fetch" && end.kind === "page") note("code fetched", hex(end.mark), eax);
    if (access === "write" && end.kind === "page") note("word written", hex(SECOND_VALUE), written(end.page));
  }
  const target = targetPage(one.kind);
  if (access === "write" && !(end.kind === "page" && end.page === target))
    note("word of the old frame", hex(one.primed === "itself" ? FIRST_VALUE : 0), written(target));
  return found;
}

function wordAfter({ test }: PageTableCase, { changes }: Outcome, address: number, otherwise: number): number {
  let word = otherwise;
  const apply = (patches: readonly Patch[]): void => {
    for (const patch of patches)
      for (let i = 0; i < 4; i++) {
        const byte = patch.bytes[address + i - patch.address];
        if (byte !== undefined) word = (word & ~(0xff << (8 * i))) | (byte << (8 * i));
      }
  };
  apply(test.patches);
  apply(changes);
  return word >>> 0;
}

/** The cases in which a judge and the table differ, in words. `seen` turns what the table says into what the judge can see. */
export function pageTableFailures(
  driver: TestDriver,
  cases: readonly PageTableCase[],
  seen: (expected: Expected) => Expected = (expected) => expected,
): string[] {
  const outcomes = driver.run(cases.map(({ test }) => test));
  return cases.flatMap((one, i) => {
    const found = disagreements(one, outcomes[i], seen(expectedOf(one)));
    return found.length === 0 ? [] : [`${describeCase(one)}\n  ${found.join("\n  ")}`];
  });
}

/**
 * Whether QEMU 7.2 with `-cpu pentium` can judge a case. It has PAT and PSE-36 whatever the processor; memory that is not
 * there reads as zeros; and its TLB is its own: what evicts an entry of a Pentium's evicts none of it, each level has one to
 * itself, and an entry that denies an access is looked up again.
 */
export function qemuKnows({ kind, row, bit, removal, primed }: PageTableCase): boolean {
  if (removal === "eviction" || primed === "weaker access" || row.name === "bit 7 with CR4.PSE") return false;
  if (row.name === "reserved" && bit < 21) return false;
  const address = row.name === "frame" || row.name === "table";
  return !(address && flip(row.name === "table" ? TABLE : targetPage(kind), bit) >= MEMORY_BYTES);
}

/** QEMU leaves out the P flag of a reserved bit's error code, which the manual says is set (4.7). */
export function qemuSees(expected: Expected): Expected {
  const { end } = expected;
  return end.kind === "fault" && (end.code & 8) !== 0
    ? { ...expected, end: { ...end, code: end.code & ~1 } }
    : expected;
}

function describeCase(one: PageTableCase): string {
  const { kind, bit, row, beginning, access, level, writeProtect, removal } = one;
  return `${kind} bit ${bit} (${row.name}), ${beginning}, ${level} ${access}, CR0.WP=${writeProtect ? 1 : 0}, removal ${removal}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}
