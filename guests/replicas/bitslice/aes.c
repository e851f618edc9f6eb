/*
 * AES bitsliced: two blocks at once, in constant time. There is no memory access and no branch that depends on the key or
 * the data.
 *
 * Plane k holds bit k of all 32 bytes. Within a plane, byte r (bits 8r to 8r+7) is row r of both states, its low four bits
 * the columns of the first block, its high four bits those of the second. So ShiftRows turns nibbles, and the row
 * rotations of MixColumns turn whole words.
 */
#include "memory.h"
#include "replica.h"
#include "sbox.h"

#define ROUNDS_MAX 14u
#define PAIR_WORDS 8u

u32 aes_state[8];
u32 aes_round_keys[(ROUNDS_MAX + 1) * 8]; /* in planes, each for both blocks */
static u32 rounds;

void aes_start(void) {}

static u32 rotate_right(u32 word, u32 bits) { return word >> bits | word << (32 - bits); }

/* Exchange the bits of b under the mask with those of a `shift` higher. */
static void swap_move(u32 *a, u32 *b, u32 mask, u32 shift) {
  u32 difference = (*a >> shift ^ *b) & mask;
  *b ^= difference;
  *a ^= difference << shift;
}

/* Eight column words to eight planes, or back: in each byte lane a transposition of 8 by 8 bits. */
static void transpose(u32 q[8]) {
  for (u32 i = 0; i < 8; i += 2) swap_move(&q[i], &q[i + 1], 0x55555555, 1);
  for (u32 i = 0; i < 8; i += i % 4 == 0 ? 1 : 3) swap_move(&q[i], &q[i + 2], 0x33333333, 2);
  for (u32 i = 0; i < 4; i++) swap_move(&q[i], &q[i + 4], 0x0f0f0f0f, 4);
}

/* Row r moves left by r columns: FIPS-197 5.1.2. */
static void shift_rows(void) {
  for (u32 k = 0; k < 8; k++) {
    u32 x = aes_state[k];
    aes_state[k] = (x & 0x000000ff) | (x >> 1 & 0x00007700) | (x << 3 & 0x00008800) | (x >> 2 & 0x00330000) |
                   (x << 2 & 0x00cc0000) | (x >> 3 & 0x11000000) | (x << 1 & 0xee000000);
  }
}

static void inverse_shift_rows(void) {
  for (u32 k = 0; k < 8; k++) {
    u32 x = aes_state[k];
    aes_state[k] = (x & 0x000000ff) | (x << 1 & 0x0000ee00) | (x >> 3 & 0x00001100) | (x >> 2 & 0x00330000) |
                   (x << 2 & 0x00cc0000) | (x << 3 & 0x88000000) | (x >> 1 & 0x77000000);
  }
}

/* Every byte times x: the planes move up one, and bit 7 comes back at the bits of {1b}. */
static void times_x(u32 q[8]) {
  u32 carry = q[7];
  q[7] = q[6], q[6] = q[5], q[5] = q[4];
  q[4] = q[3] ^ carry, q[3] = q[2] ^ carry, q[2] = q[1], q[1] = q[0] ^ carry, q[0] = carry;
}

/* FIPS-197 5.1.3: {02}(a + b) + b + c + d, where b, c, d are the rows below a. */
static void mix_columns(void) {
  u32 doubled[8], rest[8];
  for (u32 k = 0; k < 8; k++) {
    u32 next = rotate_right(aes_state[k], 8), sum = aes_state[k] ^ next;
    doubled[k] = sum;
    rest[k] = next ^ rotate_right(sum, 16);
  }
  times_x(doubled);
  for (u32 k = 0; k < 8; k++) aes_state[k] = doubled[k] ^ rest[k];
}

/* FIPS-197 5.3.3: {04}(a + c) is added first, then the matrix is the one above. */
static void inverse_mix_columns(void) {
  u32 quadrupled[8];
  for (u32 k = 0; k < 8; k++) quadrupled[k] = aes_state[k] ^ rotate_right(aes_state[k], 16);
  times_x(quadrupled);
  times_x(quadrupled);
  for (u32 k = 0; k < 8; k++) aes_state[k] ^= quadrupled[k];
  mix_columns();
}

static void add_round_key(u32 round) {
  for (u32 k = 0; k < 8; k++) aes_state[k] ^= aes_round_keys[round * 8 + k];
}

/* The S-box on one word: its four bytes go through the planes like a single column. */
static u32 substitute_word(u32 word) {
  u32 q[8] = {word};
  transpose(q);
  substitute(q);
  transpose(q);
  return q[0];
}

