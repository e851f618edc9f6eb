/** `quorum86 boot --kernel-costs`: the table of the kernel's path costs, each entry with its derivation. */
import { KERNEL_COSTS } from "../../kernel/index.ts";

const SOURCES = `sources
  L  Liedtke et al., "Achieved IPC performance", HotOS-VI, 1997
  S  Liedtke, "On micro-kernel construction", SOSP 1995
  K  L4Ka::Pistachio's page on its own IPC paths
  C  counted from the Pentium's instruction table, all accesses hitting the first-level cache
The machine adds what hardware does: gates, IRET, descriptor loads, page walks, port accesses.`;

/** One line an entry: name, clocks, source, derivation; names aligned, at most 120 columns. */
export function kernelCostTable(): string {
  const names = Object.keys(KERNEL_COSTS);
  const width = Math.max(...names.map((name) => name.length));
  const rows = Object.entries(KERNEL_COSTS).map(
    ([name, { clocks, source, derivation }]) =>
      `${name.padEnd(width)}  ${clocks.toString().padStart(6)}  ${source}  ${derivation}`,
  );
  return [`${"kernel path".padEnd(width)}  clocks  source and derivation`, ...rows, "", SOURCES].join("\n");
}
