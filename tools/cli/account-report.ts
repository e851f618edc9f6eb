/** `--stats`: the kernel's accounts in full. */
import { grouped } from "../report/format.ts";
import type { ScenarioRun } from "../run/scenario-run.ts";
import type { Colours } from "./terminal.ts";

/** Threads by user time, then kernel paths by cycles. */
export function accountTable(run: ScenarioRun, colours: Colours): string {
  const accounts = run.kernel.accounts();
  const names = new Map(run.plan.components.map(({ threadNumber, name }) => [threadNumber, name]));
  const lines = [columns(["thread", "user cycles", "instructions", "clocks/instr."], colours.bold)];
  for (const { globalId, cycles, instructions } of accounts.threads) {
    const name = names.get(globalId >>> 14) ?? `thread ${globalId >>> 14}`;
    const ratio = instructions === 0 ? "" : (cycles / instructions).toFixed(2);
    lines.push(columns([name, grouped(cycles), grouped(instructions), ratio]));
  }
  lines.push("", columns(["kernel path", "cycles", "times", "cycles each"], colours.bold));
  for (const { path, cycles, count: times } of [...accounts.kernel].sort((a, b) => b.cycles - a.cycles)) {
    if (times === 0) continue;
    lines.push(columns([path, grouped(cycles), grouped(times), (cycles / times).toFixed(0)]));
  }
  return lines.join("\n");
}

function columns(cells: readonly string[], paint: (text: string) => string = (text) => text): string {
  const [first = "", ...rest] = cells;
  return `  ${paint(first.padEnd(26) + rest.map((cell) => cell.padStart(16)).join(""))}`;
}
