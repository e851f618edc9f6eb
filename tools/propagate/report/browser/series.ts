/** Wrong words over time, by owner: the sums that the chart draws. */
import type { PropagationRecord } from "./record.ts";

/** When an owner's places became wrong, and when they were right again, each ascending. */
export interface OwnerSeries {
  readonly began: Float64Array;
  readonly ended: Float64Array;
}

/** By owner. */
export type Series = readonly OwnerSeries[];

export function seriesOf({ columns, data }: Pick<PropagationRecord, "columns" | "data">): Series {
  const { spanPlace, spanAt, spanLasted, placeOwner } = columns;
  const began: number[][] = data.owners.map(() => []);
  const ended: number[][] = data.owners.map(() => []);
  for (let span = 0; span < spanAt.length; span++) {
    const owner = placeOwner[spanPlace[span]!]!;
    const lasted = spanLasted[span]!;
    began[owner]!.push(spanAt[span]!);
    if (lasted >= 0) ended[owner]!.push(spanAt[span]! + lasted);
  }
  return data.owners.map((_, owner) => ({
    began: Float64Array.from(began[owner]!).sort(),
    ended: Float64Array.from(ended[owner]!).sort(),
  }));
}

/** The most wrong words of each owner within each of a row of times. */
export interface Buckets {
  /** By owner. */
  readonly rows: readonly Float64Array[];
  /** Of all owners that are not hidden, at once. */
  readonly top: number;
}

/** @param limits ends of the buckets, ascending. */
export function bucketsOf(series: Series, limits: Float64Array, hidden: ReadonlySet<number>): Buckets {
  const rows = series.map((owner) => peaks(owner, limits));
  let top = 1;
  for (let i = 0; i < limits.length; i++) {
    const sum = rows.reduce((total, row, owner) => (hidden.has(owner) ? total : total + row[i]!), 0);
    top = Math.max(top, sum);
  }
  return { rows, top };
}

/** At one clock the ends come first: a word that goes from one owner's hands to another's counts once. */
function peaks({ began, ended }: OwnerSeries, limits: Float64Array): Float64Array {
  const row = new Float64Array(limits.length);
  let begins = 0;
  let ends = 0;
  for (let i = 0; i < limits.length; i++) {
    const limit = limits[i]!;
    let most = begins - ends;
    while (begins < began.length && began[begins]! <= limit) {
      const at = began[begins]!;
      while (ends < ended.length && ended[ends]! <= at) ends++;
      while (begins < began.length && began[begins] === at) begins++;
      most = Math.max(most, begins - ends);
    }
    while (ends < ended.length && ended[ends]! <= limit) ends++;
    row[i] = most;
  }
  return row;
}

/** Wrong words of an owner at one moment. */
export function wordsAt({ began, ended }: OwnerSeries, moment: number): number {
  return countUpTo(began, moment) - countUpTo(ended, moment);
}

function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
