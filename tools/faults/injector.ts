/** Applies a fault to a stopped machine: finds where the bits are at this moment and changes them. */

import type { Machine } from "../../emulator/index.ts";
import { findSymbol } from "../../emulator/loader/elf.ts";
import type { Kernel } from "../../kernel/index.ts";
import { messageRegister } from "../../kernel/utcb.ts";
import { InputError } from "../input-error.ts";
import type { Component } from "../run/boot-plan.ts";
import type { InjectionReport } from "../run/run-result.ts";
import {
  type Fault,
  type FaultTarget,
  formatFault,
  formatTarget,
  type RegisterName,
  targetComponent,
} from "./fault.ts";

/** A fault whose names have been looked up in the scenario: symbols are addresses now. */
export interface AimedFault {
  readonly fault: Fault;
  /** Absent for physical targets. */
  readonly component?: Component;
  /** Virtual address in the component's space, for memory of a component. */
  readonly address?: number;
}

/**
 * Looks up the names in a fault.
 * @throws InputError if the scenario has no such component or its program no such symbol.
 */
export function aimFault(fault: Fault, components: readonly Component[]): AimedFault {
  const { target } = fault;
  if (isUnfinished(fault)) {
    const problem = "this kind of fault cannot be injected yet";
    throw new InputError({
      file: `fault ${formatFault(fault)}`,
      problem,
      mend: "use another target, model or trigger",
    });
  }
  if ("physical" in target) return { fault };
  const component = components.find(({ name }) => "component" in target && name === target.component);
  const place = { file: `fault ${formatFault(fault)}` };
  if (component === undefined) {
    const names = components.map(({ name }) => name).join(", ");
    throw new InputError({
      ...place,
      problem: `there is no component "${targetComponent(target)}"`,
      mend: `use one of ${names}`,
    });
  }
  if (!("symbol" in target) && !("address" in target)) return { fault, component };
  if ("address" in target) return { fault, component, address: target.address };
  const symbol = findSymbol(component.elf, target.symbol);
  if (symbol === undefined) {
    const problem = `the program of ${component.name} has no symbol "${target.symbol}"`;
    throw new InputError({ ...place, problem, mend: suggestSymbols(component) });
  }
  return { fault, component, address: (symbol.value + target.offset) >>> 0 };
}

function isUnfinished({ target, model, trigger }: Fault): boolean {
  const models = "flip" in model || "set" in model;
  const triggers = "cycle" in trigger || "instruction" in trigger;
  return (
    !models ||
    !triggers ||
    !("component" in target || "physical" in target) ||
    "segment" in target ||
    "control" in target
  );
}

/**
 * Applies a fault now. A target that is not there (thread gone, page not mapped, address outside RAM) is reported as
 * not applied and nothing changes.
 */
export function inject(machine: Machine, kernel: Kernel, aimed: AimedFault): InjectionReport {
  const { fault, component, address } = aimed;
  const { model } = fault;
  if (!("flip" in model || "set" in model)) throw new RangeError("this model cannot be injected yet");
  const flips = "flip" in model ? model.flip.reduce((bits, bit) => bits | (1 << bit), 0) : 0;
  const change: Struck = "flip" in model ? (word) => word ^ flips : () => model.set | 0;
  const report = {
    fault: formatFault(fault),
    cycle: machine.clock.now,
    ...(component === undefined ? {} : { instruction: kernel.thread(component.threadNumber)?.userInstructions ?? 0 }),
  };
  const { target } = fault;
  const done =
    "register" in target
      ? strikeRegister(machine, kernel, component!.threadNumber, target.register, change)
      : strikeMemory(machine, placeBytes(machine, kernel, component, address, target), change);
  if (typeof done === "string") return { ...report, applied: false, reason: done };
  return { ...report, applied: true, ...done };
}

/** The word that a fault makes of a word. */
type Struck = (word: number) => number;

interface Change {
  readonly location: string;
  readonly before: number;
  readonly after: number;
}

