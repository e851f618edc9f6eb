/** Commands that show registers, memory, code and stacks. */
import { Word } from "../../../emulator/index.ts";
import { TimingWord } from "../../../emulator/timing/timing-state.ts";
import { grouped, hex } from "../../report/format.ts";
import { I386_REGISTERS } from "../i386-registers.ts";
import { instructionLine, sourceLine } from "../listing.ts";
import { place } from "../messages.ts";
import { CommandError, type CommandSession } from "../session.ts";
import { threadState } from "../thread-state.ts";
import type { QueryCommand } from "./command.ts";

const GENERAL = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip"];
const SEGMENT = ["cs", "ss", "ds", "es", "fs", "gs"];
const SYSTEM = ["cr0", "cr2", "cr3", "cr4"];
const FLAG_NAMES: readonly (readonly [string, number])[] = [
  ["CF", 0],
  ["PF", 2],
  ["AF", 4],
  ["ZF", 6],
  ["SF", 7],
  ["TF", 8],
  ["IF", 9],
  ["DF", 10],
  ["OF", 11],
];

function registers(session: CommandSession, words: string): string {
  const thread = words === "" ? session.chosen : session.findThread(words);
  const before = session.shownRegisters.get(thread.id);
  const now = new Map<string, number>();
  const one = (name: string, digits: number): string => {
    const value = session.view.register(thread.id, name);
    if (value === undefined) return `${name.padEnd(6)} ${"-".padEnd(digits + 3)}`;
    now.set(name, value);
    const changed = before !== undefined && before.get(name) !== value ? "*" : " ";
    return `${name.padEnd(6)} ${hex(value, digits)}${changed}`;
  };
  const rows = [
    GENERAL.slice(0, 4).map((name) => one(name, 8)),
    GENERAL.slice(4, 8).map((name) => one(name, 8)),
    [one("eip", 8), one("eflags", 8), flagText(now.get("eflags") ?? 0)],
    SEGMENT.map((name) => one(name, 4)),
    SYSTEM.map((name) => one(name, 8)),
  ];
  session.shownRegisters.set(thread.id, now);
  const changed = before === undefined ? "" : "  (* changed since they were last shown)";
  return [`${thread.name}${changed}`, ...rows.map((row) => `  ${row.join("  ")}`.trimEnd())].join("\n");
}

function flagText(eflags: number): string {
  return `[${FLAG_NAMES.filter(([, bit]) => ((eflags >>> bit) & 1) !== 0)
    .map(([name]) => name)
    .join(" ")}]`;
}

const UNITS: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4 };

/** `x/8xw ADDRESS`, `x/16b`, `x/s`, `x/5i`: gdb's letters. */
function examine(session: CommandSession, words: string): string {
  const match = /^(?:\/(\d*)([xduis]?)([bhw]?)([xduis]?)\s*)?(.*)$/.exec(words);
  const [, countText = "", first = "", unit = "", second = "", expression = ""] = match ?? [];
  const format = first || second || "x";
  const count = Math.min(Math.max(Number(countText || "1"), 1), 1024);
  const address = expression === "" ? session.nextMemory?.address : session.evaluate(expression);
  if (address === undefined) throw new CommandError("x needs an address, for example x/8xw esp");
  const { process } = session.chosen;
  if (format === "i") return disassembly(session, address, count);
  if (format === "s") return text(session, address);
  const size = UNITS[unit || "w"] ?? 4;
  const bytes = session.view.readMemory(process, address, count * size);
  if (bytes === undefined || bytes.length < size) throw new CommandError(`no memory at ${hex(address)}`);
  const rows: string[] = [];
  const perRow = 16 / size;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = Math.floor(bytes.length / size);
  for (let index = 0; index < values; index += perRow) {
    const row = Array.from({ length: Math.min(perRow, values - index) }, (_, offset) => {
      const at = (index + offset) * size;
      const value = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
      if (format === "u") return String(value).padStart(size * 2 + 2);
      if (format === "d") return String((value << (32 - 8 * size)) >> (32 - 8 * size)).padStart(size * 2 + 3);
      return hex(value, size * 2);
    });
    rows.push(`${place(session.view, process, address + index * size)}: ${row.join(" ")}`);
  }
  if (values < count) rows.push(`(nothing is mapped at ${hex(address + bytes.length)})`);
  session.nextMemory = { address: (address + values * size) >>> 0, format };
  return rows.join("\n");
}

