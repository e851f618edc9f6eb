import { expect, it } from "vitest";
import { noTotals, runKernelFaults } from "./kernel-fault-pool.ts";

/** `npm run acceptance kernel-faults` makes 10,000. */
const FAULTS = 150;

it.each(["p5", "simple"] as const)(
  `${FAULTS} faults in kernel memory, page tables, descriptor tables, stacks, registers and TLBs: every run has an outcome (%s timing)`,
  async (timing) => {
    const totals = noTotals();
    await runKernelFaults({ timing, seed: 86, faults: FAULTS }, totals);
    expect(totals.problems).toEqual([]);
    expect(totals.applied).toBe(FAULTS);
    for (const [stratum, count] of totals.strata) expect(count, stratum).toBeGreaterThan(0);
    // Faults that nobody feels would prove nothing.
    expect(totals.classes.get("SYSTEM_CRASH") ?? 0).toBeGreaterThan(5);
    expect(totals.endings.get("panic") ?? 0).toBeGreaterThan(2);
  },
  240_000,
);
