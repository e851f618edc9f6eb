/** The sample: draw k of a campaign depends on the seed and on k alone, so every row can be made again by itself. */
import { createHash } from "node:crypto";
import { type FaultSpace, pointAt, type SpacePoint, spaceSize } from "./fault-space.ts";
import type { SampleSpecification } from "./specification.ts";

const RANGE = 1n << 128n;

/**
 * A number from 0 to `limit` - 1, uniform: 128 bits of SHA-256 over seed, index and attempt; numbers in the last,
 * incomplete multiple of `limit` are drawn again.
 */
export function samplePosition(seed: number, index: number, limit: bigint): bigint {
  const usable = RANGE - (RANGE % limit);
  for (let attempt = 0; ; attempt++) {
    const digest = createHash("sha256").update(`quorum86 sample ${seed} ${index} ${attempt}`).digest("hex");
    const number = BigInt(`0x${digest.slice(0, 32)}`);
    if (number < usable) return number % limit;
  }
}

/** A part of the space with draws of its own: all of it, or what belongs to one component. */
export interface Stratum {
  /** Undefined: the whole space. */
  readonly component: string | undefined;
  readonly space: FaultSpace;
  readonly points: bigint;
  /** Its draws are numbers `first` to `first + size - 1`. */
  readonly first: number;
  readonly size: number;
}

/** The strata of a sample, in the order of the space. Strata of a component that is never there have no draws. */
export function strataOf(space: FaultSpace, { size, strata }: Pick<SampleSpecification, "size" | "strata">): Stratum[] {
  if (strata === undefined) return [{ component: undefined, space, points: spaceSize(space), first: 0, size: size! }];
  const parts = [...new Set(space.regions.map(({ component }) => component))].map((component) => {
    const part = { ...space, regions: space.regions.filter((region) => region.component === component) };
    return { component, space: part, points: spaceSize(part) };
  });
  const points = parts.map((part) => part.points);
  const sizes =
    strata === "component" ? proportional(size!, points) : parts.map(({ component }) => strata[component] ?? 0);
  let first = 0;
  return parts.map((part, i) => {
    const stratum = { ...part, first, size: sizes[i]! };
    first += sizes[i]!;
    return stratum;
  });
}

/** Shares of `size` by largest remainders, at least one each as far as they go. */
function proportional(size: number, points: readonly bigint[]): number[] {
  const total = points.reduce((sum, each) => sum + each, 0n);
  const exact = points.map((each) => (each * BigInt(size) * 1_000_000n) / total);
  const sizes = exact.map((each) => Number(each / 1_000_000n));
  const order = exact
    .map((each, i) => ({ i, rest: each % 1_000_000n }))
    .sort((a, b) => Number(b.rest - a.rest) || a.i - b.i);
  let left = size - sizes.reduce((sum, each) => sum + each, 0);
  for (const { i } of order) if (left-- > 0) sizes[i]!++;
  for (let i = 0; i < sizes.length; i++) {
    const largest = sizes.indexOf(Math.max(...sizes));
    if (sizes[i] !== 0 || sizes[largest]! < 2) continue;
    sizes[i]!++;
    sizes[largest]!--;
  }
  return sizes;
}

/** Number of draws. */
export function sampleSize({ size, strata }: SampleSpecification): number {
  if (size !== undefined) return size;
  return Object.values(strata as Readonly<Record<string, number>>).reduce((sum, each) => sum + each, 0);
}

/** The point of draw `index`. */
export function drawnPoint(strata: readonly Stratum[], seed: number, index: number): SpacePoint {
  const stratum = strata.find(({ first, size }) => index >= first && index < first + size);
  if (stratum === undefined) throw new RangeError(`the sample has no draw ${index}`);
  return pointAt(stratum.space, samplePosition(seed, index, stratum.points));
}
