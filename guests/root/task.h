/* The tasks of the scenario: one address space and one thread each. */
#pragma once
#include "boot-config.h"
#include "l4.h"
#include "program.h"

#define TASKS_MAX 24u

struct task {
  const struct task_config *config;
  L4_ThreadId_t thread, second_thread;
  struct program program;
  u32 frames[PROGRAM_PAGES_MAX];            /* of the program's pages; 0: none yet */
  u32 info_frame;
  u32 shared_virtual, shared_physical, shared_bytes; /* the one data module that it sees */
  u64 start_at;
  u32 started, stopped;
};

extern struct task tasks[TASKS_MAX];
extern u32 task_count;

/* Reads the configuration and all programs, takes the memory for them, creates the spaces and threads. */
void tasks_start(void);

/* Starts the tasks whose time has come. The system time of the next one, 0 when all are started. */
u64 tasks_start_due(void);

/*
 * A second thread in the task's space, just above the first in priority, so that it can guard it. At most one, and only
 * where the configuration allows it: a liar must not have more of the processor than others. nilthread when refused.
 */
L4_ThreadId_t task_second_thread(struct task *task, u32 ip, u32 sp);

/* The task of a thread, NULL for none. */
struct task *task_of(L4_ThreadId_t thread);

/* The first task of a kind, NULL for none. */
struct task *task_of_kind(u32 kind);
