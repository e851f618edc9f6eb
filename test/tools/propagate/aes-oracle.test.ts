import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { AES_FAULTS, AesOracle } from "./aes-oracle.ts";
import { encryptBlock, expandKey } from "./reference-aes.ts";

/** Every so many of the 2,688; `npm run acceptance aes-faults` takes all. */
const STEP = 23;

describe("bits that flip in AES", () => {
  const oracle = new AesOracle();

  it("the judge itself is right", () => {
    for (let i = 0; i < 50; i++) {
      const key = Buffer.alloc(16, 7 * i + 1);
      const block = Uint8Array.from({ length: 16 }, (_, n) => (n * i * 31 + i) & 0xff);
      const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
      expect(Buffer.from(encryptBlock(expandKey(key), block))).toEqual(cipher.update(block));
    }
  });

  it("there are 1,280 of the state and 1,408 of the round keys", () => {
    expect(AES_FAULTS.filter(({ kind }) => kind === "state")).toHaveLength(1280);
    expect(AES_FAULTS.filter(({ kind }) => kind === "key")).toHaveLength(1408);
  });

  it("give the ciphertext that FIPS-197 gives with the same bit flipped, byte for byte", () => {
    for (let i = 0; i < AES_FAULTS.length; i += STEP) {
      const fault = AES_FAULTS[i]!;
      const { output, expected } = oracle.judge(fault);
      expect([fault, output]).toEqual([fault, expected]);
    }
  });

  it.each([
    [10, 1],
    [9, 4],
    [8, 16],
  ])("before round %i, exactly %i bytes; and the tracker counts as many in the reply", (round, bytes) => {
    for (const bit of [0, 45, 127]) {
      const fault = { kind: "state", round, bit } as const;
      expect(oracle.judge(fault).wrongBytes).toBe(bytes);
      const { history, names } = propagate(oracle.golden, oracle.fault(fault));
      const reply = new Map<string, number>();
      history.forEach(({ golden, faulty }, id) => {
        const { component, symbol } = names[id]!;
        if (component === "replica-1" && symbol.startsWith("reply")) reply.set(symbol, golden ^ faulty);
      });
      const wrong = [...reply.values()].flatMap((word) => [0, 8, 16, 24].filter((at) => ((word >>> at) & 0xff) !== 0));
      expect([bit, wrong.length]).toEqual([bit, bytes]);
    }
  });

  it("in round key 10, exactly one bit", () => {
    for (const bit of [0, 77, 127]) expect(oracle.judge({ kind: "key", round: 10, bit }).wrongBits).toBe(1);
  });
});