function text(session: CommandSession, address: number): string {
  const bytes = session.view.readMemory(session.chosen.process, address, 256);
  if (bytes === undefined) throw new CommandError(`no memory at ${hex(address)}`);
  const end = bytes.indexOf(0);
  const shown = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
  return `${place(session.view, session.chosen.process, address)}: ${JSON.stringify(shown)}`;
}

function disassembly(session: CommandSession, address: number, count: number): string {
  const { id, process } = session.chosen;
  const eip = session.view.register(id, "eip");
  const lines: string[] = [];
  let at = address;
  for (let index = 0; index < count; index++) {
    const line = instructionLine(session, process, at, at === eip);
    lines.push(line.text);
    at = (at + line.size) >>> 0;
  }
  session.nextListing = at;
  return lines.join("\n");
}

/** `disas`, `disas PLACE`, `disas PLACE COUNT`; without a place from where the thread is, or on from the last listing. */
function disassemble(session: CommandSession, words: string): string {
  const match = /^(.*?)(?:[\s,]+(\d+))?$/.exec(words);
  const expression = match?.[1] ?? "";
  const eip = session.view.register(session.chosen.id, "eip") ?? 0;
  const address = expression === "" ? (session.nextListing ?? eip) : session.evaluate(expression);
  return disassembly(session, address, Math.min(Number(match?.[2] ?? "10"), 500));
}

function stack(session: CommandSession): string {
  const { view } = session;
  const { process } = session.chosen;
  return session
    .frames()
    .map((frame, index) => {
      const line = sourceLine(session, process, index === 0 ? frame.address : frame.address - 1);
      const guessed = frame.by === "frame pointer" ? "  (by frame pointer)" : "";
      return `#${index}  ${place(view, process, frame.address)}${line === "" ? "" : ` at ${line}`}${guessed}`;
    })
    .join("\n");
}

/** "U" or "V" for the instruction that a thread on the CPU executes next, "" without a pipeline model. */
function nextPipe(session: CommandSession, thread: number): string {
  const { machine } = session.view;
  if (machine.timing === undefined || session.view.userThread() !== thread) return "";
  const { words } = machine.cpu;
  const second = words[TimingWord.PairPhase] === 1 && words[TimingWord.PairEip] === words[Word.Eip];
  return second ? "V" : "U";
}

/** Where the machine is: clock, instruction, who runs, and the instruction that the chosen thread is at. */
export function whereabouts(session: CommandSession): string {
  const { view, debuggee } = session;
  const { cycle, instructions } = debuggee.timeline.position;
  const thread = session.chosen;
  const own = thread.description?.userInstructions;
  const seconds = (cycle / view.machine.clock.hertz) * 1000;
  const pipe = nextPipe(session, thread.id);
  return [
    `cycle ${grouped(cycle)} (${seconds.toFixed(3)} ms), instruction ${grouped(instructions)} of the machine`,
    `${thread.name}: ${threadState(view, thread)}${own === undefined ? "" : `, instruction ${grouped(own)} of its own`}${pipe === "" ? "" : `, next in the ${pipe} pipe`}`,
    instructionLine(session, thread.process, view.register(thread.id, "eip") ?? 0, true).text,
  ].join("\n");
}

function print(session: CommandSession, words: string): string {
  if (words === "") throw new CommandError("print needs an expression, for example print eax + 4 * ecx");
  const value = session.evaluate(words);
  const symbol = session.view.symbolAt(session.chosen.process, value);
  return `${hex(value)} = ${value}${value > 0x7fffffff ? ` = ${value | 0}` : ""}${symbol === undefined ? "" : ` <${symbol}>`}`;
}

