/* Read, write and execute at every page of the address space, the kernel's half too. */
#include "attack.h"

static void attack_page(u32 page) {
  u32 readable = attempt_read(page);
  u32 writable = readable ? attempt_rewrite(page) : attempt_write(page);
  attack_report.readable += readable;
  attack_report.writable += writable;
  /* What can be read can be executed on this processor: our own pages. To run into them would only harm ourselves. */
  if (!readable) attack_report.executable += attempt_execute(page);
}

void attack_pages(u32 stride) {
  for (u32 number = 0; number < 1u << 20; number += stride) {
    attack_page(number << 12);
    attack_report.pages++;
  }
}
