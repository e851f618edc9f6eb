/** Reads a scenario from YAML text: every error names file, line, key, what is wrong and how to mend it. */
import type { Document } from "yaml";
import type { Fault } from "../faults/fault.ts";
import { faultsOf } from "../faults/fault-file.ts";
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
  return { scenario, faults: faultsOf(scenario.faults, wrong, file), document };
}
