/* Page faults: a task gets its program's pages with their segments' rights, its own data module, and nothing else. */
#include "pager.h"
#include "memory-pool.h"
#include "task-info.h"

#define UART_PORT 0x3f8u
#define UART_PORTS_LOG2 3u
#define SHARED_CHUNK_LOG2 16u /* 64 KiB at a time: large workloads fault less often */

static u32 page_of_program(struct task *task, const struct segment *segment, u32 address) {
  u32 place = segment->first_page + (page_down(address) - page_down(segment->start)) / PAGE_BYTES;
  u32 *frame = &task->frames[place];
  if (*frame == 0) {
    *frame = frame_allocate();
    if (*frame != 0) program_fill_page(segment, address, (u8 *)*frame);
  }
  return *frame;
}

/* The largest aligned stretch around the address that lies inside the shared data's pages. */
static L4_MapItem_t shared_chunk(const struct task *task, u32 address) {
  u32 first = task->shared_virtual, end = page_up(first + task->shared_bytes), log2_size = SHARED_CHUNK_LOG2, base;
  do base = address & ~0u << log2_size;
  while ((base < first || base + (1u << log2_size) > end) && --log2_size >= 12);
  u32 frame = base - first + task->shared_physical;
  return L4_MapItem(L4_AddRights(L4_FpageLog2(frame, log2_size), L4_Readable | L4_Writable), base);
}

static u32 map_page(u32 frame, u32 rights, u32 address, L4_MapItem_t *item) {
  *item = L4_MapItem(L4_AddRights(L4_FpageLog2(frame, 12), rights), page_down(address));
  return frame != 0;
}

u32 page_fault(struct task *task, u32 address, u32 rights, L4_MapItem_t *item) {
  if (page_down(address) == TASK_INFO_ADDRESS)
    return !(rights & L4_Writable) && map_page(task->info_frame, L4_Readable, address, item);
  if (task->shared_bytes > 0 && address >= task->shared_virtual &&
      address - task->shared_virtual < page_up(task->shared_bytes)) {
    *item = shared_chunk(task, address);
    return 1;
  }
  const struct segment *segment = program_segment(&task->program, address);
  if (segment == NULL || (rights & L4_Writable && !(segment->rights & L4_Writable))) return 0;
  return map_page(page_of_program(task, segment, address), segment->rights, address, item);
}

u32 port_fault(const struct task *task, L4_Fpage_t ports, L4_MapItem_t *item) {
  u32 first = L4_IoFpagePort(ports), count = 1u << L4_IoFpageSizeLog2(ports);
  if (task->config->kind != TASK_CONSOLE || !L4_IsIoFpage(ports)) return 0;
  if (first < UART_PORT || first + count > UART_PORT + (1u << UART_PORTS_LOG2)) return 0;
  L4_Fpage_t uart = L4_IoFpageLog2(UART_PORT, UART_PORTS_LOG2);
  *item = L4_MapItem(L4_AddRights(uart, L4_FullyAccessible), UART_PORT << 16);
  return 1;
}
