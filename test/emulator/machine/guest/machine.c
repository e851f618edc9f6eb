/* Tables and console of the test guests. */
#include "machine.h"

u32 gdt[64][2] __attribute__((aligned(16)));
u32 idt[256][2] __attribute__((aligned(16)));
u32 tss[26];
static u8 kernel_stack[4096] __attribute__((aligned(16)));

void descriptor(u32 selector, u32 base, u32 limit, u32 access, u32 flags)
{
	u32 *entry = gdt[selector >> 3];
	entry[0] = base << 16 | (limit & 0xffff);
	entry[1] = (base & 0xff000000) | flags << 20 | (limit & 0xf0000) | access << 8 | (base >> 16 & 0xff);
}

void gate(u32 *entry, u32 selector, u32 offset, u32 access, u32 parameters)
{
	entry[0] = selector << 16 | (offset & 0xffff);
	entry[1] = (offset & 0xffff0000) | access << 8 | parameters;
}

void set_up_tables(void)
{
	struct { u16 limit; u32 base; } __attribute__((packed)) gdtr = { sizeof gdt - 1, (u32)gdt }, idtr = { sizeof idt - 1, (u32)idt };
	int i;

	descriptor(CODE0, 0, 0xfffff, 0x9a, 0xc);
	descriptor(DATA0, 0, 0xfffff, 0x92, 0xc);
	descriptor(CODE3, 0, 0xfffff, 0xfa, 0xc);
	descriptor(DATA3, 0, 0xfffff, 0xf2, 0xc);
	descriptor(TSS_SELECTOR, (u32)tss, sizeof tss - 1, 0x89, 0);
	tss[1] = (u32)(kernel_stack + sizeof kernel_stack);
	tss[2] = DATA0;
	tss[25] = sizeof tss << 16;
	for (i = 0; i < 64; i++)
		gate(idt[i], CODE0, (u32)trap_table + 16 * i, 0x8e, 0);
	gate(idt[128], CODE0, (u32)trap_table + 16 * 64, 0xee, 0);
	__asm__ volatile("lgdt %0; lidt %1; ljmp $0x08, $1f; 1:\n\t"
			 "movl $0x10, %%eax; movl %%eax, %%ds; movl %%eax, %%es; movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax; movl %%eax, %%fs; movl %%eax, %%gs; lldt %%ax; movw $0x28, %%ax; ltr %%ax"
			 : : "m"(gdtr), "m"(idtr) : "eax", "memory");
}

void print(const char *text)
{
	while (*text) {
		while (!(inb(0x3fd) & 0x20))
			;
		outb(0x3f8, *text++);
	}
}

void print_hex(u32 value, int digits)
{
	char text[9];
	int i;

	for (i = 0; i < digits; i++)
		text[i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 15];
	text[digits] = 0;
	print(text);
}
