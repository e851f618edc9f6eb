/* Native test of sigma0's region lists against one owner for each unit, with seeded random requests. */
#include <stdio.h>
#include "../sigma0/regions.h"

#define UNITS 64u

static struct region_list list;
static struct { u32 kind, owner; } model[UNITS];

static u32 random_state = 86;
static u32 random_below(u32 bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % bound;
}

static u32 lists_agree(void) {
  u32 unit = 0;
  for (u32 i = 0; i < list.count; i++)
    for (; unit <= list.regions[i].last; unit++)
      if (unit < list.regions[i].first || model[unit].kind != list.regions[i].kind ||
          model[unit].owner != list.regions[i].owner.raw)
        return 0;
  return unit == UNITS;
}

static u32 model_claim(u32 first, u32 last, u32 asker, u32 others) {
  for (u32 u = first; u <= last; u++) {
    u32 kind = model[u].kind, owner = model[u].owner;
    u32 allowed = kind == REGION_CONVENTIONAL || (kind == REGION_OTHER && others) ||
                  (kind == REGION_OWNED && (owner == asker || owner == L4_anythread.raw));
    if (!allowed) return 0;
  }
  for (u32 u = first; u <= last; u++) {
    if (model[u].kind == REGION_OWNED) continue;
    model[u].kind = REGION_OWNED;
    model[u].owner = asker;
  }
  return 1;
}

static u32 model_find(u32 units, u32 *first) {
  for (u32 at = 0; at + units <= UNITS; at += units) {
    u32 free_units = 0;
    while (free_units < units && model[at + free_units].kind == REGION_CONVENTIONAL) free_units++;
    if (free_units == units) return *first = at, 1;
  }
  return 0;
}

int main(void) {
  static const u32 owners[] = {0x4001, 0x8001, 0xffffffff};
  for (u32 step = 0; step < 200000; step++) {
    if (step % 50 == 0) {
      regions_start(&list, UNITS - 1, REGION_OTHER);
      for (u32 u = 0; u < UNITS; u++) model[u].kind = REGION_OTHER, model[u].owner = 0;
    }
    u32 first = random_below(UNITS), last = first + random_below(UNITS - first), kind = random_below(4);
    u32 owner = owners[random_below(3)];
    if (random_below(2)) {
      u32 set_owner = kind == REGION_OWNED ? owner : 0;
      if (!regions_set(&list, first, last, kind, (L4_ThreadId_t){set_owner})) return printf("set failed\n"), 1;
      for (u32 u = first; u <= last; u++) model[u].kind = kind, model[u].owner = set_owner;
    } else {
      u32 others = random_below(2), asker = owners[random_below(2)];
      if (regions_claim(&list, first, last, (L4_ThreadId_t){asker}, others) != model_claim(first, last, asker, others))
        return printf("step %u: claim [%u, %u] differs\n", step, first, last), 1;
    }
    if (!lists_agree()) return printf("step %u: lists differ\n", step), 1;
    u32 units = 1u << random_below(5), found = 0, expected = 0;
    if (regions_find(&list, units, &found) != model_find(units, &expected) || found != expected)
      return printf("step %u: find %u differs\n", step, units), 1;
  }
  printf("ok\n");
  return 0;
}
