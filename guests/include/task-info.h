/*
 * What the root task tells each task at start: one page, mapped read-only at a fixed address, a private copy for each.
 * The boot configuration follows the header.
 */
#pragma once
#include "boot-config.h"
#include "l4.h"

#define TASK_INFO_ADDRESS 0x10000000u
#define TASK_INFO_MAGIC 0x54363851u /* "Q86T" */

struct task_info {
  u32 magic;
  u32 task;              /* this task's place in config.tasks */
  u32 shared_address;    /* client: workload; voter: vote log; others 0 */
  u32 shared_bytes;
  L4_ThreadId_t root;
  u32 reserved[3];
  struct boot_config config;
};

#define TASK_INFO ((const struct task_info *)TASK_INFO_ADDRESS)

static inline const struct task_config *own_task(void) { return &TASK_INFO->config.tasks[TASK_INFO->task]; }
static inline L4_ThreadId_t task_thread(const struct task_config *task) { return L4_GlobalId(task->thread_number, 1); }

/* Thread of the first task of a kind; nilthread when the scenario has none. */
static inline L4_ThreadId_t thread_of_kind(u32 kind) {
  const struct boot_config *config = &TASK_INFO->config;
  for (u32 i = 0; i < config->task_count; i++)
    if (config->tasks[i].kind == kind) return task_thread(&config->tasks[i]);
  return L4_nilthread;
}
