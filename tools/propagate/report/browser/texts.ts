/// <reference lib="dom" />
/** Moments, words and writers as people read them. */

import { bitClasses, bitLabel } from "../../../report/bits.ts";
import { type Child, h, swatch } from "../../../report/browser/dom.ts";
import { duration, grouped, hexDigits } from "../../../report/format.ts";
import type { PageData } from "../page-data.ts";
import { ownerColour } from "./colours.ts";
import type { PropagationRecord } from "./record.ts";

/** `+44,411`. */
export function since(at: number): string {
  return `+${grouped(at)}`;
}

/** `+44,411 cycles, 444 µs`. */
export function moment({ hertz }: PageData, at: number): string {
  return at === 0 ? "at the injection" : `${since(at)} cycles, ${duration(at, hertz)}`;
}

/** The wrong digits of the faulty word stand out. */
export function change(record: PropagationRecord, corruption: number): HTMLElement {
  const golden = hexDigits(record.columns.golden[corruption]!);
  const faulty = hexDigits(record.faulty(corruption));
  const digits = [...faulty].map((digit, i) => (digit === golden[i] ? digit : h("b", {}, digit)));
  return h("span", { class: "mono change" }, golden, " → ", ...digits);
}

export function bitStrip(golden: number, wrongBits: number): HTMLElement {
  const squares = bitClasses(golden, wrongBits).map((name) => h("i", { class: name }));
  const label = bitLabel(wrongBits);
  return h("span", { class: "bits", role: "img", "aria-label": label, title: label }, ...squares);
}

export function writerText(record: PropagationRecord, corruption: number): Child {
  const { kind, by, symbol, instruction, line } = record.data.writers[record.columns.writer[corruption]!]!;
  const what = instruction === "" ? undefined : h("code", {}, instruction);
  return h(
    "span",
    { class: "writer" },
    kind === "fault" ? "the injected fault" : by,
    symbol !== "" && h("span", {}, " at ", h("code", {}, symbol)),
    what !== undefined && ": ",
    what,
    line !== "" && h("span", { class: "soft" }, ` ${line}`),
  );
}

/** Square of the owner's colour, owner, symbol. */
export function placeName(record: PropagationRecord, place: number): HTMLElement {
  const owner = record.columns.placeOwner[place]!;
  return h(
    "span",
    { class: "place" },
    swatch(ownerColour(record.data, owner)),
    ` ${record.owner(place)} `,
    h("code", {}, record.symbol(place)),
  );
}
