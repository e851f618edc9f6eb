/** Reproducible numbers for tests: xorshift32 (Marsaglia 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.word();
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() >>> 24);
  }
}

/** A damaged copy: truncated, one to eight bits flipped, a stretch overwritten with noise or zeros, or two of these. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array {
  // Not slice(): of a Buffer that is a view.
  let copy = new Uint8Array(bytes);
  const times = random.below(4) === 0 ? 2 : 1;
  for (let i = 0; i < times; i++) {
    const kind = random.below(4);
    if (kind === 0) copy = copy.slice(0, random.below(copy.length));
    else if (kind === 1 && copy.length > 0) {
      for (let n = 1 + random.below(8); n > 0; n--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    } else if (copy.length > 0) {
      const start = random.below(copy.length);
      const noise = kind === 2 ? random.bytes(1 + random.below(16)) : new Uint8Array(1 + random.below(64));
      copy.set(noise.subarray(0, copy.length - start), start);
    }
  }
  return copy;
}
