import { formatFault } from "../../tools/faults/fault.ts";
import { checkExactness, exactnessGolden, randomFault } from "../tools/propagate/exactness.ts";
import { Random } from "../tools/support/random.ts";

const { EXACTNESS_FAULTS } = process.env;
/** 1,000 unless the environment says otherwise. */
const FAULTS = Number(EXACTNESS_FAULTS ?? 1_000);
const POINTS = 10;

/** Random faults, each looked at at 10 random moments at equal cycle and 10 at equal progress, against brute force. */
export async function exactness(): Promise<boolean> {
  let bad = 0;
  for (const timing of ["p5", "simple"] as const) {
    const golden = exactnessGolden(timing);
    const random = new Random(timing === "p5" ? 2011 : 86);
    const totals = { faults: 0, equalCycle: 0, equalProgress: 0, wrongThreads: 0, corruptions: 0 };
    for (; totals.faults < FAULTS / 2; totals.faults++) {
      const fault = randomFault(golden, random);
      const report = checkExactness(golden, fault, POINTS, random);
      totals.equalCycle += report.equalCycleChecks;
      totals.equalProgress += report.equalProgressChecks;
      totals.wrongThreads += report.wrongThreads;
      totals.corruptions += report.propagation.history.length;
      if (report.violations.length === 0) continue;
      bad++;
      process.stdout.write(`${timing} ${formatFault(fault)}: ${report.violations.join("; ").slice(0, 500)}\n`);
    }
    process.stdout.write(
      `${timing}: ${totals.faults} faults, ${totals.corruptions} wrong writes; ${totals.equalCycle} comparisons at equal cycle, ` +
        `${totals.equalProgress} at equal progress (${totals.wrongThreads} of them with something wrong)\n`,
    );
  }
  process.stdout.write(`${bad} faults with a difference from brute force\n`);
  return bad === 0;
}
