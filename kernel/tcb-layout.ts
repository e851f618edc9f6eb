import { defineStruct } from "./struct.ts";

/**
 * The thread control block: everything the kernel knows of a thread that is not in its UTCB. The TCB's last words are the
 * thread's kernel stack: the CPU pushes the trap frame there (TSS.esp0 points to the TCB's end), and the kernel's entry
 * saves the general registers below it. So each register of a thread that is not running is a word of its TCB.
 */

export const TCB_BYTES = 512;

/** Words of a message that the kernel makes itself: a tag and up to 12 untyped words (ABI 9.2). */
export const KERNEL_MESSAGE_WORDS = 13;

export const TCB = defineStruct(
  "tcb",
  {
    /** Complete global id; 0 when no such thread exists. */
    globalId: "thread-id",
    /** `ThreadState`. */
    state: "word",
    /** 1 when halted (by ExchangeRegisters or by the kernel): then it is not dispatched, though its IPC goes on. */
    halted: "word",
    /** `HaltReason`; bits 8-15 the exception vector, if that was it. */
    haltReason: "word",
    space: "pointer",
    spaceNext: "pointer",
    spacePrevious: "pointer",
    /** Virtual address of the UTCB's base, 0 when none was given. */
    utcb: "pointer",
    /** Physical address of the UTCB's base, 0 for an inactive thread. */
    utcbPhysical: "pointer",
    /** Global id of the scheduler; of the handler, for an interrupt thread. */
    scheduler: "thread-id",

    /** `Protocol`: what kernel-made IPC the thread is in. */
    protocol: "word",
    /** Polling: the receiver, in whose send queue the thread is. */
    sendTo: "pointer",
    /** Polling: the id that the receiver will see (the virtual sender's when propagating). */
    senderId: "thread-id",
    /** Waiting: from whom. Polling: from whom to receive afterwards, 0 for a send-only IPC. */
    receiveFrom: "thread-id",
    /** Send timeout in bits 16-31, receive timeout in bits 0-15. */
    timeouts: "time",
    /** Tag of the message being sent, as checked when the IPC began. */
    tag: "word",
    /** First thread that polls on this one. */
    sendQueueHead: "pointer",
    sendNext: "pointer",
    sendPrevious: "pointer",
    wakeupNext: "pointer",
    wakeupPrevious: "pointer",
    /** Kernel time in microseconds at which the blocked IPC times out. */
    deadline: "double",
    /** 1 when in the wakeup list. */
    wakeupQueued: "word",

    priority: "word",
    /** Neighbours in the circular ready list of its priority; 0 when not in it. */
    readyNext: "pointer",
    readyPrevious: "pointer",
    /** Microseconds; 0 = infinite. */
    timesliceLength: "word",
    /** Signed microseconds left. */
    timesliceLeft: "word",
    /** Total quantum in microseconds; 0 = infinite. */
    quantumLength: "word",
    quantumLeft: "word",
    sensitivePriority: "word",
    maximumDelay: "word",

    userCycles: "double",
    userInstructions: "double",

    /** Tag and words of the message that the kernel sends for this thread, and of the answer. */
    kernelMessage: ["word", KERNEL_MESSAGE_WORDS],

    /** The other side of a transfer that waits for a page fault; 0 when in none. */
    transferPartner: "pointer",
    /** `TransferRole`. */
    transferRole: "word",
    /** Next thread whose page fault has been answered and whose transfer goes on; 1 in the last one, 0 when in no list. */
    transferNext: "word",
    /** What the thread's own IPC was about, while a page fault of the transfer uses its fields. */
    outerTag: "word",
    outerTimeouts: "time",
    outerFrom: "thread-id",
    outerSenderId: "thread-id",
    /** The sender's place in its message: index of the typed item that is due. */
    itemIndex: "word",
    /** Its place in a string: message register of the descriptor (0: no string begun), substring, byte in it. */
    sourceDescriptor: "word",
    sourceSubstring: "word",
    sourceOffset: "word",
    /** Its place in the receiver's buffers: buffer register of the descriptor, substring, byte in it. */
    bufferDescriptor: "word",
    bufferSubstring: "word",
    bufferOffset: "word",
    /** Buffer register of the receive string for the next string item, 0 when none is accepted. */
    nextBuffer: "word",
    /** Bytes copied of all strings of the message. */
    bytesCopied: "word",
    /** Address that has to be mapped before the copy can go on. */
    faultAddress: "word",
    /** 1 once the transfer timeout has been looked at, which is at the first page fault; 2 when it has a deadline. */
    transferTimed: "word",
    transferDeadline: "double",

    /** Whether the thread has an x87 state (fpu.ts): 0 never, 1 yes. */
    fpuUsed: "word",
    /** That state as FNSAVE writes it (32-bit protected-mode format), while it is not in the unit. */
    fpuImage: ["word", 27],

    /** Room for the frame that the CPU pushes when the return to user mode itself faults. */
    stack: ["padding", 16],

    edi: "register",
    esi: "register",
    ebp: "register",
    ebx: "register",
    edx: "register",
    ecx: "register",
    eax: "register",
    /** Vector of the entry. */
    vector: "word",
    /** Pushed by the CPU for the vectors that have one. */
    errorCode: "word",
    eip: "register",
    cs: "register",
    eflags: "register",
    esp: "register",
    ss: "register",
  },
  TCB_BYTES,
);
export const Tcb = TCB.at;

export const enum ThreadState {
  /** No thread. */
  Free = 0,
  /** Created, not activated; an interrupt thread that is detached. */
  Inactive = 1,
  Ready = 2,
  /** Blocked in the send phase. */
  Polling = 3,
  /** Blocked in the receive phase. */
  Waiting = 4,
  /** An interrupt thread whose line is unmasked. */
  Armed = 5,
  /** In a message transfer, while the other side's page fault is being answered. */
  Transferring = 6,
}

/** Side of a message transfer that waits for a page fault. */
export const enum TransferRole {
  None = 0,
  Sender = 1,
  Receiver = 2,
}

export const enum Protocol {
  None = 0,
  /** Waiting for the message with the first instruction and stack pointer (ABI 9.5). */
  Start = 1,
  PageFault = 2,
  IoFault = 3,
  Exception = 4,
  Preemption = 5,
  Interrupt = 6,
}

export const enum HaltReason {
  None = 0,
  /** ExchangeRegisters asked for it. */
  Requested = 1,
  /** A page fault, and no thread has the pager's id. */
  NoPager = 2,
  /** An exception, and no handler is set. */
  NoExceptionHandler = 3,
  /** An exception, and no thread has the handler's id. */
  ExceptionHandlerGone = 4,
  /** The total quantum ran out, and no thread has the scheduler's id. */
  NoScheduler = 5,
  /** sigma0 touched memory that it does not own. */
  Sigma0Fault = 6,
}
