/** What is stored of the classes of a complete campaign: enough to report, and to know them again. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { classSize, type EquivalenceClass, pilotsOf } from "./pruning.ts";

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

export function summariseClasses(classes: readonly EquivalenceClass[]): ClassSummary {
  const places = new Map<
    string,
    { component: string; name: string; read: bigint; overwritten: bigint; unread: bigint }
  >();
  const hash = createHash("sha256");
  for (const each of classes) {
    const { region, byte, firstCycle, lastCycle, use } = each;
    const { component, name } = region;
    hash.update(`${component} ${region.address! + byte} ${firstCycle} ${lastCycle} ${use}\n`);
    const key = `${component} ${name}`;
    const place = places.get(key) ?? { component, name, read: 0n, overwritten: 0n, unread: 0n };
    place[use] += classSize(each);
    places.set(key, place);
  }
  return {
    pilots: 8 * pilotsOf(classes).length,
    classes: 8 * classes.length,
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
