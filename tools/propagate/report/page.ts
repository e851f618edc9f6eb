/** `report.html`: one file with everything in it, to be opened from anywhere. Its pictures are drawn by browser/. */
import { CLASS_TEXT } from "../../faults/class-text.ts";
import { bitClasses, bitLabel } from "../../report/bits.ts";
import { bundle } from "../../report/bundle.ts";
import { htmlDocument } from "../../report/document.ts";
import { duration, grouped, hex, plural } from "../../report/format.ts";
import { escapeHtml } from "../../report/html.ts";
import type { Describer } from "../describe.ts";
import type { Propagation } from "../propagation.ts";
import type { PropagationSummary } from "../record.ts";
import { reportData } from "./data.ts";
import { COLUMN_NAMES, type PageData } from "./page-data.ts";
import { STYLE } from "./style.ts";

export function reportPage(
  propagation: Propagation,
  summary: PropagationSummary,
  describer: Describer,
  scenario: string,
): string {
  const { data, columns } = reportData(propagation, summary, describer);
  const body = [headline(summary, data, scenario), unexplained(summary)];
  if (data.held > 0) body.push(figures(summary, data), ...pictures(data));
  if (propagation.ended !== "not-applied") body.push(threads(summary));
  return htmlDocument({
    title: `${summary.outcome.class} ${summary.fault}`,
    style: STYLE,
    body: body.join("\n"),
    script: bundle(new URL("./browser/main.js", import.meta.url)),
    data,
    columns,
    columnNames: COLUMN_NAMES,
  });
}

function headline(summary: PropagationSummary, data: PageData, scenario: string): string {
  const { outcome } = summary;
  const good = ["MASKED", "LATENT", "CORRECTED"].includes(outcome.class);
  const text = CLASS_TEXT[outcome.class];
  const applied = outcome.activation !== "not-applied";
  return `<header><p class="eyebrow"><b>quorum86 propagate</b> · ${escapeHtml(scenario)}</p>
<h1>${text[0]!.toUpperCase()}${escapeHtml(text.slice(1))}.</h1>
<p class="fault"><code>${escapeHtml(summary.fault)}</code></p>
${struck(summary, data)}
<p class="verdict"><span class="chip ${good ? "good" : "bad"}">${outcome.class}</span><span>${escapeHtml(summary.victim ?? "nobody")}: ${outcome.replicaEffect} · vote: ${outcome.vote} · reached: ${outcome.containment} · service: ${outcome.service}</span></p>
<p id="problem" hidden></p>
${applied ? latencyLine(summary, data) : ""}</header>`;
}

/** What the fault did to the machine: bits, skipped instructions, or why nothing. */
function struck({ injection, latency, activation }: PropagationSummary, { hertz }: PageData): string {
  if (injection === undefined) return "";
  const { before, after, location, until, skipped, reason } = injection;
  if (!injection.applied) return `<p class="fault warned">${escapeHtml(reason ?? "")}</p>`;
  const change =
    before === undefined || after === undefined
      ? `<code>${escapeHtml(location ?? "")}</code>`
      : `<code>${escapeHtml(location ?? "")}</code> from <code>${hex(before)}</code> to <code>${hex(after)}</code>`;
  const strip =
    before === undefined || after === undefined ? "" : `<p class="fault">${bits(before, before ^ after)}</p>`;
  const skip = skipped === undefined ? "" : `, skipped <code>${skipped.map(escapeHtml).join(" ")}</code>`;
  const held = until === undefined ? "" : `, held until cycle ${grouped(until)}`;
  return `${strip}<p class="fault">${change}${skip} at cycle ${grouped(latency.injected)}, ${duration(latency.injected, hertz)} after reset${held}; ${escapeHtml(activation)}</p>`;
}

function bits(golden: number, wrong: number): string {
  const squares = bitClasses(golden, wrong).map((name) => `<i class="${name}"></i>`);
  return `<span class="bits" role="img" aria-label="${bitLabel(wrong)}">${squares.join("")}</span>`;
}

/** The way of the fault as a line: the longer the time in powers of ten, the longer the piece. */
function latencyLine({ latency, outcome }: PropagationSummary, { hertz }: PageData): string {
  const steps: [string, number | undefined][] = [
    ["injected", latency.injected],
    ["first wrong word", latency.firstWrongWord],
    ["leaves its victim", latency.leavesVictim],
    ["vote mismatch", latency.voteMismatch],
    ["excluded", latency.verdict],
    [outcome.ending, latency.end],
  ];
  const reached = steps
    .filter((step): step is [string, number] => step[1] !== undefined)
    .sort((a, b) => a[1] - b[1])
    .map(([name, cycle]) => ({ name, at: cycle - latency.injected }));
  const items = reached.map(({ name, at }, i) => {
    const grow = Math.log10(10 + (reached[i + 1]?.at ?? at) - at).toFixed(2);
    const when = i === 0 ? `cycle ${grouped(latency.injected)}` : `+${grouped(at)} cycles`;
    const dot = `var(--${i === 0 ? "accent" : i === reached.length - 1 ? "soft" : "ramp2"})`;
    const time = i === 0 ? "" : `<span>${duration(at, hertz)}</span>`;
    return `<li style="--grow:${grow};--dot:${dot}"><b>${name}</b><span>${when}</span>${time}</li>`;
  });
  return `<ol class="latency" aria-label="latency chain">${items.join("")}</ol>`;
}

