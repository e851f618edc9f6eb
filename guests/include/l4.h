/* libl4: everything. */
#pragma once
#include "l4/ipc.h"
#include "l4/kip.h"
#include "l4/protocols.h"
#include "l4/syscalls.h"
#include "l4/types.h"
#include "l4/utcb.h"
