/*
 * AES on 32-bit words with look-up tables: one look-up does SubBytes and MixColumns for one byte (Daemen and Rijmen, "The
 * Design of Rijndael", 4.2). The tables, 9 KiB, are computed at start-up from the powers of a generator, so the
 * substitution is derived here and not copied. Decryption is the equivalent inverse cipher of FIPS-197 5.3.5.
 *
 * A word is one column of the state, row 0 in its least significant byte, as memory order gives it on this processor.
 */
#include "memory.h"
#include "replica.h"

#define ROUNDS_MAX 14u

/* table[r][x]: what the byte x in row r contributes to its column. */
static u32 encrypt_table[4][256], decrypt_table[4][256];
static u8 substitution[256], inverse_substitution[256];

u32 aes_round_keys[(ROUNDS_MAX + 1) * 4];
static u32 decrypt_keys[(ROUNDS_MAX + 1) * 4];
u32 aes_state[4];
static u32 rounds;

static u32 rotate_left(u32 word, u32 bits) { return bits == 0 ? word : word << bits | word >> (32 - bits); }
static u32 byte_of(u32 word, u32 index) { return word >> 8 * index & 0xff; }
static u32 times_x(u32 a) { return (a << 1 ^ (a >> 7) * 0x11b) & 0xff; }
static u32 column(u32 row0, u32 row1, u32 row2, u32 row3) { return row0 | row1 << 8 | row2 << 16 | row3 << 24; }

/* {03} generates the multiplicative group: x and 1/x run through its powers from both ends. */
static void compute_substitution(void) {
  u8 power[256];
  u32 value = 1;
  for (u32 exponent = 0; exponent < 255; exponent++) {
    power[exponent] = value;
    value ^= times_x(value);
  }
  power[255] = 1;
  for (u32 exponent = 0; exponent <= 255; exponent++) {
    u32 inverse = power[255 - exponent];
    u32 spread = inverse | inverse << 8;
    u32 substitute = (spread ^ spread >> 4 ^ spread >> 5 ^ spread >> 6 ^ spread >> 7 ^ 0x63) & 0xff;
    substitution[power[exponent]] = substitute;
    inverse_substitution[substitute] = power[exponent];
  }
  substitution[0] = 0x63;
  inverse_substitution[0x63] = 0;
}

void aes_start(void) {
  compute_substitution();
  for (u32 x = 0; x < 256; x++) {
    u32 s = substitution[x], s2 = times_x(s);
    u32 forward = column(s2, s, s, s2 ^ s);
    u32 i = inverse_substitution[x], i2 = times_x(i), i4 = times_x(i2), i8 = times_x(i4);
    u32 backward = column(i8 ^ i4 ^ i2, i8 ^ i, i8 ^ i4 ^ i, i8 ^ i2 ^ i);
    for (u32 row = 0; row < 4; row++) {
      encrypt_table[row][x] = rotate_left(forward, 8 * row);
      decrypt_table[row][x] = rotate_left(backward, 8 * row);
    }
  }
}

static u32 substitute_word(u32 word) {
  return column(substitution[byte_of(word, 0)], substitution[byte_of(word, 1)], substitution[byte_of(word, 2)],
                substitution[byte_of(word, 3)]);
}

/* InvMixColumns of one column: the table undoes a substitution that we do first. */
static u32 unmix(u32 word) {
  word = substitute_word(word);
  return decrypt_table[0][byte_of(word, 0)] ^ decrypt_table[1][byte_of(word, 1)] ^ decrypt_table[2][byte_of(word, 2)] ^
         decrypt_table[3][byte_of(word, 3)];
}

u32 aes_set_key(const u8 *key, u32 key_bytes) {
  u32 key_words = key_bytes / 4, round_constant = 1;
  if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return 0;
  rounds = key_words + 6;
  memcpy(aes_round_keys, key, key_bytes);
  for (u32 i = key_words; i < 4 * (rounds + 1); i++) {
    u32 word = aes_round_keys[i - 1];
    if (i % key_words == 0) {
      word = substitute_word(word >> 8 | word << 24) ^ round_constant;
      round_constant = times_x(round_constant);
    } else if (key_words > 6 && i % key_words == 4) {
      word = substitute_word(word);
    }
    aes_round_keys[i] = aes_round_keys[i - key_words] ^ word;
  }
  for (u32 round = 0; round <= rounds; round++)
    for (u32 i = 0; i < 4; i++) {
      u32 word = aes_round_keys[4 * (rounds - round) + i];
      decrypt_keys[4 * round + i] = round == 0 || round == rounds ? word : unmix(word);
    }
  return 1;
}

static u32 encrypt_column(const u32 *s, u32 c) {
  return encrypt_table[0][byte_of(s[c], 0)] ^ encrypt_table[1][byte_of(s[(c + 1) & 3], 1)] ^
         encrypt_table[2][byte_of(s[(c + 2) & 3], 2)] ^ encrypt_table[3][byte_of(s[(c + 3) & 3], 3)];
}