function strikeRegister(
  machine: Machine,
  kernel: Kernel,
  thread: number,
  register: RegisterName,
  change: Struck,
): Change | string {
  const location = kernel.registerLocation(thread, register);
  if (location === undefined) return `thread ${thread} does not exist at this time`;
  if (location.where === "memory") {
    const before = machine.memory.read32(location.physical);
    const after = change(before);
    machine.memory.write32(location.physical, after);
    return { location: `trap frame at ${hex(location.physical)}`, before: before >>> 0, after: after >>> 0 };
  }
  const { cpu } = machine;
  const before = register === "eflags" ? cpu.eflags : cpu.words[location.word]!;
  const after = change(before);
  if (register === "eflags") cpu.eflags = after;
  else if (register === "eip") cpu.eip = after;
  else cpu.words[location.word] = after;
  return { location: "CPU", before: before >>> 0, after: after >>> 0 };
}

/** Physical addresses of the word's four bytes (a word may cross into another page), or why there are none. */
function placeBytes(
  machine: Machine,
  kernel: Kernel,
  component: Component | undefined,
  address: number | undefined,
  target: FaultTarget,
): number[] | string {
  if ("physical" in target) return [0, 1, 2, 3].map((i) => target.physical + i);
  if (!("symbol" in target) && !("address" in target)) {
    const physical = structureWord(machine, kernel, component!.threadNumber, target);
    return typeof physical === "string" ? physical : [0, 1, 2, 3].map((i) => physical + i);
  }
  const bytes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const physical = kernel.translate(component!.threadNumber, (address! + i) >>> 0);
    if (physical === undefined) return `${formatTarget(target)} (${hex(address!)}) is not mapped at this time`;
    bytes.push(physical);
  }
  return bytes;
}

/** Physical address of a page-table entry or a message register, or why there is none. */
function structureWord(machine: Machine, kernel: Kernel, thread: number, target: FaultTarget): number | string {
  const description = kernel.thread(thread);
  if (description === undefined) return `thread ${thread} does not exist at this time`;
  if ("mr" in target) {
    if (description.utcb === 0) return `thread ${thread} has no UTCB at this time`;
    return description.utcb + messageRegister(target.mr);
  }
  const virtual = "pte" in target ? target.pte : "pde" in target ? target.pde : 0;
  const { pageDirectory } = description;
  if (pageDirectory === 0) return `thread ${thread} has no space at this time`;
  const entry = pageDirectory + 4 * (virtual >>> 22);
  if ("pde" in target) return entry;
  const directoryEntry = machine.memory.read32(entry);
  // Present, and not a 4 MiB page (Intel SDM vol. 3, 4.3).
  if ((directoryEntry & 0x81) !== 1) return `no page table maps ${hex(virtual)} at this time`;
  return (directoryEntry & ~0xfff) + 4 * ((virtual >>> 12) & 1023);
}

function strikeMemory(machine: Machine, bytes: number[] | string, change: Struck): Change | string {
  if (typeof bytes === "string") return bytes;
  const { memory } = machine;
  const read = () => bytes.reduce((word, physical, i) => word | (memory.read8(physical) << (8 * i)), 0) >>> 0;
  const before = read();
  const after = change(before | 0) >>> 0;
  const touched = bytes.filter((_, i) => (((before ^ after) >>> (8 * i)) & 0xff) !== 0);
  if (touched.some((physical) => !memory.isRam(physical))) return `${hex(bytes[0]!)} is outside RAM`;
  bytes.forEach((physical, i) => {
    if ((((before ^ after) >>> (8 * i)) & 0xff) !== 0) memory.write8(physical, after >>> (8 * i));
  });
  return { location: `physical ${hex(bytes[0]!)}`, before, after: read() };
}

function suggestSymbols(component: Component): string {
  const names = component.elf.symbols.filter(({ kind }) => kind === "object").map(({ name }) => name);
  const shown = [...new Set(names)].sort().slice(0, 12);
  return shown.length === 0 ? "use an address" : `it has for example ${shown.join(", ")}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}
