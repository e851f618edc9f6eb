/** Commands that set, list and remove breakpoints and watchpoints. */
import { hex } from "../../report/format.ts";
import type { PointKind } from "../debug-target.ts";
import { place } from "../messages.ts";
import { isCodePoint, type Point } from "../points.ts";
import { CommandError, type CommandSession } from "../session.ts";
import type { QueryCommand } from "./command.ts";

/** "THREAD:REST" names another space than the chosen thread's. */
function splitSpace(session: CommandSession, text: string): { thread: string | undefined; rest: string } {
  const match = /^([\w/-]+):(?!:)(.*)$/.exec(text);
  if (match === null) return { thread: undefined, rest: text };
  const known = session.view.threadByName(match[1] ?? "");
  return known === undefined ? { thread: undefined, rest: text } : { thread: known.name, rest: match[2] ?? "" };
}

/**
 * A code address: an expression, or FILE:LINE of the space's program.
 * @throws CommandError
 */
export function resolvePlace(session: CommandSession, text: string): { process: number; address: number } {
  const { thread, rest } = splitSpace(session, text.trim());
  const { process, id } = thread === undefined ? session.chosen : session.findThread(thread);
  const line = /^([\w./-]+\.[a-zA-Z]+):(\d+)$/.exec(rest);
  if (line !== null) {
    const addresses = session.view.program(process)?.lines.addressesOf(line[1] ?? "", Number(line[2])) ?? [];
    const first = addresses[0];
    if (first === undefined) throw new CommandError(`no code is known for ${rest}`);
    return { process, address: first };
  }
  const before = session.thread;
  session.thread = id;
  try {
    return { process, address: session.evaluate(rest.replace(/^\*/, "")) };
  } finally {
    session.thread = before;
  }
}

/** `PLACE [if CONDITION]` */
function breakAt(session: CommandSession, words: string, temporary: boolean): string {
  const [, where = "", condition] = /^(.*?)(?:\s+if\s+(.+))?$/.exec(words) ?? [];
  if (where === "") throw new CommandError("break needs a place, for example break aes_encrypt_round if ecx == 3");
  const { process, address } = resolvePlace(session, where);
  const point: Point = {
    kind: "software",
    process,
    address,
    length: 1,
    number: session.debuggee.points.nextNumber(),
    text: where,
    enabled: true,
    hits: 0,
    ...(condition !== undefined && { condition: session.parse(condition) }),
    ...(temporary && { temporary }),
  };
  session.debuggee.points.add(point);
  return describePoint(session, point);
}

/** `[LENGTH bytes at] ADDRESS [if CONDITION]`; a symbol alone means the whole object. */
function watch(session: CommandSession, words: string, kind: PointKind): string {
  const [, where = "", lengthText, condition] = /^(.*?)(?:,\s*(\d+))?(?:\s+if\s+(.+))?$/.exec(words) ?? [];
  if (where === "") throw new CommandError("watch needs an address, for example watch aes_round_keys+16, 4");
  const { process, address } = resolvePlace(session, where);
  const { rest } = splitSpace(session, where.trim());
  const whole = session.view.program(process)?.symbols.find(rest)?.size;
  const length = lengthText === undefined ? (whole === undefined || whole === 0 ? 4 : whole) : Number(lengthText);
  if (length < 1 || length > 0x10000) throw new CommandError("a watchpoint covers 1 to 65536 bytes");
  const point: Point = {
    kind,
    process,
    address,
    length,
    number: session.debuggee.points.nextNumber(),
    text: where,
    enabled: true,
    hits: 0,
    ...(condition !== undefined && { condition: session.parse(condition) }),
  };
  session.debuggee.points.add(point);
  return describePoint(session, point);
}

export function describePoint(session: CommandSession, point: Point): string {
  const { view } = session;
  const space = view.threads().find(({ process }) => process === point.process)?.name ?? `process ${point.process}`;
  const what = isCodePoint(point) ? "breakpoint" : `${point.kind === "write" ? "" : `${point.kind} `}watchpoint`;
  const extent = isCodePoint(point) ? "" : ` (${point.length} byte${point.length === 1 ? "" : "s"})`;
  const condition = point.condition === undefined ? "" : ` if ${point.condition.text}`;
  const once = point.temporary === true ? ", once" : "";
  return `${what} ${point.number} in ${space} at ${place(view, point.process, point.address)}${extent}${condition}${once}`;
}

