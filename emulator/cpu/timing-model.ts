import type { PerformanceEvent } from "../timing/event-counters.ts";

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
  /** Clocks waited, by timing/cycle-causes.ts. */
  readonly causes: Float64Array;
  /** Clocks of a port access on its bus, and of the two interrupt-acknowledge cycles, beside those of the instruction or event. */
  readonly portAccess: number;
  readonly interruptAcknowledge: number;
  /** Clocks of a pair whose members access the same bank of the data cache. */
  readonly bankConflict: number;
  /**
   * Whether the instruction at `record` of `records` (a block being decoded, in order, beginning at 0) will pair with the one before it and may
   * meet it in a bank of the data cache; then Micro.CheckBank comes before it.
   */
  needsBankCheck(records: Int32Array, record: number): BankCheck;
  /**
   * After `needsBankCheck(records, record)`: whether the instruction may pair with the next one and changes the registers of its own address,
   * so that a bank check would come too late for it.
   */
  losesAddress(record: number): boolean;
  /**
   * After `losesAddress`, with the record of the next instruction behind `record`: whether the two will need a bank check. Then the address of
   * `record` is put into the word `partnerNote` before it executes.
   */
  needsAddressNote(record: number): boolean;
  readonly partnerNote: number;
  /** After `needsBankCheck`: Destination and Source of Micro.CheckBank, for the address of the instruction before. */
  readonly partnerAddress: readonly [registers: number, displacement: number];
  /** Micro.CheckBank found that the access of `record` to `address` may be in the bank of the one before it, to `before`, or cross its container. */
  checkBank(record: number, address: number, before: number): void;
  /** A block has been decoded. `open`: it ended only because it was long enough. */
  schedule(block: number, open: boolean): void;
  /**
   * Whether the block may be charged as a whole now. Result: the micro-operation before which the interpreter must stop all the same and ask again,
   * -1 for none; 0: its instructions run one by one. May add to the cycle counter.
   */
  enter(block: number): number;
  /**
   * The same for the rest of its block from `record` on, charged as Clocks less the ClocksThrough of the instruction
   * before it. Asked between instructions that run one by one; 0 if the rest does not fit the limits.
   */
  resume(record: number): number;
  /** The instruction is about to execute on its own; the model charges its clocks. */
  begin(record: number): void;
  /** The instruction has executed and the interpreter stops behind it, inside a block or after one step. */
  boundary(record: number): void;
  /** Control leaves a block at its last instruction, to the next one (`slot` 0) or to EIP `target`. */
  transfer(record: number, slot: number, target: number): void;
  /** The handler of a block's last instruction has run and set EIP. */
  handled(record: number): void;
  /** The running instruction stores inside one doubleword of RAM at `physical`. */
  stores(physical: number): void;
  /** The running instruction accesses eight or ten bytes that are not in one aligned quadword. */
  misaligned(): void;
  /** While `locked`, what is read and written is one locked bus cycle: the write is charged for both. */
  lockBus(locked: boolean): void;
  /** Something that only the event counters want to hear of. */
  happened(event: PerformanceEvent): void;
  /** WBINVD (`writeBack`) or INVD: the caches are empty. */
  cachesFlushed(writeBack: boolean): void;
  /** CESR was written. */
  eventsSelected(): void;
  /** Control has gone through a gate. */
  redirected(): void;
  /** The instruction (0: a fetch) faulted; delivery follows. */
  faulted(record: number): void;
}
