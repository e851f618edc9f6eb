/** The kernel's structures as places: by name, all of them or those of one component, as they are when the golden run ends. */
import type { KernelStructure } from "../../kernel/index.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import { placeName } from "../faults/kernel-places.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import type { Place } from "./fault-space.ts";

/** What the kernel makes when it is asked: not there when it has just booted. */
const MADE_LATER = ["page-directory", "page-table", "utcb"];

/** As in a fault's line, without the owner: `GDT` → `gdt`, `page table of space 3 at 0x…` → `page-table`. */
function shortName({ name }: KernelStructure): string {
  return placeName(name.replace(/ of (space|thread) .*$| at 0x.*$/, ""));
}

function structuresOf(golden: GoldenRun): readonly KernelStructure[] {
  let known = knownStructures.get(golden);
  if (known === undefined) {
    const run = new ScenarioRun(golden.plan, golden.timing === undefined ? {} : { timing: golden.timing });
    run.restore(golden.end, []);
    known = run.kernel.structures();
    knownStructures.set(golden, known);
  }
  return known;
}

const knownStructures = new WeakMap<GoldenRun, readonly KernelStructure[]>();
const knownNames = new WeakMap<BootPlan, readonly string[]>();

/** Names of the structures that a specification can name. */
export function kernelNames(plan: BootPlan): readonly string[] {
  let names = knownNames.get(plan);
  if (names === undefined) {
    const used = new ScenarioRun(plan).kernel
      .structures()
      .filter(({ kind, fields }) => kind !== "free" && fields.length > 0);
    names = [...new Set([...used.map(shortName), ...MADE_LATER])].sort();
    knownNames.set(plan, names);
  }
  return names;
}

/**
 * All structures of a name, by physical address; with a component only those of its thread and its space.
 */
export function kernelPlaces(golden: GoldenRun, name: string, component?: string): Omit<Place, "component">[] {
  return structuresOf(golden)
    .filter((structure) => structure.fields.length > 0 && structure.kind !== "free" && shortName(structure) === name)
    .flatMap((structure) => elements(golden, structure, component));
}

function elements(
  golden: GoldenRun,
  { name, start, bytes, count, space, thread }: KernelStructure,
  component: string | undefined,
): Omit<Place, "component">[] {
  const place = (index: number, elements: number, label: string): Omit<Place, "component"> => ({
    name: label,
    address: start + index * bytes,
    bytes: elements * bytes,
    addressing: "physical",
  });
  if (component === undefined) return [place(0, count, name)];
  const number = golden.plan.components.find((each) => each.name === component)?.threadNumber;
  const ownSpace = golden.endSpaces.get(component);
  if (name === "tcb" && number !== undefined) return [place(number, 1, `tcb of ${component}`)];
  if (name === "space" && ownSpace !== undefined) return [place(ownSpace, 1, `space of ${component}`)];
  const own = thread !== undefined ? thread >>> 14 === number : space !== undefined && space === ownSpace;
  return own ? [place(0, 1, name.replace(/ of (space|thread) \d+/, ` of ${component}`))] : [];
}