/** A gap of the tracker is no secret. */
function unexplained({ tracking: { byRoot } }: PropagationSummary): string {
  if (byRoot.unknown === 0) return "";
  return `<p class="warned">${plural(byRoot.unknown, "wrong write")} without a known cause ${byRoot.unknown === 1 ? "is" : "are"} in corruptions.jsonl and not on this page: a gap of the tracker.</p>`;
}

function figures({ tracking, latency }: PropagationSummary, { hertz }: PageData): string {
  const since = (cycle: number | undefined): string =>
    cycle === undefined ? "never" : duration(cycle - latency.injected, hertz);
  const list: [string, string][] = [
    [grouped(tracking.words), "words of memory wrong at some time"],
    [grouped(tracking.registers), "registers wrong at some time"],
    [grouped(tracking.peak), "wrong at once, at most"],
    [grouped(tracking.atEnd), "wrong at the end"],
    [since(latency.leavesVictim), "until it left its victim"],
    [since(latency.verdict), "until the vote excluded it"],
  ];
  return `<div class="figures">${list.map(([value, text]) => `<div><b>${value}</b><span>${text}</span></div>`).join("")}</div>`;
}

function pictures({ total, held, hertz, end }: PageData): string[] {
  const left =
    held < total
      ? `<p class="warned">This page holds the first ${grouped(held)} of ${grouped(total)} wrong writes: everything on it ends ${grouped(end)} cycles (${duration(end, hertz)}) after the injection. The tables beside it hold all.</p>`
      : "";
  return [
    `<section><h2>Wrong words over time</h2>
<p class="soft">Words and registers that the fault made wrong, by owner, against the golden run at equal progress of each thread. Cycles since the injection, ${grouped(hertz / 1e6)} a microsecond. Drag to zoom, click to see the map at that moment; or use + and − and the arrow keys.</p>${left}
<div class="tools"><button class="button" id="chart-log" type="button" aria-pressed="true">powers of ten</button><button class="button" id="chart-whole" type="button">whole run</button></div>
<canvas id="chart" tabindex="0" role="application" aria-label="Wrong words over time, stacked by owner. Arrow keys move the moment that is shown, plus and minus zoom, Escape shows the whole run. The tables below hold the numbers."></canvas>
<div class="legend" id="chart-legend"></div></section>`,
    `<section id="map-section"><h2>Where they are</h2>
<p class="soft">Squares are pages, and within a page words. Open a space, a page, a word; Escape goes back.</p>
<div class="time-bar"><button class="button" id="time-play" type="button">▶ play</button><button class="button" id="time-whole" type="button">whole run</button><input id="time" type="range" min="0" step="1" aria-label="moment shown on the map"><span id="time-label" role="status"></span></div>
<div class="scale"><span>first wrong after</span><div><i></i><div id="scale"></div></div><span>full: wrong, frame: healed</span></div>
<nav class="crumbs" id="crumbs" aria-label="place on the map"></nav><div id="map"></div></section>`,
    `<section id="graph-section"><h2>From the fault to the vote</h2>
<p class="soft"><span id="path-title"></span> Step on any cause or effect to walk there; the arrow keys walk too.</p>
<div class="tools"><button class="button" id="path-fault" type="button">⇤ fault</button><button class="button" id="path-back" type="button">← cause</button><button class="button" id="path-on" type="button">effect →</button><button class="button" id="path-goal" type="button">back to the chain of the fault ⇥</button></div>
<div class="lanes" id="path"></div><div class="walk" id="walk"></div></section>`,
    `<section><h2>Every word</h2><div id="words"></div></section>
<section><h2>What wrote them</h2><p class="soft">Instructions and kernel actions that left wrong words behind.</p><div id="writers"></div></section>`,
  ];
}

function threads({ tracking, partings, shifts }: PropagationSummary): string {
  const step =
    tracking.lockstepEnd === undefined
      ? "The two machines did the same at the same clocks all the while."
      : `The two machines did the same at the same clocks until cycle ${grouped(tracking.lockstepEnd)}.`;
  const ways =
    partings.length === 0
      ? "No thread took another way"
      : `Threads took another way ${plural(partings.length, "time")}`;
  const rows = shifts.map(
    ({ name, lastShift, largestShift, extraInstructions }) =>
      `<tr><td class="text">${escapeHtml(name)}</td><td>${grouped(lastShift)}</td><td>${grouped(largestShift)}</td><td>${grouped(extraInstructions)}</td></tr>`,
  );
  return `<section><h2>Time</h2><p class="soft">${step} ${ways}. ${plural(tracking.byRoot.time, "wrong write")} came from shifted clocks alone and ${tracking.byRoot.time === 1 ? "is" : "are"} not counted above.</p>
<div class="wide"><table><thead><tr><th class="text">thread</th><th>clocks late at the end</th><th>at most</th><th>extra instructions</th></tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}
