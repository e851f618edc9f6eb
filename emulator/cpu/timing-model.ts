/** Where an instruction that may meet its partner in a bank accesses memory. */
export const enum BankCheck {
  None = 0,
  /** Its memory operand. */
  Operand = 1,
  /** The stack, below and at the stack pointer. */
  Push = 2,
  Pop = 3,
}

/**
 * What the interpreter tells a timing model. Without one (`Cpu.timing` undefined) the clocks are the instruction table's.
 *
 * The model owns BlockWord.Clocks, InstructionWord.ClocksThrough and the Timing words of decoded records once it has
 * scheduled a block: the interpreter charges BlockWord.Clocks when it enters a block as a whole, and gives back
 * Clocks - ClocksThrough when it leaves it early. Records are word indices (decode-records.ts).
 */
export interface TimingModel {
  /**
   * Whether the instruction at `record` of `records` (a block being decoded, in order, beginning at 0) will pair with the one before it and may
   * meet it in a bank of the data cache; then Micro.CheckBank comes before it.
   */
  needsBankCheck(records: Int32Array, record: number): BankCheck;
  /** After `needsBankCheck`: Destination and Source of Micro.CheckBank, for the address of the instruction before. */
  readonly partnerAddress: readonly [registers: number, displacement: number];
  /** Micro.CheckBank found the address of `record` in the bank of the access before it. */
  meetsBank(record: number): void;
  /** A block has been decoded. `open`: it ended only because it was long enough. */
  schedule(block: number, open: boolean): void;
  /** Whether the block may be charged as a whole now; false: its instructions run one by one. May add to the cycle counter. */
  enter(block: number): boolean;
  /**
   * Whether the rest of its block from `record` on may be charged as a whole: Clocks less the ClocksThrough of the instruction
   * before it. Asked between instructions that run one by one; false if the rest does not fit the limits.
   */
  resume(record: number): boolean;
  /** The instruction is about to execute on its own; the model charges its clocks. */
  begin(record: number): void;
  /** The instruction has executed and the interpreter stops behind it, inside a block or after one step. */
  boundary(record: number): void;
  /** Control leaves a block at its last instruction, to the next one (`slot` 0) or to EIP `target`. */
  transfer(record: number, slot: number, target: number): void;
  /** The handler of a block's last instruction has run and set EIP. */
  handled(record: number): void;
  /** The running instruction accesses eight or ten bytes that are not in one aligned quadword. */
  misaligned(): void;
  /** WBINVD (`writeBack`) or INVD: the caches are empty. */
  cachesFlushed(writeBack: boolean): void;
  /** CESR was written. */
  eventsSelected(): void;
  /** Control has gone through a gate. */
  redirected(): void;
  /** The instruction (0: a fetch) faulted; delivery follows. */
  faulted(record: number): void;
}
