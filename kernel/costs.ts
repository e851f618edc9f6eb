/**
 * Clocks of the kernel's own code. The machine charges what hardware does by itself: the gate (48 for INT n from user
 * mode), IRET (27), INVLPG's row apart, page walks, port accesses. Everything else that a kernel written in assembly would
 * execute is charged from this table, and nothing is charged anywhere else.
 *
 * Sources. [L] Liedtke et al., "Achieved IPC performance" (HotOS-VI, 1997): short cross-space IPC costs 121 cycles on a
 * Pentium, direct cost. Of these the gate and IRET take 75; 46 are left for saving state, finding the partner, moving a
 * message in registers and switching. [S] Liedtke, "On µ-kernel construction" (SOSP 1995): page-table switch from 36
 * cycles on a Pentium, TLB refills apart (the machine charges those). [K] l4ka.org: Pistachio's C path costs about 55
 * cycles more than the assembly path. [C] counted from the instruction table for the obvious code, all accesses hitting
 * the first-level cache: a load or store 1, a taken branch 1 and one mispredicted in six at 4, PUSHA/POPA 5. [D] this
 * project's default where nobody publishes a figure.
 */
export const enum Cost {
  /** PUSHA (5), load of the current TCB, store of the vector, dispatch jump [C]. */
  Entry = 9,
  /** POPA (5), test for pending switch, stack pointer [C]. With Entry, SwitchThread and Ipc: the 46 of [L]. */
  Exit = 7,
  /** Load and store of TSS.esp0, %gs word, current pointer [C]. */
  SwitchThread = 7,
  /** MOV CR3 (its row says 21) and the compare before it [C, S]: the TLB refills follow by themselves. */
  SwitchSpace = 25,
  /** Reload of DS, ES, FS, GS besides the descriptor clocks that the machine charges: 4 × 2 [C]. */
  ReloadSegments = 8,
  /** Partner lookup and id compare, state tests of both sides, tag checks [L: 46 - 9 - 7 - 7]. */
  Ipc = 23,
  /** Second half of a call: closed receive, link to the partner [K, in proportion]. */
  IpcReceive = 12,
  /** Blocking: put into a send queue or the wakeup list, out of the ready list [C]. */
  Block = 14,
  /** Taking the next thread from the ready lists: bitmap scan (BSR 7 to 71, here 16 words' worth) and list head [C]. */
  PickNext = 20,
  /** Each message register copied: load and store paired with loop overhead; REP MOVSD costs 1 for each after 13 [C]. */
  MessageWord = 1,
  MessageStart = 13,
  /** Conversion of a local id: two loads, two compares [C]. */
  LocalId = 6,
  /** Decode of one typed item, acceptor checks [C]. */
  TypedItem = 15,
  /** One page mapped, granted or unmapped: two table loads, tree insert or removal, entry store [C]. */
  MapPage = 40,
  /** A page looked at by unmap and left [C]. */
  LookAtPage = 10,
  /** Zeroing a 4 KiB page with REP STOSD (1 for each word + 9) and linking it [C]. */
  NewPageTable = 1040,
  /** INVLPG (25) [C]. */
  InvalidatePage = 25,
  /** Page fault, exception, interrupt: building the kernel's message [C: 2 to 12 stores and the reads of their values]. */
  FaultMessage = 20,
  /** A timer tick without a switch: 64-bit add, head of the wakeup list, slice accounting, and the EOI code [C]. */
  Tick = 30,
  /** Waking one thread from the wakeup list [C]. */
  Wakeup = 15,
  /** ThreadControl, besides the pages it takes or frees: 128 words cleared and some 60 instructions [C]. */
  ThreadControl = 220,
  SpaceControl = 120,
  /** ExchangeRegisters: seven values read, up to seven written, an IPC perhaps cancelled [C]. */
  ExchangeRegisters = 60,
  Schedule = 40,
  ThreadSwitch = 12,
  /** A system call without a body [C]. */
  Trivial = 5,
  /** LOCK NOP: two bytes read through the page tables, four registers set [C]. */
  KernelInterface = 18,
}
