/**
 * Published and random vectors through the whole service: client, voter, replicas, kernel. Alone (one replica, no vote to
 * hide behind) and voted. NIST SP 800-38A appendix F; the chains of NIST's AESAVS 6.4, compared with node:crypto.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeVoteLog, decodeWorkloadResult, RECORD_BYTES, type Workload } from "../../tools/image/boot-config.ts";
import { bootGuests } from "./boot.ts";
import { byteStream } from "./byte-stream.ts";

const ALONE = ["replica-bytewise", "replica-ttable", "replica-bitslice"];
const CREWS = [...ALONE.map((name) => [name]), ALONE];
const CYCLE_LIMIT = 40_000_000_000;

/** Runs a workload; the output in hexadecimal, after a run without a dissenting vote. */
function run(
  replicas: readonly string[],
  workload: Partial<Workload> & Pick<Workload, "mode" | "key" | "input">,
): string {
  const guests = bootGuests({
    replicas,
    faulty: replicas.length === 1 ? 0 : 1,
    workload: { operation: "encrypt", iv: new Uint8Array(16), iterations: 0, ...workload },
  });
  expect(guests.machine.run({ cycle: CYCLE_LIMIT })).toEqual({ kind: "power-off", code: 0 });
  const { status, output, rounds } = decodeWorkloadResult(guests.workload());
  expect(status).toBe("done");
  expect(decodeVoteLog(guests.voteLog())).toEqual({ rounds, unanimous: rounds, majority: 0, noMajority: 0, votes: [] });
  return Buffer.from(output).toString("hex");
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

const PLAIN =
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const KEYS = {
  128: "2b7e151628aed2a6abf7158809cf4f3c",
  192: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
  256: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
};
const CBC_IV = "000102030405060708090a0b0c0d0e0f";
const COUNTER = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/** SP 800-38A F.1, F.2 and F.5: mode, key size, initial vector, ciphertext. */
const SP_800_38A = [
  [
    "ecb",
    128,
    "",
    "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
  ],
  [
    "ecb",
    192,
    "",
    "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
  ],
  [
    "ecb",
    256,
    "",
    "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
  ],
  [
    "cbc",
    128,
    CBC_IV,
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
  ],
  [
    "cbc",
    192,
    CBC_IV,
    "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
  ],
  [
    "cbc",
    256,
    CBC_IV,
    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
  ],
  [
    "ctr",
    128,
    COUNTER,
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
  ],
  [
    "ctr",
    192,
    COUNTER,
    "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
  ],
  [
    "ctr",
    256,
    COUNTER,
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
  ],
] as const;

describe.each(CREWS.map((crew) => [crew.join(", "), crew] as const))("%s", (_, crew) => {
  it.each(SP_800_38A)("SP 800-38A: %s, %i-bit key", (mode, bits, iv, cipher) => {
    const common = { mode, key: hex(KEYS[bits]), ...(iv === "" ? {} : { iv: hex(iv) }) };
    expect(run(crew, { ...common, input: hex(PLAIN) })).toBe(cipher);
    expect(run(crew, { ...common, operation: "decrypt", input: hex(cipher) })).toBe(PLAIN);
  });

  it.each([16, 24, 32])("random pairs of key and block, %i bytes of key, equal node:crypto", (keyBytes) => {
    const count = crew.length === 1 ? 3400 : 200;
    const bytes = byteStream(`records ${keyBytes} ${crew.join()}`);
    const records = Array.from({ length: count }, () => ({ key: bytes(keyBytes), block: bytes(16) }));
    const input = Buffer.alloc(count * RECORD_BYTES);
    records.forEach(({ key, block }, i) => {
      key.copy(input, i * RECORD_BYTES);
      block.copy(input, i * RECORD_BYTES + 32);
    });
    const expected = records.map(({ key, block }) => {
      const cipher = createCipheriv(`aes-${keyBytes * 8}-ecb`, key, null).setAutoPadding(false);
      return cipher.update(block).toString("hex");
    });
    expect(run(crew, { mode: "records", key: new Uint8Array(keyBytes), input })).toBe(expected.join(""));
  });

  it.each([
    ["encrypt", 128],
    ["decrypt", 256],
  ] as const)("a Monte Carlo chain: %s, %i-bit key, 1000 times", (operation, bits) => {
    const key = hex(KEYS[bits]);
    const create = operation === "encrypt" ? createCipheriv : createDecipheriv;
    let block = hex(PLAIN.slice(0, 32));
    const expected: string[] = [];
    for (let i = 0; i < 1000; i++) {
      block = create(`aes-${bits}-ecb`, key, null).setAutoPadding(false).update(block);
      expected.push(block.toString("hex"));
    }
    const input = hex(PLAIN.slice(0, 32));
    expect(run(crew, { mode: "chain", operation, key, input, iterations: 1000 })).toBe(expected.join(""));
  });
});
