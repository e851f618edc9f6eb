/**
 * The scenario: everything that a run is determined by. Strict: an unknown key is an error. Every field has a
 * description, which the error messages, the JSON schema and scenario.md repeat.
 */
import { z } from "zod";
import { faultListSchema } from "../faults/fault-file.ts";

export const BUNDLED = "bundled:";
/** As many as the voter has room for (REPLICAS_MAX in guests/voter/vote.h). */
export const MOST_REPLICAS = 16;
export const IMPLEMENTATIONS = ["bytewise", "ttable", "bitslice"] as const;

const MICROSECONDS = { us: 1, ms: 1_000, s: 1_000_000 } as const;

/** `20 ms` → 20000. */
function duration(description: string, fallback: string) {
  return z
    .string({ error: 'a duration such as "500 us", "20 ms" or "1 s" is needed' })
    .regex(/^\d{1,9}(\.\d{1,6})? ?(us|ms|s)$/, 'a duration such as "500 us", "20 ms" or "1 s" is needed')
    .prefault(fallback)
    .describe(description)
    .transform((text, context) => {
      const [, number, unit] = /^([\d.]+) ?(us|ms|s)$/.exec(text)!;
      const microseconds = Math.round(Number(number) * MICROSECONDS[unit as keyof typeof MICROSECONDS]);
      if (microseconds > 0x7fff_ffff) context.addIssue({ code: "custom", message: "the longest duration is 2147 s" });
      return microseconds;
    });
}

const memory = z
  .string({ error: 'a size such as "16 MiB" is needed' })
  .regex(/^\d{1,7} ?(KiB|MiB)$/, 'a size such as "16 MiB" is needed')
  .prefault("16 MiB")
  .describe("RAM of the machine, a multiple of 4 KiB from 4 MiB to 1024 MiB")
  .transform((text, context) => {
    const [, number, unit] = /^(\d+) ?(KiB|MiB)$/.exec(text)!;
    const bytes = Number(number) * (unit === "MiB" ? 1 << 20 : 1 << 10);
    if (bytes < 4 << 20 || bytes > 1 << 30 || bytes % 4096 !== 0) {
      context.addIssue({ code: "custom", message: `${text} is not a multiple of 4 KiB from 4 MiB to 1024 MiB` });
    }
    return bytes;
  });

const bytesInHex = (description: string, lengths: readonly number[]) =>
  z
    .string()
    .regex(/^([0-9a-fA-F]{2})*$/, "an even number of hexadecimal digits in quotes is needed")
    .refine((text) => lengths.includes(text.length / 2), {
      error: (issue) => `${String(issue.input).length / 2} bytes given, ${lengths.join(", ")} allowed`,
    })
    .describe(description)
    .transform((text) => new Uint8Array(Buffer.from(text, "hex")));

const module = (file: string) =>
  z
    .string()
    .min(1)
    .default(`${BUNDLED}${file}`)
    .describe(`ELF file, relative to the scenario, or ${BUNDLED}NAME for one that comes with quorum86`);

const priority = (fallback: number) =>
  z.int().min(1).max(254).default(fallback).describe("L4 priority, 1 (lowest) to 254");
const timeSlice = duration("time slice between threads of one priority", "10 ms");
const startDelay = duration("wait before the first request is served, to desynchronise replicas", "0 us");
const unsigned = z.int().min(0).max(0xffff_ffff);

const replicaGroup = z
  .strictObject({
    implementation: z
      .enum(IMPLEMENTATIONS)
      .optional()
      .describe("AES implementation that comes with quorum86: bytewise, ttable or bitslice"),
    module: z
      .string()
      .min(1)
      .optional()
      .describe("ELF file of the implementation, instead of the one that comes with quorum86"),
    count: z
      .int()
      .min(1)
      .max(MOST_REPLICAS)
      .default(1)
      .describe(`how many replicas of this kind, 1 to ${MOST_REPLICAS}`),
    priority: priority(100),
    timeSlice,
    startDelay,
  })
  .refine((group) => group.implementation !== undefined || group.module !== undefined, {
    error: "implementation or module is needed",
  });

const data = z
  .union([
    z.strictObject({ text: z.string() }),
    z.strictObject({ hex: z.string().regex(/^([0-9a-fA-F]{2})*$/, "an even number of hexadecimal digits is needed") }),
    z.strictObject({ file: z.string().min(1) }),
    z.strictObject({
      random: z.strictObject({
        seed: unsigned,
        bytes: z
          .int()
          .min(0)
          .max(64 << 20),
      }),
    }),
  ])
  .describe("one of {text: …}, {hex: …}, {file: PATH}, {random: {seed: N, bytes: N}}");

