/** The tables of a record. One description of each makes its JSON Lines and its Parquet file, so that both hold the same. */
import type { ParquetColumn, ParquetType, ParquetValue } from "../parquet/parquet.ts";
import type { Describer } from "./describe.ts";
import type { PlaceName } from "./owner-names.ts";
import type { Propagation } from "./propagation.ts";
import { type CorruptionRow, changesOf, corruptionRow } from "./record.ts";

export interface Table {
  /** Of the files, without the ending. */
  readonly name: string;
  readonly columns: readonly ParquetColumn[];
  /** Made one after another: a long record is never whole in memory. */
  rows(): Iterable<TableRow>;
}

export interface TableRow {
  /** A line of JSON Lines. */
  readonly json: object;
  /** The same in the order of the columns: addresses and words as numbers, the writer in columns of its own. */
  readonly values: readonly ParquetValue[];
}

/** How a column comes from the object of its row. */
type Columns<Row> = readonly (readonly [name: string, type: ParquetType, value: (row: Row) => ParquetValue])[];

function table<Row extends object>(name: string, columns: Columns<Row>, rows: () => Iterable<Row>): Table {
  return {
    name,
    columns: columns.map(([column, type]) => ({ name: column, type })),
    *rows() {
      for (const row of rows()) yield { json: row, values: columns.map(([, , value]) => value(row)) };
    },
  };
}

/** A 32-bit word or address as JSON Lines have it. */
function number(hex: string | null): number | null {
  return hex === null ? null : Number.parseInt(hex, 16);
}

type Named = Pick<CorruptionRow, "place" | "owner" | "component" | "space" | "virtual" | "physical" | "symbol">;

const PLACE: Columns<Named> = [
  ["place", "text", ({ place }) => place],
  ["owner", "text", ({ owner }) => owner],
  ["component", "text", ({ component }) => component],
  ["space", "uint32", ({ space }) => space],
  ["virtual", "uint32", ({ virtual }) => number(virtual)],
  ["physical", "uint32", ({ physical }) => number(physical)],
  ["symbol", "text", ({ symbol }) => symbol],
];

function writerColumns<Row>(prefix: string, writer: (row: Row) => CorruptionRow["writer"]): Columns<Row> {
  return (["kind", "by", "symbol", "instruction", "line"] as const).map((key) => [
    `${prefix}${key[0]!.toUpperCase()}${key.slice(1)}`,
    "text",
    (row: Row) => writer(row)[key],
  ]);
}

const CORRUPTIONS: Columns<CorruptionRow> = [
  ["id", "uint32", ({ id }) => id],
  ...PLACE,
  ["firstCycle", "uint64", ({ firstCycle }) => firstCycle],
  ["endCycle", "uint64", ({ endCycle }) => endCycle],
  ["healed", "boolean", ({ healed }) => healed],
  ["progress", "int64", ({ progress }) => progress],
  ["golden", "uint32", ({ golden }) => number(golden)],
  ["faulty", "uint32", ({ faulty }) => number(faulty)],
  ["root", "text", ({ root }) => root],
  ...writerColumns<CorruptionRow>("writer", ({ writer }) => writer),
  ["sources", "uint32[]", ({ sources }) => sources],
];

/** A place that was ever wrong: first and last clock, how often, and what wrote it first. */
interface WordRow extends Named {
  readonly firstWrongCycle: number;
  readonly lastWrongCycle: number | null;
  readonly healed: boolean;
  readonly corruptions: number;
  readonly byFault: boolean;
  readonly firstWriter: CorruptionRow["writer"];
  readonly firstCorruption: number;
}

const WORDS: Columns<WordRow> = [
  ...PLACE,
  ["firstWrongCycle", "uint64", ({ firstWrongCycle }) => firstWrongCycle],
  ["lastWrongCycle", "uint64", ({ lastWrongCycle }) => lastWrongCycle],
  ["healed", "boolean", ({ healed }) => healed],
  ["corruptions", "uint32", ({ corruptions }) => corruptions],
  ["byFault", "boolean", ({ byFault }) => byFault],
  ...writerColumns<WordRow>("firstWriter", ({ firstWriter }) => firstWriter),
  ["firstCorruption", "uint32", ({ firstCorruption }) => firstCorruption],
];

interface EdgeRow {
  readonly from: number;
  readonly to: number;
}

const EDGES: Columns<EdgeRow> = [
  ["from", "uint32", ({ from }) => from],
  ["to", "uint32", ({ to }) => to],
];

interface SeriesRow {
  readonly cycle: number;
  readonly owner: string;
  readonly words: number;
}

const SERIES: Columns<SeriesRow> = [
  ["cycle", "uint64", ({ cycle }) => cycle],
  ["owner", "text", ({ owner }) => owner],
  ["words", "uint32", ({ words }) => words],
];

export function tablesOf({ history, names }: Propagation, describer: Describer): Table[] {
  const corruption = (id: number): CorruptionRow => corruptionRow(history[id]!, names[id]!, describer);
  return [
    table("corruptions", CORRUPTIONS, function* () {
      for (let id = 0; id < history.length; id++) yield corruption(id);
    }),
    table("words", WORDS, () => wordRows(history, corruption)),
    table("edges", EDGES, function* () {
      for (const { id, sources } of history) for (const from of sources) yield { from, to: id };
    }),
    table("series", SERIES, () => seriesRows(history, names)),
  ];
}

function* wordRows(history: Propagation["history"], corruption: (id: number) => CorruptionRow): Iterable<WordRow> {
  const words = new Map<number, { first: number; last: number; corruptions: number; byFault: boolean }>();
  for (const { id, place, root } of history) {
    const known = words.get(place);
    const byFault = root === "fault";
    if (known === undefined) words.set(place, { first: id, last: id, corruptions: 1, byFault });
    else {
      known.last = id;
      known.corruptions++;
      known.byFault ||= byFault;
    }
  }
  for (const { first, last, corruptions, byFault } of words.values()) {
    const { place, owner, component, space, virtual, physical, symbol, firstCycle, writer } = corruption(first);
    yield {
      ...{ place, owner, component, space, virtual, physical, symbol },
      firstWrongCycle: firstCycle,
      lastWrongCycle: history[last]!.endCycle ?? null,
      healed: history[last]!.healed,
      corruptions,
      byFault,
      firstWriter: writer,
      firstCorruption: first,
    };
  }
}

function* seriesRows(history: Propagation["history"], names: readonly PlaceName[]): Iterable<SeriesRow> {
  const now = new Map<string, number>();
  for (const { cycle, id, change } of changesOf(history)) {
    const { owner } = names[id]!;
    const words = (now.get(owner) ?? 0) + change;
    now.set(owner, words);
    yield { cycle, owner, words };
  }
}