/* FIPS-197 5.2; each round key is put into planes as soon as its four words are there. */
u32 aes_set_key(const u8 *key, u32 key_bytes) {
  u32 words[4 * (ROUNDS_MAX + 1)], key_words = key_bytes / 4, round_constant = 1;
  if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return 0;
  rounds = key_words + 6;
  memcpy(words, key, key_bytes);
  for (u32 i = key_words; i < 4 * (rounds + 1); i++) {
    u32 word = words[i - 1];
    if (i % key_words == 0) {
      word = substitute_word(rotate_right(word, 8)) ^ round_constant;
      round_constant = (round_constant << 1 ^ (round_constant >> 7) * 0x11b) & 0xff;
    } else if (key_words == 8 && i % 8 == 4) {
      word = substitute_word(word);
    }
    words[i] = words[i - key_words] ^ word;
  }
  for (u32 round = 0; round <= rounds; round++) {
    u32 *planes = aes_round_keys + round * 8;
    memcpy(planes, words + 4 * round, BLOCK_BYTES);
    memcpy(planes + 4, words + 4 * round, BLOCK_BYTES);
    transpose(planes);
  }
  return 1;
}

/* Both blocks of the pair, in place. */
void aes_encrypt_pair(u32 pair[PAIR_WORDS]) {
  memcpy(aes_state, pair, sizeof aes_state);
  transpose(aes_state);
  add_round_key(0);
  for (u32 round = 1; round <= rounds; round++) {
    substitute(aes_state);
    shift_rows();
    if (round < rounds) mix_columns();
    add_round_key(round);
  }
  transpose(aes_state);
  memcpy(pair, aes_state, sizeof aes_state);
}

void aes_decrypt_pair(u32 pair[PAIR_WORDS]) {
  memcpy(aes_state, pair, sizeof aes_state);
  transpose(aes_state);
  add_round_key(rounds);
  for (u32 round = rounds; round > 0; round--) {
    inverse_shift_rows();
    inverse_substitute(aes_state);
    add_round_key(round - 1);
    if (round > 1) inverse_mix_columns();
  }
  transpose(aes_state);
  memcpy(pair, aes_state, sizeof aes_state);
}

/* Add one to a block taken as a big-endian number, in constant time: SP 800-38A appendix B.1. */
static void increment(u8 *counter) {
  u32 carry = 1;
  for (u32 i = BLOCK_BYTES; i-- > 0;) {
    carry += counter[i];
    counter[i] = carry;
    carry >>= 8;
  }
}

static void xor_words(u32 *a, const u32 *b, u32 count) {
  for (u32 i = 0; i < count; i++) a[i] ^= b[i];
}

/* Each block needs the one before: half of the machine stays idle here. */
static void encrypt_cbc(const u8 *iv, const u8 *input, u8 *output, u32 blocks) {
  u32 pair[PAIR_WORDS] = {0}, block[BLOCK_WORDS];
  memcpy(pair, iv, BLOCK_BYTES);
  for (; blocks > 0; blocks--, input += BLOCK_BYTES, output += BLOCK_BYTES) {
    memcpy(block, input, BLOCK_BYTES);
    xor_words(pair, block, BLOCK_WORDS);
    aes_encrypt_pair(pair);
    memcpy(output, pair, BLOCK_BYTES);
  }
}

/* Two blocks that do not wait for each other; the last one may be alone. */
void aes_process(u32 mode, u32 operation, const u8 *iv, const u8 *input, u8 *output, u32 blocks) {
  u32 pair[PAIR_WORDS], data[PAIR_WORDS], counter[BLOCK_WORDS];
  if (mode == MODE_CBC && operation == OPERATION_ENCRYPT) {
    encrypt_cbc(iv, input, output, blocks);
    return;
  }
  memcpy(counter, iv, BLOCK_BYTES);
  const u8 *previous = iv;
  while (blocks > 0) {
    u32 now = minimum(blocks, 2), bytes = now * BLOCK_BYTES;
    memset(data, 0, sizeof data);
    memcpy(data, input, bytes);
    if (mode == MODE_CTR) {
      for (u32 i = 0; i < 2; i++) {
        memcpy(pair + i * BLOCK_WORDS, counter, BLOCK_BYTES);
        increment((u8 *)counter);
      }
      aes_encrypt_pair(pair);
      xor_words(pair, data, PAIR_WORDS);
    } else {
      memcpy(pair, data, sizeof pair);
      operation == OPERATION_ENCRYPT ? aes_encrypt_pair(pair) : aes_decrypt_pair(pair);
      if (mode == MODE_CBC) {
        memcpy(counter, previous, BLOCK_BYTES);
        xor_words(pair, counter, BLOCK_WORDS);
        xor_words(pair + BLOCK_WORDS, data, BLOCK_WORDS);
        previous = input + bytes - BLOCK_BYTES;
      }
    }
    memcpy(output, pair, bytes);
    input += bytes;
    output += bytes;
    blocks -= now;
  }
}
