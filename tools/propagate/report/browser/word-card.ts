/// <reference lib="dom" />
/** Everything about one word or register: whose, where, each wrong value, what wrote it, and where it came from. */
import { byId, type Child, calm, h } from "../../../report/browser/dom.ts";
import { grouped, hex, plural } from "../../../report/format.ts";
import { members } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { bitStrip, change, moment, placeName, writerText } from "./texts.ts";

/** Wrong values that are shown at first, and more at a time. */
const SHOWN = 6;

export function wordCard(state: ReaderState, place: number): HTMLElement {
  const { record } = state;
  const { columns, data } = record;
  const writes = members(record.writes, place);
  const last = writes.at(-1)!;
  const lasted = columns.lasted[last]!;
  const physical = columns.placePhysical[place]!;
  const virtual = columns.placeVirtual[place]!;
  const facts: [string, Child][] = [
    ["whose", placeName(record, place)],
    ["space", record.spaces[columns.placeSpace[place]!]!.name],
    ["virtual", virtual >= 0 && h("code", {}, hex(virtual))],
    ["physical", physical >= 0 && h("code", {}, hex(physical))],
    ["first wrong", moment(data, record.first[place]!)],
    ["last wrong", lasted < 0 ? "to the end" : moment(data, columns.at[last]! + lasted)],
    ["healed", columns.healed[last] === 1 ? "yes" : "no"],
  ];
  const list = h("ol", { class: "values" });
  const more = h("button", { class: "button", type: "button" });
  let shown = 0;
  const showMore = (): void => {
    const until = Math.min(writes.length, shown + (shown === 0 ? SHOWN : 10 * SHOWN));
    for (; shown < until; shown++) list.append(value(state, writes[shown]!));
    more.hidden = shown === writes.length;
    more.textContent = `${grouped(writes.length - shown)} more`;
  };
  more.addEventListener("click", showMore);
  showMore();
  return h(
    "div",
    { class: "word" },
    h("h3", { class: "mono" }, record.symbol(place)),
    h("dl", {}, ...facts.filter(([, fact]) => fact).flatMap(([name, fact]) => [h("dt", {}, name), h("dd", {}, fact)])),
    h("h4", {}, plural(writes.length, "wrong value")),
    list,
    more,
  );
}

function value(state: ReaderState, corruption: number): HTMLElement {
  const { record } = state;
  const { columns, data } = record;
  const lasted = columns.lasted[corruption]!;
  const sources = members(record.sources, corruption);
  const effects = members(record.effects, corruption).length;
  const healed = columns.healed[corruption] === 1;
  const until =
    lasted < 0 ? "to the end" : `for ${grouped(lasted)} cycles, then ${healed ? "right again" : "another wrong value"}`;
  const onclick = () => {
    state.walk(corruption);
    byId("graph-section").scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
  };
  return h(
    "li",
    {},
    h("div", { class: "soft" }, `${moment(data, columns.at[corruption]!)}; ${until}`),
    h("div", {}, change(record, corruption)),
    bitStrip(columns.golden[corruption]!, columns.wrongBits[corruption]!),
    h("div", {}, writerText(record, corruption)),
    sources.length > 0 && h("div", { class: "soft sources" }, "from ", ...sourceLinks(state, sources)),
    h(
      "button",
      { class: "button", type: "button", onclick },
      `${plural(sources.length, "cause")}, ${plural(effects, "effect")} →`,
    ),
  );
}

function sourceLinks(state: ReaderState, sources: Uint32Array): Child[] {
  const { record } = state;
  const links = [...sources.subarray(0, SHOWN)].flatMap((source, i): Child[] => {
    const place = record.columns.place[source]!;
    const open = () => state.goToPlace(place);
    const link = h("button", { class: "link", type: "button", onclick: open }, record.name(place));
    return i === 0 ? [link] : [", ", link];
  });
  return sources.length > SHOWN ? [...links, ` and ${grouped(sources.length - SHOWN)} more`] : links;
}
