/*
 * The attacker: in the place of a replica, it tries everything that a program can try against the others. Two threads in one
 * space: the main thread attacks, the guard is its pager and exception handler and puts it back on its feet.
 */
#pragma once
#include "l4.h"

#define ATTACK_MAGIC 0x41363851u /* "Q86A" */
/* Unless the task's parameters say otherwise: 0 every how many pages, 1 how many random calls. */
#define PAGE_STRIDE 1u
#define RANDOM_CALLS 1000000u

enum attack_phase { PHASE_START, PHASE_PAGES, PHASE_FORGERY, PHASE_MALFORMED, PHASE_FLOOD, PHASE_RANDOM, PHASE_EXHAUSTION, PHASE_DONE };

/* What the test on the host reads. */
extern struct attack_report {
  u32 magic;
  volatile u32 phase;
  volatile u32 pages;         /* of the address space, tried */
  volatile u32 readable, writable, executable; /* of those: went through */
  volatile u32 messages;      /* sent or refused in phases forgery, malformed and flood */
  volatile u32 calls;         /* random system calls */
  volatile u32 faults, exceptions, rescues; /* seen by the guard; rescues: the main thread was stuck */
} attack_report;

/* probe.S */
u32 attempt_read(u32 address);
u32 attempt_write(u32 address);
u32 attempt_rewrite(u32 address);
u32 attempt_execute(u32 address);
u32 attempt_call(u32 target, const u32 registers[7]);
extern const char attempt_failed[], trap_ipc[], trap_other[], trap_ipc_wild_stack[], trap_other_wild_stack[];
extern const char undefined_instruction[], privileged_instruction[];
extern char guard_stack_top[];

/* The guard's side: start it and make it this thread's pager and exception handler. 0 when root refuses. */
u32 guard_start(void);
extern L4_ThreadId_t guard_thread, guard_local;
void guard_renew(void); /* again, after the thread control registers were scribbled on */

/* xorshift32, seeded from the configuration. */
u32 random_word(void);
u32 random_below(u32 bound);

void attack_pages(u32 stride);
void attack_by_forgery(void);
void attack_by_malformed_messages(void);
void attack_by_flood(void);
void attack_by_random_calls(u32 calls);
void attack_by_exhaustion(void);

/* From the main thread to the guard: answered with a mapping of a page of our own. */
#define LABEL_MAP_TO_ME 0x7a7au
