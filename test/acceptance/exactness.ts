import { formatFault } from "../../tools/faults/fault.ts";
import { Exactness, exactnessGolden, RandomFaults, VICTIMS } from "../tools/propagate/exactness.ts";
import { Random } from "../tools/support/random.ts";

const { EXACTNESS_FAULTS, EXACTNESS_SEED } = process.env;
/** 1,000 unless the environment says otherwise. */
const FAULTS = Number(EXACTNESS_FAULTS ?? 1_000);
const SEED = Number(EXACTNESS_SEED ?? 0);
/** Clocks at equal cycle for each fault, and instruction counts of each thread. */
const POINTS = 10;

interface Totals {
  faults: number;
  applied: number;
  corruptions: number;
  equalCycle: number;
  equalProgress: number;
  wrong: number;
  unknown: number;
  different: number;
}

const COLUMNS: readonly (readonly [title: string, key: keyof Totals])[] = [
  ["faults", "faults"],
  ["applied", "applied"],
  ["wrong writes", "corruptions"],
  ["equal cycle", "equalCycle"],
  ["equal progress", "equalProgress"],
  ["of them wrong", "wrong"],
  ["without cause", "unknown"],
  ["differ", "different"],
];

/** Random faults in everything, each looked at at 10 random clocks and at 10 random instruction counts of each thread. */
export async function exactness(): Promise<boolean> {
  const rows: [string, Totals][] = [];
  for (const timing of ["p5", "simple"] as const) {
    const golden = exactnessGolden(timing);
    const judge = new Exactness(golden);
    const random = new Random((timing === "p5" ? 2011 : 86) + 1000 * SEED);
    const faults = new RandomFaults(golden, random);
    const byVictim = VICTIMS.map((victim): [string, Totals] => [`${timing} ${victim}`, none()]);
    for (let i = 0; i < FAULTS / 2; i++) {
      const totals = byVictim[i % VICTIMS.length]![1];
      const fault = faults.next(VICTIMS[i % VICTIMS.length]);
      const report = judge.check(fault, POINTS, random);
      totals.faults++;
      if (report.propagation.ended !== "not-applied") totals.applied++;
      totals.corruptions += report.propagation.history.length;
      totals.equalCycle += report.equalCycleChecks;
      totals.equalProgress += report.equalProgressChecks;
      totals.wrong += report.wrongThreads;
      totals.unknown += report.unknown;
      if (report.violations.length > 0) totals.different++;
      for (const text of report.violations)
        process.stdout.write(`${timing} ${formatFault(fault)}: ${text.slice(0, 500)}\n`);
      if ((i + 1) % 50 === 0) process.stdout.write(`${timing}: ${i + 1} of ${FAULTS / 2}\n`);
    }
    rows.push(...byVictim);
  }
  const all = none();
  for (const [, totals] of rows) for (const key of Object.keys(all) as (keyof Totals)[]) all[key] += totals[key];
  process.stdout.write(`${table([...rows, ["all", all]])}\n`);
  return all.unknown === 0 && all.different === 0;
}

function none(): Totals {
  return {
    faults: 0,
    applied: 0,
    corruptions: 0,
    equalCycle: 0,
    equalProgress: 0,
    wrong: 0,
    unknown: 0,
    different: 0,
  };
}

function table(rows: readonly (readonly [string, Totals])[]): string {
  const line = (name: string, cells: readonly string[]): string =>
    name.padEnd(26) + cells.map((cell, i) => cell.padStart(COLUMNS[i]![0].length + 3)).join("");
  return [
    line(
      "",
      COLUMNS.map(([title]) => title),
    ),
    ...rows.map(([name, totals]) =>
      line(
        name,
        COLUMNS.map(([, key]) => totals[key].toLocaleString("en-US")),
      ),
    ),
  ].join("\n");
}
