/**
 * Guest instructions per second of host CPU time on the AES image (three replicas, voter, kernel), by timing model:
 * `node dist/test/bench/image-speed.js`. Start-up, training of the host's compiler and the first round are left out.
 */

import { planBoot } from "../../tools/run/boot-plan.ts";
import { cryptImage } from "../../tools/run/crypt-image.ts";
import { ScenarioRun } from "../../tools/run/scenario-run.ts";

const INPUT_BYTES = 300_000;
const REPEATS = 3;
/** Guest clocks of each run. */
const SPAN = 200_000_000;
const WARM_UP = 20_000_000;

const plan = planBoot(cryptImage(3, ["bytewise", "ttable", "bitslice"]), {
  operation: "encrypt",
  mode: "ecb",
  key: Uint8Array.from({ length: 16 }, (_, i) => i),
  iv: new Uint8Array(16),
  input: Uint8Array.from({ length: INPUT_BYTES - (INPUT_BYTES % 16) }, (_, i) => (i * 7) & 255),
  iterations: 0,
});

/** Millions of instructions per second, best of several runs, and clocks per instruction. */
function measure(timing: "simple" | "p5"): [speed: number, clocksPerInstruction: number] {
  let best = 0;
  let ratio = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const run = new ScenarioRun(plan, { timing });
    run.advance(WARM_UP);
    const { machine } = run;
    const instructions = machine.instructions;
    const cycles = machine.cycles;
    const start = process.cpuUsage().user;
    run.advance(SPAN);
    const seconds = (process.cpuUsage().user - start) / 1e6;
    best = Math.max(best, (machine.instructions - instructions) / seconds / 1e6);
    ratio = (machine.cycles - cycles) / (machine.instructions - instructions);
  }
  return [best, ratio];
}

const [simple, simpleClocks] = measure("simple");
const [p5, p5Clocks] = measure("p5");
console.log(
  `simple ${simple.toFixed(0)} million instructions per second, ${simpleClocks.toFixed(2)} clocks per instruction`,
);
console.log(`p5     ${p5.toFixed(0)} million instructions per second, ${p5Clocks.toFixed(2)} clocks per instruction`);
console.log(`p5/simple ${(p5 / simple).toFixed(2)}`);
