/** Applies a fault to a stopped machine: finds where the bits are at this moment and changes them. */

import { findSymbol } from "../../emulator/loader/elf.ts";
import { PageFlag } from "../../emulator/memory/layout.ts";
import type { Kernel } from "../../kernel/index.ts";
import { InputError } from "../input-error.ts";
import type { Component } from "../run/boot-plan.ts";
import type { InjectionReport } from "../run/run-result.ts";
import { type Fault, formatFault, modelBits, type TriggerPlace, targetComponent, triggerComponent } from "./fault.ts";
import { kernelPlaceProblem } from "./kernel-places.ts";
import { type Cell, cellAt, findSite, type Guest, type Site } from "./site.ts";
import { instructionBytes } from "./skip.ts";

/** A fault whose names have been looked up in the scenario: symbols are addresses now. */
export interface AimedFault {
  readonly fault: Fault;
  /** The component that the target names. */
  readonly component?: Component;
  /** Virtual address in the component's space, for memory of a component. */
  readonly address?: number;
  /** Whose doings the trigger watches; absent: anybody's. */
  readonly watched?: Component;
  /** Address in the watched component's space, for triggers with a place. */
  readonly triggerAddress?: number;
  /** The other side of an IPC, if the trigger asks for one. */
  readonly partner?: Component;
}

/**
 * Looks up the names in a fault.
 * @throws InputError if the scenario has no such component, its program no such symbol or the kernel no such structure.
 */
export function aimFault(fault: Fault, components: readonly Component[], kernel: Kernel): AimedFault {
  const { target, trigger } = fault;
  const place = { file: `fault ${formatFault(fault)}` };
  const find = (name: string | undefined): Component | undefined => {
    const component = components.find((candidate) => candidate.name === name);
    if (component !== undefined || name === undefined) return component;
    const names = components.map((candidate) => candidate.name).join(", ");
    throw new InputError({ ...place, problem: `there is no component "${name}"`, mend: `use one of ${names}` });
  };
  const addressOf = (component: Component, where: TriggerPlace): number => {
    if ("address" in where) return where.address;
    const symbol = findSymbol(component.elf, where.symbol);
    if (symbol !== undefined) return (symbol.value + where.offset) >>> 0;
    const problem = `the program of ${component.name} has no symbol "${where.symbol}"`;
    throw new InputError({ ...place, problem, mend: suggestSymbols(component) });
  };
  const component = find(targetComponent(target));
  const watched = find(triggerComponent(fault));
  const partner = find("ipc" in trigger ? trigger.ipc.with : undefined);
  if ("kernel" in target) {
    const wrong = kernelPlaceProblem(kernel, target);
    if (wrong !== undefined) throw new InputError({ ...place, ...wrong });
  }
  const where = triggerPlace(fault);
  return {
    fault,
    ...(component === undefined ? {} : { component }),
    ...("symbol" in target || "address" in target ? { address: addressOf(component!, target) } : {}),
    ...(watched === undefined ? {} : { watched }),
    ...(where === undefined ? {} : { triggerAddress: addressOf(watched!, where) }),
    ...(partner === undefined ? {} : { partner }),
  };
}

function triggerPlace({ trigger }: Fault): TriggerPlace | undefined {
  if ("execute" in trigger) return trigger.execute;
  if ("read" in trigger) return trigger.read;
  return "write" in trigger ? trigger.write : undefined;
}

/** What came of an injection; `stuck`: bits that have to be held from now on. */
export interface Injection {
  readonly report: InjectionReport;
  readonly stuck?: StuckBits;
}

/** Bits of a site that keep a value. Plain data: part of a run's snapshot. */
export interface StuckBits {
  readonly site: Site;
  readonly zeros: number;
  readonly ones: number;
  /** Core clock until which they are held; undefined: for good. */
  readonly until: number | undefined;
  /** One-line form of the fault. */
  readonly fault: string;
}

/**
 * Applies a fault now. A target that is not there (thread gone, page not mapped, address outside RAM) is reported as
 * not applied and nothing changes.
 */
export function inject(guest: Guest, aimed: AimedFault): Injection {
  const { fault, component } = aimed;
  const { model } = fault;
  const { machine, kernel } = guest;
  const cycle = machine.clock.now;
  const report = {
    fault: formatFault(fault),
    cycle,
    ...(component === undefined ? {} : { instruction: kernel.thread(component.threadNumber)?.userInstructions ?? 0 }),
  };
  const site = findSite(guest, aimed);
  const cell = typeof site === "string" ? site : cellAt(guest, site);
  if (typeof site === "string" || typeof cell === "string")
    return { report: { ...report, applied: false, reason: String(typeof site === "string" ? site : cell) } };
  if ("skip" in model) {
    const done = skip(guest, component, cell, model.skip);
    return { report: { ...report, ...done } };
  }
  const mask = modelBits(model)?.reduce((bits, bit) => bits | (1 << bit), 0) ?? 0;
  const before = cell.read();
  const wanted = changed(fault, before, mask);
  if (wanted !== before) cell.write(wanted);
  const done = { ...report, applied: true, location: cell.location, before, after: cell.read() };
  if (!("stuckAt0" in model || "stuckAt1" in model)) return { report: done };
  const until = model.clocks === undefined ? undefined : cycle + model.clocks;
  const zeros = "stuckAt0" in model ? mask : 0;
  const ones = "stuckAt1" in model ? mask : 0;
  const held = { site, zeros, ones, until, fault: report.fault };
  return { report: until === undefined ? done : { ...done, until }, stuck: held };
}

function changed({ model }: Fault, before: number, mask: number): number {
  if ("flip" in model) return (before ^ mask) >>> 0;
  if ("stuckAt0" in model) return (before & ~mask) >>> 0;
  if ("stuckAt1" in model) return (before | mask) >>> 0;
  return "set" in model ? model.set : before;
}

/** Writes the value again that stuck bits keep. True: something had changed it. */
export function holdBits(guest: Guest, { site, zeros, ones }: StuckBits): boolean {
  const cell = cellAt(guest, site);
  if (typeof cell === "string") return false;
  const before = cell.read();
  const after = ((before & ~zeros) | ones) >>> 0;
  if (after === before) return false;
  if (cell.hold === undefined) cell.write(after);
  else cell.hold(after);
  return true;
}

function skip(
  guest: Guest,
  component: Component | undefined,
  cell: Cell,
  count: number,
): Omit<InjectionReport, "fault"> {
  const { machine, kernel } = guest;
  const before = cell.read();
  if (component === undefined && isPortal(guest, before))
    return { applied: false, reason: "the kernel model is about to run, which has no instructions to skip" };
  const skipped = instructionBytes(machine, kernel, component?.threadNumber, before, count);
  if (typeof skipped === "string") return { applied: false, reason: skipped };
  cell.write(skipped.reduce((eip, bytes) => eip + bytes.length, before) >>> 0);
  const code = skipped.map((bytes) => Buffer.from(bytes).toString("hex"));
  return { applied: true, location: cell.location, before, after: cell.read(), skipped: code };
}

function isPortal({ machine }: Guest, eip: number): boolean {
  const physical = machine.cpu.cpl === 0 ? machine.cpu.access.inspect(eip) : undefined;
  return physical !== undefined && (machine.memory.pageFlags(physical >>> 12) & PageFlag.Portal) !== 0;
}

function suggestSymbols(component: Component): string {
  const names = component.elf.symbols.filter(({ kind }) => kind === "object").map(({ name }) => name);
  const shown = [...new Set(names)].sort().slice(0, 12);
  return shown.length === 0 ? "use an address" : `it has for example ${shown.join(", ")}`;
}
