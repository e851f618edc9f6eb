/** The sample: point k of a campaign depends on the seed and on k alone, so every row can be made again by itself. */
import { createHash } from "node:crypto";

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
