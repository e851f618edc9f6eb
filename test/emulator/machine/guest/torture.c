/*
 * A guest that does everything at once, for tests of determinism: a fast timer interrupt, ring 3 code under paging with
 * more pages than the TLB holds, demand paging, REP strings across pages, self-modifying code, system calls, HLT, faults.
 * Prints a checksum every now and then and powers off with code 42.
 */
#include "machine.h"

enum { ROUNDS = 1500, POOL = 0x800000, POOL_PAGES = 96, USER_BASE = 0x40000000 };

static u32 directory[1024] __attribute__((aligned(4096)));
static u32 low_table[2][1024] __attribute__((aligned(4096)));
static u32 user_table[1024] __attribute__((aligned(4096)));
static u8 user_stack[4096] __attribute__((aligned(4096)));
static u32 ticks, faults, calls, next_victim;

static void print_state(u32 checksum)
{
	print_hex(checksum, 8);
	print(" ");
	print_hex(faults, 4);
	print(" ");
	print_hex(calls, 4);
	print("\n");
}

static void page_fault(struct frame *frame)
{
	u32 address = read_cr2();
	u32 index = (address - USER_BASE) >> 12;

	faults++;
	if (index >= POOL_PAGES) {
		frame->eip += 2;	/* a wild load of the user's: mov (%ecx), %eax */
		return;
	}
	user_table[index] = (POOL + (index << 12)) | PRESENT | WRITABLE | USER;
	next_victim = (next_victim * 5 + 3) % POOL_PAGES;
	if ((faults & 3) == 0 && next_victim != index) {
		user_table[next_victim] &= ~PRESENT;
		invlpg(USER_BASE + (next_victim << 12));
	}
	if ((faults & 63) == 0)
		write_cr3((u32)directory);
}

void trap(struct frame *frame)
{
	switch (frame->vector) {
	case 0:
		faults++;
		frame->eip += 2;	/* div %ebx */
		return;
	case 14:
		page_fault(frame);
		return;
	case 32:
		ticks++;
		if (ticks % 97 == 0)
			outb(0x3f8, '.');
		outb(0x20, 0x20);
		return;
	case 128:
		calls++;
		if (frame->eax == 1)
			__asm__ volatile("sti; hlt; cli");
		else if (frame->eax == 2)
			print_state(frame->ebx);
		else if (frame->eax == 3) {
			print_state(frame->ebx);
			outcome_return();
		}
		return;
	default:
		print("trap ");
		print_hex(frame->vector, 2);
		print("\n");
		outb(0xf4, 1);
	}
}

static u32 system_call(u32 number, u32 argument)
{
	u32 result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(argument) : "memory");
	return result;
}

static u32 seed = 12345;

static u32 random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static u8 *place(u32 span) { return (u8 *)USER_BASE + random() % (POOL_PAGES * 4096 - span); }

/* mov $imm32, %eax; xor $imm8, %al; ret: rewritten and called. */
static u32 modified_code(u32 value)
{
	u8 *code = (u8 *)USER_BASE + 17 * 4096 + (random() & 0xff0);
	code[0] = 0xb8;
	*(u32 *)(code + 1) = value;
	code[5] = 0x34;
	code[6] = (u8)(value >> 3);
	code[7] = 0xc3;
	return ((u32(*)(void))code)();
}

static void user_main(void)
{
	u32 round, checksum = 1, n, value;
	u8 *from, *to;

	for (round = 0; round < ROUNDS; round++) {
		value = random();
		switch (value % 11) {
		case 0:
			n = random() % 6000;
			from = place(n);
			to = place(n);
			__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
			break;
		case 1:
			n = random() % 3000;
			to = place(4 * n);
			__asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory");
			break;
		case 2:
			n = 2000;
			from = place(n);
			__asm__ volatile("repne scasb" : "+D"(from), "+c"(n) : "a"(value) : "cc");
			checksum += n;
			break;
		case 3:
			checksum ^= modified_code(value);
			break;
		case 4:
			system_call(value & 16 ? 1 : 0, 0);
			break;
		case 5:
			__asm__ volatile("xorl %%edx, %%edx; divl %%ebx" : "+a"(value) : "b"(random() & 3) : "edx", "cc");
			checksum += value;
			break;
		case 6:
			__asm__ volatile("movl (%%ecx), %%eax" : "=a"(value) : "c"(0x90000000 + value), "a"(7));
			checksum += value;
			break;
		case 7:
			for (n = 0; n < 200; n++) {
				u32 *word = (u32 *)place(4);
				*word = *word * 3 + n;
				checksum += *word;
			}
			break;
		case 8:
			for (n = 0; n < POOL_PAGES; n += 1 + value % 7)
				checksum = checksum * 31 + *(volatile u8 *)(USER_BASE + n * 4096 + n);
			break;
		case 9:
			for (n = 0; n < 300; n++)
				checksum = (checksum << 5 | checksum >> 27) ^ n * value;
			break;
		default:
			n = 500;
			from = place(n);
			to = place(n);
			__asm__ volatile("std; rep movsw; cld" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
			break;
		}
		if (round % 100 == 99)
			system_call(2, checksum);
	}
	system_call(3, checksum);
}

int main(void)
{
	static struct context context;
	u32 i;

	set_up_tables();
	for (i = 0; i < 2048; i++)
		low_table[i >> 10][i & 1023] = i << 12 | PRESENT | WRITABLE | USER;
	directory[0] = (u32)low_table[0] | PRESENT | WRITABLE | USER;
	directory[1] = (u32)low_table[1] | PRESENT | WRITABLE | USER;
	directory[USER_BASE >> 22] = (u32)user_table | PRESENT | WRITABLE | USER;
	write_cr3((u32)directory);
	write_cr0(read_cr0() | 0x80010000);

	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1); outb(0x21, 0xfe);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 2); outb(0xa1, 1); outb(0xa1, 0xff);
	outb(0x43, 0x34); outb(0x40, 61); outb(0x40, 0);	/* every 51 microseconds */
	outb(0x3fb, 0x80); outb(0x3f8, 1); outb(0x3f9, 0); outb(0x3fb, 3); outb(0x3fa, 1);

	context.eip = (u32)user_main;
	context.cs = CODE3;
	context.eflags = 0x202;
	context.esp = (u32)(user_stack + sizeof user_stack);
	context.ss = DATA3;
	context.ds = context.es = DATA3;
	run_context(&context);
	__asm__ volatile("cli");
	return 42;
}
