/** Commands that let the machine run. */
import { grouped } from "../../report/format.ts";
import type { ResumeRequest, StopReport } from "../debug-target.ts";
import { KERNEL_THREAD } from "../guest-view.ts";
import { instructionLine } from "../listing.ts";
import { isCodePoint, type Point } from "../points.ts";
import { CommandError, type CommandSession } from "../session.ts";
import { resolvePlace } from "./breakpoints.ts";
import type { RunCommand } from "./command.ts";

function count(words: string): number {
  if (words === "") return 1;
  if (!/^\d{1,9}$/.test(words) || Number(words) === 0)
    throw new CommandError("give a number of times, for example step 10");
  return Number(words);
}

/** What a stop looks like: why, who, and the instruction that comes next. */
function describeStop(session: CommandSession, report: StopReport): string {
  const { view } = session;
  const thread = session.chosen;
  const lines: string[] = [];
  if (report.message !== undefined) lines.push(report.message);
  const reason = stopReason(report);
  lines.push(`${reason}${thread.name}, cycle ${grouped(session.debuggee.timeline.position.cycle)}`);
  lines.push(instructionLine(session, thread.process, view.register(thread.id, "eip") ?? 0, true).text);
  return lines.join("\n");
}

function stopReason({ cause }: StopReport): string {
  switch (cause.kind) {
    case "breakpoint":
      return `${numbered("breakpoint", cause.point)}: `;
    case "watchpoint":
      return `${numbered("watchpoint", cause.point)}: `;
    case "interrupt":
      return "interrupted: ";
    case "history-begin":
      return "the beginning of history: ";
    case "history-end":
      return "the end: ";
    default:
      return "";
  }
}

function numbered(what: string, point: object): string {
  const { number } = point as Partial<Point>;
  return number === undefined || number === 0 ? what : `${what} ${number}`;
}

/** Steps until done or until something else than the step itself stops the machine. */
async function steps(
  session: CommandSession,
  times: number,
  request: (thread: number) => ResumeRequest,
): Promise<string> {
  const thread = session.chosen.id;
  let report: StopReport | undefined;
  for (let done = 0; done < times; done++) {
    report = await session.resume(request(thread));
    if (report.cause.kind !== "step") break;
  }
  return report === undefined ? "" : describeStop(session, report);
}

function step(session: CommandSession, words: string): Promise<string> {
  return steps(session, count(words), (thread) => ({ direction: "forward", mode: "step", thread }));
}

function back(session: CommandSession, words: string): Promise<string> {
  return steps(session, count(words), (thread) => ({ direction: "backward", mode: "step", thread }));
}

async function next(session: CommandSession, words: string): Promise<string> {
  const times = count(words);
  const { id, process } = session.chosen;
  let report: StopReport | undefined;
  for (let done = 0; done < times; done++) {
    const eip = session.view.register(id, "eip") ?? 0;
    const bytes = session.view.readMemory(process, eip, 15);
    const decoded = bytes === undefined ? undefined : session.disassembler.one(bytes, eip);
    const over = decoded !== undefined && /^(call|rep|repe|repne|int)\b/.test(decoded.mnemonic);
    report = over
      ? await runTo(session, { process, address: (eip + decoded.size) >>> 0 }, id)
      : await session.resume({ direction: "forward", mode: "step", thread: id });
    if (report.cause.kind !== "step" && !isTemporary(report)) break;
  }
  return report === undefined ? "" : describeStop(session, report);
}

function isTemporary({ cause }: StopReport): boolean {
  return cause.kind === "breakpoint" && (cause.point as Partial<Point>).temporary === true;
}

