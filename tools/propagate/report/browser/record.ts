/** The page's data with everything at hand that is asked for again and again: what came of what, what happened to a word. */
import type { ColumnName, PageData } from "../page-data.ts";

type Column = Float64Array;

/** Rows of one table that belong to a row of another: `rows` from `starts[i]` to `starts[i + 1]`. */
export interface Grouping {
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
}

export interface PageOfMemory {
  readonly space: number;
  /** Of the page, in its space. */
  readonly address: number;
  readonly physical: number;
  readonly area: string;
  /** Wrong words at some time. */
  readonly places: number[];
  /** When the first was wrong. */
  first: number;
  /** What lies in it: from which word on. */
  readonly contents: { readonly word: number; readonly symbol: string }[];
}

export interface SpaceOfMemory {
  readonly name: string;
  readonly kind: "virtual" | "kernel" | "free";
  readonly pages: Map<number, PageOfMemory>;
  /** Registers of its threads that were wrong at some time. */
  readonly registers: number[];
  first: number;
  /** Wrong words of memory. */
  words: number;
}

export class PropagationRecord {
  readonly data: PageData;
  readonly columns: Readonly<Record<ColumnName, Column>>;
  /** Wrong writes. */
  readonly count: number;
  readonly placeCount: number;
  readonly sources: Grouping;
  readonly effects: Grouping;
  /** Wrong writes of a place. */
  readonly writes: Grouping;
  /** Spans of a place. */
  readonly spans: Grouping;
  /** When each place was first wrong. */
  readonly first: Float64Array;
  /** The different values of `first`, ascending. */
  readonly order: Float64Array;
  readonly spaces: readonly SpaceOfMemory[];

  constructor(data: PageData, columns: Readonly<Record<ColumnName, Column>>) {
    this.data = data;
    this.columns = columns;
    this.count = columns.id.length;
    this.placeCount = columns.placeOwner.length;
    this.sources = sourcesOf(columns);
    this.effects = reversed(this.sources, this.count);
    this.writes = grouped(columns.place, this.placeCount);
    this.spans = grouped(columns.spanPlace, this.placeCount);
    this.first = new Float64Array(this.placeCount);
    for (let place = 0; place < this.placeCount; place++) {
      this.first[place] = columns.spanAt[this.spans.rows[this.spans.starts[place]!]!]!;
    }
    this.order = this.first
      .slice()
      .sort()
      .filter((value, i, sorted) => value !== sorted[i - 1]);
    this.spaces = spacesOf(this);
  }

  /** Address of a word in its space: virtual, or physical where it has no other. */
  address(place: number): number {
    const virtual = this.columns.placeVirtual[place]!;
    return virtual >= 0 ? virtual : this.columns.placePhysical[place]!;
  }

  isRegister(place: number): boolean {
    return this.columns.placeRegister[place]! >= 0;
  }

  symbol(place: number): string {
    const symbol = this.columns.placeSymbol[place]!;
    const distance = this.columns.placeDistance[place]!;
    if (symbol < 0) return `0x${this.address(place).toString(16)}`;
    return distance < 0 ? this.data.symbols[symbol]! : `${this.data.symbols[symbol]}+${distance}`;
  }

  owner(place: number): string {
    return this.data.owners[this.columns.placeOwner[place]!]!.name;
  }

  /** `voter data answers+344`. */
  name(place: number): string {
    return `${this.owner(place)} ${this.symbol(place)}`;
  }

  faulty(corruption: number): number {
    return (this.columns.golden[corruption]! ^ this.columns.wrongBits[corruption]!) >>> 0;
  }

  /** How a place stands. @param at clocks since the injection. */
  state(place: number, at: number): "right" | "wrong" | "healed" {
    const { starts, rows } = this.spans;
    let state: "right" | "wrong" | "healed" = "right";
    for (let i = starts[place]!; i < starts[place + 1]!; i++) {
      const span = rows[i]!;
      const began = this.columns.spanAt[span]!;
      if (began > at) break;
      const lasted = this.columns.spanLasted[span]!;
      state = lasted < 0 || began + lasted > at ? "wrong" : "healed";
    }
    return state;
  }

