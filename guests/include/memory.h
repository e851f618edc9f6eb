/* The four functions that a freestanding compiler may call on its own, lib/memory.c. */
#pragma once
#include "types.h"

void *memcpy(void *destination, const void *source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
void *memset(void *destination, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
