/* Generic boot records: X.2 "BootInfo" as L4Ka::Pistachio's user/include/l4/bootinfo.h lays them out. */
#include "boot-modules.h"
#include "fatal.h"
#include "l4.h"
#include "memory-pool.h"

#define BOOT_MAGIC 0x14b0021du
#define RECORD_MODULE 1u
#define RECORDS_MAX 64u
#define BOOT_INFO_BYTES_MAX 0x10000u

struct boot_header {
  u32 magic, version, bytes, first_record, record_count, reserved[3];
};

struct boot_record {
  u32 type, version, next;                /* next: bytes to the next record */
  u32 start, size, command_line_offset;   /* of a module; from the start of the record, 0 for none */
};

static const struct boot_header *header;

/* 1 when `bytes` from `offset` lie inside the boot information. */
static u32 inside(u32 offset, u32 bytes) { return offset <= header->bytes && bytes <= header->bytes - offset; }

/* The record after `offset` bytes, NULL when it is not whole. */
static const struct boot_record *record_at(u32 offset) {
  if (!inside(offset, sizeof(struct boot_record))) return NULL;
  return (const struct boot_record *)((u32)header + offset);
}

/* A module's name is its command line up to the first space. */
static u32 is_named(const struct boot_record *record, const char *name) {
  u32 offset = (u32)record - (u32)header + record->command_line_offset;
  const char *text = (const char *)header;
  if (record->command_line_offset == 0) return 0;
  for (;; name++, offset++) {
    if (!inside(offset, 1)) return 0;
    u32 ended = text[offset] == 0 || text[offset] == ' ';
    if (ended || *name == 0) return ended && *name == 0;
    if (text[offset] != *name) return 0;
  }
}

static u32 record_count(void) { return minimum(header->record_count, RECORDS_MAX); }

void modules_start(void) {
  u32 address = L4_GetKernelInterface()->boot_info;
  header = (const struct boot_header *)address;
  if (address == 0 || !claim_memory(address, sizeof *header) || header->magic != BOOT_MAGIC)
    fatal("no boot records", "boot information");
  if (header->bytes > BOOT_INFO_BYTES_MAX || !claim_memory(address, header->bytes))
    fatal("cannot have the boot records", "boot information");
  u32 offset = header->first_record;
  for (u32 i = 0; i < record_count(); i++) {
    const struct boot_record *record = record_at(offset);
    if (record == NULL) fatal("broken record", "boot information");
    if (record->type == RECORD_MODULE && record->size > 0 && !claim_memory(record->start, record->size))
      fatal("cannot have a module's memory", "boot information");
    offset += record->next;
  }
}

u32 find_module(const char *name, struct module *module) {
  u32 offset = header->first_record;
  for (u32 i = 0; i < record_count(); i++) {
    const struct boot_record *record = record_at(offset);
    if (record == NULL) return 0;
    if (record->type == RECORD_MODULE && is_named(record, name)) {
      *module = (struct module){record->start, record->size};
      return 1;
    }
    offset += record->next;
  }
  return 0;
}
