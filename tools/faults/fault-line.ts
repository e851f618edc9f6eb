/**
 * Reads the one-line form of a fault:
 *
 *     TARGET:MODEL@TRIGGER
 *
 *     TARGET   replica-2:eax | replica-2:ds | replica-2:cr3 | replica-2:aes_round_keys+16 | replica-2:0x0804a010
 *              replica-2:pte=0x0804a000 | replica-2:pde=0x0804a000 | replica-2:mr=3 | physical:0x123000
 *              cpu:cr0 | cpu:ds.limit | tlb:data/5/2.frame | tlb:code=0x0804a000.flags
 *              kernel:tcb/replica-2.state | kernel:ready-queue.readyHead+8 | kernel:page-table/replica-2/table=32+16
 *     MODEL    flip:BIT[,BIT…] | set:WORD | stuck0:BIT[,BIT…][/CLOCKS] | stuck1:BIT[,BIT…][/CLOCKS] | skip[:N]
 *     TRIGGER  cycle=N | instruction=N | round=N | execute=PLACE[#N] | read=PLACE[/BYTES][#N] | write=PLACE[/BYTES][#N]
 *              ipc=PHASE[,with=COMPONENT][,round=N][#N] | interrupt=VECTOR[#N] | exception=VECTOR[#N]
 *
 * Numbers are decimal or 0x…; nothing in it needs quoting in a shell.
 */
import { InputError } from "../input-error.ts";
import { CPU_REGISTERS, REGISTERS, SEGMENT_NAMES } from "./cpu-registers.ts";
import {
  BYZANTINE_ACTS,
  COMPONENT_NAME,
  type Fault,
  type FaultModel,
  type FaultTarget,
  LACKS_COMPONENT,
  modelProblem,
  NOT_YET_ACTS,
  RESERVED_NAMES,
  STRUCTURE_NAME,
  SYMBOL_NAME,
  TLB_NAMES,
  TLB_PARTS,
  TLB_SETS,
  triggerLacksComponent,
} from "./fault.ts";
import { type Fail, type Field, parseNumber, parseWord, shorten, split } from "./line-fields.ts";
import { parseTrigger } from "./trigger-line.ts";

const EXAMPLE = "write for example replica-2:eax:flip:3@instruction=1000";
const MODELS = "use flip, set, stuck0, stuck1 or skip";

/**
 * @param source where the text stands, for errors, such as `--fault`.
 * @throws InputError with the column.
 */
export function parseFault(line: string, source = "--fault"): Fault {
  const fail: Fail = (at, problem, mend) => {
    throw new InputError({ file: source, column: at + 1, problem: `${problem} in "${shorten(line)}"`, mend });
  };
  const at = line.indexOf("@");
  if (at < 0) fail(line.length, "there is no @TRIGGER", "end it with @cycle=N or @instruction=N");
  const fields = split({ text: line.slice(0, at), column: 0 }, ":");
  const component = fields[0]!;
  if (component.text === "") fail(0, "there is no target", EXAMPLE);
  let place = fields[1];
  if (place === undefined || place.text === "") return fail(at, "the target has no place", EXAMPLE);
  if (place.text === "act") fail(place.column, NOT_YET_ACTS, MODELS);
  // `replica-2:skip` is short for `replica-2:eip:skip`.
  let [model, argument, extra]: readonly (Field | undefined)[] = fields.slice(2);
  if (place.text === "skip" && (model === undefined || argument === undefined)) {
    extra = undefined;
    argument = model;
    model = place;
    place = { text: "eip", column: place.column };
  }
  if (model === undefined) return fail(at, "there is no fault model", "add :flip:BIT before the @");
  if (extra !== undefined) fail(extra.column - 1, "there is more than TARGET:MODEL:VALUE before the @", EXAMPLE);

  const fault: Fault = {
    target: parseTarget(component, place, fail),
    model: parseModel(model, argument, at, fail),
    trigger: parseTrigger({ text: line.slice(at + 1), column: at + 1 }, fail),
  };
  const wrong = modelProblem(fault);
  if (wrong !== undefined) fail((argument ?? model).column, wrong.problem, wrong.mend);
  if (triggerLacksComponent(fault)) fail(at + 1, LACKS_COMPONENT.problem, LACKS_COMPONENT.mend);
  return fault;
}

