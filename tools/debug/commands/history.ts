/** Commands about time, faults and differences. */
import { InputError } from "../../input-error.ts";
import { grouped } from "../../report/format.ts";
import { compareThreads } from "../compare-threads.ts";
import { KERNEL_THREAD } from "../guest-view.ts";
import { describeInjection } from "../messages.ts";
import { CommandError, type CommandSession } from "../session.ts";
import { comparePositions, type Position } from "../time/position.ts";
import { HistoryError } from "../time/timeline.ts";
import type { QueryCommand } from "./command.ts";
import { whereabouts } from "./looking.ts";

/** Positions that people have named, by session. */
const bookmarks = new WeakMap<CommandSession, Map<string, Position>>();

function namesOf(session: CommandSession): Map<string, Position> {
  const known = bookmarks.get(session) ?? new Map<string, Position>();
  bookmarks.set(session, known);
  return known;
}

function snapshot(session: CommandSession, words: string): string {
  const names = namesOf(session);
  const name = words === "" ? `s${names.size + 1}` : words;
  if (!/^[A-Za-z][\w-]*$/.test(name) || ["start", "end", "fault"].includes(name)) {
    throw new CommandError("a name begins with a letter, and is not start, end or fault");
  }
  const { position } = session.debuggee.timeline;
  names.set(name, position);
  return `snapshot ${name}: cycle ${grouped(position.cycle)}; "goto ${name}" comes back here`;
}

/** Where `goto` shall go: a position, or a cycle that may be in the future. */
function destination(session: CommandSession, words: string): Position | number {
  const { timeline } = session.debuggee;
  const named = namesOf(session).get(words);
  if (named !== undefined) return named;
  if (words === "start") return timeline.start;
  if (words === "end") return timeline.horizon;
  const match = /^([+-]?)(\d[\d_,]*)$/.exec(words);
  if (match === null) {
    throw new CommandError('goto needs a cycle, +CYCLES, -CYCLES, "start", "end", "fault", or the name of a snapshot');
  }
  const number = Number((match[2] ?? "").replace(/[_,]/g, ""));
  const here = timeline.position.cycle;
  const cycle = match[1] === "+" ? here + number : match[1] === "-" ? here - number : number;
  if (cycle < timeline.start.cycle) throw new CommandError(`history begins at cycle ${grouped(timeline.start.cycle)}`);
  return cycle;
}

/** Behind the first fault that strikes, in history or else in the future. */
function goToFault(session: CommandSession): string[] {
  const { timeline, faults } = session.debuggee;
  const strike = timeline.editList().find(({ source }) => faults.list().some(({ fault }) => fault === source));
  if (strike !== undefined) {
    timeline.seek({ ...strike.position, edits: strike.position.edits + 1 });
    return faults.list().flatMap(({ report }) => (report === undefined ? [] : describeInjection(report)));
  }
  if (faults.pending().length === 0) throw new CommandError('there is no fault; "inject" makes one');
  timeline.seek(timeline.horizon);
  const run = { direction: "forward", mode: "continue", thread: KERNEL_THREAD, untilFault: true } as const;
  const { message } = session.resumeNow(run);
  return message === undefined ? [] : [message];
}

function goTo(session: CommandSession, words: string): string {
  const { timeline } = session.debuggee;
  if (words === "fault") return arrive(session, goToFault(session));
  const where = destination(session, words);
  const lines: string[] = [];
  if (typeof where !== "number") seekNamed(session, where);
  else if (where <= timeline.horizon.cycle) timeline.seekCycle(where);
  else {
    timeline.seek(timeline.horizon);
    const report = session.resumeNow({
      direction: "forward",
      mode: "continue",
      thread: KERNEL_THREAD,
      untilCycle: where,
    });
    if (report.message !== undefined) lines.push(report.message);
  }
  return arrive(session, lines);
}

/** A named position may lie in a future that was forgotten since. */
function seekNamed(session: CommandSession, where: Position): void {
  const { timeline } = session.debuggee;
  const here = timeline.position;
  if (comparePositions(where, timeline.horizon) <= 0) {
    try {
      timeline.seek(where);
      return;
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      timeline.seek(here);
    }
  }
  throw new CommandError("that moment is no longer in history: something was changed before it");
}

function arrive(session: CommandSession, lines: readonly string[]): string {
  session.nextListing = undefined;
  session.thread = session.view.current().id;
  return [...lines, whereabouts(session)].join("\n");
}

