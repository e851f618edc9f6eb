/**
 * The interpreter's run loop.
 *
 * Limits are in the counters: Counter.LimitCycle and Counter.LimitInstructions. Whoever wants the running slice to end at
 * the next instruction boundary (an alarm armed earlier, a power-off, a stop request) lowers LimitCycle.
 */
import type { Cpu } from "./cpu.ts";

/**
 * Runs guest code until the first instruction boundary at which Cycles >= LimitCycle or Instructions >= LimitInstructions,
 * or the CPU halts or shuts down. Delivers interrupts that are pending on INTR/NMI at instruction boundaries. Guest faults
 * are delivered to the guest; any other exception is a host bug and passes through.
 */
export function runInterpreter(_cpu: Cpu): void {
  throw new Error("interpreter: not there yet");
}

/** Executes exactly one instruction, or delivers one pending event. */
export function stepInterpreter(_cpu: Cpu): void {
  throw new Error("interpreter: not there yet");
}
