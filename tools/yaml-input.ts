/**
 * Reads data that people write as YAML: checked against a schema, every error names file, line, key, what is wrong and
 * how to mend it (from the descriptions in the schema).
 */
import { type Document, isCollection, isMap, isNode, isPair, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { InputError, printable } from "./input-error.ts";

export type Path = readonly (string | number)[];

export interface YamlForm<S extends z.ZodType> {
  readonly schema: S;
  /** What the text is, for errors: `scenario`. */
  readonly noun: string;
  /** Where a reader finds all that is allowed. */
  readonly seeSchema: string;
  /** Where large data go instead. */
  readonly tooLong: string;
}

/** Checked values, the document that they came from, and a way to blame a place in it. */
export interface YamlInput<T> {
  readonly value: T;
  readonly document: Document;
  /** The error for a rule that the schema does not hold: `path` is the key to blame. */
  problem(path: Path, problem: string, mend: string): InputError;
}

const BYTE_LIMIT = 4 << 20;
const DEPTH_LIMIT = 32;

/**
 * @param file its name, for errors.
 * @throws InputError for the first thing that is wrong.
 */
export function readYaml<S extends z.ZodType>(text: string, file: string, form: YamlForm<S>): YamlInput<z.output<S>> {
  const lines = new LineCounter();
  const document = parseYaml(text, file, lines, form);
  const values = toValues(document, file);
  const result = form.schema.safeParse(values);
  const at = (path: Path) => lineOf(document, lines, path);
  if (!result.success) {
    // A misspelt key is both unknown and missing: say the first.
    const { issues } = result.error;
    const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!;
    throw explain(issue, values, file, at, form);
  }
  const problem = (path: Path, text: string, mend: string) =>
    new InputError({ file, ...at(path), key: keyOf(path), problem: text, mend });
  return { value: result.data, document, problem };
}

function parseYaml(text: string, file: string, lines: LineCounter, form: YamlForm<z.ZodType>): Document {
  if (text.length > BYTE_LIMIT) {
    throw new InputError({ file, problem: `a ${form.noun} of ${text.length} characters`, mend: form.tooLong });
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

function explain(
  issue: Issue,
  values: unknown,
  file: string,
  at: (path: Path) => { line?: number },
  form: YamlForm<z.ZodType>,
): InputError {
  const leaf = closest(issue, []);
  const path = leaf.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  const unknownKey = leaf.issue.code === "unrecognized_keys" ? leaf.issue.keys[0] : undefined;
  const place = unknownKey === undefined ? path : [...path, unknownKey];
  const key = keyOf(place);
  const { problem, mend } = describe(leaf.issue, path, valueAt(values, path), form);
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

function describe(
  issue: Issue,
  path: Path,
  value: unknown,
  { schema, seeSchema }: YamlForm<z.ZodType>,
): { problem: string; mend: string } {
  const node = schemaAt(schema, path);
  const mend = typeof node?.description === "string" ? `give ${node.description}` : seeSchema;
  if (value === undefined && issue.code !== "unrecognized_keys") return { problem: "this key is missing", mend };
  switch (issue.code) {
    case "unrecognized_keys":
      return { problem: "unknown key", mend: knownKeys(issue.keys[0] ?? "", node, seeSchema) };
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

const jsonSchemas = new WeakMap<z.ZodType, JsonSchema>();

function schemaAt(schema: z.ZodType, path: Path): JsonSchema | undefined {
  let node: JsonSchema | undefined = jsonSchemas.get(schema);
  node ??= z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  jsonSchemas.set(schema, node);
  for (const part of path) node = typeof part === "number" ? node?.items : node?.properties?.[part];
  return node;
}

function knownKeys(key: string, node: JsonSchema | undefined, seeSchema: string): string {
  const known = Object.keys(node?.properties ?? {});
  if (known.length === 0) return seeSchema;
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
