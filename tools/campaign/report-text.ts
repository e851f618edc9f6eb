/** A campaign's report as a table for people, and as CSV for spreadsheets. */
import { CLASSES } from "../faults/outcome.ts";
import type { SpaceModel } from "./fault-space.ts";
import type { CampaignReport, Distribution, Estimate, Group } from "./report.ts";

/** How text is marked; the identity where there is no colour. */
export interface Marks {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
}

const PLAIN: Marks = { bold: (text) => text, dim: (text) => text, red: (text) => text };
/** Groups of places in the table; the rest is in CSV and JSON. */
const MOST_PLACES = 24;

export function reportText(report: CampaignReport, marks: Marks = PLAIN): string {
  const { asked, reached, seed, total, confidence, interval, earlyStop, toolErrors, detection, classes } = report;
  const lines: string[] = [];
  lines.push(`${marks.bold(report.name)}  ${marks.dim(`image ${report.scenario}`)}`);
  const partial = reached < asked ? marks.red(` (${thousands(asked - reached)} missing)`) : "";
  const drawn = seed === undefined ? "complete  " : "sample    ";
  const how = seed === undefined ? `for ${thousands(classes ?? 0)} classes of points` : `seed ${seed}`;
  const unit = seed === undefined ? "experiments" : "draws";
  lines.push(`  ${drawn} ${thousands(reached)} of ${thousands(asked)} ${unit}${partial}, ${how}`);
  for (const { component, asked: wanted, reached: got } of report.strata ?? [])
    lines.push(`  stratum    ${thousands(got)} of ${thousands(wanted)} draws, ${component}`);
  if (report.experiments !== undefined) {
    const { asked: needed, undisturbed } = report.experiments;
    lines.push(
      `  needed     ${thousands(needed)} experiments; ${thousands(undisturbed)} draws are never read and need none`,
    );
  }
  if (report.model.kind !== "flip" || report.model.bits > 1) lines.push(`  model      ${modelText(report.model)}`);
  lines.push(`  space      ${thousands(total.bits)} bits x clocks = ${bigThousands(total.space)} points`);
  const kind = interval === "wilson" ? "Wilson" : "Clopper-Pearson";
  if (seed === undefined) lines.push("  intervals  none: points are counted; as wide as what is missing");
  else lines.push(`  intervals  ${kind}, ${round(confidence * 100)} %`);
  if (earlyStop.whole > 0) {
    const part = percent(earlyStop.simulated / earlyStop.whole);
    lines.push(`  early stop ${thousands(earlyStop.stopped)} experiments; ${part} of all instructions were simulated`);
  }
  for (const { component, name, bits } of report.absent)
    lines.push(marks.dim(`  not there  ${component} ${name}: ${thousands(bits)} bits, never mapped in the window`));
  const groups = report.components.length > 1 ? [total, ...report.components] : report.components;
  for (const group of groups) lines.push("", ...groupTable(group, marks));
  lines.push("", ...placeTable(report, marks));
  if (detection !== undefined) lines.push("", ...detectionTable(detection, marks));
  lines.push("");
  const errors = `TOOL_ERROR ${thousands(toolErrors.count)}`;
  lines.push(toolErrors.count > 0 ? marks.red(errors) : errors);
  for (const [reason, count] of Object.entries(toolErrors.reasons)) lines.push(`  ${thousands(count)}  ${reason}`);
  return lines.join("\n");
}

export function modelText({ kind, bits, clocks }: SpaceModel): string {
  const what = bits === 1 ? "one bit" : `${bits} adjacent bits`;
  if (kind === "flip") return `${what} ${bits === 1 ? "flips" : "flip"}`;
  return `${what} stuck at ${kind === "stuckAt0" ? 0 : 1} ${clocks === undefined ? "for good" : `for ${thousands(clocks)} clocks`}`;
}

