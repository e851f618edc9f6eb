/** A campaign from its inputs to its results: golden run → fault space → injection → results, each step stored. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { REGISTERS } from "../faults/fault.ts";
import { type GoldenRun, recordGolden } from "../faults/golden-run.ts";
import { CLASSES, type OutcomeClass } from "../faults/outcome.ts";
import { InputError } from "../input-error.ts";
import { planBoot } from "../run/boot-plan.ts";
import { type ClassSummary, classSummarySchema, summariseClasses } from "./class-summary.ts";
import { type FaultSpace, nonEmpty, placesOf, spaceSize } from "./fault-space.ts";
import { runPool, type Work } from "./pool.ts";
import { locateInTime } from "./presence.ts";
import { divide, type EquivalenceClass, pilotsOf } from "./pruning.ts";
import type { Row } from "./row.ts";
import { nextSession, readShards } from "./shards.ts";
import type { Specification } from "./specification.ts";
import {
  type CampaignInputs,
  FileName,
  lockDirectory,
  openDirectory,
  readInputs,
  readJson,
  reopenDirectory,
  sha256,
  writeText,
} from "./store.ts";

const goldenSchema = z.strictObject({
  scenario: z.string(),
  cycles: z.int(),
  instructions: z.int(),
  coreHertz: z.number(),
  eventHash: z.string(),
  outputSha256: z.string(),
});
/** What is kept of the golden run; its snapshots are made again when they are needed, and must give the same. */
export type GoldenSummary = z.output<typeof goldenSchema>;

const place = {
  component: z.string(),
  name: z.string(),
  register: z.enum(REGISTERS).exactOptional(),
  address: z.int().exactOptional(),
  bytes: z.int().exactOptional(),
};
const spaceSchema = z.strictObject({
  /** Bits × cycles, in decimal. */
  size: z.string().regex(/^\d+$/),
  regions: z.array(z.strictObject({ ...place, firstCycle: z.int(), lastCycle: z.int() })),
  absent: z.array(z.strictObject(place)),
});

export interface CampaignOptions {
  /** Default: as many as there are cores. */
  readonly workers?: number;
  readonly onStep?: (step: string) => void;
  readonly onRow?: (done: number, asked: number, outcome: OutcomeClass) => void;
  /** Aborted: experiments in flight are finished, then the campaign rests. */
  readonly signal?: AbortSignal;
}

export interface CampaignStatus {
  readonly name: string;
  readonly asked: number;
  readonly done: number;
  readonly complete: boolean;
  readonly steps: { readonly golden: boolean; readonly space: boolean; readonly results: boolean };
  readonly classes: Readonly<Record<OutcomeClass, number>>;
}

/** Starts a campaign, or goes on with the one in `directory`. @throws InputError. */
export function startCampaign(file: string, directory: string, options: CampaignOptions = {}): Promise<CampaignStatus> {
  const inputs = readInputs(file);
  // Before anything is written: the names must be right.
  placesOf(inputs.specification, planBoot(inputs.image));
  openDirectory(directory, inputs);
  return work(directory, inputs, options);
}

/** Goes on with the campaign in `directory`. @throws InputError. */
export function resumeCampaign(directory: string, options: CampaignOptions = {}): Promise<CampaignStatus> {
  return work(directory, reopenDirectory(directory), options);
}

