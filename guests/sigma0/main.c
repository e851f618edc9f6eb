/*
 * sigma0: the first owner of all memory and of all I/O ports. X.2 manual chapter 6.3 (sigma0 protocol).
 * Its own faults are served by the kernel, one to one. It gives each frame to one thread only (the exact thread id that
 * asked first), except memory that the kernel interface page calls shared. It never answers a message that it does not
 * understand, and it never waits for a partner. Stricter than Pistachio's: boot modules, device memory and I/O ports go to
 * the initial servers only, so that no task can take the machine's hardware by asking first.
 */
#include "regions.h"

static struct region_list memory, ports;

/* Thread numbers of the initial servers; only they may have what is not ordinary RAM. */
static u32 first_server, last_server;

/* The root task has what it needs; it does not want its tasks to use up memory behind its back. */
static u32 sealed;

static u32 is_server(L4_ThreadId_t thread) {
  return L4_ThreadNo(thread) >= first_server && L4_ThreadNo(thread) <= last_server;
}

/* Ports of the kernel's own devices: both interrupt controllers and the timer. */
static const struct { u16 first, last; } kernel_ports[] = {{0x20, 0x21}, {0xa0, 0xa1}, {0x40, 0x43}};

static u32 frames_of(u32 log2_size) { return 1u << (log2_size - 12); }

/* Bytes [low, high] as whole frames: free memory shrinks to whole frames, everything else grows. */
static void describe(u32 low, u32 high, enum region_kind kind, L4_ThreadId_t owner) {
  u32 first = low >> 12, last = high >> 12;
  if (kind == REGION_CONVENTIONAL) {
    if (low & (PAGE_BYTES - 1)) first++;
    if (~high & (PAGE_BYTES - 1)) {
      if (last == 0) return;
      last--;
    }
  }
  if (first <= last) regions_set(&memory, first, last, kind, owner);
}

/* X.2 manual 1.1: later descriptors override earlier ones. */
static void read_memory_descriptors(const L4_KernelInterfacePage_t *kip) {
  const L4_MemoryDesc_t *desc = L4_MemoryDescs(kip);
  for (u32 i = 0; i < L4_NumMemoryDescriptors(kip); i++, desc++) {
    u32 low = L4_MemoryDescLow(desc), high = L4_MemoryDescHigh(desc);
    if (L4_IsVirtualMemory(desc)) continue;
    switch (L4_MemoryDescType(desc)) {
      case L4_ConventionalMemory: describe(low, high, REGION_CONVENTIONAL, L4_nilthread); break;
      case L4_UndefinedMemory:
      case L4_ReservedMemory: describe(low, high, REGION_RESERVED, L4_nilthread); break;
      case L4_SharedMemory: describe(low, high, REGION_OWNED, L4_anythread); break;
      default: describe(low, high, REGION_OTHER, L4_nilthread); break;
    }
  }
}

static void image(u32 low, u32 high, L4_ThreadId_t owner) {
  if (high > low) describe(low, high - 1, REGION_OWNED, owner);
}

/* Memory request for one thread: a map item for the next reply. */
static L4_MapItem_t give_memory(L4_Fpage_t wanted, L4_ThreadId_t asker, u32 others) {
  u32 log2_size = L4_SizeLog2(wanted), first;
  if (log2_size < 12 || log2_size > 31) return L4_MapItem(L4_Nilpage, 0);
  u32 frames = frames_of(log2_size);
  if ((wanted.raw & L4_SIGMA0_ANYWHERE) == L4_SIGMA0_ANYWHERE) {
    if (!regions_find(&memory, frames, &first)) return L4_MapItem(L4_Nilpage, 0);
  } else {
    first = L4_Address(wanted) >> 12 & ~(frames - 1);
  }
  if (!regions_claim(&memory, first, first + frames - 1, asker, others)) return L4_MapItem(L4_Nilpage, 0);
  u32 address = first << 12;
  return L4_MapItem(L4_AddRights(L4_FpageLog2(address, log2_size), L4_FullyAccessible), address);
}