// ---- targets ----

function parseTarget(component: Field, place: Field, fail: Fail): FaultTarget {
  switch (component.text) {
    case "physical":
      return { physical: parseWord(place, fail) };
    case "cpu":
      return cpuRegister(place, fail);
    case "tlb":
      return tlbEntry(place, fail);
    case "kernel":
      return kernelWord(place, fail);
    default:
      return componentPlace(component, place, fail);
  }
}

function componentPlace({ text: component, column }: Field, place: Field, fail: Fail): FaultTarget {
  if (!COMPONENT_NAME.test(component)) {
    const others = RESERVED_NAMES.join(", ");
    fail(column, `"${shorten(component)}" is no component name`, `use a name such as replica-2 or voter, or ${others}`);
  }
  const word = place.text.toLowerCase();
  const register = REGISTERS.find((known) => known === word);
  if (register !== undefined) return { component, register };
  const segment = SEGMENT_NAMES.find((known) => known === word);
  if (segment !== undefined) return { component, segment };
  if (word === "cr3") return { component, control: "cr3" };
  if (/^[0-9]/.test(place.text)) return { component, address: parseWord(place, fail) };
  const [special, value] = split(place, "=");
  if (value === undefined) return symbolPlace(component, place, fail);
  switch (special!.text) {
    case "symbol":
      return symbolPlace(component, value, fail);
    case "pte":
      return { component, pte: parseWord(value, fail) };
    case "pde":
      return { component, pde: parseWord(value, fail) };
    case "mr":
      return { component, mr: upTo(value, 63, "message register", fail) };
    default:
      return fail(place.column, `"${shorten(place.text)}" is no place`, PLACES);
  }
}

const PLACES = `use a register (${[...REGISTERS, ...SEGMENT_NAMES].join(" ")} cr3), an address such as 0x0804a010, a symbol, pte=, pde= or mr=`;

function symbolPlace(component: string, place: Field, fail: Fail): FaultTarget {
  const [name, offset] = withOffset(place, fail);
  if (!SYMBOL_NAME.test(name.text)) fail(place.column, `"${shorten(place.text)}" is no place`, PLACES);
  return { component, symbol: name.text, offset };
}

function cpuRegister(place: Field, fail: Fail): FaultTarget {
  const cpu = CPU_REGISTERS.find((known) => known === place.text.toLowerCase());
  if (cpu !== undefined) return { cpu };
  const mend = "use for example cpu:cr0, cpu:eax, cpu:ds or cpu:ds.base (.limit, .attributes)";
  return fail(place.column, `the CPU has no register "${shorten(place.text)}"`, mend);
}

function tlbEntry(place: Field, fail: Fail): FaultTarget {
  const example = "write for example tlb:data/5/2.frame or tlb:code=0x0804a000.flags";
  const [entry, partName, more] = split(place, ".");
  const part = TLB_PARTS.find((known) => known === partName?.text);
  if (part === undefined || more !== undefined)
    return fail(partName?.column ?? place.column, "a part of a TLB entry is needed: tag, frame or flags", example);
  const [cache, linear] = split(entry!, "=");
  const [name, set, way, extra] = split(cache!, "/");
  const tlb = TLB_NAMES.find((known) => known === name!.text);
  if (tlb === undefined) return fail(name!.column, `"${shorten(name!.text)}" is no TLB`, "use code, data or large");
  if (linear !== undefined && set === undefined) return { tlb, linear: parseWord(linear, fail), part };
  if (set === undefined || way === undefined || extra !== undefined || linear !== undefined)
    return fail(place.column, `"${shorten(place.text)}" is no TLB entry`, example);
  return { tlb, set: upTo(set, TLB_SETS[tlb] - 1, "set", fail), way: upTo(way, 3, "way", fail), part };
}

