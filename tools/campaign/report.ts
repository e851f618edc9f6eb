/**
 * What a campaign says about its fault space: how many of its points end in each class, with intervals. Absolute counts,
 * not shares: only they may be compared between variants of a program (Schirmeier et al., DSN 2015).
 */
import { CLASSES, type OutcomeClass } from "../faults/outcome.ts";
import type { CampaignRecord } from "./campaign.ts";
import type { ClassSummary } from "./class-summary.ts";
import { bitsOf, type FaultSpace, type Region, regionSize, type SpaceModel, spaceSize } from "./fault-space.ts";
import type { Row } from "./row.ts";
import { strataOf } from "./sample.ts";
import { type IntervalKind, proportionInterval, type StratumCount, stratifiedInterval } from "./statistics.ts";

/** Classes in which the system gave a wrong service or none. */
const FAILURES: readonly OutcomeClass[] = ["DUE_DETECTED", "DUE_TIMEOUT", "SDC", "SYSTEM_CRASH", "ISOLATION_BREACH"];

/** How often something happened in the sample, and in how many points of the space it therefore would. */
export interface Estimate {
  readonly count: number;
  readonly share: number;
  readonly shareLow: number;
  readonly shareHigh: number;
  /** Points of the space: bits × cycles. */
  readonly points: number;
  readonly pointsLow: number;
  readonly pointsHigh: number;
}

/** A part of the space with its own part of the sample. */
export interface Group {
  readonly name: string;
  readonly bits: number;
  /** Bits × cycles, exact, in decimal. */
  readonly space: string;
  readonly sampled: number;
  readonly classes: Readonly<Record<OutcomeClass, Estimate>>;
  /** All of `FAILURES` together. */
  readonly failures: Estimate;
}

/** Clocks. */
export interface Distribution {
  readonly count: number;
  readonly least: number;
  readonly median: number;
  readonly ninth: number;
  readonly most: number;
  /** Edges double from one bin to the next: bin i holds from 2^i to 2^(i+1) - 1. */
  readonly bins: readonly { readonly from: number; readonly count: number }[];
}

/** A 32-bit word of memory, with the experiments that struck it. */
export interface WordCount {
  readonly component: string;
  readonly place: string;
  readonly address: number;
  /** Of the component's space, or of the machine. */
  readonly addressing: "virtual" | "physical";
  readonly sampled: number;
  /** Outvoted. */
  readonly corrected: number;
  readonly failures: number;
  readonly latent: number;
  /** Points of the space (bits × clocks) that end so: counted in a complete campaign, estimated from a sample. */
  readonly correctedPoints: number;
  readonly failurePoints: number;
}

/** A bit of a component's register, with the experiments that struck it. */
export interface BitCount extends Omit<WordCount, "address" | "addressing" | "place"> {
  readonly register: string;
  readonly bit: number;
}

export interface CampaignReport {
  readonly name: string;
  readonly scenario: string;
  /** Undefined: the campaign is complete, not sampled. */
  readonly seed: number | undefined;
  /** What happens to the bits of a point. */
  readonly model: SpaceModel;
  /** Draws of each stratum, when the sample is stratified. */
  readonly strata:
    | readonly { readonly component: string; readonly asked: number; readonly reached: number }[]
    | undefined;
  /** Experiments that answer for the draws of a sample, and draws that need none; undefined for a complete campaign. */
  readonly experiments: { readonly asked: number; readonly undisturbed: number } | undefined;
  /** Classes of bits that one experiment (or none) answers for, in a complete campaign. */
  readonly classes: number | undefined;
  readonly asked: number;
  readonly reached: number;
  readonly interval: IntervalKind;
  readonly confidence: number;
  readonly goldenCycles: number;
  readonly total: Group;
  readonly components: readonly Group[];
  readonly places: readonly Group[];
  readonly toolErrors: { readonly count: number; readonly reasons: Readonly<Record<string, number>> };
  /** From the injection to the first vote that named a replica. */
  readonly detection: Distribution | undefined;
  readonly words: readonly WordCount[];
  readonly bits: readonly BitCount[];
  readonly absent: readonly { readonly component: string; readonly name: string; readonly bits: number }[];
  readonly earlyStop: {
    readonly stopped: number;
    /** Instructions simulated, and those that whole runs of the same experiments retire. */
    readonly simulated: number;
    readonly whole: number;
  };
  /** Of results.jsonl; absent while rows are missing. */
  readonly resultsSha256: string | undefined;
}

