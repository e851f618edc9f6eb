/*
 * Runs snippets of 32-bit user code on the processor of the host, each from a given state, and reports the state in
 * which each ended. Freestanding: no libc and no thread-local storage, so that snippets may load any segment register.
 *
 * How: every snippet runs inside a signal return. The handler of SIGSEGV, SIGTRAP, SIGFPE, SIGILL and SIGBUS finds the
 * final state of a snippet in the signal frame, writes it to the output, puts the next snippet's state into the same
 * frame and returns into it. The code pages are filled with INT3 (0xCC), so a snippet that ends normally ends there.
 *
 * Input (stdin, little endian), a sequence of requests:
 *   u32 registers[8] (EAX ECX EDX EBX ESP EBP ESI EDI), u32 eflags, u32 eip, u16 selectors[6] (ES CS SS DS FS GS),
 *   u32 traps to let pass (single-step traps), u32 patch count, then per patch: u32 address, u32 length, bytes
 * Output (stdout), one result per request:
 *   u32 registers[8], u32 eflags, u32 eip, u16 selectors[6], u32 vector, u32 error code, u32 CR2, u32 change count,
 *   then per change: u32 address, u32 length, bytes
 * The vector is the trap number of the signal frame; 0xFFFE means that the snippet ran into the time limit.
 *
 * The memory map and the local descriptor table are those of ../stage.ts and must stay equal to them.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { SYS_exit = 1, SYS_read = 3, SYS_write = 4, SYS_setitimer = 104, SYS_modify_ldt = 123, SYS_mprotect = 125, SYS_rt_sigaction = 174, SYS_sigaltstack = 186, SYS_mmap2 = 192 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGALRM = 14 };
enum { PAGE = 4096, TIME_LIMIT = 0xFFFE };

static inline int system_call(int number, u32 a, u32 b, u32 c, u32 d, u32 e) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
}

/* mmap2 has a sixth argument, in EBP. */
static int map(u32 address, u32 length, u32 protection, u32 flags) {
  int result;
  __asm__ volatile("push %%ebp\n\txor %%ebp, %%ebp\n\tint $0x80\n\tpop %%ebp"
                   : "=a"(result)
                   : "a"(SYS_mmap2), "b"(address), "c"(length), "d"(protection), "S"(flags), "D"(-1)
                   : "memory");
  return result;
}

struct page {
  u32 address;
  u32 is_code;
  u32 is_read_only;
};

static const struct page pages[] = {
    {0x00001000, 0, 0}, {0x00002000, 1, 0}, {0x00400000, 1, 0}, {0x00500000, 0, 0},
    {0x00501000, 0, 0}, {0x00503000, 0, 1}, {0x00600000, 0, 0},
};
enum { PAGES = sizeof pages / sizeof pages[0] };

static u32 background[PAGES][PAGE / 4];
static u32 initial[PAGES][PAGE / 4];

/* struct user_desc of Linux. */
struct descriptor {
  u32 entry, base, limit, flags;
};
enum { SEG32 = 1, DATA = 0, EXPAND_DOWN = 2, CODE = 4, LESS = 8, PAGES_LIMIT = 16, ABSENT = 32 };
static const struct descriptor local_descriptors[] = {
    {0, 0x00500000, 0xFFF, SEG32 | DATA},          /* 07: data */
    {1, 0x00500000, 0xFFF, SEG32 | DATA | LESS},   /* 0F: read-only data */
    {2, 0x00500000, 0x7FF, SEG32 | EXPAND_DOWN},   /* 17: expand-down data */
    {3, 0x00400000, 0xFFF, SEG32 | CODE | LESS},   /* 1F: execute-only code */
    {4, 0x00400000, 0xFFF, SEG32 | CODE},          /* 27: readable code */
    {6, 0x00500000, 0xFFF, SEG32 | DATA | ABSENT}, /* 37: absent data */
    {7, 0x00600000, 0xFFF, DATA},                  /* 3F: 16-bit stack */
    {8, 0x00600000, 0xFFF, SEG32 | DATA},          /* 47: 32-bit stack with a limit */
    {9, 0x00400000, 0xFFF, CODE},                  /* 4F: 16-bit code */
    {10, 0x00400000, 0xFFF, SEG32 | CODE | ABSENT}, /* 57: absent code */
};

