import { Experiments } from "../../../tools/campaign/experiment.ts";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { type FaultSpace, type SpacePoint, spaceSize } from "../../../tools/campaign/fault-space.ts";
import { LastUses } from "../../../tools/campaign/last-uses.ts";
import { placesOf } from "../../../tools/campaign/places.ts";
import { locateInTime } from "../../../tools/campaign/presence.ts";
import {
  classSize,
  divide,
  type EquivalenceClass,
  FollowedUnits,
  needsExperiment,
  pilotsOf,
  pointOfClass,
} from "../../../tools/campaign/pruning.ts";
import type { Row } from "../../../tools/campaign/row.ts";
import { parseSpecification } from "../../../tools/campaign/specification.ts";
import { type GoldenRun, recordGolden } from "../../../tools/faults/golden-run.ts";
import type { OutcomeClass } from "../../../tools/faults/outcome.ts";
import type { BootPlan } from "../../../tools/run/boot-plan.ts";
import type { Random } from "../support/random.ts";
import { smallPlan } from "./small-campaign.ts";

/** A space of an image and its classes. */
export interface Divided {
  readonly golden: GoldenRun;
  readonly space: FaultSpace;
  readonly classes: readonly EquivalenceClass[];
}

export function smallGolden(plan: BootPlan = smallPlan()): GoldenRun {
  return recordGolden(plan, { snapshots: 128 });
}

/** @param targets as in a specification, in YAML flow style; `keys` are further lines. */
export function spaceOf(
  golden: GoldenRun,
  targets: string,
  from: number,
  to: number,
  keys = "complete: true",
): FaultSpace {
  const input = parseSpecification(`name: divided\nimage: x\ntargets: ${targets}\n${keys}\n`, "divided");
  return locateInTime(golden, placesOf(input, golden.plan, golden), from, to, input.value.model);
}

export function divideSpace(golden: GoldenRun, targets: string, from: number, to: number, keys?: string): Divided {
  const space = spaceOf(golden, targets, from, to, keys);
  return { golden, space, classes: divide(golden, space) };
}

/** Last uses of every word of RAM. */
export function lastUsesOf(golden: GoldenRun): Uint16Array {
  const lastUses = new LastUses(golden);
  new FollowedUnits(golden).trace(lastUses);
  return lastUses.counts;
}

/** What became of every point of a space. */
export interface Truth {
  /** Points by class. */
  readonly points: ReadonlyMap<OutcomeClass, bigint>;
  outcomeAt(point: SpacePoint): OutcomeClass;
}

/** Runs every pilot. */
export function completeTruth({ golden, space, classes }: Divided): Truth {
  const work = { kind: "complete", pilots: pilotsOf(classes) } as const;
  const experiments = new Experiments(new ExperimentRunner(golden, space), space, work);
  const points = new Map<OutcomeClass, bigint>();
  const add = (outcome: OutcomeClass, size: bigint) => points.set(outcome, (points.get(outcome) ?? 0n) + size);
  const byBit = new Map<string, { lastCycle: number; outcome: OutcomeClass }[]>();
  let pilot = 0;
  for (const each of classes) {
    for (let bit = 0; bit < each.bits; bit++) {
      let outcome: OutcomeClass = each.use === "unread" ? "LATENT" : "MASKED";
      if (needsExperiment(each.use)) outcome = experiments.run(pilot++).outcome.class;
      add(outcome, classSize(each) / BigInt(each.bits));
      const key = `${each.region.component} ${each.region.name} ${each.index + bit}`;
      const stretches = byBit.get(key) ?? [];
      stretches.push({ lastCycle: each.lastCycle, outcome });
      byBit.set(key, stretches);
    }
  }
  return {
    points,
    outcomeAt: ({ region, index, cycle }) =>
      byBit.get(`${region.component} ${region.name} ${index}`)!.find(({ lastCycle }) => cycle <= lastCycle)!.outcome,
  };
}

export function isDivided({ space, classes }: Divided): boolean {
  return classes.reduce((sum, each) => sum + classSize(each), 0n) === spaceSize(space);
}

/**
 * Strikes a random member of a random class, and its pilot. Classes of every use and place are drawn equally often.
 * Undefined if both end alike, and as pruning says.
 */
export function memberDisagrees(
  runner: ExperimentRunner,
  space: FaultSpace,
  kinds: readonly EquivalenceClass[][],
  random: Random,
) {
  const member = random.pick(random.pick(kinds));
  const bit = random.below(member.bits);
  const clocks = member.lastCycle - member.firstCycle + 1;
  // Not the pilot, which is struck at the last clock, unless it is the only one.
  const cycle = member.firstCycle + random.below(Math.max(1, clocks - 1));
  const pilot = runner.run(0, pointOfClass(member, space, bit, member.lastCycle)).outcome;
  const other = runner.run(0, pointOfClass(member, space, bit, cycle)).outcome;
  const expected = { read: pilot.class, perhaps: pilot.class, overwritten: "MASKED", unread: "LATENT" }[member.use];
  if (JSON.stringify(pilot) === JSON.stringify(other) && other.class === expected) return undefined;
  return { member, bit, cycle, pilot, other };
}

/** Classes by use and place that have more than one member. */
export function kindsOf(classes: readonly EquivalenceClass[]): EquivalenceClass[][] {
  const kinds = new Map<string, EquivalenceClass[]>();
  for (const each of classes) {
    if (each.firstCycle === each.lastCycle) continue;
    const flag = each.region.register === "eflags" ? each.index : "";
    const key = `${each.use} ${each.region.component} ${each.region.name} ${flag}`;
    const kind = kinds.get(key) ?? [];
    kind.push(each);
    kinds.set(key, kind);
  }
  return [...kinds.values()];
}

/** A row without what early stop may change. */
export function withoutStop({ stop: _, simulated: __, ...row }: Row) {
  return row;
}
