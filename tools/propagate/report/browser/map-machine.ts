/// <reference lib="dom" />
/** The whole machine: a row a space, a square a page, a dot a wrong word. Spaces without one stand below, small. */
import { h, hideTip, showTip, swatch } from "../../../report/browser/dom.ts";
import { surface } from "../../../report/browser/surface.ts";
import { colour } from "../../../report/browser/theme.ts";
import { grouped, hex, plural } from "../../../report/format.ts";
import { timeColour } from "./colours.ts";
import type { Level } from "./map.ts";
import type { PageOfMemory, PropagationRecord, SpaceOfMemory } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { moment } from "./texts.ts";

const GAP = 3;
/** Words in a row of a page. */
const ROW = 32;
const PAGE = 4096;

/** Pixels of a page: large where there is something to see and room for it. */
function cellSize({ pages, words, registers }: SpaceOfMemory): number {
  if (words === 0 && registers.length === 0) return 8;
  return pages.size <= 14 ? 50 : pages.size <= 64 ? 34 : 18;
}

export function machineView(state: ReaderState): Level {
  const kinds = ["virtual", "kernel", "free"];
  const spaces = state.record.spaces
    .filter(({ pages }) => pages.size > 0)
    .sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || a.first - b.first || (a.name < b.name ? -1 : 1));
  const rows = spaces.map((space) => spaceRow(state, space));
  const touched = rows.filter((_, i) => Number.isFinite(spaces[i]!.first));
  const untouched = rows.filter((row) => !touched.includes(row));
  return {
    element: h(
      "div",
      {},
      ...touched.map(({ element }) => element),
      untouched.length > 0 && h("h3", { class: "untouched-title" }, "Without a wrong word"),
      h("div", { class: "untouched-spaces" }, ...untouched.map(({ element }) => element)),
    ),
    draw: () => {
      for (const row of rows) row.draw();
    },
  };
}

function spaceRow(state: ReaderState, space: SpaceOfMemory): Level {
  const { record } = state;
  const pages = [...space.pages.values()].sort((a, b) => a.address - b.address);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const cells = layOut(pages);
  const size = cellSize(space);
  const pitch = size + (size < 10 ? 2 : GAP);
  let columns = 1;
  const draw = surface(canvas, (g, width) => {
    columns = Math.max(1, Math.floor((width + GAP) / pitch));
    const height = Math.ceil(cells.length / columns) * pitch;
    if (canvas.style.height !== `${height}px`) {
      canvas.style.height = `${height}px`;
      return;
    }
    g.clearRect(0, 0, width, height);
    cells.forEach((page, i) => {
      if (page === undefined) return;
      const corner = [(i % columns) * pitch, Math.floor(i / columns) * pitch] as const;
      drawPage(g, record, page, state.time, corner, size);
    });
  });
  canvas.style.height = `${pitch}px`;
  const pageAt = (event: MouseEvent): PageOfMemory | undefined => {
    const { left, top } = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - left) / pitch);
    return column < columns ? cells[Math.floor((event.clientY - top) / pitch) * columns + column] : undefined;
  };
  canvas.addEventListener("mousemove", (event) => {
    const page = pageAt(event);
    canvas.style.cursor = page !== undefined && page.places.length > 0 ? "zoom-in" : "default";
    if (page === undefined) hideTip();
    else showTip(event.clientX, event.clientY, ...pageTip(state, page));
  });
  canvas.addEventListener("mouseleave", hideTip);
  canvas.addEventListener("click", (event) => {
    const page = pageAt(event);
    if (page === undefined || page.places.length === 0) return;
    hideTip();
    state.go({ space, page: page.address });
  });
  const wrongPages = pages.filter(({ places }) => places.length > 0).length;
  const untouched = space.words === 0 && space.registers.length === 0;
  const text = untouched
    ? plural(pages.length, "page")
    : [
        space.registers.length > 0 && plural(space.registers.length, "register"),
        space.words > 0 &&
          `${plural(space.words, "word")} in ${grouped(wrongPages)} of ${plural(pages.length, "page")}`,
      ]
        .filter(Boolean)
        .join(", ");
  const onclick = () => state.go({ space });
  const button = h(
    "button",
    { class: "space-name", type: "button", onclick, disabled: untouched },
    h("b", {}, space.name),
    h("span", { class: "soft" }, text),
  );
  return { element: h("div", { class: untouched ? "space untouched" : "space" }, button, canvas), draw };
}

/** One empty cell where addresses are not next to each other. */
function layOut(pages: readonly PageOfMemory[]): (PageOfMemory | undefined)[] {
  return pages.flatMap((page, i) => {
    const before = pages[i - 1];
    return before === undefined || before.address + PAGE === page.address ? [page] : [undefined, page];
  });
}

function drawPage(
  g: CanvasRenderingContext2D,
  record: PropagationRecord,
  page: PageOfMemory,
  time: number | undefined,
  [left, top]: readonly [x: number, y: number],
  size: number,
): void {
  const box = (inset: number): void => {
    g.beginPath();
    g.roundRect(left + inset, top + inset, size - 2 * inset, size - 2 * inset, size / 8);
  };
  box(0);
  g.fillStyle = colour("faint");
  g.fill();
  const shown = page.places.filter((place) => time === undefined || record.state(place, time) !== "right");
  if (shown.length === 0) return;
  const wrong = time === undefined || shown.some((place) => record.state(place, time) === "wrong");
  const tint = timeColour(record, page.first);
  g.globalAlpha = wrong ? 0.28 : 0.1;
  g.fillStyle = tint;
  g.fill();
  g.globalAlpha = 1;
  box(0.75);
  g.strokeStyle = tint;
  g.lineWidth = 1.5;
  g.stroke();
  const step = (size - 4) / ROW;
  const dot = Math.max(size > 30 ? 2.2 : 1.6, step);
  const drawn = new Set<number>();
  for (const place of shown) {
    const word = (record.address(place) % PAGE) >> 2;
    // Of a full page not every word has a pixel of its own.
    const pixel = Math.floor((word % ROW) * step) + size * Math.floor(Math.floor(word / ROW) * step);
    if (drawn.has(pixel)) continue;
    drawn.add(pixel);
    g.fillStyle = timeColour(record, record.first[place]!);
    g.globalAlpha = time !== undefined && record.state(place, time) === "healed" ? 0.3 : 1;
    g.fillRect(left + 2 + (word % ROW) * step, top + 2 + Math.floor(word / ROW) * step, dot, dot);
  }
  g.globalAlpha = 1;
}

/** What a page is, and how much of it was wrong. */
export function pageTip({ record, time }: ReaderState, page: PageOfMemory): Node[] {
  const space = record.spaces[page.space]!;
  const physical = page.address === page.physical ? "physical" : `physical ${hex(page.physical)}`;
  const wrong = page.places.length;
  const now = time === undefined ? 0 : page.places.filter((place) => record.state(place, time) === "wrong").length;
  const lines = [h("div", {}, h("b", {}, hex(page.address)), ` ${space.name} ${page.area}`), h("div", {}, physical)];
  if (wrong === 0) return lines;
  const words = h(
    "div",
    {},
    swatch(timeColour(record, page.first)),
    `${plural(wrong, "word")} wrong at some time, first ${moment(record.data, page.first)}`,
  );
  return [...lines, words, ...(time === undefined ? [] : [h("div", {}, `${plural(now, "word")} at this moment`)])];
}
