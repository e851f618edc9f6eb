/*
 * What the voter knows of each replica, and the messages to and from it. A round here is anything that is voted on, key
 * set-ups too; rounds are numbered from 1, and the number travels with the question and the answer.
 */
#pragma once
#include "l4.h"
#include "vote.h"

enum replica_state {
  REPLICA_BUSY,    /* owes us an answer, or has not said hello yet */
  REPLICA_READY,   /* waits for a message from us */
  REPLICA_TRAPPED, /* stopped by the root task: never asked again */
};

struct replica {
  L4_ThreadId_t thread;
  const char *name;
  enum replica_state state;
  u32 outstanding;  /* round of the message that it has not answered; 0: none in particular */
  u32 key_round;    /* round of the key that it has; 0: none */
  u32 asked_round;  /* last round whose request it was sent */
  u32 waited_for;   /* 1: the current round waits for it */
};

extern struct replica replicas[REPLICAS_MAX];
extern struct answer answers[REPLICAS_MAX]; /* of the current round */
extern u32 replica_count;

void replicas_start(void);

/* A round: the key or the request in `words` (header first) goes to every replica that is ready. */
void round_begin(u32 round, L4_Word_t label, const u32 *words, u32 count, u32 answer_data_words);

/* Still worth waiting: somebody was asked and has not answered, or no value has its quorum and somebody may yet answer. */
u32 round_open(u32 quorum);

/* A message from a replica lies in the message registers. */
void replica_message(u32 index, L4_MsgTag_t tag);

void replica_trapped(u32 index);
