/**
 * `npm run acceptance`: the full-size experiments that the test suite only samples, with their figures.
 * Arguments choose some of them by name; without any, all run.
 */

import { aesFaults } from "./aes-faults.ts";
import { campaignEarlyStop, campaignKills, campaignPruning } from "./campaigns.ts";
import { exactness } from "./exactness.ts";
import { kernelFaults } from "./kernel-faults.ts";
import { manyFiles } from "./many-files.ts";
import { megabyte } from "./megabyte.ts";
import { aesMonteCarlo } from "./monte-carlo.ts";
import { pageTables } from "./page-tables.ts";
import { randomFaults } from "./random-faults.ts";

const EXPERIMENTS: Record<string, () => Promise<boolean>> = {
  "campaign-early-stop": campaignEarlyStop,
  "campaign-kills": campaignKills,
  "campaign-pruning": campaignPruning,
  megabyte,
  "many-files": manyFiles,
  "monte-carlo": aesMonteCarlo,
  "random-faults": randomFaults,
  "aes-faults": aesFaults,
  exactness,
  "kernel-faults": kernelFaults,
  "page-tables": pageTables,
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => EXPERIMENTS[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`there is no experiment "${unknown}"; use ${Object.keys(EXPERIMENTS).join(", ")}\n`);
  process.exit(2);
}
for (const name of chosen.length > 0 ? chosen : Object.keys(EXPERIMENTS)) {
  process.stdout.write(`\n== ${name}\n`);
  const passed = await EXPERIMENTS[name]!();
  process.stdout.write(`${passed ? "passed" : "FAILED"}\n`);
  if (!passed) process.exitCode = 1;
}
