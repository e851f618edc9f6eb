/** Reads the part of a fault's one-line form after the @: when it strikes. */
import { COMPONENT_NAME, type FaultTrigger, IPC_PHASES, RESERVED_NAMES, SYMBOL_NAME } from "./fault.ts";
import { type Fail, type Field, parseNumber, parseWord, shorten, split } from "./line-fields.ts";

const TRIGGERS = "use cycle=, instruction=, round=, execute=, read=, write=, ipc=, interrupt= or exception=";

export function parseTrigger(field: Field, fail: Fail): FaultTrigger {
  const equals = field.text.indexOf("=");
  const kind = equals < 0 ? field.text : field.text.slice(0, equals);
  const value: Field = {
    text: equals < 0 ? "" : field.text.slice(equals + 1),
    column: field.column + kind.length + 1,
  };
  switch (kind) {
    case "cycle":
      return { cycle: wholeNumber(kind, value, 0, fail) };
    case "instruction":
      return { instruction: wholeNumber(kind, value, 0, fail) };
    case "round":
      return { round: wholeNumber(kind, value, 1, fail) };
    case "execute": {
      const [what, nth] = times(kind, value, fail);
      return { execute: place(what, fail), nth };
    }
    case "read": {
      const [what, nth] = times(kind, value, fail);
      return { read: area(what, fail), nth };
    }
    case "write": {
      const [what, nth] = times(kind, value, fail);
      return { write: area(what, fail), nth };
    }
    case "ipc": {
      const [what, nth] = times(kind, value, fail);
      return { ipc: ipc(what, fail), nth };
    }
    case "interrupt": {
      const [what, nth] = times(kind, value, fail);
      return { interrupt: vector(what, fail), nth };
    }
    case "exception": {
      const [what, nth] = times(kind, value, fail);
      return { exception: vector(what, fail), nth };
    }
    default:
      return fail(field.column, `"${shorten(kind)}" is no trigger`, TRIGGERS);
  }
}

function wholeNumber(kind: string, { text, column }: Field, least: number, fail: Fail): number {
  const value = parseNumber(text);
  if (value !== undefined && value >= least) return value;
  return fail(column, `${kind} has no number`, `write ${kind}=N, N from ${least} to ${Number.MAX_SAFE_INTEGER}`);
}

/** `WHAT#N`. */
function times(kind: string, value: Field, fail: Fail): [Field, number] {
  const [what, number, more] = split(value, "#");
  if (what!.text === "") fail(value.column, `${kind} has no value`, `write for example ${EXAMPLES[kind]}`);
  if (number === undefined) return [what!, 1];
  const nth = parseNumber(number.text);
  if (nth !== undefined && nth >= 1 && more === undefined) return [what!, nth];
  return fail(number.column, `"${shorten(number.text)}" is no count`, "write #N, N from 1: how many times it happens");
}

const EXAMPLES: Readonly<Record<string, string>> = {
  execute: "execute=aes_encrypt#3",
  read: "read=aes_state+4",
  write: "write=aes_state/16#2",
  ipc: "ipc=reply#3",
  interrupt: "interrupt=0x20#5",
  exception: "exception=14",
};

/** `[COMPONENT:]REST`. */
function whose(field: Field, fail: Fail): [{ component?: string }, Field] {
  const [first, rest, more] = split(field, ":");
  if (rest === undefined) return [{}, field];
  return more === undefined
    ? [{ component: componentName(first!, fail) }, rest]
    : fail(more.column - 1, "there is more than COMPONENT:PLACE", "name one component");
}

function componentName({ text, column }: Field, fail: Fail): string {
  if (COMPONENT_NAME.test(text) && !RESERVED_NAMES.includes(text)) return text;
  return fail(column, `"${shorten(text)}" is no component name`, "use a name such as replica-2 or voter");
}

function place(field: Field, fail: Fail) {
  const [owner, { text, column }] = whose(field, fail);
  if (/^[0-9]/.test(text)) return { ...owner, address: parseWord({ text, column }, fail) };
  const plus = text.indexOf("+");
  const symbol = plus < 0 ? text : text.slice(0, plus);
  if (!SYMBOL_NAME.test(symbol))
    return fail(column, `"${shorten(text)}" is no place`, "use a symbol or an address such as 0x0804a010");
  const offset = plus < 0 ? 0 : parseWord({ text: text.slice(plus + 1), column: column + plus + 1 }, fail);
  return { ...owner, symbol, offset };
}

function area(field: Field, fail: Fail) {
  const [where, length] = split(field, "/");
  const bytes = length === undefined ? 1 : parseNumber(length.text);
  if (bytes === undefined || bytes < 1 || bytes > 0x1_0000)
    return fail(length!.column, `"${shorten(length!.text)}" is no number of bytes`, "write /BYTES, from 1 to 65536");
  return { ...place(where!, fail), bytes };
}

function ipc(field: Field, fail: Fail) {
  const [owner, rest] = whose(field, fail);
  const [name, ...conditions] = split(rest, ",");
  const phase = IPC_PHASES.find((known) => known === name!.text);
  if (phase === undefined)
    return fail(name!.column, `"${shorten(name!.text)}" is no phase of an IPC`, `use ${IPC_PHASES.join(", ")}`);
  const more: { with?: string; round?: number } = {};
  for (const condition of conditions) {
    const [key, value] = split(condition, "=");
    if (key!.text === "with" && value !== undefined && more.with === undefined) more.with = componentName(value, fail);
    else if (key!.text === "round" && value !== undefined && more.round === undefined)
      more.round = wholeNumber("round", value, 1, fail);
    else fail(condition.column, `"${shorten(condition.text)}" is no condition`, "use with=COMPONENT or round=N, once");
  }
  return { ...owner, phase, ...more };
}

function vector(field: Field, fail: Fail) {
  const [owner, { text, column }] = whose(field, fail);
  const value = parseNumber(text);
  if (value !== undefined && value <= 255) return { ...owner, vector: value };
  return fail(column, `"${shorten(text)}" is no vector`, "use 0 to 255, such as 0x20 for the timer");
}
