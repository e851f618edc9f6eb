/**
 * What following a fault costs: CPU time of `propagate` over that of a plain pair of runs, a golden and a faulty one, from the
 * same snapshot before the fault to their ends, in one process, on the bundled image with P5 timing:
 * `npm run bench:propagate`. Each figure is the least of several; the machines of both are warm.
 */
import { join } from "node:path";
import { defaultCycleLimit } from "../../tools/faults/experiment.ts";
import type { Fault } from "../../tools/faults/fault.ts";
import { parseFault } from "../../tools/faults/fault-line.ts";
import { recordGolden, snapshotBefore } from "../../tools/faults/golden-run.ts";
import { loadImage } from "../../tools/image/image.ts";
import { Propagator } from "../../tools/propagate/propagation.ts";
import { planBoot } from "../../tools/run/boot-plan.ts";
import { runWithoutPause } from "../../tools/run/run-loop.ts";
import { ScenarioRun } from "../../tools/run/scenario-run.ts";

/** What becomes of each, and in whom. */
const FAULTS: readonly (readonly [kind: string, fault: string])[] = [
  ["wrong value, register", "replica-3:ecx:flip:30@instruction=60001"],
  ["masked, variable of a replica", "replica-2:aes_state+5:flip:2@instruction=100"],
  ["masked, message register", "replica-3:mr=20:flip:4@instruction=120000"],
  ["latent, data of a replica", "replica-1:0x0804c100:flip:3@instruction=60000"],
  ["latent, data of the voter", "voter:answers+200:flip:5@instruction=20000"],
  ["latent, kernel's memory", "physical:0xc15000:flip:4@cycle=2000000"],
  ["wrong value, one block", "replica-2:aes_state+5:flip:2@instruction=170000"],
  ["wrong value, register", "replica-3:ebx:flip:9@instruction=120000"],
  ["wrong value, every block", "replica-2:aes_round_keys+16:flip:3@instruction=170000"],
  ["control flow of a replica", "replica-1:eip:flip:4@instruction=60000"],
  ["control flow of the client", "client:eip:flip:5@instruction=3000"],
  ["crash of a replica", "replica-2:esp:flip:28@instruction=170000"],
  ["crash of the voter", "voter:eip:flip:29@instruction=20000"],
  ["crash of the console", "console:ebp:flip:27@instruction=2000"],
];
const REPEATS = 3;

const plan = planBoot(loadImage(join(import.meta.dirname, "../../../guests/scenarios/aes-tmr.yaml")));
const golden = recordGolden(plan, { timing: "p5" });
const limit = defaultCycleLimit(golden);
const [good, faulty] = [new ScenarioRun(plan, { timing: "p5" }), new ScenarioRun(plan, { timing: "p5" })];
const propagator = new Propagator(golden);

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function plainPair(fault: Fault): void {
  const { snapshot } = snapshotBefore(golden, fault);
  good.restore(snapshot, []);
  runWithoutPause(good, limit);
  good.result();
  faulty.restore(snapshot, [fault]);
  runWithoutPause(faulty, limit);
  faulty.result();
}

const least = (work: () => void): number => Math.min(...Array.from({ length: REPEATS }, () => cpuSeconds(work)));
let logarithms = 0;
const line = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : cell.padStart(i === 4 ? 14 : 12))).join("");
console.log(line(["", "pair ms", "follow ms", "factor", "class", "writes"]));
for (const [kind, text] of FAULTS) {
  const fault = parseFault(text);
  const pair = least(() => plainPair(fault));
  let outcome = "";
  let writes = 0;
  const followed = least(() => {
    const { experiment, history } = propagator.follow(fault);
    outcome = experiment.outcome.class;
    writes = history.length;
  });
  logarithms += Math.log(followed / pair);
  const milliseconds = (seconds: number): string => (1000 * seconds).toFixed(1);
  console.log(
    line([kind, milliseconds(pair), milliseconds(followed), (followed / pair).toFixed(1), outcome, String(writes)]),
  );
}
console.log(`geometric mean ${Math.exp(logarithms / FAULTS.length).toFixed(2)}`);
