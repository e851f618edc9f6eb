/* Native test of the vote: every pattern of up to five answers, against a count by definition. */
#include <stdio.h>
#include "../voter/vote.h"

static struct answer answers[REPLICAS_MAX];

/* Value 0: no answer; 1: malformed; 2..4: three different proper answers, the last two differ in length only. */
static void set_answer(struct answer *answer, u32 value) {
  answer->kind = value == 0 ? ANSWER_NONE : value == 1 ? ANSWER_MALFORMED : ANSWER_PROPER;
  answer->words = value == 4 ? ANSWER_WORDS - 1 : ANSWER_WORDS;
  for (u32 i = 0; i < ANSWER_WORDS; i++) answer->word[i] = i;
  if (value == 2) answer->word[ANSWER_WORDS - 1] ^= 0x80000000u;
}

static int check(const u32 *values, u32 replicas, u32 faulty) {
  u32 quorum = quorum_of(replicas, faulty), winner = 0, most = 0, dissent = 0, agreeing = 0;
  for (u32 value = 2; value <= 4; value++) {
    u32 votes = 0;
    for (u32 i = 0; i < replicas; i++) votes += values[i] == value;
    if (votes >= quorum) winner = value, most = votes;
  }
  for (u32 i = 0; winner != 0 && i < replicas; i++) {
    if (values[i] == winner) agreeing |= 1u << i;
    else if (values[i] != 0) dissent |= 1u << i;
  }
  u32 verdict = winner == 0 ? VERDICT_NONE : most == replicas ? VERDICT_UNANIMOUS : VERDICT_MAJORITY;
  struct count count = count_votes(answers, replicas, quorum);
  return count.verdict == verdict && count.dissent_mask == dissent && count.agreeing_mask == agreeing &&
         (winner == 0 ? count.winner == REPLICAS_MAX : values[count.winner] == winner);
}

int main(void) {
  u32 values[5], patterns = 0;
  for (u32 replicas = 1; replicas <= 5; replicas++) {
    u32 all = 1;
    for (u32 i = 0; i < replicas; i++) all *= 5;
    for (u32 pattern = 0; pattern < all; pattern++) {
      u32 rest = pattern;
      for (u32 i = 0; i < replicas; i++, rest /= 5) set_answer(&answers[i], values[i] = rest % 5);
      for (u32 faulty = 0; 2 * faulty + 1 <= replicas; faulty++, patterns++)
        if (!check(values, replicas, faulty)) return printf("replicas %u pattern %u\n", replicas, pattern), 1;
    }
  }
  printf("ok %u\n", patterns);
  return 0;
}
