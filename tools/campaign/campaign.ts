/** A campaign from its inputs to its results: golden run → fault space → classes → experiments → results, each step stored. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GoldenRun } from "../faults/golden-run.ts";
import { CLASSES, type OutcomeClass } from "../faults/outcome.ts";
import { InputError } from "../input-error.ts";
import { type BootPlan, planBoot } from "../run/boot-plan.ts";
import { type ClassSummary, classSummarySchema } from "./class-summary.ts";
import { drawRows, type GoldenEnd } from "./draw-rows.ts";
import { type Draws, drawsSchema, experimentsOf, OVERWRITTEN, UNREAD } from "./draws.ts";
import type { FaultSpace } from "./fault-space.ts";
import { LastUses } from "./last-uses.ts";
import { placesOf } from "./places.ts";
import { runPool, type Work } from "./pool.ts";
import type { Row } from "./row.ts";
import { sampleSize } from "./sample.ts";
import { nextSession, readShards } from "./shards.ts";
import type { Specification } from "./specification.ts";
import {
  drawsStep,
  type GoldenSummary,
  goldenSchema,
  goldenStep,
  pruningStep,
  spaceSchema,
  spaceStep,
} from "./steps.ts";
import {
  type CampaignInputs,
  FileName,
  lockDirectory,
  openDirectory,
  readInputs,
  readJson,
  reopenDirectory,
  type Share,
  sha256,
  writeText,
} from "./store.ts";

export interface CampaignOptions {
  /** Default: as many as there are cores. */
  readonly workers?: number;
  /** Run only this part of the experiments: the parts of one campaign are merged afterwards. */
  readonly share?: Share;
  readonly onStep?: (step: string) => void;
  readonly onRow?: (done: number, asked: number, outcome: OutcomeClass) => void;
  /** Aborted: experiments in flight are finished, then the campaign rests. */
  readonly signal?: AbortSignal;
}

export interface CampaignStatus {
  readonly name: string;
  /** Experiments, and how many of them have been run. */
  readonly asked: number;
  readonly done: number;
  /** Draws of a sample: several may share an experiment, others need none. */
  readonly draws: number | undefined;
  readonly share: Share | undefined;
  readonly complete: boolean;
  readonly steps: { readonly golden: boolean; readonly space: boolean; readonly results: boolean };
  /** Experiments that have been run, by outcome. */
  readonly classes: Readonly<Record<OutcomeClass, number>>;
}

/** Starts a campaign, or goes on with the one in `directory`. @throws InputError. */
export function startCampaign(file: string, directory: string, options: CampaignOptions = {}): Promise<CampaignStatus> {
  const inputs = readInputs(file, options.share);
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
    let wanted = experimentNumbers(directory, inputs);
    if (wanted === undefined || wanted.some((index) => !done.has(index))) {
      options.onStep?.("golden run");
      const golden = goldenStep(directory, inputs);
      options.onStep?.("fault space");
      const space = spaceStep(directory, inputs, golden);
      options.onStep?.("def/use pruning");
      const lastUses = new LastUses(golden);
      const work = workOf(directory, specification, golden, space, lastUses);
      options.onStep?.("experiments");
      wanted = experimentNumbers(directory, inputs)!;
      const total = wanted.length;
      let count = wanted.filter((index) => done.has(index)).length;
      const { earlyStop, observe } = specification;
      await runPool({
        directory,
        session: nextSession(directory),
        job: { golden, space, work, lastUses: lastUses.counts, earlyStop, observe },
        indices: wanted.filter((index) => !done.has(index)),
        ...(options.workers === undefined ? {} : { workers: options.workers }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        onRow: (outcome) => options.onRow?.(++count, total, outcome),
      });
    }
    resultsStep(directory, inputs);
    return statusOf(directory, inputs);
  } finally {
    unlock();
  }
}

function workOf(
  directory: string,
  specification: Specification,
  golden: GoldenRun,
  space: FaultSpace,
  lastUses: LastUses,
): Work {
  const { sample } = specification;
  if (sample === undefined) return { kind: "complete", pilots: pruningStep(directory, golden, space, lastUses) };
  const draws = drawsStep(directory, specification, golden, space, lastUses);
  const experiments = experimentsOf(draws);
  const struck = experiments.map((draw, i) => [draw, draws.struck[i]!] as const).filter(([, clock]) => clock >= 0);
  return { kind: "sample", sample, struck, perhaps: draws.perhaps };
}

/** Numbers of the experiments that this directory has to run; undefined while the classes are not known. */
function experimentNumbers(directory: string, { specification, identity }: CampaignInputs): number[] | undefined {
  const all = allExperiments(directory, specification.value);
  const { share } = identity;
  if (all === undefined || share === undefined) return all;
  return all.filter((_, i) => i % share.of === share.part - 1);
}

