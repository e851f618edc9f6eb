/* The attacker's order of battle: see attack.h. */
#include "attack.h"
#include "memory.h"
#include "service.h"
#include "task-info.h"

struct attack_report attack_report = {.magic = ATTACK_MAGIC};

static u32 random_state;

u32 random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

u32 random_below(u32 bound) { return random_word() % bound; }

/* Last of all: tell root lies about faults. Root believes them and stops us. */
static void lie_to_root(void) {
  L4_LoadMR(1, TASK_INFO->root.raw);
  L4_LoadMR(2, 0xdeadbeef);
  L4_Set_MsgTag(L4_Tag(L4_LABEL_PAGE_FAULT | L4_Writable, 2, 0));
  L4_Accept(L4_CompleteAddressSpace);
  L4_Call(TASK_INFO->root);
}

static u32 parameter(u32 index, u32 usual) {
  u32 given = own_task()->parameters[index];
  return given == 0 ? usual : given;
}

int main(void) {
  random_state = TASK_INFO->config.seed | 1;
  if (guard_start()) {
    attack_report.phase = PHASE_PAGES;
    attack_pages(parameter(0, PAGE_STRIDE));
    attack_report.phase = PHASE_FORGERY;
    attack_by_forgery();
    attack_report.phase = PHASE_MALFORMED;
    attack_by_malformed_messages();
    attack_report.phase = PHASE_FLOOD;
    attack_by_flood();
    attack_report.phase = PHASE_RANDOM;
    attack_by_random_calls(parameter(1, RANDOM_CALLS));
    attack_report.phase = PHASE_EXHAUSTION;
    attack_by_exhaustion();
    attack_report.phase = PHASE_DONE;
  }
  lie_to_root();
  return 0;
}
