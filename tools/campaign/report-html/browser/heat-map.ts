/// <reference lib="dom" />
/** A map of everything that was struck, a cell a word (or a bit of a register), coloured by the harm that came of it. */
import { byId, h, hideTip, replace, showTip } from "../../../report/browser/dom.ts";
import { rampColour } from "../../../report/browser/ramp.ts";
import { surface } from "../../../report/browser/surface.ts";
import { colour, isDark } from "../../../report/browser/theme.ts";
import { grouped, hex } from "../../../report/format.ts";
import { points } from "../numbers.ts";
import { METRICS, type Metric, type Struck, strength } from "./struck.ts";

/** Rows without a struck word beyond this many are left out. */
const LARGEST_GAP = 1;
const WIDEST_CELL = 17;
const LABELS = 62;
/** Least height of a row with a name. */
const NAMED_ROW = 14;

interface Grid {
  readonly title: string;
  readonly range: string;
  /** Cells across. */
  readonly columns: (width: number) => number;
  readonly cells: readonly Struck[];
  /** Row and column of each cell. */
  readonly at: (columns: number) => readonly (readonly [row: number, column: number])[];
  /** Beside the rows, for registers. */
  readonly rowNames: readonly string[];
}

export function startHeatMap(struck: readonly Struck[], unit: string): void {
  const grids = [...registerGrids(struck), ...memoryGrids(struck)];
  let metric: Metric = "failurePoints";
  if (struck.every(({ failurePoints }) => failurePoints === 0)) metric = "correctedPoints";
  const maps = grids.map((grid) => gridMap(grid, unit, () => scaleOf(struck, metric)));
  const buttons = (Object.keys(METRICS) as Metric[]).map((name) => {
    const onclick = () => {
      metric = name;
      show();
    };
    return h("button", { class: "button", type: "button", "data-metric": name, onclick }, METRICS[name]);
  });
  const show = (): void => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.metric === metric));
    const { least, most } = scaleOf(struck, metric);
    const format = metric === "sampled" ? grouped : points;
    replace(
      byId("heat-scale"),
      h("span", {}, most === 0 ? "none" : format(least)),
      h("i"),
      h("span", {}, most === 0 ? "" : format(most)),
      h("i", { class: "struck" }),
      h("span", {}, "struck, none of these"),
    );
    for (const map of maps) map.draw();
  };
  replace(byId("heat-metrics"), ...buttons);
  replace(byId("heat"), ...maps.map(({ element }) => element));
  show();
}

interface Scale {
  readonly metric: Metric;
  readonly least: number;
  readonly most: number;
}

function scaleOf(struck: readonly Struck[], metric: Metric): Scale {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const { [metric]: value } of struck) {
    if (value > 0) least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return { metric, least, most };
}

function gridMap(grid: Grid, unit: string, scale: () => Scale) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  let layout = { columns: 1, pitch: 1, rise: 1, left: 0, at: grid.at(1) };
  const draw = surface(canvas, (g, width) => {
    const left = grid.rowNames.length > 0 ? LABELS : 0;
    const columns = grid.columns(width - left);
    const pitch = Math.min(WIDEST_CELL, (width - left) / columns);
    const rise = left > 0 ? Math.max(NAMED_ROW, pitch) : pitch;
    if (layout.columns !== columns || layout.pitch !== pitch) {
      layout = { columns, pitch, rise, left, at: grid.at(columns) };
    }
    const rows = layout.at.reduce((most, [row]) => Math.max(most, row), 0) + 1;
    const height = Math.ceil(rows * rise);
    if (canvas.style.height !== `${height}px`) {
      canvas.style.height = `${height}px`;
      return;
    }
    g.clearRect(0, 0, width, height);
    const { metric, least, most } = scale();
    const gap = pitch > 8 ? 1.5 : 0.5;
    grid.cells.forEach((cell, i) => {
      const [row, column] = layout.at[i]!;
      const value = cell[metric];
      g.fillStyle = value > 0 ? harmColour(strength(value, least, most)) : colour("line");
      g.beginPath();
      g.roundRect(left + column * pitch, row * rise, pitch - gap, rise - gap, pitch > 8 ? 2.5 : 0);
      g.fill();
    });
    g.fillStyle = colour("soft");
    g.font = "12px system-ui, sans-serif";
    for (const [row, name] of grid.rowNames.entries()) g.fillText(name, 0, row * rise + 11);
  });
  canvas.style.height = "20px";
  const cellAt = (event: MouseEvent): Struck | undefined => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - layout.left) / layout.pitch);
    const row = Math.floor((event.clientY - box.top) / layout.rise);
    return grid.cells[layout.at.findIndex((each) => each[0] === row && each[1] === column)];
  };
  canvas.addEventListener("mousemove", (event) => {
    const cell = cellAt(event);
    if (cell === undefined) hideTip();
    else showTip(event.clientX, event.clientY, ...cellText(cell, unit));
  });
  canvas.addEventListener("mouseleave", hideTip);
  canvas.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell !== undefined) replace(byId("heat-chosen"), ...cellText(cell, unit));
  });
  const title = h("h3", {}, grid.title, h("span", { class: "soft" }, grid.range));
  return { element: h("div", {}, title, canvas), draw };
}