export function reportCampaign(record: CampaignRecord): CampaignReport {
  const { specification, golden, space, rows, resultsSha256, classes: summary } = record;
  const { interval, confidence, sample } = specification;
  const strata = sample?.strata === undefined ? undefined : strataOf(space, sample);
  const group = (name: string, regions: readonly Region[], members: readonly Row[]): Group => {
    const size = regions.reduce((sum, region) => sum + regionSize(region, space.model), 0n);
    const estimate = (wanted: readonly OutcomeClass[]): Estimate => {
      if (summary !== undefined) return weigh(members, wanted, size, summary, regions);
      const owners = new Set(regions.map(({ component }) => component));
      if (strata === undefined || owners.size === 1)
        return estimateOf(countOf(members, wanted), members.length, size, interval, confidence);
      const parts = strata.map(({ component, points }): StratumCount => {
        const own = members.filter((row) => row.component === component);
        return { weight: Number(points) / Number(size), hits: countOf(own, wanted), trials: own.length };
      });
      return estimated(countOf(members, wanted), size, stratifiedInterval(interval, parts, confidence));
    };
    const classes = CLASSES.map((each) => [each, estimate([each])] as const);
    return {
      name,
      bits: regions.reduce((sum, region) => sum + bitsOf(region), 0),
      space: String(size),
      sampled: members.length,
      classes: Object.fromEntries(classes) as Record<OutcomeClass, Estimate>,
      failures: estimate(FAILURES),
    };
  };
  const groupsBy = (regionKey: (region: Region) => string, rowKey: (row: Row) => string): Group[] =>
    [...new Set(space.regions.map(regionKey))].map((key) =>
      group(
        key,
        space.regions.filter((region) => regionKey(region) === key),
        rows.filter((row) => rowKey(row) === key),
      ),
    );
  const pointsOf = pointsByRow(record);
  const errors = rows.filter(({ outcome }) => outcome.class === "TOOL_ERROR");
  const reasons: Record<string, number> = {};
  for (const row of errors) {
    const reason = row.error ?? ("reason" in row.injection ? row.injection.reason : "interrupted");
    const general = reason.replace(/0x[0-9a-f]+/g, "0x…").replace(/\b\d+\b/g, "…");
    reasons[general] = (reasons[general] ?? 0) + 1;
  }
  return {
    name: specification.name,
    scenario: golden.scenario,
    seed: sample?.seed,
    model: space.model,
    strata: strata?.map(({ component, size }) => {
      const reached = rows.filter((row) => row.component === component).length;
      return { component: component!, asked: size, reached };
    }),
    experiments:
      record.experiments === undefined
        ? undefined
        : { asked: record.experiments, undisturbed: record.undisturbed ?? 0 },
    classes: summary?.classes,
    asked: record.asked,
    reached: rows.length,
    interval,
    confidence,
    goldenCycles: golden.cycles,
    total: group("all", space.regions, rows),
    components: groupsBy(
      ({ component }) => component,
      ({ component }) => component,
    ),
    places: groupsBy(
      ({ component, name }) => `${component} ${name}`,
      ({ component, place }) => `${component} ${place}`,
    ),
    toolErrors: { count: errors.length, reasons },
    detection: distribution(rows.flatMap(({ detection }) => detection ?? [])),
    words: wordCounts(rows, space, pointsOf),
    bits: bitCounts(rows, pointsOf),
    absent: space.absent.map((place) => ({ component: place.component, name: place.name, bits: bitsOf(place) })),
    earlyStop: {
      stopped: rows.filter(({ stop, like }) => (stop === "converged" || stop === "dead") && like === undefined).length,
      simulated: rows.reduce((sum, { simulated }) => sum + simulated, 0),
      whole: rows.reduce((sum, { instructions }) => sum + instructions, 0),
    },
    resultsSha256,
  };
}

/** @param size points of the space that the sample was drawn from. */
export function estimateOf(
  count: number,
  sampled: number,
  size: bigint,
  kind: IntervalKind,
  confidence: number,
): Estimate {
  const share = sampled === 0 ? 0 : count / sampled;
  return estimated(count, size, { share, ...proportionInterval(kind, count, sampled, confidence) });
}

function estimated(
  count: number,
  size: bigint,
  { share, low, high }: { readonly share: number; readonly low: number; readonly high: number },
): Estimate {
  const points = Number(size);
  return {
    count,
    share,
    shareLow: low,
    shareHigh: high,
    points: share * points,
    pointsLow: low * points,
    pointsHigh: high * points,
  };
}

