/** A measurement as text for people. */
import type { ClocksReport, ClocksRow, ClocksTotals } from "./clocks-measure.ts";

/** How emphasis looks: identity functions for plain text. */
export interface ClocksStyle {
  bold(text: string): string;
  dim(text: string): string;
  cyan(text: string): string;
  yellow(text: string): string;
}

export function clocksText(report: ClocksReport, style: ClocksStyle): string {
  const repeated = report.rows.some(({ executions }) => executions > 1);
  const mode =
    report.mode === "unrolled"
      ? `${report.iterations} copies one behind the other, after two passes over them`
      : `${report.iterations} runs from entry to end, caches and predictions kept`;
  const shown =
    report.shown === 0 ? "the cold iteration" : report.shown === 1 ? "the second iteration" : "a steady iteration";
  const lines = [
    `${style.bold(report.program)} on a Pentium (P5)`,
    "",
    ...totalsTable(report, style),
    "",
    style.dim(`steady: ${mode}`),
    "",
    `${shown}:`,
    ...instructionTable(report.rows, repeated, style),
  ];
  return lines.join("\n");
}

function totalsTable({ cold, warm, steady }: ClocksReport, style: ClocksStyle): string[] {
  const states: [string, ClocksTotals][] = [
    ["cold", cold],
    ["warm", warm],
    ["steady", steady],
  ];
  const header = `${"".padEnd(8)}${"clocks".padStart(10)}${"instr.".padStart(10)}${"cl./instr.".padStart(12)}${"in V".padStart(8)}  waits`;
  return [
    style.dim(header),
    ...states.map(([name, totals]) => {
      const cells = [
        name.padEnd(8),
        number(totals.clocks).padStart(10),
        number(totals.instructions).padStart(10),
        totals.clocksPerInstruction.toFixed(2).padStart(12),
        `${(100 * totals.inV).toFixed(0)} %`.padStart(8),
      ];
      return `${cells.join("")}  ${waitsText(totals.waits)}`;
    }),
  ];
}

function instructionTable(rows: readonly ClocksRow[], repeated: boolean, style: ClocksStyle): string[] {
  const lines: string[] = [];
  const times = repeated ? "times".padStart(9) : "";
  lines.push(
    style.dim(`${"clock".padStart(7)} ${"pipe"}${times}${"clocks".padStart(9)}  ${"address".padEnd(10)}instruction`),
  );
  let place = "";
  for (const row of rows) {
    const source = row.file === undefined ? "" : `${row.file}:${row.line}`;
    const here = [row.function, source].filter(Boolean).join("  ");
    if (here !== place) {
      place = here;
      if (here !== "") lines.push(style.cyan(`; ${here}`));
    }
    const waits = waitsText(row.waits);
    const cells = [
      number(row.issue).padStart(7),
      `  ${row.pipe} `,
      repeated ? number(row.executions).padStart(9) : "",
      number(row.clocks).padStart(9),
      "  ",
      `0x${row.address.toString(16)}`.padEnd(10),
      waits === "" ? row.text : `${row.text.padEnd(36)} ${style.yellow(waits)}`,
    ];
    lines.push(cells.join(" ".repeat(0)));
  }
  return lines;
}

function waitsText(waits: Readonly<Record<string, number>>): string {
  return Object.entries(waits)
    .map(([name, clocks]) => `${name} ${number(clocks)}`)
    .join(", ");
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
