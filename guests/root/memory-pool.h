/* Root's memory: everything comes from sigma0, mapped one to one, so an address is a physical address. */
#pragma once
#include "l4.h"

/* Take existing memory (boot modules, boot records) whole; 0 when sigma0 refuses a part of it. */
u32 claim_memory(u32 address, u32 bytes);

/* Take 2^log2 I/O ports; 0 when sigma0 refuses. */
u32 claim_ports(u32 port, u32 log2_count);

/* Take frames in bulk, before any task runs: nobody can use up later what the tasks will need. 0 when there are not enough. */
u32 frames_start(u32 frames);

/* Nobody else shall get memory from sigma0 any more. */
void seal_sigma0(void);

/* A frame, not cleared. 0 when the pool is empty (it is sized not to be). */
u32 frame_allocate(void);