function list(session: CommandSession): string {
  const points = session.debuggee.points.list;
  if (points.length === 0) return "no breakpoints and no watchpoints";
  return points
    .map((point) => {
      const name = point.number === 0 ? `gdb's: ${point.kind} at ${hex(point.address)}` : describePoint(session, point);
      return `${name}${point.enabled ? "" : " (off)"}, hit ${point.hits} time${point.hits === 1 ? "" : "s"}`;
    })
    .join("\n");
}

function numbered(session: CommandSession, words: string): Point[] {
  const points = session.debuggee.points.list.filter(({ number }) => number > 0);
  if (words === "") return points;
  return words.split(/[\s,]+/).map((word) => {
    const point = points.find(({ number }) => String(number) === word);
    if (point === undefined) throw new CommandError(`there is no breakpoint ${word}`);
    return point;
  });
}

function remove(session: CommandSession, words: string): string {
  const gone = numbered(session, words);
  session.debuggee.points.remove((point) => gone.includes(point));
  return `${gone.length} removed`;
}

function switchPoints(session: CommandSession, words: string, enabled: boolean): string {
  const points = numbered(session, words);
  for (const point of points) point.enabled = enabled;
  return `${points.length} switched ${enabled ? "on" : "off"}`;
}

function ignore(session: CommandSession, words: string): string {
  const [number = "", count = ""] = words.split(/\s+/);
  const [point] = numbered(session, number);
  if (point === undefined || !/^\d+$/.test(count)) throw new CommandError("write ignore NUMBER COUNT");
  point.ignore = Number(count);
  return `the next ${count} hits of breakpoint ${number} are let pass`;
}

export const BREAKPOINTS: readonly QueryCommand[] = [
  {
    kind: "query",
    names: ["break", "b"],
    usage: "break [THREAD:]PLACE [if CONDITION]",
    summary: "stops where that thread's space comes to a symbol, *ADDRESS or FILE:LINE",
    group: "Breakpoints",
    run: (session, words) => breakAt(session, words, false),
  },
  {
    kind: "query",
    names: ["tbreak", "tb"],
    usage: "tbreak [THREAD:]PLACE [if CONDITION]",
    summary: "the same, once",
    group: "Breakpoints",
    run: (session, words) => breakAt(session, words, true),
  },
  {
    kind: "query",
    names: ["watch"],
    usage: "watch [THREAD:]ADDRESS[, BYTES] [if CONDITION]",
    summary: "stops after a write, by whomever; a symbol alone means the whole object",
    group: "Breakpoints",
    run: (session, words) => watch(session, words, "write"),
  },
  {
    kind: "query",
    names: ["rwatch"],
    usage: "rwatch [THREAD:]ADDRESS[, BYTES] [if CONDITION]",
    summary: "stops after a read",
    group: "Breakpoints",
    run: (session, words) => watch(session, words, "read"),
  },
  {
    kind: "query",
    names: ["awatch"],
    usage: "awatch [THREAD:]ADDRESS[, BYTES] [if CONDITION]",
    summary: "stops after a read or a write",
    group: "Breakpoints",
    run: (session, words) => watch(session, words, "access"),
  },
  {
    kind: "query",
    names: ["breakpoints", "bl", "info"],
    usage: "breakpoints",
    summary: "lists them, with hits",
    group: "Breakpoints",
    run: list,
  },
  {
    kind: "query",
    names: ["delete", "del"],
    usage: "delete [NUMBER...]",
    summary: "removes breakpoints; all without a number",
    group: "Breakpoints",
    run: remove,
  },
  {
    kind: "query",
    names: ["enable"],
    usage: "enable [NUMBER...]",
    summary: "switches breakpoints on",
    group: "Breakpoints",
    run: (session, words) => switchPoints(session, words, true),
  },
  {
    kind: "query",
    names: ["disable"],
    usage: "disable [NUMBER...]",
    summary: "switches breakpoints off",
    group: "Breakpoints",
    run: (session, words) => switchPoints(session, words, false),
  },
  {
    kind: "query",
    names: ["ignore"],
    usage: "ignore NUMBER COUNT",
    summary: "lets hits pass",
    group: "Breakpoints",
    run: ignore,
  },
];
