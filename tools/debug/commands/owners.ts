/** Commands that say whose a word is: memory, registers, what the processor keeps to itself, devices. */
import { deviceFields, STATE_WORDS, type StatePart, stateName } from "../../../emulator/index.ts";
import type { KernelStructure } from "../../../kernel/index.ts";
import { hex } from "../../report/format.ts";
import type { GuestView } from "../guest-view.ts";
import { CommandError, type CommandSession } from "../session.ts";
import type { QueryCommand } from "./command.ts";

/** `owner 0x00f05000`, `owner physical:…`, and by name: `owner CR3`, `owner EAX`. */
function owner(session: CommandSession, words: string): string {
  const { view } = session;
  if (words === "") throw new CommandError("owner needs a physical address or the name of a register");
  const register = stateWords(view).find(({ name }) => name.toLowerCase() === words.toLowerCase());
  if (register !== undefined) return `${register.name} ${hex(register.value)}: ${stateOwner(view, register)}`;
  const physical = session.evaluate(words.replace(/^physical:/, ""));
  if (!view.machine.memory.isRam(physical)) throw new CommandError(`${hex(physical)} is outside RAM`);
  const { name, kind, field, virtual, spaces = [] } = view.kernel.owner(physical);
  const where = virtual === undefined ? "" : ` at ${hex(virtual)}`;
  const shared = spaces.length > 1 ? `; mapped in spaces ${spaces.join(", ")}` : "";
  return `physical ${hex(physical)}: ${kind}, ${name}${field === undefined ? "" : `, field ${field}`}${where}${shared}`;
}

interface StateWord {
  readonly part: StatePart;
  readonly name: string;
  readonly value: number;
}

function stateWords(view: GuestView): StateWord[] {
  const { words } = view.machine.cpu;
  return Array.from({ length: STATE_WORDS }, (_, word) => ({ ...stateName(word), value: (words[word] ?? 0) >>> 0 }));
}

/** The registers that a program computes with are the running thread's; the rest is the processor's. */
function stateOwner(view: GuestView, { part }: StateWord): string {
  if (part !== "general registers" && part !== "EFLAGS") return `the processor's ${part}`;
  const thread = view.userThread();
  const name = view.threads().find(({ id }) => id === thread)?.name;
  return name === undefined ? `the kernel's (${part} of the CPU)` : `${name}'s (${part} of the CPU)`;
}

/** Every part of the machine's state by name: kernel structures, the processor, devices. */
function structures(session: CommandSession, words: string): string {
  const { view } = session;
  const wanted = words.toLowerCase();
  const matches = (name: string): boolean => name.toLowerCase().includes(wanted);
  const found = view.kernel.structures().filter((structure) => matches(structureLine(view, structure)));
  const [only, another] = found;
  const isFree = ({ kind, thread }: KernelStructure): boolean =>
    kind === "free" || (kind === "utcb" && thread === undefined);
  const lines = found.filter((structure) => !isFree(structure)).map((structure) => structureLine(view, structure));
  const free = found.filter(isFree);
  if (lines.length === 0 && free.length <= 16) lines.push(...free.map((structure) => structureLine(view, structure)));
  else if (free.length > 0)
    lines.push(`${"".padEnd(23)}${free.length} free pages of the kernel's pool and unused UTCBs`);
  if (only !== undefined && another === undefined) lines.push(...fieldLines(only));
  lines.push(...partLines(view, matches, wanted), ...deviceLines(view, matches, wanted));
  if (lines.length === 0) throw new CommandError(`nothing is called "${words}"; "structures" lists everything`);
  return lines.join("\n");
}

function structureLine(view: GuestView, { kind, name, start, bytes, count, space, thread }: KernelStructure): string {
  const size = count === 1 ? `${bytes} bytes` : `${count} of ${bytes} bytes`;
  const program = view
    .threads()
    .find(({ description }) =>
      thread === undefined ? description?.space === space : description?.globalId === thread,
    );
  const whose = space === undefined || program === undefined ? "" : ` (${program.name})`;
  return `${hex(start)}  ${kind.padEnd(10)} ${size.padEnd(20)} ${name}${whose}`;
}

function fieldLines({ fields }: KernelStructure): string[] {
  return fields.map(
    ({ name, offset, bytes }) => `  +${String(offset).padEnd(5)} ${`${bytes} bytes`.padEnd(12)} ${name}`,
  );
}

/** Parts of the processor; the words of a part that is asked for by its whole name, the zeros of a large one left out. */
function partLines(view: GuestView, matches: (name: string) => boolean, wanted: string): string[] {
  const parts = new Map<StatePart, StateWord[]>();
  for (const word of stateWords(view)) {
    const list = parts.get(word.part);
    if (list === undefined) parts.set(word.part, [word]);
    else list.push(word);
  }
  return [...parts]
    .filter(([part]) => matches(part))
    .flatMap(([part, words]) => {
      const line = `CPU state   processor  ${`${words.length} words`.padEnd(20)} ${part}`;
      if (part.toLowerCase() !== wanted) return [line];
      const shown = words.length > MOST_WORDS ? words.filter(({ value }) => value !== 0) : words;
      return [line, ...shown.map(({ name, value }) => `  ${hex(value)}  ${name}`)];
    });
}

const MOST_WORDS = 80;

function deviceLines(view: GuestView, matches: (name: string) => boolean, wanted: string): string[] {
  return view.machine.devices
    .filter(({ name }) => matches(name))
    .flatMap((device) => {
      const fields = deviceFields(device).filter(({ name }) => name !== "version");
      const line = `device      device     ${`${fields.length} numbers`.padEnd(20)} ${device.name}`;
      if (device.name.toLowerCase() !== wanted) return [line];
      return [line, ...fields.map(({ name, value }) => `  ${name} = ${value}`)];
    });
}

export const OWNERS: readonly QueryCommand[] = [
  {
    kind: "query",
    names: ["owner"],
    usage: "owner PHYSICAL-ADDRESS | owner REGISTER",
    summary: "whose word of RAM or of the processor it is",
    group: "Looking",
    run: owner,
  },
  {
    kind: "query",
    names: ["structures"],
    usage: "structures [TEXT]",
    summary: "every kernel structure, part of the processor and device by name; fields when only one matches",
    group: "Looking",
    run: structures,
  },
];
