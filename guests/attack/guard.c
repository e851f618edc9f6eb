/*
 * The guard: pager and exception handler of the main thread, in the same space. A fault in the program's own pages (the main
 * thread may have unmapped them) is repaired by touching them, since the guard's own pager is root; after any other the main
 * thread goes on at attempt_failed. A main thread that makes no progress is torn out of whatever it is in.
 */
#include "attack.h"
#include "service.h"
#include "task-info.h"

#define GUARD_PERIOD_US 4000u

L4_ThreadId_t guard_thread, guard_local;
static L4_ThreadId_t main_thread;
static u32 last_calls, last_messages, last_pages;

/* Boundaries of the program, from the linker script: between zeroed data and stack one page is missing. */
extern char _start[], zeroed_end[], stack_bottom[], stack_top[];
extern struct attack_report attack_report;

static u32 is_own_page(u32 address) {
  return (address >= (u32)_start && address < (u32)zeroed_end) ||
         (address >= (u32)stack_bottom && address < (u32)stack_top) || page_down(address) == TASK_INFO_ADDRESS;
}

/* Code, constants, task information: attack_report is in the first page of the program's data. */
static u32 is_constant(u32 address) {
  return address < page_down((u32)&attack_report) || address >= TASK_INFO_ADDRESS;
}

/* Do what the main thread wanted: root maps the page again, with all the rights that it has. */
static void touch(u32 address, u32 write) {
  volatile u8 *byte = (volatile u8 *)address;
  if (write) *byte = *byte;
  else (void)*byte;
}

static void resume(L4_Word_t extra) {
  L4_Registers_t registers = {L4_ExIp | L4_ExReceive | L4_ExSend | L4_ExApplyHalt | extra, 0, (u32)attempt_failed, 0, 0,
                              L4_nilthread};
  L4_ExchangeRegisters(main_thread, &registers);
}

static void serve_fault(void) {
  u32 address;
  L4_StoreMR(1, &address);
  u32 write = L4_Label(L4_MsgTag()) & L4_Writable;
  if (is_own_page(address) && !(write && is_constant(address))) {
    touch(address, write);
    L4_Set_MsgTag(L4_Niltag);
    L4_Reply(main_thread);
    return;
  }
  attack_report.faults++;
  resume(0);
}

static void rescue_if_stuck(void) {
  if (attack_report.phase != PHASE_DONE && last_calls == attack_report.calls &&
      last_messages == attack_report.messages && last_pages == attack_report.pages) {
    attack_report.rescues++;
    resume(0);
  }
  last_calls = attack_report.calls;
  last_messages = attack_report.messages;
  last_pages = attack_report.pages;
}

__attribute__((noreturn, used)) static void guard_main(void) {
  L4_Accept(L4_Nilpage);
  for (;;) {
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait_Timeout(L4_TimePeriod(GUARD_PERIOD_US), &from);
    if (L4_IpcFailed(tag)) {
      rescue_if_stuck();
      continue;
    }
    u32 kind = L4_Label(tag) & L4_PROTOCOL_MASK;
    if (L4_Label(tag) == LABEL_MAP_TO_ME) {
      L4_Fpage_t page = L4_AddRights(L4_FpageLog2(page_down((u32)&attack_report), 12), L4_FullyAccessible);
      L4_LoadMapItem(1, L4_MapItem(page, 0));
      L4_Set_MsgTag(L4_Tag(0, 0, 2));
      L4_Reply(main_thread);
    } else if (kind == L4_LABEL_PAGE_FAULT && L4_UntypedWords(tag) == 2) {
      serve_fault();
    } else {
      attack_report.exceptions += kind == L4_LABEL_EXCEPTION;
      resume(0);
    }
  }
}

void guard_renew(void) {
  L4_Set_Pager(guard_thread);
  L4_Set_ExceptionHandler(guard_thread);
}

u32 guard_start(void) {
  main_thread = L4_MyGlobalId();
  L4_LoadMR(1, (u32)guard_main);
  L4_LoadMR(2, (u32)guard_stack_top);
  L4_Set_MsgTag(L4_Tag(LABEL_SECOND_THREAD, 2, 0));
  L4_MsgTag_t tag = L4_Call(TASK_INFO->root);
  if (L4_IpcFailed(tag) || L4_UntypedWords(tag) != 1) return 0;
  L4_StoreMR(1, &guard_thread.raw);
  if (L4_IsNilThread(guard_thread)) return 0;
  L4_Registers_t registers = {0, 0, 0, 0, 0, L4_nilthread};
  guard_local = L4_ExchangeRegisters(guard_thread, &registers);
  guard_renew();
  return 1;
}