function groupTable(group: Group, marks: Marks): string[] {
  const header = ["", "sample", "share", "interval", "points of the space", "interval"];
  const rows = CLASSES.map((name) => [name, ...cells(group.classes[name])]);
  rows.push(["failures", ...cells(group.failures)]);
  const title = `${marks.bold(group.name)}  ${thousands(group.sampled)} rows`;
  const table = align([header, ...rows]);
  const shown = table.map((line, i) => {
    if (i === 0) return marks.dim(line);
    const empty = i <= CLASSES.length && group.classes[CLASSES[i - 1]!].count === 0;
    return empty ? marks.dim(line) : i > CLASSES.length ? marks.bold(line) : line;
  });
  return [title, ...shown];
}

function cells({ count, share, shareLow, shareHigh, points, pointsLow, pointsHigh }: Estimate): string[] {
  return [
    thousands(count),
    percent(share),
    `${percent(shareLow)} to ${percent(shareHigh)}`,
    scientific(points),
    `${scientific(pointsLow)} to ${scientific(pointsHigh)}`,
  ];
}

function placeTable({ places }: CampaignReport, marks: Marks): string[] {
  const header = ["", "sample", "corrected", "failures", "points with failures", "interval"];
  const shown = [...places].sort(
    (a, b) => b.failures.points + b.classes.CORRECTED.points - a.failures.points - a.classes.CORRECTED.points,
  );
  const rows = shown
    .slice(0, MOST_PLACES)
    .map(({ name, sampled, classes, failures }) => [
      name,
      thousands(sampled),
      thousands(classes.CORRECTED.count),
      thousands(failures.count),
      scientific(failures.points),
      `${scientific(failures.pointsLow)} to ${scientific(failures.pointsHigh)}`,
    ]);
  const more =
    shown.length > MOST_PLACES ? [marks.dim(`  ${shown.length - MOST_PLACES} more in --csv and --json`)] : [];
  const [head, ...body] = align([header, ...rows]);
  return [marks.bold("by place"), marks.dim(head!), ...body, ...more];
}

function detectionTable({ count, least, median, ninth, most, bins }: Distribution, marks: Marks): string[] {
  const peak = Math.max(...bins.map((bin) => bin.count));
  const bars = bins.map((bin) => [
    `${thousands(bin.from)} up`,
    thousands(bin.count),
    "█".repeat(Math.ceil((bin.count / peak) * 30)),
  ]);
  return [
    `${marks.bold("clocks from injection to the vote that names a replica")}  ${thousands(count)} experiments`,
    `  least ${thousands(least)}, median ${thousands(median)}, nine in ten ${thousands(ninth)}, most ${thousands(most)}`,
    ...align(bars, 2),
  ];
}

/** First column (and those from `left` on) to the left, the others to the right. */
function align(rows: readonly (readonly string[])[], left = Number.POSITIVE_INFINITY): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? [];
  return rows.map((row) =>
    `  ${row
      .map((cell, i) => (i === 0 || i >= left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")}`.trimEnd(),
  );
}

export function reportCsv({ total, components, places }: CampaignReport): string {
  const header =
    "level,name,bits,space,sampled,class,count,share,share_low,share_high,points,points_low,points_high".split(",");
  const lines = [header.join(",")];
  const levels = [["all", [total]] as const, ["component", components] as const, ["place", places] as const];
  for (const [level, groups] of levels) {
    for (const { name, bits, space, sampled, classes, failures } of groups) {
      const estimates = [...CLASSES.map((each) => [each, classes[each]] as const), ["failures", failures] as const];
      for (const [label, e] of estimates) {
        const values = [e.count, e.share, e.shareLow, e.shareHigh, e.points, e.pointsLow, e.pointsHigh];
        lines.push([level, quote(name), bits, space, sampled, label, ...values].join(","));
      }
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** RFC 4180. */
function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function thousands(value: number): string {
  return bigThousands(value.toFixed(0));
}

function bigThousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Counts of points are estimates: four digits say enough. */
function scientific(value: number): string {
  return value === 0 || (value >= 1 && value < 1e6) ? thousands(value) : value.toExponential(3);
}

function round(value: number): string {
  return String(Number(value.toFixed(4)));
}
