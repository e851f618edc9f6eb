/** A Parquet file as DuckDB reads it. */
import { DuckDBInstance, DuckDBListValue } from "@duckdb/node-api";

export async function readParquet(file: string): Promise<{ names: string[]; types: string[]; rows: unknown[][] }> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file.replaceAll("'", "''")}')`);
    const plain = (value: unknown): unknown => (value instanceof DuckDBListValue ? [...value.items] : value);
    return {
      names: reader.columnNames(),
      types: reader.columnTypes().map(String),
      rows: reader.getRows().map((row) => row.map(plain)),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
