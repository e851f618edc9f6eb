import { createCipheriv } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../support/random.ts";
import { quorum86 } from "./command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-crypt-"));
afterAll(() => rmSync(directory, { recursive: true }));
const file = (name: string) => join(directory, name);
const KEY = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const IV = "000102030405060708090a0b0c0d0e0f";
const input = new Random(1).bytes(1000);
writeFileSync(file("plain"), input);

const reference = (mode: string) => {
  const cipher = createCipheriv(
    `aes-256-${mode}`,
    Buffer.from(KEY, "hex"),
    mode === "ecb" ? null : Buffer.from(IV, "hex"),
  );
  return Buffer.concat([cipher.update(input), cipher.final()]);
};

describe.each(["ecb", "ctr", "cbc"])("quorum86 encrypt and decrypt, %s", (mode) => {
  const cipher = ["--key", KEY, "--mode", mode, ...(mode === "ecb" ? [] : ["--iv", IV])];

  it("files", () => {
    const encrypted = quorum86(["encrypt", ...cipher, file("plain"), file(`${mode}.bin`)]);
    expect(encrypted.stderr.toString()).toMatch(/encrypted 1,000 bytes.*\n[\s\S]*output +right: /);
    expect(encrypted.status).toBe(0);
    expect(readFileSync(file(`${mode}.bin`)).equals(reference(mode))).toBe(true);
    expect(quorum86(["decrypt", ...cipher, file(`${mode}.bin`), file(`${mode}.txt`)]).status).toBe(0);
    expect(readFileSync(file(`${mode}.txt`)).equals(input)).toBe(true);
  });

  it("standard input and output", () => {
    const run = quorum86(["encrypt", "--quiet", ...cipher, "-", "-"], input);
    expect([run.status, run.stderr.toString()]).toEqual([0, ""]);
    expect(run.stdout.equals(reference(mode))).toBe(true);
  });

  it("an empty file", () => {
    const run = quorum86(["encrypt", ...cipher, "-", file("empty")], new Uint8Array(0));
    expect(run.status).toBe(0);
    expect(readFileSync(file("empty")).length).toBe(mode === "ctr" ? 0 : 16);
  });
});

describe("with a fault", () => {
  const fault = (replica: number) => ["--fault", `replica-${replica}:aes_round_keys+16:flip:3@instruction=60000`];
  const cipher = ["--key", KEY, "--mode", "ecb"];

  it("three replicas: the report names the one outvoted and the round, and the bytes are right", () => {
    const run = quorum86(["encrypt", ...cipher, ...fault(2), file("plain"), file("faulty")]);
    const report = run.stderr.toString();
    expect(report).toMatch(/injected +replica-2:aes_round_keys\+16:flip:3@instruction=60000/);
    expect(report).toMatch(/0x[0-9a-f]{8} -> 0x[0-9a-f]{8}/);
    expect(report).toMatch(/outvoted +replica-2 in rounds? [\d, -]+: its answer differed/);
    expect(report).toMatch(/output +right/);
    expect(run.status).toBe(0);
    expect(readFileSync(file("faulty")).equals(reference("ecb"))).toBe(true);
  });

  it("one replica: the bytes are wrong, and the report and exit code 1 say so", () => {
    const run = quorum86(["encrypt", "--replicas", "1", ...cipher, ...fault(1), file("plain"), file("wrong")]);
    expect(run.stderr.toString()).toMatch(/output +WRONG: 1,008 bytes in .*, differing from node:crypto's from byte/);
    expect(run.status).toBe(1);
    const output = readFileSync(file("wrong"));
    expect([output.length, output.equals(reference("ecb"))]).toEqual([1008, false]);
  });
});

describe("an output is whole or not there", () => {
  it("when decryption finds wrong padding", () => {
    const before = readdirSync(directory).sort();
    const run = quorum86(["decrypt", "--key", KEY, "--mode", "ecb", "-", file("never")], new Uint8Array(64));
    expect(run.status).toBe(2);
    expect(run.stderr.toString()).toBe(
      "quorum86: standard input: the decrypted data do not end in PKCS#7 padding; check --key, --iv and --mode, and that the file is whole\n",
    );
    expect(readdirSync(directory).sort()).toEqual(before);
  });

  it("and --json says what happened in one object", () => {
    const run = quorum86(["encrypt", "--json", "--key", KEY, "--mode", "ecb", file("plain"), file("json")]);
    expect(run.stderr.toString()).toBe("");
    expect(JSON.parse(run.stdout.toString())).toMatchObject({
      operation: "encrypt",
      ending: "ok",
      bytesIn: 1000,
      bytesOut: 1008,
      outputRight: true,
      culprits: [],
    });
  });
});