static L4_MapItem_t give_ports(L4_Fpage_t wanted, L4_ThreadId_t asker) {
  if (!is_server(asker) || !L4_IsIoFpage(wanted) || L4_IoFpageSizeLog2(wanted) > 16) return L4_MapItem(L4_Nilpage, 0);
  u32 count = 1u << L4_IoFpageSizeLog2(wanted), first = L4_IoFpagePort(wanted) & ~(count - 1);
  if (!regions_claim(&ports, first, first + count - 1, asker, 1)) return L4_MapItem(L4_Nilpage, 0);
  return L4_MapItem(L4_AddRights(L4_IoFpageLog2(first, L4_IoFpageSizeLog2(wanted)), L4_FullyAccessible), first << 16);
}

/* Attributes other than the default are set before the memory is given out. */
static u32 set_attributes(L4_Fpage_t page, u32 attribute) {
  const L4_Word_t attributes[4] = {attribute, 0, 0, 0};
  L4_LoadMR(0, page.raw & ~3u);
  return L4_MemoryControl(0, attributes);
}

/* 1 when the message deserves an answer: a map item, or an empty message when the item's words are 0. */
static u32 serve(L4_MsgTag_t tag, L4_ThreadId_t asker, L4_MapItem_t *item) {
  u32 words = L4_UntypedWords(tag), first, second;
  if (L4_TypedWords(tag) != 0 || words < 2 || words > 3 || (sealed && !is_server(asker))) return 0;
  L4_StoreMR(1, &first);
  L4_StoreMR(2, &second);
  switch (L4_Label(tag) & L4_PROTOCOL_MASK) {
    case L4_LABEL_PAGE_FAULT: *item = give_memory(L4_FpageLog2(first, 12), asker, 0); return 1;
    case L4_LABEL_SIGMA0:
      *item = give_memory((L4_Fpage_t){first}, asker, is_server(asker));
      if (second != 0 && item->page != 0 && !set_attributes((L4_Fpage_t){item->page}, second))
        *item = L4_MapItem(L4_Nilpage, 0);
      return 1;
    case L4_LABEL_IO_FAULT: *item = give_ports((L4_Fpage_t){first}, asker); return 1;
    case L4_LABEL_SIGMA0_EXTENSION:
      if (!is_server(asker)) return 0;
      if (first == L4_SIGMA0_SEAL) sealed = 1;
      *item = (L4_MapItem_t){0, 0};
      return second != 0;
    default: return 0;
  }
}

int main(void) {
  const L4_KernelInterfacePage_t *kip = L4_GetKernelInterface();
  first_server = L4_ThreadIdUserBase(kip);
  last_server = first_server + 2;
  regions_start(&ports, 0xffff, REGION_OTHER);
  for (u32 i = 0; i < ARRAY_COUNT(kernel_ports); i++)
    regions_set(&ports, kernel_ports[i].first, kernel_ports[i].last, REGION_RESERVED, L4_nilthread);
  regions_start(&memory, 0xfffff, REGION_OTHER);
  read_memory_descriptors(kip);
  image(kip->sigma0.low, kip->sigma0.high, L4_GlobalId(first_server, 1));
  image(kip->sigma1.low, kip->sigma1.high, L4_GlobalId(first_server + 1, 1));
  image(kip->root_server.low, kip->root_server.high, L4_GlobalId(last_server, 1));

  L4_ThreadId_t asker;
  L4_Accept(L4_Nilpage);
  L4_MsgTag_t tag = L4_Wait(&asker);
  for (;;) {
    L4_MapItem_t item;
    if (L4_IpcFailed(tag) || !serve(tag, asker, &item)) {
      tag = L4_Wait(&asker);
      continue;
    }
    L4_LoadMapItem(1, item);
    L4_Set_MsgTag(L4_Tag(0, 0, item.base == 0 ? 0 : 2));
    tag = L4_ReplyWait(asker, &asker);
  }
}
