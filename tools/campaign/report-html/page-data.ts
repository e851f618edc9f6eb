/** What a campaign's page brings with it: written by page.ts, read by browser/. */

export interface CampaignPageData {
  readonly components: readonly string[];
  /** Registers, symbols, sections, structures as the specification names them. */
  readonly places: readonly string[];
  readonly symbols: readonly string[];
  /** Draws (of a sample) or experiments (of a complete campaign). */
  readonly unit: string;
}

/** Words of memory and bits of registers that were struck. Address -1: a register; bit -1: a word. */
export const COLUMN_NAMES = [
  "component",
  "place",
  "address",
  "bit",
  /** Number of the word's name, -1 for none. */
  "symbol",
  "sampled",
  "corrected",
  "failures",
  "latent",
  "correctedPoints",
  "failurePoints",
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];