function kernelWord(place: Field, fail: Fail): FaultTarget {
  const [path, offset] = withOffset(place, fail);
  const [element, field, more] = split(path, ".");
  const [name, ...steps] = split(element!, "/");
  const example = "write for example kernel:tcb/replica-2.state, kernel:globals.current or kernel:gdt+8";
  if (!STRUCTURE_NAME.test(name!.text))
    fail(name!.column, `"${shorten(name!.text)}" is no kernel structure`, `${example}; quorum86 faults lists them`);
  const target: { kernel: string; of?: string | number; table?: number; field?: string; offset: number } = {
    kernel: name!.text,
    offset,
  };
  for (const step of steps) {
    const [word, value] = split(step, "=");
    const again = value === undefined ? target.of : target.table;
    if (again !== undefined || (value !== undefined && word!.text !== "table"))
      fail(step.column, `"${shorten(step.text)}" leads nowhere`, example);
    if (value !== undefined) target.table = upTo(value, 1023, "page table", fail);
    else if (/^[0-9]/.test(step.text)) target.of = parseWord(step, fail);
    else if (COMPONENT_NAME.test(step.text) && !RESERVED_NAMES.includes(step.text)) target.of = step.text;
    else fail(step.column, `"${shorten(step.text)}" is neither a number nor a component`, example);
  }
  if (field !== undefined) {
    if (more !== undefined || !/^[A-Za-z][A-Za-z0-9]*$/.test(field.text))
      fail(field.column, `"${shorten(field.text)}" is no field`, example);
    target.field = field.text;
  }
  return target;
}

/** `NAME+OFFSET`. */
function withOffset(place: Field, fail: Fail): [Field, number] {
  const plus = place.text.indexOf("+");
  if (plus < 0) return [place, 0];
  const name = { text: place.text.slice(0, plus), column: place.column };
  return [name, parseWord({ text: place.text.slice(plus + 1), column: place.column + plus + 1 }, fail)];
}

function upTo(field: Field, most: number, noun: string, fail: Fail): number {
  const value = parseNumber(field.text);
  if (value !== undefined && value <= most) return value;
  return fail(field.column, `there is no ${noun} ${shorten(field.text)}`, `use 0 to ${most}`);
}

// ---- models ----

function parseModel(model: Field, argument: Field | undefined, end: number, fail: Fail): FaultModel {
  const needed = (problem: string, mend: string): Field => argument ?? fail(end, problem, mend);
  switch (model.text) {
    case "flip":
      return { flip: parseBits(needed("flip names no bit", "add :BIT, from 0 to 31"), fail) };
    case "set":
      return { set: parseWord(needed("set has no value", "add :WORD, such as :0x1234"), fail) };
    case "stuck0":
    case "stuck1": {
      const [list, time] = split(needed(`${model.text} names no bit`, "add :BIT, from 0 to 31"), "/");
      const bits = parseBits(list!, fail);
      const clocks = time === undefined ? {} : { clocks: atLeastOne(time, "clocks", fail) };
      return model.text === "stuck0" ? { stuckAt0: bits, ...clocks } : { stuckAt1: bits, ...clocks };
    }
    case "skip": {
      const skip = argument === undefined ? 1 : atLeastOne(argument, "instructions", fail);
      return skip <= 1000 ? { skip } : fail(argument!.column, `${skip} instructions are too many`, "skip at most 1000");
    }
    case "act": {
      const mend = `${MODELS}; acts will be ${BYZANTINE_ACTS.join(", ")}`;
      return fail(model.column, NOT_YET_ACTS, mend);
    }
    default:
      return fail(model.column, `"${shorten(model.text)}" is no fault model`, MODELS);
  }
}

function parseBits(field: Field, fail: Fail): number[] {
  const bits: number[] = [];
  for (const { text, column } of split(field, ",")) {
    const value = parseNumber(text);
    if (value === undefined || value > 31)
      return fail(column, `"${shorten(text)}" is no bit`, "give bits from 0 to 31");
    if (bits.includes(value)) fail(column, `bit ${value} is named twice`, "name each bit once");
    bits.push(value);
  }
  return bits;
}

function atLeastOne(field: Field, noun: string, fail: Fail): number {
  const value = parseNumber(field.text);
  if (value !== undefined && value >= 1) return value;
  return fail(field.column, `"${shorten(field.text)}" is no number of ${noun}`, "give a number from 1 up");
}
