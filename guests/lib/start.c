/* Start-up: the system-call table from the kernel interface page, the exception handler, then main. */
#include "l4.h"

int main(void);

const L4_KernelInterfacePage_t *l4_kernel_interface;

/* Same order as the kernel interface page from 0xD0 and as the offsets in syscalls.S. */
struct l4_entry_points {
  L4_Word_t space_control, thread_control, processor_control, memory_control, ipc, lipc, unmap, exchange_registers;
  L4_Word_t system_clock, thread_switch, schedule;
} l4_entry;

__attribute__((noreturn, used)) void start(const L4_KernelInterfacePage_t *kip) {
  const L4_Word_t *offsets = &kip->space_control;
  L4_Word_t *entries = (L4_Word_t *)&l4_entry;
  for (u32 i = 0; i < sizeof l4_entry / sizeof(L4_Word_t); i++) entries[i] = (L4_Word_t)kip + offsets[i];
  l4_kernel_interface = kip;
  /* Who serves our page faults also hears of our exceptions (the kernel starts threads with no handler). */
  L4_Set_ExceptionHandler(L4_Pager());
  main();
  for (;;) L4_Sleep(L4_Never);
}