function symbols(session: CommandSession, words: string): string {
  const program = session.view.program(session.chosen.process);
  if (program === undefined) throw new CommandError(`no program is known for ${session.chosen.name}`);
  const wanted = words.toLowerCase();
  const rows = program.symbols.symbols.filter(
    ({ name, kind }) => kind !== "none" && name.toLowerCase().includes(wanted),
  );
  if (rows.length === 0) throw new CommandError(`no symbol of ${session.chosen.name} contains "${words}"`);
  return rows
    .map(({ name, value, size, kind }) => `${hex(value)} ${String(size).padStart(6)} ${kind.padEnd(8)} ${name}`)
    .join("\n");
}

/** `set eax = 5`, `set [esp+4] = 1`, `set byte[request] = 0xff`. */
function set(session: CommandSession, words: string): string {
  const match = /^(.+?)=(?!=)(.+)$/.exec(words);
  if (match === null) throw new CommandError("write for example: set eax = 5, or set byte[request+2] = 0xff");
  const target = (match[1] ?? "").trim();
  const value = session.evaluate(match[2] ?? "");
  const { id, process, name } = session.chosen;
  const { view, debuggee } = session;
  const memory = /^(byte|half|word|)\s*\[(.+)\]$/.exec(target);
  if (memory !== null) {
    const size = { byte: 1, half: 2, word: 4 }[memory[1] || "word"] ?? 4;
    const address = session.evaluate(memory[2] ?? "");
    const bytes = Uint8Array.from({ length: size }, (_, index) => (value >>> (8 * index)) & 0xff);
    if (view.readMemory(process, address, size)?.length !== size)
      throw new CommandError(`no memory at ${hex(address)}`);
    debuggee.timeline.edit(`memory ${hex(address)}`, () => view.writeMemory(process, address, bytes));
    return `${place(view, process, address)} = ${hex(value, size * 2)}; what was recorded after this is forgotten`;
  }
  const register = target.replace(/^\$/, "");
  const old = view.register(id, register);
  if (
    old === undefined ||
    !I386_REGISTERS.some((known) => known.name === register) ||
    !view.setRegister(id, register, old)
  ) {
    throw new CommandError(`${register} of ${name} can't be set`);
  }
  debuggee.timeline.edit(`register ${register} of ${name}`, () => view.setRegister(id, register, value));
  return `${register} = ${hex(value)}; what was recorded after this is forgotten`;
}

export const LOOKING: readonly QueryCommand[] = [
  {
    kind: "query",
    names: ["regs", "registers", "info-registers"],
    usage: "regs [THREAD]",
    summary: "registers; those that changed since they were last shown are marked with *",
    group: "Looking",
    run: registers,
  },
  {
    kind: "query",
    names: ["x"],
    usage: "x[/COUNT FORMAT UNIT] ADDRESS",
    summary: "memory of the thread's space: formats x d u i s, units b h w (1, 2, 4 bytes)",
    group: "Looking",
    run: examine,
  },
  {
    kind: "query",
    names: ["print", "p"],
    usage: "print EXPRESSION",
    summary: "value of an expression: registers, symbols, [address], C's operators",
    group: "Looking",
    run: print,
  },
  {
    kind: "query",
    names: ["disas", "d", "u"],
    usage: "disas [PLACE] [COUNT]",
    summary: "instructions, with symbols and source lines",
    group: "Looking",
    run: disassemble,
  },
  {
    kind: "query",
    names: ["bt", "backtrace"],
    usage: "bt",
    summary: "the thread's stack of calls, by call frame information or frame pointers",
    group: "Looking",
    run: stack,
  },
  {
    kind: "query",
    names: ["where", "w"],
    usage: "where",
    summary: "cycle, instruction, and what the thread is at",
    group: "Looking",
    run: whereabouts,
  },
  {
    kind: "query",
    names: ["symbols"],
    usage: "symbols [TEXT]",
    summary: "functions and objects of the thread's program whose names contain the text",
    group: "Looking",
    run: symbols,
  },
  {
    kind: "query",
    names: ["set"],
    usage: "set REGISTER = VALUE | set [ADDRESS] = VALUE",
    summary: "changes a register or memory (byte[…], half[…] for less than a word)",
    group: "Looking",
    run: set,
  },
];
