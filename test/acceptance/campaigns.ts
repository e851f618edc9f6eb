import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCampaign } from "../../tools/campaign/campaign.ts";
import { ExperimentRunner } from "../../tools/campaign/experiment-runner.ts";
import { pointAt, spaceSize } from "../../tools/campaign/fault-space.ts";
import { samplePosition } from "../../tools/campaign/sample.ts";
import { killAndResume } from "../tools/campaign/kill-and-resume.ts";
import { SMALL_SCENARIO, SMALL_SPECIFICATION } from "../tools/campaign/small-campaign.ts";
import {
  divideSpace,
  isDivided,
  kindsOf,
  lastUsesOf,
  memberDisagrees,
  smallGolden,
  spaceOf,
  withoutStop,
} from "../tools/campaign/truth.ts";
import { Random } from "../tools/support/random.ts";

const EXPERIMENTS = 10_000;
const PROGRAM = fileURLToPath(new URL("../../tools/cli/main.js", import.meta.url));
/** Memory and registers of programs, and what the kernel keeps. */
const SPACES: readonly (readonly [name: string, targets: string])[] = [
  [
    "memory",
    "[{component: replica-2, sections: [.text, .rodata, .bss, .stack]}, {component: voter, sections: [.bss, .stack]}]",
  ],
  [
    "registers",
    "[{component: replica-2, registers: all}, {component: voter, registers: all}, {component: client, registers: all}]",
  ],
  [
    "kernel",
    "[{kernel: [gdt, idt, tss, globals, idle-stack]}, {component: replica-2, messageRegisters: [0, 1, 2, 3], kernel: [tcb, page-directory, page-table]}, {component: voter, kernel: [tcb]}]",
  ],
];

/** 10,000 random members of def/use classes that are not their pilots, against their pilots. */
export async function campaignPruning(): Promise<boolean> {
  const golden = smallGolden();
  const random = new Random(2026);
  let bad = 0;
  for (const [name, targets] of SPACES) {
    const divided = divideSpace(golden, targets, 370_000, golden.result.cycles);
    const { classes, space } = divided;
    const runner = new ExperimentRunner(golden, space);
    const kinds = kindsOf(classes);
    let wrong = 0;
    const share = Math.ceil(EXPERIMENTS / SPACES.length);
    for (let i = 0; i < share; i++) {
      const found = memberDisagrees(runner, space, kinds, random);
      if (found === undefined) continue;
      wrong++;
      if (wrong <= 5) process.stdout.write(`${JSON.stringify(found)}\n`);
    }
    const count = classes.reduce((sum, { bits }) => sum + bits, 0);
    const whole = isDivided(divided) ? "exactly" : "NOT";
    process.stdout.write(
      `${name}: ${count} classes, whose members add up ${whole} to ${spaceSize(space)} points; ${share} random members, ${wrong} unlike their pilot\n`,
    );
    bad += wrong + (isDivided(divided) ? 0 : 1);
  }
  return bad === 0;
}

/** 10,000 experiments with and without early stop. */
export async function campaignEarlyStop(): Promise<boolean> {
  const golden = smallGolden();
  const targets = "[{component: replica-2, registers: all, symbols: [aes_state, aes_round_keys]}]";
  const space = spaceOf(golden, targets, 390_000, 560_000);
  const early = new ExperimentRunner(golden, space, { lastUses: lastUsesOf(golden) });
  const whole = new ExperimentRunner(golden, space, { earlyStop: false });
  let stopped = 0;
  let dead = 0;
  let bad = 0;
  let simulated = 0;
  let needed = 0;
  // Every one that stops early is run again to its end.
  for (let index = 0; stopped < EXPERIMENTS; index++) {
    const point = pointAt(space, samplePosition(1, index, spaceSize(space)));
    const row = early.run(index, point);
    if (row.stop === "end") continue;
    stopped++;
    if (row.stop === "dead") dead++;
    const other = whole.run(index, point);
    simulated += row.simulated;
    needed += other.simulated;
    if (JSON.stringify(withoutStop(row)) !== JSON.stringify(withoutStop(other))) bad++;
  }
  const share = ((100 * simulated) / needed).toFixed(1);
  process.stdout.write(
    `${stopped} early-stopped experiments (${dead} with dead words left) run to the end: ${bad} changed; ${simulated} instructions instead of ${needed} (${share} %)\n`,
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
