/** The prebuilt AES replicas on the emulated CPU, one function call at a time, without a kernel. */
import { createCipheriv, createDecipheriv } from "node:crypto";
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

describe("fault targets", () => {
  it("the bytewise replica's state lies in aes_state before each round: FIPS-197 appendix B", () => {
    const aes = new AesProgram("bytewise");
    aes.setKey(hex("2b7e151628aed2a6abf7158809cf4f3c"));
    const { program } = aes;
    const { memory } = program.machine;
    const states: string[] = [];
    const rounds = ["aes_encrypt_round", "aes_encrypt_last_round"].map((symbol) => program.address(symbol));
    const detach = program.machine.observe({
      beforeInstruction(linear) {
        if (rounds.includes(linear)) {
          states.push(Buffer.from(memory.readBytes(program.address("aes_state"), 16)).toString("hex"));
        }
      },
    });
    aes.process("ecb", "encrypt", new Uint8Array(16), hex("3243f6a8885a308d313198a2e0370734"));
    detach();
    expect(states).toHaveLength(10);
    expect(states[0]).toBe("193de3bea0f4e22b9ac68d2ae9f84808");
    expect(states[1]).toBe("a49c7ff2689f352b6b5bea43026a5049");
    expect(states[9]).toBe("eb40f21e592e38848ba113e71bc342d2");
  });
});
