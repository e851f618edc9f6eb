/* The S-box on 32 bytes at once, as a circuit: see sbox.c. `planes[k]` holds bit k of every byte. */
#pragma once
#include "types.h"

void substitute(u32 planes[8]);
void inverse_substitute(u32 planes[8]);
