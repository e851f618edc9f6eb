/** Writes a propagation to a directory: tables for programs (JSON Lines and Parquet), a page for people. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AtomicFile, fileError, writeWhole } from "../files.ts";
import { writeParquet } from "../parquet/parquet.ts";
import type { Describer } from "./describe.ts";
import type { Propagation } from "./propagation.ts";
import type { PropagationSummary } from "./record.ts";
import { reportPage } from "./report/page.ts";
import { type Table, tablesOf } from "./tables.ts";

/** Characters that are written at a time. */
const BATCH = 1 << 20;

/**
 * Gives the paths of the files.
 * @param parquet whether to write the tables as Parquet too.
 * @throws InputError if one cannot be written; Parquet comes last, so that without DuckDB all else is there.
 */
export async function writeRecord(
  directory: string,
  propagation: Propagation,
  summary: PropagationSummary,
  describer: Describer,
  scenario: string,
  parquet: boolean,
): Promise<string[]> {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw fileError(error, directory);
  }
  const files: string[] = [];
  const path = (name: string): string => {
    files.push(join(directory, name));
    return files.at(-1)!;
  };
  const encoder = new TextEncoder();
  writeWhole(path("report.html"), encoder.encode(reportPage(propagation, summary, describer, scenario)));
  writeWhole(path("summary.json"), encoder.encode(`${JSON.stringify(summary, undefined, 2)}\n`));
  const tables = tablesOf(propagation, describer);
  for (const table of tables) writeLines(path(`${table.name}.jsonl`), table);
  if (parquet)
    for (const table of tables) await writeParquet(path(`${table.name}.parquet`), table.columns, values(table));
  return files;
}

function* values(table: Table) {
  for (const row of table.rows()) yield row.values;
}

function writeLines(path: string, table: Table): void {
  const file = new AtomicFile(path);
  const encoder = new TextEncoder();
  try {
    let text = "";
    for (const { json } of table.rows()) {
      text += `${JSON.stringify(json)}\n`;
      if (text.length < BATCH) continue;
      file.write(encoder.encode(text));
      text = "";
    }
    file.write(encoder.encode(text));
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}
