/** Writes a propagation to a directory: JSON Lines for programs, a page for people. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileError } from "../files.ts";
import type { Describer } from "./describe.ts";
import type { PlaceName } from "./owner-names.ts";
import type { Propagation } from "./propagation.ts";
import { type CorruptionRow, changesOf, corruptionRow, type PropagationSummary } from "./record.ts";
import { reportPage } from "./report/page.ts";

/**
 * Gives the paths of the files.
 * @throws InputError if one cannot be written.
 */
export function writeRecord(
  directory: string,
  propagation: Propagation,
  summary: PropagationSummary,
  describer: Describer,
  scenario: string,
): string[] {
  const { history, names } = propagation;
  const rows = history.map((corruption, id) => corruptionRow(corruption, names[id]!, describer));
  const files: [string, string][] = [
    ["report.html", reportPage(propagation, summary, describer, scenario)],
    ["summary.json", `${JSON.stringify(summary, undefined, 2)}\n`],
    ["corruptions.jsonl", lines(rows)],
    ["words.jsonl", lines(wordRows(rows))],
    ["edges.jsonl", lines(rows.flatMap(({ id, sources }) => sources.map((from) => ({ from, to: id }))))],
    ["series.jsonl", lines(seriesRows(propagation.history, names))],
  ];
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw fileError(error, directory);
  }
  return files.map(([name, text]) => {
    const path = join(directory, name);
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw fileError(error, path);
    }
    return path;
  });
}

/** One line for each place that was ever wrong: first and last clock, how often, and what wrote it first. */
function wordRows(rows: readonly CorruptionRow[]) {
  const words = new Map<
    string,
    { first: CorruptionRow; last: CorruptionRow; corruptions: number; faultful: boolean }
  >();
  for (const row of rows) {
    const known = words.get(row.place);
    const faultful = row.root === "fault";
    if (known === undefined) words.set(row.place, { first: row, last: row, corruptions: 1, faultful });
    else {
      known.last = row;
      known.corruptions++;
      known.faultful ||= faultful;
    }
  }
  return [...words.values()].map(({ first, last, corruptions, faultful }) => ({
    place: first.place,
    owner: first.owner,
    component: first.component,
    space: first.space,
    virtual: first.virtual,
    physical: first.physical,
    symbol: first.symbol,
    firstWrongCycle: first.firstCycle,
    lastWrongCycle: last.endCycle,
    healed: last.healed,
    corruptions,
    byFault: faultful,
    firstWriter: first.writer,
    firstCorruption: first.id,
  }));
}

function seriesRows(history: Propagation["history"], names: readonly PlaceName[]) {
  const now = new Map<string, number>();
  return changesOf(history).map(({ cycle, id, change }) => {
    const { owner } = names[id]!;
    const words = (now.get(owner) ?? 0) + change;
    now.set(owner, words);
    return { cycle, owner, words };
  });
}

function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}
