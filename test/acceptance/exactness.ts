import { formatFault } from "../../tools/faults/fault.ts";
import {
  Exactness,
  type ExactnessReport,
  exactnessGolden,
  RandomFaults,
  VICTIMS,
} from "../tools/propagate/exactness.ts";
import { Random } from "../tools/support/random.ts";

const { env } = process;
/** 1,000 unless the environment says otherwise. */
const FAULTS = Number(env.EXACTNESS_FAULTS ?? 1_000);
const SEED = Number(env.EXACTNESS_SEED ?? 0);
/** Clocks at equal cycle for each fault, and instruction counts of each thread. */
const POINTS = Number(env.EXACTNESS_POINTS ?? 10);
/** A scenario or image of one's own, instead of the small one of the tests. */
const SCENARIO = env.EXACTNESS_SCENARIO;
/** Both timing models unless one is named. */
const TIMINGS = (["p5", "simple"] as const).filter((timing) => (env.EXACTNESS_TIMING ?? timing) === timing);
/** Kinds of faults, separated by commas. */
const KINDS = VICTIMS.filter((victim) => (env.EXACTNESS_VICTIMS ?? victim).split(",").includes(victim));
/** Faults with each timing model; their kinds take turns. */
const EACH = FAULTS / TIMINGS.length;

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
  for (const timing of TIMINGS) {
    const golden = exactnessGolden(timing, SCENARIO);
    const judge = new Exactness(golden);
    const random = new Random((timing === "p5" ? 2011 : 86) + 1000 * SEED);
    const faults = new RandomFaults(golden, random);
    const byVictim = KINDS.map((victim): [string, Totals] => [`${timing} ${victim}`, none()]);
    for (let i = 0; i < EACH; i++) {
      const totals = byVictim[i % KINDS.length]![1];
      const fault = faults.next(KINDS[i % KINDS.length]);
      let report: ExactnessReport;
      try {
        report = judge.check(fault, POINTS, random);
      } catch (error) {
        totals.different++;
        process.stdout.write(`${timing} ${formatFault(fault)}: ${error instanceof Error ? error.stack : error}\n`);
        continue;
      }
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
      if ((i + 1) % 50 === 0) process.stdout.write(`${timing}: ${i + 1} of ${EACH}\n`);
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
