/* Memory and ports from sigma0: X.2 manual 6.3; see memory-pool.h. */
#include "memory-pool.h"

#define CHUNK_LOG2_MAX 20u /* 1 MiB */
#define EXTENTS_MAX 32u

/* Stretches of frames not given out yet. */
static struct extent { u32 next, end; } extents[EXTENTS_MAX];
static u32 extent_count, extent_current;

static L4_ThreadId_t sigma0(void) { return L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()), 1); }

/* One request; the flexpage that came, nil when none. */
static L4_Fpage_t ask_sigma0(L4_Word_t label, L4_Fpage_t wanted, L4_Fpage_t window) {
  L4_Fpage_t given = L4_Nilpage;
  L4_LoadMR(1, wanted.raw);
  L4_LoadMR(2, 0);
  L4_Set_MsgTag(L4_Tag(label, 2, 0));
  L4_Accept(window);
  L4_MsgTag_t tag = L4_Call(sigma0());
  L4_Accept(L4_Nilpage);
  if (L4_IpcSucceeded(tag) && L4_TypedWords(tag) == 2) L4_StoreMR(2, &given.raw);
  return given;
}

static L4_Fpage_t ask_memory(u32 base, u32 log2_size) {
  L4_Fpage_t wanted = {base | log2_size << 4 | L4_FullyAccessible};
  return ask_sigma0(L4_LABEL_SIGMA0, wanted, L4_CompleteAddressSpace);
}

u32 claim_ports(u32 port, u32 log2_count) {
  L4_Fpage_t wanted = L4_AddRights(L4_IoFpageLog2(port, log2_count), L4_FullyAccessible);
  return !L4_IsNilFpage(ask_sigma0(L4_LABEL_IO_FAULT | L4_FullyAccessible, wanted, L4_CompleteIoSpace));
}

u32 claim_memory(u32 address, u32 bytes) {
  u32 at = page_down(address), end = page_up(address + bytes);
  while (at < end) {
    u32 log2_size = CHUNK_LOG2_MAX;
    while (at & ((1u << log2_size) - 1) || 1u << log2_size > end - at) log2_size--;
    if (L4_IsNilFpage(ask_memory(at, log2_size))) return 0;
    at += 1u << log2_size;
  }
  return 1;
}

u32 frames_start(u32 frames) {
  u32 log2_size = CHUNK_LOG2_MAX;
  while (frames > 0 && extent_count < EXTENTS_MAX) {
    while (log2_size > 12 && 1u << (log2_size - 12) > frames) log2_size--;
    L4_Fpage_t given = ask_memory(L4_SIGMA0_ANYWHERE, log2_size);
    if (L4_IsNilFpage(given)) {
      if (log2_size == 12) return 0;
      log2_size--;
      continue;
    }
    u32 address = L4_Address(given), count = 1u << (log2_size - 12);
    if (address == 0) { /* leave the null page alone */
      address += PAGE_BYTES;
      count--;
    }
    extents[extent_count++] = (struct extent){address, address + count * PAGE_BYTES};
    frames -= minimum(frames, count);
  }
  return frames == 0;
}

void seal_sigma0(void) {
  L4_LoadMR(1, L4_SIGMA0_SEAL);
  L4_LoadMR(2, 1);
  L4_Set_MsgTag(L4_Tag(L4_LABEL_SIGMA0_EXTENSION, 2, 0));
  L4_Call(sigma0());
}

u32 frame_allocate(void) {
  while (extent_current < extent_count) {
    struct extent *extent = &extents[extent_current];
    if (extent->next < extent->end) {
      u32 frame = extent->next;
      extent->next += PAGE_BYTES;
      return frame;
    }
    extent_current++;
  }
  return 0;
}
