/**
 * What a fault is: target × model × trigger. One schema serves the scenario file and fault files (YAML) and the one-line form
 * (fault-line.ts reads it, fault-text.ts writes it); terms as in Avižienis et al. (2004). README.md tells the same in words.
 */
import { z } from "zod";
import { CPU_REGISTERS, type CpuRegisterName, REGISTERS, registerBits, SEGMENT_NAMES } from "./cpu-registers.ts";

export { EFLAGS_BITS, REGISTERS, type RegisterName } from "./cpu-registers.ts";
export { formatFault, formatTarget } from "./fault-text.ts";

const word = z.int().min(0).max(0xffff_ffff);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const bit = z.int().min(0).max(31);

/** First words of targets that are no component. */
export const RESERVED_NAMES: readonly string[] = ["physical", "cpu", "tlb", "kernel"];
export const COMPONENT_NAME = /^[a-z][a-z0-9-]*$/;
export const SYMBOL_NAME = /^[A-Za-z_.$][\w.$]*$/;
/** A kernel structure's name as a target: `kernelPlaceName` of its name in `Kernel.structures()`. */
export const STRUCTURE_NAME = /^[a-z][a-z0-9-]*$/;
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9]*$/;

const component = z
  .string()
  .regex(COMPONENT_NAME, "a component such as replica-2 or voter is needed")
  .refine((name) => !RESERVED_NAMES.includes(name), "that is no name of a component");
const symbol = z.string().regex(SYMBOL_NAME, "the name of a function or variable is needed");
const offset = word.default(0);

// ---- where ----

/** Sets of the TLBs (all have four ways). */
export const TLB_SETS = { code: 8, data: 16, large: 2 } as const;
export type TlbName = keyof typeof TLB_SETS;
export const TLB_NAMES = ["code", "data", "large"] as const;
export const TLB_PARTS = ["tag", "frame", "flags"] as const;
export type TlbPart = (typeof TLB_PARTS)[number];

const tlb = z.enum(TLB_NAMES);
const part = z.enum(TLB_PARTS);

const target = z.union([
  /** A register of the component's thread: in the CPU while it runs, else in its trap frame. */
  z.strictObject({ component, register: z.enum(REGISTERS) }),
  /** A segment register's selector; what the CPU holds of the descriptor is `cpu: ds.base` and so on. */
  z.strictObject({ component, segment: z.enum(SEGMENT_NAMES) }),
  /** Page-directory base: CR3 while the component's space is loaded, else the word that it will be loaded from. */
  z.strictObject({ component, control: z.literal("cr3") }),
  z.strictObject({ component, symbol, offset }),
  z.strictObject({ component, address: word }),
  /** The page-table (page-directory) entry that maps a virtual address of the component's space. */
  z.strictObject({ component, pte: word }),
  z.strictObject({ component, pde: word }),
  /** A message register of the component's thread, in its UTCB. */
  z.strictObject({ component, mr: z.int().min(0).max(63) }),
  z.strictObject({ physical: word }),
  /** A register of the CPU, whoever runs on it. */
  z.strictObject({ cpu: z.enum(CPU_REGISTERS as [CpuRegisterName, ...CpuRegisterName[]]) }),
  /** A TLB entry by its place. */
  z
    .strictObject({ tlb, set: z.int().min(0).max(15), way: z.int().min(0).max(3), part })
    .refine(({ tlb: name, set }) => set < TLB_SETS[name], "that TLB has fewer sets"),
  /** The TLB entry that translates a linear address at that moment. */
  z.strictObject({ tlb, linear: word, part }),
  /**
   * A word of a kernel structure: of the element with a number or of a component (`of`), by field; `table` is the number of a
   * page table, which is that of its directory entry.
   */
  z.strictObject({
    kernel: z.string().regex(STRUCTURE_NAME, "the name of a kernel structure is needed"),
    of: z.union([component, word]).optional(),
    table: z.int().min(0).max(1023).optional(),
    field: z.string().regex(FIELD_NAME, "the name of a field is needed").optional(),
    offset,
  }),
]);

// ---- what ----

const bits = z
  .array(bit)
  .min(1)
  .max(32)
  .refine((list) => new Set(list).size === list.length, "a bit is named twice");
const clocks = positive.optional().describe("for how many clocks; for good if left out");

