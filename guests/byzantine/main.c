/* A replica that lies: see README.md. The acts are those of Avizienis and others' taxonomy that a replica can do by IPC. */
#include "l4.h"
#include "memory.h"
#include "replica.h"
#include "task-info.h"

enum act {
  ACT_NONE,
  ACT_WRONG_VALUE,   /* last bit of the answer */
  ACT_WRONG_STATUS,  /* "bad request" where it was good */
  ACT_SILENT,        /* takes requests, never answers again */
  ACT_LATE,          /* answers, far behind the deadline */
  ACT_REPEAT,        /* every answer three times */
  ACT_BABBLE,        /* a hundred meaningless messages, then the answer */
  ACT_FLOOD,         /* meaningless messages for ever: to the voter */
  ACT_SHORT,         /* an answer of one word too few */
  ACT_LONG,          /* an answer of one word too many */
  ACT_MAP,           /* an answer with a mapping into the voter */
  ACT_STRING,        /* an answer with a string into the voter */
  ACT_WRONG_ROUND,   /* the answer to a round that has not been */
  ACT_REPLAY,        /* the answer of the round before */
  ACT_HELLO,         /* says hello again instead of an answer, for ever */
  ACT_FORGE,         /* a wrong answer in another replica's name first, then the right one in its own */
  ACT_HANG,          /* an endless loop */
  ACT_PAGE_FAULT,
  ACT_DIVIDE,
  ACT_BAD_OPCODE,
  ACT_PORT,
  ACT_STACK_OVERFLOW,
  ACT_TELL_ROOT,     /* tells root and the client that all is over, then answers */
  ACT_FLOOD_ROOT,
  ACT_FLOOD_CONSOLE,
  ACT_FLOOD_SIGMA0,
};

#define MESSAGE_WORDS (L4_MESSAGE_REGISTERS - 1)
#define BABBLE_MESSAGES 100u
#define LATE_US 100000u

static u32 request[MESSAGE_WORDS], reply[MESSAGE_WORDS], reply_before[MESSAGE_WORDS];
static u32 reply_words, words_before;
static L4_ThreadId_t voter;

static void answer_request(u32 label, u32 words) {
  u32 header = request[1], blocks = header_blocks(header);
  memcpy(reply_before, reply, sizeof reply);
  words_before = reply_words;
  reply[0] = request[0];
  reply[1] = SERVICE_OK;
  reply_words = 2;
  if (label == LABEL_REPLICA_KEY && words == 2 + KEY_WORDS) {
    aes_set_key((const u8 *)(request + 2), request[1]);
    return;
  }
  aes_process(header_mode(header), header_operation(header), (const u8 *)(request + 2), (const u8 *)(request + 6),
              (u8 *)(reply + 2), blocks);
  reply_words = 2 + blocks * BLOCK_WORDS;
}

static void load(const u32 *words, u32 count, u32 typed_words) {
  L4_LoadMRs(1, count + typed_words, words);
  L4_Set_MsgTag(L4_Tag(LABEL_REPLICA_REPLY, count, typed_words));
}

static L4_MsgTag_t answer_with(const u32 *words, u32 count, u32 typed_words) {
  load(words, count, typed_words);
  return L4_Call(voter);
}

static void babble(L4_ThreadId_t to, u32 label) {
  L4_LoadMR(1, 0xdeadbeef);
  L4_Set_MsgTag(L4_Tag(label, 1, 0));
  L4_Send_Timeout(to, L4_TimePeriod(LATE_US));
}

__attribute__((noreturn)) static void flood(L4_ThreadId_t to) {
  for (u32 i = 0;; i++) babble(to, i & 0x7fff);
}

static L4_ThreadId_t another_replica(void) {
  const struct boot_config *config = &TASK_INFO->config;
  for (u32 i = 0; i < config->task_count; i++)
    if (config->tasks[i].kind == TASK_REPLICA && i != TASK_INFO->task) return task_thread(&config->tasks[i]);
  return L4_nilthread;
}

static void forge(void) {
  load(reply, reply_words, 0);
  L4_LoadMR(reply_words, ~reply[reply_words - 1]);
  L4_Set_VirtualSender(another_replica());
  L4_Set_MsgTag((L4_MsgTag_t){L4_Tag(LABEL_REPLICA_REPLY, reply_words, 0).raw | 1u << 12});
  L4_Reply(voter);
}

static void tell(L4_ThreadId_t whom, u32 label) {
  L4_LoadMR(1, 0);
  L4_Set_MsgTag(L4_Tag(label, 1, 0));
  L4_Send_Timeout(whom, L4_TimePeriod(1000));
}

