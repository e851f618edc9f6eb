/*
 * SubBytes and its inverse as a circuit of AND, XOR and NOT: no table, no branch, the same time for every byte.
 *
 * The inverse in GF(2^8) is computed in a tower of fields (Satoh et al., ASIACRYPT 2001; Canright, CHES 2005 give the
 * method; the bases are our own choice, for few gates in the changes of basis):
 *   GF(4)   = GF(2)[w]  / (w^2 + w + 1)
 *   GF(16)  = GF(4)[x]  / (x^2 + x + w)
 *   GF(256) = GF(16)[y] / (y^2 + y + v),  v = w x
 * In each storey the inverse of h t + l is (h t + (h + l)) / norm, with norm = h^2 c + h l + l^2 one storey below,
 * where c is the constant of that storey's polynomial.
 * The FIPS-197 polynomial's root is 0x60 in this basis; the four linear maps at the end follow from it.
 */
#include "sbox.h"

#define INLINE static inline __attribute__((always_inline))

struct gf4 { u32 high, low; };
struct gf16 { struct gf4 high, low; };
struct gf256 { struct gf16 high, low; };

INLINE struct gf4 add4(struct gf4 a, struct gf4 b) { return (struct gf4){a.high ^ b.high, a.low ^ b.low}; }
INLINE struct gf4 square4(struct gf4 a) { return (struct gf4){a.high, a.high ^ a.low}; }
INLINE struct gf4 times_w(struct gf4 a) { return (struct gf4){a.high ^ a.low, a.high}; }
INLINE struct gf4 multiply4(struct gf4 a, struct gf4 b) {
  u32 low = a.low & b.low;
  return (struct gf4){((a.high ^ a.low) & (b.high ^ b.low)) ^ low, (a.high & b.high) ^ low};
}

INLINE struct gf16 add16(struct gf16 a, struct gf16 b) {
  return (struct gf16){add4(a.high, b.high), add4(a.low, b.low)};
}
INLINE struct gf16 square16(struct gf16 a) {
  struct gf4 high = square4(a.high);
  return (struct gf16){high, add4(times_w(high), square4(a.low))};
}
INLINE struct gf16 times_v(struct gf16 a) {
  return (struct gf16){times_w(add4(a.high, a.low)), times_w(times_w(a.high))};
}
INLINE struct gf16 multiply16(struct gf16 a, struct gf16 b) {
  struct gf4 low = multiply4(a.low, b.low);
  struct gf4 both = multiply4(add4(a.high, a.low), add4(b.high, b.low));
  return (struct gf16){add4(both, low), add4(times_w(multiply4(a.high, b.high)), low)};
}
INLINE struct gf16 invert16(struct gf16 a) {
  struct gf4 sum = add4(a.high, a.low);
  struct gf4 norm = add4(times_w(square4(a.high)), multiply4(a.low, sum));
  struct gf4 inverse = square4(norm); /* in GF(4) the inverse is the square */
  return (struct gf16){multiply4(a.high, inverse), multiply4(sum, inverse)};
}

INLINE struct gf256 invert256(struct gf256 a) {
  struct gf16 sum = add16(a.high, a.low);
  struct gf16 inverse = invert16(add16(times_v(square16(a.high)), multiply16(a.low, sum)));
  return (struct gf256){multiply16(a.high, inverse), multiply16(sum, inverse)};
}

INLINE struct gf256 read_tower(const u32 q[8]) {
  return (struct gf256){{{q[7], q[6]}, {q[5], q[4]}}, {{q[3], q[2]}, {q[1], q[0]}}};
}
INLINE void write_tower(struct gf256 a, u32 q[8]) {
  q[7] = a.high.high.high, q[6] = a.high.high.low, q[5] = a.high.low.high, q[4] = a.high.low.low;
  q[3] = a.low.high.high, q[2] = a.low.high.low, q[1] = a.low.low.high, q[0] = a.low.low.low;
}

/* The constant {63} of the affine map. */
INLINE void add_constant(u32 q[8]) { q[0] = ~q[0], q[1] = ~q[1], q[5] = ~q[5], q[6] = ~q[6]; }

void substitute(u32 p[8]) {
  u32 q[8];
  /* FIPS-197's basis to the tower's. */
  u32 a = p[3] ^ p[4], b = p[6] ^ a, c = p[2] ^ b, d = p[5] ^ p[7];
  q[0] = p[0] ^ c, q[1] = p[2], q[2] = b ^ d, q[3] = a;
  q[4] = p[7] ^ c, q[5] = p[1] ^ p[4] ^ p[6] ^ p[7], q[6] = p[1] ^ p[5] ^ c, q[7] = d;
  write_tower(invert256(read_tower(q)), q);
  /* Back, and the affine map of FIPS-197 5.1.1. */
  a = q[0] ^ q[6], b = q[2] ^ q[3], c = q[1] ^ a;
  p[0] = q[5] ^ a, p[1] = q[3] ^ q[4] ^ c, p[2] = b ^ c, p[3] = q[0] ^ q[5];
  p[4] = q[4] ^ a ^ b, p[5] = q[6] ^ q[7] ^ b, p[6] = q[4] ^ q[7], p[7] = q[2];
  add_constant(p);
}

void inverse_substitute(u32 p[8]) {
  u32 q[8];
  add_constant(p);
  /* The affine map undone, and FIPS-197's basis to the tower's. */
  u32 a = p[1] ^ p[2], b = p[5] ^ p[6], c = p[0] ^ p[3], d = p[4] ^ b, e = p[7] ^ a;
  q[0] = d, q[1] = p[1] ^ p[4] ^ p[7], q[2] = p[7], q[3] = a ^ b ^ c;
  q[4] = e, q[5] = p[3] ^ d, q[6] = c, q[7] = p[6] ^ e;
  write_tower(invert256(read_tower(q)), q);
  /* The tower's basis to FIPS-197's. */
  a = q[1] ^ q[7], b = q[2] ^ q[4], c = a ^ q[5] ^ q[6];
  p[0] = q[0] ^ q[2] ^ a, p[1] = q[4] ^ q[6] ^ q[7], p[2] = q[1], p[3] = c;
  p[4] = q[3] ^ c, p[5] = q[1] ^ b, p[6] = q[2] ^ q[3] ^ q[7], p[7] = a ^ b;
}
