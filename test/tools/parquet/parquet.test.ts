import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ParquetColumn,
  type ParquetType,
  type ParquetValue,
  writeParquet,
} from "../../../tools/parquet/parquet.ts";
import { readParquet } from "./read-parquet.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-parquet-"));
afterAll(() => rmSync(directory, { recursive: true }));
const file = (name: string): string => join(directory, name);

const COLUMNS: readonly ParquetColumn[] = [
  { name: "flag", type: "boolean" },
  { name: "bit", type: "uint8" },
  { name: "address", type: "uint32" },
  { name: "cycle", type: "uint64" },
  { name: "shift", type: "int64" },
  { name: "share", type: "double" },
  { name: 'a "name", it\'s', type: "text" },
  { name: "sources", type: "uint32[]" },
];

describe("Parquet", () => {
  it("gives every value back, the largest ones and none too", async () => {
    const rows: ParquetValue[][] = [
      [
        true,
        255,
        0xffff_ffff,
        Number.MAX_SAFE_INTEGER,
        -Number.MAX_SAFE_INTEGER,
        0.1,
        "ä \0 'x' \u{1f980}",
        [0, 0xffff_ffff],
      ],
      [false, 0, 0x8000_0000, 2n ** 64n - 1n, -(2n ** 63n), -0, "", []],
      [null, null, null, null, null, null, null, null],
    ];
    await writeParquet(file("values.parquet"), COLUMNS, rows);
    const read = await readParquet(file("values.parquet"));
    expect(read.types).toEqual([
      "BOOLEAN",
      "UTINYINT",
      "UINTEGER",
      "UBIGINT",
      "BIGINT",
      "DOUBLE",
      "VARCHAR",
      "UINTEGER[]",
    ]);
    expect(read.names).toEqual(COLUMNS.map(({ name }) => name));
    expect(read.rows).toEqual(
      rows.map((row) =>
        row.map((value, i) => (value !== null && /int64/.test(COLUMNS[i]!.type) ? BigInt(value as bigint) : value)),
      ),
    );
  });

  it("takes rows one after another, more than a chunk and a row group of them, in order", async () => {
    const count = 300_001;
    function* rows(): Iterable<ParquetValue[]> {
      for (let i = 0; i < count; i++) yield [i, (i * 2_654_435_761) >>> 0];
    }
    const columns: ParquetColumn[] = [
      { name: "i", type: "uint64" },
      { name: "hash", type: "uint32" },
    ];
    await writeParquet(file("many.parquet"), columns, rows());
    const read = await readParquet(file("many.parquet"));
    expect(read.rows).toHaveLength(count);
    expect(read.rows.findIndex(([i, hash], at) => i !== BigInt(at) || hash !== (at * 2_654_435_761) >>> 0)).toBe(-1);
    await writeParquet(file("again.parquet"), columns, rows());
    expect(readFileSync(file("again.parquet")).equals(readFileSync(file("many.parquet")))).toBe(true);
  });

  it("writes a table without rows, and over what was there", async () => {
    await writeParquet(file("many.parquet"), COLUMNS, []);
    expect((await readParquet(file("many.parquet"))).rows).toEqual([]);
  });

  it.each<[ParquetType, ParquetValue]>([
    ["uint32", -1],
    ["uint32", 2 ** 32],
    ["uint32", 0.5],
    ["uint8", 256],
    ["uint64", 2 ** 53],
    ["uint64", -1],
    ["uint64", 2n ** 64n],
    ["int64", 2n ** 63n],
    ["text", 5],
    ["boolean", 1],
    ["double", "1"],
    ["uint32[]", [-1]],
  ])("as %s, %s is refused, and there is no file", async (type, value) => {
    await expect(writeParquet(file("wrong.parquet"), [{ name: "x", type }], [[value]])).rejects.toThrow(
      /^column x: .* is no /,
    );
    expect(readdirSync(directory).filter((name) => name.includes("wrong"))).toEqual([]);
  });

  it("says why a file cannot be written", async () => {
    await expect(writeParquet(file("none/x.parquet"), COLUMNS, [])).rejects.toThrow(
      /none\/x\.parquet: it cannot be written \(No such file or directory\); check the path/,
    );
    await expect(writeParquet(directory, COLUMNS, [])).rejects.toThrow(/this is a directory/);
  });

  it("without its native library DuckDB is an error with a mend", () => {
    const program = `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(\`export const resolve = (name, context, next) => {
        if (name.startsWith("@duckdb")) throw new Error("no binding"); return next(name, context); }\`));
      const { writeParquet } = await import(process.argv[1]);
      await writeParquet("x.parquet", [], []).catch((error) => console.log(error.name + ": " + error.message));`;
    const module = join(process.cwd(), "dist/tools/parquet/parquet.js");
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program, module], {
      encoding: "utf8",
    });
    expect(printed).toMatch(
      /^InputError: x\.parquet: DuckDB, which writes Parquet, cannot be loaded on .* \(no binding\); run "npm ci"/,
    );
  });
});
