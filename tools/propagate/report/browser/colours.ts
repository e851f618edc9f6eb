/// <reference lib="dom" />
/** Colours of owners (a hue a program, shades for its areas) and of moments. */
import { rampColour } from "../../../report/browser/ramp.ts";
import { isDark } from "../../../report/browser/theme.ts";
import type { PageData } from "../page-data.ts";
import type { PropagationRecord } from "./record.ts";

export function ownerColour({ owners }: PageData, owner: number): string {
  const { hue, shade } = owners[owner]!;
  const lightness = isDark() ? 0.78 - shade * 0.075 : 0.5 + shade * 0.08;
  return `oklch(${lightness} ${hue < 0 ? 0.015 : 0.135} ${hue < 0 ? 260 : hue})`;
}

/** By the order in which places became wrong, so that what came early differs from what came late however long it took. */
export function timeColour({ order }: PropagationRecord, at: number): string {
  return rampColour(order.length < 2 ? 0 : rank(order, at) / (order.length - 1));
}

/** Of the first of the sorted values that is not below one. */
function rank(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