function allExperiments(directory: string, { sample }: Specification): number[] | undefined {
  if (sample !== undefined) {
    const draws = storedDraws(directory);
    return draws === undefined ? undefined : experimentsOf(draws);
  }
  const file = join(directory, FileName.classes);
  if (!existsSync(file)) return undefined;
  return Array.from({ length: readJson(file, classSummarySchema).pilots }, (_, index) => index);
}

function storedDraws(directory: string): Draws | undefined {
  const file = join(directory, FileName.draws);
  return existsSync(file) ? readJson(file, drawsSchema) : undefined;
}

/** Writes the rows in canonical order, ascending by index, if all are there. */
export function resultsStep(directory: string, inputs: CampaignInputs): void {
  if (inputs.identity.share !== undefined) return;
  const rows = readShards(directory);
  const all = experimentNumbers(directory, inputs);
  if (all === undefined || all.some((index) => !rows.has(index))) return;
  const lines: string[] = [];
  for (const row of allRows(directory, inputs, rows)) lines.push(`${JSON.stringify(row)}\n`);
  writeText(directory, FileName.results, lines.join(""));
}

/** Rows of all draws (of a sample) or pilots (of a complete campaign), ascending. */
function allRows(directory: string, { specification, image }: CampaignInputs, rows: Map<number, Row>): Iterable<Row> {
  const { sample } = specification.value;
  const draws = storedDraws(directory);
  if (sample === undefined || draws === undefined) return [...rows.values()].sort((a, b) => a.index - b.index);
  const space = readJson(join(directory, FileName.space), spaceSchema);
  const end: GoldenEnd = readJson(join(directory, FileName.golden), goldenSchema);
  const plan: BootPlan = planBoot(image);
  return drawRows({ space, sample, draws, plan, end }, rows);
}

/** How far the campaign in `directory` is. @throws InputError. */
export function campaignStatus(directory: string): CampaignStatus {
  return statusOf(directory, reopenDirectory(directory));
}

function statusOf(directory: string, inputs: CampaignInputs): CampaignStatus {
  const { value: specification } = inputs.specification;
  const rows = readShards(directory);
  const classes = Object.fromEntries(CLASSES.map((name) => [name, 0])) as Record<OutcomeClass, number>;
  for (const { outcome } of rows.values()) classes[outcome.class]++;
  const has = (name: string) => existsSync(join(directory, name));
  const wanted = experimentNumbers(directory, inputs);
  const done = wanted?.filter((index) => rows.has(index)).length ?? rows.size;
  const { share } = inputs.identity;
  const draws = specification.sample === undefined ? undefined : sampleSize(specification.sample);
  return {
    name: specification.name,
    asked: wanted?.length ?? draws ?? 0,
    done,
    draws,
    share,
    complete: wanted !== undefined && done >= wanted.length && (share !== undefined || has(FileName.results)),
    steps: { golden: has(FileName.golden), space: has(FileName.space), results: has(FileName.results) },
    classes,
  };
}

/** Everything that a report needs. */
export interface CampaignRecord {
  readonly specification: Specification;
  readonly golden: GoldenSummary;
  readonly space: FaultSpace;
  /** Draws, or pilots. */
  readonly asked: number;
  readonly rows: readonly Row[];
  /** Experiments that were asked for, when draws share them; and draws that need none. */
  readonly experiments?: number;
  readonly undisturbed?: number;
  /** Of a complete campaign. */
  readonly classes?: ClassSummary;
  /** Of results.jsonl; undefined while rows are missing. */
  readonly resultsSha256: string | undefined;
}

/** @throws InputError if there is no campaign, or its first steps are not done. */
export function loadCampaign(directory: string): CampaignRecord {
  const inputs = reopenDirectory(directory);
  const specification = inputs.specification.value;
  const { sample } = specification;
  for (const name of [FileName.golden, FileName.space, sample === undefined ? FileName.classes : FileName.draws]) {
    if (existsSync(join(directory, name))) continue;
    const mend = "go on with `quorum86 campaign resume`";
    throw new InputError({ file: directory, problem: `it has no ${name} yet`, mend });
  }
  const results = join(directory, FileName.results);
  const classes = sample === undefined ? readJson(join(directory, FileName.classes), classSummarySchema) : undefined;
  const draws = storedDraws(directory);
  const none = draws?.answer.filter((answer) => answer === OVERWRITTEN || answer === UNREAD).length;
  return {
    asked: sample === undefined ? classes!.pilots : sampleSize(sample),
    ...(classes === undefined ? {} : { classes }),
    ...(draws === undefined ? {} : { experiments: draws.struck.length, undisturbed: none! }),
    specification,
    golden: readJson(join(directory, FileName.golden), goldenSchema),
    space: readJson(join(directory, FileName.space), spaceSchema),
    rows: [...allRows(directory, inputs, readShards(directory))],
    resultsSha256: existsSync(results) ? sha256(readFileSync(results)) : undefined,
  };
}