function history(session: CommandSession): string {
  const { timeline } = session.debuggee;
  const { checkpoints, checkpointBytes, spacingCycles } = timeline.statistics;
  const { start, horizon, position } = timeline;
  const lines = [
    `from cycle ${grouped(start.cycle)} to ${grouped(horizon.cycle)}; here: ${grouped(position.cycle)}`,
    `${checkpoints} snapshots in ${(checkpointBytes / (1 << 20)).toFixed(1)} MiB, one about every ${grouped(spacingCycles)} cycles near here`,
  ];
  for (const [name, at] of namesOf(session)) lines.push(`snapshot ${name}: cycle ${grouped(at.cycle)}`);
  const applied = timeline.position.edits;
  for (const [index, edit] of timeline.editList().entries()) {
    const when = index < applied ? "made" : "to come";
    lines.push(`change at cycle ${grouped(edit.position.cycle)} (${when}): ${edit.description}`);
  }
  return lines.join("\n");
}

function injectFault(session: CommandSession, words: string): string {
  if (words === "") throw new CommandError("inject needs a fault, for example inject replica-2:aes_state+5:flip:2");
  const { debuggee } = session;
  try {
    const { now } = debuggee.addFault(words);
    const last = debuggee.faults.list().at(-1);
    if (now && last?.report !== undefined) return describeInjection(last.report);
    return `waits for its moment: ${words}`;
  } catch (error) {
    if (error instanceof InputError) throw new CommandError(error.message);
    throw error;
  }
}

function faults(session: CommandSession): string {
  const list = session.debuggee.faults.list();
  if (list.length === 0) return "no faults";
  return list
    .map(({ fault, report }) =>
      report === undefined ? `to come: ${session.debuggee.faults.describe(fault)}` : describeInjection(report),
    )
    .join("\n");
}

function difference(session: CommandSession, words: string): string {
  const [first, second, ...rest] = words.split(/\s+/).filter((word) => word !== "");
  if (first === undefined || second === undefined || rest.length > 0) {
    throw new CommandError("diff needs two threads, for example diff replica-1 replica-2");
  }
  return compareThreads(session.view, session.findThread(first), session.findThread(second)).join("\n");
}

function digest(session: CommandSession): string {
  const { view, debuggee } = session;
  const { position } = debuggee.timeline;
  return `state ${view.machine.stateDigest()} event log ${view.machine.eventLog.hash} at instruction ${position.instructions}, cycle ${position.cycle}`;
}

function check(session: CommandSession): string {
  const problems = session.view.kernel.check();
  return problems.length === 0 ? "every structure of the kernel is consistent" : problems.join("\n");
}

export const HISTORY: readonly QueryCommand[] = [
  {
    kind: "query",
    names: ["goto", "g"],
    usage: "goto CYCLE | +CYCLES | -CYCLES | start | end | fault | NAME",
    summary: "goes to the first boundary at or after a cycle, back or forth; to where a fault struck",
    group: "History",
    run: goTo,
  },
  {
    kind: "query",
    names: ["snapshot"],
    usage: "snapshot [NAME]",
    summary: "names the present position, for goto",
    group: "History",
    run: snapshot,
  },
  {
    kind: "query",
    names: ["history"],
    usage: "history",
    summary: "how far back and forth one can go, what was changed from outside, memory used",
    group: "History",
    run: history,
  },
  {
    kind: "query",
    names: ["digest"],
    usage: "digest",
    summary: "a hash of the machine's whole state",
    group: "History",
    run: digest,
  },
  {
    kind: "query",
    names: ["inject"],
    usage: "inject TARGET:MODEL[@TRIGGER]",
    summary: "injects a fault, now or at its trigger (see quorum86 faults)",
    group: "Faults",
    run: injectFault,
  },
  {
    kind: "query",
    names: ["faults"],
    usage: "faults",
    summary: "faults that struck and faults to come",
    group: "Faults",
    run: faults,
  },
  {
    kind: "query",
    names: ["diff"],
    usage: "diff THREAD THREAD",
    summary: "registers and named objects in which two threads differ",
    group: "Faults",
    run: difference,
  },
  {
    kind: "query",
    names: ["check"],
    usage: "check",
    summary: "checks every structure of the kernel",
    group: "Guests",
    run: check,
  },
];
