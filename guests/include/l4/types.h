/*
 * L4 X.2 data types for 32-bit words: thread ids, times, flexpages.
 * L4 eXperimental Kernel Reference Manual X.2, sections 2.1 (ThreadId), 3.1 (Clock, Time), 4.1 (Fpage).
 */
#pragma once
#include "../types.h"

typedef u32 L4_Word_t;
typedef u32 L4_Bool_t;
typedef struct { u64 raw; } L4_Clock_t; /* microseconds */

/* --- thread ids: version:14@0, thread number:18@14; the low 6 bits of a local id are 0 --- */
typedef struct { L4_Word_t raw; } L4_ThreadId_t;

#define L4_nilthread ((L4_ThreadId_t){0})
#define L4_anythread ((L4_ThreadId_t){0xffffffffu})
#define L4_anylocalthread ((L4_ThreadId_t){0xffffffc0u})

static inline L4_ThreadId_t L4_GlobalId(L4_Word_t number, L4_Word_t version) { return (L4_ThreadId_t){number << 14 | version}; }
static inline L4_Word_t L4_ThreadNo(L4_ThreadId_t id) { return id.raw >> 14; }
static inline L4_Word_t L4_Version(L4_ThreadId_t id) { return id.raw & 0x3fff; }
static inline L4_Bool_t L4_IsThreadEqual(L4_ThreadId_t a, L4_ThreadId_t b) { return a.raw == b.raw; }
static inline L4_Bool_t L4_IsNilThread(L4_ThreadId_t id) { return id.raw == 0; }
static inline L4_Bool_t L4_IsGlobalId(L4_ThreadId_t id) { return (id.raw & 0x3f) != 0; }

/* --- time periods: m:10@0, e:5@10, value m * 2^e microseconds --- */
typedef struct { L4_Word_t raw; } L4_Time_t;

#define L4_Never ((L4_Time_t){0})
#define L4_ZeroTime ((L4_Time_t){0x0400})

/* The shortest representable period that is not shorter than `microseconds`. */
static inline L4_Time_t L4_TimePeriod(u32 microseconds) {
  u32 mantissa = microseconds, exponent = 0;
  if (microseconds == 0) return L4_ZeroTime;
  while (mantissa > 1023) {
    mantissa = (mantissa >> 1) + (mantissa & 1);
    exponent++;
  }
  return (L4_Time_t){mantissa | exponent << 10};
}

/* Send timeout in the high half, receive timeout in the low half, as the Ipc system call takes them. */
static inline L4_Word_t L4_Timeouts(L4_Time_t send, L4_Time_t receive) { return send.raw << 16 | receive.raw; }

/* --- flexpages: rights:3@0 (x=1, w=2, r=4), log2 size:6@4, base:22@10 --- */
typedef struct { L4_Word_t raw; } L4_Fpage_t;

#define L4_eXecutable 1u
#define L4_Writable 2u
#define L4_Readable 4u
#define L4_FullyAccessible 7u
#define L4_ReadeXecOnly 5u
#define L4_Nilpage ((L4_Fpage_t){0})
#define L4_CompleteAddressSpace ((L4_Fpage_t){0x10})

static inline L4_Fpage_t L4_FpageLog2(L4_Word_t base, L4_Word_t log2_size) {
  return (L4_Fpage_t){(base & ~0u << (log2_size < 10 ? 10 : log2_size)) | log2_size << 4};
}
static inline L4_Fpage_t L4_AddRights(L4_Fpage_t page, L4_Word_t rights) { return (L4_Fpage_t){page.raw | rights}; }
static inline L4_Word_t L4_Address(L4_Fpage_t page) { return page.raw & ~0x3ffu; }
static inline L4_Word_t L4_SizeLog2(L4_Fpage_t page) { return page.raw >> 4 & 0x3f; }
static inline L4_Word_t L4_Rights(L4_Fpage_t page) { return page.raw & 7; }
static inline L4_Bool_t L4_IsNilFpage(L4_Fpage_t page) { return page.raw == 0; }

/* I/O flexpages: rights:4@0, 2:6@4, log2 size:6@10, first port:16@16. */
static inline L4_Fpage_t L4_IoFpageLog2(L4_Word_t port, L4_Word_t log2_size) {
  return (L4_Fpage_t){port << 16 | log2_size << 10 | 2 << 4};
}
static inline L4_Bool_t L4_IsIoFpage(L4_Fpage_t page) { return (page.raw >> 4 & 0x3f) == 2; }
static inline L4_Word_t L4_IoFpagePort(L4_Fpage_t page) { return page.raw >> 16; }
static inline L4_Word_t L4_IoFpageSizeLog2(L4_Fpage_t page) { return page.raw >> 10 & 0x3f; }
#define L4_CompleteIoSpace L4_IoFpageLog2(0, 16)