const task = (level: number) => z.strictObject({ priority: priority(level), timeSlice });

export const scenarioSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "a name of small letters, digits and hyphens is needed")
    .describe("name of the scenario: small letters, digits and hyphens, at most 40"),
  description: z.string().optional().describe("one sentence for people"),
  seed: unsigned.default(0).describe("seed of everything random in the guests, 0 to 4294967295"),
  machine: z
    .strictObject({
      memory,
      timing: z.enum(["simple", "p5"]).default("p5").describe("timing model: simple or p5"),
    })
    .prefault({}),
  kernel: z
    .strictObject({
      userIopl3: z.boolean().default(false).describe("true gives user threads IOPL 3, as Pistachio does"),
    })
    .prefault({}),
  modules: z
    .strictObject({
      sigma0: module("sigma0.elf"),
      root: module("root.elf"),
      console: module("console.elf"),
      voter: module("voter.elf"),
      client: module("client.elf"),
    })
    .prefault({}),
  replicas: z.array(replicaGroup).min(1).describe("a list of replica kinds, at least one"),
  voter: z
    .strictObject({
      replicas: z.int().min(1).max(MOST_REPLICAS).optional().describe("N: must equal the number of replicas listed"),
      faulty: z
        .int()
        .min(0)
        .max((MOST_REPLICAS - 1) >> 1)
        .optional()
        .describe("f: how many replicas may be wrong at once; N >= 2f + 1"),
      deadline: duration("how long the voter waits for the answers to one request", "20 ms"),
      priority: priority(130),
      timeSlice,
      verbose: z.boolean().default(false).describe("true prints unanimous rounds too"),
    })
    .prefault({}),
  client: task(120).prefault({}),
  console: task(140).prefault({}),
  workload: z.strictObject({
    operation: z.enum(["encrypt", "decrypt"]).default("encrypt").describe("encrypt or decrypt"),
    mode: z.enum(["ecb", "ctr", "cbc", "chain", "records"]).describe("ecb, ctr, cbc, chain or records"),
    key: bytesInHex("AES key in hexadecimal: 16, 24 or 32 bytes", [16, 24, 32]),
    iv: bytesInHex("initial vector (cbc) or first counter block (ctr): 16 bytes in hexadecimal", [16]).optional(),
    data,
    iterations: z.int().min(1).max(1_000_000).default(1).describe("mode chain: how many output blocks, 1 to 1000000"),
  }),
  faults: faultListSchema.default([]),
});

/** A checked scenario: durations in microseconds, sizes in bytes, keys as bytes; faults may still be lines of text. */
export type Scenario = z.output<typeof scenarioSchema>;
export type ReplicaGroup = Scenario["replicas"][number];

/** JSON schema (draft 2020-12) of a scenario file, for editors. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(scenarioSchema, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
}

/** N. */
export function replicaCount(scenario: Scenario): number {
  return scenario.replicas.reduce((sum, group) => sum + group.count, 0);
}

/** f: as given, else the most that a majority of N can mask. */
export function faultyCount(scenario: Scenario): number {
  return scenario.voter.faulty ?? Math.floor((replicaCount(scenario) - 1) / 2);
}

/** ELF file of a replica kind, as a reference. */
export function replicaModule(group: ReplicaGroup): string {
  return group.module ?? `${BUNDLED}replica-${group.implementation}.elf`;
}

/** Rules that hold between fields: path of the field to blame, what is wrong, and the mend. */
export function crossCheck(scenario: Scenario): { path: (string | number)[]; problem: string; mend: string }[] {
  const found: { path: (string | number)[]; problem: string; mend: string }[] = [];
  const n = replicaCount(scenario);
  const { voter, workload } = scenario;
  if (n > MOST_REPLICAS) {
    found.push({ path: ["replicas"], problem: `${n} replicas in all`, mend: `use at most ${MOST_REPLICAS}` });
  }
  if (voter.replicas !== undefined && voter.replicas !== n) {
    const problem = `the voter expects ${voter.replicas} replicas, ${n} are listed`;
    found.push({ path: ["voter", "replicas"], problem, mend: `write ${n}, or leave the key out` });
  }
  const f = faultyCount(scenario);
  if (n < 2 * f + 1) {
    const problem = `${n} replicas cannot outvote ${f} faulty ones`;
    found.push({ path: ["voter", "faulty"], problem, mend: `write at most ${Math.floor((n - 1) / 2)}` });
  }
  if ((workload.mode === "ctr" || workload.mode === "cbc") && workload.iv === undefined) {
    const problem = `mode ${workload.mode} has no iv`;
    found.push({ path: ["workload"], problem, mend: 'add iv: "…" with 32 hexadecimal digits' });
  }
  return found;
}
