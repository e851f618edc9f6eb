/** What `report.html` brings with it: written by data.ts, read by browser/record.ts. Times are clocks since the injection. */
import type { WriterText } from "../describe.ts";

export interface OwnerData {
  readonly name: string;
  /** Hue in degrees, -1 for grey; and its place among the shades of that hue. */
  readonly hue: number;
  readonly shade: number;
}

export interface SpaceData {
  readonly name: string;
  /** What its addresses are: virtual, or physical (the kernel's memory and memory of nobody). */
  readonly kind: "virtual" | "kernel" | "free";
}

export interface Moment {
  readonly name: string;
  readonly at: number;
}

export interface PageData {
  readonly hertz: number;
  /** Clock of the injection. */
  readonly start: number;
  /** Last clock worth showing: what stays as it is to the end needs no room. */
  readonly end: number;
  readonly owners: readonly OwnerData[];
  readonly spaces: readonly SpaceData[];
  readonly areas: readonly string[];
  readonly symbols: readonly string[];
  readonly writers: readonly WriterText[];
  readonly moments: readonly Moment[];
  /** Corruptions from the fault to the vote. */
  readonly path: readonly number[];
  /** What the path leads to. */
  readonly goal: string;
  /** Wrong writes by the fault, and how many of them, from the first on, the page holds. */
  readonly total: number;
  readonly held: number;
}

/** Columns by table. Absent: -1. */
export const COLUMN_NAMES = [
  // Corruptions, in order: place, times, the golden word and the bits that are wrong in it, writer, sources. `id` is that of the files.
  "id",
  "place",
  "at",
  "lasted",
  "healed",
  "golden",
  "wrongBits",
  "writer",
  "sourceCount",
  // Sources, those of each corruption after those of the one before it: how many corruptions back.
  "sourceBack",
  // Places: words of memory and registers. A symbol and a distance; symbol -1 is the address itself, distance -1 none.
  "placeOwner",
  "placeSpace",
  "placeVirtual",
  "placePhysical",
  "placeRegister",
  "placeSymbol",
  "placeDistance",
  // Spans in which a place was wrong, place by place.
  "spanPlace",
  "spanAt",
  "spanLasted",
  // Pages of RAM, by the address in their space.
  "pageSpace",
  "pageAddress",
  "pagePhysical",
  "pageArea",
  // What lies in the pages that have wrong words: from which word on which symbol.
  "runPage",
  "runWord",
  "runSymbol",
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];
