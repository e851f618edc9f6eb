/*
 * The data that travels between the image packer on the host and the guests, as little-endian words. The host's side of
 * the same layout is tools/image/boot-config.ts. Three boot modules, found by name: "config", "workload", "vote-log".
 */
#pragma once
#include "types.h"

#define CONFIG_MAGIC 0x43363851u   /* "Q86C" */
#define WORKLOAD_MAGIC 0x57363851u /* "Q86W" */
#define VOTE_LOG_MAGIC 0x56363851u /* "Q86V" */
#define BOOT_DATA_VERSION 1u

enum task_kind { TASK_CONSOLE = 1, TASK_VOTER = 2, TASK_CLIENT = 3, TASK_REPLICA = 4 };

enum config_flag {
  CONFIG_VERBOSE = 1u << 0,        /* print unanimous rounds, too */
  CONFIG_SECOND_THREADS = 1u << 1, /* root gives a task a second thread if it asks: for tests of isolation only */
};

struct task_config {
  u32 kind;           /* enum task_kind */
  u32 thread_number;  /* version is always 1 */
  u32 priority;
  u32 timeslice_us;
  u32 start_delay_us;
  u32 index;          /* replicas: 1.. */
  char module[24];    /* name of the boot module with the program */
  char name[16];      /* what reports call it */
  u32 parameters[2];  /* the program's own; 0: its default */
};

struct boot_config {
  u32 magic, version;
  u32 task_count;
  u32 seed;
  u32 replica_count;  /* N */
  u32 faulty;         /* f: how many faulty replicas the vote must mask */
  u32 deadline_us;    /* for one round of the vote */
  u32 flags;          /* enum config_flag */
  struct task_config tasks[];
};

enum workload_operation { OPERATION_ENCRYPT = 0, OPERATION_DECRYPT = 1 };

enum workload_mode {
  MODE_ECB = 0,
  MODE_CTR = 1,
  MODE_CBC = 2,
  MODE_CHAIN = 3,   /* one input block; each output block is the next input, all are output: Monte Carlo tests */
  MODE_RECORDS = 4, /* input is { key[32], block[16] } each, output one block each: random-vector tests */
};

enum workload_status { STATUS_RUNNING = 0, STATUS_DONE = 1, STATUS_NO_MAJORITY = 2, STATUS_BAD_REQUEST = 3 };

struct workload {
  u32 magic, version;
  u32 operation, mode;
  u32 key_bytes;      /* 16, 24 or 32 */
  u32 input_offset, input_bytes;     /* from the start of this structure; a multiple of 16 (48 for records) */
  u32 output_offset, output_capacity;
  u32 iterations;     /* of a chain: how many output blocks */
  u8 key[32];
  u8 iv[16];
  /* Written by the client while it works. */
  volatile u32 status, output_bytes, rounds; /* rounds: requests, without the key set-up */
  u32 reserved[4];
};

enum vote_verdict { VERDICT_UNANIMOUS = 0, VERDICT_MAJORITY = 1, VERDICT_NONE = 2 };

/* One round that was not unanimous. Masks have bit i-1 for replica i. */
struct vote {
  u32 round;          /* from 1; 0: the key set-up before the first */
  u32 verdict;
  u32 dissent_mask;   /* answered otherwise than the majority */
  u32 late_mask;      /* no answer by the deadline */
  u32 trapped_mask;   /* stopped by the root task after a page fault or an exception */
  u32 replied_mask;   /* answered in time */
  u32 cycle_low, cycle_high; /* time-stamp counter at the verdict */
};

struct vote_log {
  u32 magic, version;
  u32 capacity;       /* set by the host: how many records have room */
  volatile u32 count; /* records stored */
  volatile u32 rounds, unanimous, majority, no_majority; /* requests, without the key set-up */
  struct vote votes[];
};

_Static_assert(sizeof(struct task_config) == 72, "host layout");
_Static_assert(sizeof(struct boot_config) == 32, "host layout");
_Static_assert(sizeof(struct workload) == 116, "host layout");
_Static_assert(sizeof(struct vote) == 32, "host layout");
_Static_assert(sizeof(struct vote_log) == 32, "host layout");
