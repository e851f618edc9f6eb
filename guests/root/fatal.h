/* The end of the run, with or without a console server. Both need the ports that machine_ports_start() takes. */
#pragma once
#include "types.h"

/* Claims the UART's and the exit port from sigma0. */
void machine_ports_start(void);

/* Power off: 0 is success. */
__attribute__((noreturn)) void machine_exit(u32 code);

/* A boot that cannot work: says why on the UART, by polling, and powers off with code 1. */
__attribute__((noreturn)) void fatal(const char *what, const char *name);
