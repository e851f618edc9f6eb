/** What the decoder and the record writer ask of a form again and again, worked out once when the form is first met. */
import { Flag } from "../state.ts";
import type { InstructionForm, Operand } from "./form.ts";

export interface FormFacts {
  /** The r/m operand is a register whatever the mod field says (MOV CR, MOV DR). */
  readonly registerOnly: boolean;
  /** The operand that restricts what ModR/M may hold: memory only, a segment or a control register. */
  readonly memoryOnly: boolean;
  readonly segmentOperand: Operand | undefined;
  readonly controlOperand: boolean;
  /** The byte immediate is sign-extended to the operand size. */
  readonly signExtends: boolean;
  /** Relative branch. */
  readonly relative: boolean;
  /** Operands are bytes (MOVZX and MOVSX have a byte source and are not byte operations). */
  readonly byte: boolean;
  readonly read: RegisterFacts;
  readonly written: RegisterFacts;
  /** Arithmetic flags and DF: read in the low half, written in the high half. */
  readonly flagsUsed: number;
}

/** General registers used one way, by where they are named. */
export interface RegisterFacts {
  /** Fixed and implicit ones. */
  readonly mask: number;
  /** Those of the reg field (or opcode) and the r/m field: none, or the bits of the number that name a whole register. */
  readonly fieldBits: number;
  readonly rmBits: number;
}

const FIXED_MASKS: Readonly<Record<string, number>> = { AL: 1, AX: 1, eAX: 1, CL: 2, DX: 4 };
const TRACKED_FLAGS = Flag.Arithmetic | Flag.Df;
/** AH is a part of EAX and has number 4. */
const BYTE_BITS = 3;
const ALL_BITS = 7;

function registerFacts(form: InstructionForm, access: "r" | "w"): RegisterFacts {
  let mask = access === "r" ? form.implicitRead : form.implicitWritten;
  let fieldBits = 0;
  let rmBits = 0;
  for (const { access: use, method, size, fixed } of form.operands) {
    if (!use.includes(access)) continue;
    const bits = size === "b" ? BYTE_BITS : ALL_BITS;
    if (method === "G" || method === "Z") fieldBits = bits;
    else if (method === "R" || method === "E") rmBits = bits;
    else if (fixed !== undefined) mask |= FIXED_MASKS[fixed] ?? 0;
  }
  return { mask, fieldBits, rmBits };
}

function workOut(form: InstructionForm): FormFacts {
  const { operands, encoding, flags } = form;
  return {
    registerOnly: operands.some(({ method }) => method === "R"),
    memoryOnly: operands.some(({ method }) => method === "M"),
    segmentOperand: operands.find(({ method }) => method === "S"),
    controlOperand: operands.some(({ method }) => method === "C"),
    signExtends: operands.some(({ method, size }) => method === "I" && size === "bs"),
    relative: encoding.immediates.some((kind) => kind === "cb" || kind === "cv"),
    byte:
      operands[0]?.size !== "v" &&
      operands.some(({ method, size, fixed }) => fixed === "AL" || (size === "b" && !"IJF".includes(method))),
    read: registerFacts(form, "r"),
    written: registerFacts(form, "w"),
    flagsUsed: (flags.read & TRACKED_FLAGS) | ((flags.written & TRACKED_FLAGS) << 16),
  };
}

const known: (FormFacts | undefined)[] = [];

export function factsOf(form: InstructionForm): FormFacts {
  let facts = known[form.id];
  if (facts === undefined) {
    facts = workOut(form);
    known[form.id] = facts;
  }
  return facts;
}
