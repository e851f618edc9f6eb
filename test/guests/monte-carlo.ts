/**
 * The Monte Carlo tests of NIST's AESAVS (2002), 6.4: chains of 1000 encryptions or decryptions; after each, the key and the
 * first input of the next are made from the last two outputs. One wrong bit anywhere changes all that follows.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

const INNER = 1000;
const NO_IV = new Uint8Array(16);

export interface MonteCarlo {
  readonly mode: "ecb" | "cbc";
  readonly operation: "encrypt" | "decrypt";
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly block: Uint8Array;
}

/** One block cipher call in a mode: CBC of a single block. */
export type Cipher = (key: Uint8Array, iv: Uint8Array, block: Uint8Array) => Uint8Array;

/** node:crypto's (OpenSSL's) cipher for a test. */
export function opensslCipher({ mode, operation }: MonteCarlo): Cipher {
  const create = operation === "encrypt" ? createCipheriv : createDecipheriv;
  return (key, iv, block) =>
    create(`aes-${key.length * 8}-${mode}`, key, mode === "ecb" ? null : iv)
      .setAutoPadding(false)
      .update(block);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

/** The last output of each of `outer` chains, in hexadecimal. */
export function monteCarlo(test: MonteCarlo, outer: number, cipher: Cipher): string[] {
  let { key, iv, block } = test;
  const results: string[] = [];
  for (let i = 0; i < outer; i++) {
    let input = block;
    let chain = iv;
    let before: Uint8Array = iv;
    let output: Uint8Array = NO_IV;
    for (let j = 0; j < INNER; j++) {
      const previous = output;
      output = cipher(key, chain, input);
      // CBC: a chain's first input is its initial vector's partner, later ones are the outputs two steps back.
      if (test.mode === "cbc") {
        chain = test.operation === "encrypt" ? output : input;
        input = j === 0 ? iv : previous;
      } else {
        input = output;
      }
      before = previous;
    }
    results.push(Buffer.from(output).toString("hex"));
    key = xor(key, Buffer.concat([before, output]).subarray(-key.length));
    block = test.mode === "cbc" ? before : output;
    iv = output;
  }
  return results;
}
