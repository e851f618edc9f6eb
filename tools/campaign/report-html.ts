/** `campaign report --html FILE`: the report as one file that opens without a server. Its map is drawn by report-html/browser/. */
import { CLASSES } from "../faults/outcome.ts";
import { bundle } from "../report/bundle.ts";
import { htmlDocument } from "../report/document.ts";
import { grouped, plural } from "../report/format.ts";
import { escapeHtml } from "../report/html.ts";
import type { ScenarioRun } from "../run/scenario-run.ts";
import type { CampaignReport, Distribution, Estimate, Group } from "./report.ts";
import { classStacks, distributionBars, failureWhiskers } from "./report-html/charts.ts";
import { percent, points } from "./report-html/numbers.ts";
import { type CampaignPageData, COLUMN_NAMES, type ColumnName } from "./report-html/page-data.ts";
import { STYLE } from "./report-html/style.ts";
import { modelText } from "./report-text.ts";
import { type WordNames, wordNames } from "./word-names.ts";

/** @param booted the campaign's image, just booted: it names the words. */
export function reportHtml(report: CampaignReport, booted: ScenarioRun): string {
  const { data, columns } = pageData(report, wordNames(booted));
  const hertz = booted.machine.configuration.coreHertz;
  const groups = report.components.length > 1 ? [report.total, ...report.components] : report.components;
  const body = [
    headline(report),
    figures(report),
    classSection(groups, report.seed === undefined),
    mapSection(report),
    ...(report.detection === undefined ? [] : [detectionSection(report.detection, hertz)]),
    ...(columns.component.length === 0
      ? []
      : ['<section><h2>Every word and bit that was struck</h2><div id="words"></div></section>']),
    `<section><h2>By place</h2><div class="wide">${placeTable(report.places)}</div></section>`,
    errorSection(report),
    `<p class="soft" style="margin-top:20px">Compare programs by points, never by shares: idle clocks make every share better and no program safer (Schirmeier et al., DSN 2015).${
      report.resultsSha256 === undefined ? "" : ` results.jsonl has SHA-256 <code>${report.resultsSha256}</code>.`
    }</p>`,
  ];
  return htmlDocument({
    title: `${report.name}: ${points(report.total.failures.points)} points with failures`,
    style: STYLE,
    body: body.join("\n"),
    script: bundle(new URL("./report-html/browser/main.js", import.meta.url)),
    data,
    columns,
    columnNames: COLUMN_NAMES,
  });
}

function headline({
  name,
  scenario,
  total,
  asked,
  reached,
  seed,
  interval,
  confidence,
  model,
  strata,
}: CampaignReport): string {
  const { failures, space } = total;
  const complete = seed === undefined;
  const kind = interval === "wilson" ? "Wilson" : "Clopper–Pearson";
  const range = `${points(failures.pointsLow)} to ${points(failures.pointsHigh)}`;
  const certainty = complete
    ? reached < asked
      ? `${range}, as experiments are missing`
      : "counted, not estimated"
    : `${kind} interval, ${Number((confidence * 100).toFixed(4))} %: ${range}`;
  const drawn = strata === undefined ? "uniformly from the raw space with replacement" : "from each component apart";
  const how = complete
    ? "Every point of the space is answered for when all are done."
    : `Drawn ${drawn}, seed ${seed}${strata === undefined ? "" : `: ${strata.map((each) => `${grouped(each.reached)} of ${grouped(each.asked)} in ${escapeHtml(each.component)}`).join(", ")}`}.`;
  const atLeast = complete && reached < asked ? "At least " : "";
  const unit = complete ? "experiments" : "draws";
  const missing = reached < asked ? ` <b class="bad">${plural(asked - reached, "is missing", "are missing")}.</b>` : "";
  return `<header><p class="eyebrow"><b>quorum86 campaign</b> · ${escapeHtml(name)} · ${escapeHtml(scenario)}</p>
<h1>${atLeast}${points(failures.points)} of ${points(Number(space))} points end in failure<small>${certainty}. A point is one bit at one clock; ${escapeHtml(modelText(model))}.</small></h1>
<p>${grouped(reached)} of ${grouped(asked)} ${unit} are done.${missing} ${how}</p>
<div class="progress" role="img" aria-label="${percent(asked === 0 ? 1 : reached / asked)} done"><i style="width:${asked === 0 ? 100 : (100 * reached) / asked}%"></i></div>
<p id="problem" hidden></p></header>`;
}

