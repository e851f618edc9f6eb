/** What a finished run looks like to a person: 80 columns, with and without colour. */
import type { VoteLog } from "../image/boot-config.ts";
import { grouped, hex, plural } from "../report/format.ts";
import type { InjectionReport, RunResult } from "../run/run-result.ts";
import { bar, type Colours, duration, list, ranges } from "./terminal.ts";

const WIDTH = 78;
const LABEL = 11;
const BAR_WIDTH = 22;

type CryptLike = Pick<RunResult, "culprits" | "injections" | "shares" | "cycles" | "instructions" | "coreHertz">;

/** `─── title ─────`. */
export function rule(title: string, colours: Colours): string {
  const text = title === "" ? "" : ` ${title} `;
  return colours.dim(`──${text}${"─".repeat(Math.max(0, WIDTH - 2 - text.length))}`);
}

/** A label in its column, then text; further lines are indented under it. */
export function row(label: string, lines: readonly string[], colours: Colours): string {
  return lines.map((line, i) => `  ${colours.bold((i === 0 ? label : "").padEnd(LABEL))}${line}`).join("\n");
}

export function injectionLines({ injections }: Pick<RunResult, "injections">, colours: Colours): string[] {
  return injections.flatMap((injection) => {
    const { fault, applied, reason, cycle, instruction, location, before, after } = injection;
    if (!applied) return [`${fault}`, colours.yellow(`not applied: ${reason}`)];
    const own = instruction === undefined ? "" : `, instruction ${grouped(instruction)} of its own`;
    return [
      fault,
      `at cycle ${grouped(cycle!)}${own}`,
      `${location}: ${hex(before!)} ${colours.dim("->")} ${colours.yellow(hex(after!))}${heldOrSkipped(injection)}`,
    ];
  });
}

/** What the words before and after do not say. */
function heldOrSkipped({ fault, until, skipped }: InjectionReport): string {
  if (skipped !== undefined) return `, past ${skipped.join(" ")}`;
  if (until !== undefined) return `, held until cycle ${grouped(until)}`;
  return /:stuck[01]:[^@]*@/.test(fault) ? ", held for good" : "";
}

/** `replica-2 outvoted in round 3 (its answer differed)`, one line each. */
export function culpritLines({ culprits }: Pick<RunResult, "culprits">, colours: Colours): string[] {
  const reasons = { dissenting: "its answer differed", late: "no answer in time", trapped: "stopped by a trap" };
  return culprits.map(({ replica, reason, rounds }) => {
    const where = `${rounds.length === 1 ? "round" : "rounds"} ${ranges(rounds)}`;
    return `${colours.red(`replica-${replica}`)} in ${where}: ${reasons[reason]}`;
  });
}

/** `6 rounds: 4 unanimous, 2 by majority`. */
export function voteLine(
  votes: { rounds: number; unanimous: number; majority: number; noMajority: number },
  colours: Colours,
): string {
  const parts = [`${grouped(votes.unanimous)} unanimous`];
  if (votes.majority > 0) parts.push(colours.yellow(`${grouped(votes.majority)} by majority`));
  if (votes.noMajority > 0) parts.push(colours.red(`${grouped(votes.noMajority)} without a majority`));
  return `${plural(votes.rounds, "round")}: ${list(parts)}`;
}

const MARKS = { agreed: "●", dissenting: "✗", late: "○", trapped: "!" } as const;
const LEGEND = { agreed: "agreed", dissenting: "differed", late: "no answer", trapped: "trapped" } as const;
type Mark = keyof typeof MARKS;
const MATRIX_COLUMNS = 56;

/**
 * One row for each replica, one column for each round (for several when there are many: the worst of them shows),
 * then what the marks mean.
 */
