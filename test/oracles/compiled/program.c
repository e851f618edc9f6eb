/*
 * A program of the things that compilers make much of: signed and unsigned arithmetic of every width, division by constants and by
 * variables, bit tricks, switches, recursion, function pointers, structures by value, variable arguments, loops over memory,
 * 64-bit arithmetic, floating point on the x87. It writes a checksum line for each and exits. It runs on Linux by itself, and on the emulator with
 * compiled.test.ts answering its two system calls.
 */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

#define NOINLINE __attribute__((noinline))

static int system_call(int number, int a, const void *b, u32 c) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}

void *memcpy(void *to, const void *from, u32 count) {
  u8 *out = to;
  const u8 *in = from;
  while (count-- > 0) *out++ = *in++;
  return to;
}
void *memset(void *to, int value, u32 count) {
  u8 *out = to;
  while (count-- > 0) *out++ = (u8)value;
  return to;
}

static u32 random_state = 2463534242u;
static u32 next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  return random_state ^= random_state << 5;
}

static u32 length_of(const char *text) {
  u32 length = 0;
  while (text[length] != 0) length++;
  return length;
}

static void report(const char *name, u64 value) {
  char line[64];
  u32 at = length_of(name);
  memcpy(line, name, at);
  line[at++] = ' ';
  for (int shift = 60; shift >= 0; shift -= 4) line[at++] = "0123456789abcdef"[(value >> shift) & 15];
  line[at++] = '\n';
  system_call(4, 1, line, at);
}

static u64 mix(u64 sum, u64 value) { return (sum ^ value) * 0x100000001b3ull + (sum >> 47); }

NOINLINE static u64 divisions(void) {
  u64 sum = 1;
  for (u32 i = 0; i < 400; i++) {
    u32 a = next_random(), b = next_random() >> (i & 31);
    s32 x = (s32)a, y = (s32)b | 1;
    sum = mix(sum, a / (b | 1)), sum = mix(sum, a % (b | 1));
    if (!(x == (s32)0x80000000 && y == -1)) sum = mix(sum, (u32)(x / y)), sum = mix(sum, (u32)(x % y));
    sum = mix(sum, (u32)(x / 7) + (u32)(x % 7)), sum = mix(sum, a / 10 + a % 10), sum = mix(sum, (u32)(x / 16));
    sum = mix(sum, (u16)a / (u16)(b | 1)), sum = mix(sum, (u32)((s8)a / (s8)((b & 0x3f) | 1)));
  }
  return sum;
}

NOINLINE static u64 widths(void) {
  u64 sum = 2;
  u8 b = 1;
  s8 sb = 1;
  u16 w = 1;
  s16 sw = 1;
  s64 q = 1;
  for (u32 i = 0; i < 500; i++) {
    u32 r = next_random();
    b = (u8)(b * 3 + r), sb = (s8)(sb - (s8)(r >> 3)), w = (u16)(w * 5 ^ r), sw = (s16)(sw + (s16)(r >> 5) * 3);
    q = q * 6364136223846793005ll + (s32)r, q = (q << (r & 31)) | (s64)((u64)q >> (63 - (r & 31)));
    sum = mix(sum, (u64)(s64)sb + w), sum = mix(sum, (u64)q ^ (u64)(s64)sw), sum = mix(sum, b);
    if (sb < (s8)b && w > (u16)sw) sum += 3;
    if (q < 0 || (u64)q > 0x123456789abcdefull) sum ^= 0x55;
    sum = mix(sum, q >> (r & 63)), sum = mix(sum, (u64)-q), sum -= q < (s64)sum;
  }
  return sum;
}

NOINLINE static u64 bits(void) {
  u64 sum = 3;
  for (u32 i = 0; i < 500; i++) {
    u32 r = next_random(), n = r & 31, count = 0;
    for (u32 v = r; v != 0; v &= v - 1) count++;
    sum = mix(sum, (r << n) | (r >> ((32 - n) & 31))), sum = mix(sum, count);
    sum = mix(sum, __builtin_bswap32(r)), sum = mix(sum, (u32)__builtin_ctz(r | 1u << 31)), sum = mix(sum, (u32)__builtin_clz(r | 1));
    sum = mix(sum, (r >> n & 1) ? r | 1u << (n ^ 7) : r & ~(1u << (n ^ 3)));
  }
  return sum;
}

