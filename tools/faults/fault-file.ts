/** A file of faults: YAML with one key, `faults`, a list of one-line forms or maps as in a scenario. */
import { Document, isScalar, visit, YAMLMap, type YAMLSeq } from "yaml";
import { z } from "zod";
import { readInput } from "../files.ts";
import { InputError } from "../input-error.ts";
import { readYaml, type YamlInput } from "../yaml-input.ts";
import { type Fault, faultSchema } from "./fault.ts";
import { parseFault } from "./fault-line.ts";
import { formatFault } from "./fault-text.ts";

/** The `faults:` of a scenario and of a fault file. */
export const faultListSchema = z
  .array(z.union([z.string(), faultSchema]))
  .describe(
    'a list of faults, each a line such as "replica-2:eax:flip:3@instruction=1000" or {target, model, trigger}',
  );

const fileSchema = z.strictObject({ faults: faultListSchema });

const FORM = {
  schema: fileSchema,
  noun: "fault file",
  seeSchema: "`quorum86 faults --schema` prints what is allowed",
  tooLong: "split it, one experiment each",
};

/** @throws InputError naming file, line and key. */
export function readFaultFile(file: string): Fault[] {
  return parseFaultFile(new TextDecoder().decode(readInput(file)), file);
}

/** @param file its name, for errors. */
export function parseFaultFile(text: string, file: string): Fault[] {
  const { value, problem } = readYaml(text, file, FORM);
  return faultsOf(value.faults, problem, file);
}

/** The faults of a list; the lines in it are parsed, and blamed in the YAML that they stand in. */
export function faultsOf(
  list: z.output<typeof faultListSchema>,
  blame: YamlInput<unknown>["problem"],
  file: string,
): Fault[] {
  return list.map((fault, i) => {
    if (typeof fault !== "string") return fault;
    try {
      return parseFault(fault, file);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const { column, problem, mend } = error.detail;
      throw blame(["faults", i], problem, mend).within({ key: `faults[${i}], column ${column}` });
    }
  });
}

/** Keys whose numbers are addresses or words, which people write in hexadecimal. */
const IN_HEX: ReadonlySet<unknown> = new Set(["address", "physical", "linear", "pte", "pde"]);

/** A fault file of these faults, as `readFaultFile` reads it back; above each its line, as a comment. */
export function faultFileText(faults: readonly Fault[]): string {
  const document = new Document({ faults });
  const list = document.get("faults") as YAMLSeq<YAMLMap>;
  list.items.forEach((item, i) => {
    item.commentBefore = ` ${formatFault(faults[i]!)}`;
    for (const { value } of item.items) if (value instanceof YAMLMap) value.flow = true;
  });
  visit(document, {
    Pair: (_, { key, value }, path) => {
      const isWord = isScalar(key) && (IN_HEX.has(key.value) || (key.value === "set" && !isTlbEntry(path.at(-1))));
      if (isWord && isScalar(value) && typeof value.value === "number") value.format = "HEX";
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** `set` is a word in a model, and the number of a set in the place of a TLB entry. */
function isTlbEntry(map: unknown): boolean {
  return map instanceof YAMLMap && map.has("tlb");
}

/** JSON schema (draft 2020-12) of a fault file, for editors. */
export function faultFileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
}
