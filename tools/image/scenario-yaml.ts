/** Reads a scenario from YAML text: every error names file, line, key, what is wrong and how to mend it. */
import type { Document } from "yaml";
import type { Fault } from "../faults/fault.ts";
import { parseFault } from "../faults/fault-line.ts";
import { InputError } from "../input-error.ts";
import { readYaml } from "../yaml-input.ts";
import { crossCheck, type Scenario, scenarioSchema } from "./scenario.ts";

/** A scenario with its faults parsed, and the YAML document that it came from. */
export interface ParsedScenario {
  readonly scenario: Scenario;
  readonly faults: readonly Fault[];
  readonly document: Document;
}

const FORM = {
  schema: scenarioSchema,
  noun: "scenario",
  seeSchema: "`quorum86 image schema` prints what is allowed",
  tooLong: "put large data into a file and name it in workload.data.file",
};

/**
 * @param file its name, for errors.
 * @throws InputError for the first thing that is wrong.
 */
export function parseScenario(text: string, file: string): ParsedScenario {
  const { value: scenario, document, problem: wrong } = readYaml(text, file, FORM);
  const [broken] = crossCheck(scenario);
  if (broken !== undefined) throw wrong(broken.path, broken.problem, broken.mend);
  const faults = scenario.faults.map((fault, i) => {
    if (typeof fault !== "string") return fault;
    try {
      return parseFault(fault, file);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const { column, problem, mend } = error.detail;
      throw wrong(["faults", i], problem, mend).within({ key: `faults[${i}], column ${column}` });
    }
  });
  return { scenario, faults, document };
}
