/*
 * The root task: builds the address spaces of the scenario, is everyone's pager and exception handler, and ends the run.
 *
 * A task that faults where it has no business, or raises an exception, is left waiting for an answer that never comes:
 * stopped. Root reports it and goes on. Root never waits for a task without a limit.
 */
#include "boot-modules.h"
#include "fatal.h"
#include "memory-pool.h"
#include "outbox.h"
#include "pager.h"
#include "service.h"

#define UART_IRQ 4u
#define RETRY_US 1000u           /* how often to try again to deliver what a busy task did not take */
#define DRAIN_PATIENCE_US 3000000u

static L4_ThreadId_t console;
static u32 ending, exit_code;
static u64 give_up_at;

static void say(const struct line *line) { outbox_post_line(console, line); }

static void tell_voter(u32 replica) {
  struct task *voter = task_of_kind(TASK_VOTER);
  if (voter == NULL) return;
  L4_LoadMR(1, replica);
  L4_Set_MsgTag(L4_Tag(LABEL_TRAPPED, 1, 0));
  outbox_post(voter->thread);
}

/* The service can go on without a replica, but not without the client, the voter or the console. */
static void end_run(u32 code) {
  if (ending) return;
  ending = 1;
  exit_code = code;
  give_up_at = L4_SystemClock() + DRAIN_PATIENCE_US;
  L4_Set_MsgTag(L4_Tag(LABEL_CONSOLE_DRAIN, 0, 0));
  outbox_post(console);
}

static void stop(struct task *task, struct line *line, u32 ip) {
  line_text(line, " ip ");
  line_hex(line, ip);
  line_text(line, ": stopped\n");
  say(line);
  task->stopped = 1;
  if (task->config->kind == TASK_REPLICA) tell_voter(task->config->index);
  else end_run(1);
}

static struct line begin_report(const struct task *task) {
  struct line line = {0};
  line_text(&line, "root: ");
  line_text(&line, task->config->name);
  line_text(&line, ": ");
  return line;
}

/* Intel SDM volume 3, table 5-1. */
static const char *exception_name(u32 vector) {
  switch (vector) {
    case 0: return "divide error";
    case 1: return "debug";
    case 3: return "breakpoint";
    case 4: return "overflow";
    case 5: return "bound range";
    case 6: return "invalid opcode";
    case 7: return "no coprocessor";
    case 11: return "segment not present";
    case 12: return "stack fault";
    case 13: return "general protection";
    case 16: return "floating-point error";
    case 17: return "alignment check";
    default: return "unexpected";
  }
}

static u32 serve_page_fault(struct task *task, L4_MsgTag_t tag, L4_MapItem_t *item) {
  u32 address, ip, rights = L4_Label(tag) & 7;
  L4_StoreMR(1, &address);
  L4_StoreMR(2, &ip);
  if (page_fault(task, address, rights, item)) return 1;
  struct line line = begin_report(task);
  line_text(&line, rights & L4_Writable ? "page fault (write) at " : "page fault at ");
  line_hex(&line, address);
  stop(task, &line, ip);
  return 0;
}

static u32 serve_port_fault(struct task *task, L4_MapItem_t *item) {
  L4_Fpage_t ports;
  u32 ip;
  L4_StoreMR(1, &ports.raw);
  L4_StoreMR(2, &ip);
  if (port_fault(task, ports, item)) return 1;
  struct line line = begin_report(task);
  line_text(&line, "access to I/O port ");
  line_hex(&line, L4_IoFpagePort(ports));
  stop(task, &line, ip);
  return 0;
}

static void serve_exception(struct task *task) {
  u32 ip, vector;
  L4_StoreMR(L4_ExceptionEip, &ip);
  L4_StoreMR(L4_ExceptionNumber, &vector);
  struct line line = begin_report(task);
  line_text(&line, "exception ");
  line_decimal(&line, vector);
  line_text(&line, " (");
  line_text(&line, exception_name(vector));
  line_text(&line, ")");
  stop(task, &line, ip);
}

static void client_done(void) {
  struct line line = {0};
  u32 status;
  L4_StoreMR(1, &status);
  line_text(&line, "root: workload ");
  line_text(&line, status == STATUS_DONE          ? "done"
                   : status == STATUS_NO_MAJORITY ? "failed: no majority"
                                                  : "failed: bad request");
  line_text(&line, ", power off\n");
  say(&line);
  end_run(status == STATUS_DONE ? 0 : 1);
}

static void give_second_thread(struct task *task) {
  u32 ip, sp;
  L4_StoreMR(1, &ip);
  L4_StoreMR(2, &sp);
  L4_ThreadId_t second = task_second_thread(task, ip, sp);
  L4_LoadMR(1, second.raw);
  L4_Set_MsgTag(L4_Tag(LABEL_SECOND_THREAD, 1, 0));
  L4_Reply(task->thread);
}

/* 1 when the sender gets the map item as its answer. */
static u32 serve(L4_MsgTag_t tag, L4_ThreadId_t from, L4_MapItem_t *item) {
  struct task *task = task_of(from);
  if (task == NULL || task->stopped || L4_IpcPropagated(tag) || L4_TypedWords(tag) != 0) return 0;
  u32 label = L4_Label(tag), words = L4_UntypedWords(tag);
  if (label == LABEL_CLIENT_DONE && words == 1 && task->config->kind == TASK_CLIENT) client_done();
  else if (label == LABEL_CONSOLE_DRAIN && task->config->kind == TASK_CONSOLE && ending) machine_exit(exit_code);
  else if (label == LABEL_SECOND_THREAD && words == 2) give_second_thread(task);
  else if ((label & L4_PROTOCOL_MASK) == L4_LABEL_PAGE_FAULT && words == 2) return serve_page_fault(task, tag, item);
  else if ((label & L4_PROTOCOL_MASK) == L4_LABEL_IO_FAULT && words == 2) return serve_port_fault(task, item);
  else if ((label & L4_PROTOCOL_MASK) == L4_LABEL_EXCEPTION && words == L4_ExceptionWords) serve_exception(task);
  return 0;
}

/* Until when root may sleep; L4_Never when nothing but a message can happen. */
static L4_Time_t next_wake_up(void) {
  u64 now, next = tasks_start_due();
  u32 undelivered = outbox_flush();
  now = L4_SystemClock();
  if (ending && now >= give_up_at) machine_exit(exit_code);
  if (ending && (next == 0 || give_up_at < next)) next = give_up_at;
  if (undelivered && (next == 0 || now + RETRY_US < next)) next = now + RETRY_US;
  if (next == 0) return L4_Never;
  return next <= now ? L4_ZeroTime : L4_TimePeriod((u32)(next - now));
}

static void attach_console_interrupt(void) {
  struct task *task = task_of_kind(TASK_CONSOLE);
  if (task == NULL) fatal("no console task", "config");
  console = task->thread;
  if (!L4_AssociateInterrupt(L4_InterruptThread(UART_IRQ), console)) fatal("cannot have its interrupt", "console");
}

int main(void) {
  machine_ports_start();
  modules_start();
  tasks_start();
  seal_sigma0();
  attach_console_interrupt();
  for (;;) {
    L4_ThreadId_t from;
    L4_MapItem_t item;
    L4_MsgTag_t tag = L4_Wait_Timeout(next_wake_up(), &from);
    if (L4_IpcFailed(tag) || !serve(tag, from, &item)) continue;
    L4_LoadMapItem(1, item);
    L4_Set_MsgTag(L4_Tag(0, 0, 2));
    L4_Reply(from);
  }
}