function figures({ total, toolErrors, earlyStop, experiments, classes, reached, seed }: CampaignReport): string {
  const { classes: estimates, failures } = total;
  const list: [string, string][] = [
    [points(failures.points), "points with failures"],
    [points(estimates.CORRECTED.points), "points outvoted"],
    [grouped(reached), seed === undefined ? "experiments" : "draws"],
    ...(experiments === undefined
      ? []
      : [
          [
            grouped(experiments.asked),
            `experiments needed; ${grouped(experiments.undisturbed)} draws are never read`,
          ] as [string, string],
        ]),
    ...(classes === undefined ? [] : [[grouped(classes), "classes of points"] as [string, string]]),
    [percent(earlyStop.whole > 0 ? earlyStop.simulated / earlyStop.whole : 1), "of all instructions were simulated"],
    [grouped(toolErrors.count), "tool errors"],
  ];
  return `<div class="figures">${list.map(([value, text]) => `<div><b>${value}</b><span>${text}</span></div>`).join("")}</div>`;
}

function classSection(groups: readonly Group[], complete: boolean): string {
  const how = complete
    ? "Counted; the interval is what is missing"
    : "Extrapolated to the whole space, with the interval";
  const tables = groups.map(
    (group, i) =>
      `<details${i === 0 ? " open" : ""}><summary>${escapeHtml(group.name)}</summary>${classTable(group)}</details>`,
  );
  return `<section><h2>What became of them</h2><p class="soft">Shares of the space in each class, by component.</p>${classStacks(groups)}
<h3>Points with failures</h3><p class="soft">${how}; an open circle is the upper bound where none was seen.</p>${failureWhiskers(groups)}${tables.join("")}</section>`;
}

function classTable({ sampled, bits, space, classes, failures }: Group): string {
  const rows = CLASSES.map((each) => {
    const estimate = classes[each];
    const name = `<td class="text"><i class="swatch" style="--colour:var(--${each})"></i>${each}</td>`;
    return `<tr${estimate.points === 0 ? ' class="none"' : ""}>${name}${estimateCells(estimate)}</tr>`;
  });
  return `<p class="soft">${grouped(sampled)} struck in ${plural(bits, "bit")}, ${points(Number(space))} points</p>
<div class="wide"><table class="classes-table"><thead><tr><th class="text">class</th><th>struck</th><th>share</th><th>interval</th><th>points of the space</th><th>interval</th></tr></thead><tbody>${rows.join("")}<tr class="sum"><td class="text">failures</td>${estimateCells(failures)}</tr></tbody></table></div>`;
}

function estimateCells(estimate: Estimate): string {
  const { count, share, shareLow, shareHigh } = estimate;
  return `<td>${grouped(count)}</td><td>${percent(share)}</td><td>${percent(shareLow)} – ${percent(shareHigh)}</td><td>${points(estimate.points)}</td><td>${span(estimate)}</td>`;
}

function span({ pointsLow, pointsHigh }: Estimate): string {
  return `${points(pointsLow)} – ${points(pointsHigh)}`;
}

function mapSection({ words, bits, seed }: CampaignReport): string {
  if (words.length + bits.length === 0) return "";
  const weight =
    seed === undefined ? "counted from the weights of its classes" : "extrapolated from the draws that struck it";
  return `<section><h2>Where harm begins</h2>
<p class="soft">A cell is a word of memory, or a bit of a register; its colour says how much of the space begins there and ends so, ${weight}. Words that nothing struck are blank; long stretches of them are left out.</p>
<div class="tools"><span id="heat-metrics" class="tools" style="margin:0" role="group" aria-label="what the colours say"></span><span class="scale" id="heat-scale"></span></div>
<div class="heat" id="heat" role="group" aria-label="map; the table below holds the same"></div><div class="chosen" id="heat-chosen" role="status"></div></section>`;
}

