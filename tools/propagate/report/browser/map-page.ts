/// <reference lib="dom" />
/** One page: its 1,024 words, the symbols or structures that lie in it, and the card of one word. */
import { h, hideTip, showTip, swatch } from "../../../report/browser/dom.ts";
import { grouped, hex, plural } from "../../../report/format.ts";
import { timeColour } from "./colours.ts";
import type { Level } from "./map.ts";
import { paintCell, ROW } from "./map-space.ts";
import type { PageOfMemory, SpaceOfMemory } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { change, moment, placeName } from "./texts.ts";

const WORDS = 1024;
const PAGE = 4096;

export function pageView(state: ReaderState, space: SpaceOfMemory, page: PageOfMemory): Level {
  const { record } = state;
  const placeOf = new Map(page.places.map((place) => [(record.address(place) % PAGE) >> 2, place]));
  const cells = Array.from({ length: WORDS }, (_, word) => {
    const place = placeOf.get(word);
    const shade = runAt(page, word) % 2 === 1 ? "odd" : undefined;
    if (place === undefined) return h("i", { class: shade });
    const label = `${record.name(place)}, ${hex(record.address(place))}`;
    const onclick = () => state.go({ space, page: page.address, place });
    return h("button", { class: shade, type: "button", "data-place": place, "aria-label": label, onclick });
  });
  const grid = h(
    "div",
    { class: "grid", role: "group", "aria-label": `words of the page ${hex(page.address)}` },
    ...cells,
  );
  grid.addEventListener("mousemove", (event) => {
    const word = cells.indexOf(event.target as HTMLElement);
    if (word < 0) return hideTip();
    showTip(event.clientX, event.clientY, ...wordTip(state, page, word, placeOf.get(word)));
  });
  grid.addEventListener("mouseleave", hideTip);
  grid.addEventListener("keydown", (event) => {
    const from = cells.indexOf(event.target as HTMLElement);
    const to = nextCell(
      [...placeOf.keys()].sort((a, b) => a - b),
      from,
      event.key,
    );
    if (to === undefined) return;
    event.preventDefault();
    cells[to]!.focus();
  });
  const addresses = Array.from({ length: WORDS / ROW / 4 }, (_, i) => h("span", {}, hex(page.address + i * ROW * 16)));
  const element = h(
    "div",
    { class: "page-view" },
    h(
      "div",
      { class: "page-grid" },
      h("div", { class: "addresses mono soft", "aria-hidden": "true" }, ...addresses),
      grid,
    ),
    h("aside", {}, h("div", { class: "card" }), contents(state, space, page)),
  );
  return {
    element,
    draw: () => {
      for (const [word, place] of placeOf) paintCell(cells[word]!, record, place, state.time);
    },
  };
}

function contentsOf(page: PageOfMemory): PageOfMemory["contents"] {
  return page.contents.length > 0 ? page.contents : [{ word: 0, symbol: page.area }];
}

/** Which of the contents a word belongs to. */
function runAt(page: PageOfMemory, word: number): number {
  const after = contentsOf(page).findIndex((run) => run.word > word);
  return (after < 0 ? contentsOf(page).length : after) - 1;
}

function wordTip({ record }: ReaderState, page: PageOfMemory, word: number, place: number | undefined): Node[] {
  const address = h("div", { class: "mono" }, hex(page.address + word * 4));
  if (place === undefined) {
    const { symbol } = contentsOf(page)[runAt(page, word)]!;
    return [address, h("div", {}, symbol === "" ? page.area : symbol, ": never wrong")];
  }
  const { rows, starts } = record.writes;
  const last = rows[starts[place + 1]! - 1]!;
  const swatchOf = swatch(timeColour(record, record.first[place]!));
  return [
    h("div", {}, h("b", {}, record.symbol(place))),
    address,
    h("div", {}, swatchOf, `wrong first ${moment(record.data, record.first[place]!)}`),
    h("div", {}, change(record, last)),
  ];
}

/** Arrow keys go from one wrong word to the next, or to the nearest in the rows above and below. */
function nextCell(words: readonly number[], from: number, key: string): number | undefined {
  switch (key) {
    case "ArrowRight":
      return words.find((word) => word > from);
    case "ArrowLeft":
      return words.filter((word) => word < from).at(-1);
    case "Home":
      return words[0];
    case "End":
      return words.at(-1);
    case "ArrowDown":
    case "ArrowUp": {
      const row = Math.floor(from / ROW);
      const beyond = words.filter((word) =>
        key === "ArrowDown" ? Math.floor(word / ROW) > row : Math.floor(word / ROW) < row,
      );
      const target = key === "ArrowDown" ? beyond[0] : beyond.at(-1);
      if (target === undefined) return undefined;
      const there = beyond.filter((word) => Math.floor(word / ROW) === Math.floor(target / ROW));
      return there.sort((a, b) => Math.abs((a % ROW) - (from % ROW)) - Math.abs((b % ROW) - (from % ROW)))[0];
    }
    default:
      return undefined;
  }
}

/** The page's symbols with the number of wrong words in each. */
function contents(state: ReaderState, space: SpaceOfMemory, page: PageOfMemory): HTMLElement {
  const { record } = state;
  const runs = contentsOf(page);
  const items = runs.map(({ word, symbol }, i) => {
    const end = runs[i + 1]?.word ?? WORDS;
    const places = page.places.filter((place) => {
      const at = (record.address(place) % PAGE) >> 2;
      return at >= word && at < end;
    });
    const first = places[0];
    const name = h("code", {}, symbol === "" ? page.area : symbol);
    const range = h("span", { class: "soft" }, ` ${plural(end - word, "word")}`);
    if (first === undefined) return h("li", { class: "soft" }, name, range);
    const onclick = () => state.go({ space, page: page.address, place: first });
    const wrong = h("b", {}, ` ${grouped(places.length)} wrong`);
    return h("li", {}, h("button", { class: "link", type: "button", onclick }, name), range, wrong);
  });
  const physical = page.address === page.physical ? "" : `, physical ${hex(page.physical)}`;
  return h(
    "div",
    { class: "contents" },
    h("h3", {}, `${page.area} ${hex(page.address)}${physical}`),
    h("ul", {}, ...items),
    page.places.length > 0 && h("p", { class: "soft" }, "First: ", placeName(record, firstOf(state, page))),
  );
}

function firstOf({ record }: ReaderState, page: PageOfMemory): number {
  return page.places.reduce((best, place) => (record.first[place]! < record.first[best]! ? place : best));
}
