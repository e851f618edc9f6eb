/*
 * What the interrupt controller, the timer and the UART answer where the answer does not depend on time: registers, priorities,
 * end of interrupt, modes, status, loopback. One line a step.
 *
 * Left out because QEMU does not follow the data sheets: OUT of an 8254 that has no count yet, its null count bit, requests of
 * an 8259 in edge mode whose line falls before INTA.
 */
#include "machine.h"

enum { PIC = 0x20, UART = 0x3f8 };

void trap(struct frame *frame)
{
	print("trap ");
	print_hex(frame->vector, 2);
	print("\n");
	outb(0xf4, 1);
}

static void drain(void)
{
	while ((inb(UART + 5) & 0x60) != 0x60)
		;
}

static void wait_long(void)
{
	volatile u32 i;
	for (i = 0; i < 300000; i++)
		;
}

static void show(const char *name, u32 value, int digits)
{
	print(name);
	print(" ");
	print_hex(value, digits);
	print("\n");
}

static u8 irr(void) { outb(PIC, 0x0a); return inb(PIC); }
static u8 isr(void) { outb(PIC, 0x0b); return inb(PIC); }
static u8 poll_pic(void) { outb(PIC, 0x0c); return inb(PIC); }

static void init_pic(u8 icw4)
{
	outb(PIC, 0x11);
	outb(PIC + 1, 0x20);
	outb(PIC + 1, 4);
	outb(PIC + 1, icw4);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0xa1, 0xff);
}

/* IRQ 0: counter 0 in mode 0 goes low at the control word and high when it has counted. */
static void timer_low(void) { outb(0x43, 0x30); }
static void timer_edge(void)
{
	timer_low();
	outb(0x40, 5);
	outb(0x40, 0);
	wait_long();
}

/* IRQ 4: the transmitter-empty interrupt. */
static void serial_edge(void)
{
	drain();
	outb(UART + 1, 0);
	outb(UART + 1, 2);
}

static void serial_low(void) { outb(UART + 1, 0); }

static void pic_state(const char *name)
{
	u8 request = irr(), service = isr(), mask = inb(PIC + 1);
	serial_low();
	print(name);
	print(" irr ");
	print_hex(request & 0x11, 2);
	print(" isr ");
	print_hex(service, 2);
	print(" imr ");
	print_hex(mask, 2);
	print("\n");
}

static void controller(void)
{
	u8 first, second, third;

	timer_low();
	init_pic(1);
	pic_state("initialised");
	outb(PIC + 1, 0xa5);
	pic_state("masked");
	outb(PIC + 1, 0x00);
	timer_edge();
	first = poll_pic();
	second = poll_pic();
	show("poll timer", first << 8 | second, 4);
	pic_state("in service");
	outb(PIC, 0x20);
	pic_state("ended");
	outb(PIC + 1, 0x01);
	timer_edge();
	first = irr() & 1;
	second = poll_pic();
	outb(PIC + 1, 0x00);
	third = poll_pic();
	show("masked request", first << 16 | second << 8 | third, 6);
	outb(PIC, 0x60);
	pic_state("specific end");

	/* Both requests, in order of priority; the lower one waits for the end of the higher. */
	timer_edge();
	serial_edge();
	first = poll_pic();
	second = poll_pic();
	outb(PIC, 0x20);
	third = poll_pic();
	serial_low();
	show("two requests", first << 16 | second << 8 | third, 6);
	outb(PIC, 0x20);
	pic_state("both ended");

	/* Lowest priority to input 0: now input 4 comes first. */
	outb(PIC, 0xc0);
	timer_edge();
	serial_edge();
	first = poll_pic();
	outb(PIC, 0x20);
	second = poll_pic();
	outb(PIC, 0x20);
	serial_low();
	show("rotated", first << 8 | second, 4);
	outb(PIC, 0xc7);

	/* A rotating end makes the one that ended the lowest. */
	timer_edge();
	first = poll_pic();
	outb(PIC, 0xa0);
	timer_edge();
	serial_edge();
	second = poll_pic();
	outb(PIC, 0xe4);
	third = poll_pic();
	serial_low();
	show("rotating ends", first << 16 | second << 8 | third, 6);
	outb(PIC, 0x60);
	outb(PIC, 0xc7);
	pic_state("after rotation");

	/* Input 0 in service and masked, special mask mode: input 4 may come. */
	timer_edge();
	first = poll_pic();
	serial_edge();
	outb(PIC + 1, 0x01);
	second = poll_pic();
	outb(PIC, 0x68);
	third = poll_pic();
	serial_low();
	show("special mask", first << 16 | second << 8 | third, 6);
	outb(PIC, 0x64);
	outb(PIC, 0x60);
	outb(PIC, 0x48);
	pic_state("special mask off");

	init_pic(3);
	timer_edge();
	first = poll_pic();
	show("automatic end", first << 8 | isr(), 4);
	init_pic(1);
	outb(PIC + 1, 0xff);
}

