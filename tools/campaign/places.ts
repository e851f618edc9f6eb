/** The places that a specification names: registers, memory of components, the kernel's structures, the CPU, the TLBs. */
import { CPU_REGISTERS, REGISTERS, registerBits, SEGMENT_NAMES } from "../faults/cpu-registers.ts";
import { TLB_NAMES, TLB_PARTS, TLB_SETS, type TlbName, targetBits } from "../faults/fault.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import type { BootPlan, Component } from "../run/boot-plan.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import type { YamlInput } from "../yaml-input.ts";
import type { Place } from "./fault-space.ts";
import { kernelNames, kernelPlaces } from "./kernel-places.ts";
import type { ComponentTarget, MachineTarget, Specification } from "./specification.ts";

const PAGE = 4096;
const MESSAGE_REGISTERS = 64;
const TLB_WAYS = 4;

/** Says where in the specification a place was named. */
type Add = (key: string, at: number, place: Omit<Place, "component">) => void;

/**
 * Looks up what the targets name.
 * @param golden needed for the kernel's structures, which the kernel makes as it runs; without it they are only checked by
 *   name.
 * @throws InputError naming the key for a name that does not exist, or a bit named twice.
 */
export function placesOf({ value, problem }: YamlInput<Specification>, plan: BootPlan, golden?: GoldenRun): Place[] {
  const places: Place[] = [];
  const checkStructure = (path: (string | number)[], name: string) => {
    const names = kernelNames(plan);
    if (names.includes(name)) return;
    throw problem(path, `the kernel has no structure "${name}"`, `use one of ${names.join(", ")}`);
  };
  value.targets.forEach((target, i) => {
    const owner = "component" in target ? target.component : undefined;
    const add: Add = (key, at, place) => {
      const whole = { component: owner ?? machineOwner(key), ...place };
      const known = places.find((other) => overlap(whole, other));
      if (known !== undefined) {
        const text = `${whole.component} ${place.name} is in ${known.name}, which is a target already`;
        throw problem(["targets", i, key, at], text, "name every bit once");
      }
      places.push(...byPage(whole));
    };
    target.kernel?.forEach((name, at) => {
      checkStructure(["targets", i, "kernel", at], name);
      if (golden === undefined) return;
      for (const place of kernelPlaces(golden, name, owner)) add("kernel", at, place);
    });
    if (!("component" in target)) {
      machinePlaces(target, add, (path, text, mend) => problem(["targets", i, ...path], text, mend), plan);
      return;
    }
    const component = plan.components.find(({ name }) => name === target.component);
    if (component === undefined) {
      const names = plan.components.map(({ name }) => name).join(", ");
      throw problem(["targets", i, "component"], `there is no component "${target.component}"`, `use one of ${names}`);
    }
    componentPlaces(target, component, add, (path, text, mend) => problem(["targets", i, ...path], text, mend));
  });
  return places;
}

type Problem = (path: (string | number)[], text: string, mend: string) => Error;

