/*
 * Start-up and trap entry shared by the test guests of this folder. Loaded at 1 MiB by a Multiboot loader (QEMU's -kernel)
 * or by the test itself, entered in flat 32-bit protected mode with interrupts off.
 */
	.section .multiboot, "a"
	.balign 4
	.long	0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
	/* address header: header, load, load end, bss end, entry */
	.long	multiboot_header, load_start, load_end, bss_end, start

	.text
	.globl	start, outcome_return, trap_table, run_context
start:
	cld
	movl	$boot_stack_top, %esp
	pushl	$0
	popfl
	call	main
	movl	%eax, %ebx
1:	movw	$0x3fd, %dx		/* let the UART drain */
	inb	%dx, %al
	testb	$0x40, %al
	jz	1b
	movl	%ebx, %eax
	outb	%al, $0xf4
	cli
	hlt

/* Stubs for vectors 0 to 63 and 128: each pushes an error code when the CPU did not, and its vector. */
	.balign	16
trap_table:
	.set	i, 0
	.rept	64
	.balign	16
	.if	(i == 8) || (i >= 10 && i <= 14) || (i == 17)
	nop
	nop
	.else
	pushl	$0
	.endif
	pushl	$i
	jmp	trap_common
	.set	i, i + 1
	.endr
	.balign	16
	pushl	$0
	pushl	$128
	jmp	trap_common

trap_common:
	pushal
	pushl	%ds
	pushl	%es
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	cld
	pushl	%esp
	call	trap
	addl	$4, %esp
	popl	%es
	popl	%ds
	popal
	addl	$8, %esp
	iret

/*
 * unsigned run_context(struct context *): saves the caller and goes to the context by IRET; trap() comes back by
 * outcome_return(), which makes run_context return. Context: eip cs eflags esp ss, then eax ecx edx ebx, ds es.
 */
run_context:
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	20(%esp), %esi
	movl	%esp, saved_esp
	testl	$3, 4(%esi)
	jz	2f
	pushl	16(%esi)		/* outer: ss esp too */
	pushl	12(%esi)
2:	pushl	8(%esi)
	pushl	4(%esi)
	pushl	0(%esi)
	movl	20(%esi), %eax
	movl	24(%esi), %ecx
	movl	28(%esi), %edx
	movl	32(%esi), %ebx
	movw	36(%esi), %ds
	movw	%cs:40(%esi), %es
	iret
outcome_return:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	saved_esp, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

	.bss
	.balign	16
saved_esp: .long 0
	.balign	4096
boot_stack:
	.skip	16384
boot_stack_top:
