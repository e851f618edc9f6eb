/** The instruction table: every form of every group, and the indices by which it is searched. */
import { ARITHMETIC_ROWS } from "./arithmetic.ts";
import { BIT_ROWS } from "./bit.ts";
import { CONTROL_TRANSFER_ROWS } from "./control-transfer.ts";
import { DATA_TRANSFER_ROWS } from "./data-transfer.ts";
import { DECIMAL_ROWS } from "./decimal.ts";
import { FLAG_CONTROL_ROWS } from "./flag-control.ts";
import type { InstructionForm } from "./form.ts";
import { INPUT_OUTPUT_ROWS } from "./input-output.ts";
import { LOGIC_ROWS } from "./logic.ts";
import { SEGMENT_ROWS } from "./segment.ts";
import { SHIFT_ROWS } from "./shift.ts";
import { STACK_ROWS } from "./stack.ts";
import { STRING_ROWS } from "./string.ts";
import { SYSTEM_ROWS } from "./system.ts";
import { X87_ROWS } from "./x87.ts";

/** All forms; `FORMS[form.id] === form`. */
export const FORMS: readonly InstructionForm[] = [
  ...DATA_TRANSFER_ROWS,
  ...STACK_ROWS,
  ...ARITHMETIC_ROWS,
  ...LOGIC_ROWS,
  ...SHIFT_ROWS,
  ...BIT_ROWS,
  ...DECIMAL_ROWS,
  ...CONTROL_TRANSFER_ROWS,
  ...STRING_ROWS,
  ...FLAG_CONTROL_ROWS,
  ...SEGMENT_ROWS,
  ...INPUT_OUTPUT_ROWS,
  ...SYSTEM_ROWS,
  ...X87_ROWS,
].map((row, id) => ({ ...row, id }));

/**
 * What the decoder finds for an opcode byte: one form, or a form by ModR/M reg field, or nothing (#UD). Floating-point escapes
 * have a form by ModR/M reg field for memory operands, one by the whole byte (from C0 on) for the others, and one for what is reserved.
 */
export interface OpcodeEntry {
  readonly form: InstructionForm | undefined;
  readonly group: readonly (InstructionForm | undefined)[] | undefined;
  readonly registers: readonly (InstructionForm | undefined)[] | undefined;
}

const NOTHING: OpcodeEntry = { form: undefined, group: undefined, registers: undefined };

function newGroup(length: number): (InstructionForm | undefined)[] {
  return new Array<undefined>(length).fill(undefined);
}

function place(group: (InstructionForm | undefined)[], index: number, form: InstructionForm): void {
  if (group[index] !== undefined) throw new Error(`two forms for ${form.encoding.text}`);
  group[index] = form;
}

function buildMap(map: 0 | 1): readonly OpcodeEntry[] {
  const entries: OpcodeEntry[] = new Array<OpcodeEntry>(256).fill(NOTHING);
  for (const form of FORMS) {
    const { encoding } = form;
    if (encoding.map !== map) continue;
    for (let low = 0; low < (encoding.registerInOpcode ? 8 : 1); low++) {
      const opcode = encoding.opcode + low;
      const entry = entries[opcode] as OpcodeEntry;
      if (encoding.modRmByte >= 0) {
        const registers = [...(entry.registers ?? newGroup(64))];
        for (let i = 0; i < (encoding.stackRegister ? 8 : 1); i++)
          place(registers, encoding.modRmByte - 0xc0 + i, form);
        entries[opcode] = { ...entry, group: entry.group ?? newGroup(8), registers };
      } else if (encoding.digit >= 0) {
        const group = [...(entry.group ?? newGroup(8))];
        place(group, encoding.digit, form);
        entries[opcode] = { ...entry, group };
      } else if (entry.form === undefined && (entry.group === undefined || encoding.reserved)) {
        entries[opcode] = { ...entry, form };
      } else if (opcode !== 0x90) {
        // 90 is NOP, listed before XCHG eAX,eAX; nothing else may overlap.
        throw new Error(`two forms for ${encoding.text}`);
      }
    }
  }
  return entries;
}

/** Entry `256 * map + opcode`. */
export const OPCODES: readonly OpcodeEntry[] = [...buildMap(0), ...buildMap(1)];
