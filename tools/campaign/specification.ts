/** The campaign specification: which bits are struck, how, when, how many of them. Read from YAML, strictly. */
import { z } from "zod";
import { CPU_REGISTERS, type CpuRegisterName, SEGMENT_NAMES } from "../faults/cpu-registers.ts";
import { REGISTERS, TLB_NAMES } from "../faults/fault.ts";
import { readYaml, type YamlInput } from "../yaml-input.ts";
import { SINGLE_FLIP, type SpaceModel } from "./fault-space.ts";

const word = z.int().min(0).max(0xffff_ffff);
const cycle = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const names = (what: string) => z.array(z.string().min(1)).min(1).optional().describe(`a list of ${what}`);
const allOr = <const T extends readonly [string, ...string[]]>(list: T, what: string) =>
  z
    .union([z.literal("all"), z.array(z.enum(list)).min(1)])
    .optional()
    .describe(`all, or a list of ${what}`);
const areas = z.array(z.strictObject({ address: word, bytes: word.min(1) })).min(1);
const kernel = names("structures of the kernel, such as [tcb, page-table]");

/** What belongs to a component. */
const COMPONENT_KEYS = {
  component: z.string().min(1).describe("a component of the image, such as replica-2 or voter"),
  registers: allOr(REGISTERS, REGISTERS.join(", ")),
  segments: allOr(SEGMENT_NAMES, SEGMENT_NAMES.join(", ")),
  control: z
    .array(z.enum(["cr3"]))
    .min(1)
    .optional()
    .describe("[cr3]"),
  messageRegisters: z
    .union([z.literal("all"), z.array(z.int().min(0).max(63)).min(1)])
    .optional()
    .describe("all, or a list of numbers from 0 to 63"),
  symbols: names("symbols of the component's program, such as [aes_state]"),
  sections: names("sections of the component's program, such as [.text, .data, .bss]"),
  memory: areas.optional().describe("a list of {address: N, bytes: N}, virtual addresses in the component's space"),
  kernel: kernel.describe("a list of structures that the kernel keeps for the component, such as [tcb, page-table]"),
};
/** What belongs to the machine or to the kernel as a whole. */
const MACHINE_KEYS = {
  kernel: kernel.describe("a list of structures of the kernel, such as [idt, gdt, tss, globals]"),
  physical: areas.optional().describe("a list of {address: N, bytes: N}, physical addresses"),
  cpu: allOr(CPU_REGISTERS as [CpuRegisterName, ...CpuRegisterName[]], "registers of the CPU, such as [cr0, ds.base]"),
  tlb: allOr(TLB_NAMES, TLB_NAMES.join(", ")),
};

const target = z
  .strictObject({ ...MACHINE_KEYS, ...COMPONENT_KEYS, component: COMPONENT_KEYS.component.optional() })
  .transform((value): ComponentTarget | MachineTarget => value as ComponentTarget | MachineTarget);

const componentTarget = z.object(COMPONENT_KEYS);
const machineTarget = z.object(MACHINE_KEYS);
export type ComponentTarget = z.output<typeof componentTarget>;
export type MachineTarget = z.output<typeof machineTarget>;

const adjacent = z.int().min(1).max(32);
const clocks = z.int().min(1).optional();
const stuck = (kind: "stuckAt0" | "stuckAt1", bits: number, length: number | undefined): SpaceModel =>
  length === undefined ? { kind, bits } : { kind, bits, clocks: length };
const model = z
  .union([
    z.literal("flip").transform((): SpaceModel => SINGLE_FLIP),
    z.strictObject({ flip: adjacent }).transform(({ flip }): SpaceModel => ({ kind: "flip", bits: flip })),
    z
      .strictObject({ stuckAt0: adjacent, clocks })
      .transform((value) => stuck("stuckAt0", value.stuckAt0, value.clocks)),
    z
      .strictObject({ stuckAt1: adjacent, clocks })
      .transform((value) => stuck("stuckAt1", value.stuckAt1, value.clocks)),
  ])
  .default(SINGLE_FLIP)
  .describe("flip, {flip: BITS}, {stuckAt0: BITS, clocks: N} or {stuckAt1: BITS, clocks: N}");

const specificationSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "a name of small letters, digits and hyphens is needed")
    .describe("name of the campaign: small letters, digits and hyphens, at most 40"),
  description: z.string().optional().describe("one sentence for people"),
  image: z
    .string()
    .min(1)
    .default("bundled:aes-tmr")
    .describe("a scenario or packed image, relative to the specification, or bundled:NAME"),
  timing: z.enum(["simple", "p5"]).optional().describe("timing model instead of the image's: simple or p5"),
  targets: z.array(target).min(1).describe("a list of targets, at least one"),
  model,
  window: z
    .strictObject({
      from: cycle.default(0).describe("first clock at which a bit may flip"),
      to: cycle.optional().describe("last clock at which a bit may flip"),
    })
    .prefault({}),
  sample: z
    .strictObject({
      size: z.int().min(1).max(100_000_000).optional().describe("number of draws, 1 to 100000000"),
      seed: word.default(0).describe("seed of the sample, 0 to 4294967295"),
      strata: z
        .union([
          z.literal("component"),
          z.record(z.string(), z.int().min(1).max(100_000_000)).refine((sizes) => Object.keys(sizes).length > 0),
        ])
        .optional()
        .describe("component, or the number of draws of each component: {replica-2: N, voter: N}"),
    })
    .optional()
    .describe("{size: N, seed: N}: points drawn from the space"),
  complete: z.literal(true).optional().describe("true: every point of the space, after def/use pruning"),
  pruning: z
    .boolean()
    .default(true)
    .describe("true runs one experiment for all draws of one def/use class, none for draws that are never read"),
  observe: z
    .boolean()
    .default(false)
    .describe("true tracks every wrong word of every experiment: exact containment, many times slower"),
  earlyStop: z
    .boolean()
    .default(true)
    .describe("true ends an experiment when the rest of it is known from the golden run"),
  snapshots: z.int().min(1).max(4096).default(128).describe("snapshots of the golden run, 1 to 4096"),
  interval: z
    .enum(["wilson", "clopper-pearson"])
    .default("wilson")
    .describe("kind of confidence interval: wilson or clopper-pearson"),
  confidence: z.number().min(0.5).max(0.9999).default(0.95).describe("confidence of the intervals, 0.5 to 0.9999"),
});

export type Specification = z.output<typeof specificationSchema>;
export type SampleSpecification = NonNullable<Specification["sample"]>;

const FORM = {
  schema: specificationSchema,
  noun: "campaign specification",
  seeSchema: "tools/campaign/README.md describes every key",
  tooLong: "name sections instead of addresses",
};

/** Targets of which def/use pruning knows nothing: they are not in memory, nor registers of a thread. */
const NOT_FOLLOWED = ["segments", "control", "cpu", "tlb"] as const;

/**
 * @param file its name, for errors.
 * @throws InputError naming file, line and key for the first thing that is wrong.
 */
export function parseSpecification(text: string, file: string): YamlInput<Specification> {
  const input = readYaml(text, file, FORM);
  const { from, to } = input.value.window;
  if (to !== undefined && to < from) throw input.problem(["window", "to"], "it is before window.from", "swap them");
  const { sample, complete, targets, model: what } = input.value;
  for (const i of targets.keys()) checkTarget(input, i);
  if (sample === undefined && complete === undefined) {
    throw input.problem(["sample"], "this key is missing", "give sample: {size: 1000}, or complete: true");
  }
  if (sample !== undefined) {
    checkSample(input, sample);
    if (complete !== undefined) throw input.problem(["complete"], "sample is given too", "remove one of them");
    return input;
  }
  const known = "def/use pruning follows flips in memory and in registers of components";
  if (what.kind !== "flip") {
    throw input.problem(["model"], `a complete campaign is of flips: ${known}`, "give sample instead of complete");
  }
  targets.forEach((each, i) => {
    const key = NOT_FOLLOWED.find((name) => name in each);
    if (key === undefined) return;
    const mend = "remove this key, or give sample instead of complete";
    throw input.problem(["targets", i, key], `a complete campaign cannot have it: ${known}`, mend);
  });
  return input;
}

/** A target has keys of a component, or keys of the machine. */
function checkTarget({ value, problem }: YamlInput<Specification>, i: number): void {
  const each = value.targets[i]!;
  const ofComponent = "component" in each;
  const keys = Object.keys(each).filter((key) => key !== "component");
  const own: readonly string[] = Object.keys(ofComponent ? COMPONENT_KEYS : MACHINE_KEYS);
  const foreign = keys.find((key) => !own.includes(key));
  if (foreign !== undefined) {
    const [text, mend] = ofComponent
      ? ["belongs to no component", "give it a target of its own, without component"]
      : ["belongs to a component", "add component: NAME"];
    throw problem(["targets", i, foreign], `it ${text}`, mend);
  }
  if (keys.length > 0) return;
  const some = own.filter((key) => key !== "component").join(", ");
  throw problem(["targets", i], "a target names no bits", `add one of ${some}`);
}

function checkSample({ problem }: YamlInput<Specification>, { size, strata }: SampleSpecification): void {
  const explicit = typeof strata === "object";
  if (size === undefined && !explicit) throw problem(["sample", "size"], "this key is missing", "add size: 1000");
  if (size !== undefined && explicit) {
    throw problem(["sample", "size"], "strata says how many draws there are", "remove size");
  }
}