/** Acts at IPC level: named, not there yet. */
export const BYZANTINE_ACTS = [
  "wrong-value",
  "equivocation",
  "omission",
  "delay",
  "duplicate",
  "babble",
  "impersonation",
  "wild-access",
  "illegal-call",
  "collusion",
] as const;
export const NOT_YET_ACTS = "Byzantine acts are not there yet";
const NOT_YET_RECOVERY = "recovery is not there yet";

/** What happens to the bits of the register, or of the little-endian word at the address. */
const model = z.union([
  z.strictObject({ flip: bits }),
  /** Another word in its place. */
  z.strictObject({ set: word }),
  /** Bits that keep a value whatever is written to them. */
  z.strictObject({ stuckAt0: bits, clocks }),
  z.strictObject({ stuckAt1: bits, clocks }),
  /** That many instructions are not executed: EIP goes past them. */
  z.strictObject({ skip: z.int().min(1).max(1000) }),
  z.strictObject({ act: z.enum(BYZANTINE_ACTS) }).refine(() => false, NOT_YET_ACTS) as unknown as z.ZodType<never>,
]);

// ---- when ----

const nth = positive.default(1).describe("how many times it has to happen; the last one counts");

/** A place in a component's space; of the target's component if none is given. */
const place = z.union([
  z.strictObject({ component: component.optional(), symbol, offset }),
  z.strictObject({ component: component.optional(), address: word }),
]);
const bytes = z.int().min(1).max(0x1_0000).default(1);
const area = z.union([
  z.strictObject({ component: component.optional(), symbol, offset, bytes }),
  z.strictObject({ component: component.optional(), address: word, bytes }),
]);

/** Moments of a component's IPC (kernel/ipc.ts). */
export const IPC_PHASES = [
  /** It has called the kernel with a message to send; nothing of it has been done. */
  "send",
  /** The same, and the receiver is whoever sent it the last message that it received. */
  "reply",
  /** A message for it has been transferred; nobody has run since. */
  "receive",
] as const;
export type IpcPhase = (typeof IPC_PHASES)[number];

const ipc = z.strictObject({
  component: component.optional(),
  phase: z.enum(IPC_PHASES),
  /** Only messages from or to this component. */
  with: component.optional(),
  /** Only in this round of the voter. */
  round: positive.optional(),
});
const vector = z.strictObject({ component: component.optional(), vector: z.int().min(0).max(255) });

const trigger = z.union([
  /** The first instruction boundary at or after this core clock. */
  z.strictObject({ cycle: count }),
  /** After the component has retired that many user instructions of its own (targets of none: the whole machine). */
  z.strictObject({ instruction: count }),
  /** The component is about to execute the instruction at a place for the nth time. */
  z.strictObject({ execute: place, nth }),
  /** The component has read (written) a byte of an area for the nth time. */
  z.strictObject({ read: area, nth }),
  z.strictObject({ write: area, nth }),
  z.strictObject({ ipc, nth }),
  /** The voter has got the request that begins this round, from 1. */
  z.strictObject({ round: positive }),
  /** An interrupt (external, NMI, INT n) or an exception of a vector has been delivered for the nth time. */
  z.strictObject({ interrupt: vector, nth }),
  z.strictObject({ exception: vector, nth }),
]);

export const faultSchema = z
  .strictObject({
    target,
    model,
    trigger,
    recovery: z
      .enum(["restart", "copy-state", "degrade"])
      .refine(() => false, NOT_YET_RECOVERY)
      .optional() as unknown as z.ZodOptional<z.ZodType<never>>,
  })
  .superRefine((fault, context) => {
    const wrong = modelProblem(fault);
    if (wrong !== undefined) context.addIssue({ code: "custom", path: ["model"], message: wrong.problem });
    else if (triggerLacksComponent(fault))
      context.addIssue({ code: "custom", path: ["trigger"], message: `${LACKS_COMPONENT.problem}: add its component` });
  })
  .transform(({ target, model, trigger }) => ({ target, model, trigger }));

export type Fault = z.output<typeof faultSchema>;
export type FaultTarget = Fault["target"];
export type FaultModel = Fault["model"];
export type FaultTrigger = Fault["trigger"];
export type TriggerPlace = z.output<typeof place> | z.output<typeof area>;

// ---- rules between the parts ----

