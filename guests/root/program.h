/* A program for a task: the segments of an ELF file, checked before anything is believed. */
#pragma once
#include "boot-modules.h"

#define SEGMENTS_MAX 8u
#define PROGRAM_PAGES_MAX 64u

struct segment {
  u32 start, bytes;        /* virtual, bytes in memory */
  const u8 *contents;      /* in the module */
  u32 content_bytes;
  u32 rights;              /* x=1, w=2, r=4: the ELF flags and L4's rights agree */
  u32 first_page;          /* place of its first page among the program's pages */
};

struct program {
  u32 entry;
  u32 segment_count, page_count;
  struct segment segments[SEGMENTS_MAX];
};

/* NULL, or what is wrong with the file. */
const char *program_read(const struct module *file, struct program *program);

/* The segment with a page at `address`, NULL for none. */
const struct segment *program_segment(const struct program *program, u32 address);

/* Fill a frame with the page of the segment that `address` lies in: contents of the file, zeros elsewhere. */
void program_fill_page(const struct segment *segment, u32 address, u8 *frame);
