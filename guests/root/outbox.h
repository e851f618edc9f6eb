/*
 * Messages from root that must not make root wait: root serves everybody's page faults, also those of the partner. What
 * cannot be delivered at once waits here and is tried again.
 */
#pragma once
#include "console.h"
#include "l4.h"

/* Takes the message in the message registers (untyped words only). A full outbox drops it. */
void outbox_post(L4_ThreadId_t to);

void outbox_post_line(L4_ThreadId_t console, const struct line *line);

/* Try to deliver everything; 1 when something is left over. */
u32 outbox_flush(void);
