/*
 * Who owns which stretch of a resource (page frames, I/O ports): a sorted list of regions without gaps or overlaps.
 * Units are page frame numbers or port numbers.
 */
#pragma once
#include "l4.h"

enum region_kind {
  REGION_RESERVED,       /* the kernel's: never given out */
  REGION_CONVENTIONAL,   /* free RAM */
  REGION_OTHER,          /* free, but given out only when asked for by address */
  REGION_OWNED,          /* given to `owner`; to everybody when that is anythread */
};

struct region {
  u32 first, last; /* inclusive */
  enum region_kind kind;
  L4_ThreadId_t owner;
};

#define REGIONS_MAX 512

struct region_list {
  u32 count;
  struct region regions[REGIONS_MAX];
};

/* One region over everything. */
void regions_start(struct region_list *list, u32 last, enum region_kind kind);

/* Overwrite [first, last]. 0 when the list is full; then nothing has changed. */
u32 regions_set(struct region_list *list, u32 first, u32 last, enum region_kind kind, L4_ThreadId_t owner);

/*
 * May `asker` have [first, last]? Every unit must be free conventional, free other (only if `others`), the asker's own or
 * everybody's. What was free becomes the asker's. 0 when not.
 */
u32 regions_claim(struct region_list *list, u32 first, u32 last, L4_ThreadId_t asker, u32 others);

/* The lowest free conventional stretch of `units` (a power of two), naturally aligned. 0 when there is none. */
u32 regions_find(const struct region_list *list, u32 units, u32 *first);