struct shape {
  s16 kind;
  u8 flags : 3, level : 5;
  u32 size[3];
  s64 weight;
};
NOINLINE static struct shape transform(struct shape shape, u32 factor) {
  shape.size[factor % 3] += factor;
  shape.weight -= (s64)factor * shape.kind;
  shape.flags ^= factor, shape.level += factor >> 4, shape.kind = (s16)(shape.kind * 3 + (s16)factor);
  return shape;
}
NOINLINE static u64 structures(void) {
  struct shape shapes[7];
  memset(shapes, 0, sizeof shapes);
  u64 sum = 4;
  for (u32 i = 0; i < 300; i++) {
    u32 r = next_random();
    shapes[r % 7] = transform(shapes[(r >> 8) % 7], r);
    const struct shape *s = &shapes[r % 7];
    sum = mix(sum, (u64)s->weight + s->size[0] + s->flags + s->level), sum = mix(sum, (u32)s->kind);
  }
  return sum;
}

NOINLINE static s32 machine(u32 opcode, s32 a, s32 b) {
  switch (opcode) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return (s32)((u32)a * (u32)b);
    case 3: return a & b;
    case 4: return a | b;
    case 5: return a ^ b;
    case 6: return (s32)((u32)a << (b & 31));
    case 7: return a >> (b & 31);
    case 8: return a < b ? a : b;
    case 9: return a > b ? -a : ~b;
    case 10: return a == b ? 1 : a != 0;
    case 11: return (s8)a * (s16)b;
    case 40: return a % ((b & 0xff) + 1);
    case 1000: return 7;
    default: return (s32)opcode - a;
  }
}
typedef s32 (*operation)(u32, s32, s32);
static operation volatile operations[2] = {machine, machine};
NOINLINE static u64 switches(void) {
  u64 sum = 5;
  s32 value = 1;
  for (u32 i = 0; i < 600; i++) {
    u32 r = next_random();
    value = (s32)((u32)operations[r & 1](i % 44 == 43 ? 1000 : i % 44, value, (s32)r) + r);
    sum = mix(sum, (u32)value);
  }
  return sum;
}

NOINLINE static u32 ackermann(u32 m, u32 n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static u32 numbers[512];
NOINLINE static void sort(s32 low, s32 high) {
  while (low < high) {
    u32 pivot = numbers[(low + high) / 2];
    s32 i = low, j = high;
    while (i <= j) {
      while (numbers[i] < pivot) i++;
      while (numbers[j] > pivot) j--;
      if (i <= j) {
        u32 swap = numbers[i];
        numbers[i++] = numbers[j], numbers[j--] = swap;
      }
    }
    if (j - low < high - i) sort(low, j), low = i;
    else sort(i, high), high = j;
  }
}
NOINLINE static u64 sorting(void) {
  u64 sum = 6;
  for (u32 i = 0; i < 512; i++) numbers[i] = next_random();
  sort(0, 511);
  for (u32 i = 0; i < 512; i++) sum = mix(sum, numbers[i]);
  return sum;
}

NOINLINE static u64 variable(u32 count, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, count);
  u64 sum = count;
  for (u32 i = 0; i < count; i++) sum = mix(sum, i & 1 ? __builtin_va_arg(list, u64) : (u64)__builtin_va_arg(list, u32));
  __builtin_va_end(list);
  return sum;
}

NOINLINE static u64 matrices(void) {
  static s32 a[12][12], b[12][12];
  static s64 c[12][12];
  u64 sum = 7;
  for (u32 i = 0; i < 144; i++) a[i / 12][i % 12] = (s32)next_random(), b[i / 12][i % 12] = (s16)next_random();
  for (u32 i = 0; i < 12; i++)
    for (u32 j = 0; j < 12; j++)
      for (u32 k = 0; k < 12; k++) c[i][j] += (s64)a[i][k] * b[k][j];
  for (u32 i = 0; i < 144; i++) sum = mix(sum, (u64)c[i / 12][i % 12]);
  return sum;
}

