/**
 * The one-line form of a fault:
 *
 *     TARGET:MODEL@TRIGGER
 *     TARGET   replica-2:eax | replica-2:aes_round_keys+16 | replica-2:0x0804a010 | physical:0x123000
 *              replica-2:pte=0x0804a000 | replica-2:pde=0x0804a000 | replica-2:mr=3
 *     MODEL    flip:BIT[,BIT…] | set:WORD
 *     TRIGGER  cycle=N | instruction=N
 *
 * Numbers are decimal or 0x…; nothing in it needs quoting in a shell.
 */
import { InputError, printable } from "../input-error.ts";
import { eflagsProblem, type Fault, type FaultModel, type FaultTarget, type FaultTrigger, REGISTERS } from "./fault.ts";

const EXAMPLE = "write for example replica-2:eax:flip:3@instruction=1000";

/**
 * @param source where the text stands, for errors, such as `--fault`.
 * @throws InputError with the column.
 */
export function parseFault(line: string, source = "--fault"): Fault {
  const fail = (at: number, problem: string, mend: string): never => {
    throw new InputError({ file: source, column: at + 1, problem: `${problem} in "${shorten(line)}"`, mend });
  };
  const at = line.indexOf("@");
  if (at < 0) fail(line.length, "there is no @TRIGGER", "end it with @cycle=N or @instruction=N");
  const fields: { text: string; column: number }[] = [];
  let column = 0;
  for (const text of line.slice(0, at).split(":")) {
    fields.push({ text, column });
    column += text.length + 1;
  }
  const [component, place, model, argument, extra] = fields;
  if (component === undefined || component.text === "") fail(0, "there is no target", EXAMPLE);
  if (place === undefined || place.text === "") fail(at, "the target has no place", EXAMPLE);
  if (model === undefined) fail(at, "there is no fault model", "add :flip:BIT before the @");
  if (model!.text !== "flip" && model!.text !== "set")
    fail(model!.column, `"${shorten(model!.text)}" is no fault model`, "use flip or set");
  if (argument === undefined && model!.text === "set") fail(at, "set has no value", "add :WORD, such as :0x1234");
  if (argument === undefined) fail(at, "flip names no bit", "add :BIT, from 0 to 31");
  if (extra !== undefined) fail(extra.column - 1, "there is more than TARGET:MODEL:VALUE before the @", EXAMPLE);

  const fault: Fault = {
    target: parseTarget(component!, place!, fail),
    model: model!.text === "set" ? { set: parseWord(argument!, fail) } : parseBits(argument!, fail),
    trigger: parseTrigger(line.slice(at + 1), at + 1, fail),
  };
  const problem = eflagsProblem(fault);
  if (problem !== undefined) fail(argument!.column, problem, "choose another bit");
  return fault;
}

interface Field {
  readonly text: string;
  readonly column: number;
}
type Fail = (at: number, problem: string, mend: string) => never;

function parseTarget(component: Field, place: Field, fail: Fail): FaultTarget {
  if (component.text === "physical") return { physical: parseWord(place, fail) };
  const name = component.text;
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    fail(component.column, `"${shorten(name)}" is no component name`, "use a name such as replica-2 or voter");
  }
  const register = REGISTERS.find((known) => known === place.text.toLowerCase());
  if (register !== undefined) return { component: name, register };
  if (/^[0-9]/.test(place.text)) return { component: name, address: parseWord(place, fail) };
  const [special, value] = place.text.split(/=(.*)/s);
  if (value !== undefined && (special === "pte" || special === "pde" || special === "mr")) {
    const number = parseWord({ text: value, column: place.column + special.length + 1 }, fail);
    if (special === "pte") return { component: name, pte: number };
    if (special === "pde") return { component: name, pde: number };
    if (number > 63) fail(place.column + 3, `there is no message register ${number}`, "use mr=0 to mr=63");
    return { component: name, mr: number };
  }
  const plus = place.text.indexOf("+");
  const symbol = plus < 0 ? place.text : place.text.slice(0, plus);
  if (!/^[A-Za-z_.$][\w.$]*$/.test(symbol)) {
    const mend = `use a register (${REGISTERS.join(" ")}), an address such as 0x0804a010, or a symbol`;
    fail(place.column, `"${shorten(place.text)}" is no place`, mend);
  }
  if (plus < 0) return { component: name, symbol, offset: 0 };
  const offset = parseWord({ text: place.text.slice(plus + 1), column: place.column + plus + 1 }, fail);
  return { component: name, symbol, offset };
}

function parseBits(field: Field, fail: Fail): FaultModel {
  const bits: number[] = [];
  let column = field.column;
  for (const text of field.text.split(",")) {
    const value = parseNumber(text);
    if (value === undefined || value > 31) fail(column, `"${shorten(text)}" is no bit`, "give bits from 0 to 31");
    if (bits.includes(value!)) fail(column, `bit ${value} is named twice`, "name each bit once");
    bits.push(value!);
    column += text.length + 1;
  }
  return { flip: bits };
}

function parseTrigger(text: string, column: number, fail: Fail): FaultTrigger {
  const equals = text.indexOf("=");
  const kind = equals < 0 ? text : text.slice(0, equals);
  if (kind !== "cycle" && kind !== "instruction") {
    fail(column, `"${shorten(kind)}" is no trigger`, "use cycle=N or instruction=N");
  }
  const value = equals < 0 ? undefined : parseNumber(text.slice(equals + 1));
  if (value === undefined) {
    fail(column + kind.length + 1, `${kind} has no number`, `write ${kind}=N, N from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return kind === "cycle" ? { cycle: value! } : { instruction: value! };
}

function parseWord(field: Field, fail: Fail): number {
  const value = parseNumber(field.text);
  if (value === undefined || value > 0xffff_ffff) {
    fail(field.column, `"${shorten(field.text)}" is no 32-bit number`, "write for example 0x0804a010");
  }
  return value!;
}

/** Decimal or 0x…, undefined for anything else or beyond 2^53 - 1. */
function parseNumber(text: string): number | undefined {
  if (!/^(0x[0-9a-f]{1,14}|[0-9]{1,16})$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function shorten(text: string): string {
  const clean = printable(text);
  return clean.length > 60 ? `${clean.slice(0, 57)}...` : clean;
}
