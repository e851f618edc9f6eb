/* Messages and the Ipc system call: X.2 manual sections 5.1 to 5.6. */
#pragma once
#include "utcb.h"

/* untyped words:6@0, typed words:6@6, flags:4@12 (p propagated, r, X, E error), label:16@16 */
typedef struct { L4_Word_t raw; } L4_MsgTag_t;

#define L4_Niltag ((L4_MsgTag_t){0})
#define L4_MESSAGE_REGISTERS 64

static inline L4_MsgTag_t L4_Tag(L4_Word_t label, L4_Word_t untyped, L4_Word_t typed) {
  return (L4_MsgTag_t){label << 16 | typed << 6 | untyped};
}
static inline L4_Word_t L4_Label(L4_MsgTag_t tag) { return tag.raw >> 16; }
static inline L4_Word_t L4_UntypedWords(L4_MsgTag_t tag) { return tag.raw & 0x3f; }
static inline L4_Word_t L4_TypedWords(L4_MsgTag_t tag) { return tag.raw >> 6 & 0x3f; }
static inline L4_Bool_t L4_IpcPropagated(L4_MsgTag_t tag) { return tag.raw >> 12 & 1; }
static inline L4_Bool_t L4_IpcFailed(L4_MsgTag_t tag) { return tag.raw >> 15 & 1; }
static inline L4_Bool_t L4_IpcSucceeded(L4_MsgTag_t tag) { return !L4_IpcFailed(tag); }

static inline void L4_Set_MsgTag(L4_MsgTag_t tag) { L4_LoadMR(0, tag.raw); }
static inline L4_MsgTag_t L4_MsgTag(void) { return (L4_MsgTag_t){l4_utcb()[0]}; }

/* Map and grant items: send base:22@10 | type, then the send flexpage. */
typedef struct { L4_Word_t base, page; } L4_MapItem_t;
static inline L4_MapItem_t L4_MapItem(L4_Fpage_t page, L4_Word_t send_base) {
  return (L4_MapItem_t){(send_base & ~0x3ffu) | 8, page.raw};
}
static inline L4_MapItem_t L4_GrantItem(L4_Fpage_t page, L4_Word_t send_base) {
  return (L4_MapItem_t){(send_base & ~0x3ffu) | 10, page.raw};
}
static inline void L4_LoadMapItem(L4_Word_t index, L4_MapItem_t item) {
  L4_LoadMR(index, item.base);
  L4_LoadMR(index + 1, item.page);
}

/*
 * The system call itself (lib/syscalls.S). MR0 is taken from the UTCB; the result is the received tag.
 * `from` may be NULL; after an error its value means nothing.
 */
L4_MsgTag_t L4_Ipc(L4_ThreadId_t to, L4_ThreadId_t from_specifier, L4_Word_t timeouts, L4_ThreadId_t *from);
L4_MsgTag_t L4_Lipc(L4_ThreadId_t to, L4_ThreadId_t from_specifier, L4_Word_t timeouts, L4_ThreadId_t *from);

static inline L4_MsgTag_t L4_Call_Timeouts(L4_ThreadId_t to, L4_Time_t send, L4_Time_t receive) {
  return L4_Ipc(to, to, L4_Timeouts(send, receive), NULL);
}
static inline L4_MsgTag_t L4_Call(L4_ThreadId_t to) { return L4_Call_Timeouts(to, L4_Never, L4_Never); }
static inline L4_MsgTag_t L4_Send_Timeout(L4_ThreadId_t to, L4_Time_t send) {
  return L4_Ipc(to, L4_nilthread, L4_Timeouts(send, L4_Never), NULL);
}
static inline L4_MsgTag_t L4_Send(L4_ThreadId_t to) { return L4_Send_Timeout(to, L4_Never); }
static inline L4_MsgTag_t L4_Reply(L4_ThreadId_t to) { return L4_Send_Timeout(to, L4_ZeroTime); }
static inline L4_MsgTag_t L4_Receive_Timeout(L4_ThreadId_t from, L4_Time_t receive) {
  return L4_Ipc(L4_nilthread, from, L4_Timeouts(L4_Never, receive), NULL);
}
static inline L4_MsgTag_t L4_Receive(L4_ThreadId_t from) { return L4_Receive_Timeout(from, L4_Never); }
static inline L4_MsgTag_t L4_Wait_Timeout(L4_Time_t receive, L4_ThreadId_t *from) {
  return L4_Ipc(L4_nilthread, L4_anythread, L4_Timeouts(L4_Never, receive), from);
}
static inline L4_MsgTag_t L4_Wait(L4_ThreadId_t *from) { return L4_Wait_Timeout(L4_Never, from); }
static inline L4_MsgTag_t L4_ReplyWait_Timeout(L4_ThreadId_t to, L4_Time_t receive, L4_ThreadId_t *from) {
  return L4_Ipc(to, L4_anythread, L4_Timeouts(L4_ZeroTime, receive), from);
}
static inline L4_MsgTag_t L4_ReplyWait(L4_ThreadId_t to, L4_ThreadId_t *from) {
  return L4_ReplyWait_Timeout(to, L4_Never, from);
}
static inline void L4_Sleep(L4_Time_t period) { L4_Receive_Timeout(L4_MyGlobalId(), period); }
