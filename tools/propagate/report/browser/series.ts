/** Wrong words over time, by owner: the sums that the chart draws. */
import type { PropagationRecord } from "./record.ts";

export interface Series {
  /** Moments at which the number of an owner's wrong words changes, ascending. */
  readonly at: Float64Array;
  readonly owner: Uint16Array;
  /** 1 or -1. */
  readonly by: Int8Array;
}

export function seriesOf({ columns }: Pick<PropagationRecord, "columns">): Series {
  const { spanPlace, spanAt, spanLasted, placeOwner } = columns;
  const ended = spanLasted.reduce((sum, lasted) => sum + (lasted >= 0 ? 1 : 0), 0);
  const count = spanAt.length + ended;
  const moments = new Float64Array(count);
  const spans = new Uint32Array(count);
  const changes = new Int8Array(count);
  let next = 0;
  for (let span = 0; span < spanAt.length; span++) {
    moments[next] = spanAt[span]!;
    spans[next] = span;
    changes[next++] = 1;
    if (spanLasted[span]! < 0) continue;
    moments[next] = spanAt[span]! + spanLasted[span]!;
    spans[next] = span;
    changes[next++] = -1;
  }
  // At one clock the ends come first, unless a span is empty.
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) =>
      moments[a]! - moments[b]! || (spans[a] === spans[b] ? changes[b]! - changes[a]! : changes[a]! - changes[b]!),
  );
  return {
    at: Float64Array.from(order, (i) => moments[i]!),
    owner: Uint16Array.from(order, (i) => placeOwner[spanPlace[spans[i]!]!]!),
    by: Int8Array.from(order, (i) => changes[i]!),
  };
}

/** The most wrong words of each owner within each of a row of times. */
export interface Buckets {
  /** By owner. */
  readonly rows: readonly Float64Array[];
  /** Of all owners that are not hidden, at once. */
  readonly top: number;
}

/** @param limits ends of the buckets, ascending. */
export function bucketsOf(series: Series, owners: number, limits: Float64Array, hidden: ReadonlySet<number>): Buckets {
  const rows = Array.from({ length: owners }, () => new Float64Array(limits.length));
  const now = new Float64Array(owners);
  let next = 0;
  let top = 1;
  for (let i = 0; i < limits.length; i++) {
    for (let owner = 0; owner < owners; owner++) rows[owner]![i] = now[owner]!;
    for (; next < series.at.length && series.at[next]! <= limits[i]!; next++) {
      const owner = series.owner[next]!;
      now[owner]! += series.by[next]!;
      if (now[owner]! > rows[owner]![i]!) rows[owner]![i] = now[owner]!;
    }
    let sum = 0;
    for (let owner = 0; owner < owners; owner++) if (!hidden.has(owner)) sum += rows[owner]![i]!;
    top = Math.max(top, sum);
  }
  return { rows, top };
}

/** Wrong words at one moment, all owners. */
export function wrongAt({ at, by }: Series, moment: number): number {
  let sum = 0;
  for (let i = 0; i < at.length && at[i]! <= moment; i++) sum += by[i]!;
  return sum;
}
