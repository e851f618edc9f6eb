import { describe, expect, it } from "vitest";
import {
  ACTIVATIONS,
  axesSchema,
  CLASSES,
  classOf,
  ENDINGS,
  type OutcomeAxes,
  outcomeSchema,
  SERVICES,
  VOTES,
  withClass,
} from "../../../tools/faults/outcome.ts";

const quiet: OutcomeAxes = {
  activation: "read",
  replicaEffect: "none",
  vote: "unanimous",
  containment: "registers",
  recovery: "not-needed",
  ending: "power-off",
  service: "right",
  breach: false,
  residue: false,
};

describe("the class of an experiment", () => {
  it.each<[string, Partial<OutcomeAxes>, string]>([
    ["nothing left", {}, "MASKED"],
    ["never read, but still there", { activation: "never-read", residue: true }, "LATENT"],
    ["outvoted", { vote: "minority-named", replicaEffect: "wrong-value" }, "CORRECTED"],
    ["outvoted, and something is left", { vote: "minority-named", residue: true }, "CORRECTED"],
    ["somebody else accused, the service right", { vote: "false-accusation" }, "CORRECTED"],
    ["no majority, and the client says so", { vote: "no-majority", service: "refused" }, "DUE_DETECTED"],
    ["powered off early without a result", { service: "unfinished" }, "DUE_DETECTED"],
    ["time is up", { ending: "time-limit", service: "unfinished" }, "DUE_TIMEOUT"],
    ["done, but the machine never ended", { ending: "time-limit" }, "DUE_TIMEOUT"],
    ["wrong output", { service: "wrong", vote: "wrong-majority" }, "SDC"],
    ["wrong output although outvoted", { service: "wrong", vote: "minority-named" }, "SDC"],
    ["triple fault", { ending: "crash", service: "unfinished" }, "SYSTEM_CRASH"],
    ["crash after a right output", { ending: "crash" }, "SYSTEM_CRASH"],
    ["breach without any effect", { breach: true }, "ISOLATION_BREACH"],
    ["breach and crash", { breach: true, ending: "crash" }, "ISOLATION_BREACH"],
    ["not applied", { activation: "not-applied" }, "TOOL_ERROR"],
    ["stopped by hand", { ending: "interrupted", service: "unfinished" }, "TOOL_ERROR"],
  ])("%s", (_name, change, expected) => {
    expect(classOf({ ...quiet, ...change })).toBe(expected);
  });

  it("is defined for every combination, and never better than the service", () => {
    const seen = new Set<string>();
    for (const activation of ACTIVATIONS)
      for (const vote of VOTES)
        for (const ending of ENDINGS)
          for (const service of SERVICES)
            for (const breach of [false, true])
              for (const residue of [false, true]) {
                const axes = { ...quiet, activation, vote, ending, service, breach, residue };
                const result = classOf(axes);
                seen.add(result);
                if (["MASKED", "LATENT", "CORRECTED"].includes(result)) expect(service).toBe("right");
                if (result === "MASKED") expect(residue || breach || ending === "crash").toBe(false);
              }
    expect([...seen].sort()).toEqual([...CLASSES].sort());
  });

  it("is part of a schema that refuses what it does not know", () => {
    expect(outcomeSchema.parse(withClass(quiet)).class).toBe("MASKED");
    expect(axesSchema.safeParse({ ...quiet, vote: "perhaps" }).success).toBe(false);
    expect(axesSchema.safeParse({ ...quiet, extra: 1 }).success).toBe(false);
  });
});
