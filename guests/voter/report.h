/* What the voter tells the world: the vote log in shared memory and lines on the console. */
#pragma once
#include "vote.h"

/* After the replicas are known (replicas.h). */
void report_start(void);

/* Masks: bit i for replica i+1. A key set-up is round 0: it is reported when something is wrong, but not counted. */
void report_round(u32 round, const struct count *count, u32 replied_mask, u32 trapped_mask);

void report_end(void);
