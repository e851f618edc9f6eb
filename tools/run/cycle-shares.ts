import type { Accounts } from "../../kernel/index.ts";
import type { Component } from "./boot-plan.ts";
import type { CycleShare } from "./run-result.ts";

/** Thread numbers are the upper 18 bits of a global thread id (L4 X.2 ia32). */
const THREAD_NUMBER_SHIFT = 14;

/** The kernel's accounts by component of the scenario: one row each, then the kernel and the idle time. */
export function accountShares(accounts: Accounts, components: readonly Component[]): CycleShare[] {
  const rows = components.map(({ name, threadNumber }) => ({ part: name, threadNumber, cycles: 0, instructions: 0 }));
  const others = {
    part: "root and sigma0",
    cycles: accounts.deleted.cycles,
    instructions: accounts.deleted.instructions,
  };
  for (const { globalId, cycles, instructions } of accounts.threads) {
    const row = rows.find(({ threadNumber }) => threadNumber === globalId >>> THREAD_NUMBER_SHIFT) ?? others;
    row.cycles += cycles;
    row.instructions += instructions;
  }
  return [
    ...rows.map(({ part, cycles, instructions }) => ({ part, cycles, instructions })),
    others,
    { part: "kernel", cycles: accounts.kernelCycles, instructions: 0 },
    { part: "idle", cycles: accounts.idleCycles, instructions: 0 },
  ];
}
