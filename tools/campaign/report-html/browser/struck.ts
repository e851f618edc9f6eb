/** Words and bits that were struck, as rows. */
import type { CampaignPageData, ColumnName } from "../page-data.ts";

export interface Struck {
  readonly component: string;
  readonly place: string;
  /** Undefined for a bit of a register. */
  readonly address: number | undefined;
  readonly bit: number | undefined;
  readonly symbol: string;
  readonly sampled: number;
  readonly corrected: number;
  readonly failures: number;
  readonly latent: number;
  readonly correctedPoints: number;
  readonly failurePoints: number;
}

export function struckOf(data: CampaignPageData, columns: Readonly<Record<ColumnName, Float64Array>>): Struck[] {
  return Array.from(columns.component, (component, i) => {
    const given = (name: ColumnName): number | undefined => (columns[name][i]! < 0 ? undefined : columns[name][i]!);
    const symbol = given("symbol");
    return {
      component: data.components[component]!,
      place: data.places[columns.place[i]!]!,
      address: given("address"),
      bit: given("bit"),
      symbol: symbol === undefined ? "" : data.symbols[symbol]!,
      sampled: columns.sampled[i]!,
      corrected: columns.corrected[i]!,
      failures: columns.failures[i]!,
      latent: columns.latent[i]!,
      correctedPoints: columns.correctedPoints[i]!,
      failurePoints: columns.failurePoints[i]!,
    };
  });
}

/** What a cell's colour can say. */
export const METRICS = {
  failurePoints: "points with failures",
  correctedPoints: "points outvoted",
  sampled: "struck",
} as const;
export type Metric = keyof typeof METRICS;

/** 0 for the least that is there, 1 for the most; over powers of ten. */
export function strength(value: number, least: number, most: number): number {
  return most <= least ? 1 : Math.log(value / least) / Math.log(most / least);
}
