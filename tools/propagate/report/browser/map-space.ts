/// <reference lib="dom" />
/** One space: its threads' registers, and its pages, a dot a word. */
import { h, hideTip, showTip } from "../../../report/browser/dom.ts";
import { surface } from "../../../report/browser/surface.ts";
import { colour } from "../../../report/browser/theme.ts";
import { grouped, hex, plural } from "../../../report/format.ts";
import { timeColour } from "./colours.ts";
import type { Level } from "./map.ts";
import { pageTip } from "./map-machine.ts";
import type { PageOfMemory, PropagationRecord, SpaceOfMemory } from "./record.ts";
import type { ReaderState } from "./state.ts";

/** Words in a row of a page. */
export const ROW = 32;
/** Pages that are drawn; the others are in the table. */
const LARGEST = 240;
const PAGE = 4096;

export function spaceView(state: ReaderState, space: SpaceOfMemory): Level {
  const touched = [...space.pages.values()].filter(({ places }) => places.length > 0);
  const drawn = touched
    .sort((a, b) => b.places.length - a.places.length || a.address - b.address)
    .slice(0, LARGEST)
    .sort((a, b) => a.address - b.address);
  const tiles = drawn.map((page) => pageTile(state, space, page));
  const registers = registerChips(state, space);
  const untouched = space.pages.size - touched.length;
  const left = touched.length - drawn.length;
  const note = [
    untouched > 0 && `${plural(untouched, "page")} of ${space.name} had no wrong word.`,
    left > 0 &&
      `The ${grouped(drawn.length)} pages with most wrong words are drawn, ${grouped(left)} are not; the table below has all words.`,
  ].filter(Boolean);
  const element = h(
    "div",
    { class: "space-view" },
    registers?.element,
    h("div", { class: "tiles" }, ...tiles.map(({ element }) => element)),
    note.length > 0 && h("p", { class: "soft" }, note.join(" ")),
    h("div", { class: "card" }),
  );
  return {
    element,
    draw: () => {
      registers?.draw();
      for (const tile of tiles) tile.draw();
    },
  };
}

function registerChips(state: ReaderState, space: SpaceOfMemory): Level | undefined {
  const { record } = state;
  if (space.registers.length === 0) return undefined;
  const chips = space.registers.map((place) =>
    h(
      "button",
      { class: "register", type: "button", "data-place": place, onclick: () => state.go({ space, place }) },
      h("i"),
      record.symbol(place),
    ),
  );
  return {
    element: h("div", { class: "registers" }, h("h3", {}, "Registers"), ...chips),
    draw: () => {
      for (const [i, chip] of chips.entries()) paintCell(chip, record, space.registers[i]!, state.time);
    },
  };
}

/** Colour and shape of a word at the shown moment: full while wrong, a frame when healed. */
export function paintCell(cell: HTMLElement, record: PropagationRecord, place: number, time: number | undefined): void {
  cell.style.setProperty("--time", timeColour(record, record.first[place]!));
  cell.dataset.state = record.state(place, time ?? Number.POSITIVE_INFINITY);
}

function pageTile(state: ReaderState, space: SpaceOfMemory, page: PageOfMemory): Level {
  const { record } = state;
  const canvas = h("canvas");
  const draw = surface(canvas, (g, width) => {
    const cell = width / ROW;
    g.fillStyle = colour("faint");
    g.fillRect(0, 0, width, width);
    for (const place of page.places) {
      const shape = record.state(place, state.time ?? Number.POSITIVE_INFINITY);
      if (shape === "right") continue;
      const word = (record.address(place) % PAGE) >> 2;
      g.fillStyle = timeColour(record, record.first[place]!);
      g.globalAlpha = shape === "healed" && state.time !== undefined ? 0.3 : 1;
      g.fillRect((word % ROW) * cell, Math.floor(word / ROW) * cell, Math.ceil(cell), Math.ceil(cell));
      g.globalAlpha = 1;
    }
  });
  const element = h(
    "button",
    { class: "tile", type: "button", onclick: () => state.go({ space, page: page.address }) },
    canvas,
    h("span", { class: "mono" }, hex(page.address)),
    h("span", { class: "soft" }, page.area),
    h("span", { class: "soft" }, plural(page.places.length, "word")),
  );
  element.addEventListener("mousemove", (event) => showTip(event.clientX, event.clientY, ...pageTip(state, page)));
  element.addEventListener("mouseleave", hideTip);
  element.addEventListener("click", hideTip);
  return { element, draw };
}
