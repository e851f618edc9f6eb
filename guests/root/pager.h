/* Page faults and I/O faults of the tasks. */
#pragma once
#include "task.h"

/* What a fault is answered with; 0 when the task had no business there. */
u32 page_fault(struct task *task, u32 address, u32 rights, L4_MapItem_t *item);
u32 port_fault(const struct task *task, L4_Fpage_t ports, L4_MapItem_t *item);