function componentPlaces(target: ComponentTarget, component: Component, add: Add, problem: Problem): void {
  const registers = target.registers === "all" ? REGISTERS : (target.registers ?? []);
  registers.forEach((register, at) => {
    add("registers", at, { name: register, register });
  });
  const segments = target.segments === "all" ? SEGMENT_NAMES : (target.segments ?? []);
  segments.forEach((name, at) => {
    add("segments", at, { name, target: `${component.name}:${name}`, mask: registerBits(name) });
  });
  target.control?.forEach((name, at) => {
    add("control", at, { name, target: `${component.name}:${name}`, mask: registerBits(name) });
  });
  const messages =
    target.messageRegisters === "all"
      ? Array.from({ length: MESSAGE_REGISTERS }, (_, number) => number)
      : (target.messageRegisters ?? []);
  messages.forEach((number, at) => {
    const place = { name: `mr${number}`, target: `${component.name}:mr=${number}`, mask: 0xffff_ffff };
    add("messageRegisters", at, place);
  });
  target.symbols?.forEach((name, at) => {
    const symbol = new SymbolTable(component.elf).find(name);
    if (symbol === undefined || symbol.size === 0) {
      const text = `the program of ${component.name} has no symbol "${name}" with a size`;
      throw problem(["symbols", at], text, `it has for example ${symbolsOf(component)}`);
    }
    add("symbols", at, { name, address: symbol.value, bytes: symbol.size, addressing: "virtual" });
  });
  target.sections?.forEach((name, at) => {
    const loaded = component.elf.sections.filter((each) => each.address !== 0 && each.size > 0);
    const section = loaded.find((each) => each.name === name);
    if (section === undefined) {
      const text = `the program of ${component.name} has no section "${name}" in memory`;
      throw problem(["sections", at], text, `use one of ${loaded.map((each) => each.name).join(", ")}`);
    }
    add("sections", at, { name, address: section.address, bytes: section.size, addressing: "virtual" });
  });
  target.memory?.forEach(({ address, bytes }, at) => {
    if (address + bytes > 0x1_0000_0000) throw problem(["memory", at], "it reaches beyond 4 GiB", "give fewer bytes");
    add("memory", at, { name: hex(address), address, bytes, addressing: "virtual" });
  });
}

function machinePlaces(target: MachineTarget, add: Add, problem: Problem, { scenario }: BootPlan): void {
  target.physical?.forEach(({ address, bytes }, at) => {
    if (address + bytes > scenario.machine.memory) {
      const mend = `it has ${hex(scenario.machine.memory)} bytes`;
      throw problem(["physical", at], "it reaches beyond the machine's memory", mend);
    }
    add("physical", at, { name: hex(address), address, bytes, addressing: "physical" });
  });
  const registers = target.cpu === "all" ? CPU_REGISTERS.slice(REGISTERS.length) : (target.cpu ?? []);
  registers.forEach((name, at) => {
    add("cpu", at, { name, target: `cpu:${name}`, mask: registerBits(name) });
  });
  const tlbs = target.tlb === "all" ? TLB_NAMES : (target.tlb ?? []);
  tlbs.forEach((tlb, at) => {
    for (const place of tlbPlaces(tlb)) add("tlb", at, place);
  });
}

function* tlbPlaces(tlb: TlbName): Iterable<Omit<Place, "component">> {
  for (let set = 0; set < TLB_SETS[tlb]; set++)
    for (let way = 0; way < TLB_WAYS; way++)
      for (const part of TLB_PARTS) {
        const name = `${tlb}/${set}/${way}.${part}`;
        yield { name, target: `tlb:${name}`, mask: targetBits({ tlb, set, way, part }) };
      }
}

function machineOwner(key: string): string {
  return ["kernel", "physical", "cpu"].includes(key) ? key : "tlb";
}

function overlap(one: Place, other: Place): boolean {
  if (one.addressing === "physical" && other.addressing === "physical") return share(one, other);
  if (one.component !== other.component) return false;
  if (one.register !== undefined || other.register !== undefined) return one.register === other.register;
  if (one.target !== undefined || other.target !== undefined) return one.target === other.target;
  return one.addressing === other.addressing && share(one, other);
}

function share(one: Place, other: Place): boolean {
  return one.address! < other.address! + other.bytes! && other.address! < one.address! + one.bytes!;
}

function byPage(place: Place): Place[] {
  if (place.address === undefined) return [place];
  const pieces: Place[] = [];
  const end = place.address + place.bytes!;
  for (let address = place.address; address < end; ) {
    const next = Math.min(end, (Math.floor(address / PAGE) + 1) * PAGE);
    pieces.push({ ...place, address, bytes: next - address });
    address = next;
  }
  return pieces;
}

function symbolsOf({ elf }: Component): string {
  const names = elf.symbols.filter(({ kind, size }) => kind === "object" && size > 0).map(({ name }) => name);
  return [...new Set(names)].sort().slice(0, 12).join(", ");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
