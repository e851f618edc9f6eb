import { noTotals, runKernelFaults } from "../tools/run/kernel-fault-pool.ts";

const { KERNEL_FAULTS, KERNEL_FAULTS_SEED } = process.env;
/** 10,000 unless the environment says otherwise. */
const FAULTS = Number(KERNEL_FAULTS ?? 10_000);
const SEED = Number(KERNEL_FAULTS_SEED ?? 2011);

/** Random faults in what the kernel stands on, half of them with each timing model: no host exception, no host hang. */
export async function kernelFaults(): Promise<boolean> {
  const began = process.cpuUsage();
  const totals = noTotals();
  await Promise.all(
    (["p5", "simple"] as const).map((timing, i) =>
      runKernelFaults({ timing, seed: SEED + i, faults: Math.ceil(FAULTS / 2) }, totals),
    ),
  );
  const { user, system } = process.cpuUsage(began);
  for (const problem of totals.problems.slice(0, 20)) process.stdout.write(`${problem}\n`);
  const list = (map: ReadonlyMap<string, number>): string =>
    [...map]
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => `${count} ${name}`)
      .join(", ");
  const { applied, notApplied, classes, endings, strata, problems, slowest } = totals;
  process.stdout.write(`${applied} faults applied (${notApplied} more had no target at their time)\n`);
  process.stdout.write(`classes: ${list(classes)}\nendings: ${list(endings)}\n`);
  process.stdout.write(
    `${strata.size} strata, fewest ${Math.min(...strata.values())} each: ${[...strata.keys()].join(", ")}\n`,
  );
  process.stdout.write(
    `${((user + system) / 1e6).toFixed(0)} s of processor time; the longest run ${((slowest?.milliseconds ?? 0) / 1000).toFixed(1)} s: ${slowest?.fault}\n`,
  );
  process.stdout.write(`${problems.length} host exceptions or hangs\n`);
  return problems.length === 0 && applied >= FAULTS && Math.min(...strata.values()) > 0;
}
