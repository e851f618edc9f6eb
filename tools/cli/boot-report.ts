/** What `quorum86 boot` prints around the serial line: the scenario before it, the result after it. */
import { bundledScenario, type Image } from "../image/image.ts";
import { replicaCount } from "../image/scenario.ts";
import { plural } from "../report/format.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import type { RunResult } from "../run/run-result.ts";
import type { ScenarioRun } from "../run/scenario-run.ts";
import {
  culpritLines,
  injectionLines,
  outcomeLine,
  outputLine,
  row,
  shareTable,
  timeLines,
  voteLine,
  voteMatrix,
} from "./run-report.ts";
import type { Colours } from "./terminal.ts";

/** What is about to run. */
export function bootHeader(image: Image, run: ScenarioRun, faults: readonly string[], colours: Colours): string {
  const { plan } = run;
  const { scenario, workload } = plan;
  const { timing } = run.machine.configuration;
  const kinds = scenario.replicas.map(
    ({ implementation, module, count: n }) => `${n > 1 ? `${n} x ` : ""}${implementation ?? module}`,
  );
  const key = `AES-${workload.key.length * 8}`;
  const lines = [
    `${colours.bold("quorum86")}  ${colours.cyan(scenario.name)}${scenario.description ? `: ${scenario.description}` : ""}`,
    "",
    row("machine", [`${scenario.machine.memory >> 20} MiB of RAM, Pentium at 100 MHz, ${timing} timing`], colours),
    row("replicas", [`${replicaCount(scenario)} (${kinds.join(", ")})`], colours),
    row(
      "workload",
      [`${workload.operation} ${plural(plan.outputBytes, "byte")}, ${key}, ${workload.mode.toUpperCase()}`],
      colours,
    ),
  ];
  if (faults.length > 0) lines.push(row(faults.length === 1 ? "fault" : "faults", faults, colours));
  if (image.file !== bundledScenario("aes-tmr")) lines.push(row("image", [image.file], colours));
  return `${lines.join("\n")}\n`;
}

/** What has happened. */
export function bootSummary(result: RunResult, plan: BootPlan, hostSeconds: number, colours: Colours): string {
  const { votes } = result;
  const parts: string[] = [];
  const bad = outcomeLine(result);
  if (bad !== undefined) parts.push(row("ended", [colours.red(bad)], colours));
  if (result.injections.length > 0) parts.push(row("injected", injectionLines(result, colours), colours));
  parts.push(row("votes", [votes === undefined ? "the voter's log is damaged" : voteLine(votes, colours)], colours));
  if (result.culprits.length > 0) parts.push(row("outvoted", culpritLines(result, colours), colours));
  parts.push(row("output", [outputLine(result, colours)], colours), "");
  if (votes !== undefined && votes.rounds > 0) parts.push(voteMatrix(votes, replicaLabels(plan), colours), "");
  parts.push(shareTable(result, colours), "");
  parts.push(row("guest time", timeLines(result, hostSeconds), colours));
  parts.push(row("event log", [colours.dim(result.eventHash)], colours));
  return parts.join("\n");
}

/** `replica-1 bytewise`, in order. */
function replicaLabels({ scenario }: BootPlan): string[] {
  const names = scenario.replicas.flatMap(({ implementation, count }) =>
    new Array<string>(count).fill(implementation ?? ""),
  );
  return names.map((name, i) => `replica-${i + 1} ${name}`.trimEnd());
}
