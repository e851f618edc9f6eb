/// <reference lib="dom" />
/** Wrong words over time, stacked by owner, with the moments of the fault's way to the vote. */
import { evenTicks, powerTicks } from "../../../report/axis.ts";
import { byId, h, hideTip, replace, showTip, swatch } from "../../../report/browser/dom.ts";
import { surface } from "../../../report/browser/surface.ts";
import { colour, onTheme } from "../../../report/browser/theme.ts";
import { grouped, short } from "../../../report/format.ts";
import { ownerColour } from "./colours.ts";
import { type Buckets, bucketsOf, type Series } from "./series.ts";
import type { ReaderState } from "./state.ts";
import { moment } from "./texts.ts";

const MARGIN = { left: 50, right: 14, top: 46, bottom: 30 };
/** Pixels that a drag must have to zoom. */
const DRAG = 6;

/** Times across the plot: in powers of ten or evenly. */
class TimeScale {
  logarithmic = true;
  from = 0;
  to: number;
  width = 1;

  constructor(readonly end: number) {
    this.to = end;
  }

  #bend(at: number): number {
    return this.logarithmic ? Math.log10(1 + at) : at;
  }

  x(at: number): number {
    const low = this.#bend(this.from);
    return MARGIN.left + ((this.#bend(at) - low) / (this.#bend(this.to) - low)) * this.width;
  }

  /** Within the plot. */
  at(x: number): number {
    return Math.max(this.from, Math.min(this.to, this.wider(x)));
  }

  /** Also beside the plot. */
  wider(x: number): number {
    const low = this.#bend(this.from);
    const bent = low + ((x - MARGIN.left) / this.width) * (this.#bend(this.to) - low);
    return this.logarithmic ? 10 ** bent - 1 : bent;
  }

  zoom(from: number, to: number): void {
    this.from = Math.max(0, Math.floor(from));
    this.to = Math.min(this.end, Math.max(this.from + 10, Math.ceil(to)));
  }

  ticks(): number[] {
    const most = Math.max(2, this.width / 90);
    if (this.logarithmic && this.to > 20 * (this.from + 1)) return powerTicks(this.from, this.to);
    return evenTicks(this.to - this.from, most).map((tick) => tick + this.from);
  }
}

export function startChart(state: ReaderState, series: Series): void {
  const { data } = state.record;
  const canvas = byId("chart") as HTMLCanvasElement;
  const scale = new TimeScale(data.end);
  let buckets: Buckets = { rows: [], top: 1 };
  let drag: { from: number; to: number } | undefined;
  let pointer: number | undefined;

  const draw = surface(canvas, (g, width, height) => {
    scale.width = Math.max(1, width - MARGIN.left - MARGIN.right);
    const count = Math.floor(scale.width) + 1;
    const limits = Float64Array.from({ length: count }, (_, i) => scale.at(MARGIN.left + i));
    buckets = bucketsOf(series, limits, state.hidden);
    const y = yScale(height, buckets.top);
    g.clearRect(0, 0, width, height);
    g.font = "12px system-ui, sans-serif";
    drawGrid(g, scale, y, buckets.top, height);
    drawAreas(g, state, buckets, y);
    drawMoments(g, state, scale, height);
    if (drag !== undefined) drawDrag(g, drag, height);
    if (state.time !== undefined) drawLine(g, scale.x(state.time), height, colour("accent"), 2);
    if (pointer !== undefined) drawLine(g, pointer, height, colour("soft"), 1);
  });

  const point = (event: PointerEvent): number => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    return Math.max(MARGIN.left, Math.min(MARGIN.left + scale.width, x));
  };
  canvas.addEventListener("pointermove", (event) => {
    pointer = point(event);
    if (drag !== undefined) drag.to = pointer;
    draw();
    showTip(event.clientX, event.clientY, ...tipAt(state, buckets, scale, pointer));
  });
  canvas.addEventListener("pointerleave", () => {
    pointer = undefined;
    hideTip();
    draw();
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    drag = { from: point(event), to: point(event) };
  });
  canvas.addEventListener("pointercancel", () => {
    drag = undefined;
  });
  canvas.addEventListener("pointerup", () => {
    if (drag === undefined) return;
    const { from, to } = drag;
    drag = undefined;
    if (Math.abs(from - to) < DRAG) state.setTime(Math.round(scale.at(to)));
    else scale.zoom(scale.at(Math.min(from, to)), scale.at(Math.max(from, to)));
    show();
  });

  canvas.addEventListener("keydown", (event) => {
    if (pressed(event.key, state, scale)) event.preventDefault();
    show();
  });

  const whole = byId("chart-whole") as HTMLButtonElement;
  const logarithmic = byId("chart-log");
  const show = (): void => {
    whole.disabled = scale.from === 0 && scale.to === scale.end;
    logarithmic.setAttribute("aria-pressed", String(scale.logarithmic));
    draw();
  };
  whole.addEventListener("click", () => {
    scale.zoom(0, scale.end);
    show();
  });
  logarithmic.addEventListener("click", () => {
    scale.logarithmic = !scale.logarithmic;
    show();
  });
  onTheme(() => drawLegend(state));
  state.onChange(["owners"], () => drawLegend(state));
  state.onChange(["owners", "time"], show);
}

/** Share of the plot that an arrow key goes. */
const STRIDE = 1 / 60;

/** Arrows move the moment, + and - zoom around it, Escape shows the whole run. */
function pressed(key: string, state: ReaderState, scale: TimeScale): boolean {
  const x = scale.x(Math.max(scale.from, Math.min(scale.to, state.time ?? scale.from)));
  const left = MARGIN.left;
  const right = left + scale.width;
  switch (key) {
    case "ArrowLeft":
    case "ArrowRight": {
      const way = key === "ArrowLeft" ? -1 : 1;
      const to = Math.max(left, Math.min(right, x + way * scale.width * STRIDE));
      const now = state.time ?? scale.from;
      const next = Math.round(scale.at(to));
      const moved = way < 0 ? Math.min(now - 1, next) : Math.max(now + 1, next);
      state.setTime(Math.max(0, Math.min(scale.end, moved)));
      return true;
    }
    case "+":
    case "=":
      scale.zoom(scale.at(x - (x - left) / 2), scale.at(x + (right - x) / 2));
      return true;
    case "-":
      scale.zoom(scale.wider(x - 2 * (x - left)), scale.wider(x + 2 * (right - x)));
      return true;
    case "Escape":
      scale.zoom(0, scale.end);
      return true;
    default:
      return false;
  }
}

function yScale(height: number, top: number): (value: number) => number {
  const plot = height - MARGIN.top - MARGIN.bottom;
  return (value) => MARGIN.top + plot * (1 - value / (top * 1.04));
}

function drawGrid(
  g: CanvasRenderingContext2D,
  scale: TimeScale,
  y: (value: number) => number,
  top: number,
  height: number,
) {
  g.textAlign = "right";
  g.lineWidth = 1;
  for (const tick of evenTicks(top, 4)) {
    g.strokeStyle = colour("faint");
    g.beginPath();
    g.moveTo(MARGIN.left, Math.round(y(tick)) + 0.5);
    g.lineTo(MARGIN.left + scale.width, Math.round(y(tick)) + 0.5);
    g.stroke();
    g.fillStyle = colour("soft");
    g.fillText(short(tick), MARGIN.left - 8, y(tick) + 4);
  }
  g.fillStyle = colour("soft");
  g.textAlign = "left";
  let end = Number.NEGATIVE_INFINITY;
  for (const tick of scale.ticks()) {
    const text = tick === 0 ? "0" : `+${short(tick)}`;
    const width = g.measureText(text).width;
    const right = MARGIN.left + scale.width - width;
    const left = Math.max(MARGIN.left, Math.min(right, scale.x(tick) - width / 2));
    if (left < end + 10) continue;
    g.fillText(text, left, height - 9);
    end = left + width;
  }
}

function drawAreas(
  g: CanvasRenderingContext2D,
  { record, hidden }: ReaderState,
  { rows }: Buckets,
  y: (value: number) => number,
) {
  const count = rows[0]?.length ?? 0;
  const base = new Float64Array(count);
  for (const [owner, row] of rows.entries()) {
    if (hidden.has(owner)) continue;
    g.beginPath();
    for (let i = 0; i < count; i++) g.lineTo(MARGIN.left + i, y(base[i]! + row[i]!));
    for (let i = count - 1; i >= 0; i--) g.lineTo(MARGIN.left + i, y(base[i]!));
    g.fillStyle = ownerColour(record.data, owner);
    g.fill();
    for (let i = 0; i < count; i++) base[i]! += row[i]!;
  }
}

/** Moments nearer to each other than this share a line and a label. */
const NEAR = 4;

/** Names of the moments in two rows, so that they do not cover each other. */
function drawMoments(g: CanvasRenderingContext2D, { record }: ReaderState, scale: TimeScale, height: number): void {
  const shown = record.data.moments.filter(({ at }) => at >= scale.from && at <= scale.to);
  const marks: { x: number; name: string }[] = [];
  for (const { name, at } of shown) {
    const x = Math.round(scale.x(at)) + 0.5;
    const last = marks.at(-1);
    if (last !== undefined && x - last.x < NEAR) last.name += `, ${name}`;
    else marks.push({ x, name });
  }
  const ends = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  g.textAlign = "left";
  for (const { x, name } of marks) {
    const width = g.measureText(name).width;
    const left = Math.min(x - 1, MARGIN.left + scale.width - width);
    const line = ends.findIndex((end) => left > end + 10);
    const top = 14 + Math.max(0, line) * 15;
    drawDashes(g, x, top + (line < 0 ? 22 : 5), height - MARGIN.bottom);
    if (line < 0) continue;
    g.fillStyle = colour("ink");
    g.fillText(name, left, top);
    ends[line] = left + width;
  }
}

function drawDashes(g: CanvasRenderingContext2D, x: number, top: number, bottom: number): void {
  g.strokeStyle = colour("ink");
  g.setLineDash([3, 3]);
  g.beginPath();
  g.moveTo(x, top);
  g.lineTo(x, bottom);
  g.stroke();
  g.setLineDash([]);
}

function drawDrag(g: CanvasRenderingContext2D, { from, to }: { from: number; to: number }, height: number): void {
  g.globalAlpha = 0.16;
  g.fillStyle = colour("focus");
  g.fillRect(Math.min(from, to), MARGIN.top, Math.abs(to - from), height - MARGIN.top - MARGIN.bottom);
  g.globalAlpha = 1;
}

function drawLine(g: CanvasRenderingContext2D, x: number, height: number, stroke: string, width: number): void {
  g.strokeStyle = stroke;
  g.lineWidth = width;
  g.beginPath();
  g.moveTo(x, MARGIN.top - 8);
  g.lineTo(x, height - MARGIN.bottom);
  g.stroke();
  g.lineWidth = 1;
}

/** Owners in a tip; the others are added up. */
const TIP_OWNERS = 9;

function tipAt({ record, hidden }: ReaderState, { rows }: Buckets, scale: TimeScale, x: number): Node[] {
  const at = Math.round(scale.at(x));
  const bucket = Math.max(0, Math.min((rows[0]?.length ?? 1) - 1, Math.round(x - MARGIN.left)));
  const present = record.data.owners
    .map(({ name }, owner) => ({ name, owner, words: hidden.has(owner) ? 0 : (rows[owner]?.[bucket] ?? 0) }))
    .filter(({ words }) => words > 0)
    .sort((a, b) => b.words - a.words);
  const total = present.reduce((sum, { words }) => sum + words, 0);
  const rest = present.slice(TIP_OWNERS).reduce((sum, { words }) => sum + words, 0);
  return [
    h("div", {}, h("b", {}, grouped(total)), " wrong ", moment(record.data, at)),
    ...present
      .slice(0, TIP_OWNERS)
      .map(({ name, owner, words }) =>
        h("div", {}, swatch(ownerColour(record.data, owner)), `${grouped(words)} ${name}`),
      ),
    ...(rest > 0 ? [h("div", {}, `${grouped(rest)} of others`)] : []),
  ];
}

function drawLegend(state: ReaderState): void {
  const { data } = state.record;
  const items = data.owners.map(({ name }, owner) => {
    const pressed = String(!state.hidden.has(owner));
    const click = () => state.toggleOwner(owner);
    const attributes = { class: "key", type: "button", "aria-pressed": pressed, onclick: click };
    return h("button", attributes, swatch(ownerColour(data, owner)), name);
  });
  const legend = byId("chart-legend");
  const focused = [...legend.children].indexOf(document.activeElement!);
  replace(legend, ...items);
  items[focused]?.focus();
}
