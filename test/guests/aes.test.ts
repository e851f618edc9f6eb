/** The prebuilt AES replicas on the emulated CPU, one function call at a time, without a kernel. */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AesProgram } from "./aes-program.ts";
import { byteStream } from "./byte-stream.ts";
import { type MonteCarlo, monteCarlo, opensslCipher } from "./monte-carlo.ts";

const IMPLEMENTATIONS = ["bytewise", "ttable", "bitslice"];
const MODES = ["ecb", "ctr", "cbc"] as const;

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

describe.each(IMPLEMENTATIONS)("%s", (name) => {
  const aes = new AesProgram(name);
  const none = new Uint8Array(16);

  /** FIPS-197, appendix C. */
  it.each([
    ["000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"],
    ["000102030405060708090a0b0c0d0e0f1011121314151617", "dda97ca4864cdfe06eaf70a0ec0d7191"],
    ["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "8ea2b7ca516745bfeafc49904b496089"],
  ])("gives the example vector of FIPS-197 for key %s", (key, cipher) => {
    const plain = "00112233445566778899aabbccddeeff";
    expect(aes.setKey(hex(key))).toBe(true);
    expect(aes.process("ecb", "encrypt", none, hex(plain))).toEqual(hex(cipher));
    expect(aes.process("ecb", "decrypt", none, hex(cipher))).toEqual(hex(plain));
  });

  it("refuses keys of other lengths", () => {
    for (const bytes of [0, 8, 15, 17, 20, 31, 33]) expect(aes.setKey(new Uint8Array(bytes))).toBe(false);
  });

  it("agrees with node:crypto in every mode, operation and key size, with 1 to 14 blocks", () => {
    const bytes = byteStream(`emulated ${name}`);
    for (let i = 0; i < 180; i++) {
      const key = bytes([16, 24, 32][i % 3]!);
      const mode = MODES[Math.floor(i / 3) % 3]!;
      const operation = Math.floor(i / 9) % 2 === 0 ? "encrypt" : "decrypt";
      const iv = i % 5 === 0 ? Buffer.alloc(16, 0xff) : bytes(16);
      const input = bytes(16 * (1 + (i % 14)));
      const algorithm = `aes-${key.length * 8}-${mode}`;
      const cipher = (operation === "encrypt" ? createCipheriv : createDecipheriv)(
        algorithm,
        key,
        mode === "ecb" ? null : iv,
      );
      cipher.setAutoPadding(false);
      const expected = Buffer.concat([cipher.update(input), cipher.final()]);
      expect(aes.setKey(key)).toBe(true);
      expect(aes.process(mode, operation, iv, input), `case ${i}`).toEqual(expected);
    }
  });
});

describe.each(IMPLEMENTATIONS)("%s, AESAVS Monte Carlo", (name) => {
  const aes = new AesProgram(name);
  it.each(
    (["ecb", "cbc"] as const).flatMap((mode) =>
      (["encrypt", "decrypt"] as const).flatMap((operation) =>
        [16, 24, 32].map((bytes) => [mode, operation, bytes] as const),
      ),
    ),
  )("%s %s, %i bytes of key: the first chain", (mode, operation, keyBytes) => {
    const bytes = byteStream(`${mode} ${operation} ${keyBytes}`);
    const test: MonteCarlo = { mode, operation, key: bytes(keyBytes), iv: bytes(16), block: bytes(16) };
    let keySet: Uint8Array | undefined;
    const results = monteCarlo(test, 1, (key, iv, block) => {
      if (key !== keySet) aes.setKey(key);
      keySet = key;
      return aes.process(mode, operation, iv, block);
    });
    expect(results).toEqual(monteCarlo(test, 1, opensslCipher(test)));
  });
});

/** Everything that a cache or a clock could see of a call: addresses of instructions, reads and writes, in order. */
function traceOf(aes: AesProgram, key: Uint8Array, iv: Uint8Array, input: Uint8Array): string {
  const hash = createHash("sha256");
  const seen: number[] = [];
  const detach = aes.program.machine.observe({
    beforeInstruction: (linear) => void seen.push(linear),
    memoryRead: (linear) => void seen.push(linear),
    memoryWrite: (linear) => void seen.push(linear),
  });
  aes.setKey(key);
  for (const mode of MODES) {
    aes.process(mode, "encrypt", iv, input);
    aes.process(mode, "decrypt", iv, input);
  }
  detach();
  return hash.update(Uint32Array.from(seen)).digest("hex");
}

describe("constant time", () => {
  const bytes = byteStream("constant time");
  const secrets: (readonly [key: Buffer, iv: Buffer, input: Buffer])[] = [0, 0xff].map(
    (byte) => [Buffer.alloc(32, byte), Buffer.alloc(16, byte), Buffer.alloc(48, byte)] as const,
  );
  for (let i = 0; i < 4; i++) secrets.push([bytes(32), bytes(16), bytes(48)]);

  it("the bitsliced replica executes and touches the same addresses whatever key and data are", () => {
    const aes = new AesProgram("bitslice");
    expect(new Set(secrets.map(([key, iv, input]) => traceOf(aes, key, iv, input))).size).toBe(1);
  });

  it.each(["bytewise", "ttable"])("the %s replica does not: its look-ups show in the trace", (name) => {
    const aes = new AesProgram(name);
    expect(new Set(secrets.map(([key, iv, input]) => traceOf(aes, key, iv, input))).size).toBe(secrets.length);
  });
});

describe("fault targets", () => {
  const rounds = ["aes_encrypt_round", "aes_encrypt_last_round"];
  const plain = hex("3243f6a8885a308d313198a2e0370734");
  const aes = new AesProgram("bytewise");
  const { program } = aes;
  const { memory } = program.machine;
  aes.setKey(hex("2b7e151628aed2a6abf7158809cf4f3c"));

  /** Encrypts FIPS-197's appendix B; `before` is called just before each round, from 1. */
  function encrypt(before: (round: number) => void): Buffer {
    const addresses = rounds.map((symbol) => program.address(symbol));
    let round = 0;
    const detach = program.machine.observe({
      beforeInstruction(linear) {
        if (addresses.includes(linear)) before(++round);
      },
    });
    const output = aes.process("ecb", "encrypt", new Uint8Array(16), plain);
    detach();
    return output;
  }

  const right = encrypt(() => undefined);

  function flip(symbol: string, bit: number): void {
    const at = program.address(symbol) + (bit >> 3);
    memory.write8(at, memory.read8(at) ^ (1 << (bit & 7)));
  }

  function wrongBytes(output: Buffer): number {
    return output.filter((byte, i) => byte !== right[i]).length;
  }

  it("the bytewise replica's state lies in aes_state before each round: FIPS-197 appendix B", () => {
    const states: string[] = [];
    encrypt(() => states.push(Buffer.from(memory.readBytes(program.address("aes_state"), 16)).toString("hex")));
    expect(states).toHaveLength(10);
    expect(states[0]).toBe("193de3bea0f4e22b9ac68d2ae9f84808");
    expect(states[1]).toBe("a49c7ff2689f352b6b5bea43026a5049");
    expect(states[9]).toBe("eb40f21e592e38848ba113e71bc342d2");
    expect(right).toEqual(hex("3925841d02dc09fbdc118597196a0b32"));
  });

  it.each([
    [10, 1],
    [9, 4],
    [8, 16],
  ])("any bit of the state flipped before round %i makes exactly %i bytes of the ciphertext wrong", (round, wrong) => {
    for (let bit = 0; bit < 128; bit++) {
      const output = encrypt((now) => {
        if (now === round) flip("aes_state", bit);
      });
      expect(wrongBytes(output), `bit ${bit}`).toBe(wrong);
    }
  });

  it("any bit of the last round key flipped makes exactly that bit of the ciphertext wrong", () => {
    for (let bit = 0; bit < 128; bit++) {
      flip("aes_round_keys", 10 * 128 + bit);
      const output = encrypt(() => undefined);
      flip("aes_round_keys", 10 * 128 + bit);
      const expected = Buffer.from(right);
      expected[bit >> 3]! ^= 1 << (bit & 7);
      expect(output, `bit ${bit}`).toEqual(expected);
    }
  });
});
