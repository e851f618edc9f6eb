/**
 * Where the clocks of one voted request go (client → voter → replicas → vote → reply), by the P5 model: `node dist/test/bench/voted-request.js`.
 * Averages over the rounds of the bundled image after the first one, without faults.
 */
import { bundledScenario, loadImage } from "../../tools/image/image.ts";
import { type ProfileRow, summarise } from "../../tools/profile/profile-report.ts";
import { Profiler } from "../../tools/profile/profiler.ts";
import { planBoot } from "../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../tools/run/scenario-run.ts";

const SLICE = 500;
const FIRST_ROUND = 1;
const ROUNDS = 3;

const plan = planBoot(loadImage(bundledScenario("aes-tmr")));
const run = new ScenarioRun(plan, { timing: "p5" });

function runToRound(round: number): void {
  while (run.rounds < round && run.outcome === undefined) run.advance(run.machine.clock.now + SLICE);
}

runToRound(FIRST_ROUND);
const profiler = new Profiler(run.machine, run.kernel, plan);
runToRound(FIRST_ROUND + ROUNDS);
const summary = summarise(profiler.finish());

const each = (clocks: number) => Math.round(clocks / ROUNDS);
const COLUMNS: readonly (readonly [string, readonly string[]])[] = [
  ["issue", ["issue"]],
  ["AGI, prefix", ["agi", "prefix"]],
  ["data cache", ["cache", "write-buffer", "bank", "misaligned"]],
  ["code cache", ["code-cache"]],
  ["TLB", ["tlb", "code-tlb"]],
  ["branch", ["branch"]],
  ["kernel", ["kernel"]],
  ["idle", ["idle"]],
];

function row({ name, clocks, instructions, causes }: ProfileRow): string {
  const cells = COLUMNS.map(([, names]) => each(names.reduce((sum, cause) => sum + (causes[cause] ?? 0), 0)));
  return `| ${[name, each(clocks), each(instructions), ...cells].join(" | ")} |`;
}

console.log(`| of one round | clocks | instructions | ${COLUMNS.map(([title]) => title).join(" | ")} |`);
console.log(`|---|${"--:|".repeat(COLUMNS.length + 2)}`);
for (const space of summary.spaces) console.log(row(space));
console.log(row({ name: "all", clocks: summary.cycles, instructions: 0, causes: summary.causes }));
console.log();
for (const { path, clocks } of summary.kernelPaths) console.log(`| ${path} | ${each(clocks)} |`);
