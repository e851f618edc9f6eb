/*
 * First instruction of every guest: own stack (the kernel gives none), then start in lib/start.c, which does not return.
 * The kernel has cleared no register for us; the direction flag is clear.
 */
        .file "crt0.S"
        .intel_syntax noprefix
        .section .text.start, "ax", @progbits
        .globl _start
        .type _start, @function
_start:
        lea esp, [stack_top]
        xor ebp, ebp
        .byte 0xf0, 0x90                  /* lock; nop: the kernel answers with the address of its interface page in EAX */
        push eax
        call start
        ud2
        .size _start, . - _start

        .section .stack, "aw", @nobits
        .balign 4096
        .globl stack_bottom, stack_top
stack_bottom:
        .space 8192                       /* pages that are never touched never get a frame */
stack_top:

        .section .note.GNU-stack, "", @progbits
