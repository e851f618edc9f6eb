/** Writes faults in their one-line form, as short as `parseFault` reads it back. */
import { REGISTERS, SEGMENT_NAMES } from "./cpu-registers.ts";
import type { Fault, FaultModel, FaultTarget, FaultTrigger, TriggerPlace } from "./fault.ts";

export function formatFault({ target, model, trigger }: Fault): string {
  return `${formatTarget(target)}:${formatModel(model)}@${formatTrigger(trigger)}`;
}

export function formatTarget(target: FaultTarget): string {
  if ("physical" in target) return `physical:${hex(target.physical)}`;
  if ("cpu" in target) return `cpu:${target.cpu}`;
  if ("tlb" in target) return `tlb:${tlbEntry(target)}.${target.part}`;
  if ("kernel" in target) return `kernel:${kernelWord(target)}`;
  return `${target.component}:${placeOf(target)}`;
}

/** Words after the component that are no symbols. */
const PLACE_WORDS: ReadonlySet<string> = new Set<string>([...REGISTERS, ...SEGMENT_NAMES, "cr3", "skip"]);

type ComponentTarget = Extract<FaultTarget, { component: string }>;

function placeOf(target: ComponentTarget): string {
  if ("register" in target) return target.register;
  if ("segment" in target) return target.segment;
  if ("control" in target) return target.control;
  if ("address" in target) return hex(target.address);
  if ("pte" in target) return `pte=${hex(target.pte)}`;
  if ("pde" in target) return `pde=${hex(target.pde)}`;
  if ("mr" in target) return `mr=${target.mr}`;
  const name = PLACE_WORDS.has(target.symbol.toLowerCase()) ? `symbol=${target.symbol}` : target.symbol;
  return `${name}${plus(target.offset)}`;
}

function tlbEntry(target: Extract<FaultTarget, { tlb: string }>): string {
  if ("linear" in target) return `${target.tlb}=${hex(target.linear)}`;
  return `${target.tlb}/${target.set}/${target.way}`;
}

function kernelWord({ kernel, of, table, field, offset }: Extract<FaultTarget, { kernel: string }>): string {
  const element = `${of === undefined ? "" : `/${of}`}${table === undefined ? "" : `/table=${table}`}`;
  return `${kernel}${element}${field === undefined ? "" : `.${field}`}${plus(offset)}`;
}

function formatModel(model: FaultModel): string {
  if ("flip" in model) return `flip:${model.flip.join(",")}`;
  if ("set" in model) return `set:${hex(model.set)}`;
  if ("skip" in model) return model.skip === 1 ? "skip" : `skip:${model.skip}`;
  const time = model.clocks === undefined ? "" : `/${model.clocks}`;
  return "stuckAt0" in model
    ? `stuck0:${model.stuckAt0.join(",")}${time}`
    : `stuck1:${model.stuckAt1.join(",")}${time}`;
}

function formatTrigger(trigger: FaultTrigger): string {
  if ("cycle" in trigger) return `cycle=${trigger.cycle}`;
  if ("instruction" in trigger) return `instruction=${trigger.instruction}`;
  if ("round" in trigger) return `round=${trigger.round}`;
  const times = trigger.nth === 1 ? "" : `#${trigger.nth}`;
  if ("execute" in trigger) return `execute=${triggerPlace(trigger.execute)}${times}`;
  if ("read" in trigger) return `read=${triggerPlace(trigger.read)}${times}`;
  if ("write" in trigger) return `write=${triggerPlace(trigger.write)}${times}`;
  if ("ipc" in trigger) {
    const { component, phase, with: partner, round } = trigger.ipc;
    const partners = partner === undefined ? "" : `,with=${partner}`;
    return `ipc=${whose(component)}${phase}${partners}${round === undefined ? "" : `,round=${round}`}${times}`;
  }
  if ("interrupt" in trigger)
    return `interrupt=${whose(trigger.interrupt.component)}${hex(trigger.interrupt.vector)}${times}`;
  return `exception=${whose(trigger.exception.component)}${trigger.exception.vector}${times}`;
}

function triggerPlace(place: TriggerPlace): string {
  const where = "symbol" in place ? `${place.symbol}${plus(place.offset)}` : hex(place.address);
  const bytes = "bytes" in place && place.bytes !== 1 ? `/${place.bytes}` : "";
  return `${whose(place.component)}${where}${bytes}`;
}

function whose(component: string | undefined): string {
  return component === undefined ? "" : `${component}:`;
}

function plus(offset: number): string {
  return offset === 0 ? "" : `+${offset}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
