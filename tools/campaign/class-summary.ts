/** What is stored of the classes of a complete campaign: enough to report, and to know them again. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type FaultSpace, type Region, spaceSize } from "./fault-space.ts";
import { classSize, type EquivalenceClass, needsExperiment } from "./pruning.ts";

const points = z.string().regex(/^\d+$/);
export const classSummarySchema = z.strictObject({
  /** Experiments. */
  pilots: z.int(),
  classes: z.int(),
  /** Points of the space in classes of each use, by place; they add up to the space. */
  places: z.array(
    z.strictObject({ component: z.string(), name: z.string(), read: points, overwritten: points, unread: points }),
  ),
  /** Of the list of classes. */
  sha256: z.string(),
});
export type ClassSummary = z.output<typeof classSummarySchema>;

/** @throws Error if the classes are not the space: every point must be in exactly one. */
export function summariseClasses(classes: readonly EquivalenceClass[], space: FaultSpace): ClassSummary {
  const places = new Map<
    string,
    { component: string; name: string } & Record<"read" | "overwritten" | "unread", bigint>
  >();
  const hash = createHash("sha256");
  let pilots = 0;
  let count = 0;
  let sum = 0n;
  for (const each of classes) {
    const { region, index, bits, firstCycle, lastCycle, use } = each;
    const { component, name } = region;
    hash.update(`${placeOf(region)} ${index} ${bits} ${firstCycle} ${lastCycle} ${use}\n`);
    const key = `${component} ${name}`;
    const place = places.get(key) ?? { component, name, read: 0n, overwritten: 0n, unread: 0n };
    const size = classSize(each);
    const experiment = needsExperiment(use);
    place[experiment ? "read" : (use as "overwritten" | "unread")] += size;
    places.set(key, place);
    sum += size;
    count += bits;
    if (experiment) pilots += bits;
  }
  const size = spaceSize(space);
  if (sum !== size)
    throw new Error(`the classes hold ${sum} points, the fault space ${size}: def/use pruning is wrong`);
  return {
    pilots,
    classes: count,
    places: [...places.values()].map(({ component, name, read, overwritten, unread }) => ({
      component,
      name,
      read: String(read),
      overwritten: String(overwritten),
      unread: String(unread),
    })),
    sha256: hash.digest("hex"),
  };
}

function placeOf({ component, register, target, address }: Region): string {
  return `${component} ${register ?? target ?? ""} ${address ?? ""}`;
}
