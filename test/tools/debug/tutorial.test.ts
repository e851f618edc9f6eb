/**
 * The tutorial in tools/debug/README.md shows real output: every block that begins with a command of the prompt, and the
 * comparison, are what the bundled image gives now. QUORUM86_UPDATE=1 writes them anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { executeLine } from "../../../tools/debug/commands/registry.ts";
import type { ComparedSide } from "../../../tools/debug/compare.ts";
import { compareWithGolden } from "../../../tools/debug/compare-report.ts";
import { CommandSession } from "../../../tools/debug/session.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { bundledDebuggee } from "./debuggees.ts";

const FILE = new URL("../../../tools/debug/README.md", import.meta.url);
const BLOCK = /```text\n(\(quorum86\) ([^\n]*)\n[\s\S]*?|golden replica-2[\s\S]*?|@COMPARE@\n)```/g;

async function comparison(): Promise<string> {
  const side = (faults: string[] | undefined, name: string): ComparedSide => {
    const debuggee = bundledDebuggee(faults);
    const component = debuggee.plan.components.find((known) => known.name === "replica-2");
    return { debuggee, thread: component?.threadNumber ?? 0, name };
  };
  const sides = [side([], "golden replica-2"), side(undefined, "faulty replica-2")] as const;
  return (await compareWithGolden(sides, await Disassembler.load(), {})).text;
}

it("the tutorial shows what the debugger says", async () => {
  const readme = readFileSync(FILE, "utf8");
  const debuggee = bundledDebuggee();
  debuggee.runUntilStarted();
  const session = new CommandSession(debuggee, await Disassembler.load());
  const blocks = [...readme.matchAll(BLOCK)];
  expect(blocks.length).toBe(8);
  let real = "";
  let done = 0;
  for (const match of blocks) {
    const [, block = "", command] = match;
    const start = match.index + "```text\n".length;
    const text =
      command === undefined ? await comparison() : `(quorum86) ${command}\n${await executeLine(session, command)}`;
    real += `${readme.slice(done, start)}${text}\n`;
    done = start + block.length;
  }
  real += readme.slice(done);
  if (process.env.QUORUM86_UPDATE === "1") writeFileSync(FILE, real);
  else expect(readme).toBe(real);
});
