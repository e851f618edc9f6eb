/* Entry points of the monitor (monitor.c): boot, start of a case, end of a case. Runs at its physical address. */

        .set    MAGIC, 0x1BADB002
        .section .multiboot, "a"
        .align  4
        .long   MAGIC, 0, -MAGIC

        .text
        .globl  _start
_start: cli
        movl    $monitor_stack_top, %esp
        pushl   %ebx                    /* multiboot information */
        lgdt    monitor_gdtr
        ljmp    $0x08, $1f
1:      call    load_data_segments
        call    monitor
        jmp     .

load_data_segments:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        ret

/*
 * Leaves for the case in `state`: turns paging on with the case's tables, loads every register, and goes. Operands are read
 * through CS, because the data segments are the case's before its registers are loaded.
 */
        .globl  enter_case
enter_case:
        pushal
        movl    %esp, monitor_esp
        movl    state_cr4, %eax
        movl    %eax, %cr4
        movl    state_cr3, %eax
        movl    %eax, %cr3
        movl    state_cr0, %eax
        movl    %eax, %cr0
        jmp     1f
1:      lgdt    case_gdtr
        lidt    case_idtr
        movw    $0x40, %ax
        ltr     %ax
        movw    $0x50, %ax
        lldt    %ax
        xorl    %eax, %eax
        movl    %eax, %dr7
        movl    %eax, %dr6
        movl    %eax, %cr2
        movl    $0x18, %eax
        movl    %eax, %ss               /* the case's table has flat data there */
        movl    %eax, %ds
        testl   $3, state_cs
        jz      2f
        /* To an outer level: IRET loads SS, ESP, CS, EIP and EFLAGS at once. */
        pushl   state_ss
        pushl   state_esp
        pushl   state_eflags
        pushl   state_cs
        pushl   state_eip
        movw    state_gs, %gs
        movw    state_fs, %fs
        movw    state_es, %es
        movl    state_ebp, %ebp
        movl    state_edi, %edi
        movl    state_esi, %esi
        movl    state_ebx, %ebx
        movl    state_edx, %edx
        movl    state_ecx, %ecx
        movl    state_eax, %eax
        movw    %cs:state_ds, %ds
        iret
        /* At level 0: no stack may be touched after the case's is loaded. */
2:      pushl   state_eflags
        popfl
        movw    state_gs, %gs
        movw    state_fs, %fs
        movw    state_es, %es
        movl    state_ebp, %ebp
        movl    state_edi, %edi
        movl    state_esi, %esi
        movl    state_ebx, %ebx
        movl    state_edx, %edx
        movl    state_ecx, %ecx
        movl    state_eax, %eax
        lss     state_esp, %esp         /* ESP and SS lie together */
        movw    %cs:state_ds, %ds
        ljmp    *%cs:state_eip          /* EIP and CS lie together */

/*
 * The handlers of the case's IDT come here with EAX saved and the vector in EAX. SS is flat, nothing else is sure.
 */
        .globl  leave_case
leave_case:
        movl    %eax, %ss:state_vector
        movl    %ecx, %ss:state_ecx
        movl    %edx, %ss:state_edx
        movl    %ebx, %ss:state_ebx
        movl    %esp, %ss:state_frame
        movl    %ebp, %ss:state_ebp
        movl    %esi, %ss:state_esi
        movl    %edi, %ss:state_edi
        xorl    %eax, %eax
        movw    %ds, %ax
        movl    %eax, %ss:state_ds
        movw    %es, %ax
        movl    %eax, %ss:state_es
        movw    %fs, %ax
        movl    %eax, %ss:state_fs
        movw    %gs, %ax
        movl    %eax, %ss:state_gs
        movw    %ss, %ax
        movl    %eax, %ss:state_ss
        movl    %cr2, %eax
        movl    %eax, %ss:state_cr2
        movl    %dr6, %eax
        movl    %eax, %ss:state_dr6
        movl    $0x11, %eax             /* PE, ET: paging off, at an address that is the same without */
        movl    %eax, %cr0
        jmp     1f
1:      xorl    %eax, %eax
        movl    %eax, %cr3
        movl    %eax, %cr4
        lgdt    %cs:monitor_gdtr
        ljmp    $0x08, $2f
2:      movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    monitor_esp, %esp
        popal
        ret

        .data
        .align  8
monitor_gdt:
        .quad   0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
monitor_gdtr:
        .word   23
        .long   monitor_gdt
case_gdtr:
        .word   16 * 8 - 1
        .long   0xC0004000
case_idtr:
        .word   256 * 8 - 1
        .long   0xC0005000

        .globl  state
        .align  16
state:
state_eax:      .long 0
state_ecx:      .long 0
state_edx:      .long 0
state_ebx:      .long 0
state_esp:      .long 0
state_ss:       .long 0
state_ebp:      .long 0
state_esi:      .long 0
state_edi:      .long 0
state_eip:      .long 0
state_cs:       .long 0
state_eflags:   .long 0
state_es:       .long 0
state_ds:       .long 0
state_fs:       .long 0
state_gs:       .long 0
state_cr0:      .long 0
state_cr3:      .long 0
state_cr4:      .long 0
state_cr2:      .long 0
state_dr6:      .long 0
state_vector:   .long 0
state_frame:    .long 0
monitor_esp:    .long 0

        .bss
        .align  16
        .skip   16384
monitor_stack_top:
        .section .note.GNU-stack, "", @progbits