struct signal_frame {
  u32 flags, link, stack_base, stack_flags, stack_size;
  u16 gs, gs_high, fs, fs_high, es, es_high, ds, ds_high;
  u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error_code, eip;
  u16 cs, cs_high;
  u32 eflags, esp_at_signal;
  u16 ss, ss_high;
  u32 floating_point_state, old_mask, cr2;
};

enum { BUFFER = 192 << 20 };
static u8 *input, *input_end, *output, *output_start;
static u32 started, traps_left, snippets, snippets_at_alarm;

static u32 take32(void) {
  u32 value = *(u32 *)input;
  input += 4;
  return value;
}
static u16 take16(void) {
  u16 value = *(u16 *)input;
  input += 2;
  return value;
}
static void put32(u32 value) {
  *(u32 *)output = value;
  output += 4;
}
static void put16(u16 value) {
  *(u16 *)output = value;
  output += 2;
}

__attribute__((noreturn)) static void leave(int code) {
  for (;;) system_call(SYS_exit, code, 0, 0, 0, 0);
}

static void flush_output(void) {
  u8 *from = output_start;
  while (from < output) {
    int written = system_call(SYS_write, 1, (u32)from, output - from, 0, 0);
    if (written <= 0) leave(3);
    from += written;
  }
}

static void write_changes(void) {
  u8 *count_at = output;
  u32 count = 0;
  put32(0);
  for (u32 page = 0; page < PAGES; page++) {
    const u32 *now = (const u32 *)pages[page].address;
    const u8 *bytes = (const u8 *)now, *before = (const u8 *)initial[page];
    for (u32 word = 0; word < PAGE / 4; word++) {
      if (now[word] == initial[page][word]) continue;
      u32 from = word * 4, to;
      while (bytes[from] == before[from]) from++;
      for (to = from; to < PAGE && bytes[to] != before[to]; to++) continue;
      put32(pages[page].address + from);
      put32(to - from);
      for (u32 i = from; i < to; i++) *output++ = bytes[i];
      count++;
      /* The same word may hold a second change behind an unchanged byte. */
      u32 word_end = (to + 3) & ~3u;
      for (u32 i = to; i < word_end && i < PAGE; i++) {
        if (bytes[i] == before[i]) continue;
        put32(pages[page].address + i);
        put32(1);
        *output++ = bytes[i];
        count++;
      }
      word = word_end / 4 - 1;
    }
  }
  *(u32 *)count_at = count;
}

static void write_result(const struct signal_frame *frame, u32 vector) {
  put32(frame->eax), put32(frame->ecx), put32(frame->edx), put32(frame->ebx);
  put32(frame->esp), put32(frame->ebp), put32(frame->esi), put32(frame->edi);
  put32(frame->eflags), put32(frame->eip);
  put16(frame->es), put16(frame->cs), put16(frame->ss), put16(frame->ds), put16(frame->fs), put16(frame->gs);
  put32(vector), put32(frame->error_code), put32(frame->cr2);
  write_changes();
}

static void restore_background(void) {
  for (u32 page = 0; page < PAGES; page++) {
    if (pages[page].is_read_only) continue;
    u32 *now = (u32 *)pages[page].address;
    for (u32 word = 0; word < PAGE / 4; word++) now[word] = initial[page][word] = background[page][word];
  }
}

static void patch(u32 address, u32 length, const u8 *bytes) {
  for (u32 i = 0; i < length; i++) {
    u32 at = address + i;
    for (u32 page = 0; page < PAGES; page++) {
      if (at - pages[page].address >= PAGE || pages[page].is_read_only) continue;
      *(u8 *)at = bytes[i];
      ((u8 *)initial[page])[at - pages[page].address] = bytes[i];
    }
  }
}

static void read_request(struct signal_frame *frame) {
  frame->eax = take32(), frame->ecx = take32(), frame->edx = take32(), frame->ebx = take32();
  frame->esp = take32(), frame->ebp = take32(), frame->esi = take32(), frame->edi = take32();
  frame->eflags = take32(), frame->eip = take32();
  frame->es = take16(), frame->cs = take16(), frame->ss = take16();
  frame->ds = take16(), frame->fs = take16(), frame->gs = take16();
  traps_left = take32();
  for (u32 count = take32(); count > 0; count--) {
    u32 address = take32(), length = take32();
    patch(address, length, input);
    input += length;
  }
}

