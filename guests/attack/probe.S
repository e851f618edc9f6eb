/*
 * Accesses and calls that may go wrong. Whatever happens, the guard thread (guard.c) continues this thread at
 * attempt_failed, which finds the stack again in attempt_stack.
 */
        .file "probe.S"
        .intel_syntax noprefix
        .text

        .macro begin name
        .globl \name
        .type \name, @function
\name:
        push ebp
        push ebx
        push esi
        push edi
        mov dword ptr [attempt_stack], esp
        .endm
        .set ARGUMENT, 20

/* u32 attempt_read(u32 address): 1 when it went through. */
        begin attempt_read
        mov ecx, [esp + ARGUMENT]
        mov edx, [ecx]
        jmp attempt_succeeded

/* u32 attempt_write(u32 address): writes a pattern. */
        begin attempt_write
        mov ecx, [esp + ARGUMENT]
        mov dword ptr [ecx], 0xbadc0de5
        jmp attempt_succeeded

/* u32 attempt_rewrite(u32 address): writes what is there, so that the attacker's own pages survive. */
        begin attempt_rewrite
        mov ecx, [esp + ARGUMENT]
        mov edx, [ecx]
        mov [ecx], edx
        jmp attempt_succeeded

/* u32 attempt_execute(u32 address) */
        begin attempt_execute
        mov ecx, [esp + ARGUMENT]
        jmp ecx

/*
 * u32 attempt_call(u32 target, const u32 registers[7]): EAX, ECX, EDX, EBX, ESI, EDI, EBP as given, then a call.
 */
        begin attempt_call
        mov eax, [esp + ARGUMENT]
        mov dword ptr [attempt_target], eax
        mov ebp, [esp + ARGUMENT + 4]
        mov eax, [ebp]
        mov ecx, [ebp + 4]
        mov edx, [ebp + 8]
        mov ebx, [ebp + 12]
        mov esi, [ebp + 16]
        mov edi, [ebp + 20]
        mov ebp, [ebp + 24]
        .att_syntax prefix /* both assemblers read this as an indirect call */
        call *attempt_target
        .intel_syntax noprefix
        jmp attempt_succeeded

        .globl attempt_failed
attempt_failed:
        cld
        mov esp, dword ptr [attempt_stack]
        xor eax, eax
        jmp attempt_out
attempt_succeeded:
        cld
        mov esp, dword ptr [attempt_stack]
        mov eax, 1
attempt_out:
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret

/* Targets for attempt_call: the kernel's trap instructions without its stubs, also on a stack that is none. */
        .globl trap_ipc, trap_other, trap_ipc_wild_stack, trap_other_wild_stack, undefined_instruction, privileged_instruction
trap_ipc:
        mov ebx, offset attempt_succeeded
        int 0x30
        ret
trap_other:
        int 0x31
        ret
trap_ipc_wild_stack:
        mov esp, ecx
        int 0x30
        jmp attempt_succeeded
trap_other_wild_stack:
        mov esp, ecx
        int 0x31
        jmp attempt_succeeded
undefined_instruction:
        ud2
        ret
privileged_instruction:
        mov cr3, eax
        ret

        .bss
        .balign 4
        .globl attempt_stack, attempt_target
attempt_stack:
        .space 4
attempt_target:
        .space 4

/* The guard thread's stack, a part of .bss. */
        .globl guard_stack_top
        .balign 16
        .space 2048
guard_stack_top:

        .section .note.GNU-stack, "", @progbits
