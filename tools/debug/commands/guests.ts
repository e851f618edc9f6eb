/** Commands about threads, address spaces, messages, votes. */
import { Word } from "../../../emulator/index.ts";
import { Tlb, TlbEntry } from "../../../emulator/mmu/tlb.ts";
import { grouped, hex } from "../../report/format.ts";
import { type GuestThread, type GuestView, KERNEL_PROCESS } from "../guest-view.ts";
import { place } from "../messages.ts";
import { walkPages } from "../page-walk.ts";
import { CommandError, type CommandSession } from "../session.ts";
import { nameOfId, threadState } from "../thread-state.ts";
import type { QueryCommand } from "./command.ts";

/** End of the user's part of a space (ABI: USER_AREA_END). */
const USER_AREA_END = 0xc0000000;

function threads(session: CommandSession): string {
  const { view } = session;
  const rows = view.threads().map((thread) => {
    const { description } = thread;
    const eip = view.register(thread.id, "eip") ?? 0;
    const mark = thread.id === session.chosen.id ? "*" : " ";
    const id = String(thread.id).padStart(4);
    const priority = description === undefined ? "" : String(description.priority);
    const done = description === undefined ? "" : grouped(description.userInstructions);
    return `${mark}${id}  ${thread.name.padEnd(12)} ${priority.padStart(3)} ${done.padStart(14)}  ${place(view, thread.process, eip).padEnd(36)} ${threadState(view, thread)}`;
  });
  return [" thread  name       prio   instructions  at                                   state", ...rows].join("\n");
}

function chooseThread(session: CommandSession, words: string): string {
  if (words !== "") {
    session.thread = session.findThread(words).id;
    session.nextListing = undefined;
  }
  const { name, id, process } = session.chosen;
  return `thread ${id}, ${name}, in process ${process}: ${threadState(session.view, session.chosen)}`;
}

interface Range {
  readonly start: number;
  end: number;
  readonly writable: boolean;
}

/** Mapped pages of a space's user area, neighbours with equal rights joined. */
function mappedRanges(view: GuestView, directory: number): Range[] {
  const ranges: Range[] = [];
  let address = 0;
  while (address < USER_AREA_END) {
    const walk = walkPages(view.machine.memory, directory, address);
    const step = walk.tableEntry === undefined ? 0x400000 : 0x1000;
    const { mapping } = walk;
    if (mapping?.user) {
      const last = ranges.at(-1);
      if (last !== undefined && last.end === address && last.writable === mapping.writable) last.end = address + step;
      else ranges.push({ start: address, end: address + step, writable: mapping.writable });
    }
    address += step;
  }
  return ranges;
}

function spaces(session: CommandSession, words: string): string {
  const { view } = session;
  const first = new Map<number, GuestThread>();
  for (const thread of view.threads()) if (!first.has(thread.process)) first.set(thread.process, thread);
  if (words !== "") {
    const { process, name } = session.findThread(words);
    const rows = mappedRanges(view, view.pageDirectory(process)).map(({ start, end, writable }) => {
      const symbol = view
        .program(process)
        ?.elf.sections.find(({ address, size }) => size > 0 && address >= start && address < end);
      return `  ${hex(start)} - ${hex(end - 1)}  ${writable ? "rw" : "r-"}  ${String((end - start) / 0x1000).padStart(5)} pages  ${symbol?.name ?? ""}`.trimEnd();
    });
    return [`space of ${name}, page directory at ${hex(view.pageDirectory(process))}`, ...rows].join("\n");
  }
  const rows = [...first.values()].map(({ process, name }) => {
    const directory = view.pageDirectory(process);
    const ranges = process === KERNEL_PROCESS ? [] : mappedRanges(view, directory);
    const pages = ranges.reduce((sum, { start, end }) => sum + (end - start) / 0x1000, 0);
    const writable = ranges
      .filter((range) => range.writable)
      .reduce((sum, { start, end }) => sum + (end - start) / 0x1000, 0);
    return `  ${String(process).padStart(3)}  ${name.padEnd(12)} ${hex(directory)}  ${String(pages).padStart(5)} pages, ${writable} writable`;
  });
  return ["  process  of      page directory  mapped", ...rows].join("\n");
}

function messages(session: CommandSession, words: string): string {
  const { view, debuggee } = session;
  const count = Math.min(Number(words === "" ? "8" : words) || 8, 200);
  const list = debuggee.ipc.before(debuggee.timeline.position, count);
  if (list.length === 0) return "no message has been sent yet";
  return list
    .map(({ position, sender, receiver, kind, label, words: content, typedWords }) => {
      const from = nameOfId(view, sender * 0x4000);
      const to = nameOfId(view, receiver * 0x4000);
      const shown = content.slice(0, 4).map((word) => hex(word));
      const more = content.length > 4 ? ` … ${content.length} words` : "";
      const typed = typedWords === 0 ? "" : ` + ${typedWords} typed`;
      const what =
        kind === "message"
          ? `label ${hex(label, 4)} [${shown.join(" ")}${more}]${typed}`
          : `(${kind}, made by the kernel)`;
      return `${grouped(position.cycle).padStart(13)}  ${from} -> ${to}  ${what}`;
    })
    .join("\n");
}