function detectionSection(distribution: Distribution, hertz: number): string {
  const { count, least, median, ninth, most } = distribution;
  return `<section><h2>How long until the vote names a replica</h2>
<p class="soft">Clocks from the injection, ${plural(count, "time")}: least ${grouped(least)}, median ${grouped(median)}, nine in ten within ${grouped(ninth)}, most ${grouped(most)}.</p>
${distributionBars(distribution, hertz)}</section>`;
}

function placeTable(places: readonly Group[]): string {
  const rows = [...places]
    .sort((a, b) => b.failures.points - a.failures.points || b.classes.CORRECTED.points - a.classes.CORRECTED.points)
    .map(
      ({ name, sampled, classes, failures }) =>
        `<tr><td class="text">${escapeHtml(name)}</td><td>${grouped(sampled)}</td><td>${grouped(classes.CORRECTED.count)}</td><td>${grouped(failures.count)}</td><td>${points(failures.points)}</td><td>${span(failures)}</td></tr>`,
    );
  return `<table class="places"><thead><tr><th class="text">place</th><th>struck</th><th>outvoted</th><th>failed</th><th>points with failures</th><th>interval</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function errorSection({ toolErrors, absent }: CampaignReport): string {
  const reasons = Object.entries(toolErrors.reasons).map(
    ([reason, count]) => `<p>${grouped(count)} × ${escapeHtml(reason)}</p>`,
  );
  const places = absent.map(
    ({ component, name, bits }) =>
      `<p class="soft">${escapeHtml(`${component} ${name}`)}: ${plural(bits, "bit was", "bits were")} never there within the window and ${bits === 1 ? "is" : "are"} not in the space.</p>`,
  );
  return `<section class="errors${toolErrors.count > 0 ? " some" : ""}"><h2>TOOL_ERROR: ${grouped(toolErrors.count)}</h2>
<p class="soft">Experiments that were none: the fault was not applied, or the tool failed. They stay in every denominator.</p>${reasons.join("")}${places.join("")}</section>`;
}

function pageData({ words, bits, seed }: CampaignReport, names: WordNames) {
  const components = new Map<string, number>();
  const places = new Map<string, number>();
  const symbols = new Map<string, number>();
  const number = (texts: Map<string, number>, text: string): number => {
    const known = texts.get(text) ?? texts.size;
    texts.set(text, known);
    return known;
  };
  const columns = Object.fromEntries(COLUMN_NAMES.map((name) => [name, [] as number[]])) as Record<
    ColumnName,
    number[]
  >;
  const add = (each: CampaignReport["words"][number] | CampaignReport["bits"][number]): void => {
    const word = "address" in each ? each : undefined;
    const symbol = word === undefined ? undefined : names(word);
    columns.component.push(number(components, each.component));
    columns.place.push(number(places, "address" in each ? each.place : each.register));
    columns.address.push(word?.address ?? -1);
    columns.bit.push("bit" in each ? each.bit : -1);
    columns.symbol.push(symbol === undefined ? -1 : number(symbols, symbol));
    columns.sampled.push(each.sampled);
    columns.corrected.push(each.corrected);
    columns.failures.push(each.failures);
    columns.latent.push(each.latent);
    columns.correctedPoints.push(Math.round(each.correctedPoints));
    columns.failurePoints.push(Math.round(each.failurePoints));
  };
  for (const bit of bits) add(bit);
  for (const word of words) add(word);
  const data: CampaignPageData = {
    components: [...components.keys()],
    places: [...places.keys()],
    symbols: [...symbols.keys()],
    unit: seed === undefined ? "experiments" : "draws",
  };
  return { data, columns };
}
