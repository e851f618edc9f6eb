/*
 * Native test of one AES implementation: reads lines "mode operation key iv input output" (hexadecimal; mode and operation
 * are numbers of boot-config.h) and says how many were right. test/guests/aes.test.ts builds it when gcc is there and
 * feeds it with vectors from node:crypto.
 */
#include <stdio.h>
#include <string.h>
#include "replica.h"

static unsigned parse(const char *text, u8 *bytes, unsigned capacity) {
  unsigned count = 0, value;
  while (count < capacity && sscanf(text + 2 * count, "%2x", &value) == 1) bytes[count++] = value;
  return count;
}

int main(void) {
  static char key_text[80], iv_text[40], input_text[500], output_text[500];
  unsigned mode, operation, right = 0, lines = 0;
  aes_start();
  while (scanf("%u %u %79s %39s %499s %499s", &mode, &operation, key_text, iv_text, input_text, output_text) == 6) {
    u32 key[8], iv[4], input[56], expected[56], output[57];
    unsigned key_bytes = parse(key_text, (u8 *)key, 32);
    parse(iv_text, (u8 *)iv, 16);
    unsigned bytes = parse(input_text, (u8 *)input, sizeof input);
    parse(output_text, (u8 *)expected, sizeof expected);
    memset(output, 0xa5, sizeof output);
    lines++;
    if (!aes_set_key((u8 *)key, key_bytes)) continue;
    aes_process(mode, operation, (u8 *)iv, (u8 *)input, (u8 *)output, bytes / 16);
    right += memcmp(output, expected, bytes) == 0 && output[bytes / 4] == 0xa5a5a5a5u;
  }
  printf("%u of %u\n", right, lines);
  return right != lines;
}
