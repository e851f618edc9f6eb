/** What `inject` prints: proof of the fault, what became of it on every axis, and how far it went. */
import { CLASS_TEXT } from "../faults/class-text.ts";
import type { PropagationSummary } from "../propagate/record.ts";
import { grouped, plural } from "../report/format.ts";
import type { RunResult } from "../run/run-result.ts";
import { injectionLines, row } from "./run-report.ts";
import { bar, type Colours, duration } from "./terminal.ts";

export function injectReport(summary: PropagationSummary, result: RunResult, colours: Colours): string {
  const { outcome, tracking } = summary;
  if (tracking.ended === "not-applied") return notApplied(summary, result, colours);
  const paint = ["MASKED", "LATENT", "CORRECTED"].includes(outcome.class) ? colours.green : colours.red;
  const lines = [
    row("injected", injectionLines({ injections: result.injections.slice(0, 1) }, colours), colours),
    row("activation", activationLines(summary), colours),
    row("class", [`${paint(outcome.class)}  ${CLASS_TEXT[outcome.class]}`], colours),
    row(
      "axes",
      [
        `${summary.victim ?? "nobody"}: ${outcome.replicaEffect}; vote: ${outcome.vote}; reached: ${outcome.containment}`,
        `service: ${outcome.service}; ending: ${outcome.ending}; recovery: ${outcome.recovery}`,
      ],
      colours,
    ),
    row("latency", latencyLines(summary, result.coreHertz), colours),
    row(
      "spread",
      [
        `${plural(tracking.words, "word")} of memory and ${plural(tracking.registers, "register")}`,
        `${grouped(tracking.peak)} at once at most, ${grouped(tracking.atEnd)} left at the end`,
        endLine(summary),
      ],
      colours,
    ),
  ];
  return `${lines.join("\n")}\n\n${ownerTable(summary, colours)}${chainText(summary, colours)}`;
}

/** There was no experiment: why, and how the run went without it. */
function notApplied({ outcome }: PropagationSummary, result: RunResult, colours: Colours): string {
  return `${[
    row("injected", injectionLines({ injections: result.injections.slice(0, 1) }, colours), colours),
    row("class", [`${colours.red(outcome.class)}  ${CLASS_TEXT[outcome.class]}`], colours),
    row("the run", [`service: ${outcome.service}; ending: ${outcome.ending}; vote: ${outcome.vote}`], colours),
  ].join("\n")}\n`;
}

function activationLines({ activation, activationCycle }: PropagationSummary): string[] {
  const [what, by] = activation.split(/ by (.*)/s);
  const when = activationCycle === undefined ? "" : ` at cycle ${grouped(activationCycle)}`;
  return [`${what}${when}`, ...(by === undefined ? [] : [cut(by, 67)])];
}

/** At most so many columns. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function endLine({ tracking }: PropagationSummary): string {
  switch (tracking.ended) {
    case "reconverged":
      return `the machines are one again at cycle ${grouped(tracking.endCycle)}, to the last bit and clock`;
    case "given-up":
      return `given up at cycle ${grouped(tracking.endCycle)}: too much is wrong to be followed`;
    default:
      return tracking.lockstepEnd === undefined
        ? "in step with the golden machine to the end"
        : `out of step with the golden machine's clock from cycle ${grouped(tracking.lockstepEnd)}`;
  }
}

function latencyLines({ latency, outcome }: PropagationSummary, hertz: number): string[] {
  const excluded = ["minority-named", "minority-misnamed", "false-accusation"].includes(outcome.vote);
  const steps: [string, number | undefined][] = [
    ["first wrong word", latency.firstWrongWord],
    ["leaves the victim", latency.leavesVictim],
    ["vote mismatch: the voter parts", latency.voteMismatch],
    [excluded ? "excluded: the voter's verdict" : "the voter's verdict", latency.verdict],
    ["end", latency.end],
  ];
  return steps.flatMap(([name, cycle]) => {
    if (cycle === undefined) return [];
    const after = cycle - latency.injected;
    return [`${`+${grouped(after)}`.padStart(11)} cycles  ${name} (${duration(after / hertz)})`];
  });
}

function ownerTable({ tracking }: PropagationSummary, colours: Colours): string {
  if (tracking.owners.length === 0) return "";
  const most = Math.max(...tracking.owners.map(({ places }) => places));
  const width = Math.max(...tracking.owners.map(({ owner }) => owner.length));
  const head = `  ${"whose".padEnd(width)}  places   peak   left`;
  const rows = tracking.owners.map(({ owner, places, peak, atEnd }) => {
    const figures = [places, peak, atEnd].map((figure) => grouped(figure).padStart(6)).join(" ");
    return `  ${owner.padEnd(width)}  ${figures}  ${colours.cyan(bar(places / most, 20))}`;
  });
  return `${colours.dim(head)}\n${rows.join("\n")}\n`;
}

const SHOWN_LINKS = 12;

function chainText({ chain }: PropagationSummary, colours: Colours): string {
  if (chain.length < 2) return "";
  const start = chain[0]!.cycle;
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  const text = chain.map(({ cycle, owner, symbol, golden, faulty, writer }) => {
    const value = `${hex(golden)} ${colours.dim("->")} ${colours.yellow(hex(faulty))}`;
    return `  ${`+${grouped(cycle - start)}`.padStart(10)}  ${value}  ${cut(`${owner} ${symbol}`, 42)}\n${" ".repeat(14)}${colours.dim(cut(writer, 66))}`;
  });
  const hidden = text.length - SHOWN_LINKS;
  const shown =
    hidden > 0
      ? [...text.slice(0, 6), colours.dim(`  ${" ".repeat(10)}  … ${hidden} more …`), ...text.slice(-6)]
      : text;
  return `\n${colours.bold("  how it came there")}\n${shown.join("\n")}\n`;
}