/** How many points of the space a row stands for. */
function pointsByRow({ specification: { sample }, space, rows, classes }: CampaignRecord): (row: Row) => number {
  if (classes !== undefined || sample === undefined) return ({ weight }) => weight ?? 0;
  if (sample.strata === undefined) {
    const each = Number(spaceSize(space)) / Math.max(1, rows.length);
    return () => each;
  }
  const each = new Map(
    strataOf(space, sample).map(({ component, points }) => {
      const reached = rows.filter((row) => row.component === component).length;
      return [component, Number(points) / Math.max(1, reached)] as const;
    }),
  );
  return ({ component }) => each.get(component)!;
}

/** Of a complete campaign: points are counted, not estimated; what has not been run yet is the width of the interval. */
function weigh(
  rows: readonly Row[],
  wanted: readonly OutcomeClass[],
  size: bigint,
  { places }: ClassSummary,
  regions: readonly Region[],
): Estimate {
  const parts = places.filter(({ component, name }) =>
    regions.some((region) => region.component === component && region.name === name),
  );
  const sum = (use: "read" | "overwritten" | "unread") =>
    parts.reduce((points, part) => points + BigInt(part[use]), 0n);
  const weight = (members: readonly Row[]) => members.reduce((points, row) => points + BigInt(row.weight ?? 0), 0n);
  let points = weight(rows.filter(({ outcome }) => wanted.includes(outcome.class)));
  if (wanted.includes("MASKED")) points += sum("overwritten");
  if (wanted.includes("LATENT")) points += sum("unread");
  const most = points + sum("read") - weight(rows);
  const share = (value: bigint) => Number(value) / Number(size);
  return {
    count: countOf(rows, wanted),
    share: share(points),
    shareLow: share(points),
    shareHigh: share(most),
    points: Number(points),
    pointsLow: Number(points),
    pointsHigh: Number(most),
  };
}

function countOf(rows: readonly Row[], classes: readonly OutcomeClass[]): number {
  return rows.filter(({ outcome }) => classes.includes(outcome.class)).length;
}

export function distribution(values: readonly number[]): Distribution | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const bins: { from: number; count: number }[] = [];
  for (let from = 1; from <= Math.max(1, sorted.at(-1)!); from *= 2) {
    const count = sorted.filter((value) => Math.max(1, value) >= from && value < from * 2).length;
    if (count > 0 || bins.length > 0) bins.push({ from, count });
  }
  return { count: sorted.length, least: sorted[0]!, median: at(0.5), ninth: at(0.9), most: sorted.at(-1)!, bins };
}

type Counts = Writable<
  Pick<WordCount, "sampled" | "corrected" | "failures" | "latent" | "correctedPoints" | "failurePoints">
>;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function noCounts(): Counts {
  return { sampled: 0, corrected: 0, failures: 0, latent: 0, correctedPoints: 0, failurePoints: 0 };
}

function wordCounts(rows: readonly Row[], { regions }: FaultSpace, pointsOf: (row: Row) => number): WordCount[] {
  const inSpace = new Set(
    regions.filter(({ addressing }) => addressing === "virtual").map(({ component, name }) => `${component} ${name}`),
  );
  const words = new Map<string, Writable<WordCount>>();
  for (const row of rows) {
    const { component, place } = row;
    if (row.address === undefined) continue;
    const address = row.address - (row.address % 4);
    const addressing = inSpace.has(`${component} ${place}`) ? "virtual" : "physical";
    const key = `${component} ${addressing} ${address}`;
    const word = words.get(key) ?? { component, place, address, addressing, ...noCounts() };
    tally(word, row, pointsOf);
    words.set(key, word);
  }
  return [...words.values()].sort((a, b) => compare(a.component, b.component) || a.address - b.address);
}

function tally(counts: Counts, row: Row, pointsOf: (row: Row) => number): void {
  const name = row.outcome.class;
  counts.sampled++;
  if (name === "LATENT") counts.latent++;
  if (name === "CORRECTED") {
    counts.corrected++;
    counts.correctedPoints += pointsOf(row);
  }
  if (FAILURES.includes(name)) {
    counts.failures++;
    counts.failurePoints += pointsOf(row);
  }
}

function bitCounts(rows: readonly Row[], pointsOf: (row: Row) => number): BitCount[] {
  const bits = new Map<string, Writable<BitCount>>();
  for (const row of rows) {
    const { component, place: register, address, bit } = row;
    if (address !== undefined) continue;
    const key = `${component} ${register} ${bit}`;
    const count = bits.get(key) ?? { component, register, bit, ...noCounts() };
    tally(count, row, pointsOf);
    bits.set(key, count);
  }
  return [...bits.values()].sort(
    (a, b) => compare(a.component, b.component) || compare(a.register, b.register) || a.bit - b.bit,
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
