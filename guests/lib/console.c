/* The clients' side of the console server. */
#include "console.h"
#include "memory.h"
#include "service.h"

#define PATIENCE_US 50000u

void console_message(const struct line *line) {
  u32 words[LINE_BYTES / 4];
  u32 count = (line->length + 3) / 4;
  words[count > 0 ? count - 1 : 0] = 0;
  memcpy(words, line->text, line->length);
  L4_LoadMR(1, line->length);
  L4_LoadMRs(2, count, words);
  L4_Set_MsgTag(L4_Tag(LABEL_CONSOLE_WRITE, 1 + count, 0));
}

u32 console_write(L4_ThreadId_t console, const struct line *line) {
  console_message(line);
  return L4_IpcSucceeded(L4_Send_Timeout(console, L4_TimePeriod(PATIENCE_US)));
}
