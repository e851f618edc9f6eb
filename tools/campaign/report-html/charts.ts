/** Drawings that need no script: shares of classes, failures with their intervals, a distribution of clocks. */
import { CLASSES } from "../../faults/outcome.ts";
import { powerTicks } from "../../report/axis.ts";
import { duration, grouped, short } from "../../report/format.ts";
import { escapeHtml } from "../../report/html.ts";
import type { Distribution, Group } from "../report.ts";
import { percent, points } from "./numbers.ts";

/** A bar a group, a piece a class. */
export function classStacks(groups: readonly Group[]): string {
  const rows = groups.map(({ name, classes }) => {
    const pieces = CLASSES.filter((each) => classes[each].share > 0).map((each) => {
      const title = `${each}: ${percent(classes[each].share)}, ${points(classes[each].points)} points`;
      return `<i style="width:${(classes[each].share * 100).toFixed(3)}%;--colour:var(--${each})" title="${title}"></i>`;
    });
    const label = CLASSES.filter((each) => classes[each].share > 0)
      .map((each) => `${each} ${percent(classes[each].share)}`)
      .join(", ");
    return `<span>${escapeHtml(name)}</span><div class="stack" role="img" aria-label="${label}">${pieces.join("")}</div>`;
  });
  const keys = CLASSES.map((each) => {
    const none = groups.every(({ classes }) => classes[each].points === 0 && classes[each].count === 0);
    return `<span${none ? ' class="none"' : ""}><i class="swatch" style="--colour:var(--${each})"></i>${each}</span>`;
  });
  return `<div class="stacks">${rows.join("")}</div><div class="classes">${keys.join("")}</div>`;
}

const WIDTH = 1000;
/** Narrower, letters would be too small: the drawing is scrolled then. */
const NARROWEST = 720;
const NAMES = 170;
const ROW = 34;

/**
 * Points with failures of each group and their interval, over powers of ten. An open circle: none were seen, so only the
 * upper bound says something.
 */
export function failureWhiskers(groups: readonly Group[]): string {
  const most = Math.max(...groups.map(({ failures }) => failures.pointsHigh));
  if (most <= 0) return "";
  const lows = groups.flatMap(({ failures: { pointsLow, pointsHigh } }) => [pointsLow > 0 ? pointsLow : pointsHigh]);
  const least = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...lows.filter((value) => value > 0))))) / 2;
  const low = Math.log10(least);
  const high = Math.log10(most * 1.3);
  const x = (value: number): number =>
    NAMES + ((Math.log10(Math.max(least, value)) - low) / (high - low)) * (WIDTH - NAMES - 20);
  const height = groups.length * ROW + 34;
  const ticks = powerTicks(least, most).filter((_, i, all) => i % Math.ceil(all.length / 7) === 0);
  const lines = ticks.map(
    (tick) =>
      `<line class="grid-line" x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="0" y2="${height - 28}"/><text x="${x(tick).toFixed(1)}" y="${height - 10}" text-anchor="middle">${tick < 1e6 ? short(tick) : points(tick).replace(/^1\.000 × /, "")}</text>`,
  );
  const rows = groups.map(({ name, failures }, i) => {
    const { points: middle, pointsLow, pointsHigh, count } = failures;
    const y = i * ROW + ROW / 2;
    const title = `${name}: ${points(middle)} points with failures, interval ${points(pointsLow)} to ${points(pointsHigh)}, ${grouped(count)} seen`;
    const from = middle > 0 ? pointsLow : 0;
    const range = `<line class="range" x1="${x(from).toFixed(1)}" x2="${x(pointsHigh).toFixed(1)}" y1="${y}" y2="${y}"/>`;
    const dot =
      middle > 0
        ? `<circle cx="${x(middle).toFixed(1)}" cy="${y}" r="6.5"/>`
        : `<circle class="bound" cx="${x(pointsHigh).toFixed(1)}" cy="${y}" r="5"/>`;
    return `<g><title>${escapeHtml(title)}</title><text class="name" x="0" y="${y + 4}">${escapeHtml(name)}</text>${range}${dot}</g>`;
  });
  return `<div class="wide"><svg class="drawing whiskers" viewBox="0 0 ${WIDTH} ${height}" style="max-width:${WIDTH}px;min-width:${NARROWEST}px" role="img" aria-label="points with failures and their intervals; the tables hold the numbers">${lines.join("")}${rows.join("")}</svg></div>`;
}

const BARS_HEIGHT = 210;
const TOP = 34;

/** Bins double in width, so the bars stand side by side over powers of two. */
export function distributionBars({ bins, median, ninth }: Distribution, hertz: number): string {
  const peak = Math.max(...bins.map(({ count }) => count));
  const pitch = Math.min(78, (WIDTH - 20) / bins.length);
  const first = Math.log2(bins[0]!.from);
  const x = (clocks: number): number => (Math.log2(Math.max(1, clocks)) - first) * pitch;
  const base = TOP + BARS_HEIGHT;
  const every = Math.ceil(74 / pitch);
  const bars = bins.map(({ from, count }, i) => {
    const height = (count / peak) * (BARS_HEIGHT - 16);
    const title = `${grouped(from)} to ${grouped(from * 2 - 1)} clocks: ${grouped(count)}`;
    const number =
      count > 0
        ? `<text x="${(i * pitch + pitch / 2).toFixed(1)}" y="${(base - height - 5).toFixed(1)}" text-anchor="middle">${grouped(count)}</text>`
        : "";
    const tick =
      i % every === 0 ? `<text x="${(i * pitch).toFixed(1)}" y="${base + 17}">${duration(from, hertz)}</text>` : "";
    return `<g><title>${title}</title><rect x="${(i * pitch + 1).toFixed(1)}" y="${(base - height).toFixed(1)}" width="${(pitch - 2).toFixed(1)}" height="${height.toFixed(1)}" rx="3"/>${number}${tick}</g>`;
  });
  const marks = [
    ["median", median, 12],
    ["nine in ten", ninth, 26],
  ] as const;
  const lines = marks.map(
    ([name, clocks, y]) =>
      `<line class="mark" x1="${x(clocks).toFixed(1)}" x2="${x(clocks).toFixed(1)}" y1="${y - 8}" y2="${base}"/><text class="mark-name" x="${(x(clocks) + 5).toFixed(1)}" y="${y}">${name} ${duration(clocks, hertz)}</text>`,
  );
  const width = Math.max(pitch * bins.length, 320) + 110;
  return `<div class="wide"><svg class="drawing bars" viewBox="0 0 ${width} ${base + 26}" style="max-width:${width}px;min-width:${Math.min(width, NARROWEST)}px" role="img" aria-label="distribution of clocks">${bars.join("")}<line class="base" x1="0" x2="${width - 110}" y1="${base}" y2="${base}"/>${lines.join("")}</svg></div>`;
}