/** The most stands out the most: dark on light, light on dark. */
function harmColour(share: number): string {
  return rampColour(isDark() ? 1 - share : share);
}

/** A cell's name and counts. */
export function cellText(cell: Struck, unit: string): HTMLElement[] {
  const { component, place, symbol, address, bit, sampled, failures, corrected, latent } = cell;
  const name = address === undefined ? `${place} bit ${bit}` : symbol === "" ? place : symbol;
  const where = address === undefined ? component : `${component} ${place}, ${hex(address)}`;
  const harm = `${grouped(failures)} failed, ${grouped(corrected)} outvoted, ${grouped(latent)} latent`;
  return [
    h("div", {}, h("b", {}, name)),
    h("div", {}, where),
    h("div", {}, `${grouped(sampled)} ${unit}: ${harm}`),
    h("div", {}, `about ${points(cell.failurePoints)} points with failures, ${points(cell.correctedPoints)} outvoted`),
  ];
}

function registerGrids(struck: readonly Struck[]): Grid[] {
  const bits = struck.filter(({ address }) => address === undefined);
  return [...new Set(bits.map(({ component }) => component))].map((component) => {
    const cells = bits.filter((each) => each.component === component);
    const names = [...new Set(cells.map(({ place }) => place))];
    const widest = Math.max(31, ...cells.map(({ bit }) => bit!));
    return {
      title: `${component} registers`,
      range: `bit ${widest} to bit 0`,
      columns: () => widest + 1,
      cells,
      at: () => cells.map(({ place, bit }) => [names.indexOf(place), widest - bit!] as const),
      rowNames: names,
    };
  });
}

/** The most harmful first. */
function memoryGrids(struck: readonly Struck[]): Grid[] {
  const groups = new Map<string, Struck[]>();
  for (const word of struck) {
    if (word.address === undefined) continue;
    const key = word.place.includes(word.component) ? word.place : `${word.component} ${word.place}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [word]);
    else known.push(word);
  }
  const harm = (cells: readonly Struck[], metric: Metric): number => cells.reduce((sum, each) => sum + each[metric], 0);
  const sorted = [...groups].sort(
    ([, a], [, b]) =>
      harm(b, "failurePoints") - harm(a, "failurePoints") || harm(b, "correctedPoints") - harm(a, "correctedPoints"),
  );
  return sorted.map(([title, cells]) => ({
    title,
    range: `${hex(cells[0]!.address!)} to ${hex(cells.at(-1)!.address! + 3)}`,
    columns: (width) => (width > 700 ? 64 : 32),
    cells,
    at: (columns) => memoryLayout(cells, columns),
    rowNames: [],
  }));
}

function memoryLayout(cells: readonly Struck[], columns: number): (readonly [number, number])[] {
  let row = 0;
  let before: number | undefined;
  return cells.map(({ address }) => {
    const line = Math.floor(address! / 4 / columns);
    if (before !== undefined) row += Math.min(line - before, 1 + LARGEST_GAP);
    before = line;
    return [row, (address! / 4) % columns] as const;
  });
}
