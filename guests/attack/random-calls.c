/* Random system calls: any stub, or the bare trap, with registers from a mixture of plausible and wild values. */
#include "attack.h"
#include "memory.h"
#include "service.h"
#include "task-info.h"

extern struct { u32 entry[11]; } l4_entry; /* lib/start.c */

enum { EAX, ECX, EDX, EBX, ESI, EDI, EBP, REGISTERS };

#define ENTRY_IPC 4u
#define ENTRY_LIPC 5u
#define ENTRY_UNMAP 6u
#define ENTRY_EXCHANGE_REGISTERS 7u
#define ENTRIES 11u

static u32 is_guard(u32 id) { return id == guard_thread.raw || id == guard_local.raw; }

static u32 random_thread(void) {
  u32 id;
  switch (random_below(8)) {
    case 0: id = random_word(); break;
    case 1: id = L4_GlobalId(random_below(1024), random_below(4)).raw; break;
    case 2: id = L4_MyGlobalId().raw; break;
    case 3: id = (u32)l4_utcb() + 512 * random_below(8); break;
    case 4: id = 0; break;
    case 5: id = 0xffffffff << 6 * random_below(2); break;
    default: id = L4_GlobalId(48 + random_below(20), 1).raw; break;
  }
  /* The guard must live, and root would stop us for a lie: main.c tells it at the end. */
  return is_guard(id) || id == TASK_INFO->root.raw ? 0 : id;
}

static u32 random_value(void) {
  switch (random_below(6)) {
    case 0: return random_word();
    case 1: return random_below(16);
    case 2: return 1u << random_below(32);
    case 3: return random_thread();
    case 4: return (random_word() & 0xfffff000) | random_below(32) << 4 | 7;
    default: return (u32)l4_utcb() + random_below(512) - 256;
  }
}

/* Message registers, acceptor and virtual sender; sometimes the kernel's own words of the UTCB, too. */
static void scribble(void) {
  volatile L4_Word_t *utcb = l4_utcb();
  for (u32 i = 0; i < 8; i++) utcb[i] = random_value();
  if (random_below(16) == 0)
    for (u32 i = 8; i < L4_MESSAGE_REGISTERS; i++) utcb[i] = random_value();
  L4_Accept(random_below(4) == 0 ? L4_CompleteAddressSpace : L4_Nilpage);
  L4_Set_VirtualSender((L4_ThreadId_t){random_thread()});
  if (random_below(64) == 0) utcb[-15 + (int)random_below(15)] = random_value();
  guard_renew();
}

static u32 random_target(u32 *entry) {
  *entry = ENTRIES;
  switch (random_below(64)) {
    case 0: return (u32)trap_ipc;
    case 1: return (u32)trap_other;
    case 2: return (u32)trap_ipc_wild_stack;
    case 3: return (u32)trap_other_wild_stack;
    case 4: return (u32)undefined_instruction;
    case 5: return (u32)privileged_instruction;
    case 6: return (u32)L4_GetKernelInterface() + random_below(PAGE_BYTES);
    default: *entry = random_below(ENTRIES); return l4_entry.entry[*entry];
  }
}

static void random_call(void) {
  u32 registers[REGISTERS], entry, target = random_target(&entry);
  scribble();
  for (u32 i = 0; i < REGISTERS; i++) registers[i] = random_value();
  if (random_below(8) != 0) registers[EAX] = random_thread();
  if (random_below(8) != 0) registers[EDI] = (u32)l4_utcb();
  if (entry == ENTRY_IPC || entry == ENTRY_LIPC || entry == ENTRIES) {
    registers[EDX] = random_below(2) ? 0 : random_thread();
    if (random_below(256) != 0) registers[ECX] = 0x04000400; /* zero time-outs: waiting is no attack */
  }
  /* Mostly few flexpages: 64 times the whole space takes long, and shows no more. */
  if (entry == ENTRY_UNMAP && random_below(64) != 0) registers[EAX] = random_word() & 0x43;
  if (entry == ENTRY_EXCHANGE_REGISTERS && is_guard(registers[EAX])) registers[EAX] = 0;
  attempt_call(target, registers);
}

void attack_by_random_calls(u32 calls) {
  for (u32 i = 0; i < calls; i++) {
    random_call();
    guard_renew();
    attack_report.calls++;
  }
}
