/** A small seeded generator (xorshift128, Marsaglia 2003): the same seed gives the same cases on every host. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    this.a = seed >>> 0 || 1;
    this.b = 0x6c07_8965 ^ Math.imul(seed, 0x9e37_79b1);
    this.c = 0x1234_5678;
    this.d = 0x0f1e_2d3c ^ seed;
    for (let i = 0; i < 16; i++) this.next();
  }

  /** Uniform unsigned 32-bit integer. */
  next(): number {
    const t = this.a ^ (this.a << 11);
    this.a = this.b;
    this.b = this.c;
    this.c = this.d;
    this.d = this.d ^ (this.d >>> 19) ^ t ^ (t >>> 8);
    return this.d >>> 0;
  }

  /** Uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** Uniform integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** An operand value of `bits` bits where carries, signs and zeros happen: edges, powers of two, small and any. */
  operand(bits: number): number {
    const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
    const top = 2 ** (bits - 1);
    const kind = this.below(100);
    if (kind < 30) {
      const edges = [
        0,
        1,
        2,
        mask,
        mask - 1,
        top - 1,
        top,
        top + 1,
        0x55555555,
        0xaaaaaaaa,
        0x0f0f0f0f,
        0x7f,
        0x80,
        0xff,
      ];
      return (this.pick(edges) & mask) >>> 0;
    }
    if (kind < 50) return ((2 ** this.below(bits) + this.between(-1, 1)) & mask) >>> 0;
    if (kind < 65) return (this.below(40) & mask) >>> 0;
    return (this.next() & mask) >>> 0;
  }
}

/** A stable 32-bit hash of a text, to give every encoding its own seed (FNV-1a). */
export function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}
