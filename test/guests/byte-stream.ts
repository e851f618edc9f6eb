import { createHash } from "node:crypto";

/** Reproducible bytes: SHA-256 of the seed and a counter, one digest after another. */
export function byteStream(seed: string): (length: number) => Buffer {
  let counter = 0;
  let pool = Buffer.alloc(0);
  return (length) => {
    while (pool.length < length) {
      pool = Buffer.concat([pool, createHash("sha256").update(`${seed} ${counter++}`).digest()]);
    }
    const bytes = pool.subarray(0, length);
    pool = pool.subarray(length);
    return bytes;
  };
}
