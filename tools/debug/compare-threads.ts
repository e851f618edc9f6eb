/** In what two threads differ at one moment: registers, and the objects that both programs have under one name. */
import { hex } from "../report/format.ts";
import type { GuestThread, GuestView } from "./guest-view.ts";
import { place } from "./messages.ts";

const REGISTERS = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"];
/** Differing words of one object that are listed. */
const LISTED_WORDS = 8;

export interface ObjectDifference {
  readonly name: string;
  readonly size: number;
  /** Byte offsets of differing words. */
  readonly offsets: readonly number[];
}

/** Objects of both programs with equal name and size whose contents differ; those not mapped in both are left out. */
function differingObjects(view: GuestView, one: GuestThread, other: GuestThread): ObjectDifference[] {
  const first = view.program(one.process)?.symbols;
  const second = view.program(other.process)?.symbols;
  const differences: ObjectDifference[] = [];
  for (const symbol of first?.symbols ?? []) {
    const twin = second?.find(symbol.name);
    if (symbol.kind !== "object" || twin?.kind !== "object" || twin.size !== symbol.size) continue;
    const here = view.readMemory(one.process, symbol.value, symbol.size);
    const there = view.readMemory(other.process, twin.value, twin.size);
    if (here?.length !== symbol.size || there?.length !== symbol.size) continue;
    const offsets = new Set<number>();
    here.forEach((byte, index) => {
      if (byte !== there[index]) offsets.add(index & ~3);
    });
    if (offsets.size > 0) differences.push({ name: symbol.name, size: symbol.size, offsets: [...offsets] });
  }
  return differences;
}

/** Lines of text; the first says how much there is. */
export function compareThreads(view: GuestView, one: GuestThread, other: GuestThread): string[] {
  const lines: string[] = [];
  const sameProgram = view.program(one.process)?.elf === view.program(other.process)?.elf;
  const registers = REGISTERS.filter((name) => view.register(one.id, name) !== view.register(other.id, name));
  for (const name of registers) {
    const [here, there] = [one, other].map(({ id, process }) => {
      const value = view.register(id, name) ?? 0;
      return name === "eip" ? place(view, process, value) : hex(value);
    });
    lines.push(`  ${name.padEnd(7)} ${here}  |  ${there}`);
  }
  const objects = differingObjects(view, one, other);
  for (const { name, size, offsets } of objects) {
    lines.push(`  ${name}: ${offsets.length} of ${Math.ceil(size / 4)} words differ`);
    for (const offset of offsets.slice(0, LISTED_WORDS)) {
      const [here, there] = [one, other].map(({ process }) => {
        const address = (view.program(process)?.symbols.find(name)?.value ?? 0) + offset;
        return hex(view.readWord(process, address, Math.min(4, size - offset)) ?? 0);
      });
      lines.push(`    +${String(offset).padEnd(4)} ${here}  |  ${there}`);
    }
    if (offsets.length > LISTED_WORDS) lines.push(`    … and ${offsets.length - LISTED_WORDS} more`);
  }
  const programs = sameProgram ? "one program" : "different programs: only objects of equal name and size are compared";
  const summary = `${one.name} | ${other.name}: ${registers.length} registers and ${objects.length} objects differ (${programs})`;
  return [summary, ...lines];
}
