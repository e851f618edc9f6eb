/** Fills the record of a decoded instruction (InstructionWord): what handlers, the timing model and analyses read. */

import type { DecodedInstruction } from "./decode.ts";
import { InstructionWord, OperandBits, TimingBits } from "./decode-records.ts";
import { type FormFacts, factsOf, type RegisterFacts } from "./instructions/facts.ts";
import { type InstructionForm, Kind, Pairing } from "./instructions/form.ts";
import { Micro } from "./interpreter-micro.ts";
import { Word } from "./state.ts";

/** Fills an instruction record (except block, micro-operations and cumulative clocks) at word index `at`. */
export function writeInstruction(
  words: Int32Array,
  at: number,
  decoded: DecodedInstruction,
  eip: number,
  physical: number,
): void {
  const form = decoded.form as InstructionForm;
  const facts = factsOf(form);
  words.fill(0, at, at + InstructionWord.Words);
  words[at + InstructionWord.Form] = form.id;
  words[at + InstructionWord.Eip] = eip;
  words[at + InstructionWord.Length] = decoded.length;
  words[at + InstructionWord.Clocks] = clocksOf(form, decoded);
  words[at + InstructionWord.Operands] = operandBits(facts, decoded);
  words[at + InstructionWord.Immediate] = facts.relative ? eip + decoded.length + decoded.immediate : decoded.immediate;
  words[at + InstructionWord.Immediate2] = decoded.immediate2;
  words[at + InstructionWord.Base] = decoded.base;
  words[at + InstructionWord.Index] = decoded.index;
  words[at + InstructionWord.Shift] = decoded.shift;
  words[at + InstructionWord.Displacement] = decoded.displacement;
  words[at + InstructionWord.Physical] = physical;
  words[at + InstructionWord.TimingClass] = timingBits(form, facts, decoded);
  words[at + InstructionWord.RegistersRead] = registersUsed(form, facts.read, decoded);
  words[at + InstructionWord.RegistersWritten] = registersUsed(form, facts.written, decoded);
  words[at + InstructionWord.AddressRegisters] = addressRegisters(decoded);
  words[at + InstructionWord.FlagsUsed] = facts.flagsUsed;
}

function isRepeated(form: InstructionForm, decoded: DecodedInstruction): boolean {
  return form.repeat !== undefined && (decoded.repeat || decoded.repeatNot);
}

/** Clocks charged before the instruction runs; a repeated string instruction charges its own. */
export function clocksOf(form: InstructionForm, decoded: DecodedInstruction): number {
  if (isRepeated(form, decoded)) return 0;
  if (!decoded.operand32 && form.clocks16 >= 0) return form.clocks16;
  return decoded.memory ? form.memoryClocks : form.clocks;
}

function operandBits({ byte }: FormFacts, decoded: DecodedInstruction): number {
  return (
    (decoded.operand32 ? OperandBits.Operand32 : 0) |
    (decoded.address32 ? OperandBits.Address32 : 0) |
    (decoded.memory ? OperandBits.Memory : 0) |
    (decoded.lock ? OperandBits.Lock : 0) |
    (decoded.repeat ? OperandBits.Repeat : 0) |
    (decoded.repeatNot ? OperandBits.RepeatNot : 0) |
    (byte ? OperandBits.Byte : 0) |
    (decoded.segmentOverride ? OperandBits.SegmentOverride : 0) |
    (decoded.segment << OperandBits.SegmentShift) |
    (decoded.register << OperandBits.RegisterShift) |
    (decoded.rm << OperandBits.RmShift) |
    (decoded.mod << OperandBits.ModShift)
  );
}

function timingBits(form: InstructionForm, { relative }: FormFacts, decoded: DecodedInstruction): number {
  const clocks = clocksOf(form, decoded);
  const { encoding } = form;
  const nearJcc = encoding.map === 1 && (encoding.opcode & 0xf0) === 0x80;
  const prefixes = Math.min(15, decoded.prefixes + (encoding.map === 1 && !nearJcc ? 1 : 0));
  const branch = relative || (form.micro >= Micro.Call && form.micro < Micro.SetIf);
  const conditional = relative && form.micro !== Micro.Call && form.micro !== Micro.Jump;
  const paired = form.pairing !== Pairing.NP && form.floatingPoint === undefined;
  const kind = !paired ? Kind.OTHER : clocks === 1 ? Kind.REG : clocks === 2 ? Kind.RM : Kind.RMW;
  return (
    (form.floatingPoint === undefined ? form.pairing : Pairing.NP) |
    (kind << TimingBits.KindShift) |
    (decoded.displacementBytes !== 0 && decoded.immediateBytes !== 0 ? TimingBits.DisplacementAndImmediate : 0) |
    (prefixes << TimingBits.PrefixShift) |
    ((form.implicitWritten & (1 << Word.Esp)) !== 0 ? TimingBits.ImplicitStack : 0) |
    (branch ? TimingBits.Branch : 0) |
    (conditional ? TimingBits.Conditional : 0) |
    floatingPointBits(form)
  );
}

function floatingPointBits({ floatingPoint, pairing }: InstructionForm): number {
  if (floatingPoint === undefined) return 0;
  const pairs = pairing === Pairing.FX ? TimingBits.PairsWithExchange : 0;
  return TimingBits.FloatingPoint | pairs | (pairing === Pairing.FV ? TimingBits.Exchange : 0);
}

/** General registers used as operands in one way, and implicitly; address registers are told apart. */
function registersUsed(form: InstructionForm, use: RegisterFacts, decoded: DecodedInstruction): number {
  let mask = use.mask;
  if (isRepeated(form, decoded)) mask |= 1 << Word.Ecx;
  if (use.fieldBits !== 0) mask |= 1 << (decoded.register & use.fieldBits);
  if (use.rmBits !== 0 && !decoded.memory) mask |= 1 << (decoded.rm & use.rmBits);
  return mask;
}

/** General registers from which the explicit memory operand's address is made. */
export function addressRegisters(decoded: DecodedInstruction): number {
  if (!decoded.memory) return 0;
  return (decoded.base < 8 ? 1 << decoded.base : 0) | (decoded.index < 8 ? 1 << decoded.index : 0);
}
