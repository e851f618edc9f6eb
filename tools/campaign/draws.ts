/**
 * Draws and the experiments that answer for them. Draws are uniform over the raw space; all draws of one def/use class have
 * one outcome, so one experiment is run for them and counted as often as it was drawn, and a draw whose flip is written over
 * or never read needs none. What a draw stands for is unchanged, and so are the estimates.
 */
import { z } from "zod";
import type { GoldenRun } from "../faults/golden-run.ts";
import { bitsAt, type FaultSpace, type Region, type SpacePoint } from "./fault-space.ts";
import type { LastUses } from "./last-uses.ts";
import { endOfStretch, FollowedUnits, isFollowed, needsExperiment } from "./pruning.ts";
import { drawnPoint, sampleSize, strataOf } from "./sample.ts";
import type { SampleSpecification } from "./specification.ts";
import type { Uses } from "./use-trace.ts";

/** In place of the number of an experiment. */
export const OVERWRITTEN = -1;
export const UNREAD = -2;

export const drawsSchema = z.strictObject({
  /** For each draw, the draw whose experiment answers for it (its own, or an earlier one's), or why there is none. */
  answer: z.array(z.int().min(UNREAD)),
  /**
   * For each draw with an experiment of its own, in order: the clock at which the bit is really struck, the last of its class
   * (nearest to the use, least to simulate), or -1 for the drawn one.
   */
  struck: z.array(z.int().min(-1)),
  /** Draws with an experiment of their own whose bit is perhaps read, not surely. */
  perhaps: z.array(z.int()),
});
export type Draws = z.output<typeof drawsSchema>;

/** Numbers of the draws that have an experiment of their own, ascending. */
export function experimentsOf({ answer }: Draws): number[] {
  const own: number[] = [];
  answer.forEach((by, draw) => {
    if (by === draw) own.push(draw);
  });
  return own;
}

/** An experiment for every draw: nothing is known of classes. */
export function unmapped(size: number): Draws {
  return {
    answer: Array.from({ length: size }, (_, draw) => draw),
    struck: Array.from({ length: size }, () => -1),
    perhaps: [],
  };
}

/** Runs the golden run once more, following the bits that are drawn, and finds the class of each draw. */
export function mapDraws(
  golden: GoldenRun,
  space: FaultSpace,
  sample: SampleSpecification,
  lastUses?: LastUses,
): Draws {
  const size = sampleSize(sample);
  const followed = new FollowedUnits(golden);
  if (space.model.kind !== "flip") {
    if (lastUses !== undefined) followed.trace(lastUses);
    return unmapped(size);
  }
  const strata = strataOf(space, sample);
  const places = new Map<string, DrawnPlace>();
  const draws = Array.from({ length: size }, (_, index) => {
    const point = drawnPoint(strata, sample.seed, index);
    const { region, cycle } = point;
    if (!isFollowed(region)) return { cycle, place: undefined };
    const key = `${region.component} ${region.name} ${region.address} ${region.firstCycle} ${point.index}`;
    let place = places.get(key);
    if (place === undefined) {
      const units = bitsAt(point, space.model).map((bit) => followed.add(region, bit));
      place = { region, units: [...new Set(units)], experiments: new Map() };
      places.set(key, place);
    }
    return { cycle, place };
  });
  if (places.size > 0 || lastUses !== undefined) followed.trace(lastUses);
  const answer: number[] = [];
  const struck: number[] = [];
  const perhaps: number[] = [];
  draws.forEach(({ cycle, place }, draw) => {
    if (place === undefined) {
      answer.push(draw);
      struck.push(-1);
      return;
    }
    const { lastCycle, use } = endOfStretch(place.units, cycle, place.region.lastCycle);
    if (!needsExperiment(use)) {
      answer.push(use === "overwritten" ? OVERWRITTEN : UNREAD);
      return;
    }
    const known = place.experiments.get(lastCycle);
    if (known === undefined) {
      place.experiments.set(lastCycle, draw);
      struck.push(lastCycle);
      if (use === "perhaps") perhaps.push(draw);
    }
    answer.push(known ?? draw);
  });
  return { answer, struck, perhaps };
}

/** A position that is drawn, with the uses of its bits, and its experiments by the last clock of their class. */
interface DrawnPlace {
  readonly region: Region;
  readonly units: readonly Uses[];
  readonly experiments: Map<number, number>;
}

/** The point that an experiment strikes, for a draw that has one of its own. */
export function struckPoint(point: SpacePoint, struck: number): SpacePoint {
  if (struck < 0 || struck === point.cycle) return point;
  return { ...point, cycle: struck, fault: { ...point.fault, trigger: { cycle: struck } } };
}
