/**
 * Tables as Parquet files, for DuckDB, pandas, R and the like. DuckDB writes them; it is loaded by the first call, so that
 * commands that write none do not pay for its native library.
 */
import { renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { DuckDBDataChunk, DuckDBValue } from "@duckdb/node-api";
import { fileError } from "../files.ts";
import { InputError } from "../input-error.ts";

/** `uint64` holds clocks and counts; as JavaScript numbers they must be safe integers (below 2^53). */
export type ParquetType = "boolean" | "uint8" | "uint32" | "uint64" | "int64" | "double" | "text" | "uint32[]";

export type ParquetValue = boolean | number | bigint | string | readonly number[] | null;

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
}

type DuckDb = typeof import("@duckdb/node-api");

const SQL_TYPES: Readonly<Record<ParquetType, string>> = {
  boolean: "BOOLEAN",
  uint8: "UTINYINT",
  uint32: "UINTEGER",
  uint64: "UBIGINT",
  int64: "BIGINT",
  double: "DOUBLE",
  text: "VARCHAR",
  "uint32[]": "UINTEGER[]",
};

/** Rows of a DuckDB data chunk. */
const CHUNK_ROWS = 2048;

/** One thread and order kept, so that the same rows give the same bytes; nothing is fetched from anywhere. */
const CONFIGURATION = {
  threads: "1",
  preserve_insertion_order: "true",
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
};

/**
 * Writes a table, compressed with zstd. The file appears under its name only when it is complete.
 * @param rows values in the columns' order; read once, in order.
 * @throws InputError if the file cannot be written, or DuckDB cannot be loaded on this host.
 * @throws RangeError if a value does not fit its column's type.
 */
export async function writeParquet(
  file: string,
  columns: readonly ParquetColumn[],
  rows: Iterable<readonly ParquetValue[]>,
): Promise<void> {
  const duckDb = await loadDuckDb(file);
  const instance = await duckDb.DuckDBInstance.create(":memory:", CONFIGURATION);
  const connection = await instance.connect();
  // Absolute: DuckDB takes names such as http://… for addresses.
  const path = resolve(file);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    const declarations = columns.map(({ name, type }) => `${quoted(name, '"')} ${SQL_TYPES[type]}`);
    await connection.run(`CREATE TABLE rows (${declarations.join(", ")})`);
    const appender = await connection.createAppender("rows");
    for (const chunk of chunksOf(duckDb, columns, rows)) appender.appendDataChunk(chunk);
    appender.closeSync();
    await connection
      .run(`COPY rows TO ${quoted(temporary, "'")} (FORMAT parquet, COMPRESSION zstd)`)
      .catch((error: unknown) => {
        throw unwritable(error, file);
      });
    try {
      renameSync(temporary, path);
    } catch (error) {
      throw fileError(error, file);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(temporary, { force: true });
  }
}

async function loadDuckDb(file: string): Promise<DuckDb> {
  try {
    return await import("@duckdb/node-api");
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0]! : String(error);
    throw new InputError({
      file,
      problem: `DuckDB, which writes Parquet, cannot be loaded on ${process.platform}-${process.arch} (${reason})`,
      mend: 'run "npm ci" again without --omit=optional, or leave Parquet out (propagate: --no-parquet)',
    });
  }
}

/** An error of DuckDB's file system in the words of ours. */
function unwritable(error: unknown, file: string): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.startsWith("IO Error")) return error;
  const reason = /: ([A-Z][^:"]*)$/.exec(message)?.[1] ?? message;
  return new InputError({ file, problem: `it cannot be written (${reason})`, mend: "check the path" });
}

function* chunksOf(
  duckDb: DuckDb,
  columns: readonly ParquetColumn[],
  rows: Iterable<readonly ParquetValue[]>,
): Iterable<DuckDBDataChunk> {
  const types = columns.map(({ type }) => logicalType(duckDb, type));
  let values: DuckDBValue[][] = columns.map(() => []);
  let held = 0;
  const chunk = () => {
    const filled = duckDb.DuckDBDataChunk.create(types, held);
    filled.setColumns(values);
    values = columns.map(() => []);
    held = 0;
    return filled;
  };
  for (const row of rows) {
    for (const [i, column] of columns.entries()) {
      const value = checked(column, row[i]);
      values[i]!.push(typeof value === "object" && value !== null ? duckDb.listValue(value) : value);
    }
    if (++held === CHUNK_ROWS) yield chunk();
  }
  if (held > 0) yield chunk();
}

function logicalType(duckDb: DuckDb, type: ParquetType) {
  const { BOOLEAN, UTINYINT, UINTEGER, UBIGINT, BIGINT, DOUBLE, VARCHAR, LIST } = duckDb;
  const types = {
    boolean: BOOLEAN,
    uint8: UTINYINT,
    uint32: UINTEGER,
    uint64: UBIGINT,
    int64: BIGINT,
    double: DOUBLE,
    text: VARCHAR,
    "uint32[]": LIST(UINTEGER),
  };
  return types[type];
}

const RANGES: Readonly<Partial<Record<ParquetType, readonly [least: number, most: number]>>> = {
  uint8: [0, 0xff],
  uint32: [0, 0xffff_ffff],
};

/** The value as DuckDB takes it. It would wrap what does not fit without a word. */
function checked({ name, type }: ParquetColumn, value: ParquetValue | undefined): ParquetValue {
  if (value === null) return null;
  const wrong = () => new RangeError(`column ${name}: ${String(value)} is no ${type}`);
  switch (type) {
    case "boolean":
      if (typeof value !== "boolean") throw wrong();
      return value;
    case "text":
      if (typeof value !== "string") throw wrong();
      return value;
    case "double":
      if (typeof value !== "number") throw wrong();
      return value;
    case "uint32[]":
      if (!Array.isArray(value)) throw wrong();
      for (const item of value) checked({ name, type: "uint32" }, item);
      return value;
    case "uint64":
    case "int64": {
      if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw wrong();
      const wide = BigInt(value as number | bigint);
      if (wide !== (type === "uint64" ? BigInt.asUintN(64, wide) : BigInt.asIntN(64, wide))) throw wrong();
      return wide;
    }
    default: {
      const [least, most] = RANGES[type]!;
      if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw wrong();
      return value;
    }
  }
}

function quoted(text: string, mark: string): string {
  return mark + text.replaceAll(mark, mark + mark) + mark;
}
