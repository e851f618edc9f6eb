/**
 * How long it takes to go back, after a run of a hundred million instructions (or as many as the first argument says):
 * from the last instruction to random earlier cycles, and single steps back there; with the image's own timing model.
 * `npm run bench:time-travel`.
 */
import { readFileSync } from "node:fs";
import { Debuggee } from "../../tools/debug/debuggee.ts";
import { bundledScenario, imageFromScenario } from "../../tools/image/image.ts";
import { planBoot } from "../../tools/run/boot-plan.ts";

const INSTRUCTIONS = Number(process.argv[2] ?? "100000000");
const SAMPLES = Number(process.argv[3] ?? "60");
const BYTES = 2 << 20;

function summary(name: string, milliseconds: number[]): void {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  console.log(
    `${name.padEnd(44)} median ${at(0.5)} ms, 95 % ${at(0.95)} ms, worst ${at(1)} ms (${sorted.length} times)`,
  );
}

/** Milliseconds of processor time: what others do on a shared machine does not count. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const file = bundledScenario("aes-tmr");
const text = readFileSync(file, "utf8")
  .replace(/ {2}data:\n {4}text: \|[\s\S]*?\n\n(?=\S)/, `  data:\n    random: { seed: 1, bytes: ${BYTES} }\n\n`)
  .replace(/memory: \d+ MiB/, "memory: 32 MiB")
  .replace(/verbose: true/, "verbose: false");
const { timeline, control, view } = new Debuggee(planBoot(imageFromScenario(text, file)));
const running = timed(() => timeline.advance({ instructions: INSTRUCTIONS }));
const { position: end, start } = timeline;
const rate = (end.instructions / running / 1000).toFixed(1);
console.log(
  `${end.instructions} instructions, ${end.cycle} cycles in ${(running / 1000).toFixed(1)} s (${rate} million a second)`,
);
const { checkpoints, checkpointBytes } = timeline.statistics;
console.log(`${checkpoints} snapshots, ${(checkpointBytes / (1 << 20)).toFixed(1)} MiB`);

const thread = view.threadByName("replica-2")?.id ?? 0;
function stepBack(): void {
  control.resume({ direction: "backward", mode: "step", thread });
  while (control.slice() === undefined);
}

// The first one waits for the host's compiler, once in a process.
console.log(`the first step back: ${timed(stepBack).toFixed(1)} ms`);
summary(
  "one step of replica-2 back, at the end",
  Array.from({ length: SAMPLES }, () => timed(stepBack)),
);
let seed = 86;
const jumps: number[] = [];
const steps: number[] = [];
for (let count = 0; count < SAMPLES; count++) {
  timeline.seek(end);
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  const cycle = start.cycle + Math.floor((seed / 0x1_0000_0000) * (end.cycle - start.cycle));
  jumps.push(timed(() => timeline.seekCycle(cycle)));
  steps.push(timed(stepBack));
}
summary("from the last instruction to a random cycle", jumps);
summary("one step back there", steps);
const after = timeline.statistics;
const resident = process.memoryUsage.rss() / (1 << 20);
console.log(
  `${after.checkpoints} snapshots, ${(after.checkpointBytes / (1 << 20)).toFixed(1)} MiB; process ${resident.toFixed(0)} MiB`,
);
