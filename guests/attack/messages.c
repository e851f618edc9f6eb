/* Forged identities, malformed messages, floods. All with zero time-outs: nobody is kept waiting but the receivers. */
#include "attack.h"
#include "service.h"
#include "task-info.h"

#define THREAD_NUMBERS 1024u
#define MALFORMED_MESSAGES 20000u
#define FLOOD_MESSAGES 20000u

/* Everything that our partners use among themselves. */
static const u16 labels[] = {
    LABEL_CONSOLE_WRITE, LABEL_CONSOLE_DRAIN, LABEL_CLIENT_DONE,   LABEL_TRAPPED,       LABEL_VOTE_KEY,
    LABEL_VOTE_REQUEST,  LABEL_VOTE_REPLY,    LABEL_VOTE_END,      LABEL_REPLICA_KEY,   LABEL_REPLICA_REQUEST,
    LABEL_REPLICA_REPLY, LABEL_REPLICA_HELLO, L4_LABEL_INTERRUPT,  L4_LABEL_PAGE_FAULT, L4_LABEL_EXCEPTION,
    L4_LABEL_SIGMA0,     L4_LABEL_IO_FAULT,   LABEL_SECOND_THREAD,
};

static L4_ThreadId_t victim(u32 index) {
  switch (index) {
    case 0: return thread_of_kind(TASK_VOTER);
    case 1: return thread_of_kind(TASK_CLIENT);
    case 2: return thread_of_kind(TASK_CONSOLE);
    case 3: return L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()), 1);
    default: return thread_of_kind(TASK_REPLICA);
  }
}
#define VICTIMS 5u

static void send(L4_ThreadId_t to, L4_Word_t tag) {
  L4_LoadMR(0, tag);
  L4_Ipc(to, L4_nilthread, L4_Timeouts(L4_ZeroTime, L4_ZeroTime), NULL);
  attack_report.messages++;
}

/* As every thread number in several versions: be addressed as somebody, speak as somebody, listen to somebody. */
void attack_by_forgery(void) {
  static const u16 versions[] = {1, 2, 0x3fff, 0x40};
  for (u32 number = 0; number < THREAD_NUMBERS; number++)
    for (u32 i = 0; i < ARRAY_COUNT(versions); i++) {
      L4_ThreadId_t forged = L4_GlobalId(number, versions[i]);
      if (L4_IsThreadEqual(forged, TASK_INFO->root) || L4_IsThreadEqual(forged, guard_thread)) continue;
      L4_LoadMR(1, 1);
      send(forged, L4_Tag(labels[number % ARRAY_COUNT(labels)], 1 + number % 3, 0).raw);
      for (u32 place = 0; place < VICTIMS; place++) {
        L4_Set_VirtualSender(forged);
        L4_LoadMR(1, 1);
        send(victim(place), L4_Tag(labels[(number + place) % ARRAY_COUNT(labels)], 2, 0).raw | 1u << 12);
      }
      L4_Receive_Timeout(forged, L4_ZeroTime);
    }
}

/* Random tags, random typed items: mappings of what is not ours, strings from anywhere, items that end nowhere. */
void attack_by_malformed_messages(void) {
  for (u32 i = 0; i < MALFORMED_MESSAGES; i++) {
    for (u32 index = 1; index < L4_MESSAGE_REGISTERS; index++) L4_LoadMR(index, random_word());
    if (i % 4 == 0) L4_LoadMapItem(1, L4_MapItem((L4_Fpage_t){random_word() | L4_FullyAccessible}, random_word()));
    if (i % 4 == 1) L4_LoadMapItem(1, L4_GrantItem((L4_Fpage_t){0x10 | L4_FullyAccessible}, 0));
    u32 tag = random_word();
    if (i % 4 < 2) tag = L4_Tag(labels[i % ARRAY_COUNT(labels)], 0, 2).raw;
    send(victim(random_below(VICTIMS)), tag);
  }
}

void attack_by_flood(void) {
  for (u32 i = 0; i < FLOOD_MESSAGES; i++) {
    L4_LoadMR(1, i);
    L4_LoadMR(2, SERVICE_OK);
    send(i % 4 == 0 ? TASK_INFO->root : victim(i % VICTIMS), L4_Tag(LABEL_REPLICA_REPLY, i % 64, 0).raw);
  }
}