export function voteMatrix(votes: VoteLog, replicas: readonly string[], colours: Colours): string {
  const columnRounds = Math.max(1, Math.ceil(votes.rounds / MATRIX_COLUMNS));
  const columns = Math.ceil(votes.rounds / columnRounds);
  const marks: Mark[][] = replicas.map(() => new Array<Mark>(columns).fill("agreed"));
  for (const vote of votes.votes) {
    const column = Math.floor((vote.round - 1) / columnRounds);
    for (const mark of ["late", "dissenting", "trapped"] as const) {
      for (const replica of vote[mark]) {
        const row = marks[replica - 1];
        if (row?.[column] !== undefined) row[column] = mark;
      }
    }
  }
  const paint = (mark: Mark) => (mark === "agreed" ? colours.green : colours.red)(MARKS[mark]);
  const gap = columns <= MATRIX_COLUMNS / 2 ? " " : "";
  const rows = marks.map((row, i) => `  ${replicas[i]!.padEnd(20)} ${row.map(paint).join(gap)}`);
  const used = [...new Set(marks.flat())].map((mark) => `${paint(mark)} ${LEGEND[mark]}`);
  const each = columnRounds === 1 ? "a column a round" : `a column ${columnRounds} rounds`;
  return [...rows, colours.dim(`  ${"".padEnd(20)} ${each}; `) + used.join("  ")].join("\n");
}

/** Cycles by part, as an aligned table with bars. */
export function shareTable({ shares, cycles }: CryptLike, colours: Colours): string {
  const shown = shares.filter((share) => share.cycles > 0);
  const accounted = shown.reduce((sum, share) => sum + share.cycles, 0);
  const rows = accounted < cycles ? [...shown, { part: "unaccounted", cycles: cycles - accounted }] : shown;
  const longest = Math.max(LABEL - 1, ...rows.map(({ part }) => part.length));
  return rows
    .map(({ part, cycles: own }) => {
      const share = own / cycles;
      const paint = part.startsWith("replica") ? colours.cyan : part === "voter" ? colours.green : colours.dim;
      const figures = `${grouped(own).padStart(15)}  ${(100 * share).toFixed(1).padStart(5)} %`;
      return `  ${part.padEnd(longest)} ${figures}  ${paint(bar(share, BAR_WIDTH))}`.trimEnd();
    })
    .join("\n");
}

export function timeLines({ cycles, instructions, coreHertz }: CryptLike, hostSeconds: number): string[] {
  const megahertz = Math.round(coreHertz / 1e6);
  const rate = instructions / hostSeconds / 1e6;
  return [
    `${grouped(cycles)} cycles = ${duration(cycles / coreHertz)} of a ${megahertz} MHz Pentium`,
    `${grouped(instructions)} instructions in ${duration(hostSeconds)} here (${rate.toFixed(1)} million a second)`,
  ];
}

/** How a run ended, for people; undefined for an ordinary power-off. */
export function outcomeLine({ outcome }: Pick<RunResult, "outcome">): string | undefined {
  switch (outcome.kind) {
    case "power-off":
      return outcome.code === 0 ? undefined : `the guest powered off with code ${outcome.code}`;
    case "cycle-limit":
      return "stopped at the cycle limit";
    case "interrupted":
      return "interrupted";
    case "triple-fault":
      return "triple fault: the CPU shut down";
    case "panic":
      return `kernel panic: ${outcome.text}`;
    case "dead-halt":
      return "the CPU is halted and nothing will wake it";
  }
}

export function outputLine({ workload }: RunResult, colours: Colours): string {
  const { status, output, outputRight, firstWrongByte } = workload;
  if (status === "running") return colours.yellow("not finished");
  if (status !== "done") return colours.red(`none: ${STATUS_TEXT[status]}`);
  if (outputRight) return `${colours.green("right")}: ${plural(output.length, "byte")}, equal to node:crypto's`;
  return `${colours.red("WRONG")}: differs from node:crypto's from byte ${grouped(firstWrongByte!)}`;
}

export const STATUS_TEXT = {
  running: "not finished",
  done: "done",
  "no-majority": "the replicas' answers had no majority",
  "bad-request": "the client refused the workload",
  corrupt: "the workload's header in guest memory is damaged",
} as const;
