/* The vote log and the console lines: see report.h. */
#include "report.h"
#include "console.h"
#include "replicas.h"
#include "task-info.h"

/* A replica that stays wrong would fill the console: repeats of one pattern, and all lines together, are bounded. */
#define REPEATS_PRINTED 3u
#define LINES_PRINTED 64u

static struct vote_log *vote_log;
static L4_ThreadId_t console;
static u32 rounds, unanimous, majority, no_majority;
static struct tally { u32 outvoted, late, trapped; } tallies[REPLICAS_MAX];
static struct vote last;
static u32 repeats, lines;

void report_start(void) {
  console = thread_of_kind(TASK_CONSOLE);
  struct vote_log *shared = (struct vote_log *)TASK_INFO->shared_address;
  u32 bytes = TASK_INFO->shared_bytes;
  if (bytes >= sizeof *shared && shared->magic == VOTE_LOG_MAGIC && shared->version == BOOT_DATA_VERSION) vote_log = shared;
}

static void read_time_stamp(u32 *low, u32 *high) { __asm__ volatile("rdtsc" : "=a"(*low), "=d"(*high)); }

static void log_round(const struct vote *vote) {
  if (vote_log == NULL) return;
  u32 room = (TASK_INFO->shared_bytes - sizeof *vote_log) / sizeof(struct vote);
  u32 place = vote_log->count;
  if (vote->verdict != VERDICT_UNANIMOUS && place < minimum(vote_log->capacity, room)) {
    vote_log->votes[place] = *vote;
    vote_log->count = place + 1;
  }
  vote_log->rounds = rounds;
  vote_log->unanimous = unanimous;
  vote_log->majority = majority;
  vote_log->no_majority = no_majority;
}

static void names(struct line *line, u32 mask) {
  for (u32 i = 0; i < replica_count; i++) {
    if (!(mask >> i & 1)) continue;
    line_text(line, " ");
    line_text(line, replicas[i].name);
  }
}

static void group(struct line *line, u32 mask, const char *what) {
  if (mask == 0) return;
  names(line, mask);
  line_text(line, what);
}

static void print_round(const struct vote *vote, u32 agreeing_mask, const char *ending) {
  struct line line = {0};
  line_text(&line, "voter: ");
  line_text(&line, vote->round == 0 ? "key set-up" : "round ");
  if (vote->round != 0) line_decimal(&line, vote->round);
  line_text(&line, ":");
  group(&line, vote->dissent_mask, " outvoted (wrong value),");
  group(&line, vote->late_mask, " late,");
  group(&line, vote->trapped_mask, " trapped,");
  if (vote->verdict == VERDICT_NONE) {
    line_text(&line, " no majority among");
    names(&line, vote->replied_mask);
    if (vote->replied_mask == 0) line_text(&line, " no answers");
  } else {
    line_text(&line, vote->verdict == VERDICT_UNANIMOUS ? " unanimous" : " majority");
    names(&line, agreeing_mask);
  }
  line_text(&line, ending);
  line_text(&line, "\n");
  console_write(console, &line);
}

static u32 same_pattern(const struct vote *a, const struct vote *b) {
  return a->verdict == b->verdict && a->dissent_mask == b->dissent_mask && a->late_mask == b->late_mask &&
         a->trapped_mask == b->trapped_mask;
}

static void print_if_news(const struct vote *vote, u32 agreeing_mask) {
  if (TASK_INFO->config.flags & CONFIG_VERBOSE) {
    print_round(vote, agreeing_mask, "");
    return;
  }
  u32 repeated = same_pattern(vote, &last);
  last = *vote;
  if (vote->verdict == VERDICT_UNANIMOUS) return;
  repeats = repeated ? repeats + 1 : 0;
  if (repeats >= REPEATS_PRINTED || lines >= LINES_PRINTED) return;
  lines++;
  u32 enough = repeats == REPEATS_PRINTED - 1 || lines == LINES_PRINTED;
  print_round(vote, agreeing_mask, enough ? "; more like this in the vote log only" : "");
}

static void count_round(enum vote_verdict verdict) {
  rounds++;
  if (verdict == VERDICT_UNANIMOUS) unanimous++;
  else if (verdict == VERDICT_MAJORITY) majority++;
  else no_majority++;
}

void report_round(u32 round, const struct count *count, u32 replied_mask, u32 trapped_mask) {
  u32 all = (1u << replica_count) - 1;
  struct vote vote = {round, count->verdict, count->dissent_mask, all & ~replied_mask & ~trapped_mask,
                      trapped_mask, replied_mask, 0, 0};
  read_time_stamp(&vote.cycle_low, &vote.cycle_high);
  if (round != 0) count_round(count->verdict);
  for (u32 i = 0; i < replica_count; i++) {
    tallies[i].outvoted += vote.dissent_mask >> i & 1;
    tallies[i].late += vote.late_mask >> i & 1;
    tallies[i].trapped |= vote.trapped_mask >> i & 1;
  }
  log_round(&vote);
  print_if_news(&vote, count->agreeing_mask);
}

static void print_tally(u32 index) {
  const struct tally *tally = &tallies[index];
  struct line line = {0};
  if (tally->outvoted == 0 && tally->late == 0 && !tally->trapped) return;
  line_text(&line, "voter: ");
  line_text(&line, replicas[index].name);
  line_text(&line, ": outvoted in ");
  line_decimal(&line, tally->outvoted);
  line_text(&line, ", late in ");
  line_decimal(&line, tally->late);
  line_text(&line, tally->trapped ? ", trapped\n" : "\n");
  console_write(console, &line);
}

void report_end(void) {
  struct line line = {0};
  line_text(&line, "voter: ");
  line_decimal(&line, rounds);
  line_text(&line, " rounds: ");
  line_decimal(&line, unanimous);
  line_text(&line, " unanimous, ");
  line_decimal(&line, majority);
  line_text(&line, " by majority, ");
  line_decimal(&line, no_majority);
  line_text(&line, " without majority\n");
  console_write(console, &line);
  for (u32 i = 0; i < replica_count; i++) print_tally(i);
}
