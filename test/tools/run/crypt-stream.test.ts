import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findSymbol } from "../../../emulator/loader/elf.ts";
import type { Fault } from "../../../tools/faults/fault.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import type { Operation } from "../../../tools/image/boot-config.ts";
import type { Image } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { cryptImage } from "../../../tools/run/crypt-image.ts";
import { addToCounter, type CryptResult, cryptStream, type FileMode } from "../../../tools/run/crypt-stream.ts";
import { Random } from "../support/random.ts";

const random = new Random(42);
const MODES: readonly FileMode[] = ["ecb", "ctr", "cbc"];
const triple = cryptImage(3, ["ttable"]);

interface Cipher {
  readonly mode: FileMode;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

async function crypt(
  operation: Operation,
  cipher: Cipher,
  input: Uint8Array,
  extra: Partial<Parameters<typeof cryptStream>[0]> = {},
): Promise<{ output: Buffer; result: CryptResult }> {
  const pieces: Uint8Array[] = [];
  async function* source() {
    // In pieces that have nothing to do with blocks or chunks.
    for (let i = 0; i < input.length; i += 333) yield input.subarray(i, i + 333);
  }
  const result = await cryptStream({ image: triple, operation, ...cipher, ...extra }, source(), (bytes) => {
    pieces.push(bytes.slice());
  });
  return { output: Buffer.concat(pieces), result };
}

function byNode({ mode, key, iv }: Cipher, input: Uint8Array): Buffer {
  const cipher = createCipheriv(`aes-${key.length * 8}-${mode}`, key, mode === "ecb" ? null : iv);
  return Buffer.concat([cipher.update(input), cipher.final()]);
}

const randomCipher = (mode: FileMode, keyBytes: number): Cipher => ({
  mode,
  key: random.bytes(keyBytes),
  iv: random.bytes(16),
});

const cases = MODES.flatMap((mode) => [16, 24, 32].map((keyBytes) => [mode, keyBytes] as const));

describe("data through three replicas equal node:crypto's", () => {
  it.each(cases)("%s, %i bytes of key, sizes around blocks, rounds and chunks", async (mode, keyBytes) => {
    for (const size of [0, 1, 15, 16, 17, 224, 225, 500, 512, 513, 1024]) {
      const cipher = randomCipher(mode, keyBytes);
      const input = random.bytes(size);
      const encrypted = await crypt("encrypt", cipher, input, { chunkBytes: 512 });
      expect([size, encrypted.output.toString("hex")]).toEqual([size, byNode(cipher, input).toString("hex")]);
      expect(encrypted.result).toMatchObject({ ending: "ok", outputRight: true, bytesIn: size, majority: 0 });
      const decrypted = await crypt("decrypt", cipher, encrypted.output, { chunkBytes: 512 });
      expect([size, decrypted.output.toString("hex")]).toEqual([size, Buffer.from(input).toString("hex")]);
    }
  });

  it("the counter carries over all 128 bits between rounds and chunks", async () => {
    const cipher: Cipher = { mode: "ctr", key: random.bytes(16), iv: new Uint8Array(16).fill(0xff) };
    cipher.iv[15] = 0xfe;
    const input = random.bytes(1100);
    const { output } = await crypt("encrypt", cipher, input, { chunkBytes: 256 });
    expect(output.equals(byNode(cipher, input))).toBe(true);
  });

  it("and openssl's, where it is installed", async () => {
    const cipher = randomCipher("cbc", 32);
    const input = random.bytes(777);
    let expected: Buffer;
    try {
      const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
      const words = ["enc", "-aes-256-cbc", "-K", hex(cipher.key), "-iv", hex(cipher.iv)];
      expected = execFileSync("openssl", words, { input });
    } catch {
      return;
    }
    expect((await crypt("encrypt", cipher, input)).output.equals(expected)).toBe(true);
  });
});

describe("wrong input for decryption", () => {
  const cipher = randomCipher("cbc", 16);
  it.each([
    ["nothing", new Uint8Array(0), /0 bytes are not a positive multiple of 16, so this is no CBC ciphertext/],
    ["half a block", random.bytes(40), /40 bytes are not a positive multiple/],
    ["noise", new Uint8Array(64), /do not end in PKCS#7 padding; check --key, --iv and --mode/],
  ])("%s is bad input", async (_, input, problem) => {
    await expect(crypt("decrypt", cipher, input)).rejects.toThrow(problem);
  });
});

describe("with a fault", () => {
  const cipher = randomCipher("ecb", 16);
  const input = random.bytes(1000);
  const faults = [parseFault("replica-2:aes_round_keys+20:flip:9@instruction=60000")];

  it("three replicas give the right output and name the one that was struck", async () => {
    const { output, result } = await crypt("encrypt", cipher, input, { faults });
    expect(output.equals(byNode(cipher, input))).toBe(true);
    expect(result.injections[0]).toMatchObject({ applied: true });
    expect(result.culprits).toEqual([expect.objectContaining({ replica: 2, reason: "dissenting" })]);
    expect(result.noMajority).toBe(0);
  });

  it("one replica gives wrong output, and the result says where", async () => {
    const one = [parseFault("replica-1:aes_round_keys+20:flip:9@instruction=60000")];
    const { output, result } = await crypt("encrypt", cipher, input, { faults: one, image: cryptImage(1, ["ttable"]) });
    const expected = byNode(cipher, input);
    expect(output.length).toBe(expected.length);
    expect(output.equals(expected)).toBe(false);
    expect(result).toMatchObject({ ending: "ok", outputRight: false });
    expect(result.firstWrongByte).toBe(expected.findIndex((byte, i) => byte !== output[i]));
  });

  it("that is due in a later chunk waits for it, and rounds are numbered on", async () => {
    const golden = await crypt("encrypt", cipher, input, { chunkBytes: 224 });
    const own = golden.result.shares.find(({ part }) => part === "replica-2")!.instructions;
    const late = [parseFault(`replica-2:aes_round_keys+20:flip:9@instruction=${Math.floor(own * 0.75)}`)];
    const { output, result } = await crypt("encrypt", cipher, input, { faults: late, chunkBytes: 224 });
    expect(output.equals(byNode(cipher, input))).toBe(true);
    expect(result.boots).toBe(5);
    expect(result.injections).toEqual([expect.objectContaining({ applied: true })]);
    expect(result.injections[0]!.cycle).toBeGreaterThan(golden.result.cycles / 2);
    expect(result.culprits[0]!.rounds[0]).toBeGreaterThan(2);
  });
});

describe("replicas that loop for ever", () => {
  /** The word at the entry of the AES function becomes `jmp $`. */
  function endlessLoop(image: Image, replica: number): Fault {
    const { elf } = planBoot(image).components.find(({ name }) => name === `replica-${replica}`)!;
    const { value } = findSymbol(elf, "aes_process")!;
    const segment = elf.segments.find(
      ({ virtualAddress, data }) => value - virtualAddress < data.length && value >= virtualAddress,
    )!;
    const at = value - segment.virtualAddress;
    const word = segment.data[at]! | (segment.data[at + 1]! << 8);
    const flip = Array.from({ length: 16 }, (_, bit) => bit).filter((bit) => (((word ^ 0xfeeb) >> bit) & 1) === 1);
    const component = `replica-${replica}`;
    return { target: { component, address: value }, model: { flip }, trigger: { instruction: 80_000 } };
  }

  it.each([
    [3, [2]],
    [7, [1, 4, 6]],
    [16, [1, 2, 3, 4, 5, 6, 7]],
  ])("of %i replicas %j: the output is right, they are named, and no other", async (count, loopers) => {
    const image = cryptImage(count, ["bytewise", "ttable", "bitslice"]);
    const faults = loopers.map((replica) => endlessLoop(image, replica));
    const cipher = randomCipher("ctr", 16);
    const input = random.bytes(6_000);
    const { output, result } = await crypt("encrypt", cipher, input, { image, faults });
    expect(result.injections.map(({ applied }) => applied)).toEqual(loopers.map(() => true));
    expect(output.equals(byNode(cipher, input))).toBe(true);
    expect(new Set(result.culprits.map(({ replica }) => replica))).toEqual(new Set(loopers));
    expect(result.culprits.every(({ reason }) => reason === "late")).toBe(true);
  });
});

it("a counter block is one 128-bit number", () => {
  const value = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  for (let i = 0; i < 500; i++) {
    const counter = random.bytes(16).fill(255, 0, random.below(16));
    const blocks = random.word();
    expect(value(addToCounter(counter, blocks))).toBe((value(counter) + BigInt(blocks)) % (1n << 128n));
  }
});
