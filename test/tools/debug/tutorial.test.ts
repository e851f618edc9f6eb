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
import { shippedDebuggee } from "./debuggees.ts";

const FILE = new URL("../../../tools/debug/README.md", import.meta.url);
const BLOCK = /```text\n(\(quorum86\) ([^\n]*)\n[\s\S]*?|golden replica-2[\s\S]*?|@COMPARE@\n)```/g;

async function comparison(): Promise<string> {
  const side = (faults: boolean, name: string): ComparedSide => {
    const debuggee = shippedDebuggee(faults);
    const component = debuggee.plan.components.find((known) => known.name === "replica-2");
    return { debuggee, thread: component?.threadNumber ?? 0, name };
  };
  const sides = [side(false, "golden replica-2"), side(true, "faulty replica-2")] as const;
  return (await compareWithGolden(sides, await Disassembler.load(), {})).text;
}

/** Without clocks, instruction counts and pipes, which change with every refinement of the timing model. */
function timeless(text: string): string {
  return text
    .replace(/, next in the [UV] pipe/g, "")
    .replace(/\b(cycle|instruction) [\d,]+/g, "$1 N")
    .replace(/\([\d.]+ ms\)/g, "(N ms)")
    .replace(/\b[\d,]+ instructions after/g, "N instructions after");
}

it("the tutorial shows what the debugger says", async () => {
  const readme = readFileSync(FILE, "utf8");
  const debuggee = shippedDebuggee();
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
  else expect(timeless(readme), "QUORUM86_UPDATE=1 writes the tutorial anew").toBe(timeless(real));
});
