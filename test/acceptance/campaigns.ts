import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCampaign } from "../../tools/campaign/campaign.ts";
import { ExperimentRunner } from "../../tools/campaign/experiment-runner.ts";
import { placesOf, pointAt, spaceSize } from "../../tools/campaign/fault-space.ts";
import { locateInTime } from "../../tools/campaign/presence.ts";
import { samplePosition } from "../../tools/campaign/sample.ts";
import { parseSpecification } from "../../tools/campaign/specification.ts";
import { killAndResume } from "../tools/campaign/kill-and-resume.ts";
import { SMALL_SCENARIO, SMALL_SPECIFICATION } from "../tools/campaign/small-campaign.ts";
import { divideSpace, kindsOf, memberDisagrees, smallGolden, withoutStop } from "../tools/campaign/truth.ts";
import { Random } from "../tools/support/random.ts";

const EXPERIMENTS = 10_000;
const PROGRAM = fileURLToPath(new URL("../../tools/cli/main.js", import.meta.url));
const TARGETS =
  "[{component: replica-2, sections: [.text, .rodata, .bss, .stack]}, {component: voter, sections: [.bss, .stack]}]";

/** 10,000 random members of def/use classes against their pilots. */
export async function campaignPruning(): Promise<boolean> {
  const golden = smallGolden();
  const { classes } = divideSpace(golden, TARGETS, 370_000, golden.result.cycles);
  const runner = new ExperimentRunner(golden);
  const kinds = kindsOf(classes);
  const random = new Random(2026);
  let bad = 0;
  for (let i = 0; i < EXPERIMENTS; i++) {
    const found = memberDisagrees(runner, kinds, random);
    if (found === undefined) continue;
    bad++;
    if (bad <= 5) process.stdout.write(`${JSON.stringify(found)}\n`);
  }
  process.stdout.write(`${EXPERIMENTS} random members of ${8 * classes.length} classes, ${bad} unlike their pilot\n`);
  return bad === 0;
}

/** 10,000 experiments with and without early stop. */
export async function campaignEarlyStop(): Promise<boolean> {
  const golden = smallGolden();
  const text = `name: early\nimage: x\ntargets: [{component: replica-2, registers: all, symbols: [aes_state, aes_round_keys]}]\nsample: {size: 1}\n`;
  const places = placesOf(parseSpecification(text, "early"), golden.plan);
  const space = locateInTime(golden, places, 390_000, 560_000);
  const early = new ExperimentRunner(golden);
  const whole = new ExperimentRunner(golden, { earlyStop: false });
  let stopped = 0;
  let bad = 0;
  let simulated = 0;
  let needed = 0;
  // Every one that stops early is run again to its end.
  for (let index = 0; stopped < EXPERIMENTS; index++) {
    const point = pointAt(space, samplePosition(1, index, spaceSize(space)));
    const row = early.run(index, point);
    if (row.stop !== "converged") continue;
    stopped++;
    const other = whole.run(index, point);
    simulated += row.simulated;
    needed += other.simulated;
    if (JSON.stringify(withoutStop(row)) !== JSON.stringify(withoutStop(other))) bad++;
  }
  const share = ((100 * simulated) / needed).toFixed(1);
  process.stdout.write(
    `${stopped} early-stopped experiments run to the end: ${bad} changed; ${simulated} instructions instead of ${needed} (${share} %)\n`,
  );
  return bad === 0;
}

/** 20 SIGKILLs at random moments of one campaign. */
export async function campaignKills(): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "quorum86-kills-"));
  const file = join(directory, "campaign.yaml");
  writeFileSync(join(directory, "small.yaml"), SMALL_SCENARIO);
  writeFileSync(file, SMALL_SPECIFICATION.replace("size: 40", "size: 3000"));
  await startCampaign(file, join(directory, "whole"));
  const whole = readFileSync(join(directory, "whole", "results.jsonl"), "utf8");
  const { results, killed } = await killAndResume(PROGRAM, file, join(directory, "killed"), 20, 4000, new Random(20));
  rmSync(directory, { recursive: true, force: true });
  const same = results === whole;
  process.stdout.write(`killed ${killed} times, results ${same ? "identical" : "DIFFERENT"}\n`);
  return same && killed > 10;
}
