/* The boot modules, by name, from the generic boot records that the kernel interface page points to. */
#pragma once
#include "types.h"

struct module {
  u32 address, bytes;
};

/* Claims the boot records and every module's memory; ends the run when the records make no sense. */
void modules_start(void);

/* 1 when there is a module of that name. */
u32 find_module(const char *name, struct module *module);
