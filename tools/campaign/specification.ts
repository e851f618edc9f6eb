/** The campaign specification: which bits are struck, when, how many of them. Read from YAML, strictly. */
import { z } from "zod";
import { REGISTERS } from "../faults/fault.ts";
import { readYaml, type YamlInput } from "../yaml-input.ts";

const word = z.int().min(0).max(0xffff_ffff);
const cycle = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const target = z
  .strictObject({
    component: z.string().min(1).describe("a component of the image, such as replica-2 or voter"),
    registers: z
      .union([z.literal("all"), z.array(z.enum(REGISTERS)).min(1)])
      .optional()
      .describe(`all, or a list of ${REGISTERS.join(", ")}`),
    symbols: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("a list of symbols of the component's program, such as [aes_state]"),
    sections: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("a list of sections of the component's program, such as [.text, .data, .bss]"),
    memory: z
      .array(z.strictObject({ address: word, bytes: word.min(1) }))
      .min(1)
      .optional()
      .describe("a list of {address: N, bytes: N}, virtual addresses in the component's space"),
  })
  .refine(({ registers, symbols, sections, memory }) => registers ?? symbols ?? sections ?? memory, {
    error: "a target names no bits: registers, symbols, sections or memory is needed",
  });

export const specificationSchema = z.strictObject({
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
  window: z
    .strictObject({
      from: cycle.default(0).describe("first clock at which a bit may flip"),
      to: cycle.optional().describe("last clock at which a bit may flip"),
    })
    .prefault({}),
  sample: z
    .strictObject({
      size: z.int().min(1).max(100_000_000).describe("number of experiments, 1 to 100000000"),
      seed: word.default(0).describe("seed of the sample, 0 to 4294967295"),
    })
    .optional()
    .describe("{size: N, seed: N}: experiments drawn from the space"),
  complete: z.literal(true).optional().describe("true: every point of the space, after def/use pruning"),
  earlyStop: z
    .boolean()
    .default(true)
    .describe("true ends an experiment when its whole state is the golden run's again"),
  snapshots: z.int().min(1).max(4096).default(128).describe("snapshots of the golden run, 1 to 4096"),
  interval: z
    .enum(["wilson", "clopper-pearson"])
    .default("wilson")
    .describe("kind of confidence interval: wilson or clopper-pearson"),
  confidence: z.number().min(0.5).max(0.9999).default(0.95).describe("confidence of the intervals, 0.5 to 0.9999"),
});

export type Specification = z.output<typeof specificationSchema>;
export type TargetSpecification = Specification["targets"][number];

const FORM = {
  schema: specificationSchema,
  noun: "campaign specification",
  seeSchema: "tools/campaign/README.md describes every key",
  tooLong: "name sections instead of addresses",
};

/**
 * @param file its name, for errors.
 * @throws InputError naming file, line and key for the first thing that is wrong.
 */
export function parseSpecification(text: string, file: string): YamlInput<Specification> {
  const input = readYaml(text, file, FORM);
  const { from, to } = input.value.window;
  if (to !== undefined && to < from) throw input.problem(["window", "to"], "it is before window.from", "swap them");
  const { sample, complete, targets } = input.value;
  if (sample === undefined && complete === undefined) {
    throw input.problem(["sample"], "this key is missing", "give sample: {size: 1000}, or complete: true");
  }
  if (complete === undefined) return input;
  if (sample !== undefined) throw input.problem(["complete"], "sample is given too", "remove one of them");
  const at = targets.findIndex(({ registers }) => registers !== undefined);
  if (at >= 0) {
    const problem = "a complete campaign is of memory: uses of registers are not followed";
    throw input.problem(["targets", at, "registers"], problem, "remove this key, or give sample instead of complete");
  }
  return input;
}
