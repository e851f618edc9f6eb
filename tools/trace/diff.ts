/** The first difference of two traces, read side by side, line by line: any length, little memory. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileError } from "../files.ts";

export interface TraceDifference {
  /** From 1; events in both that are equal. */
  readonly line: number;
  /** Undefined where a trace has ended. */
  readonly first: string | undefined;
  readonly second: string | undefined;
  /** JSON Lines: keys whose values differ. */
  readonly fields: readonly string[];
  /** The values in them that differ, as "path: first | second"; no more than a few. */
  readonly values: readonly string[];
  /** Lines before it, the oldest first. */
  readonly context: readonly string[];
}

const CONTEXT_LINES = 5;
const LISTED_VALUES = 12;

/**
 * Undefined when the traces are equal. `ignored` are keys of JSON Lines that may differ, such as "cycle".
 * @throws InputError if a file cannot be read.
 */
export async function compareTraces(
  firstFile: string,
  secondFile: string,
  ignored: readonly string[] = [],
): Promise<{ difference: TraceDifference | undefined; lines: number }> {
  const first = linesOf(firstFile);
  const second = linesOf(secondFile);
  const context: string[] = [];
  let line = 0;
  try {
    for (;;) {
      const [a, b] = await Promise.all([first.next(), second.next()]);
      if (a.done === true && b.done === true) return { difference: undefined, lines: line };
      line++;
      const one = a.done === true ? undefined : a.value;
      const other = b.done === true ? undefined : b.value;
      if (one === other) {
        context.push(one ?? "");
        if (context.length > CONTEXT_LINES) context.shift();
        continue;
      }
      const fields = differingFields(one, other).filter((name) => !ignored.includes(name));
      if (ignored.length > 0 && one !== undefined && other !== undefined && fields.length === 0) {
        context.push(one);
        if (context.length > CONTEXT_LINES) context.shift();
        continue;
      }
      const values = differingValues("", parsed(one), parsed(other)).slice(0, LISTED_VALUES);
      return { difference: { line, first: one, second: other, fields, values, context }, lines: line };
    }
  } finally {
    await first.return(undefined);
    await second.return(undefined);
  }
}

async function* linesOf(file: string): AsyncGenerator<string, undefined, undefined> {
  const input = createReadStream(file);
  const failed = new Promise<never>((_resolve, reject) => {
    input.once("error", (error) => reject(fileError(error, file)));
  });
  failed.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([lines.next(), failed]);
    if (next.done === true) return undefined;
    yield next.value;
  }
}

function differingFields(one: string | undefined, other: string | undefined): string[] {
  const first = parsed(one);
  const second = parsed(other);
  if (first === undefined || second === undefined) return [];
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return [...names].filter((name) => JSON.stringify(first[name]) !== JSON.stringify(second[name]));
}

/** Leaves of two JSON values that differ. */
function differingValues(path: string, one: unknown, other: unknown): string[] {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other || path === "" ? [] : [`${path}: ${JSON.stringify(one)} | ${JSON.stringify(other)}`];
  }
  const first = one as Record<string, unknown>;
  const second = other as Record<string, unknown>;
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  return names.flatMap((name) => differingValues(path === "" ? name : `${path}.${name}`, first[name], second[name]));
}

function parsed(line: string | undefined): Record<string, unknown> | undefined {
  if (line?.startsWith("{") !== true) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
