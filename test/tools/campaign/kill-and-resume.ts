import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Random } from "../support/random.ts";

/** Runs the real program (path of its main.js) in a process of its own until it ends, or kills it after some milliseconds. */
export async function campaignProcess(
  program: string,
  words: readonly string[],
  killAfter?: number,
): Promise<number | null> {
  const child = spawn(process.execPath, [program, "campaign", ...words, "--quiet"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (data) => {
    complaint += data;
  });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  if (killAfter !== undefined) await Promise.race([ended, killLater(child, killAfter)]);
  const code = await ended;
  if (code !== 0 && killAfter === undefined) throw new Error(`exit code ${code}: ${complaint}`);
  return code;
}

async function killLater(child: ChildProcess, milliseconds: number): Promise<void> {
  await setTimeout(milliseconds);
  child.kill("SIGKILL");
}

/**
 * Kills a campaign with SIGKILL at random moments, `kills` times while it works, resumes it each time, and lets it end.
 * Returns its results and how often it was killed.
 */
export async function killAndResume(
  program: string,
  specification: string,
  directory: string,
  kills: number,
  longest: number,
  random: Random,
): Promise<{ results: string; killed: number }> {
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    const started = existsSync(join(directory, "campaign.json"));
    const words = started ? ["resume", directory] : ["run", specification, "--out", directory];
    const code = await campaignProcess(program, words, random.below(longest));
    if (code === null) killed++;
  }
  const words = existsSync(join(directory, "campaign.json")) ? ["resume"] : ["run", specification, "--out"];
  await campaignProcess(program, [...words, directory]);
  return { results: readFileSync(join(directory, "results.jsonl"), "utf8"), killed };
}