/* Far deeper than the stack, and no tail call for the compiler to make a loop of. */
static u32 overflow(volatile u32 *above) {
  volatile u32 frame[64];
  frame[0] = above[0] + 1;
  return frame[0] == 0 ? 0 : overflow(frame) + frame[0];
}

static L4_MsgTag_t misbehave(enum act act) {
  volatile u32 zero = 0;
  switch (act) {
    case ACT_WRONG_VALUE: reply[reply_words - 1] ^= 0x80000000u; break;
    case ACT_WRONG_STATUS:
      reply[1] = SERVICE_BAD_REQUEST;
      reply_words = 2;
      break;
    case ACT_SILENT: return L4_Receive(voter);
    case ACT_LATE: L4_Sleep(L4_TimePeriod(LATE_US)); break;
    case ACT_REPEAT:
      for (u32 i = 0; i < 2; i++) {
        load(reply, reply_words, 0);
        L4_Send_Timeout(voter, L4_TimePeriod(LATE_US));
      }
      break;
    case ACT_BABBLE:
      for (u32 i = 0; i < BABBLE_MESSAGES; i++) babble(voter, LABEL_REPLICA_REPLY + i);
      break;
    case ACT_FLOOD: flood(voter);
    case ACT_FLOOD_ROOT: flood(TASK_INFO->root);
    case ACT_FLOOD_CONSOLE: flood(thread_of_kind(TASK_CONSOLE));
    case ACT_FLOOD_SIGMA0: flood(L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()), 1));
    case ACT_SHORT: return answer_with(reply, reply_words - 1, 0);
    case ACT_LONG: return answer_with(reply, reply_words + 1, 0);
    case ACT_MAP: {
      L4_MapItem_t item = L4_MapItem(L4_AddRights(L4_FpageLog2((u32)reply, 12), L4_FullyAccessible), 0x08048000);
      L4_Accept(L4_CompleteAddressSpace);
      memcpy(reply + 2, &item, sizeof item);
      return answer_with(reply, 2, 2);
    }
    case ACT_STRING:
      reply[2] = sizeof reply << 10;
      reply[3] = (u32)reply;
      return answer_with(reply, 2, 2);
    case ACT_WRONG_ROUND: reply[0] += 1; break;
    case ACT_REPLAY: return answer_with(reply_before, words_before, 0);
    case ACT_HELLO:
      for (;;) {
        L4_Set_MsgTag(L4_Tag(LABEL_REPLICA_HELLO, 0, 0));
        L4_Call_Timeouts(voter, L4_TimePeriod(LATE_US), L4_TimePeriod(LATE_US));
      }
    case ACT_FORGE: forge(); break;
    case ACT_HANG:
      for (;;) continue;
    case ACT_PAGE_FAULT: *(volatile u32 *)0x30000000 = 1; break;
    case ACT_DIVIDE: reply[1] = reply[0] / zero; break;
    case ACT_BAD_OPCODE: __asm__ volatile("ud2"); break;
    case ACT_PORT: __asm__ volatile("outb %%al, $0xf4" : : "a"(0)); break;
    case ACT_STACK_OVERFLOW: reply[1] = overflow(&zero); break;
    case ACT_TELL_ROOT:
      tell(TASK_INFO->root, LABEL_CLIENT_DONE);
      tell(TASK_INFO->root, LABEL_CONSOLE_DRAIN);
      tell(thread_of_kind(TASK_CLIENT), LABEL_VOTE_REPLY);
      tell(thread_of_kind(TASK_CONSOLE), LABEL_CONSOLE_DRAIN);
      break;
    case ACT_NONE: break;
  }
  return answer_with(reply, reply_words, 0);
}

int main(void) {
  enum act act = own_task()->parameters[0] & 0xffff;
  u32 times = own_task()->parameters[0] >> 16, first = own_task()->parameters[1], requests = 0;
  voter = thread_of_kind(TASK_VOTER);
  aes_start();
  L4_Accept(L4_Nilpage);
  L4_Set_MsgTag(L4_Tag(LABEL_REPLICA_HELLO, 0, 0));
  L4_MsgTag_t tag = L4_Call(voter);
  for (;;) {
    u32 words = minimum(L4_UntypedWords(tag), MESSAGE_WORDS);
    if (L4_IpcFailed(tag)) {
      tag = L4_Receive(voter);
      continue;
    }
    L4_StoreMRs(1, words, request);
    answer_request(L4_Label(tag), words);
    u32 place = L4_Label(tag) == LABEL_REPLICA_REQUEST ? requests++ : 0;
    if (place >= first && (times == 0 || place - first < times)) tag = misbehave(act);
    else tag = answer_with(reply, reply_words, 0);
  }
}