/* FIPS 180-4. */
static const u32 round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static u32 rotate(u32 value, u32 count) { return value >> count | value << (32 - count); }
NOINLINE static void digest_block(u32 state[8], const u8 block[64]) {
  u32 w[64], v[8];
  for (u32 i = 0; i < 16; i++) w[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 | (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (u32 i = 16; i < 64; i++) {
    u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3, s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  memcpy(v, state, 32);
  for (u32 i = 0; i < 64; i++) {
    u32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25), choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
    u32 t1 = v[7] + s1 + choose + round_constants[i] + w[i];
    u32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    for (u32 j = 7; j > 0; j--) v[j] = v[j - 1];
    v[4] += t1, v[0] = t1 + s0 + majority;
  }
  for (u32 i = 0; i < 8; i++) state[i] += v[i];
}
NOINLINE static u64 hashing(void) {
  u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u8 block[64];
  u64 sum = 8;
  for (u32 round = 0; round < 20; round++) {
    for (u32 i = 0; i < 64; i++) block[i] = (u8)next_random();
    digest_block(state, block);
  }
  for (u32 i = 0; i < 8; i++) sum = mix(sum, state[i]);
  return sum;
}

/* The x87 unit as compilers use it: doubles, floats and long doubles, conversions by FLDCW and FISTP, comparisons. No library. */
static u64 bits_of(double value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  return bits;
}
static double square_root(double value) {
  __asm__("fsqrt" : "+t"(value));
  return value;
}
static double random_double(void) { return (double)(s32)next_random() / 65536.0; }

struct body {
  double x[3], v[3], mass;
};
NOINLINE static u64 bodies(void) {
  struct body body[5];
  u64 sum = 11;
  for (u32 i = 0; i < 5; i++) {
    for (u32 j = 0; j < 3; j++) body[i].x[j] = random_double(), body[i].v[j] = random_double() / 1000;
    body[i].mass = random_double();
  }
  for (u32 step = 0; step < 60; step++) {
    for (u32 i = 0; i < 5; i++)
      for (u32 j = i + 1; j < 5; j++) {
        double d[3], square = 0.01;
        for (u32 k = 0; k < 3; k++) d[k] = body[i].x[k] - body[j].x[k], square += d[k] * d[k];
        double pull = 0.001 / (square * square_root(square));
        for (u32 k = 0; k < 3; k++) body[i].v[k] -= d[k] * body[j].mass * pull, body[j].v[k] += d[k] * body[i].mass * pull;
      }
    for (u32 i = 0; i < 5; i++)
      for (u32 k = 0; k < 3; k++) body[i].x[k] += 0.001 * body[i].v[k];
    sum = mix(sum, bits_of(body[step % 5].x[step % 3]));
  }
  return sum;
}

NOINLINE static u64 conversions(void) {
  u64 sum = 12;
  for (u32 i = 0; i < 300; i++) {
    double wide = random_double() * random_double();
    float narrow = (float)wide;
    long double extended = (long double)wide / 3;
    sum = mix(sum, (u64)(s64)wide);
    sum = mix(sum, (u32)(s32)narrow);
    sum = mix(sum, (u64)(s64)(s16)(narrow / 100000));
    sum = mix(sum, bits_of((double)extended * 3));
    sum = mix(sum, bits_of(narrow));
    sum = mix(sum, (u64)(extended < 0 ? -extended : extended));
    sum = mix(sum, bits_of((double)(u64)next_random() * 4294967296.0 + (double)next_random()));
  }
  return sum;
}

NOINLINE static u64 mandelbrot(void) {
  u64 sum = 13;
  for (s32 row = -6; row < 6; row++)
    for (s32 column = -12; column < 6; column++) {
      double a = column / 6.0, b = row / 5.0, x = 0, y = 0;
      u32 count = 0;
      for (; x * x + y * y < 4.0 && count < 60; count++) {
        double next = x * x - y * y + a;
        y = 2 * x * y + b, x = next;
      }
      sum = mix(sum, count);
    }
  return sum;
}

NOINLINE static u64 orders(void) {
  double values[40], zero = next_random() == 0;
  u64 sum = 14;
  for (u32 i = 0; i < 40; i++) values[i] = random_double();
  values[3] = 1 / zero, values[9] = -1 / zero, values[17] = zero / zero, values[25] = -zero;
  for (u32 i = 0; i < 40; i++)
    for (u32 j = 0; j < 40; j++)
      sum = mix(sum, (values[i] < values[j]) + 2 * (values[i] == values[j]) + 4 * (values[i] >= values[j]) + 8 * (values[i] != values[j]));
  return sum;
}

NOINLINE static long double polynomial(long double x) {
  static const long double c[] = {1.0L, -0.5L, 0.3333333333333333333L, -0.25L, 0.2L, -0.1666666666666666667L};
  long double y = 0;
  for (u32 i = 0; i < 6; i++) y = y * x + c[i];
  return y;
}
NOINLINE static u64 polynomials(void) {
  u64 sum = 15;
  for (u32 i = 0; i < 200; i++) {
    union {
      long double value;
      u32 words[3];
    } y = {.words = {0, 0, 0}};
    y.value = polynomial(random_double() / 100.0L);
    sum = mix(mix(sum, y.words[0]), (u64)y.words[1] << 16 | (y.words[2] & 0xffff));
  }
  return sum;
}

__attribute__((used, noreturn)) static void start(void) {
  report("divisions", divisions());
  report("widths", widths());
  report("bits", bits());
  report("structures", structures());
  report("switches", switches());
  report("recursion", ackermann(2, 9));
  report("sorting", sorting());
  report("variable", variable(6, 1u, 2ull, 3u, 0x400000000ull, 5u, next_random() * 7ull));
  report("matrices", matrices());
  report("hashing", hashing());
  report("bodies", bodies());
  report("conversions", conversions());
  report("mandelbrot", mandelbrot());
  report("orders", orders());
  report("polynomials", polynomials());
  for (;;) system_call(1, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %esp\n\tcall start\n");
