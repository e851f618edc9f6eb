/** Walks a stack from the innermost function to the outermost, by call frame information or else by frame pointers. */
import {
  DWARF_EBP,
  DWARF_EIP,
  DWARF_ESP,
  evaluateExpression,
  type FrameRules,
  type FrameTable,
  type RegisterRule,
} from "./dwarf-frame.ts";

/** Registers in DWARF's numbering (eax ecx edx ebx esp ebp esi edi eip); undefined where the value is lost. */
export type FrameRegisters = readonly (number | undefined)[];

export interface Frame {
  /** The instruction that the frame is at: EIP, or a return address. */
  readonly address: number;
  readonly registers: FrameRegisters;
  /** What the frame was found by; the innermost needs nothing. */
  readonly by: "registers" | "call frame information" | "frame pointer";
}

const MAX_FRAMES = 64;

/**
 * `readWord` gives the little-endian word at a virtual address, or undefined when it is not mapped. The walk ends at
 * what is no code (`isCode`), and after 64 frames: a damaged stack is an ordinary case.
 */
export function backtrace(
  registers: FrameRegisters,
  frames: FrameTable | undefined,
  readWord: (address: number) => number | undefined,
  isCode: (address: number) => boolean,
): Frame[] {
  const list: Frame[] = [{ address: registers[DWARF_EIP] ?? 0, registers, by: "registers" }];
  while (list.length < MAX_FRAMES) {
    const inner = list.at(-1) as Frame;
    const caller = byRules(inner, list.length === 1, frames, readWord) ?? byFramePointer(inner, readWord);
    if (caller === undefined || !isCode(caller.address)) break;
    // A caller's stack pointer is above its callee's; anything else would go round in a circle.
    if ((caller.registers[DWARF_ESP] ?? 0) <= (inner.registers[DWARF_ESP] ?? 0)) break;
    list.push(caller);
  }
  return list;
}

function byRules(
  inner: Frame,
  innermost: boolean,
  frames: FrameTable | undefined,
  readWord: (address: number) => number | undefined,
): Frame | undefined {
  // A return address may lie behind the end of a function whose last instruction is a call.
  const rules = frames?.find(innermost ? inner.address : inner.address - 1);
  const cfa = rules === undefined ? undefined : frameAddress(rules, inner.registers, readWord);
  if (rules === undefined || cfa === undefined) return undefined;
  const registers = rules.rules.map((rule, register) => recover(rule, register, cfa, inner.registers, readWord));
  const address = registers[rules.returnColumn];
  registers[DWARF_ESP] = cfa;
  registers[DWARF_EIP] = address;
  return address === undefined ? undefined : { address, registers, by: "call frame information" };
}

/** The caller's value of a register; undefined when it is lost. */
function recover(
  rule: RegisterRule,
  register: number,
  cfa: number,
  inner: FrameRegisters,
  readWord: (address: number) => number | undefined,
): number | undefined {
  switch (rule.kind) {
    case "same":
      return inner[register];
    case "undefined":
      return undefined;
    case "offset":
      return readWord((cfa + rule.offset) >>> 0);
    case "value":
      return (cfa + rule.offset) >>> 0;
    case "register":
      return inner[rule.register];
    case "expression": {
      const address = evaluateExpression(rule.bytes, inner, readWord, cfa);
      return address === undefined ? undefined : readWord(address);
    }
  }
}

/** The canonical frame address: the stack pointer before the call pushed its return address. */
function frameAddress(
  rules: FrameRules,
  registers: FrameRegisters,
  readWord: (address: number) => number | undefined,
): number | undefined {
  if (rules.cfaExpression !== undefined) return evaluateExpression(rules.cfaExpression, registers, readWord);
  const base = registers[rules.cfaRegister];
  return base === undefined ? undefined : (base + rules.cfaOffset) >>> 0;
}

function byFramePointer(inner: Frame, readWord: (address: number) => number | undefined): Frame | undefined {
  const pointer = inner.registers[DWARF_EBP];
  if (pointer === undefined || pointer < (inner.registers[DWARF_ESP] ?? 0)) return undefined;
  const outer = readWord(pointer);
  const address = readWord((pointer + 4) >>> 0);
  if (outer === undefined || address === undefined) return undefined;
  const registers = [...inner.registers];
  registers[DWARF_ESP] = (pointer + 8) >>> 0;
  registers[DWARF_EBP] = outer;
  registers[DWARF_EIP] = address;
  return { address, registers, by: "frame pointer" };
}
