/*
 * The voter's side of each replica. Every answer is copied out of the message registers into the voter's own memory before
 * it is looked at. A message is sent only to a replica that waits for one (zero time-out), so no replica can hold the voter.
 */
#include "replicas.h"
#include "memory.h"
#include "task-info.h"

struct replica replicas[REPLICAS_MAX];
struct answer answers[REPLICAS_MAX];
u32 replica_count;

struct message {
  u32 round;
  L4_Word_t label;
  u32 count;
  u32 words[L4_MESSAGE_REGISTERS - 2];
};

static struct message current, key; /* the round's message, and the last key: its round is 0 before the first */
static u32 expected_data_words;

void replicas_start(void) {
  const struct boot_config *config = &TASK_INFO->config;
  for (u32 i = 0; i < config->task_count; i++) {
    const struct task_config *task = &config->tasks[i];
    if (task->kind != TASK_REPLICA || task->index == 0 || task->index > REPLICAS_MAX) continue;
    replicas[task->index - 1].thread = task_thread(task);
    replicas[task->index - 1].name = task->name;
    if (task->index > replica_count) replica_count = task->index;
  }
}

/* What the replica must hear next: the key if it has not got it, else the round's request. */
static const struct message *next_message(const struct replica *replica) {
  return replica->key_round != key.round ? &key : &current;
}

/* 1 when the replica was waiting for a message, and so has this one now. */
static u32 deliver(struct replica *replica, const struct message *message) {
  L4_LoadMR(1, message->round);
  L4_LoadMRs(2, message->count, message->words);
  L4_Set_MsgTag(L4_Tag(message->label, 1 + message->count, 0));
  if (L4_IpcFailed(L4_Reply(replica->thread))) return 0;
  replica->outstanding = message->round;
  if (message->round == current.round) replica->asked_round = current.round;
  return 1;
}

/* The replica has said something: it gets what it must hear next, and the round waits for it. */
static void advance(struct replica *replica) {
  const struct message *message = next_message(replica);
  replica->state = REPLICA_READY;
  replica->outstanding = 0;
  replica->waited_for = 0;
  if (message == &current && replica->asked_round == current.round) return;
  replica->state = REPLICA_BUSY;
  replica->waited_for = deliver(replica, message);
}

/*
 * A silent replica that waits for a message has lost one: it is asked again, and its answer counts if it comes in time, but
 * the round does not wait for it. One that still works, or never said hello, does not take the message.
 */
static void ask_silent(struct replica *replica) { deliver(replica, next_message(replica)); }

void round_begin(u32 round, L4_Word_t label, const u32 *words, u32 count, u32 answer_data_words) {
  current.round = round;
  current.label = label;
  current.count = count;
  memcpy(current.words, words, count * 4);
  expected_data_words = answer_data_words;
  if (label == LABEL_REPLICA_KEY) key = current;
  for (u32 i = 0; i < replica_count; i++) {
    answers[i].kind = ANSWER_NONE;
    replicas[i].waited_for = 0;
    if (replicas[i].state == REPLICA_READY) advance(&replicas[i]);
    else if (replicas[i].state == REPLICA_BUSY) ask_silent(&replicas[i]);
  }
}

u32 round_open(u32 quorum) {
  u32 owing = 0;
  for (u32 i = 0; i < replica_count; i++) {
    if (replicas[i].state != REPLICA_BUSY) continue;
    if (replicas[i].waited_for) return 1;
    owing = 1;
  }
  return owing && count_votes(answers, replica_count, quorum).verdict == VERDICT_NONE;
}

/* The answer to the current round: kept if its length fits its status. */
static void keep_answer(u32 index, u32 status, u32 data_words) {
  struct answer *answer = &answers[index];
  if (data_words != (status == SERVICE_OK ? expected_data_words : 0)) {
    answer->kind = ANSWER_MALFORMED;
    return;
  }
  answer->kind = ANSWER_PROPER;
  answer->words = 1 + data_words;
  L4_StoreMRs(2, answer->words, answer->word);
}

void replica_message(u32 index, L4_MsgTag_t tag) {
  struct replica *replica = &replicas[index];
  u32 round, status, words = L4_UntypedWords(tag), label = L4_Label(tag);
  L4_StoreMR(1, &round);
  L4_StoreMR(2, &status);
  if (replica->state == REPLICA_TRAPPED) return;
  if (label == LABEL_REPLICA_HELLO) {
    replica->key_round = 0;
    advance(replica);
    return;
  }
  if (replica->state != REPLICA_BUSY) return; /* nothing was asked: babble */

  u32 proper = label == LABEL_REPLICA_REPLY && words >= 2 && L4_TypedWords(tag) == 0 && !L4_IpcPropagated(tag);
  if (proper && round < replica->outstanding) return; /* a repeat of an older answer */
  if (replica->outstanding != 0 && replica->outstanding == key.round) replica->key_round = key.round;
  if (replica->outstanding != 0 && replica->outstanding == current.round) {
    if (proper && round == current.round) keep_answer(index, status, words - 2);
    else answers[index].kind = ANSWER_MALFORMED;
  }
  advance(replica);
}

void replica_trapped(u32 index) {
  replicas[index].state = REPLICA_TRAPPED;
  replicas[index].waited_for = 0;
}
