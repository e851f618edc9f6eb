/** `report.html`: the report as one file that opens without a server, light and dark, without a script. */
import { CLASSES, type OutcomeClass } from "../faults/outcome.ts";
import { STYLE } from "../propagate/report/style.ts";
import type { BitCount, CampaignReport, Distribution, Estimate, Group, WordCount } from "./report.ts";

/** Best to worst; the two ends of what voting can do are far apart. */
const COLOURS: Readonly<Record<OutcomeClass, string>> = {
  MASKED: "hsl(150 30% 62%)",
  LATENT: "hsl(48 60% 62%)",
  CORRECTED: "hsl(212 62% 55%)",
  DUE_DETECTED: "hsl(32 85% 55%)",
  DUE_TIMEOUT: "hsl(20 85% 50%)",
  SDC: "hsl(350 78% 48%)",
  SYSTEM_CRASH: "hsl(320 65% 42%)",
  ISOLATION_BREACH: "hsl(285 60% 42%)",
  TOOL_ERROR: "hsl(220 8% 55%)",
};
const ROW_WORDS = 64;
const CELL = 11;
/** Words without an experiment for longer than this are left out of the map. */
const LARGEST_GAP_ROWS = 2;

const OWN_STYLE = `
.stack{display:flex;height:22px;border-radius:6px;overflow:hidden;margin:8px 0 12px;background:var(--faint)}
.stack i{display:block;height:100%}
td .swatch{display:inline-block;margin-right:8px}
tr.none td{color:var(--soft)}tr.sum td{font-weight:650;border-top:2px solid var(--line)}
.map svg{display:block;max-width:100%;height:auto}
.map h3{font-size:14px;margin:16px 0 6px}
.cell{fill:var(--faint)}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:3px 10px;align-items:center;font-size:13px;font-variant-numeric:tabular-nums}
.bars i{display:block;height:14px;border-radius:3px;background:hsl(212 62% 55%)}
.bars span{text-align:right;color:var(--soft)}
td,th{white-space:nowrap}
.warn{border-left:4px solid var(--accent)}
`;

export function reportHtml(report: CampaignReport): string {
  const { total, reached, asked, seed, toolErrors, detection, absent, interval, confidence } = report;
  const complete = seed === undefined;
  const kind = interval === "wilson" ? "Wilson" : "Clopper–Pearson";
  const how = complete
    ? "Complete: every point of the space is counted, so there are no intervals but for what is missing."
    : `Drawn uniformly from the raw space with replacement, seed ${seed}; ${kind} intervals, ${confidence * 100} %.`;
  const figures: [string, string][] = [
    [grouped(reached), `of ${grouped(asked)} experiments`],
    [short(Number(total.space)), "points: bits × clocks"],
    [short(total.failures.points), `points with failures, ${span(total.failures)}`],
    [short(total.classes.CORRECTED.points), "points outvoted"],
    [
      percent(report.earlyStop.whole > 0 ? report.earlyStop.simulated / report.earlyStop.whole : 1),
      "of all instructions simulated",
    ],
    [grouped(toolErrors.count), "tool errors"],
  ];
  const groups = report.components.length > 1 ? [total, ...report.components] : report.components;
  const missing =
    reached < asked ? ` <span class="bad">${grouped(asked - reached)} experiments are missing.</span>` : "";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(report.name)}</title><style>${STYLE}${OWN_STYLE}</style></head><body><main>
