/*
 * The other system calls: X.2 manual chapters 2 (threads), 3 (scheduling), 4 (spaces). Each calls the kernel's stub in
 * the kernel interface page through the pointer table that lib/start.c fills. Results 0 mean failure: see L4_ErrorCode.
 */
#pragma once
#include "kip.h"
#include "utcb.h"

/* Time control halves as Pistachio reads them: time slice low, total quantum high (the manual has them swapped). */
static inline L4_Word_t L4_TimeControl(L4_Time_t timeslice, L4_Time_t quantum) { return quantum.raw << 16 | timeslice.raw; }
#define L4_UNCHANGED 0xffffffffu
#define L4_UTCB_UNCHANGED 0xffffffffu

L4_Word_t L4_ThreadControl(L4_ThreadId_t destination, L4_ThreadId_t space, L4_ThreadId_t scheduler, L4_ThreadId_t pager,
                           L4_Word_t utcb_location);
L4_Word_t L4_SpaceControl(L4_ThreadId_t space, L4_Word_t control, L4_Fpage_t kip_area, L4_Fpage_t utcb_area,
                          L4_ThreadId_t redirector, L4_Word_t *old_control);
/* Returns the old time control in *old_time (may be NULL). */
L4_Word_t L4_Schedule(L4_ThreadId_t destination, L4_Word_t time_control, L4_Word_t processor_control,
                      L4_Word_t priority_control, L4_Word_t preemption_control, L4_Word_t *old_time);
void L4_ThreadSwitch(L4_ThreadId_t destination);
u64 L4_SystemClock(void); /* microseconds since reset */
/* Flexpages in MR0..MRk; control = k | flush << 6; the pages come back with their reference bits. */
void L4_Unmap(L4_Word_t control);
L4_Word_t L4_MemoryControl(L4_Word_t control, const L4_Word_t attributes[4]);
L4_Word_t L4_ProcessorControl(L4_Word_t processor, L4_Word_t internal_khz, L4_Word_t external_khz, L4_Word_t voltage);

/* All registers that ExchangeRegisters takes and gives back; `control` and the rest are replaced by the old values. */
typedef struct {
  L4_Word_t control, sp, ip, flags, user_handle;
  L4_ThreadId_t pager;
} L4_Registers_t;
enum {
  L4_ExHalt = 0x001,       /* H: the halt state to set when h is given */
  L4_ExReceive = 0x002,    /* R: abort a receive */
  L4_ExSend = 0x004,       /* S: abort a send */
  L4_ExSp = 0x008,
  L4_ExIp = 0x010,
  L4_ExFlags = 0x020,
  L4_ExUserHandle = 0x040,
  L4_ExPager = 0x080,
  L4_ExApplyHalt = 0x100,
};
/* Result: the other form (local or global) of the destination's id, nilthread on failure. */
L4_ThreadId_t L4_ExchangeRegisters(L4_ThreadId_t destination, L4_Registers_t *registers);

/* Start a freshly activated thread at ip with sp and its user-defined handle, without a start message. */
static inline L4_ThreadId_t L4_Start_SpIpHandle(L4_ThreadId_t thread, L4_Word_t sp, L4_Word_t ip, L4_Word_t handle) {
  L4_Registers_t registers = {
      L4_ExApplyHalt | L4_ExUserHandle | L4_ExIp | L4_ExSp | L4_ExSend | L4_ExReceive, sp, ip, 0, handle, L4_nilthread};
  return L4_ExchangeRegisters(thread, &registers);
}
static inline L4_Word_t L4_Set_Priority(L4_ThreadId_t thread, L4_Word_t priority) {
  return L4_Schedule(thread, L4_UNCHANGED, L4_UNCHANGED, priority, L4_UNCHANGED, NULL);
}
static inline L4_Word_t L4_AssociateInterrupt(L4_ThreadId_t interrupt, L4_ThreadId_t handler) {
  return L4_ThreadControl(interrupt, interrupt, L4_nilthread, handler, L4_UTCB_UNCHANGED);
}
