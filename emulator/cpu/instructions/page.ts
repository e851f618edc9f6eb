/** The instruction table as a page to read (INSTRUCTIONS.md), generated from the rows. */
import { Flag } from "../state.ts";
import { type InstructionForm, type Operand, Pairing } from "./form.ts";
import { FORMS } from "./table.ts";

const FLAG_NAMES: readonly (readonly [string, number])[] = [
  ["O", Flag.Of],
  ["D", Flag.Df],
  ["I", Flag.If],
  ["T", Flag.Tf],
  ["S", Flag.Sf],
  ["Z", Flag.Zf],
  ["A", Flag.Af],
  ["P", Flag.Pf],
  ["C", Flag.Cf],
];
const PAIRING_NAMES: readonly (readonly [Pairing, string])[] = [
  [Pairing.NP, "NP"],
  [Pairing.UV, "UV"],
  [Pairing.PU, "PU"],
  [Pairing.PV, "PV"],
  [Pairing.FX, "FX"],
  [Pairing.FV, "FV"],
];

function flagNames(mask: number): string {
  const names = FLAG_NAMES.filter(([, bit]) => (mask & bit) !== 0).map(([name]) => name);
  return names.join("");
}

function operandText({ access, method, size, fixed }: Operand): string {
  const name = method === "T" ? "ST(i)" : (fixed?.replace(/^ST1$/, "ST(1)") ?? method + (size === "n" ? "" : size));
  return access === "r" || access === "a" ? name : `${name}:${access}`;
}

function clocksText(form: InstructionForm): string {
  const { clocks, memoryClocks, clocks16, repeat, floatingPoint } = form;
  if (floatingPoint?.byPrecision) return `${clocks}, ${clocks + 14}, ${clocks + 20} by precision; overlap all but 1, 2`;
  const parts = [clocks === memoryClocks ? `${clocks}` : `${clocks}/${memoryClocks}`];
  if (clocks16 >= 0) parts.push(`${clocks16} (16 bit)`);
  if (repeat !== undefined) parts.push(`REP ${repeat.base}+${repeat.each}n, ${repeat.zero} for n=0`);
  const overlaps = [floatingPoint?.integerOverlap ?? 0, floatingPoint?.floatOverlap ?? 0];
  if (overlaps.some((clocks) => clocks > 0)) parts.push(`overlap ${overlaps.join(", ")}`);
  return parts.join("; ");
}

function stackText({ floatingPoint }: InstructionForm): string {
  const stack = floatingPoint?.stack ?? 0;
  if (stack > 0) return "pushes";
  if (stack < 0) return stack === -1 ? "pops" : "pops twice";
  return "";
}

function rowText(form: InstructionForm): string {
  const { flags } = form;
  const cells = [
    form.mnemonic,
    form.encoding.text,
    form.operands.map(operandText).join(", "),
    flagNames(flags.read),
    flagNames(flags.written & ~flags.undefined),
    flags.undefined === 0 ? "" : `${flagNames(flags.undefined)}: ${flags.undefinedChoice}`,
    clocksText(form),
    PAIRING_NAMES.find(([pairing]) => pairing === form.pairing)?.[1] ?? "",
    [form.privilege === "user" ? "" : form.privilege, form.lockable ? "LOCK" : "", stackText(form)]
      .filter((text) => text !== "")
      .join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The page, in Markdown. */
export function instructionPage(): string {
  return [
    "# The instruction table",
    "",
    "Generated from `instructions/*.ts`; do not edit. A mnemonic `a/b` is the 16-bit and the 32-bit name. Operands are named as",
    "in appendix A of Intel's manual (E r/m, M memory, G register, Z register in the opcode, I immediate, J relative, A far",
    "pointer, O memory offset, X DS:[eSI], Y ES:[eDI]; b w d v q sizes); `:w` written, `:rw` read and written, otherwise read.",
    "Clocks are register/memory forms without the variable parts that the semantics add; classes are the P5's pairing classes.",
    "Floating point: ST and ST(1) are the top registers of the stack, sizes t e f ten bytes, environment, whole state; overlap: how",
    "many of the clocks the next integer instruction, and the next independent floating-point one, need not wait for; FX pairs with FXCH (FV).",
    "",
    "| instruction | encoding | operands | flags read | flags written | undefined flags, and what they become here | clocks | class | |",
    "|---|---|---|---|---|---|---|---|---|",
    ...FORMS.map(rowText),
    "",
  ].join("\n");
}
