/* Building tasks: X.2 manual chapters 2 (ThreadControl), 3 (Schedule), 4 (SpaceControl). See task.h. */
#include "task.h"
#include "fatal.h"
#include "memory.h"
#include "memory-pool.h"
#include "task-info.h"

#define UTCB_AREA 0xbf000000u
#define UTCB_BYTES 512u
#define SECOND_THREAD_OFFSET 256u /* from the first one's thread number */
#define KIP_AREA 0xbff00000u
/* Shared data appear at a multiple of 4 MiB plus their place in 4 MiB of physical memory, so large flexpages fit. */
#define SHARED_BASE 0x20000000u
#define LARGE_PAGE_BYTES 0x400000u
#define SPARE_FRAMES 16u

struct task tasks[TASKS_MAX];
u32 task_count;

static const struct boot_config *config;

struct task *task_of(L4_ThreadId_t thread) {
  for (u32 i = 0; i < task_count; i++)
    if (L4_IsThreadEqual(tasks[i].thread, thread) ||
        (L4_IsThreadEqual(tasks[i].second_thread, thread) && !L4_IsNilThread(thread)))
      return &tasks[i];
  return NULL;
}

struct task *task_of_kind(u32 kind) {
  for (u32 i = 0; i < task_count; i++)
    if (tasks[i].config->kind == kind) return &tasks[i];
  return NULL;
}

static u32 ends(const char *text, u32 bytes) {
  for (u32 i = 0; i < bytes; i++)
    if (text[i] == 0) return 1;
  return 0;
}

static void read_config(void) {
  struct module module;
  if (!find_module("config", &module)) fatal("no such module", "config");
  config = (const struct boot_config *)module.address;
  if (module.bytes < sizeof *config || config->magic != CONFIG_MAGIC || config->version != BOOT_DATA_VERSION)
    fatal("not a version 1 configuration", "config");
  if (config->task_count > TASKS_MAX || config->task_count > (module.bytes - sizeof *config) / sizeof config->tasks[0])
    fatal("too many tasks", "config");
  u32 info_bytes = sizeof(struct task_info) + config->task_count * sizeof config->tasks[0];
  if (info_bytes > PAGE_BYTES) fatal("too large for one page", "config");
}

static void read_shared(struct task *task, const char *name) {
  struct module module;
  if (!find_module(name, &module)) fatal("no such module", name);
  if (module.address % PAGE_BYTES != 0) fatal("not on a page boundary", name);
  task->shared_physical = module.address;
  task->shared_bytes = module.bytes;
  task->shared_virtual = SHARED_BASE + module.address % LARGE_PAGE_BYTES;
}

static void read_task(struct task *task, const struct task_config *task_config) {
  struct module module;
  task->config = task_config;
  task->thread = task_thread(task_config);
  if (!ends(task_config->name, sizeof task_config->name)) fatal("a task's name does not end", "config");
  if (!ends(task_config->module, sizeof task_config->module)) fatal("a task's module name does not end", "config");
  if (!find_module(task_config->module, &module)) fatal("no such module", task_config->module);
  const char *wrong = program_read(&module, &task->program);
  if (wrong != NULL) fatal(wrong, task_config->module);
  if (task_config->kind == TASK_CLIENT) read_shared(task, "workload");
  if (task_config->kind == TASK_VOTER) read_shared(task, "vote-log");
}

/* Each task has a copy of its own: a task that corrupts nothing but itself stays alone with it. */
static void make_info(struct task *task) {
  task->info_frame = frame_allocate();
  struct task_info *info = (struct task_info *)task->info_frame;
  memset(info, 0, PAGE_BYTES);
  info->magic = TASK_INFO_MAGIC;
  info->task = task - tasks;
  info->shared_address = task->shared_virtual;
  info->shared_bytes = task->shared_bytes;
  info->root = L4_MyGlobalId();
  memcpy(&info->config, config, sizeof *config + config->task_count * sizeof config->tasks[0]);
}

static u32 schedule(L4_ThreadId_t thread, const struct task_config *settings, u32 priority) {
  L4_Time_t slice = settings->timeslice_us == 0 ? L4_Never : L4_TimePeriod(settings->timeslice_us);
  return L4_Schedule(thread, L4_TimeControl(slice, L4_Never), L4_UNCHANGED, priority, L4_UNCHANGED, NULL);
}

static void create(const struct task *task) {
  const struct task_config *settings = task->config;
  L4_ThreadId_t thread = task->thread, self = L4_MyGlobalId();
  L4_Fpage_t kip = L4_FpageLog2(KIP_AREA, 12), utcbs = L4_FpageLog2(UTCB_AREA, 12);
  if (!L4_ThreadControl(thread, thread, self, L4_nilthread, UTCB_AREA)) fatal("ThreadControl failed", settings->name);
  if (!L4_SpaceControl(thread, 0, kip, utcbs, L4_nilthread, NULL)) fatal("SpaceControl failed", settings->name);
  if (!L4_ThreadControl(thread, thread, self, self, L4_UTCB_UNCHANGED)) fatal("activation failed", settings->name);
  if (!schedule(thread, settings, settings->priority)) fatal("Schedule failed", settings->name);
}

void tasks_start(void) {
  u32 frames = SPARE_FRAMES;
  read_config();
  task_count = config->task_count;
  for (u32 i = 0; i < task_count; i++) {
    read_task(&tasks[i], &config->tasks[i]);
    frames += tasks[i].program.page_count + 1;
  }
  if (!frames_start(frames)) fatal("not enough memory for the tasks", "memory");
  u64 now = L4_SystemClock();
  for (u32 i = 0; i < task_count; i++) {
    make_info(&tasks[i]);
    create(&tasks[i]);
    tasks[i].start_at = now + config->tasks[i].start_delay_us;
  }
}

/* The start message of X.2 manual 2.6: instruction and stack pointer. Programs make their own stack. */
static u32 start_thread(L4_ThreadId_t thread, u32 ip, u32 sp) {
  L4_LoadMR(1, ip);
  L4_LoadMR(2, sp);
  L4_Set_MsgTag(L4_Tag(0, 2, 0));
  return L4_IpcSucceeded(L4_Reply(thread));
}

static void start(struct task *task) {
  if (!start_thread(task->thread, task->program.entry, 0)) fatal("does not take its start message", task->config->name);
  task->started = 1;
}

L4_ThreadId_t task_second_thread(struct task *task, u32 ip, u32 sp) {
  L4_ThreadId_t self = L4_MyGlobalId(), second = L4_GlobalId(task->config->thread_number + SECOND_THREAD_OFFSET, 1);
  if (!(config->flags & CONFIG_SECOND_THREADS) || !L4_IsNilThread(task->second_thread)) return L4_nilthread;
  if (!L4_ThreadControl(second, task->thread, self, self, UTCB_AREA + UTCB_BYTES)) return L4_nilthread;
  task->second_thread = second;
  schedule(second, task->config, task->config->priority + 1);
  return start_thread(second, ip, sp) ? second : L4_nilthread;
}

u64 tasks_start_due(void) {
  u64 now = L4_SystemClock(), next = 0;
  for (u32 i = 0; i < task_count; i++) {
    if (tasks[i].started) continue;
    if (tasks[i].start_at <= now) start(&tasks[i]);
    else if (next == 0 || tasks[i].start_at < next) next = tasks[i].start_at;
  }
  return next;
}
