/* Counting votes: a pure function of the answers, so that it can be tested anywhere. */
#pragma once
#include "boot-config.h"
#include "service.h"

#define REPLICAS_MAX 16u
#define ANSWER_WORDS (1u + ROUND_DATA_WORDS) /* status and data */

enum answer_kind {
  ANSWER_NONE,      /* nothing by the deadline */
  ANSWER_PROPER,
  ANSWER_MALFORMED, /* something that is no reply: agrees with nobody */
};

struct answer {
  enum answer_kind kind;
  u32 words;
  u32 word[ANSWER_WORDS];
};

struct count {
  enum vote_verdict verdict;
  u32 winner;        /* place of one answer of the majority; REPLICAS_MAX when there is none */
  u32 agreeing_mask; /* bit i: answer i is the majority's */
  u32 dissent_mask;  /* bit i: answered otherwise; 0 without a majority, since nobody can say who is wrong */
};

/*
 * Answers needed to believe a value: f+1, so that a correct replica is among them, and more than half of all, so that two
 * values can never both win.
 */
u32 quorum_of(u32 replicas, u32 faulty);

/* Compare complete answers word by word. */
struct count count_votes(const struct answer *answers, u32 replicas, u32 quorum);
