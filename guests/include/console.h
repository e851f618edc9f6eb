/* Writing on the console server, lib/console.c, and building lines of text, lib/text.c. */
#pragma once
#include "l4.h"

#define LINE_BYTES 240u

struct line {
  u32 length;
  char text[LINE_BYTES];
};

/* Appending never overruns: what does not fit is cut. */
void line_text(struct line *line, const char *text);
void line_decimal(struct line *line, u32 value);
void line_hex(struct line *line, u32 value); /* 0x and eight digits */

/*
 * Put a line into the console-write message of the calling thread (message registers 0..); send it with L4_Send or
 * L4_Call of the caller's choice.
 */
void console_message(const struct line *line);

/* Send a line to the console; waits at most 50 ms for the console to take it, then drops it. 1 when it was taken. */
u32 console_write(L4_ThreadId_t console, const struct line *line);
