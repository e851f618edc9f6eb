/*
 * The system calls as C functions (cdecl). Each loads the registers of its contract (X.2 manual, ia32 binding) and calls
 * the kernel's stub through the table that lib/start.c fills from the kernel interface page. EBX, ESI, EDI and EBP
 * belong to the C caller and are saved here; nothing is assumed of the other registers after a call but the results.
 */
        .file "syscalls.S"
        .intel_syntax noprefix
        .text

/* Offsets into l4_entry: struct l4_entry_points in lib/start.c. */
        .set ENTRY_SPACE_CONTROL, 0
        .set ENTRY_THREAD_CONTROL, 4
        .set ENTRY_PROCESSOR_CONTROL, 8
        .set ENTRY_MEMORY_CONTROL, 12
        .set ENTRY_IPC, 16
        .set ENTRY_LIPC, 20
        .set ENTRY_UNMAP, 24
        .set ENTRY_EXCHANGE_REGISTERS, 28
        .set ENTRY_SYSTEM_CLOCK, 32
        .set ENTRY_THREAD_SWITCH, 36
        .set ENTRY_SCHEDULE, 40

/* An indirect call, written so that both assemblers read it as one. */
        .macro kernel_call entry
        .att_syntax prefix
        call *(l4_entry + \entry)
        .intel_syntax noprefix
        .endm

/* Four registers saved and the return address: where the first argument is. */
        .set ARGUMENT, 20

        .macro function name
        .globl \name
        .type \name, @function
\name:
        push ebp
        push ebx
        push esi
        push edi
        .endm

        .macro end name
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret
        .size \name, . - \name
        .endm

/* L4_MsgTag_t is a structure of one word: returned through a hidden pointer (i386 System V), popped by the callee. */
        .macro ipc_function name, entry
        .globl \name
        .type \name, @function
\name:
        push ebp
        push ebx
        push esi
        push edi
        mov eax, [esp + ARGUMENT + 4]     /* to */
        mov edx, [esp + ARGUMENT + 8]     /* from specifier */
        mov ecx, [esp + ARGUMENT + 12]    /* timeouts */
        mov edi, dword ptr gs:[0]                   /* the UTCB: MR0 */
        mov esi, [edi]
        kernel_call \entry
        mov edx, [esp + ARGUMENT + 16]    /* where to tell the sender */
        test edx, edx
        jz 1f
        mov [edx], eax
1:      mov eax, [esp + ARGUMENT]
        mov [eax], esi
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret 4
        .size \name, . - \name
        .endm

        ipc_function L4_Ipc, ENTRY_IPC
        ipc_function L4_Lipc, ENTRY_LIPC

        function L4_ThreadControl
        mov eax, [esp + ARGUMENT]
        mov esi, [esp + ARGUMENT + 4]
        mov edx, [esp + ARGUMENT + 8]
        mov ecx, [esp + ARGUMENT + 12]
        mov edi, [esp + ARGUMENT + 16]
        kernel_call ENTRY_THREAD_CONTROL
        end L4_ThreadControl

        function L4_SpaceControl
        mov eax, [esp + ARGUMENT]
        mov ecx, [esp + ARGUMENT + 4]
        mov edx, [esp + ARGUMENT + 8]
        mov esi, [esp + ARGUMENT + 12]
        mov edi, [esp + ARGUMENT + 16]
        kernel_call ENTRY_SPACE_CONTROL
        mov edx, [esp + ARGUMENT + 20]
        test edx, edx
        jz 1f
        mov [edx], ecx
1:
        end L4_SpaceControl

        function L4_Schedule
        mov eax, [esp + ARGUMENT]
        mov edx, [esp + ARGUMENT + 4]
        mov esi, [esp + ARGUMENT + 8]
        mov ecx, [esp + ARGUMENT + 12]
        mov edi, [esp + ARGUMENT + 16]
        kernel_call ENTRY_SCHEDULE
        mov ecx, [esp + ARGUMENT + 20]
        test ecx, ecx
        jz 1f
        mov [ecx], edx
1:
        end L4_Schedule

        function L4_ThreadSwitch
        mov eax, [esp + ARGUMENT]
        kernel_call ENTRY_THREAD_SWITCH
        end L4_ThreadSwitch

        function L4_SystemClock
        kernel_call ENTRY_SYSTEM_CLOCK
        end L4_SystemClock

        function L4_Unmap
        mov eax, [esp + ARGUMENT]
        mov edi, dword ptr gs:[0]
        mov esi, [edi]
        kernel_call ENTRY_UNMAP
        mov edi, dword ptr gs:[0]
        mov [edi], esi
        end L4_Unmap

        function L4_MemoryControl
        mov eax, [esp + ARGUMENT + 4]     /* the four attributes */
        mov ecx, [eax]
        mov edx, [eax + 4]
        mov ebx, [eax + 8]
        mov ebp, [eax + 12]
        mov eax, [esp + ARGUMENT]
        mov edi, dword ptr gs:[0]
        mov esi, [edi]
        kernel_call ENTRY_MEMORY_CONTROL
        end L4_MemoryControl

        function L4_ProcessorControl
        mov eax, [esp + ARGUMENT]
        mov ecx, [esp + ARGUMENT + 4]
        mov edx, [esp + ARGUMENT + 8]
        mov esi, [esp + ARGUMENT + 12]
        kernel_call ENTRY_PROCESSOR_CONTROL
        end L4_ProcessorControl

/* L4_ThreadId_t is a structure, too: hidden result pointer first, then the destination, then the registers. */
        .globl L4_ExchangeRegisters
        .type L4_ExchangeRegisters, @function
L4_ExchangeRegisters:
        push ebp
        push ebx
        push esi
        push edi
        mov ebp, [esp + ARGUMENT + 8]
        mov ecx, [ebp]
        mov edx, [ebp + 4]
        mov esi, [ebp + 8]
        mov edi, [ebp + 12]
        mov ebx, [ebp + 16]
        mov eax, [esp + ARGUMENT + 4]
        mov ebp, [ebp + 20]
        kernel_call ENTRY_EXCHANGE_REGISTERS
        push ebp
        mov ebp, [esp + 4 + ARGUMENT + 8]
        mov [ebp], ecx
        mov [ebp + 4], edx
        mov [ebp + 8], esi
        mov [ebp + 12], edi
        mov [ebp + 16], ebx
        pop ecx
        mov [ebp + 20], ecx
        mov edx, [esp + ARGUMENT]
        mov [edx], eax
        mov eax, edx
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret 4
        .size L4_ExchangeRegisters, . - L4_ExchangeRegisters

        .section .note.GNU-stack, "", @progbits
