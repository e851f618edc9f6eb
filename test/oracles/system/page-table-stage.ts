/**
 * Memory of the page-table cases: a linear page mapped in three ways, frames and tables at every address that one flipped
 * bit leads to, each with a mark of its own. Addresses are chosen so that no flip leads to what something else uses.
 */
import { PAGE_BYTES } from "../stage.ts";
import { PageBit, PHYSICAL_NAMES, type SystemPage } from "./system-stage.ts";

/** RAM that both judges have; bits 30 and 31 lead beyond it. */
export const MEMORY_BYTES = 0x4000_0000;

export type EntryKind =
  | "page-table entry"
  | "page-table entry, PSE"
  | "directory entry"
  | "directory entry, PSE"
  | "directory entry of an aligned table"
  | "4 MiB entry"
  | "4 MiB entry, nothing in the frame";

/** The page that is accessed: its place in its 4 MiB region, and the region's place in the directory. */
export const REGION = 3;
export const PAGE_INDEX = 5;
export const TARGET_PAGE = (REGION << 22) | (PAGE_INDEX << 12);
/** In the page: code that is also a word to read, and a word to write. */
export const CODE_OFFSET = 0x100;
export const WORD_OFFSET = 0x200;

export const FRAME = 0x1500_5000;
/** Not 4 MiB-aligned, by bit 21 alone: of the bits that a 4 MiB page must not have, the one that QEMU knows too. */
export const TABLE = 0x1620_0000;
export const ALIGNED_TABLE = 0x1640_0000;
export const LARGE_FRAME = 0x1a80_0000;
/** What the tables at other addresses map, where they map anything. */
export const FAR_FRAME = 0x2100_5000;
/** Frame of the pages that take the target's place in the TLBs. */
export const EVICTION_FRAME = 0x2200_5000;
export const EVICTION_LARGE_FRAME = 0x2400_0000;

export const MARKS = { frame: 0x11, far: 0x22, eviction: 0x33, alignedTable: 0x44, largeFrame: 0x55 };

/** The mark of the frame whose number has a bit flipped. */
export function markOfBit(bit: number): number {
  return 0x80 | bit;
}

/** A table at a flipped address maps the far frame if the bit is even, and nothing if it is odd. */
export function isMappedByOtherTable(bit: number): boolean {
  return bit % 2 === 0;
}

export const ALL_RIGHTS = PageBit.Present | PageBit.Writable | PageBit.User;

/** Linear name by which cases and outcomes call a physical address outside the stage. */
export function nameOf(physical: number): number {
  return PHYSICAL_NAMES + physical;
}

/** MOV AL, mark; RET; NOP. */
export function markedWord(mark: number): number {
  return (0x90c3_00b0 | (mark << 8)) >>> 0;
}

function page(physical: number, words: readonly (readonly [offset: number, value: number])[]): SystemPage {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of words) view.setUint32(offset, value, true);
  return { linear: nameOf(physical), physical, bytes };
}

function markedPage(physical: number, mark: number): SystemPage {
  return page(physical, [[CODE_OFFSET, markedWord(mark)]]);
}

function tablePage(physical: number, entry: number): SystemPage {
  return page(physical, [[4 * PAGE_INDEX, entry]]);
}

const TARGET_OFFSET = PAGE_INDEX * PAGE_BYTES;

function flips(address: number, first: number): readonly { bit: number; physical: number }[] {
  const all = Array.from({ length: 32 - first }, (_, index) => first + index);
  return all
    .map((bit) => ({ bit, physical: (address ^ (1 << bit)) >>> 0 }))
    .filter(({ physical }) => physical < MEMORY_BYTES);
}

/** The pages of one kind of entry. */
export function stagePages(kind: EntryKind): readonly SystemPage[] {
  const common = [markedPage(FAR_FRAME, MARKS.far), markedPage(EVICTION_FRAME, MARKS.eviction)];
  const frame = markedPage(FRAME, MARKS.frame);
  switch (kind) {
    case "page-table entry":
    case "page-table entry, PSE":
      return [
        ...common,
        frame,
        tablePage(TABLE, 0),
        ...flips(FRAME, 12).map(({ bit, physical }) => markedPage(physical, markOfBit(bit))),
      ];
    case "directory entry":
    case "directory entry, PSE":
      return [
        ...common,
        frame,
        tablePage(TABLE, FRAME | ALL_RIGHTS),
        ...flips(TABLE, 12).map(({ bit, physical }) =>
          tablePage(physical, isMappedByOtherTable(bit) ? FAR_FRAME | ALL_RIGHTS : 0),
        ),
      ];
    case "directory entry of an aligned table":
      return [
        ...common,
        frame,
        tablePage(ALIGNED_TABLE, FRAME | ALL_RIGHTS),
        markedPage(ALIGNED_TABLE + TARGET_OFFSET, MARKS.alignedTable),
      ];
    default: {
      const entry = kind === "4 MiB entry" ? FAR_FRAME | ALL_RIGHTS : 0;
      return [
        ...common,
        tablePage(LARGE_FRAME, entry),
        markedPage(LARGE_FRAME + TARGET_OFFSET, MARKS.largeFrame),
        ...flips(LARGE_FRAME, 22).map(({ bit, physical }) => markedPage(physical + TARGET_OFFSET, markOfBit(bit))),
      ];
    }
  }
}