<p class="soft">quorum86 · ${escapeHtml(report.scenario)} · a campaign of faults</p>
<h1>${escapeHtml(report.name)}</h1>
<p>${how}${missing}</p>
<div class="figures">${figures.map(([value, text]) => `<div><b>${value}</b><span>${text}</span></div>`).join("")}</div>
${groups.map(groupSection).join("")}
<section class="map"><h2>Where harm begins</h2>
<p class="soft">Each cell is a word of memory (${ROW_WORDS} a row) or a bit of a register that was struck; its colour is the worst that came of it. Point at a cell for its counts. Cells that no experiment struck are blank.</p>
${legend()}${registerMap(report.bits)}${memoryMap(report.words)}</section>
${detection === undefined ? "" : detectionSection(detection)}
<section><h2>By place</h2><div class="wide">${placeTable(report.places)}</div></section>
<section${toolErrors.count > 0 ? ' class="warn"' : ""}><h2>TOOL_ERROR: ${grouped(toolErrors.count)}</h2>
<p class="soft">Experiments that were none: the fault was not applied, or the tool failed. They stay in every denominator.</p>
${Object.entries(toolErrors.reasons)
  .map(([reason, count]) => `<p>${grouped(count)} × ${escapeHtml(reason)}</p>`)
  .join("")}
${absent.map(({ component, name, bits }) => `<p class="soft">${escapeHtml(`${component} ${name}`)}: ${grouped(bits)} bits were never mapped within the window and are not in the space.</p>`).join("")}</section>
<p class="soft">Compare programs by points, never by shares: idle clocks make every share better and no program safer (Schirmeier et al., DSN 2015).${
    report.resultsSha256 === undefined ? "" : ` Results <code>${report.resultsSha256}</code>.`
  }</p>
</main></body></html>
`;
}

function groupSection({ name, sampled, bits, space, classes, failures }: Group): string {
  const stack = CLASSES.filter((each) => classes[each].share > 0)
    .map(
      (each) =>
        `<i style="width:${classes[each].share * 100}%;background:${COLOURS[each]}" title="${each} ${percent(classes[each].share)}"></i>`,
    )
    .join("");
  const rows = CLASSES.map((each) => {
    const estimate = classes[each];
    const label = `<span class="swatch" style="background:${COLOURS[each]}"></span>${each}`;
    return `<tr${estimate.points === 0 ? ' class="none"' : ""}><td>${label}</td>${estimateCells(estimate)}</tr>`;
  }).join("");
  return `<section><h2>${escapeHtml(name)}</h2><p class="soft">${grouped(sampled)} experiments in ${grouped(bits)} bits, ${short(Number(space))} points</p>
