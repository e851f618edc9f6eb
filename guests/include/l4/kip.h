/* The kernel interface page: X.2 manual section 1.1, with the words that Pistachio's ia32 binding defines. */
#pragma once
#include "types.h"

typedef struct {
  L4_Word_t magic, api_version, api_flags, kernel_description_offset; /* 0x00 */
  L4_Word_t debugger[4];                                               /* 0x10 */
  struct { L4_Word_t sp, ip, low, high; } sigma0, sigma1, root_server; /* 0x20: physical image, high exclusive */
  L4_Word_t reserved_50, memory_info;                                  /* 0x50: descriptors:16@0, offset:16@16 */
  L4_Word_t reserved_58[20];                                           /* 0x58 */
  L4_Word_t utcb_info, kip_info, reserved_b0[2];                       /* 0xA8 */
  L4_Word_t boot_info;                                                 /* 0xB8: physical address of the boot records */
  L4_Word_t processor_description_offset, clock_info, thread_info, page_info, processor_info; /* 0xBC */
  /* 0xD0: entry points of the system calls, offsets from this page */
  L4_Word_t space_control, thread_control, processor_control, memory_control, ipc, lipc, unmap, exchange_registers;
  L4_Word_t system_clock, thread_switch, schedule;
} L4_KernelInterfacePage_t;

/* First system (UserBase) thread number: sigma0; the root task is two above it. */
static inline L4_Word_t L4_ThreadIdUserBase(const L4_KernelInterfacePage_t *kip) { return kip->thread_info >> 20; }

/* One memory descriptor: type:4@0, subtype:4@4, virtual:1@9, low:22@10; high:22@10 (inclusive to the KiB). */
typedef struct { L4_Word_t first, second; } L4_MemoryDesc_t;

enum {
  L4_UndefinedMemory = 0,
  L4_ConventionalMemory = 1,
  L4_ReservedMemory = 2,
  L4_DedicatedMemory = 3,
  L4_SharedMemory = 4,
  L4_BootLoaderSpecificMemory = 14,
  L4_ArchitectureSpecificMemory = 15,
};

static inline L4_Word_t L4_NumMemoryDescriptors(const L4_KernelInterfacePage_t *kip) { return kip->memory_info & 0xffff; }
static inline const L4_MemoryDesc_t *L4_MemoryDescs(const L4_KernelInterfacePage_t *kip) {
  return (const L4_MemoryDesc_t *)((L4_Word_t)kip + (kip->memory_info >> 16));
}
static inline L4_Word_t L4_MemoryDescType(const L4_MemoryDesc_t *desc) { return desc->first & 0xf; }
static inline L4_Bool_t L4_IsVirtualMemory(const L4_MemoryDesc_t *desc) { return desc->first >> 9 & 1; }
static inline L4_Word_t L4_MemoryDescLow(const L4_MemoryDesc_t *desc) { return desc->first & ~0x3ffu; }
static inline L4_Word_t L4_MemoryDescHigh(const L4_MemoryDesc_t *desc) { return desc->second | 0x3ff; }

/* Set by the start-up code (lib/start.c) from the answer to `lock; nop`. */
extern const L4_KernelInterfacePage_t *l4_kernel_interface;
static inline const L4_KernelInterfacePage_t *L4_GetKernelInterface(void) { return l4_kernel_interface; }
