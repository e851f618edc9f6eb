import { createCipheriv, createDecipheriv } from "node:crypto";
import { BLOCK_BYTES, RECORD_BYTES, type Workload } from "../image/boot-config.ts";

/** What a workload must give, by node:crypto (OpenSSL): the judge of every run. */
export function expectedOutput(workload: Workload): Uint8Array {
  const { mode, key, iv, input, iterations } = workload;
  if (mode === "records") return ofRecords(workload);
  if (mode !== "chain")
    return cipher(workload, `aes-${key.length * 8}-${mode}`, key, mode === "ecb" ? null : iv, input);
  const output = new Uint8Array(iterations * BLOCK_BYTES);
  let block = input;
  for (let i = 0; i < iterations; i++) {
    block = cipher(workload, `aes-${key.length * 8}-ecb`, key, null, block);
    output.set(block, i * BLOCK_BYTES);
  }
  return output;
}

function ofRecords(workload: Workload): Uint8Array {
  const { key, input } = workload;
  const output = new Uint8Array((input.length / RECORD_BYTES) * BLOCK_BYTES);
  for (let i = 0; i * RECORD_BYTES < input.length; i++) {
    const record = input.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES);
    const ownKey = record.subarray(0, key.length);
    output.set(cipher(workload, `aes-${key.length * 8}-ecb`, ownKey, null, record.subarray(32)), i * BLOCK_BYTES);
  }
  return output;
}

function cipher(
  { operation }: Workload,
  name: string,
  key: Uint8Array,
  iv: Uint8Array | null,
  input: Uint8Array,
): Uint8Array {
  const stream = operation === "encrypt" ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv);
  stream.setAutoPadding(false);
  return Buffer.concat([stream.update(input), stream.final()]);
}
