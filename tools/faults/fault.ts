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
  z.strictObject({ physical: word }),
]);

/** The 32 bits of the register, or of the little-endian word at the address. More models join this union. */
const model = z.strictObject({
  flip: z
    .array(bit)
    .min(1)
    .max(32)
    .refine((bits) => new Set(bits).size === bits.length, "a bit is named twice"),
});

const trigger = z.union([
  /** The first instruction boundary at or after this core clock. */
  z.strictObject({ cycle: count }),
  /** After the component has retired that many user instructions of its own (physical targets: the whole machine). */
  z.strictObject({ instruction: count }),
]);

export const faultSchema = z.strictObject({ target, model, trigger }).superRefine((fault, context) => {
  const problem = eflagsProblem(fault);
  if (problem !== undefined) context.addIssue({ code: "custom", path: ["model", "flip"], message: problem });
});

export type Fault = z.output<typeof faultSchema>;
export type FaultTarget = Fault["target"];
export type FaultModel = Fault["model"];
export type FaultTrigger = Fault["trigger"];

/** EFLAGS bits that do not exist cannot flip. */
export function eflagsProblem(fault: { target: FaultTarget; model: FaultModel }): string | undefined {
  if (!("register" in fault.target) || fault.target.register !== "eflags") return undefined;
  const missing = fault.model.flip.find((index) => !EFLAGS_BITS.includes(index));
  return missing === undefined ? undefined : `EFLAGS has no bit ${missing} (it has ${EFLAGS_BITS.join(" ")})`;
}

/** The one-line form; `parseFault` reads it back. */
export function formatFault(fault: Fault): string {
  const when = "cycle" in fault.trigger ? `cycle=${fault.trigger.cycle}` : `instruction=${fault.trigger.instruction}`;
  return `${formatTarget(fault.target)}:flip:${fault.model.flip.join(",")}@${when}`;
}

export function formatTarget(faultTarget: FaultTarget): string {
  if ("physical" in faultTarget) return `physical:${hex(faultTarget.physical)}`;
  if ("register" in faultTarget) return `${faultTarget.component}:${faultTarget.register}`;
  if ("address" in faultTarget) return `${faultTarget.component}:${hex(faultTarget.address)}`;
  const offset = faultTarget.offset === 0 ? "" : `+${faultTarget.offset}`;
  return `${faultTarget.component}:${faultTarget.symbol}${offset}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