async function work(directory: string, inputs: CampaignInputs, options: CampaignOptions): Promise<CampaignStatus> {
  const unlock = lockDirectory(directory);
  try {
    const specification = inputs.specification.value;
    const done = readShards(directory);
    let asked = askedOf(directory, specification);
    if (asked === undefined || done.size < asked) {
      options.onStep?.("golden run");
      const golden = goldenStep(directory, inputs);
      options.onStep?.("fault space");
      const space = spaceStep(directory, inputs, golden);
      let work: Work;
      if (specification.sample !== undefined) work = { kind: "sample", seed: specification.sample.seed };
      else {
        options.onStep?.("def/use pruning");
        work = { kind: "complete", pilots: pruningStep(directory, golden, space) };
      }
      options.onStep?.("experiments");
      asked = askedOf(directory, specification)!;
      const total = asked;
      const missing = Array.from({ length: total }, (_, index) => index).filter((index) => !done.has(index));
      let count = done.size;
      await runPool({
        directory,
        session: nextSession(directory),
        job: { golden, space, work, earlyStop: specification.earlyStop },
        indices: missing,
        ...(options.workers === undefined ? {} : { workers: options.workers }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        onRow: (outcome) => options.onRow?.(++count, total, outcome),
      });
    }
    resultsStep(directory, asked);
    return statusOf(directory, specification);
  } finally {
    unlock();
  }
}

/** @throws InputError if the golden run is not what it was when the campaign began. */
function goldenStep(directory: string, { image, specification }: CampaignInputs): GoldenRun {
  const { timing, snapshots } = specification.value;
  const golden = recordGolden(planBoot(image), { snapshots, ...(timing === undefined ? {} : { timing }) });
  const { result } = golden;
  if (result.workload.outputRight !== true) {
    const problem = `without a fault the image does not do its work (${result.workload.status})`;
    throw new InputError({ file: image.file, problem, mend: "try it with `quorum86 boot`, and mend the scenario" });
  }
  const summary: GoldenSummary = {
    scenario: result.scenario,
    cycles: result.cycles,
    instructions: result.instructions,
    coreHertz: result.coreHertz,
    eventHash: result.eventHash,
    outputSha256: sha256(result.workload.output),
  };
  const file = join(directory, FileName.golden);
  if (existsSync(file)) {
    const before = readJson(file, goldenSchema);
    const key = (Object.keys(summary) as (keyof GoldenSummary)[]).find((name) => before[name] !== summary[name]);
    if (key !== undefined) {
      const problem = `the golden run has changed (${before[key]} -> ${summary[key]}): this is another build of quorum86`;
      throw new InputError({ file, key, problem, mend: "start a new campaign in another directory" });
    }
  } else writeText(directory, FileName.golden, `${JSON.stringify(summary, undefined, 2)}\n`);
  return golden;
}

function spaceStep(directory: string, { specification }: CampaignInputs, golden: GoldenRun): FaultSpace {
  const file = join(directory, FileName.space);
  if (existsSync(file)) return readJson(file, spaceSchema);
  const { from, to } = specification.value.window;
  const places = placesOf(specification, golden.plan);
  const space = nonEmpty(locateInTime(golden, places, from, to), specification);
  const stored = { size: String(spaceSize(space)), ...space };
  writeText(directory, FileName.space, `${JSON.stringify(stored, undefined, 1)}\n`);
  return space;
}

/** The classes that need experiments. */
function pruningStep(directory: string, golden: GoldenRun, space: FaultSpace): EquivalenceClass[] {
  const classes = divide(golden, space);
  const summary = summariseClasses(classes);
  const file = join(directory, FileName.classes);
  if (!existsSync(file)) writeText(directory, FileName.classes, `${JSON.stringify(summary, undefined, 1)}\n`);
  else if (readJson(file, classSummarySchema).sha256 !== summary.sha256) {
    const problem = "def/use pruning gives other classes than before: this is another build of quorum86";
    throw new InputError({ file, problem, mend: "start a new campaign in another directory" });
  }
  return pilotsOf(classes);
}

/** Number of experiments; undefined for a complete campaign that has not been pruned yet. */
function askedOf(directory: string, { sample }: Specification): number | undefined {
  if (sample !== undefined) return sample.size;
  const file = join(directory, FileName.classes);
  return existsSync(file) ? readJson(file, classSummarySchema).pilots : undefined;
}

/** Writes the rows in canonical order, ascending by index, if all are there. */
function resultsStep(directory: string, asked: number): void {
  const rows = readShards(directory);
  if (rows.size < asked) return;
  const lines: string[] = [];
  for (let index = 0; index < asked; index++) lines.push(`${JSON.stringify(rows.get(index))}\n`);
  writeText(directory, FileName.results, lines.join(""));
}

/** How far the campaign in `directory` is. @throws InputError. */
export function campaignStatus(directory: string): CampaignStatus {
  return statusOf(directory, reopenDirectory(directory).specification.value);
}

function statusOf(directory: string, specification: Specification): CampaignStatus {
  const rows = readShards(directory);
  const classes = Object.fromEntries(CLASSES.map((name) => [name, 0])) as Record<OutcomeClass, number>;
  for (const { outcome } of rows.values()) classes[outcome.class]++;
  const has = (name: string) => existsSync(join(directory, name));
  const asked = askedOf(directory, specification);
  return {
    name: specification.name,
    asked: asked ?? 0,
    done: rows.size,
    complete: asked !== undefined && rows.size >= asked && has(FileName.results),
    steps: { golden: has(FileName.golden), space: has(FileName.space), results: has(FileName.results) },
    classes,
  };
}

/** Everything that a report needs. */
export interface CampaignRecord {
  readonly specification: Specification;
  readonly golden: GoldenSummary;
  readonly space: FaultSpace;
  readonly asked: number;
  readonly rows: readonly Row[];
  /** Of a complete campaign. */
  readonly classes?: ClassSummary;
  /** Of results.jsonl; undefined while rows are missing. */
  readonly resultsSha256: string | undefined;
}

/** @throws InputError if there is no campaign, or its first steps are not done. */
export function loadCampaign(directory: string): CampaignRecord {
  const { specification } = reopenDirectory(directory);
  const { sample } = specification.value;
  for (const name of [FileName.golden, FileName.space, ...(sample === undefined ? [FileName.classes] : [])]) {
    if (existsSync(join(directory, name))) continue;
    const mend = "go on with `quorum86 campaign resume`";
    throw new InputError({ file: directory, problem: `it has no ${name} yet`, mend });
  }
  const results = join(directory, FileName.results);
  const classes = sample === undefined ? readJson(join(directory, FileName.classes), classSummarySchema) : undefined;
  return {
    asked: askedOf(directory, specification.value)!,
    ...(classes === undefined ? {} : { classes }),
    specification: specification.value,
    golden: readJson(join(directory, FileName.golden), goldenSchema),
    space: readJson(join(directory, FileName.space), spaceSchema),
    rows: [...readShards(directory).values()].sort((a, b) => a.index - b.index),
    resultsSha256: existsSync(results) ? sha256(readFileSync(results)) : undefined,
  };
}
