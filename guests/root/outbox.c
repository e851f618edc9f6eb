/* See outbox.h. */
#include "outbox.h"

#define MESSAGES_MAX 24u
#define ERROR_SEND_TIMEOUT 2u

static struct message {
  L4_ThreadId_t to;
  u32 words[L4_MESSAGE_REGISTERS];
} messages[MESSAGES_MAX];
static u32 count;

void outbox_post(L4_ThreadId_t to) {
  if (count == MESSAGES_MAX) return;
  struct message *message = &messages[count++];
  message->to = to;
  L4_StoreMRs(0, 1 + L4_UntypedWords(L4_MsgTag()), message->words);
}

void outbox_post_line(L4_ThreadId_t console, const struct line *line) {
  console_message(line);
  outbox_post(console);
}

/* 1 when done with: delivered, or not deliverable ever. */
static u32 deliver(const struct message *message) {
  L4_LoadMRs(0, 1 + L4_UntypedWords((L4_MsgTag_t){message->words[0]}), message->words);
  return L4_IpcSucceeded(L4_Reply(message->to)) || L4_ErrorCode() != ERROR_SEND_TIMEOUT;
}

u32 outbox_flush(void) {
  u32 kept = 0;
  for (u32 i = 0; i < count; i++) {
    u32 behind = 0; /* an earlier message to the same thread still waits: keep the order */
    for (u32 j = 0; j < kept; j++) behind |= L4_IsThreadEqual(messages[j].to, messages[i].to);
    if (behind || !deliver(&messages[i])) {
      if (kept != i) messages[kept] = messages[i];
      kept++;
    }
  }
  count = kept;
  return count > 0;
}
