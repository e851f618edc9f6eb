/* What the test guests know of the machine: descriptors, ports, traps. No libc. */
#ifndef MACHINE_H
#define MACHINE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x1b, DATA3 = 0x23, TSS_SELECTOR = 0x28, FREE_SELECTOR = 0x30 };
enum { PRESENT = 1, WRITABLE = 2, USER = 4, ACCESSED = 0x20, DIRTY = 0x40, LARGE = 0x80 };

/* As pushed by trap_common. */
struct frame {
	u32 es, ds, edi, esi, ebp, esp_below, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss;
};

struct context {
	u32 eip, cs, eflags, esp, ss, eax, ecx, edx, ebx, ds, es;
};

extern u32 gdt[][2];
extern u32 idt[][2];
extern u32 tss[];
extern u8 trap_table[];
void run_context(struct context *);
void outcome_return(void) __attribute__((noreturn));
void trap(struct frame *);

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port)
{
	u8 value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static inline u32 read_cr0(void) { u32 v; __asm__ volatile("movl %%cr0, %0" : "=r"(v)); return v; }
static inline u32 read_cr2(void) { u32 v; __asm__ volatile("movl %%cr2, %0" : "=r"(v)); return v; }
static inline void write_cr0(u32 v) { __asm__ volatile("movl %0, %%cr0" : : "r"(v) : "memory"); }
static inline void write_cr3(u32 v) { __asm__ volatile("movl %0, %%cr3" : : "r"(v) : "memory"); }
static inline void write_cr4(u32 v) { __asm__ volatile("movl %0, %%cr4" : : "r"(v) : "memory"); }
static inline void invlpg(u32 v) { __asm__ volatile("invlpg (%0)" : : "r"(v) : "memory"); }

void descriptor(u32 selector, u32 base, u32 limit, u32 access, u32 flags);
void gate(u32 *entry, u32 selector, u32 offset, u32 access, u32 parameters);
void set_up_tables(void);
void print(const char *text);
void print_hex(u32 value, int digits);

#endif