  /** The shortest chain of causes from the fault to a wrong write, both in it. */
  pathTo(goal: number): number[] {
    const towards = new Int32Array(this.count).fill(-1);
    const queue = [goal];
    towards[goal] = goal;
    for (const at of queue) {
      if (this.data.writers[this.columns.writer[at]!]!.kind === "fault") {
        const path = [at];
        for (let next = at; next !== goal; path.push(next)) next = towards[next]!;
        return path;
      }
      for (const source of members(this.sources, at)) {
        if (towards[source] !== -1) continue;
        towards[source] = at;
        queue.push(source);
      }
    }
    return [goal];
  }
}

export function members({ starts, rows }: Grouping, of: number): Uint32Array {
  return rows.subarray(starts[of], starts[of + 1]);
}

function sourcesOf({ sourceCount, sourceBack }: Readonly<Record<ColumnName, Column>>): Grouping {
  const starts = new Uint32Array(sourceCount.length + 1);
  const rows = new Uint32Array(sourceBack.length);
  let at = 0;
  for (let i = 0; i < sourceCount.length; i++) {
    for (let n = 0; n < sourceCount[i]!; n++, at++) rows[at] = i - sourceBack[at]!;
    starts[i + 1] = at;
  }
  return { starts, rows };
}

/** Of causes, the effects. */
function reversed({ starts, rows }: Grouping, count: number): Grouping {
  const effectOf = new Float64Array(rows.length);
  for (let i = 0; i < count; i++) effectOf.fill(i, starts[i], starts[i + 1]);
  const grouping = grouped(rows, count);
  return { starts: grouping.starts, rows: grouping.rows.map((row) => effectOf[row]!) };
}

/** Rows by the group that each belongs to, in order. */
function grouped(groups: ArrayLike<number>, count: number): Grouping {
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < groups.length; i++) starts[groups[i]! + 1]!++;
  for (let i = 0; i < count; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const rows = new Uint32Array(groups.length);
  for (let i = 0; i < groups.length; i++) rows[next[groups[i]!]!++] = i;
  return { starts, rows };
}

const PAGE = 4096;

function spacesOf(record: PropagationRecord): SpaceOfMemory[] {
  const { data, columns } = record;
  const spaces = data.spaces.map(
    ({ name, kind }): SpaceOfMemory => ({
      ...{ name, kind },
      ...{ pages: new Map(), registers: [], first: Number.POSITIVE_INFINITY, words: 0 },
    }),
  );
  const addPage = (space: number, address: number, physical: number, area: string): PageOfMemory => {
    const page = { space, address, physical, area, places: [], first: Number.POSITIVE_INFINITY, contents: [] };
    spaces[space]!.pages.set(address, page);
    return page;
  };
  const pages = Array.from(columns.pageSpace, (space, i) => {
    const area = data.areas[columns.pageArea[i]!]!;
    return addPage(space, columns.pageAddress[i]!, columns.pagePhysical[i]!, area);
  });
  columns.runPage.forEach((page, i) => {
    pages[page]!.contents.push({ word: columns.runWord[i]!, symbol: data.symbols[columns.runSymbol[i]!]! });
  });
  for (let place = 0; place < record.placeCount; place++) {
    const number = columns.placeSpace[place]!;
    const space = spaces[number]!;
    const first = record.first[place]!;
    space.first = Math.min(space.first, first);
    if (record.isRegister(place)) {
      space.registers.push(place);
      continue;
    }
    const address = record.address(place);
    const base = address - (address % PAGE);
    const physical = columns.placePhysical[place]!;
    // A page that has been given to somebody else since.
    const page = space.pages.get(base) ?? addPage(number, base, physical - (physical % PAGE), "");
    page.places.push(place);
    page.first = Math.min(page.first, first);
    space.words++;
  }
  return spaces;
}
