/** The XML documents that gdb asks for by `qXfer` (GDB manual, appendices G.2 "Target description", E.15 and E.16). */
import type { MemoryRegion, TargetRegister, TargetThread } from "../debug-target.ts";

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const EFLAGS_FIELDS: readonly (readonly [string, number, number])[] = [
  ["CF", 0, 0],
  ["", 1, 1],
  ["PF", 2, 2],
  ["AF", 4, 4],
  ["ZF", 6, 6],
  ["SF", 7, 7],
  ["TF", 8, 8],
  ["IF", 9, 9],
  ["DF", 10, 10],
  ["OF", 11, 11],
  ["NT", 14, 14],
  ["RF", 16, 16],
  ["VM", 17, 17],
  ["AC", 18, 18],
  ["VIF", 19, 19],
  ["VIP", 20, 20],
  ["ID", 21, 21],
];

function eflagsType(): string {
  const fields = EFLAGS_FIELDS.map(([name, start, end]) => `<field name="${name}" start="${start}" end="${end}"/>`);
  return `<flags id="i386_eflags" size="4">${fields.join("")}</flags>`;
}

/** `target.xml`: architecture i386 and the registers in the order of their numbers. */
export function targetDescription(registers: readonly TargetRegister[]): string {
  const lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">', '<target version="1.0">'];
  // gdb's usual default, GNU/Linux, would demand a register orig_eax.
  lines.push("<architecture>i386</architecture>", "<osabi>none</osabi>");
  let feature = "";
  for (const [number, register] of registers.entries()) {
    if (register.feature !== feature) {
      if (feature !== "") lines.push("</feature>");
      feature = register.feature;
      lines.push(`<feature name="${escapeXml(feature)}">`);
      if (registers.some((other) => other.feature === feature && other.type === "i386_eflags"))
        lines.push(eflagsType());
    }
    const group = register.group === undefined ? "" : ` group="${escapeXml(register.group)}"`;
    const name = escapeXml(register.name);
    lines.push(`<reg name="${name}" bitsize="${register.bits}" type="${register.type}" regnum="${number}"${group}/>`);
  }
  lines.push("</feature>", "</target>");
  return lines.join("\n");
}

/** `qXfer:threads`: every thread with its name and what it is doing. */
export function threadList(threads: readonly TargetThread[], threadId: (thread: TargetThread) => string): string {
  const lines = threads.map((thread) => {
    const attributes = `id="${threadId(thread)}" core="0" name="${escapeXml(thread.name)}"`;
    return `<thread ${attributes}>${escapeXml(thread.state)}</thread>`;
  });
  return ['<?xml version="1.0"?>', "<threads>", ...lines, "</threads>"].join("\n");
}

/** `qXfer:memory-map`. */
export function memoryMap(regions: readonly MemoryRegion[]): string {
  const lines = regions.map(
    (region) =>
      `<memory type="${region.type}" start="0x${region.start.toString(16)}" length="0x${region.length.toString(16)}"/>`,
  );
  return ['<?xml version="1.0"?>', '<memory-map version="1.0">', ...lines, "</memory-map>"].join("\n");
}
