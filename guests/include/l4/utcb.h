/*
 * The calling thread's UTCB: message registers, buffer registers, thread control registers.
 * X.2 manual sections 5.2 (virtual registers) and A (ia32 binding). `%gs:0` holds the address of MR0, which is also
 * the thread's local id; thread control registers and buffer registers lie below it.
 */
#pragma once
#include "types.h"

enum {
  L4_TcrMyGlobalId = -15,
  L4_TcrProcessorNo = -14,
  L4_TcrUserDefinedHandle = -13,
  L4_TcrPager = -12,
  L4_TcrExceptionHandler = -11,
  L4_TcrFlags = -10,
  L4_TcrErrorCode = -9,
  L4_TcrXferTimeouts = -8,
  L4_TcrVirtualSender = -6,
};

static inline volatile L4_Word_t *l4_utcb(void) {
  volatile L4_Word_t *utcb;
  __asm__ volatile("movl %%gs:0, %0" : "=r"(utcb));
  return utcb;
}

static inline void L4_LoadMR(L4_Word_t index, L4_Word_t value) { l4_utcb()[index] = value; }
static inline void L4_StoreMR(L4_Word_t index, L4_Word_t *value) { *value = l4_utcb()[index]; }
static inline void L4_LoadMRs(L4_Word_t first, L4_Word_t count, const L4_Word_t *words) {
  volatile L4_Word_t *utcb = l4_utcb() + first;
  for (L4_Word_t i = 0; i < count; i++) utcb[i] = words[i];
}
static inline void L4_StoreMRs(L4_Word_t first, L4_Word_t count, L4_Word_t *words) {
  volatile L4_Word_t *utcb = l4_utcb() + first;
  for (L4_Word_t i = 0; i < count; i++) words[i] = utcb[i];
}

static inline void L4_LoadBR(L4_Word_t index, L4_Word_t value) { l4_utcb()[-16 - (int)index] = value; }

/* Acceptor: the window into which the next partner may map; nothing when nil. */
static inline void L4_Accept(L4_Fpage_t window) { L4_LoadBR(0, window.raw & ~0xfu); }

static inline L4_ThreadId_t L4_MyGlobalId(void) { return (L4_ThreadId_t){l4_utcb()[L4_TcrMyGlobalId]}; }
static inline L4_ThreadId_t L4_MyLocalId(void) { return (L4_ThreadId_t){(L4_Word_t)l4_utcb()}; }
static inline L4_ThreadId_t L4_Myself(void) { return L4_MyGlobalId(); }
static inline L4_Word_t L4_ErrorCode(void) { return l4_utcb()[L4_TcrErrorCode]; }
static inline L4_ThreadId_t L4_Pager(void) { return (L4_ThreadId_t){l4_utcb()[L4_TcrPager]}; }
static inline void L4_Set_Pager(L4_ThreadId_t pager) { l4_utcb()[L4_TcrPager] = pager.raw; }
static inline L4_ThreadId_t L4_ExceptionHandler(void) { return (L4_ThreadId_t){l4_utcb()[L4_TcrExceptionHandler]}; }
static inline void L4_Set_ExceptionHandler(L4_ThreadId_t handler) { l4_utcb()[L4_TcrExceptionHandler] = handler.raw; }
static inline L4_Word_t L4_UserDefinedHandle(void) { return l4_utcb()[L4_TcrUserDefinedHandle]; }
static inline void L4_Set_VirtualSender(L4_ThreadId_t sender) { l4_utcb()[L4_TcrVirtualSender] = sender.raw; }
