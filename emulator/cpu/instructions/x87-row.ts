/** How a floating-point row is made: availability, pending exceptions and pointers around what the instruction does. */
import type { Cpu } from "../cpu.ts";
import { InstructionWord, OperandBits } from "../decode-records.ts";
import { Vector } from "../state.ts";
import { notePointers, raisePending, requireUnit } from "../x87/unit.ts";
import { type Handler, Pairing } from "./form.ts";
import { rmField } from "./operands.ts";
import { type Row, row } from "./row.ts";

export interface FloatingPointOptions {
  /** What the instruction does once the unit is there and nothing is pending. */
  readonly run: Handler;
  readonly clocks: number;
  /** Clocks that the next integer, and the next floating-point instruction, need not wait for. */
  readonly overlap?: readonly [integer: number, float: number];
  /** Registers put on the stack (1) or taken off (-1, -2). */
  readonly stack?: number;
  /** Its clocks are those for 24-bit precision: 14 more with 53 bits, 20 more with 64 (divisions). */
  readonly byPrecision?: boolean;
  /** Class FX, or FV (FXCH); default NP. */
  readonly pairing?: Pairing;
  /** False: a pending exception is left alone (FN… forms). */
  readonly waits?: boolean;
  /** A control instruction: the pointers to the last instruction and operand stay. */
  readonly control?: boolean;
}

/** A row of the x87 group; encoding as "D8 /0" (memory operand), "D8 C0+i" or "D9 E0". */
export function x87Row(mnemonic: string, encoding: string, operands: string, options: FloatingPointOptions): Row {
  const { run, clocks, overlap = [0, 0], stack = 0, byPrecision = false } = options;
  const { pairing = Pairing.NP, waits = true, control = false } = options;
  const opcode = (Number.parseInt(encoding.slice(0, 2), 16) & 7) << 8;
  const handler = (cpu: Cpu, instruction: number): void => {
    requireUnit(cpu);
    if (waits) raisePending(cpu);
    run(cpu, instruction);
    if (!control) notePointers(cpu, opcode | modRm(cpu, instruction), cpu.words[instruction + InstructionWord.Eip]);
  };
  const raises = [Vector.DeviceNotAvailable, ...(waits ? [Vector.FloatingPointError] : [])];
  const [integerOverlap, floatOverlap] = overlap;
  const floatingPoint = { integerOverlap, floatOverlap, stack, byPrecision, waits };
  return row(mnemonic, encoding, operands, { handler, clocks, pairing, floatingPoint, raises });
}

/** i of ST(i). */
export const stackField = rmField;

function modRm(cpu: Cpu, instruction: number): number {
  const bits = cpu.words[instruction + InstructionWord.Operands];
  const mod = (bits & OperandBits.ModMask) >>> OperandBits.ModShift;
  const field = (bits & OperandBits.RegisterMask) >> OperandBits.RegisterShift;
  return (mod << 6) | (field << 3) | rmField(cpu, instruction);
}
