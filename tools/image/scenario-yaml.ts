/** Reads a scenario from YAML text: every error names file, line, key, what is wrong and how to mend it. */
import { type Document, isCollection, isMap, isNode, isPair, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import type { Fault } from "../faults/fault.ts";
import { parseFault } from "../faults/fault-line.ts";
import { InputError, printable } from "../input-error.ts";
import { crossCheck, type Scenario, scenarioJsonSchema, scenarioSchema } from "./scenario.ts";

/** A scenario with its faults parsed, and the YAML document that it came from. */
export interface ParsedScenario {
  readonly scenario: Scenario;
  readonly faults: readonly Fault[];
  readonly document: Document;
}

type Path = readonly (string | number)[];

const BYTE_LIMIT = 4 << 20;
const DEPTH_LIMIT = 32;

/**
 * @param file its name, for errors.
 * @throws InputError for the first thing that is wrong.
 */
export function parseScenario(text: string, file: string): ParsedScenario {
  const lines = new LineCounter();
  const document = parseYaml(text, file, lines);
  const values = toValues(document, file);
  const result = scenarioSchema.safeParse(values);
  const at = (path: Path) => lineOf(document, lines, path);
  if (!result.success) {
    // A misspelt key is both unknown and missing: say the first.
    const { issues } = result.error;
    throw explain(issues.find((issue) => issue.code === "unrecognized_keys") ?? issues[0]!, values, file, at);
  }
  const [broken] = crossCheck(result.data);
  if (broken !== undefined) {
    const { path, problem, mend } = broken;
    throw new InputError({ file, ...at(path), key: keyOf(path), problem, mend });
  }
  const faults = result.data.faults.map((fault, i) => {
    if (typeof fault !== "string") return fault;
    try {
      return parseFault(fault, file);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const { column, problem, mend } = error.detail;
      throw new InputError({ file, ...at(["faults", i]), key: `faults[${i}], column ${column}`, problem, mend });
    }
  });
  return { scenario: result.data, faults, document };
}

function parseYaml(text: string, file: string, lines: LineCounter): Document {
  if (text.length > BYTE_LIMIT) {
    const problem = `a scenario of ${text.length} characters`;
    throw new InputError({ file, problem, mend: "put large data into a file and name it in workload.data.file" });
  }
  if (nesting(text) > DEPTH_LIMIT) {
    throw new InputError({ file, problem: `nested deeper than ${DEPTH_LIMIT} levels`, mend: "remove brackets" });
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "error",
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    const problem = `not YAML: ${error.message.replace(/\s+/g, " ")}`;
    throw new InputError({ file, line, column: col, problem: printable(problem), mend: "correct this line" });
  }
  return document;
}

/** Deepest nesting of flow collections that the text could have: the YAML parser recurses on them. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === 0x5b || character === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (character === 0x5d || character === 0x7d) depth = Math.max(0, depth - 1);
  }
  return deepest;
}

function toValues(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError({ file, problem: printable(problem), mend: "write values out instead of using aliases" });
  }
}

/** Line of the node at a path, or of its nearest ancestor that exists. */
function lineOf(document: Document, lines: LineCounter, path: Path): { line?: number } {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === String(last));
      if (pair !== undefined && isNode(pair.key) && pair.key.range)
        return { line: lines.linePos(pair.key.range[0]).line };
    } else if (isCollection(parent)) {
      const node = parent.items[Number(last)];
      if (isNode(node) && node.range) return { line: lines.linePos(node.range[0]).line };
    }
  }
  return { line: 1 };
}

function keyOf(path: Path): string {
  let key = "";
  for (const part of path) key += typeof part === "number" ? `[${part}]` : key === "" ? part : `.${part}`;
  return printable(key);
}

type Issue = z.core.$ZodIssue;

function explain(issue: Issue, values: unknown, file: string, at: (path: Path) => { line?: number }): InputError {
  const leaf = closest(issue, []);
  const path = leaf.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  const unknownKey = leaf.issue.code === "unrecognized_keys" ? leaf.issue.keys[0] : undefined;
  const place = unknownKey === undefined ? path : [...path, unknownKey];
  const key = keyOf(place);
  const { problem, mend } = describe(leaf.issue, path, valueAt(values, path));
  return new InputError({ file, ...at(place), ...(key === "" ? {} : { key }), problem: printable(problem), mend });
}

/** Of a union, the issue of the branch that fits best; the union itself when none fits at all. */
function closest(issue: Issue, before: readonly PropertyKey[]): { issue: Issue; path: readonly PropertyKey[] } {
  const path = [...before, ...issue.path];
  if (issue.code !== "invalid_union") return { issue, path };
  let best: { cost: number; issues: readonly Issue[] } | undefined;
  for (const issues of issue.errors) {
    const cost = issues.reduce((sum, each) => sum + misfit(each), 0);
    if (issues.length > 0 && (best === undefined || cost < best.cost)) best = { cost, issues };
  }
  return best === undefined || best.cost >= 10 ? { issue, path } : closest(best.issues[0]!, path);
}

function misfit(issue: Issue): number {
  if (issue.code === "unrecognized_keys") return 10 * issue.keys.length;
  if (issue.code === "invalid_type") return issue.path.length === 0 ? 100 : 5;
  return 1;
}

function describe(issue: Issue, path: Path, value: unknown): { problem: string; mend: string } {
  const node = schemaAt(path);
  const mend = typeof node?.description === "string" ? `give ${node.description}` : SEE_SCHEMA;
  if (value === undefined && issue.code !== "unrecognized_keys") return { problem: "this key is missing", mend };
  switch (issue.code) {
    case "unrecognized_keys":
      return { problem: "unknown key", mend: knownKeys(issue.keys[0] ?? "", node) };
    case "invalid_type":
      return { problem: `${show(value)} is not ${article(issue.expected)}`, mend };
    case "invalid_value":
      return { problem: `${show(value)} is not allowed`, mend: `use one of ${issue.values.map(String).join(", ")}` };
    case "too_small":
      return { problem: `${show(value)} is too small`, mend };
    case "too_big":
      return { problem: `${show(value)} is too large`, mend };
    case "invalid_union":
      return { problem: `${show(value)} has none of the allowed forms`, mend };
    default:
      return { problem: `${show(value)}: ${issue.message}`, mend };
  }
}

const SEE_SCHEMA = "`quorum86 image schema` prints what is allowed";

function article(type: string): string {
  if (type === "object") return "a map of keys";
  if (type === "array") return "a list";
  if (type === "int") return "a whole number";
  return `a ${type}`;
}

function show(value: unknown): string {
  const text = typeof value === "string" ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

interface JsonSchema {
  readonly description?: unknown;
  readonly properties?: Record<string, JsonSchema>;
  readonly items?: JsonSchema;
}

let jsonSchema: JsonSchema | undefined;

function schemaAt(path: Path): JsonSchema | undefined {
  jsonSchema ??= scenarioJsonSchema();
  let node: JsonSchema | undefined = jsonSchema;
  for (const part of path) node = typeof part === "number" ? node?.items : node?.properties?.[part];
  return node;
}

function knownKeys(key: string, node: JsonSchema | undefined): string {
  const known = Object.keys(node?.properties ?? {});
  if (known.length === 0) return SEE_SCHEMA;
  const near = known.find((name) => name.toLowerCase() === key.toLowerCase() || distance(name, key) <= 2);
  return near === undefined ? `use one of ${known.join(", ")}` : `did you mean ${near}?`;
}

/** Levenshtein distance, for keys of ordinary length. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function valueAt(values: unknown, path: Path): unknown {
  let value = values;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
