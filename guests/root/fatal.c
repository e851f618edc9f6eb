/* Power off and last words: see fatal.h. */
#include "fatal.h"
#include "console.h"
#include "memory-pool.h"
#include "ports.h"

#define EXIT_PORT 0xf4
#define UART_DATA 0x3f8
#define UART_LINE_CONTROL 0x3fb
#define UART_LINE_STATUS 0x3fd
#define LINE_CONTROL_8N1 3
#define STATUS_HOLDING_EMPTY 0x20
#define STATUS_TRANSMITTER_EMPTY 0x40
#define FATAL_CODE 1

void machine_ports_start(void) {
  claim_ports(UART_DATA, 3);
  claim_ports(EXIT_PORT, 0);
}

void machine_exit(u32 code) {
  for (;;) out8(EXIT_PORT, code);
}

void fatal(const char *what, const char *name) {
  struct line line = {0};
  line_text(&line, "root: ");
  line_text(&line, name);
  line_text(&line, ": ");
  line_text(&line, what);
  line_text(&line, "\n");
  out8(UART_LINE_CONTROL, LINE_CONTROL_8N1);
  for (u32 i = 0; i < line.length; i++) {
    while (!(in8(UART_LINE_STATUS) & STATUS_HOLDING_EMPTY)) continue;
    out8(UART_DATA, line.text[i]);
  }
  while (!(in8(UART_LINE_STATUS) & STATUS_TRANSMITTER_EMPTY)) continue;
  machine_exit(FATAL_CODE);
}