<div class="stack">${stack}</div><div class="wide"><table><tr><th></th><th>experiments</th><th>share</th><th>interval</th><th>points of the space</th><th>interval</th></tr>
${rows}<tr class="sum"><td>failures</td>${estimateCells(failures)}</tr></table></div></section>`;
}

function estimateCells(estimate: Estimate): string {
  const { count, share, shareLow, shareHigh, points } = estimate;
  return `<td>${grouped(count)}</td><td>${percent(share)}</td><td>${percent(shareLow)} – ${percent(shareHigh)}</td><td>${short(points)}</td><td>${span(estimate)}</td>`;
}

function legend(): string {
  const worst = { good: "no harm", latent: "wrong words left", corrected: "outvoted", failures: "failure" };
  const items = Object.entries(worst).map(
    ([key, text]) =>
      `<span><span class="swatch" style="display:inline-block;background:${colourOf(key)}"></span> ${text}</span>`,
  );
  return `<div class="legend">${items.join("")}</div>`;
}

function colourOf(worst: string): string {
  if (worst === "failures") return COLOURS.SDC;
  if (worst === "corrected") return COLOURS.CORRECTED;
  return worst === "latent" ? COLOURS.LATENT : COLOURS.MASKED;
}

type Counts = Pick<WordCount, "sampled" | "corrected" | "failures" | "latent">;

function cell(x: number, y: number, name: string, counts: Counts): string {
  const { sampled, corrected, failures, latent } = counts;
  const worst = failures > 0 ? "failures" : corrected > 0 ? "corrected" : latent > 0 ? "latent" : "good";
  const harm = worst === "failures" ? failures : worst === "corrected" ? corrected : sampled;
  const strength = 0.4 + 0.6 * (harm / sampled);
  const title = `${name}: ${sampled} struck, ${failures} failures, ${corrected} outvoted, ${latent} latent`;
  return `<rect x="${x * CELL}" y="${y * CELL}" width="${CELL - 1}" height="${CELL - 1}" rx="2" fill="${colourOf(worst)}" fill-opacity="${strength.toFixed(2)}"><title>${escapeHtml(title)}</title></rect>`;
}

function memoryMap(words: readonly WordCount[]): string {
  const places = new Map<string, WordCount[]>();
  for (const word of words) {
    const key = `${word.component} ${word.place}`;
    places.set(key, [...(places.get(key) ?? []), word]);
  }
  return [...places]
    .map(([name, members]) => {
      let row = 0;
      let before: number | undefined;
      const cells = members.map((word) => {
        const line = Math.floor(word.address / 4 / ROW_WORDS);
        if (before !== undefined) row += Math.min(line - before, LARGEST_GAP_ROWS);
        before = line;
        return cell((word.address / 4) % ROW_WORDS, row, `${hex(word.address)} ${word.place}`, word);
      });
      return `<h3>${escapeHtml(name)} <span class="soft">${hex(members[0]!.address)} to ${hex(members.at(-1)!.address + 3)}</span></h3>${drawing(ROW_WORDS, row + 1, cells)}`;
    })
    .join("");
}

function registerMap(bits: readonly BitCount[]): string {
  const components = [...new Set(bits.map(({ component }) => component))];
  return components
    .map((component) => {
      const own = bits.filter((each) => each.component === component);
      const registers = [...new Set(own.map(({ register }) => register))];
      const labels = registers.map(
        (name, i) => `<text x="0" y="${i * CELL + 9}" font-size="9.5" fill="currentColor">${name}</text>`,
      );
      const cells = own.map((each) =>
        cell(5 + 31 - each.bit, registers.indexOf(each.register), `${each.register} bit ${each.bit}`, each),
      );
      return `<h3>${escapeHtml(component)} registers <span class="soft">bit 31 to bit 0</span></h3>${drawing(37, registers.length, [...labels, ...cells])}`;
    })
    .join("");
}

function drawing(columns: number, rows: number, cells: readonly string[]): string {
  const [width, height] = [columns * CELL, rows * CELL];
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${cells.join("")}</svg>`;
}

function detectionSection({ count, least, median, ninth, most, bins }: Distribution): string {
  const peak = Math.max(...bins.map((bin) => bin.count));
  const bars = bins
    .map(
      (bin) =>
        `<span>${grouped(bin.from)} – ${grouped(bin.from * 2 - 1)}</span><i style="width:${(100 * bin.count) / peak}%"></i><b>${grouped(bin.count)}</b>`,
    )
    .join("");
  return `<section><h2>How long until the vote names a replica</h2>
<p class="soft">Clocks from the injection, ${grouped(count)} experiments: least ${grouped(least)}, median ${grouped(median)}, nine in ten within ${grouped(ninth)}, most ${grouped(most)}.</p>
<div class="bars">${bars}</div></section>`;
}

function placeTable(places: readonly Group[]): string {
  const rows = [...places]
    .sort((a, b) => b.failures.points - a.failures.points || b.classes.CORRECTED.points - a.classes.CORRECTED.points)
    .map(
      ({ name, sampled, classes, failures }) =>
        `<tr><td>${escapeHtml(name)}</td><td>${grouped(sampled)}</td><td>${grouped(classes.CORRECTED.count)}</td><td>${grouped(failures.count)}</td><td>${short(failures.points)}</td><td>${span(failures)}</td></tr>`,
    );
  return `<table><tr><th></th><th>experiments</th><th>outvoted</th><th>failures</th><th>points with failures</th><th>interval</th></tr>${rows.join("")}</table>`;
}

function span({ pointsLow, pointsHigh }: Estimate): string {
  return `${short(pointsLow)} – ${short(pointsHigh)}`;
}

function grouped(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Four digits of a large number: 2.820 × 10¹¹. */
function short(value: number): string {
  if (value < 1e6) return grouped(value);
  const [digits, power] = value.toExponential(3).split("e+");
  return `${digits} × 10<sup>${power}</sup>`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
