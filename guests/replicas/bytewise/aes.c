/*
 * AES as FIPS-197 spells it out, byte by byte: SubBytes, ShiftRows, MixColumns, AddRoundKey on a state of 16 bytes.
 *
 * The whole state lies in memory between rounds, and each round is a function of its own that the compiler must keep:
 * faults are injected "just before round r" into `aes_state`.
 */
#include "memory.h"
#include "replica.h"
#include "sbox.h"

#if defined(__clang__)
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noipa))
#endif

#define ROUNDS_MAX 14u

/* Column after column, as FIPS-197 3.4 maps input bytes to the state: row r, column c is byte r + 4c. */
u8 aes_state[BLOCK_BYTES];
/* Round keys in the same order, one after another. */
u8 aes_round_keys[(ROUNDS_MAX + 1) * BLOCK_BYTES];
u32 aes_rounds;

void aes_start(void) {}

/* Multiplication by x in GF(2^8): FIPS-197 4.2.1. */
static u8 xtime(u8 a) { return a << 1 ^ (a >> 7) * 0x1b; }

/* FIPS-197 5.2, on bytes. */
u32 aes_set_key(const u8 *key, u32 key_bytes) {
  u8 temporary[4], round_constant = 1;
  if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return 0;
  aes_rounds = key_bytes / 4 + 6;
  memcpy(aes_round_keys, key, key_bytes);
  for (u32 at = key_bytes; at < (aes_rounds + 1) * BLOCK_BYTES; at += 4) {
    const u8 *before = aes_round_keys + at - 4;
    u32 place = at % key_bytes;
    if (place == 0) {
      temporary[0] = aes_sbox[before[1]] ^ round_constant;
      temporary[1] = aes_sbox[before[2]];
      temporary[2] = aes_sbox[before[3]];
      temporary[3] = aes_sbox[before[0]];
      round_constant = xtime(round_constant);
    } else if (key_bytes == 32 && place == 16) {
      for (u32 i = 0; i < 4; i++) temporary[i] = aes_sbox[before[i]];
    } else {
      for (u32 i = 0; i < 4; i++) temporary[i] = before[i];
    }
    for (u32 i = 0; i < 4; i++) aes_round_keys[at + i] = aes_round_keys[at + i - key_bytes] ^ temporary[i];
  }
  return 1;
}

static void add_round_key(u32 round) {
  for (u32 i = 0; i < BLOCK_BYTES; i++) aes_state[i] ^= aes_round_keys[round * BLOCK_BYTES + i];
}

/* Row r moves left by r columns; both steps at once, as they commute: FIPS-197 5.1.1 and 5.1.2. */
static void substitute_and_shift_rows(void) {
  u8 moved[BLOCK_BYTES];
  for (u32 column = 0; column < 4; column++)
    for (u32 row = 0; row < 4; row++) moved[row + 4 * column] = aes_sbox[aes_state[row + 4 * ((column + row) % 4)]];
  memcpy(aes_state, moved, sizeof moved);
}

static void inverse_shift_rows_and_substitute(void) {
  u8 moved[BLOCK_BYTES];
  for (u32 column = 0; column < 4; column++)
    for (u32 row = 0; row < 4; row++)
      moved[row + 4 * ((column + row) % 4)] = aes_inverse_sbox[aes_state[row + 4 * column]];
  memcpy(aes_state, moved, sizeof moved);
}

/* Each column times {03}x^3 + {01}x^2 + {01}x + {02}: FIPS-197 5.1.3. */
static void mix_columns(void) {
  for (u8 *a = aes_state; a < aes_state + BLOCK_BYTES; a += 4) {
    u8 first = a[0], all = a[0] ^ a[1] ^ a[2] ^ a[3];
    a[0] ^= all ^ xtime(a[0] ^ a[1]);
    a[1] ^= all ^ xtime(a[1] ^ a[2]);
    a[2] ^= all ^ xtime(a[2] ^ a[3]);
    a[3] ^= all ^ xtime(a[3] ^ first);
  }
}

/* Times {0b}x^3 + {0d}x^2 + {09}x + {0e} (FIPS-197 5.3.3), which is {04}x^2 + {05} followed by the matrix above. */
static void inverse_mix_columns(void) {
  for (u8 *a = aes_state; a < aes_state + BLOCK_BYTES; a += 4) {
    u8 even = xtime(xtime(a[0] ^ a[2])), odd = xtime(xtime(a[1] ^ a[3]));
    a[0] ^= even;
    a[1] ^= odd;
    a[2] ^= even;
    a[3] ^= odd;
  }
  mix_columns();
}

KEPT void aes_encrypt_round(u32 round) {
  substitute_and_shift_rows();
  mix_columns();
  add_round_key(round);
}

KEPT void aes_encrypt_last_round(u32 round) {
  substitute_and_shift_rows();
  add_round_key(round);
}

KEPT void aes_decrypt_round(u32 round) {
  inverse_shift_rows_and_substitute();
  add_round_key(round);
  inverse_mix_columns();
}

KEPT void aes_decrypt_last_round(void) {
  inverse_shift_rows_and_substitute();
  add_round_key(0);
}

KEPT void aes_encrypt_block(const u8 *input, u8 *output) {
  memcpy(aes_state, input, BLOCK_BYTES);
  add_round_key(0);
  for (u32 round = 1; round < aes_rounds; round++) aes_encrypt_round(round);
  aes_encrypt_last_round(aes_rounds);
  memcpy(output, aes_state, BLOCK_BYTES);
}

KEPT void aes_decrypt_block(const u8 *input, u8 *output) {
  memcpy(aes_state, input, BLOCK_BYTES);
  add_round_key(aes_rounds);
  for (u32 round = aes_rounds - 1; round > 0; round--) aes_decrypt_round(round);
  aes_decrypt_last_round();
  memcpy(output, aes_state, BLOCK_BYTES);
}

static void exclusive_or(u8 *a, const u8 *b) {
  for (u32 i = 0; i < BLOCK_BYTES; i++) a[i] ^= b[i];
}

/* SP 800-38A appendix B.1: the whole block is the counter, most significant byte first. */
static void increment(u8 *counter) {
  for (u32 i = BLOCK_BYTES; i-- > 0;)
    if (++counter[i] != 0) return;
}

void aes_process(u32 mode, u32 operation, const u8 *iv, const u8 *input, u8 *output, u32 blocks) {
  u8 chained[BLOCK_BYTES], block[BLOCK_BYTES];
  memcpy(chained, iv, BLOCK_BYTES);
  for (u32 i = 0; i < blocks; i++, input += BLOCK_BYTES, output += BLOCK_BYTES) {
    if (mode == MODE_CTR) {
      aes_encrypt_block(chained, output);
      exclusive_or(output, input);
      increment(chained);
    } else if (mode == MODE_CBC && operation == OPERATION_ENCRYPT) {
      exclusive_or(chained, input);
      aes_encrypt_block(chained, output);
      memcpy(chained, output, BLOCK_BYTES);
    } else if (mode == MODE_CBC) {
      memcpy(block, input, BLOCK_BYTES);
      aes_decrypt_block(block, output);
      exclusive_or(output, chained);
      memcpy(chained, block, BLOCK_BYTES);
    } else if (operation == OPERATION_ENCRYPT) {
      aes_encrypt_block(input, output);
    } else {
      aes_decrypt_block(input, output);
    }
  }
}