__attribute__((used)) static void handle_signal(int signal, void *information, struct signal_frame *frame) {
  (void)information;
  u32 vector = frame->vector;
  if (signal == SIGALRM) {
    if (snippets != snippets_at_alarm) {
      snippets_at_alarm = snippets;
      return;
    }
    vector = TIME_LIMIT;
  }
  if (started) {
    if (vector == 1 && traps_left > 0) {
      traps_left--;
      return;
    }
    write_result(frame, vector);
  }
  started = 1;
  snippets++;
  if (input >= input_end) {
    flush_output();
    leave(0);
  }
  restore_background();
  read_request(frame);
}

__asm__(".globl restore_signal\nrestore_signal:\n\tmov $173, %eax\n\tint $0x80\n");
extern void restore_signal(void);

/* The kernel leaves AC, NT and ID of the snippet in the handler's flags: clear them before anything else. */
__asm__(".globl enter_handler\nenter_handler:\n\tpushl $2\n\tpopfl\n\tjmp handle_signal\n");
extern void enter_handler(int, void *, struct signal_frame *);

static void catch_signal(int signal) {
  struct {
    void (*handler)(int, void *, struct signal_frame *);
    u32 flags;
    void (*restorer)(void);
    u32 mask[2];
  } action = {enter_handler, 4 /* SA_SIGINFO */ | 0x04000000 /* SA_RESTORER */ | 0x08000000 /* SA_ONSTACK */, restore_signal, {~0u, ~0u}};
  if (system_call(SYS_rt_sigaction, signal, (u32)&action, 0, 8, 0) != 0) leave(4);
}

/* The word at an address of a data page: a multiplicative hash of the word's address; stage.ts has the same. */
static u32 background_word(u32 address) {
  u32 hash = address * 0x9E3779B1u;
  return hash ^ (hash >> 15);
}

static u8 signal_stack[65536];

__attribute__((noreturn, used)) static void start(void) {
  for (u32 page = 0; page < PAGES; page++) {
    const int at = map(pages[page].address, PAGE, 7, 0x100032 /* PRIVATE | FIXED_NOREPLACE | ANONYMOUS */);
    if ((u32)at != pages[page].address) leave(2);
    for (u32 word = 0; word < PAGE / 4; word++) {
      const u32 value = pages[page].is_code ? 0xCCCCCCCCu : background_word(pages[page].address + word * 4);
      ((u32 *)pages[page].address)[word] = background[page][word] = initial[page][word] = value;
    }
    if (pages[page].is_read_only) system_call(SYS_mprotect, pages[page].address, PAGE, 1, 0, 0);
  }
  for (u32 i = 0; i < sizeof local_descriptors / sizeof local_descriptors[0]; i++) {
    struct descriptor copy = local_descriptors[i];
    if (system_call(SYS_modify_ldt, 0x11, (u32)&copy, sizeof copy, 0, 0) != 0) leave(5);
  }
  input = (u8 *)map(0, BUFFER, 3, 0x4022 /* PRIVATE | ANONYMOUS | NORESERVE */);
  output = output_start = (u8 *)map(0, BUFFER, 3, 0x4022);
  input_end = input;
  for (int got = 1; got > 0; input_end += got) {
    got = system_call(SYS_read, 0, (u32)input_end, input + BUFFER - input_end, 0, 0);
    if (got < 0) leave(6);
  }
  struct {
    void *base;
    u32 flags, size;
  } stack = {signal_stack, 0, sizeof signal_stack};
  system_call(SYS_sigaltstack, (u32)&stack, 0, 0, 0, 0);
  catch_signal(SIGILL), catch_signal(SIGTRAP), catch_signal(SIGBUS);
  catch_signal(SIGFPE), catch_signal(SIGSEGV), catch_signal(SIGALRM);
  const u32 half_a_second[4] = {0, 500000, 0, 500000};
  system_call(SYS_setitimer, 0, (u32)half_a_second, 0, 0, 0);
  __asm__ volatile("int3");
  leave(7);
}

__asm__(".globl _start\n_start:\n\tand $-16, %esp\n\tcall start\n");
