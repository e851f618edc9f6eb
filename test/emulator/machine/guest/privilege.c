/*
 * What the CPU says to every privileged combination: page protection, segment loads, queries, gates, far transfers, IRET,
 * nested faults, I/O privilege. Each line gives one group of cases, one character a case: '-' for success, a letter for the
 * exception (D #DE, B #DB, U #UD, F #DF, T #TS, N #NP, S #SS, G #GP, P #PF), upper case when the error code names the selector
 * under test, lower case when it is 0, followed by the code in parentheses otherwise.
 *
 * Left out because QEMU does not model them: segment limits of data accesses, 16-bit gates across levels, RF in pushed flags.
 */
#include "machine.h"

enum { FREE = 0x30, SECOND = 0x38, CONFORMING = 0x40, CODE1 = 0x48, TEST_LINEAR = 0xc0000000, TEST_PHYSICAL = 0x800000 };

static u32 directory[1024] __attribute__((aligned(4096)));
static u32 low_table[1024] __attribute__((aligned(4096)));
static u32 test_table[1024] __attribute__((aligned(4096)));
static u8 stack3[4096] __attribute__((aligned(16)));

static struct frame last;
static u32 last_cr2;
static u32 steps;

void trap(struct frame *frame)
{
	if (frame->vector == 1) {
		steps++;
		return;
	}
	last = *frame;
	last_cr2 = read_cr2();
	outcome_return();
}