/** Mask of the bits that exist in the 32-bit word of a target. */
export function targetBits(faultTarget: FaultTarget): number {
  if ("register" in faultTarget) return registerBits(faultTarget.register);
  if ("segment" in faultTarget) return registerBits(faultTarget.segment);
  if ("control" in faultTarget) return registerBits(faultTarget.control);
  if ("cpu" in faultTarget) return registerBits(faultTarget.cpu);
  if ("tlb" in faultTarget) return tlbBits(faultTarget.tlb, faultTarget.part);
  return 0xffff_ffff;
}

/** Tag and frame are page numbers, flags are V W U P(iece) D at bits 0-3 and 6 (emulator/mmu/tlb.ts). */
function tlbBits(name: TlbName, which: TlbPart): number {
  if (which === "flags") return name === "code" ? 0x0f : 0x47;
  return name === "large" ? 0xffc0_0000 : 0xffff_f000;
}

/** Bits that a model names, undefined for models that name none. */
export function modelBits(faultModel: FaultModel): readonly number[] | undefined {
  if ("flip" in faultModel) return faultModel.flip;
  if ("stuckAt0" in faultModel) return faultModel.stuckAt0;
  if ("stuckAt1" in faultModel) return faultModel.stuckAt1;
  return undefined;
}

/** Why a model cannot be applied to a target. */
export function modelProblem(fault: {
  readonly target: FaultTarget;
  readonly model: FaultModel;
}): { problem: string; mend: string } | undefined {
  const { target: where, model: what } = fault;
  if ("skip" in what) {
    const steers = ("register" in where && where.register === "eip") || ("cpu" in where && where.cpu === "eip");
    if (steers) return undefined;
    return { problem: "only EIP can skip an instruction", mend: "write for example replica-2:skip or cpu:eip:skip" };
  }
  const mask = targetBits(where);
  const exist = Array.from({ length: 32 }, (_, index) => index).filter((index) => ((mask >>> index) & 1) !== 0);
  const isEflags = ("register" in where && where.register === "eflags") || ("cpu" in where && where.cpu === "eflags");
  // EFLAGS reads with bit 1 set: a whole word may say so.
  const allowed = isEflags && "set" in what ? mask | 2 : mask;
  const named = modelBits(what) ?? bitsSet("set" in what ? what.set : 0);
  const missing = named.find((index) => ((allowed >>> index) & 1) === 0);
  if (missing === undefined) return undefined;
  const name = isEflags ? "EFLAGS" : "this target";
  const vm = isEflags && missing === 17 ? ": this machine has no virtual-8086 mode" : "";
  return { problem: `${name} has no bit ${missing}${vm} (it has ${ranges(exist)})`, mend: "choose another bit" };
}

function bitsSet(value: number): number[] {
  return Array.from({ length: 32 }, (_, index) => index).filter((index) => ((value >>> index) & 1) !== 0);
}

/** `0 2 4 6-14`. */
function ranges(sorted: readonly number[]): string {
  const texts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    texts.push(end === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return texts.join(" ");
}

export const LACKS_COMPONENT = { problem: "the trigger does not say whose it is", mend: "write execute=voter:NAME" };

/** Whether a trigger needs a component, and neither it nor the target names one. */
export function triggerLacksComponent(fault: {
  readonly target: FaultTarget;
  readonly trigger: FaultTrigger;
}): boolean {
  const { trigger: when } = fault;
  const needs = "execute" in when || "read" in when || "write" in when || "ipc" in when;
  return needs && triggerComponent(fault) === undefined;
}

/** The component that a target names: whose instructions its trigger counts. */
export function targetComponent(faultTarget: FaultTarget): string | undefined {
  if ("component" in faultTarget) return faultTarget.component;
  if ("kernel" in faultTarget && typeof faultTarget.of === "string") return faultTarget.of;
  return undefined;
}

/** The component whose doings a trigger watches; undefined: anybody's. */
export function triggerComponent(fault: {
  readonly target: FaultTarget;
  readonly trigger: FaultTrigger;
}): string | undefined {
  const { trigger: when } = fault;
  const own = targetComponent(fault.target);
  if ("cycle" in when || "round" in when) return undefined;
  if ("execute" in when) return when.execute.component ?? own;
  if ("read" in when) return when.read.component ?? own;
  if ("write" in when) return when.write.component ?? own;
  if ("ipc" in when) return when.ipc.component ?? own;
  // Interrupts and exceptions strike whoever runs, unless they are asked for in one component.
  if ("interrupt" in when) return when.interrupt.component;
  if ("exception" in when) return when.exception.component;
  return own;
}
