import type { Cpu } from "./cpu.ts";
import { Vector, Word } from "./state.ts";

/**
 * What a guest fault throws: one frozen object, so that raising a fault allocates nothing and captures no stack.
 * Vector and error code are in the state words (Word.FaultVector, Word.FaultErrorCode). Whoever catches anything else
 * has found a bug of the host program and must rethrow it.
 */
export const GUEST_FAULT: { readonly name: string } = Object.freeze({ name: "guest fault" });

/**
 * Thrown by a floating-point instruction that stops the CPU in front of it until an interrupt comes (x87/unit.ts, raisePending):
 * a halt whose instruction pointer is the instruction's own.
 */
export const FREEZE: { readonly name: string } = Object.freeze({ name: "freeze" });

/**
 * Raises a fault: the instruction is abandoned and `deliverFault` follows. The faulting instruction must not have
 * changed architectural state. `errorCode` is ignored by vectors that push none.
 */
export function raiseFault(cpu: Cpu, vector: Vector, errorCode = 0): never {
  cpu.words[Word.FaultVector] = vector;
  cpu.words[Word.FaultErrorCode] = errorCode;
  throw GUEST_FAULT;
}

/** Whether an exception pushes an error code (Intel SDM vol. 3, table 6-1). */
export function hasErrorCode(vector: number): boolean {
  switch (vector) {
    case Vector.DoubleFault:
    case Vector.InvalidTss:
    case Vector.SegmentNotPresent:
    case Vector.StackFault:
    case Vector.GeneralProtection:
    case Vector.PageFault:
    case Vector.AlignmentCheck:
      return true;
    default:
      return false;
  }
}
