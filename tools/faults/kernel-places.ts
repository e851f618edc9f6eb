/**
 * Words of kernel structures as fault targets: `kernel:tcb/replica-2.state`, `kernel:gdt/3.baseAccessAndLimit`,
 * `kernel:page-table/replica-2/table=32+16`. Names are those of `Kernel.structures()`, in small letters with hyphens; a few may
 * be asked for by component.
 */
import type { Kernel, KernelStructure } from "../../kernel/index.ts";
import type { FaultTarget } from "./fault.ts";

export type KernelTarget = Extract<FaultTarget, { kernel: string }>;

/** What is wrong with a target's name, and the mend. */
export interface PlaceProblem {
  readonly problem: string;
  readonly mend: string;
}

/** The name of a structure as a target: `I/O bitmap without ports` → `io-bitmap-without-ports`. */
export function placeName(structure: string): string {
  return structure
    .toLowerCase()
    .replace(/[^a-z0-9 ]/g, "")
    .trim()
    .replace(/ +/g, "-");
}

/** Structures that a component's name finds, with what they are called in `Kernel.structures()`. */
const BY_COMPONENT = ["tcb", "space", "utcb", "page-directory", "page-table"] as const;

/** Names of structures that come and go with the pool's pages. */
const IN_POOL =
  /^(page-directory-of-space-|page-table-of-space-|utcb-of-thread-|unused-utcb-at-|io-bitmap-of-space-|free-page-of-|pool-page-at-)/;

/** Where the word is now, or why it is nowhere. `thread`: number of the component's thread, if `of` names one. */
export function kernelWord(
  kernel: Kernel,
  target: KernelTarget,
  thread: number | undefined,
  readWord: (physical: number) => number,
): number | string {
  const found = structureOf(kernel, target, thread, readWord);
  if (typeof found === "string") return found;
  const { structure, index } = found;
  return structure.start + index * structure.bytes + fieldOffset(structure, target.field) + target.offset;
}

/** What is wrong with a target, as far as it can be told before it strikes. */
export function kernelPlaceProblem(kernel: Kernel, target: KernelTarget): PlaceProblem | undefined {
  const structures = kernel.structures();
  const { kernel: name, of, table, field } = target;
  const structure = structures.find((candidate) => matches(candidate, name));
  if (structure === undefined) {
    if (IN_POOL.test(name) || BY_COMPONENT.some((known) => known === name)) return undefined;
    return {
      problem: `the kernel has no structure "${name}"`,
      mend: `use one of ${structureNames(kernel).join(", ")}`,
    };
  }
  if (table !== undefined && name !== "page-table")
    return { problem: `${name} has no tables`, mend: "write table= only with page-table" };
  if (name === "page-table" && (of === undefined || table === undefined))
    return { problem: "which page table?", mend: "write for example kernel:page-table/replica-2/table=32" };
  if ((name === "page-directory" || name === "utcb") && of === undefined)
    return { problem: `whose ${name}?`, mend: `write for example kernel:${name}/replica-2` };
  if (typeof of === "string" && !BY_COMPONENT.some((known) => known === name))
    return { problem: `${name} belongs to no component`, mend: "give a number, or nothing" };
  if (typeof of === "number" && structure.count > 1 && of >= structure.count)
    return { problem: `${name} has no element ${of}`, mend: `use 0 to ${structure.count - 1}` };
  if (typeof of === "number" && structure.count === 1 && !BY_COMPONENT.some((known) => known === name))
    return { problem: `there is one ${name} only`, mend: `write kernel:${name}` };
  if (of === undefined && structure.count > 1)
    return {
      problem: `there are ${structure.count} of ${name}`,
      mend: `write kernel:${name}/0 to /${structure.count - 1}`,
    };
  const known = structure.fields.find((candidate) => candidate.name === field);
  if (field !== undefined && known === undefined) {
    const names = structure.fields.map((candidate) => candidate.name).join(", ");
    return {
      problem: `${name} has no field "${field}"`,
      mend: names === "" ? "give an offset" : `use one of ${names}`,
    };
  }
  const room = known?.bytes ?? structure.bytes;
  if (target.offset + 4 > room) {
    const whole = field === undefined ? name : `${name}.${field}`;
    return { problem: `${whole} has ${room} bytes`, mend: `use an offset up to ${room - 4}` };
  }
  return undefined;
}

/** Names for `kernel:`, each once, in the order of their addresses; what is in the pool only by its general name. */
export function structureNames(kernel: Kernel): string[] {
  const names = kernel.structures().map(({ name }) => placeName(name));
  return [...new Set([...names.filter((name) => !IN_POOL.test(name)), ...BY_COMPONENT])];
}

/** Whether a structure is (one of those) called `name` as a target; by a general name the first one serves for its fields. */
function matches({ name: own, kind }: KernelStructure, name: string): boolean {
  if (name === "page-directory") return own.startsWith("page directory of space");
  if (name === "page-table") return own.startsWith("page table of space");
  if (name === "utcb") return kind === "utcb" && own.startsWith("utcb of thread");
  return placeName(own) === name;
}

function fieldOffset({ fields }: KernelStructure, field: string | undefined): number {
  return fields.find(({ name }) => name === field)?.offset ?? 0;
}

interface Element {
  readonly structure: KernelStructure;
  readonly index: number;
}

function structureOf(
  kernel: Kernel,
  { kernel: name, of, table }: KernelTarget,
  thread: number | undefined,
  readWord: (physical: number) => number,
): Element | string {
  const structures = kernel.structures();
  const description = thread === undefined ? undefined : kernel.thread(thread);
  if (thread !== undefined && description === undefined) return `thread ${thread} does not exist at this time`;
  const space = description?.space ?? (typeof of === "number" ? of : undefined);
  const named = (text: string): Element | string => {
    const structure = structures.find((candidate) => candidate.name === text);
    return structure === undefined ? `there is no ${text} at this time` : { structure, index: 0 };
  };
  switch (name) {
    case "page-directory":
      return named(`page directory of space ${space}`);
    case "page-table": {
      const directory = named(`page directory of space ${space}`);
      if (typeof directory === "string") return directory;
      const entry = readWord(directory.structure.start + 4 * table!) >>> 0;
      // Present, and not a 4 MiB page (Intel SDM vol. 3, 4.3).
      if ((entry & 0x81) !== 1) return `space ${space} has no page table ${table} at this time`;
      const start = (entry & 0xffff_f000) >>> 0;
      const structure = structures.find((candidate) => candidate.start === start);
      return structure === undefined ? `page table ${table} of space ${space} is outside RAM` : { structure, index: 0 };
    }
    case "utcb":
      return named(`utcb of thread ${thread ?? of}`);
    default: {
      const structure = structures.find((candidate) => placeName(candidate.name) === name);
      if (structure === undefined) return `the kernel has no ${name} at this time`;
      const own = name === "tcb" ? thread : name === "space" ? space : undefined;
      return { structure, index: own ?? (typeof of === "number" ? of : 0) };
    }
  }
}