/** Continues with a breakpoint that holds for this one thread and this one run. */
async function runTo(
  session: CommandSession,
  { process, address }: { process: number; address: number },
  thread: number,
  condition?: string,
): Promise<StopReport> {
  const { points, view } = session.debuggee;
  const point: Point = {
    kind: "software",
    process,
    address,
    length: 1,
    number: 0,
    text: "",
    enabled: true,
    hits: 0,
    temporary: true,
    condition: {
      text: `thread ${thread}`,
      evaluate: (context) =>
        Number(
          view.userThread() === thread && (condition === undefined || session.parse(condition).evaluate(context) !== 0),
        ),
    },
  };
  points.add(point);
  try {
    return await session.resume({ direction: "forward", mode: "continue", thread });
  } finally {
    points.remove((other) => other === point);
  }
}

async function finish(session: CommandSession): Promise<string> {
  const { id, process } = session.chosen;
  const frame = session.callerFrame();
  if (frame === undefined) throw new CommandError("the caller of this function is not known");
  // A recursive call comes to the same address with a lower stack pointer.
  const report = await runTo(session, { process, address: frame.address }, id, `esp >= ${frame.stackPointer}`);
  const value = session.view.register(id, "eax");
  const text = describeStop(session, report);
  return isTemporary(report) && value !== undefined ? `${text}\neax = 0x${value.toString(16)}` : text;
}

async function until(session: CommandSession, words: string): Promise<string> {
  if (words === "") throw new CommandError("until needs a place");
  const where = resolvePlace(session, words);
  const thread = session.view.threads().find(({ process }) => process === where.process);
  return describeStop(session, await runTo(session, where, thread?.id ?? session.chosen.id));
}

async function continueOn(session: CommandSession): Promise<string> {
  return describeStop(
    session,
    await session.resume({ direction: "forward", mode: "continue", thread: session.chosen.id }),
  );
}

async function reverseContinue(session: CommandSession): Promise<string> {
  if (!session.debuggee.points.enabled.some((point) => isCodePoint(point) || point.length > 0)) {
    throw new CommandError('set a breakpoint or a watchpoint first; "goto start" goes to the beginning');
  }
  return describeStop(
    session,
    await session.resume({ direction: "backward", mode: "continue", thread: session.chosen.id }),
  );
}

async function run(session: CommandSession): Promise<string> {
  const { timeline } = session.debuggee;
  timeline.seek(timeline.start);
  return describeStop(session, await session.resume({ direction: "forward", mode: "continue", thread: KERNEL_THREAD }));
}

export const RUNNING: readonly RunCommand[] = [
  {
    kind: "run",
    names: ["step", "s", "si", "stepi"],
    usage: "step [COUNT]",
    summary: "executes instructions of the chosen thread, however long the others take in between",
    group: "Running",
    run: step,
  },
  {
    kind: "run",
    names: ["next", "n", "ni", "nexti"],
    usage: "next [COUNT]",
    summary: "the same, but goes over calls, system calls and repeated string instructions",
    group: "Running",
    run: next,
  },
  {
    kind: "run",
    names: ["finish", "fin"],
    usage: "finish",
    summary: "runs until the function returns to its caller, and shows EAX",
    group: "Running",
    run: finish,
  },
  {
    kind: "run",
    names: ["until"],
    usage: "until [THREAD:]PLACE",
    summary: "runs until a thread comes to a place",
    group: "Running",
    run: until,
  },
  {
    kind: "run",
    names: ["continue", "c", "cont"],
    usage: "continue",
    summary: "runs until a breakpoint, a watchpoint, the end, or Ctrl-C",
    group: "Running",
    run: continueOn,
  },
  {
    kind: "run",
    names: ["run", "r"],
    usage: "run",
    summary: "goes to the start of history and continues",
    group: "Running",
    run,
  },
  {
    kind: "run",
    names: ["back", "bk", "rs", "reverse-step"],
    usage: "back [COUNT]",
    summary: "takes back instructions of the chosen thread",
    group: "Running",
    run: back,
  },
  {
    kind: "run",
    names: ["reverse-continue", "rc"],
    usage: "reverse-continue",
    summary: "runs backwards to the last breakpoint or watchpoint before here",
    group: "Running",
    run: reverseContinue,
  },
];