/* Stubs that a context runs; each ends in int $0x80, whose frame holds the registers. */
#define STUB(name, code) \
	extern u8 name[]; \
	__asm__(".text\n" #name ": " code "; int $0x80")
STUB(stub_nothing, "nop");
STUB(stub_read, "movb (%ecx), %al");
STUB(stub_write, "movb %al, (%ecx)");
STUB(stub_load_ds, "movw %ax, %ds");
STUB(stub_load_ss, "movw %ax, %ss; nop");
STUB(stub_query, "larl %eax, %ecx; setz %dl; lsll %eax, %ebx; setz %dh; rorl $16, %edx; verr %ax; setz %dl; verw %ax; setz %dh");
STUB(stub_int63, "int $63");
STUB(stub_call_far, "lcall *(%ecx)");
STUB(stub_jump_far, "ljmp *(%ecx)");
STUB(stub_divide, "xorl %ecx, %ecx; divl %ecx");
STUB(stub_undefined, "ud2");
STUB(stub_segments, "movw %ds, %ax; shll $16, %eax; movw %es, %ax; movw %fs, %bx; shll $16, %ebx; movw %gs, %bx");
STUB(stub_in, "inb %dx, %al");
STUB(stub_in32, "inl %dx, %eax");
STUB(stub_out, "outb %al, %dx");
STUB(stub_cli, "cli");
STUB(stub_sti, "sti; nop");
STUB(stub_popf, "pushl %eax; popfl; pushfl; popl %eax");
STUB(stub_hlt, "cli; movl %cr0, %eax");
STUB(stub_lmsw, "smsw %ax; lmsw %ax");
STUB(stub_lgdt, "lgdt (%ecx)");
STUB(stub_step, "pushfl; orl $0x100, (%esp); popfl; nop; nop; incl %ecx; pushfl; andl $~0x100, (%esp); popfl; nop");
STUB(stub_step_int, "pushfl; orl $0x100, (%esp); popfl");

static struct context context;

static void prepare(u8 *code, int level)
{
	context.eip = (u32)code;
	context.cs = level ? CODE3 : CODE0;
	context.eflags = 2;
	context.esp = (u32)(stack3 + sizeof stack3 - 64);
	context.ss = level ? DATA3 : DATA0;
	context.ds = context.es = level ? DATA3 : DATA0;
	context.eax = context.ecx = context.edx = context.ebx = 0;
	last.vector = 0xff;
}

/* Prints the outcome of the context that just ran; `expected` is the error code that is not worth printing. */
static void print_outcome(u32 expected)
{
	static const char letters[] = "DBn3OoUMFcTNSGP";
	char text[2] = { 0, 0 };

	if (last.vector == 128 || last.vector == 63) {
		print("-");
		return;
	}
	text[0] = last.vector < 15 ? letters[last.vector] : '?';
	if (last.error == 0)
		text[0] |= 0x20;
	print(text);
	if (last.error != 0 && last.error != expected) {
		print("(");
		print_hex(last.error, 4);
		print(")");
	}
}

static void reload_tables(void)
{
	descriptor(CONFORMING, 0, 0xfffff, 0x9e, 0xc);
	descriptor(CODE1, 0, 0xfffff, 0xba, 0xc);
	descriptor(TSS_SELECTOR, (u32)tss, 25 * 4 + 3, 0x8b, 0);
}

static void paging(int large)
{
	u32 bits, fault;

	for (bits = 0; bits < (large ? 64 : 512); bits++) {
		u32 pde = bits & 7, pte = bits >> 3 & 7, other = large ? bits >> 3 : bits >> 6;
		int write = other & 1, user = other & 2, protect = other & 4;

		directory[TEST_LINEAR >> 22] = large ? TEST_PHYSICAL | LARGE | pde : (u32)test_table | pde;
		test_table[0] = TEST_PHYSICAL | pte;
		write_cr0((read_cr0() & ~0x10000) | (protect ? 0x10000 : 0));
		write_cr3((u32)directory);
		prepare(write ? stub_write : stub_read, user);
		context.ecx = TEST_LINEAR + 0x123;
		run_context(&context);
		fault = last.vector == 14;
		if (bits % 8 == 0) {
			print(bits ? "\n" : "");
			print(large ? "page4m " : "page4k ");
			print_hex(bits, 3);
		}
		print(" ");
		if (fault) {
			print_hex(last.error, 1);
			if (last_cr2 != TEST_LINEAR + 0x123)
				print("!");
		} else
			print("-");
		print_hex((directory[TEST_LINEAR >> 22] >> 5 & 3) << 2 | (large ? 0 : test_table[0] >> 5 & 3), 1);
	}
	print("\n");
	write_cr0(read_cr0() & ~0x10000);
}

static void set_test_descriptor(u32 access)
{
	/* Expand-down data gets limit 0 (4 KiB), so that most of it is inside. */
	descriptor(FREE, 0, (access & 0x1c) == 0x14 ? 0 : 0xfffff, access, 0xc);
}

static void segment_loads(void)
{
	u32 access, combination;

	for (access = 0; access < 256; access++) {
		print("load ");
		print_hex(access, 2);
		print(" ");
		for (combination = 0; combination < 16; combination++) {
			u32 rpl = combination & 3;
			set_test_descriptor(access);
			prepare(combination & 8 ? stub_load_ss : stub_load_ds, combination & 4);
			context.eax = FREE | rpl;
			run_context(&context);
			print_outcome(FREE);
		}
		print(gdt[FREE >> 3][1] >> 8 & 1 ? " a" : " n");
		print("\n");
	}
}

static void queries(void)
{
	u32 access, combination;

	for (access = 0; access < 256; access++) {
		print("query ");
		print_hex(access, 2);
		for (combination = 0; combination < 8; combination++) {
			set_test_descriptor(access);
			prepare(stub_query, combination & 4);
			context.eax = FREE | (combination & 3);
			context.ecx = 0x11111111;
			context.ebx = 0x22222222;
			run_context(&context);
			print(" ");
			print_hex((last.edx >> 16 & 1) | (last.edx >> 23 & 2) | (last.edx & 1) << 2 | (last.edx >> 5 & 8), 1);
			if (combination == 0) {
				print(":");
				print_hex(last.ecx, 8);
				print(":");
				print_hex(last.ebx, 8);
			}
		}
		print("\n");
	}
}

static int is_wide_gate_or_none(u32 access)
{
	u32 type = access & 0x1f;
	return type != 5 && type != 6 && type != 7;
}

static void gates(void)
{
	static const u16 targets[] = { CODE0, CODE3, CONFORMING, DATA0, 0, CODE1, 0x1f8 + 8 };
	u32 access, level, i;

	for (access = 0; access < 256; access++) {
		if (!is_wide_gate_or_none(access))
			continue;
		print("int ");
		print_hex(access, 2);
		print(" ");
		for (level = 0; level < 2; level++) {
			gate(idt[63], CODE0, (u32)trap_table + 16 * 63, access, 0);
			prepare(stub_int63, level);
			run_context(&context);
			print_outcome(63 * 8 + 2);
		}
		print("\n");
	}
	for (i = 0; i < sizeof targets / sizeof *targets; i++) {
		print("int target ");
		print_hex(targets[i], 4);
		print(" ");
		for (level = 0; level < 2; level++) {
			gate(idt[63], targets[i], (u32)trap_table + 16 * 63, 0xee, 0);
			prepare(stub_int63, level);
			run_context(&context);
			print_outcome(targets[i] & 0xfffc);
			print(" ");
			print_hex(last.cs, 4);
			print(" ");
		}
		print("\n");
	}
	gate(idt[63], CODE0, (u32)trap_table + 16 * 63, 0x8e, 0);
}

static void far_transfers(void)
{
	static const u16 targets[] = { CODE0, CODE3, CONFORMING, DATA0, 0, CODE1, 0x1f8 + 8, FREE };
	static struct { u32 offset; u16 selector; } __attribute__((packed)) pointer;
	u32 access, combination, i;

	for (access = 0x10; access < 256; access++) {
		if (!(access & 0x10))
			continue;
		print("far ");
		print_hex(access, 2);
		print(" ");
		for (combination = 0; combination < 16; combination++) {
			set_test_descriptor(access);
			prepare(combination & 8 ? stub_call_far : stub_jump_far, combination & 4);
			pointer.offset = (u32)stub_nothing;
			pointer.selector = FREE | (combination & 3);
			context.ecx = (u32)&pointer;
			run_context(&context);
			print_outcome(FREE);
		}
		print("\n");
	}
	for (access = 0; access < 8; access++)
		for (i = 0; i < sizeof targets / sizeof *targets; i++) {
			u32 byte = 0x0c | (access & 3) << 5 | (access & 4) << 5;
			print("call gate ");
			print_hex(byte, 2);
			print(" ");
			print_hex(targets[i], 4);
			print(" ");
			for (combination = 0; combination < 16; combination++) {
				gate(gdt[FREE >> 3], targets[i], (u32)stub_nothing, byte, 2);
				prepare(combination & 8 ? stub_call_far : stub_jump_far, combination & 4);
				pointer.offset = 0xdeadbeef;
				pointer.selector = FREE | (combination & 3);
				context.ecx = (u32)&pointer;
				run_context(&context);
				print_outcome(FREE);
				if (last.vector == 128)
					print_hex(last.cs, 2);
			}
			print("\n");
		}
}

static void returns(void)
{
	u32 access, combination;

	for (access = 0x10; access < 256; access++) {
		if (!(access & 0x10))
			continue;
		print("iret ");
		print_hex(access, 2);
		print(" ");
		for (combination = 0; combination < 4; combination++) {
			set_test_descriptor(access);
			prepare(stub_nothing, combination);
			context.cs = FREE | combination;
			context.ss = combination ? DATA3 : DATA0;
			if (combination == 1 || combination == 2) {
				descriptor(SECOND, 0, 0xfffff, 0x92 | combination << 5, 0xc);
				context.ss = SECOND | combination;
			}
			context.ds = context.es = DATA0;
			run_context(&context);
			print_outcome(FREE);
		}
		print(" ");
		for (combination = 0; combination < 4; combination++) {
			set_test_descriptor(access);
			prepare(stub_nothing, 1);
			context.ss = FREE | combination;
			run_context(&context);
			print_outcome(FREE);
		}
		print("\n");
	}
	for (combination = 0; combination < 16; combination++) {
		prepare(stub_segments, 1);
		descriptor(FREE, 0, 0xfffff, 0x92 | (combination & 3) << 5, 0xc);
		descriptor(SECOND, 0, 0xfffff, (combination & 4 ? 0x9e : 0x9a) | (combination & 3) << 5, 0xc);
		__asm__ volatile("movw %w0, %%fs; movw %w1, %%gs" : : "r"(FREE), "r"(SECOND));
		context.ds = combination & 8 ? DATA3 : FREE;
		run_context(&context);
		print("null ");
		print_hex(combination, 1);
		print(" ");
		print_hex(last.eax, 8);
		print(" ");
		print_hex(last.ebx, 8);
		print("\n");
	}
	__asm__ volatile("movw %w0, %%fs; movw %w0, %%gs" : : "r"(0));
}

static void nested_faults(void)
{
	static u8 *const stubs[] = { stub_divide, stub_undefined, stub_read, stub_load_ds };
	static const u8 vectors[] = { 0, 6, 14, 13 };
	u32 i, kind, level;

	for (i = 0; i < 4; i++)
		for (kind = 0; kind < 4; kind++)
			for (level = 0; level < 2; level++) {
				u32 *entry = idt[vectors[i]], saved0 = entry[0], saved1 = entry[1];
				if (kind == 1)
					entry[1] &= ~0x8000;			/* not present */
				else if (kind == 2)
					entry[0] = (entry[0] & 0xffff) | DATA0 << 16;	/* no code */
				else if (kind == 3)
					entry[1] &= ~0x1f00;			/* no gate */
				prepare(stubs[i], level);
				context.ecx = TEST_LINEAR + 0x10000000;
				context.eax = 0x1f8 + 8;
				run_context(&context);
				entry[0] = saved0;
				entry[1] = saved1;
				print("nested ");
				print_hex(vectors[i], 2);
				print_hex(kind, 1);
				print_hex(level, 1);
				print(" ");
				print_hex(last.vector, 2);
				print(" ");
				print_hex(last.error, 4);
				print(" ");
				print_hex(last.eip - (u32)stubs[i], 2);
				print("\n");
			}
}

static void io_privilege(void)
{
	static u8 *const stubs[] = { stub_in, stub_in32, stub_out, stub_cli, stub_sti, stub_popf, stub_hlt, stub_lmsw, stub_lgdt };
	static u8 map[136];
	u32 i, iopl, level, port;

	for (i = 0; i < sizeof stubs / sizeof *stubs; i++)
		for (iopl = 0; iopl < 4; iopl += 3)
			for (level = 0; level < 2; level++) {
				if (i == 8 && !level)
					continue;
				prepare(stubs[i], level);
				context.eflags = 2 | iopl << 12;
				context.edx = 0x80;
				context.eax = i == 5 ? 0x243ad7 : 0;
				context.ecx = (u32)map;
				run_context(&context);
				print("io ");
				print_hex(i, 1);
				print_hex(iopl, 1);
				print_hex(level, 1);
				print(" ");
				print_outcome(0);
				if (i == 5) {
					print(" ");
					print_hex(last.eax, 8);
				}
				if (i == 3 || i == 4)
					print_hex(last.eflags >> 9 & 1, 1);
				print("\n");
			}
	/* A TSS with a bitmap of 128 ports: one bit clear, then two. */
	for (i = 0; i < sizeof map; i++)
		map[i] = 0xff;
	for (i = 0; i < 3; i++) {
		u32 *copy = (u32 *)map, j;
		for (j = 0; j < 26; j++)
			copy[j] = tss[j];
		copy[25] = 104 << 16;
		for (j = 104; j < sizeof map; j++)
			map[j] = 0xff;
		if (i > 0)
			map[104 + 16] &= ~0x80;
		if (i > 1)
			map[104 + 17] &= ~7;
		descriptor(SECOND, (u32)map, sizeof map - 1, 0x89, 0);
		__asm__ volatile("ltr %w0" : : "r"(SECOND));
		print("bitmap ");
		print_hex(i, 1);
		for (port = 0x84; port < 0x8e; port++) {
			prepare(stub_in, 1);
			context.edx = port;
			run_context(&context);
			print(" ");
			print_outcome(0);
			prepare(stub_in32, 1);
			context.edx = port;
			run_context(&context);
			print_outcome(0);
		}
		for (port = 0xf8; port < 0x110; port += 7) {
			prepare(stub_in, 1);
			context.edx = port;
			run_context(&context);
			print_outcome(0);
		}
		print("\n");
	}
	descriptor(TSS_SELECTOR, (u32)tss, 26 * 4 - 1, 0x89, 0);
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

static void single_steps(void)
{
	u32 level;

	for (level = 0; level < 2; level++) {
		u32 dr6 = 0;
		__asm__ volatile("movl %0, %%dr6" : : "r"(0));
		steps = 0;
		prepare(stub_step, level);
		run_context(&context);
		__asm__ volatile("movl %%dr6, %0" : "=r"(dr6));
		print("step ");
		print_hex(steps, 2);
		print(" ");
		print_hex(dr6, 8);
		print(" ");
		print_hex(last.eflags, 8);
		steps = 0;
		prepare(stub_step_int, level);
		run_context(&context);
		print(" ");
		print_hex(steps, 2);
		print(" ");
		print_hex(last.eflags, 8);
		print("\n");
	}
}

int main(void)
{
	u32 i;

	outb(0x3fb, 0x80); outb(0x3f8, 1); outb(0x3f9, 0); outb(0x3fb, 3); outb(0x3fa, 1);
	outb(0x21, 0xff); outb(0xa1, 0xff);
	set_up_tables();
	reload_tables();
	for (i = 0; i < 1024; i++)
		low_table[i] = i << 12 | PRESENT | WRITABLE | USER;
	directory[0] = (u32)low_table | PRESENT | WRITABLE | USER;
	write_cr3((u32)directory);
	write_cr0(read_cr0() | 0x80000000);
	paging(0);
	write_cr4(0x10);
	paging(1);
	write_cr4(0);
	segment_loads();
	queries();
	gates();
	far_transfers();
	returns();
	nested_faults();
	io_privilege();
	single_steps();
	print("end\n");
	return 0;
}
