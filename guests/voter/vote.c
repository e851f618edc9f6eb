/* Counting votes: see vote.h. */
#include "vote.h"

u32 quorum_of(u32 replicas, u32 faulty) {
  u32 half = replicas / 2 + 1;
  return faulty + 1 > half ? faulty + 1 : half;
}

static u32 agree(const struct answer *a, const struct answer *b) {
  if (a->kind != ANSWER_PROPER || b->kind != ANSWER_PROPER || a->words != b->words) return 0;
  for (u32 i = 0; i < a->words; i++)
    if (a->word[i] != b->word[i]) return 0;
  return 1;
}

struct count count_votes(const struct answer *answers, u32 replicas, u32 quorum) {
  struct count count = {VERDICT_NONE, REPLICAS_MAX, 0, 0};
  for (u32 candidate = 0; candidate < replicas; candidate++) {
    u32 agreeing = 0, votes = 0;
    for (u32 other = 0; other < replicas; other++) {
      if (!agree(&answers[candidate], &answers[other])) continue;
      agreeing |= 1u << other;
      votes++;
    }
    if (votes < quorum) continue;
    count.winner = candidate;
    count.agreeing_mask = agreeing;
    count.verdict = votes == replicas ? VERDICT_UNANIMOUS : VERDICT_MAJORITY;
    break;
  }
  if (count.verdict != VERDICT_NONE)
    for (u32 i = 0; i < replicas; i++)
      if (answers[i].kind != ANSWER_NONE && !(count.agreeing_mask >> i & 1)) count.dissent_mask |= 1u << i;
  return count;
}
