import { createHash } from "node:crypto";

/** Reproducible bytes: SHA-256 of (seed, 0), (seed, 1), … as little-endian words, one after the other. */
export function randomBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const message = new DataView(new ArrayBuffer(8));
  message.setUint32(0, seed, true);
  for (let offset = 0, counter = 0; offset < length; offset += 32, counter++) {
    message.setUint32(4, counter, true);
    const digest = createHash("sha256").update(message).digest();
    bytes.set(digest.subarray(0, Math.min(32, length - offset)), offset);
  }
  return bytes;
}
