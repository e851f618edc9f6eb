/**
 * The P5's two event counters, CTR0 and CTR1 (MSRs 12h and 13h), selected by CESR (MSR 11h): Pentium Processor Family Developer's Manual
 * vol. 3, appendix A; event codes as published by T. Mathisen, "Pentium secrets" (Byte, July 1994).
 *
 * The registers are the words in which RDMSR finds them, so they are part of every snapshot. While CESR selects anything, the
 * pipeline model works step by step and every access goes out of line; clocks stay the same.
 *
 * NOT IMPLEMENTED: external snoops (07h, 08h: nothing else is on the bus), segment descriptor cache (10h, 11h), bus utilisation (18h), stalls by
 * writes to E and M lines (1Bh), breakpoint matches (23h to 26h), the PM0 and PM1 pins.
 */
import { Word } from "../cpu/state.ts";

export const enum PerformanceEvent {
  DataRead = 0x00,
  DataWrite = 0x01,
  DataTlbMiss = 0x02,
  DataReadMiss = 0x03,
  DataWriteMiss = 0x04,
  /** A write that hit a line in state M or E. */
  WriteHit = 0x05,
  LineWrittenBack = 0x06,
  MemoryInBothPipes = 0x09,
  BankConflict = 0x0a,
  Misaligned = 0x0b,
  CodeRead = 0x0c,
  CodeTlbMiss = 0x0d,
  CodeCacheMiss = 0x0e,
  /** Writes to segment registers, LDTR and TR included. */
  SegmentLoad = 0x0f,
  Branch = 0x12,
  BranchTargetHit = 0x13,
  TakenOrHit = 0x14,
  PipelineFlush = 0x15,
  Instruction = 0x16,
  InstructionInV = 0x17,
  /** Clocks waited for a write buffer, for a data read. */
  WriteBackup = 0x19,
  ReadWait = 0x1a,
  LockedCycle = 0x1c,
  InputOutput = 0x1d,
  /** Reads and writes of memory that may not be cached. */
  Uncacheable = 0x1e,
  /** Clocks waited for an address register. */
  Interlock = 0x1f,
  /** Additions, subtractions, multiplications, divisions, remainders and roots. */
  FloatingPoint = 0x22,
  HardwareInterrupt = 0x27,
  DataAccess = 0x28,
  DataMiss = 0x29,
}

/** CESR: event select in bits 0-5, counter control in bits 6-8; the same for CTR1 from bit 16 on. */
const CESR = Word.Msrs + 2 * 0x11;
const CTR0 = Word.Msrs + 2 * 0x12;
const SELECT_MASK = 0x3f;
const SUPERVISOR = 1;
const USER = 2;
const CLOCKS = 4;

export class EventCounters {
  /** Whether any event is counted at all. */
  counting = false;
  private readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Rereads CESR. */
  select(): void {
    const control = this.words[CESR];
    this.counting = ((control >>> 6) & 3) !== 0 || ((control >>> 22) & 3) !== 0;
  }

  /** An event happened, or `clocks` passed because of it. */
  count(event: PerformanceEvent, clocks = 1): void {
    this.countIn(0, event, clocks);
    this.countIn(1, event, clocks);
  }

  private countIn(counter: number, event: PerformanceEvent, clocks: number): void {
    const { words } = this;
    const control = words[CESR] >>> (16 * counter);
    if ((control & SELECT_MASK) !== event) return;
    const levels = (control >>> 6) & 7;
    if ((levels & (words[Word.Cpl] === 3 ? USER : SUPERVISOR)) === 0) return;
    const byClocks = (levels & CLOCKS) !== 0 || CLOCK_EVENTS.has(event);
    const index = CTR0 + 2 * counter;
    const low = (words[index] >>> 0) + (byClocks ? clocks : 1);
    words[index] = low;
    // Forty bits.
    if (low > 0xffff_ffff) words[index + 1] = (words[index + 1] + 1) & 0xff;
  }
}

/** Events that are durations. */
const CLOCK_EVENTS: ReadonlySet<number> = new Set([
  PerformanceEvent.WriteBackup,
  PerformanceEvent.ReadWait,
  PerformanceEvent.Interlock,
]);
