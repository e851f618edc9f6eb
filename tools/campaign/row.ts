/** One row of a campaign: an experiment, or a draw, and its outcome. It holds nothing of the host, so it is the same on every run. */
import { crc32 } from "node:zlib";
import { z } from "zod";
import { outcomeSchema } from "../faults/outcome.ts";

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const rowSchema = z.strictObject({
  /** Number of the draw, or of the pilot of a complete campaign, from 0. */
  index: count,
  /** One-line form of what was drawn; `quorum86 inject` and `quorum86 boot --fault` repeat it. */
  fault: z.string(),
  component: z.string(),
  /** Register, symbol, section, structure or address that the specification names. */
  place: z.string(),
  /** Byte of memory that was struck, virtual or physical; absent for registers. */
  address: count.optional(),
  /** Bit of the register or byte: the lowest of those that change. */
  bit: count,
  /** Clock of the trigger. */
  cycle: count,
  outcome: outcomeSchema,
  /** Clock, word before and after; why there was no injection; or why none was needed. */
  injection: z.union([
    z.strictObject({ cycle: count, location: z.string(), before: count, after: count }),
    z.strictObject({ reason: z.string() }),
    z.strictObject({ pruned: z.enum(["overwritten", "unread"]) }),
  ]),
  /** Clocks that this experiment stands for, in a complete campaign: its bit's whole class. */
  weight: count.optional(),
  /** The draw of the same def/use class whose experiment answers for this one. */
  like: count.optional(),
  /** Clocks from the trigger to the first vote that named a replica; absent if none did. */
  detection: count.optional(),
  /** Clock and instructions at the end of the run (of the golden run, if the rest was known). */
  cycles: count,
  instructions: count,
  /** The run ended; its whole state was the golden run's again; nothing that is wrong is ever read again; no run was needed. */
  stop: z.enum(["end", "converged", "dead", "pruned", "error"]),
  /** Instructions that were really simulated for this row. */
  simulated: count,
  /** What the tool said when it failed. */
  error: z.string().optional(),
});
export type Row = z.output<typeof rowSchema>;

/** A line of a shard: CRC-32 of the JSON in hexadecimal, a space, the JSON, a line feed. */
export function encodeLine(row: Row): string {
  const json = JSON.stringify(row);
  return `${checksum(json)} ${json}\n`;
}

/** Undefined if the line (without its line feed) is damaged. */
export function decodeLine(line: string): Row | undefined {
  const json = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    return rowSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
