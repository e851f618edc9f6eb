/* The S-box and its inverse: FIPS-197 figures 7 and 14. */
#pragma once
#include "types.h"

extern const u8 aes_sbox[256];
extern const u8 aes_inverse_sbox[256];
