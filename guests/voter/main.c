/*
 * The voter: asks every replica, waits no longer than the deadline, and answers the client with what the majority said.
 * It accepts no mapping (acceptor nil), waits for nobody without a limit while a round is on, and believes the kernel
 * alone about who sent a message.
 */
#include "console.h"
#include "memory.h"
#include "replicas.h"
#include "report.h"
#include "task-info.h"

#define STRANGER REPLICAS_MAX

static L4_ThreadId_t client;
static u32 quorum;
static u32 sequence; /* of everything that was voted on */
static u32 requests; /* the rounds that people count: key set-ups are none */

/* The client's message; a second one cannot come before the first is answered. */
static struct {
  u32 present, label, words;
  u32 word[L4_MESSAGE_REGISTERS];
} request;

static u32 replica_of(L4_ThreadId_t thread) {
  for (u32 i = 0; i < replica_count; i++)
    if (L4_IsThreadEqual(replicas[i].thread, thread)) return i;
  return STRANGER;
}

static void dispatch(L4_MsgTag_t tag, L4_ThreadId_t from) {
  u32 index = replica_of(from);
  if (index != STRANGER) {
    replica_message(index, tag);
  } else if (L4_IsThreadEqual(from, client) && !L4_IpcPropagated(tag)) {
    request.present = 1;
    request.label = L4_Label(tag);
    request.words = L4_UntypedWords(tag);
    L4_StoreMRs(1, request.words, request.word);
  } else if (L4_IsThreadEqual(from, TASK_INFO->root) && L4_Label(tag) == LABEL_TRAPPED) {
    u32 number;
    L4_StoreMR(1, &number);
    if (number >= 1 && number <= replica_count) replica_trapped(number - 1);
  }
}

/* One message, or none by the deadline (microseconds of the system clock). 0 when the deadline has passed. */
static u32 take_message(u64 deadline) {
  L4_ThreadId_t from;
  u64 now = L4_SystemClock();
  if (now >= deadline) return 0;
  L4_MsgTag_t tag = L4_Wait_Timeout(L4_TimePeriod((u32)(deadline - now)), &from);
  if (L4_IpcSucceeded(tag)) dispatch(tag, from);
  return 1;
}

/* Replicas start at their own time: give each the chance to be in the first round. */
static void wait_for_replicas(void) {
  const struct boot_config *config = &TASK_INFO->config;
  u32 slowest = 0;
  for (u32 i = 0; i < config->task_count; i++)
    if (config->tasks[i].kind == TASK_REPLICA && config->tasks[i].start_delay_us > slowest)
      slowest = config->tasks[i].start_delay_us;
  u64 deadline = L4_SystemClock() + slowest + config->deadline_us;
  for (;;) {
    u32 missing = 0;
    for (u32 i = 0; i < replica_count; i++) missing |= replicas[i].state == REPLICA_BUSY;
    if (!missing || !take_message(deadline)) return;
  }
}

static void answer_client(u32 status, const u32 *data, u32 words) {
  L4_LoadMR(1, status);
  if (words > 0) L4_LoadMRs(2, words, data);
  L4_Set_MsgTag(L4_Tag(LABEL_VOTE_REPLY, 1 + words, 0));
  L4_Reply(client);
}

static void run_round(L4_Word_t label, u32 answer_data_words) {
  u64 deadline = L4_SystemClock() + TASK_INFO->config.deadline_us;
  round_begin(++sequence, label, request.word, request.words, answer_data_words);
  while (round_open(quorum) && take_message(deadline)) continue;

  u32 replied = 0, trapped = 0;
  for (u32 i = 0; i < replica_count; i++) {
    if (answers[i].kind != ANSWER_NONE) replied |= 1u << i;
    else if (replicas[i].state == REPLICA_TRAPPED) trapped |= 1u << i;
  }
  struct count count = count_votes(answers, replica_count, quorum);
  if (count.winner < REPLICAS_MAX) {
    const struct answer *winner = &answers[count.winner];
    answer_client(winner->word[0], winner->word + 1, winner->words - 1);
  } else {
    answer_client(SERVICE_NO_MAJORITY, NULL, 0);
  }
  report_round(label == LABEL_REPLICA_KEY ? 0 : ++requests, &count, replied, trapped);
}

static void serve(void) {
  u32 header = request.words > 0 ? request.word[0] : 0;
  if (request.label == LABEL_VOTE_KEY && request.words == 1 + KEY_WORDS) {
    run_round(LABEL_REPLICA_KEY, 0);
  } else if (request.label == LABEL_VOTE_REQUEST && request_data_words(header) <= ROUND_DATA_WORDS &&
             request.words == 5 + request_data_words(header)) {
    run_round(LABEL_REPLICA_REQUEST, header_blocks(header) * BLOCK_WORDS);
  } else if (request.label == LABEL_VOTE_END) {
    report_end();
    answer_client(SERVICE_OK, NULL, 0);
  } else {
    answer_client(SERVICE_BAD_REQUEST, NULL, 0);
  }
}

int main(void) {
  L4_Accept(L4_Nilpage);
  client = thread_of_kind(TASK_CLIENT);
  replicas_start();
  report_start();
  quorum = quorum_of(replica_count, TASK_INFO->config.faulty);
  wait_for_replicas();
  for (;;) {
    while (!request.present) {
      L4_ThreadId_t from;
      L4_MsgTag_t tag = L4_Wait(&from);
      if (L4_IpcSucceeded(tag)) dispatch(tag, from);
    }
    request.present = 0;
    serve();
  }
}
