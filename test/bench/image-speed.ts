/**
 * How fast the AES image runs (three replicas, voter, kernel) with either timing model, and the instructions per clock of each AES
 * implementation: `npm run bench:image`.
 *
 * Both models run in turn in one process, a piece of the guest's time each, so that what else the host does disturbs both
 * alike; CPU time, medians of the pieces. Start-up, training of the host's compiler and the first rounds are left out.
 */
import { summarise } from "../../tools/profile/profile-report.ts";
import { Profiler } from "../../tools/profile/profiler.ts";
import { planBoot } from "../../tools/run/boot-plan.ts";
import { cryptImage } from "../../tools/run/crypt-image.ts";
import { ScenarioRun } from "../../tools/run/scenario-run.ts";

const IMPLEMENTATIONS = ["bytewise", "ttable", "bitslice"] as const;
const INPUT_BYTES = 600_000;
const WARM_UP = 40_000_000;
/** Guest clocks of a piece, and pieces. */
const PIECE = 12_000_000;
const PIECES = 25;
/** Guest clocks of the run that is profiled instruction by instruction. */
const PROFILED = 2_000_000;

type Timing = "simple" | "p5";

const plan = planBoot(cryptImage(3, IMPLEMENTATIONS), {
  operation: "encrypt",
  mode: "ecb",
  key: Uint8Array.from({ length: 16 }, (_, i) => i),
  iv: new Uint8Array(16),
  input: Uint8Array.from({ length: INPUT_BYTES }, (_, i) => (i * 7) & 255),
  iterations: 0,
});

/** A run of the image that is measured piece by piece. */
class Measured {
  /** Nanoseconds of CPU time for each instruction, by piece. */
  readonly pieces: number[] = [];
  private readonly run: ScenarioRun;

  constructor(timing: Timing) {
    this.run = new ScenarioRun(plan, { timing });
    this.run.advance(WARM_UP);
  }

  measurePiece(): void {
    const { machine } = this.run;
    const instructions = machine.instructions;
    const start = process.cpuUsage().user;
    this.run.advance(machine.cycles + PIECE);
    const microseconds = process.cpuUsage().user - start;
    this.pieces.push((microseconds * 1000) / (machine.instructions - instructions));
  }

  get clocksPerInstruction(): number {
    return this.run.machine.cycles / this.run.machine.instructions;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}

/** Instructions per clock of each replica by the pipeline model, kernel paths left out. */
function replicas(): string[] {
  const run = new ScenarioRun(plan, { timing: "p5" });
  run.advance(WARM_UP / 4);
  const profiler = new Profiler(run.machine, run.kernel, plan);
  run.advance(run.machine.cycles + PROFILED);
  const { spaces } = summarise(profiler.finish());
  return IMPLEMENTATIONS.map((implementation, i) => {
    const row = spaces.find(({ name }) => name === `replica-${i + 1}`);
    if (row === undefined) throw new Error(`no profile of replica-${i + 1}`);
    const clocks = row.clocks - (row.causes.kernel ?? 0);
    return `  ${implementation.padEnd(9)} ${(row.instructions / clocks).toFixed(2)} (${row.instructions} in ${clocks} clocks)`;
  });
}

const simple = new Measured("simple");
const p5 = new Measured("p5");
for (let piece = 0; piece < PIECES; piece++) {
  simple.measurePiece();
  p5.measurePiece();
}
const ratios = simple.pieces.map((time, i) => time / (p5.pieces[i] as number));
for (const [name, run] of [
  ["simple", simple],
  ["p5", p5],
] as const) {
  const speed = 1000 / median(run.pieces);
  console.log(
    `${name.padEnd(6)} ${speed.toFixed(0)} million instructions per second, ${run.clocksPerInstruction.toFixed(2)} clocks per instruction`,
  );
}
console.log(`p5/simple ${median(ratios).toFixed(2)}`);
console.log("instructions per clock, p5, of each replica's own code:");
for (const line of replicas()) console.log(line);
