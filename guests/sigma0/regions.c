/* Region lists: see regions.h. Linear searches: there are some tens of regions, and root asks in bulk. */
#include "regions.h"

void regions_start(struct region_list *list, u32 last, enum region_kind kind) {
  list->count = 1;
  list->regions[0] = (struct region){0, last, kind, L4_nilthread};
}

static u32 same(const struct region *a, const struct region *b) {
  return a->kind == b->kind && L4_IsThreadEqual(a->owner, b->owner);
}

static u32 find(const struct region_list *list, u32 unit) {
  u32 i = 0;
  while (list->regions[i].last < unit) i++;
  return i;
}

/* Let a region begin exactly at `unit`; the caller has made sure of room. Gives its index. */
static u32 split(struct region_list *list, u32 unit) {
  u32 at = find(list, unit);
  if (list->regions[at].first == unit) return at;
  for (u32 i = list->count; i > at; i--) list->regions[i] = list->regions[i - 1];
  list->count++;
  list->regions[at].last = unit - 1;
  list->regions[at + 1].first = unit;
  return at + 1;
}

static void remove_region(struct region_list *list, u32 at) {
  list->count--;
  for (u32 i = at; i < list->count; i++) list->regions[i] = list->regions[i + 1];
}

u32 regions_set(struct region_list *list, u32 first, u32 last, enum region_kind kind, L4_ThreadId_t owner) {
  u32 end = list->regions[list->count - 1].last;
  if (first > last || last > end || list->count + 2 > REGIONS_MAX) return 0;
  u32 at = split(list, first);
  if (last < end) split(list, last + 1);
  while (list->regions[at].last < last) {
    list->regions[at + 1].first = list->regions[at].first;
    remove_region(list, at);
  }
  list->regions[at].kind = kind;
  list->regions[at].owner = owner;
  if (at + 1 < list->count && same(&list->regions[at], &list->regions[at + 1])) {
    list->regions[at].last = list->regions[at + 1].last;
    remove_region(list, at + 1);
  }
  if (at > 0 && same(&list->regions[at - 1], &list->regions[at])) {
    list->regions[at - 1].last = list->regions[at].last;
    remove_region(list, at);
  }
  return 1;
}

u32 regions_claim(struct region_list *list, u32 first, u32 last, L4_ThreadId_t asker, u32 others) {
  u32 free_units = 0;
  if (first > last || last > list->regions[list->count - 1].last) return 0;
  for (u32 i = find(list, first); i < list->count && list->regions[i].first <= last; i++) {
    const struct region *region = &list->regions[i];
    switch (region->kind) {
      case REGION_CONVENTIONAL: free_units = 1; break;
      case REGION_OTHER:
        if (!others) return 0;
        free_units = 1;
        break;
      case REGION_OWNED:
        if (!L4_IsThreadEqual(region->owner, asker) && !L4_IsThreadEqual(region->owner, L4_anythread)) return 0;
        break;
      default: return 0;
    }
  }
  if (!free_units) return 1;
  /* Everybody's stays everybody's: only the free parts change hands. */
  for (u32 unit = first;;) {
    struct region region = list->regions[find(list, unit)];
    u32 until = minimum(region.last, last);
    if (region.kind != REGION_OWNED && !regions_set(list, unit, until, REGION_OWNED, asker)) return 0;
    if (until == last) return 1;
    unit = until + 1;
  }
}

u32 regions_find(const struct region_list *list, u32 units, u32 *first) {
  for (u32 i = 0; i < list->count; i++) {
    const struct region *region = &list->regions[i];
    if (region->kind != REGION_CONVENTIONAL) continue;
    u32 aligned = (region->first + units - 1) & ~(units - 1);
    if (aligned < region->first || aligned > region->last || region->last - aligned < units - 1) continue;
    *first = aligned;
    return 1;
  }
  return 0;
}
