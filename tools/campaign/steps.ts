/** The steps of a campaign that come before its experiments, as they are stored. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { judge } from "../faults/experiment.ts";
import { REGISTERS } from "../faults/fault.ts";
import { type GoldenRun, recordGolden } from "../faults/golden-run.ts";
import { ENDINGS, SERVICES, VOTES } from "../faults/outcome.ts";
import { InputError } from "../input-error.ts";
import { planBoot } from "../run/boot-plan.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { classSummarySchema, summariseClasses } from "./class-summary.ts";
import { type Draws, drawsSchema, mapDraws, unmapped } from "./draws.ts";
import { type FaultSpace, spaceSize } from "./fault-space.ts";
import type { LastUses } from "./last-uses.ts";
import { placesOf } from "./places.ts";
import { locateInTime } from "./presence.ts";
import { divide, type EquivalenceClass, FollowedUnits, pilotsOf } from "./pruning.ts";
import { sampleSize, strataOf } from "./sample.ts";
import type { Specification } from "./specification.ts";
import { type CampaignInputs, FileName, readJson, sha256, writeText } from "./store.ts";

export const goldenSchema = z.strictObject({
  scenario: z.string(),
  cycles: z.int(),
  instructions: z.int(),
  coreHertz: z.number(),
  eventHash: z.string(),
  outputSha256: z.string(),
  vote: z.enum(VOTES),
  ending: z.enum(ENDINGS),
  service: z.enum(SERVICES),
});
/** What is kept of the golden run; its snapshots are made again when they are needed, and must give the same. */
export type GoldenSummary = z.output<typeof goldenSchema>;

const place = {
  component: z.string(),
  name: z.string(),
  register: z.enum(REGISTERS).exactOptional(),
  address: z.int().exactOptional(),
  bytes: z.int().exactOptional(),
  addressing: z.enum(["virtual", "physical"]).exactOptional(),
  target: z.string().exactOptional(),
  mask: z.int().exactOptional(),
};
export const spaceSchema = z
  .strictObject({
    /** Bits × cycles, in decimal. */
    size: z.string().regex(/^\d+$/),
    model: z.strictObject({
      kind: z.enum(["flip", "stuckAt0", "stuckAt1"]),
      bits: z.int(),
      clocks: z.int().exactOptional(),
    }),
    regions: z.array(
      z.strictObject({ ...place, firstCycle: z.int(), lastCycle: z.int(), physical: z.int().exactOptional() }),
    ),
    absent: z.array(z.strictObject(place)),
  })
  .transform(({ model, regions, absent }): FaultSpace => ({ model, regions, absent }));

/** @throws InputError if the golden run is not what it was when the campaign began. */
export function goldenStep(directory: string, { image, specification }: CampaignInputs): GoldenRun {
  const { timing, snapshots } = specification.value;
  const options = timing === undefined ? {} : { timing };
  const golden = recordGolden(planBoot(image), { snapshots, ...options });
  const { result } = golden;
  if (result.workload.outputRight !== true) {
    const problem = `without a fault the image does not do its work (${result.workload.status})`;
    throw new InputError({ file: image.file, problem, mend: "try it with `quorum86 boot`, and mend the scenario" });
  }
  const run = new ScenarioRun(golden.plan, options);
  run.restore(golden.end, []);
  const { vote, ending, service } = judge(golden, run, undefined).outcome;
  const summary: GoldenSummary = {
    scenario: result.scenario,
    cycles: result.cycles,
    instructions: result.instructions,
    coreHertz: result.coreHertz,
    eventHash: result.eventHash,
    outputSha256: sha256(result.workload.output),
    vote,
    ending,
    service,
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

/** @throws InputError if nothing of the targets was ever there, or a stratum has no points. */
export function spaceStep(directory: string, { specification }: CampaignInputs, golden: GoldenRun): FaultSpace {
  const file = join(directory, FileName.space);
  if (existsSync(file)) return readJson(file, spaceSchema);
  const { window, model, sample } = specification.value;
  const places = placesOf(specification, golden.plan, golden);
  const space = locateInTime(golden, places, window.from, window.to, model);
  const { problem } = specification;
  if (spaceSize(space) === 0n) {
    const text = "no bit of the targets is there at any clock of the window";
    throw problem(["targets"], text, "widen the window, or name other targets");
  }
  if (typeof sample?.strata === "object") {
    const known = strataOf(space, sample).map(({ component }) => component!);
    const unknown = Object.keys(sample.strata).find((name) => !known.includes(name));
    const without = known.find((name) => !(name in (sample.strata as object)));
    if (unknown !== undefined)
      throw problem(["sample", "strata", unknown], "it has no bits in the space", `use ${known.join(", ")}`);
    if (without !== undefined)
      throw problem(
        ["sample", "strata"],
        `it says no number for ${without}`,
        `add ${without}: N, or leave out its targets`,
      );
  }
  const { regions, absent } = space;
  const stored = { size: String(spaceSize(space)), model, regions, absent };
  writeText(directory, FileName.space, `${JSON.stringify(stored, undefined, 1)}\n`);
  return space;
}

/** The classes that need experiments. */
export function pruningStep(
  directory: string,
  golden: GoldenRun,
  space: FaultSpace,
  lastUses: LastUses,
): EquivalenceClass[] {
  const classes = divide(golden, space, lastUses);
  const summary = summariseClasses(classes, space);
  const file = join(directory, FileName.classes);
  if (!existsSync(file)) writeText(directory, FileName.classes, `${JSON.stringify(summary, undefined, 1)}\n`);
  else if (readJson(file, classSummarySchema).sha256 !== summary.sha256) {
    const problem = "def/use pruning gives other classes than before: this is another build of quorum86";
    throw new InputError({ file, problem, mend: "start a new campaign in another directory" });
  }
  return pilotsOf(classes);
}

/** Which experiment answers for each draw. */
export function drawsStep(
  directory: string,
  { sample, pruning }: Specification,
  golden: GoldenRun,
  space: FaultSpace,
  lastUses: LastUses,
): Draws {
  const file = join(directory, FileName.draws);
  if (existsSync(file) || !pruning) new FollowedUnits(golden).trace(lastUses);
  if (existsSync(file)) return readJson(file, drawsSchema);
  const draws = pruning ? mapDraws(golden, space, sample!, lastUses) : unmapped(sampleSize(sample!));
  writeText(directory, FileName.draws, `${JSON.stringify(draws)}\n`);
  return draws;
}
