/** The rows of a campaign as a Parquet file: one experiment a row, the outcome's axes and the injection in columns of their own. */
import type { ExperimentOutcome } from "../faults/outcome.ts";
import { type ParquetType, type ParquetValue, writeParquet } from "../parquet/parquet.ts";
import type { Row } from "./row.ts";

type Column = readonly [type: ParquetType, value: (row: Row) => ParquetValue | undefined];

const axis = (name: Exclude<keyof ExperimentOutcome, "breach" | "residue">): Column => [
  "text",
  ({ outcome }) => outcome[name],
];

const OUTCOME: Readonly<Record<keyof ExperimentOutcome, Column>> = {
  class: axis("class"),
  activation: axis("activation"),
  replicaEffect: axis("replicaEffect"),
  vote: axis("vote"),
  containment: axis("containment"),
  recovery: axis("recovery"),
  ending: axis("ending"),
  service: axis("service"),
  breach: ["boolean", ({ outcome }) => outcome.breach],
  residue: ["boolean", ({ outcome }) => outcome.residue],
};

const applied = ({ injection }: Row) => ("cycle" in injection ? injection : undefined);

const INJECTION = {
  injectionCycle: ["uint64", (row) => applied(row)?.cycle],
  location: ["text", (row) => applied(row)?.location],
  before: ["uint32", (row) => applied(row)?.before],
  after: ["uint32", (row) => applied(row)?.after],
  pruned: ["text", ({ injection }) => ("pruned" in injection ? injection.pruned : undefined)],
  notAppliedReason: ["text", ({ injection }) => ("reason" in injection ? injection.reason : undefined)],
} satisfies Record<string, Column>;

/** A new field of a row needs its column here: the compiler asks for it. */
const OTHERS: Readonly<Record<Exclude<keyof Row, "outcome" | "injection">, Column>> = {
  index: ["uint64", ({ index }) => index],
  fault: ["text", ({ fault }) => fault],
  component: ["text", ({ component }) => component],
  place: ["text", ({ place }) => place],
  address: ["uint32", ({ address }) => address],
  bit: ["uint8", ({ bit }) => bit],
  cycle: ["uint64", ({ cycle }) => cycle],
  weight: ["uint64", ({ weight }) => weight],
  like: ["uint64", ({ like }) => like],
  detection: ["uint64", ({ detection }) => detection],
  cycles: ["uint64", ({ cycles }) => cycles],
  instructions: ["uint64", ({ instructions }) => instructions],
  stop: ["text", ({ stop }) => stop],
  simulated: ["uint64", ({ simulated }) => simulated],
  error: ["text", ({ error }) => error],
};

const COLUMNS: readonly [string, Column][] = Object.entries({ ...OTHERS, ...OUTCOME, ...INJECTION });

/** @throws InputError if the file cannot be written, or DuckDB cannot be loaded. */
export async function writeRowsParquet(file: string, rows: readonly Row[]): Promise<void> {
  const columns = COLUMNS.map(([name, [type]]) => ({ name, type }));
  await writeParquet(file, columns, valuesOf(rows));
}

function* valuesOf(rows: readonly Row[]): Iterable<ParquetValue[]> {
  for (const row of rows) yield COLUMNS.map(([, [, value]]) => value(row) ?? null);
}
