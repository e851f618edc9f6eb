import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Row, rowSchema } from "../../../tools/campaign/row.ts";
import { writeRowsParquet } from "../../../tools/campaign/rows-parquet.ts";
import { readParquet } from "../parquet/read-parquet.ts";

const OUTCOME = {
  activation: "unobserved",
  replicaEffect: "wrong-value",
  vote: "minority-named",
  containment: "unobserved",
  recovery: "not-needed",
  ending: "power-off",
  service: "right",
  breach: false,
  residue: true,
  class: "CORRECTED",
} as const;

const ROWS: readonly Row[] = [
  {
    index: 0,
    fault: "replica-2:0x0804a101:flip:7@cycle=9007199254740991",
    component: "replica-2",
    place: "aes_round_keys",
    address: 0xffff_fffd,
    bit: 7,
    cycle: Number.MAX_SAFE_INTEGER,
    outcome: OUTCOME,
    injection: {
      cycle: Number.MAX_SAFE_INTEGER,
      location: "physical 0x00019355",
      before: 0xffff_ffff,
      after: 0x7fff_ffff,
    },
    weight: 4_294_967_297,
    detection: 0,
    cycles: 12,
    instructions: 5,
    stop: "end",
    simulated: 4,
  },
  {
    index: 1,
    fault: 'voter:eip:flip:31@cycle=1, "quoted"',
    component: "voter",
    place: "eip",
    bit: 31,
    cycle: 1,
    outcome: { ...OUTCOME, class: "TOOL_ERROR", breach: true },
    injection: { reason: "the thread is not there" },
    cycles: 12,
    instructions: 5,
    stop: "error",
    simulated: 4,
    error: "out of memory",
  },
  {
    index: 2,
    fault: "voter:eax:flip:3@cycle=7",
    component: "voter",
    place: "eax",
    bit: 3,
    cycle: 7,
    outcome: { ...OUTCOME, class: "MASKED" },
    injection: { pruned: "overwritten" },
    like: 1,
    cycles: 12,
    instructions: 5,
    stop: "pruned",
    simulated: 0,
  },
];

const directory = mkdtempSync(join(tmpdir(), "quorum86-rows-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** The row's fields by column name; what is absent is none. */
function flat({ outcome, injection, ...rest }: Row): Record<string, unknown> {
  const { cycle: injectionCycle, ...struck } = "cycle" in injection ? injection : { cycle: undefined };
  const reason = "reason" in injection ? injection.reason : undefined;
  const pruned = "pruned" in injection ? injection.pruned : undefined;
  return { ...rest, ...outcome, injectionCycle, ...struck, pruned, notAppliedReason: reason };
}

describe("rows as Parquet", () => {
  it("hold every field of every row", async () => {
    for (const row of ROWS) expect(rowSchema.parse(row)).toEqual(row);
    const file = join(directory, "rows.parquet");
    await writeRowsParquet(file, ROWS);
    const { names, types, rows } = await readParquet(file);
    expect(types[names.indexOf("address")]).toBe("UINTEGER");
    expect(new Set(names)).toEqual(new Set(ROWS.flatMap((row) => Object.keys(flat(row)))));
    rows.forEach((values, i) => {
      const expected = flat(ROWS[i]!);
      names.forEach((name, column) => {
        const value = values[column];
        expect([name, typeof value === "bigint" ? Number(value) : value]).toEqual([name, expected[name] ?? null]);
      });
    });
    expect(rows).toHaveLength(ROWS.length);
  });
});