static u32 decrypt_column(const u32 *s, u32 c) {
  return decrypt_table[0][byte_of(s[c], 0)] ^ decrypt_table[1][byte_of(s[(c + 3) & 3], 1)] ^
         decrypt_table[2][byte_of(s[(c + 2) & 3], 2)] ^ decrypt_table[3][byte_of(s[(c + 1) & 3], 3)];
}

static u32 last_column(const u8 *table, u32 row0, u32 row1, u32 row2, u32 row3) {
  return column(table[byte_of(row0, 0)], table[byte_of(row1, 1)], table[byte_of(row2, 2)], table[byte_of(row3, 3)]);
}

void aes_encrypt_block(u32 *block) {
  u32 *s = aes_state;
  const u32 *key = aes_round_keys;
  for (u32 i = 0; i < 4; i++) s[i] = block[i] ^ key[i];
  for (u32 round = 1; round < rounds; round++) {
    key += 4;
    u32 a = encrypt_column(s, 0) ^ key[0], b = encrypt_column(s, 1) ^ key[1];
    u32 c = encrypt_column(s, 2) ^ key[2], d = encrypt_column(s, 3) ^ key[3];
    s[0] = a, s[1] = b, s[2] = c, s[3] = d;
  }
  key += 4;
  for (u32 i = 0; i < 4; i++)
    block[i] = last_column(substitution, s[i], s[(i + 1) & 3], s[(i + 2) & 3], s[(i + 3) & 3]) ^ key[i];
}

void aes_decrypt_block(u32 *block) {
  u32 *s = aes_state;
  const u32 *key = decrypt_keys;
  for (u32 i = 0; i < 4; i++) s[i] = block[i] ^ key[i];
  for (u32 round = 1; round < rounds; round++) {
    key += 4;
    u32 a = decrypt_column(s, 0) ^ key[0], b = decrypt_column(s, 1) ^ key[1];
    u32 c = decrypt_column(s, 2) ^ key[2], d = decrypt_column(s, 3) ^ key[3];
    s[0] = a, s[1] = b, s[2] = c, s[3] = d;
  }
  key += 4;
  for (u32 i = 0; i < 4; i++)
    block[i] = last_column(inverse_substitution, s[i], s[(i + 3) & 3], s[(i + 2) & 3], s[(i + 1) & 3]) ^ key[i];
}

static u32 byte_swap(u32 word) {
  word = (word & 0x00ff00ffu) << 8 | (word >> 8 & 0x00ff00ffu);
  return word << 16 | word >> 16;
}

static void xor_blocks(const u32 *a, const u32 *b, u32 *result) {
  for (u32 i = 0; i < 4; i++) result[i] = a[i] ^ b[i];
}

/* Counter mode: SP 800-38A 6.5, the counter as four words, most significant first. */
static void run_ctr(const u32 *iv, const u32 *input, u32 *output, u32 blocks) {
  u32 counter[4], pad[4];
  for (u32 i = 0; i < 4; i++) counter[i] = byte_swap(iv[i]);
  for (; blocks > 0; blocks--, input += 4, output += 4) {
    for (u32 i = 0; i < 4; i++) pad[i] = byte_swap(counter[i]);
    aes_encrypt_block(pad);
    xor_blocks(pad, input, output);
    for (u32 i = 4; i-- > 0;)
      if (++counter[i] != 0) break;
  }
}

/* Cipher block chaining: SP 800-38A 6.2. The chain is a pointer to the ciphertext before. */
static void run_cbc(u32 operation, const u32 *iv, const u32 *input, u32 *output, u32 blocks) {
  for (; blocks > 0; blocks--, input += 4, output += 4) {
    if (operation == OPERATION_ENCRYPT) {
      xor_blocks(input, iv, output);
      aes_encrypt_block(output);
      iv = output;
    } else {
      memcpy(output, input, BLOCK_BYTES);
      aes_decrypt_block(output);
      xor_blocks(output, iv, output);
      iv = input;
    }
  }
}

void aes_process(u32 mode, u32 operation, const u8 *iv, const u8 *input, u8 *output, u32 blocks) {
  u32 *out = (u32 *)output;
  if (mode == MODE_CTR) {
    run_ctr((const u32 *)iv, (const u32 *)input, out, blocks);
  } else if (mode == MODE_CBC) {
    run_cbc(operation, (const u32 *)iv, (const u32 *)input, out, blocks);
  } else {
    memcpy(output, input, blocks * BLOCK_BYTES);
    for (; blocks > 0; blocks--, out += 4) operation == OPERATION_ENCRYPT ? aes_encrypt_block(out) : aes_decrypt_block(out);
  }
}
