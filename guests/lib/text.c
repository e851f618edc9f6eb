/* Lines of text, built in place. */
#include "console.h"

static void put(struct line *line, char character) {
  if (line->length < LINE_BYTES) line->text[line->length++] = character;
}

void line_text(struct line *line, const char *text) {
  while (*text) put(line, *text++);
}

void line_decimal(struct line *line, u32 value) {
  char digits[10];
  u32 count = 0;
  do digits[count++] = '0' + value % 10;
  while ((value /= 10) != 0);
  while (count > 0) put(line, digits[--count]);
}

void line_hex(struct line *line, u32 value) {
  line_text(line, "0x");
  for (int shift = 28; shift >= 0; shift -= 4) put(line, "0123456789abcdef"[value >> shift & 0xf]);
}
