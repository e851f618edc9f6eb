/*
 * What each AES replica implements in its own way (FIPS-197; modes: NIST SP 800-38A), and the message loop in serve.c
 * calls. Keys are 16, 24 or 32 bytes; blocks are 16 bytes in the order of FIPS-197 3.1; `blocks` is at least 1.
 */
#pragma once
#include "service.h"

/* Once, before the first key. */
void aes_start(void);

/* Expand the key; later calls to aes_process use it. 0 when key_bytes is none of the three. */
u32 aes_set_key(const u8 *key, u32 key_bytes);

/* mode is MODE_ECB, MODE_CTR or MODE_CBC; iv is not changed; input and output do not overlap. */
void aes_process(u32 mode, u32 operation, const u8 *iv, const u8 *input, u8 *output, u32 blocks);