/* Status without null count, which QEMU always gives as 0. */
static u8 timer_status(int counter)
{
	outb(0x43, 0xe0 | 2 << counter);
	return inb(0x40 + counter) & ~0x40;
}

static void timer(void)
{
	u32 mode, access;

	outb(0x61, 0);
	for (mode = 0; mode < 6; mode++)
		for (access = 1; access < 4; access++) {
			outb(0x43, 0x80 | access << 4 | mode << 1 | (access == 2));
			show("status 2", timer_status(2) & 0x3f, 2);
		}
	outb(0x43, 0x30);
	outb(0x40, 0x10);
	outb(0x40, 0);
	wait_long();
	show("status 0 counted", timer_status(0), 2);
	outb(0x43, 0x34);
	show("status 0 mode 2", timer_status(0) & 0x3f, 2);
	/* A latched count stays: two latches, one count; high byte after low byte. */
	outb(0x40, 0);
	outb(0x40, 0x80);
	outb(0x43, 0x00);
	access = inb(0x40);
	access |= inb(0x40) << 8;
	show("latched in range", access > 0x7000 && access <= 0x8000, 1);
	outb(0x43, 0x14);
	outb(0x40, 2);
	wait_long();
	access = inb(0x40);
	show("short count", access == 1 || access == 2, 1);
	outb(0x43, 0x30);
}

static void serial(void)
{
	u32 i, value;

	print("registers");
	drain();
	outb(UART + 7, 0x5a);
	value = inb(UART + 7);
	outb(UART + 3, 0x83);
	value = value << 8 | inb(UART + 3);
	value = value << 8 | inb(UART);
	value = value << 8 | inb(UART + 1);
	outb(UART + 3, 0x03);
	show("", value, 8);
	drain();
	outb(UART + 1, 0xff);
	value = inb(UART + 1);
	outb(UART + 1, 0);
	show("interrupt enable", value, 2);
	drain();
	outb(UART + 2, 0);
	value = inb(UART + 2);
	outb(UART + 2, 1);
	value = value << 8 | inb(UART + 2);
	outb(UART + 2, 0xc7);
	value = value << 8 | inb(UART + 2);
	show("identification", value, 6);
	drain();
	outb(UART + 1, 2);
	value = inb(UART + 2);
	value = value << 8 | inb(UART + 2);
	outb(UART + 1, 0);
	outb(UART + 1, 2);
	value = value << 8 | inb(UART + 2);
	outb(UART + 1, 0);
	show("transmitter empty", value, 6);
	show("line status", inb(UART + 5) & 0x1f, 2);

	/* Loopback: modem controls appear as modem status. */
	drain();
	inb(UART + 6);
	for (i = 0; i < 16; i++) {
		outb(UART + 4, 0x10 | i);
		value = inb(UART + 6);
		outb(UART + 4, 0x00);
		inb(UART + 6);
		show("loop status", value >> 4, 1);
		drain();
	}
	/* Loopback: three bytes, at the trigger level of one. */
	outb(UART + 2, 0x07);
	outb(UART + 1, 0x01);
	outb(UART + 4, 0x1b);
	for (i = 0; i < 3; i++)
		outb(UART, 0x41 + i);
	drain();
	value = inb(UART + 2);
	value = value << 8 | (inb(UART + 5) & 0x1f);
	for (i = 0; i < 3; i++)
		value = value << 4 | (inb(UART) & 15);
	value = value << 4 | (inb(UART + 5) & 1);
	outb(UART + 1, 0);
	outb(UART + 4, 0);
	show("loop data", value, 8);
	drain();
	/* Loopback without FIFO: the second byte overruns the first. */
	outb(UART + 2, 0);
	outb(UART + 4, 0x10);
	outb(UART, 0x55);
	wait_long();
	outb(UART, 0x66);
	wait_long();
	value = inb(UART + 5) & 0x1f;
	value = value << 8 | (inb(UART + 5) & 0x1f);
	value = value << 8 | inb(UART);
	value = value << 8 | (inb(UART + 5) & 0x1f);
	outb(UART + 4, 0);
	outb(UART + 2, 1);
	show("loop overrun", value, 8);
}

int main(void)
{
	outb(UART + 3, 0x80);
	outb(UART, 1);
	outb(UART + 1, 0);
	outb(UART + 3, 3);
	outb(UART + 2, 1);
	outb(UART + 4, 8);
	set_up_tables();
	controller();
	outb(UART + 4, 0);
	timer();
	serial();
	print("end\n");
	return 7;
}
