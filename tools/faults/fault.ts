/**
 * What a fault is: target × model × trigger. One schema serves the scenario file (YAML) and the one-line form
 * (fault-line.ts); terms as in Avižienis et al. (2004).
 */
import { z } from "zod";

/** Registers that a fault can strike, in the order of the ModR/M encoding, then EIP and EFLAGS. */
export const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags"] as const;
export type RegisterName = (typeof REGISTERS)[number];

/**
 * Bits of EFLAGS that this machine holds: CF PF AF ZF SF TF IF DF OF IOPL NT RF AC VIF VIP ID. It has no virtual-8086
 * mode, so VM (17) is no bit that could flip.
 */
export const EFLAGS_BITS: readonly number[] = [0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 19, 20, 21];

const word = z.int().min(0).max(0xffff_ffff);
const component = z.string().min(1);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const bit = z.int().min(0).max(31);

const target = z.union([
  z.strictObject({ component, register: z.enum(REGISTERS) }),
  z.strictObject({ component, symbol: z.string().min(1), offset: word.default(0) }),
  z.strictObject({ component, address: word }),
  /** The page-table (page-directory) entry that maps a virtual address of the component's space. */
  z.strictObject({ component, pte: word }),
  z.strictObject({ component, pde: word }),
  /** A message register of the component's thread, in its UTCB. */
  z.strictObject({ component, mr: z.int().min(0).max(63) }),
  z.strictObject({ physical: word }),
]);

/** What happens to the 32 bits of the register, or of the little-endian word at the address. */
const model = z.union([
  z.strictObject({
    flip: z
      .array(bit)
      .min(1)
      .max(32)
      .refine((bits) => new Set(bits).size === bits.length, "a bit is named twice"),
  }),
  /** Another word in its place. */
  z.strictObject({ set: word }),
]);

const trigger = z.union([
  /** The first instruction boundary at or after this core clock. */
  z.strictObject({ cycle: count }),
  /** After the component has retired that many user instructions of its own (physical targets: the whole machine). */
  z.strictObject({ instruction: count }),
]);

export const faultSchema = z.strictObject({ target, model, trigger }).superRefine((fault, context) => {
  const problem = eflagsProblem(fault);
  if (problem !== undefined) context.addIssue({ code: "custom", path: ["model"], message: problem });
});

export type Fault = z.output<typeof faultSchema>;
export type FaultTarget = Fault["target"];
export type FaultModel = Fault["model"];
export type FaultTrigger = Fault["trigger"];

/** EFLAGS bits that do not exist cannot flip. */
export function eflagsProblem(fault: { target: FaultTarget; model: FaultModel }): string | undefined {
  if (!("register" in fault.target) || fault.target.register !== "eflags") return undefined;
  const { model: change } = fault;
  const bits = "flip" in change ? change.flip : Array.from({ length: 32 }, (_, index) => index);
  const wanted = "flip" in change ? bits : bits.filter((index) => index !== 1 && ((change.set >>> index) & 1) !== 0);
  const missing = wanted.find((index) => !EFLAGS_BITS.includes(index));
  return missing === undefined ? undefined : `EFLAGS has no bit ${missing} (it has ${EFLAGS_BITS.join(" ")})`;
}

/** The one-line form; `parseFault` reads it back. */
export function formatFault(fault: Fault): string {
  const when = "cycle" in fault.trigger ? `cycle=${fault.trigger.cycle}` : `instruction=${fault.trigger.instruction}`;
  const { model: change } = fault;
  const what = "flip" in change ? `flip:${change.flip.join(",")}` : `set:${hex(change.set)}`;
  return `${formatTarget(fault.target)}:${what}@${when}`;
}

export function formatTarget(faultTarget: FaultTarget): string {
  if ("physical" in faultTarget) return `physical:${hex(faultTarget.physical)}`;
  if ("register" in faultTarget) return `${faultTarget.component}:${faultTarget.register}`;
  if ("address" in faultTarget) return `${faultTarget.component}:${hex(faultTarget.address)}`;
  if ("pte" in faultTarget) return `${faultTarget.component}:pte=${hex(faultTarget.pte)}`;
  if ("pde" in faultTarget) return `${faultTarget.component}:pde=${hex(faultTarget.pde)}`;
  if ("mr" in faultTarget) return `${faultTarget.component}:mr=${faultTarget.mr}`;
  const offset = faultTarget.offset === 0 ? "" : `+${faultTarget.offset}`;
  return `${faultTarget.component}:${faultTarget.symbol}${offset}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