function pageTable(session: CommandSession, words: string): string {
  if (words === "") throw new CommandError("pagetable needs an address");
  const { view } = session;
  const { process, name } = session.chosen;
  const address = session.evaluate(words);
  const directory = view.pageDirectory(process);
  const walk = walkPages(view.machine.memory, directory, address);
  const entry = (label: string, found: { physical: number; value: number }): string =>
    `  ${label} at ${hex(found.physical)}: ${hex(found.value)} ${entryBits(found.value)}`;
  const lines = [`${place(view, process, address)} in the space of ${name}, page directory ${hex(directory)}`];
  lines.push(entry("directory entry", walk.directoryEntry));
  if (walk.tableEntry !== undefined) lines.push(entry("table entry    ", walk.tableEntry));
  const { mapping } = walk;
  if (mapping === undefined) lines.push("  not mapped");
  else {
    const owner = view.kernel.owner(mapping.physical);
    const size = mapping.pageBytes === 0x1000 ? "4 KiB" : "4 MiB";
    const rights = `${mapping.user ? "user" : "supervisor"}, ${mapping.writable ? "read and write" : "read only"}`;
    lines.push(`  physical ${hex(mapping.physical)} in a ${size} page, ${rights}; owner: ${owner.name}`);
  }
  return lines.join("\n");
}

const ENTRY_BITS: readonly (readonly [string, number])[] = [
  ["P", 0],
  ["R/W", 1],
  ["U/S", 2],
  ["PWT", 3],
  ["PCD", 4],
  ["A", 5],
  ["D", 6],
  ["PS", 7],
  ["G", 8],
];

function entryBits(value: number): string {
  return `[${ENTRY_BITS.filter(([, bit]) => ((value >>> bit) & 1) !== 0)
    .map(([name]) => name)
    .join(" ")}]`;
}

/** Valid entries of the three TLBs, which may differ from the page tables until they are flushed. */
function tlb(session: CommandSession): string {
  const { words } = session.view.machine.cpu;
  const lines: string[] = [];
  const list = (title: string, start: number, sets: number): void => {
    const entries: string[] = [];
    for (let index = 0; index < sets * Tlb.Ways; index++) {
      const tag = words[Word.Tlb + start + 2 * index] ?? 0;
      const physical = (words[Word.Tlb + start + 2 * index + 1] ?? 0) >>> 0;
      if ((tag & TlbEntry.Valid) === 0) continue;
      const rights = `${(tag & TlbEntry.User) !== 0 ? "u" : "s"}${(tag & TlbEntry.Writable) !== 0 ? "w" : "r"}${(tag & TlbEntry.Dirty) !== 0 ? "d" : "-"}`;
      entries.push(
        `  set ${String(Math.floor(index / Tlb.Ways)).padStart(2)} way ${index % Tlb.Ways}: ${hex(tag & 0xfffff000)} -> ${hex(physical)} ${rights}`,
      );
    }
    lines.push(`${title}: ${entries.length} of ${sets * Tlb.Ways} entries`, ...entries);
  };
  list("code", Tlb.Code, Tlb.CodeSets);
  list("data, 4 KiB pages", Tlb.Data, Tlb.DataSets);
  list("data, 4 MiB pages", Tlb.Large, Tlb.LargeSets);
  return lines.join("\n");
}

function votes(session: CommandSession): string {
  const { votes: log, workload } = session.debuggee.run.result();
  if (log === undefined) return "the voter has not begun";
  const lines = [
    `${log.rounds} rounds: ${log.unanimous} unanimous, ${log.majority} by majority, ${log.noMajority} without majority`,
  ];
  for (const vote of log.votes) {
    const named = (title: string, replicas: readonly number[]): string =>
      replicas.length === 0 ? "" : `; ${title} ${replicas.map((replica) => `replica-${replica}`).join(", ")}`;
    lines.push(
      `round ${vote.round}: ${vote.verdict}${named("otherwise:", vote.dissenting)}${named("late:", vote.late)}${named("trapped:", vote.trapped)}`,
    );
  }
  const right =
    workload.outputRight === undefined ? "" : workload.outputRight ? ", its output is right" : ", its output is WRONG";
  lines.push(`workload: ${workload.status}, ${workload.rounds} rounds delivered${right}`);
  return lines.join("\n");
}

export const GUESTS: readonly QueryCommand[] = [
  {
    kind: "query",
    names: ["threads"],
    usage: "threads",
    summary: "every thread: priority, instructions of its own, where it is, what it waits for",
    group: "Guests",
    run: threads,
  },
  {
    kind: "query",
    names: ["thread", "t"],
    usage: "thread [NAME]",
    summary: "chooses the thread that other commands are about",
    group: "Guests",
    run: chooseThread,
  },
  {
    kind: "query",
    names: ["spaces"],
    usage: "spaces [THREAD]",
    summary: "address spaces; with a thread, the mapped pages of its space",
    group: "Guests",
    run: spaces,
  },
  {
    kind: "query",
    names: ["ipc"],
    usage: "ipc [COUNT]",
    summary: "the last messages up to here",
    group: "Guests",
    run: messages,
  },
  {
    kind: "query",
    names: ["votes"],
    usage: "votes",
    summary: "the voter's verdicts so far",
    group: "Guests",
    run: votes,
  },
  {
    kind: "query",
    names: ["pagetable", "pt"],
    usage: "pagetable ADDRESS",
    summary: "the walk of an address through the space's page tables, and who owns the frame",
    group: "Guests",
    run: pageTable,
  },
  {
    kind: "query",
    names: ["tlb"],
    usage: "tlb",
    summary: "what the three TLBs hold",
    group: "Guests",
    run: tlb,
  },
];
