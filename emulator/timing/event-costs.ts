/**
 * Clocks of what happens between instructions or varies at run time: interrupts, exceptions, gates, far transfers,
 * descriptor loads, page walks, port accesses. Instruction rows carry the fixed part of an instruction's clocks; the system
 * functions (segmentation, far transfer, interrupt delivery and return, ports) add the entries marked "+" to it.
 *
 * Sources: [I] Intel Pentium instruction clock tables (Pentium Processor User's Manual vol. 3, appendix; as reprinted in
 * public instruction lists), [P] value used by peer emulators and not contradicted, [D] this project's default where
 * nobody publishes a figure. All counts assume first-level cache hits.
 */
export const enum EventCost {
  /** Interrupt or trap gate, same privilege level [I]. */
  GateSameLevel = 25,
  /** Interrupt or trap gate to an inner level with stack switch [I]. */
  GateInnerLevel = 42,
  /** + Exception other than page fault [D]. */
  Exception = 6,
  /** + Error code: one more stack write [D]. */
  ErrorCode = 1,
  /** + Page fault [D]. */
  PageFault = 40,
  /** + External interrupt, besides the acknowledge cycles [D]. */
  ExternalInterrupt = 14,
  /** + Two interrupt-acknowledge bus cycles of 30 clocks [D]; with P5 timing twice the parameter `ioInta`. */
  InterruptAcknowledge = 60,
  /** + NMI [D]. */
  Nmi = 6,
  /** + INT n; the table row of INT n carries it (31 same level, 48 inner level [I]). */
  SoftwareInterrupt = 6,
  /** + INT3 and taken INTO; in their table rows (27 same level [I], 44 inner level [P]). */
  Breakpoint = 2,

  /** IRET in real mode: its table row; charged by IRET itself when a portal handler performs it [I]. */
  InterruptReturn = 8,
  /** + IRET, same level: 10 in total over the row's 8 (real mode) [I]. */
  InterruptReturnSameLevel = 2,
  /** + IRET, outer level: 27 in total [I]. */
  InterruptReturnOuterLevel = 19,

  /** + Descriptor fetched into a data segment register: 2 → 11, 3 → 12, LDS 4 → 13 [I]. */
  DescriptorLoad = 9,
  /** + The same for SS, over DescriptorLoad: 16 and 17 [I]. */
  StackSegmentLoad = 5,

  /** + Far JMP in protected mode over the row's 3 (direct) or 4 (memory) [I: 3 to 12]. */
  FarJump = 9,
  /** + Far JMP through a call gate: 18 in total [I]. */
  FarJumpGate = 15,
  /** + Far CALL in protected mode, same level, over the row's 4 (direct) or 5 (memory): 13, 14 [I]. */
  FarCall = 9,
  /** + Far CALL through a call gate, same level: 22 in total [I]. */
  FarCallGate = 18,
  /** + Far CALL through a call gate to an inner level: 44 in total without parameters, [I]. */
  FarCallGateInner = 40,
  /** + When parameters are copied: 45 + 2 for each in total [I]. */
  FarCallGateParameters = 1,
  FarCallGateParameter = 2,
  /** + Far RET, same level, over the row's 4: 13 in total [I]. */
  FarReturn = 9,
  /** + Far RET to an outer level: 23 in total [I]. */
  FarReturnOuter = 19,

  /** + RDTSC outside CPL 0: 11 instead of 6 [I]. */
  TimeStampUser = 5,
  /** + IN, OUT, OUTS, REP INS with CPL > IOPL, the permission bitmap of the TSS being read: 4 → 21, 9 → 26, 10 → 27, 8 + 3n → 25 + 3n [I]. */
  PortPermission = 17,
  /** + Over that, a single INS: 6 → 24 [I]. */
  PortPermissionInput = 1,
  /** + The same instructions in real mode: 4 → 7, 9 → 12, 6 → 9, 10 → 13 [I]. */
  PortRealMode = 3,
  /** + PUSHF and POPF in real mode: 3 → 9, 4 → 6 [I]. */
  PushFlagsRealMode = 6,
  PopFlagsRealMode = 2,
  /** + One port access on the 8 MHz ISA bus: 6 bus clocks = 750 ns at 100 MHz [D]; with P5 timing the parameter `ioIsa`. */
  PortAccess = 75,

  /** TLB miss: 5 + 4 for each level whose entry is in the data cache: 9 (4 MiB page), 13 (4 KiB page) [Liedtke 1995: 9 to 13]. */
  PageWalk = 5,
  PageWalkLevel = 4,
  /** Without a timing model: locked read-modify-write of a descriptor or a paging entry (accessed, dirty, busy bit) [D]. */
  LockedUpdate = 15,
  /** WBINVD besides its row: writing back the data cache [I: 2000 and more]. */
  WriteBack = 1985,
}
