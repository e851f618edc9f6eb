/*
 * Runs cases at any privilege level on a bare machine (QEMU), and reports the state in which each ended.
 *
 * The first multiboot module holds the requests; results leave through port E9h (-debugcon). A case gets page tables,
 * descriptor tables, TSS and stacks of its own, all of them part of the stage: patches set them up, changes to them are
 * reported (accessed and dirty bits, pushed frames). Physical and linear addresses are those of ../system/system-stage.ts.
 *
 * Request: u32 registers[8], u32 eflags, u32 eip, u16 selectors[6] (ES CS SS DS FS GS), u32 cr0, u32 cr4, u32 patch count,
 *   then per patch: u32 physical address, u32 length, bytes
 * Result: u32 registers[8] (ESP as in the handler), u16 selectors[6] (SS as in the handler), u32 vector, u32 cr2, u32 dr6, u32 change count,
 *   then per change: u32 physical address, u32 length, bytes
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { PAGE = 4096, BASE = 0x2000000, DIRECTORY = BASE, HANDLERS = BASE + 0xA000, TSS_DESCRIPTOR = BASE + 0x4040 };

struct machine_state {
  u32 eax, ecx, edx, ebx, esp, ss, ebp, esi, edi, eip, cs, eflags, es, ds, fs, gs, cr0, cr3, cr4, cr2, dr6, vector, frame;
};
extern struct machine_state state;
extern void enter_case(void);
extern void leave_case(void);

static const u8 *input;

static u32 take32(void) {
  u32 value = *(const u32 *)input;
  input += 4;
  return value;
}
static u32 take16(void) {
  u32 value = *(const u16 *)input;
  input += 2;
  return value;
}
static void put_bytes(const void *bytes, u32 count) {
  __asm__ volatile("cld\n\trep outsb" : "+S"(bytes), "+c"(count) : "d"(0xE9) : "memory");
}
static void put32(u32 value) { put_bytes(&value, 4); }
static void put16(u32 value) { put_bytes(&value, 2); }

static u8 baseline[64][PAGE];
static u32 page_count, page_address[64];

/* The stage's pages as the first request block gives them: count, then physical address and contents of each. */
static void read_pages(void) {
  page_count = take32();
  for (u32 page = 0; page < page_count; page++) {
    page_address[page] = take32();
    for (u32 i = 0; i < PAGE; i++) baseline[page][i] = input[i];
    input += PAGE;
  }
}

/* Sixteen bytes a handler: save EAX, load the vector, jump. */
static void write_handlers(void) {
  for (u32 vector = 0; vector < 256; vector++) {
    u8 *code = (u8 *)HANDLERS + vector * 16;
    const u32 linear = 0xC000A000 + vector * 16;
    code[0] = 0x36, code[1] = 0xA3, *(u32 *)(code + 2) = (u32)&state.eax;
    code[6] = 0xB8, *(u32 *)(code + 7) = vector;
    code[11] = 0xE9, *(u32 *)(code + 12) = (u32)leave_case - (linear + 16);
  }
}

static void read_state(void) {
  state.eax = take32(), state.ecx = take32(), state.edx = take32(), state.ebx = take32();
  state.esp = take32(), state.ebp = take32(), state.esi = take32(), state.edi = take32();
  state.eflags = take32(), state.eip = take32();
  state.es = take16(), state.cs = take16(), state.ss = take16();
  state.ds = take16(), state.fs = take16(), state.gs = take16();
  state.cr0 = take32(), state.cr4 = take32(), state.cr3 = DIRECTORY;
}

static u8 before[64][PAGE];

static void set_stage(void) {
  for (u32 page = 0; page < page_count; page++) {
    const u32 *from = (const u32 *)baseline[page];
    u32 *to = (u32 *)page_address[page];
    for (u32 i = 0; i < PAGE / 4; i++) to[i] = from[i];
  }
  for (u32 count = take32(); count > 0; count--) {
    u8 *to = (u8 *)take32();
    u32 length = take32();
    while (length-- > 0) *to++ = *input++;
  }
  for (u32 page = 0; page < page_count; page++) {
    const u32 *from = (const u32 *)page_address[page];
    u32 *to = (u32 *)before[page];
    for (u32 i = 0; i < PAGE / 4; i++) to[i] = from[i];
  }
  /* LTR wants the TSS available; it leaves it busy, as the stage has it. */
  *(u8 *)(TSS_DESCRIPTOR + 5) &= ~2;
}

static u8 changes[1 << 16];

static void report_changes(void) {
  u8 *out = changes;
  u32 count = 0;
  for (u32 page = 0; page < page_count; page++) {
    const u8 *now = (const u8 *)page_address[page];
    for (u32 from = 0; from < PAGE; from++) {
      if ((from & 3) == 0 && *(const u32 *)(now + from) == *(const u32 *)(before[page] + from)) {
        from += 3;
        continue;
      }
      if (now[from] == before[page][from]) continue;
      u32 to = from;
      while (to < PAGE && now[to] != before[page][to]) to++;
      *(u32 *)out = page_address[page] + from, out += 4;
      *(u32 *)out = to - from, out += 4;
      for (u32 i = from; i < to; i++) *out++ = now[i];
      count++;
      from = to;
    }
  }
  put32(count);
  put_bytes(changes, out - changes);
}

static void report(void) {
  put32(state.eax), put32(state.ecx), put32(state.edx), put32(state.ebx);
  put32(state.frame), put32(state.ebp), put32(state.esi), put32(state.edi);
  put16(state.es), put16(state.cs), put16(state.ss), put16(state.ds), put16(state.fs), put16(state.gs);
  put32(state.vector), put32(state.cr2), put32(state.dr6);
  report_changes();
}

__attribute__((noreturn)) void monitor(const u32 *multiboot) {
  /* No interrupt comes from outside: both interrupt controllers masked. */
  __asm__ volatile("outb %0, $0x21\n\toutb %0, $0xA1" : : "a"((u8)0xFF));
  const u32 *module = (const u32 *)multiboot[6];
  input = (const u8 *)module[0];
  const u8 *end = (const u8 *)module[1];
  read_pages();
  while (input + 4 <= end) {
    read_state();
    set_stage();
    write_handlers();
    enter_case();
    report();
  }
  __asm__ volatile("outb %0, $0xF4" : : "a"((u8)0));
  for (;;) __asm__ volatile("hlt");
}
