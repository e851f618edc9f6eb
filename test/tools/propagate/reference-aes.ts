/** AES-128 from FIPS-197 alone, with a bit that flips where one asks: the judge of faults in replicas. */

const xtime = (a: number): number => ((a << 1) ^ ((a & 0x80) !== 0 ? 0x11b : 0)) & 0xff;

function multiply(a: number, b: number): number {
  let product = 0;
  for (let x = a, y = b; y !== 0; x = xtime(x), y >>= 1) if ((y & 1) !== 0) product ^= x;
  return product;
}

/** FIPS-197 5.1.1: the inverse in GF(2^8), then the affine transformation. */
const SBOX = Uint8Array.from({ length: 256 }, (_, a) => {
  let inverse = 0;
  for (let b = 1; b < 256 && a !== 0; b++) if (multiply(a, b) === 1) inverse = b;
  let result = 0x63;
  for (let shift = 0; shift < 5; shift++) result ^= (inverse << shift) | (inverse >> (8 - shift));
  return result & 0xff;
});

export const ROUNDS = 10;

/** The eleven round keys, 16 bytes each (FIPS-197 5.2). */
export function expandKey(key: Uint8Array): Uint8Array {
  const keys = new Uint8Array(16 * (ROUNDS + 1));
  keys.set(key);
  let constant = 1;
  for (let at = 16; at < keys.length; at += 4) {
    let word = [...keys.subarray(at - 4, at)];
    if (at % 16 === 0) {
      word = [word[1]!, word[2]!, word[3]!, word[0]!].map((byte) => SBOX[byte]!);
      word[0]! ^= constant;
      constant = xtime(constant);
    }
    for (let i = 0; i < 4; i++) keys[at + i] = keys[at + i - 16]! ^ word[i]!;
  }
  return keys;
}

/** @param before is called with the state before each round. */
export function encryptBlock(
  keys: Uint8Array,
  block: Uint8Array,
  before: (round: number, state: Uint8Array) => void = () => {},
): Uint8Array {
  let state = Uint8Array.from(block, (byte, i) => byte ^ keys[i]!);
  for (let round = 1; round <= ROUNDS; round++) {
    before(round, state);
    // Row r of column c comes from column c + r.
    const shifted = Uint8Array.from(state, (_, i) => SBOX[state[(i + 4 * (i % 4)) % 16]!]!);
    const mixed =
      round === ROUNDS
        ? shifted
        : shifted.map((_, i) => {
            const column = i - (i % 4);
            const at = (row: number): number => shifted[column + ((i + row) % 4)]!;
            return multiply(at(0), 2) ^ multiply(at(1), 3) ^ at(2) ^ at(3);
          });
    state = mixed.map((byte, i) => byte ^ keys[16 * round + i]!);
  }
  return state;
}
