import { experiment } from "../../../tools/campaign/experiment.ts";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { type FaultSpace, placesOf, type SpacePoint } from "../../../tools/campaign/fault-space.ts";
import { locateInTime } from "../../../tools/campaign/presence.ts";
import { classSize, divide, type EquivalenceClass, pilotsOf, pointOfClass } from "../../../tools/campaign/pruning.ts";
import type { Row } from "../../../tools/campaign/row.ts";
import { parseSpecification } from "../../../tools/campaign/specification.ts";
import { type GoldenRun, recordGolden } from "../../../tools/faults/golden-run.ts";
import type { OutcomeClass } from "../../../tools/faults/outcome.ts";
import type { Random } from "../support/random.ts";
import { smallPlan } from "./small-campaign.ts";

/** A space of the small image and its classes. */
export interface Divided {
  readonly golden: GoldenRun;
  readonly space: FaultSpace;
  readonly classes: readonly EquivalenceClass[];
}

export function smallGolden(): GoldenRun {
  return recordGolden(smallPlan(), { snapshots: 128 });
}

/** @param targets as in a specification, in YAML flow style. */
export function divideSpace(golden: GoldenRun, targets: string, from: number, to: number): Divided {
  const text = `name: divided\nimage: x\ntargets: ${targets}\ncomplete: true\n`;
  const space = locateInTime(golden, placesOf(parseSpecification(text, "divided"), golden.plan), from, to);
  return { golden, space, classes: divide(golden, space) };
}

/** What became of every point of a space. */
export interface Truth {
  /** Points by class. */
  readonly points: ReadonlyMap<OutcomeClass, bigint>;
  outcomeAt(point: SpacePoint): OutcomeClass;
}

/** Runs every pilot. */
export function completeTruth({ golden, space, classes }: Divided): Truth {
  const runner = new ExperimentRunner(golden);
  const work = { kind: "complete", pilots: pilotsOf(classes) } as const;
  const points = new Map<OutcomeClass, bigint>();
  const add = (outcome: OutcomeClass, size: bigint) => points.set(outcome, (points.get(outcome) ?? 0n) + size);
  const byByte = new Map<number, { lastCycle: number; outcomes: OutcomeClass[] }[]>();
  let pilot = 0;
  for (const each of classes) {
    const outcomes = Array.from({ length: 8 }, (_, bit): OutcomeClass => {
      if (each.use !== "read") return each.use === "unread" ? "LATENT" : "MASKED";
      return experiment(runner, { space, work }, 8 * pilot + bit).outcome.class;
    });
    if (each.use === "read") pilot++;
    for (const outcome of outcomes) add(outcome, classSize(each) / 8n);
    const address = each.region.address! + each.byte;
    const stretches = byByte.get(address) ?? [];
    stretches.push({ lastCycle: each.lastCycle, outcomes });
    byByte.set(address, stretches);
  }
  return {
    points,
    outcomeAt: ({ address, bit, cycle }) =>
      byByte.get(address!)!.find(({ lastCycle }) => cycle <= lastCycle)!.outcomes[bit]!,
  };
}

/**
 * Strikes a random member of a random class, and its pilot. Classes of every use and place are drawn equally often.
 * Undefined if both end alike, and as pruning says.
 */
export function memberDisagrees(runner: ExperimentRunner, kinds: readonly EquivalenceClass[][], random: Random) {
  const member = random.pick(random.pick(kinds));
  const bit = random.below(8);
  const cycle = member.firstCycle + random.below(member.lastCycle - member.firstCycle + 1);
  const pilot = runner.run(0, pointOfClass(member, bit, member.lastCycle)).outcome;
  const other = runner.run(0, pointOfClass(member, bit, cycle)).outcome;
  const expected = { read: pilot.class, overwritten: "MASKED", unread: "LATENT" }[member.use];
  if (JSON.stringify(pilot) === JSON.stringify(other) && other.class === expected) return undefined;
  return { member, bit, cycle, pilot, other };
}

/** Classes by use and place. */
export function kindsOf(classes: readonly EquivalenceClass[]): EquivalenceClass[][] {
  const kinds = new Map<string, EquivalenceClass[]>();
  for (const each of classes) {
    const key = `${each.use} ${each.region.component} ${each.region.name}`;
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
