/** From an image to what the kernel is booted with: tasks, modules and the workload. */
import { ElfError, type ElfFile, parseProgram } from "../../emulator/loader/elf.ts";
import {
  BLOCK_BYTES,
  type BootTask,
  encodeConfig,
  encodeVoteLog,
  encodeWorkload,
  outputBytes,
  RECORD_BYTES,
  roundsOf,
  type Workload,
} from "../image/boot-config.ts";
import type { Image } from "../image/image.ts";
import { faultyCount, replicaCount, replicaModule, type Scenario } from "../image/scenario.ts";
import { InputError } from "../input-error.ts";
import { randomBytes } from "./random-bytes.ts";

const CONSOLE_THREAD = 52;
const VOTER_THREAD = 53;
const CLIENT_THREAD = 54;
const FIRST_REPLICA_THREAD = 61;

/** Most rounds that are not unanimous which the vote log keeps; the counters go on. */
const VOTE_LOG_CAPACITY = 8192;
/** RAM left for the kernel, page tables and the guests' own pages. */
const RESERVE_BYTES = 5 << 20;

/** A task of the scenario as a place for faults and accounts. */
export interface Component {
  readonly name: string;
  readonly threadNumber: number;
  readonly elf: ElfFile;
}

export interface BootPlan {
  readonly scenario: Scenario;
  readonly sigma0: Uint8Array;
  readonly root: Uint8Array;
  readonly modules: readonly { readonly name: string; readonly data: Uint8Array }[];
  readonly workload: Workload;
  /** Bytes of output that count: less than the workload's when CTR data are no whole number of blocks. */
  readonly outputBytes: number;
  readonly components: readonly Component[];
}

/**
 * @param workload instead of the scenario's.
 * @throws InputError naming the file or key.
 */
export function planBoot(image: Image, workload?: Workload): BootPlan {
  const { scenario } = image;
  const job = workload ?? scenarioWorkload(image);
  const elves = new Map<string, { name: string; data: Uint8Array; elf: ElfFile }>();
  const components: Component[] = [];
  const tasks: BootTask[] = [];

  const addTask = (reference: string, key: string, task: Omit<BootTask, "module">): void => {
    let program = elves.get(reference);
    if (program === undefined) {
      const data = image.files.get(reference)!;
      program = {
        name: moduleName(reference, [...elves.values()]),
        data,
        elf: readProgram(data, reference, key, image.file),
      };
      elves.set(reference, program);
    }
    tasks.push({ ...task, module: program.name });
    components.push({ name: task.name, threadNumber: task.threadNumber, elf: program.elf });
  };

  const { modules } = scenario;
  readProgram(image.files.get(modules.sigma0)!, modules.sigma0, "modules.sigma0", image.file);
  readProgram(image.files.get(modules.root)!, modules.root, "modules.root", image.file);
  for (const [kind, threadNumber] of [
    ["console", CONSOLE_THREAD],
    ["voter", VOTER_THREAD],
    ["client", CLIENT_THREAD],
  ] as const) {
    addTask(modules[kind], `modules.${kind}`, {
      kind,
      name: kind,
      threadNumber,
      priority: scenario[kind].priority,
      timeSliceMicroseconds: scenario[kind].timeSlice,
      startDelayMicroseconds: 0,
      index: 0,
    });
  }
  let index = 0;
  scenario.replicas.forEach((group, i) => {
    for (let n = 0; n < group.count; n++, index++) {
      addTask(replicaModule(group), `replicas[${i}]`, {
        kind: "replica",
        name: `replica-${index + 1}`,
        threadNumber: FIRST_REPLICA_THREAD + index,
        priority: group.priority,
        timeSliceMicroseconds: group.timeSlice,
        startDelayMicroseconds: group.startDelay,
        index: index + 1,
      });
    }
  });

  const config = encodeConfig({
    seed: scenario.seed,
    replicaCount: replicaCount(scenario),
    faulty: faultyCount(scenario),
    deadlineMicroseconds: scenario.voter.deadline,
    verbose: scenario.voter.verbose,
    tasks,
  });
  const plan: BootPlan = {
    scenario,
    sigma0: image.files.get(modules.sigma0)!,
    root: image.files.get(modules.root)!,
    modules: [
      { name: "config", data: config },
      ...[...elves.values()].map(({ name, data }) => ({ name, data })),
      { name: "workload", data: encodeWorkload(job) },
      { name: "vote-log", data: encodeVoteLog(Math.min(roundsOf(job) + 8, VOTE_LOG_CAPACITY)) },
    ],
    workload: job,
    outputBytes: workload === undefined ? significantBytes(image, job) : outputBytes(job),
    components,
  };
  checkMemory(plan, image.file);
  return plan;
}

/** The scenario's own workload; CTR data are filled up with zeros to whole blocks. */
function scenarioWorkload(image: Image): Workload {
  const { workload } = image.scenario;
  const data = workloadData(image);
  const unit = workload.mode === "records" ? RECORD_BYTES : BLOCK_BYTES;
  const wrong = workload.mode === "chain" ? data.length !== BLOCK_BYTES : data.length % unit !== 0;
  if (wrong && workload.mode !== "ctr") {
    const needed = workload.mode === "chain" ? "exactly one block (16 bytes)" : `a multiple of ${unit} bytes`;
    const problem = `${data.length} bytes, but mode ${workload.mode} needs ${needed}`;
    throw new InputError({ file: image.file, key: "workload.data", problem, mend: "pad the data, or use mode ctr" });
  }
  const input = new Uint8Array(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  input.set(data);
  return {
    operation: workload.operation,
    mode: workload.mode,
    key: workload.key,
    iv: workload.iv ?? new Uint8Array(BLOCK_BYTES),
    input: workload.mode === "ctr" ? input : data,
    iterations: workload.iterations,
  };
}

function workloadData(image: Image): Uint8Array {
  const { data } = image.scenario.workload;
  if ("text" in data) return new TextEncoder().encode(data.text);
  if ("hex" in data) return Buffer.from(data.hex, "hex");
  if ("random" in data) return randomBytes(data.random.seed, data.random.bytes);
  return image.files.get(data.file)!;
}

function significantBytes(image: Image, workload: Workload): number {
  return workload.mode === "ctr" ? workloadData(image).length : outputBytes(workload);
}

/** The file's own name when it fits the configuration's field and is not taken. */
function moduleName(reference: string, taken: readonly { readonly name: string }[]): string {
  const base = reference.replace(/^.*[/:\\]/, "").replace(/[^\w.-]/g, "_");
  return base.length <= 23 && taken.every(({ name }) => name !== base) ? base : `program-${taken.length + 1}.elf`;
}

function readProgram(data: Uint8Array, reference: string, key: string, file: string): ElfFile {
  try {
    return parseProgram(data);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    const { place, problem, mend } = error;
    throw new InputError({ file, key, problem: `${reference}: ${place}: ${problem}`, mend });
  }
}

function checkMemory({ scenario, modules }: BootPlan, file: string): void {
  const bytes = modules.reduce((sum, { data }) => sum + Math.ceil(data.length / 4096) * 4096, RESERVE_BYTES);
  if (bytes <= scenario.machine.memory) return;
  const mebibytes = Math.ceil(bytes / (1 << 20));
  const problem = `the modules and the workload need about ${mebibytes} MiB of RAM`;
  throw new InputError({ file, key: "machine.memory", problem, mend: `write ${mebibytes} MiB or more` });
}
