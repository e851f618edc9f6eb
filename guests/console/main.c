/*
 * The console server: owner of the UART (16550 at 0x3F8, IRQ 4; National Semiconductor PC16550D data sheet).
 * Text arrives as untyped words and waits in a ring; the transmitter-empty interrupt moves it on, one FIFO at a time, so
 * nobody waits for the serial line. While the ring has no room for one more line the server listens to the interrupt only,
 * and writers wait on their own time-outs.
 */
#include "console.h"
#include "ports.h"
#include "service.h"
#include "task-info.h"

enum uart_port {
  UART_DATA = 0x3f8,            /* divisor low while DLAB */
  UART_INTERRUPT_ENABLE = 0x3f9, /* divisor high while DLAB */
  UART_INTERRUPT_IDENTITY = 0x3fa, /* read; FIFO control when written */
  UART_LINE_CONTROL = 0x3fb,
  UART_MODEM_CONTROL = 0x3fc,
  UART_LINE_STATUS = 0x3fd,
};
#define UART_IRQ 4u
#define FIFO_BYTES 16u
#define DIVISOR_115200 1u
#define LINE_CONTROL_DIVISOR_LATCH 0x80u
#define LINE_CONTROL_8N1 0x03u
#define FIFO_ENABLE_AND_CLEAR 0x07u
#define MODEM_CONTROL_DTR_RTS_OUT2 0x0bu /* OUT2 lets the interrupt reach the PIC */
#define INTERRUPT_TRANSMITTER_EMPTY 0x02u
#define STATUS_HOLDING_EMPTY 0x20u
#define STATUS_TRANSMITTER_EMPTY 0x40u

/* While somebody waits for the last bit to leave: how often to look. One character takes 87 us at 115200 baud. */
#define DRAIN_POLL_US 200u

#define RING_BYTES 8192u /* a power of two */
#define MESSAGE_BYTES ((L4_MESSAGE_REGISTERS - 2) * 4u) /* most text that one message can carry */
static u8 ring[RING_BYTES];
static u32 ring_head, ring_tail; /* bytes ever taken out, put in */

static L4_ThreadId_t drain_waiter;

static u32 ring_used(void) { return ring_tail - ring_head; }

static void uart_start(void) {
  out8(UART_LINE_CONTROL, LINE_CONTROL_DIVISOR_LATCH);
  out8(UART_DATA, DIVISOR_115200);
  out8(UART_INTERRUPT_ENABLE, 0);
  out8(UART_LINE_CONTROL, LINE_CONTROL_8N1);
  out8(UART_INTERRUPT_IDENTITY, FIFO_ENABLE_AND_CLEAR);
  out8(UART_MODEM_CONTROL, MODEM_CONTROL_DTR_RTS_OUT2);
}

/* Fill an empty transmitter, and ask for an interrupt only while there is more to come. */
static void transmit(void) {
  if (ring_used() > 0 && in8(UART_LINE_STATUS) & STATUS_HOLDING_EMPTY)
    for (u32 i = 0; i < FIFO_BYTES && ring_used() > 0; i++) out8(UART_DATA, ring[ring_head++ % RING_BYTES]);
  out8(UART_INTERRUPT_ENABLE, ring_used() > 0 ? INTERRUPT_TRANSMITTER_EMPTY : 0);
}

static u32 drained(void) { return ring_used() == 0 && in8(UART_LINE_STATUS) & STATUS_TRANSMITTER_EMPTY; }

/* Replicas have nothing to say here: one that babbles must not drown the reports about it. */
static u32 may_write(L4_ThreadId_t writer) {
  return L4_IsThreadEqual(writer, TASK_INFO->root) || L4_IsThreadEqual(writer, thread_of_kind(TASK_VOTER)) ||
         L4_IsThreadEqual(writer, thread_of_kind(TASK_CLIENT));
}

static void store(L4_MsgTag_t tag) {
  u32 bytes, word = 0, carried = L4_UntypedWords(tag);
  if (carried < 2) return;
  L4_StoreMR(1, &bytes);
  bytes = minimum(bytes, (carried - 1) * 4);
  for (u32 i = 0; i < bytes; i++) {
    if (i % 4 == 0) L4_StoreMR(2 + i / 4, &word);
    ring[ring_tail++ % RING_BYTES] = word >> i % 4 * 8;
  }
}

int main(void) {
  const L4_ThreadId_t interrupt = L4_InterruptThread(UART_IRQ);
  L4_ThreadId_t answer_to = L4_nilthread, from;
  L4_Accept(L4_Nilpage);
  uart_start();
  for (;;) {
    u32 room = RING_BYTES - ring_used() >= MESSAGE_BYTES;
    L4_Time_t patience = L4_IsNilThread(drain_waiter) ? L4_Never : L4_TimePeriod(DRAIN_POLL_US);
    L4_MsgTag_t tag =
        L4_Ipc(answer_to, room ? L4_anythread : interrupt, L4_Timeouts(L4_ZeroTime, patience), &from);
    answer_to = L4_nilthread;
    if (L4_IpcSucceeded(tag)) {
      if (L4_IsThreadEqual(from, interrupt)) {
        in8(UART_INTERRUPT_IDENTITY); /* reading it withdraws a transmitter-empty interrupt */
        L4_Set_MsgTag(L4_Niltag);     /* any answer opens the line again */
        answer_to = interrupt;
      } else if (L4_Label(tag) == LABEL_CONSOLE_WRITE && may_write(from)) {
        store(tag);
      } else if (L4_Label(tag) == LABEL_CONSOLE_DRAIN && L4_IsThreadEqual(from, TASK_INFO->root)) {
        drain_waiter = from;
      }
    }
    transmit();
    if (!L4_IsNilThread(drain_waiter) && L4_IsNilThread(answer_to) && drained()) {
      L4_Set_MsgTag(L4_Tag(LABEL_CONSOLE_DRAIN, 0, 0));
      answer_to = drain_waiter;
      drain_waiter = L4_nilthread;
    }
  }
}
