/* ELF for the Intel386 (System V ABI, edition 4.1, chapters 4 and 5): see program.h. */
#include "program.h"
#include "memory.h"

#define ELF_MAGIC 0x464c457fu
#define CLASS_32_LITTLE_ENDIAN 0x0101u
#define TYPE_EXECUTABLE 2u
#define MACHINE_386 3u
#define SEGMENT_LOAD 1u
/* Programs live below root's own fixed places (task-info.h) and the kernel's areas (task.c). */
#define PROGRAM_END 0x10000000u

struct elf_header {
  u32 magic;
  u16 class_and_data;
  u8 ident[10];
  u16 type, machine;
  u32 version, entry, program_headers, section_headers, flags;
  u16 header_bytes, program_header_bytes, program_header_count;
};

struct program_header {
  u32 type, offset, virtual_address, physical_address, file_bytes, memory_bytes, flags, align;
};

static const char *add_segment(const struct module *file, const struct program_header *header, struct program *program) {
  if (header->memory_bytes == 0) return NULL;
  if (program->segment_count == SEGMENTS_MAX) return "too many segments";
  if (header->file_bytes > header->memory_bytes || header->offset > file->bytes ||
      header->file_bytes > file->bytes - header->offset)
    return "a segment lies outside the file";
  if (header->virtual_address < PAGE_BYTES || header->virtual_address >= PROGRAM_END ||
      header->memory_bytes > PROGRAM_END - header->virtual_address)
    return "a segment lies outside the space for programs";
  u32 first = page_down(header->virtual_address), end = page_up(header->virtual_address + header->memory_bytes);
  for (u32 i = 0; i < program->segment_count; i++) {
    const struct segment *other = &program->segments[i];
    if (first < page_up(other->start + other->bytes) && page_down(other->start) < end)
      return "two segments share a page";
  }
  u32 pages = (end - first) / PAGE_BYTES;
  if (pages > PROGRAM_PAGES_MAX - program->page_count) return "too large";
  program->segments[program->segment_count++] =
      (struct segment){header->virtual_address, header->memory_bytes, (const u8 *)file->address + header->offset,
                       header->file_bytes, header->flags & 7, program->page_count};
  program->page_count += pages;
  return NULL;
}

const char *program_read(const struct module *file, struct program *program) {
  const struct elf_header *elf = (const struct elf_header *)file->address;
  program->segment_count = program->page_count = 0;
  if (file->bytes < sizeof *elf || elf->magic != ELF_MAGIC || elf->class_and_data != CLASS_32_LITTLE_ENDIAN)
    return "not a 32-bit ELF file";
  if (elf->type != TYPE_EXECUTABLE || elf->machine != MACHINE_386) return "not an executable for this processor";
  if (elf->program_header_bytes != sizeof(struct program_header) || elf->program_headers > file->bytes ||
      elf->program_header_count > (file->bytes - elf->program_headers) / sizeof(struct program_header))
    return "broken program headers";
  const struct program_header *header = (const struct program_header *)(file->address + elf->program_headers);
  for (u32 i = 0; i < elf->program_header_count; i++, header++) {
    const char *wrong = header->type == SEGMENT_LOAD ? add_segment(file, header, program) : NULL;
    if (wrong != NULL) return wrong;
  }
  program->entry = elf->entry;
  const struct segment *code = program_segment(program, elf->entry);
  return code == NULL || !(code->rights & 1) ? "the entry point is not in code" : NULL;
}

const struct segment *program_segment(const struct program *program, u32 address) {
  for (u32 i = 0; i < program->segment_count; i++) {
    const struct segment *segment = &program->segments[i];
    if (address >= page_down(segment->start) && address < page_up(segment->start + segment->bytes)) return segment;
  }
  return NULL;
}

void program_fill_page(const struct segment *segment, u32 address, u8 *frame) {
  u32 page = page_down(address);
  u32 skip = page < segment->start ? segment->start - page : 0;
  u32 offset = page + skip - segment->start;
  u32 bytes = offset < segment->content_bytes ? minimum(segment->content_bytes - offset, PAGE_BYTES - skip) : 0;
  memset(frame, 0, PAGE_BYTES);
  memcpy(frame + skip, segment->contents + offset, bytes);
}
