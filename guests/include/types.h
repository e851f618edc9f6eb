/* Fixed-width names. IA-32: a word is 32 bits, little endian. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size_t;

#ifndef NULL
#define NULL ((void *)0)
#endif
#define PAGE_BYTES 4096u
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline u32 page_down(u32 address) { return address & ~(PAGE_BYTES - 1); }
static inline u32 page_up(u32 address) { return (address + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1); }
static inline u32 minimum(u32 a, u32 b) { return a < b ? a : b; }
