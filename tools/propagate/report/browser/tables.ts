/// <reference lib="dom" />
/** What the pictures show, as tables: words, and the instructions that wrote them wrong. */
import { byId, h } from "../../../report/browser/dom.ts";
import { filterTable } from "../../../report/browser/table.ts";
import { grouped, hexDigits } from "../../../report/format.ts";
import { members, type PropagationRecord } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { placeName, since, writerText } from "./texts.ts";

export function startTables(state: ReaderState): void {
  wordTable(state);
  writerTable(state);
}

function wordTable(state: ReaderState): void {
  const { record } = state;
  const { columns, data } = record;
  const writes = (place: number): Uint32Array => members(record.writes, place);
  const last = (place: number): number => writes(place).at(-1)!;
  const ended = (place: number): number => {
    const lasted = columns.lasted[last(place)]!;
    return lasted < 0 ? Number.POSITIVE_INFINITY : columns.at[last(place)]! + lasted;
  };
  const healed = (place: number): boolean => columns.healed[last(place)] === 1;
  const writer = (place: number) => data.writers[columns.writer[writes(place)[0]!]!]!;
  const places = Array.from({ length: record.placeCount }, (_, place) => place);
  places.sort((a, b) => record.first[a]! - record.first[b]!);
  const texts = new Map<number, string>();
  const text = (place: number): string => {
    const { by, symbol, instruction, line } = writer(place);
    return `${record.name(place)} ${hexDigits(record.address(place))} ${by} ${symbol} ${instruction} ${line}`.toLowerCase();
  };
  filterTable(byId("words"), {
    label: "wrong words",
    rows: places,
    search: (place) => {
      const known = texts.get(place) ?? text(place);
      texts.set(place, known);
      return known;
    },
    choices: [
      {
        label: "owner",
        options: [
          { name: "every owner", test: () => true },
          ...data.owners.map(({ name }, owner) => ({
            name,
            test: (place: number) => columns.placeOwner[place] === owner,
          })),
        ],
      },
      {
        label: "at the end",
        options: [
          { name: "wrong or healed", test: () => true },
          { name: "wrong at the end", test: (place) => !healed(place) },
          { name: "healed", test: healed },
        ],
      },
    ],
    columns: [
      { title: "word", text: true, cell: (place) => placeName(record, place), key: (place) => record.name(place) },
      {
        title: "address",
        text: true,
        cell: (place) => h("code", {}, record.isRegister(place) ? "" : hexDigits(record.address(place))),
        key: (place) => (record.isRegister(place) ? -1 : record.address(place)),
      },
      { title: "first wrong", cell: (place) => since(record.first[place]!), key: (place) => record.first[place]! },
      { title: "healed", cell: (place) => (healed(place) ? since(ended(place)) : "–"), key: ended },
      { title: "wrong values", cell: (place) => grouped(writes(place).length), key: (place) => writes(place).length },
      {
        title: "first written by",
        text: true,
        cell: (place) => writerText(record, writes(place)[0]!),
        key: (place) => writerKey(record, writes(place)[0]!),
      },
    ],
    open: (place) => {
      state.goToPlace(place);
      byId("map-section").scrollIntoView();
    },
  });
}

function writerKey({ data, columns }: PropagationRecord, corruption: number): string {
  const { by, symbol, instruction } = data.writers[columns.writer[corruption]!]!;
  return `${by} ${symbol} ${instruction}`;
}

function writerTable({ record }: ReaderState): void {
  const { data, columns } = record;
  const rows = data.writers.map(() => ({ writes: 0, places: new Set<number>(), one: 0 }));
  for (let corruption = 0; corruption < record.count; corruption++) {
    const row = rows[columns.writer[corruption]!]!;
    row.writes++;
    row.places.add(columns.place[corruption]!);
    row.one = corruption;
  }
  rows.sort((a, b) => b.places.size - a.places.size || b.writes - a.writes);
  filterTable(byId("writers"), {
    label: "writers of wrong words",
    rows,
    search: ({ one }) => Object.values(data.writers[columns.writer[one]!]!).join(" ").toLowerCase(),
    columns: [
      {
        title: "writer",
        text: true,
        cell: ({ one }) => writerText(record, one),
        key: ({ one }) => writerKey(record, one),
      },
      { title: "words", cell: ({ places }) => grouped(places.size), key: ({ places }) => places.size },
      { title: "wrong values", cell: ({ writes }) => grouped(writes), key: ({ writes }) => writes },
    ],
  });
}
