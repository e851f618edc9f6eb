/** `debug --compare`: runs the comparison and says in words where two threads part. */
import { grouped, hex } from "../report/format.ts";
import type { Disassembler } from "../symbols/disassembler.ts";
import {
  type ComparedSide,
  type CompareOptions,
  findPartingInstruction,
  findPartingMessage,
  type PartingInstruction,
  type PartingMessage,
} from "./compare.ts";
import { instructionLine } from "./listing.ts";
import { describeInjection } from "./messages.ts";
import { CommandSession } from "./session.ts";

const REGISTERS = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"];
const SHOWN_WORDS = 8;

export interface Comparison {
  readonly sides: readonly [ComparedSide, ComparedSide];
  readonly parted: boolean;
  readonly text: string;
}

function isOneProgram([one, other]: readonly [ComparedSide, ComparedSide]): boolean {
  const programs = [one, other].map(({ debuggee, thread }) =>
    debuggee.plan.components.find(({ threadNumber }) => threadNumber === thread),
  );
  return programs[0]?.elf.entry === programs[1]?.elf.entry && sameCode(programs[0]?.elf, programs[1]?.elf);
}

function sameCode(one: { segments: readonly { data: Uint8Array }[] } | undefined, other: typeof one): boolean {
  if (one === undefined || other === undefined || one.segments.length !== other.segments.length) return false;
  return one.segments.every(
    ({ data }, index) => Buffer.compare(data, other.segments[index]?.data ?? new Uint8Array(0)) === 0,
  );
}

/** Two threads of one run. Both sides' debuggees must stand at the start of the same run. */
export async function compareReplicas(
  sides: readonly [ComparedSide, ComparedSide],
  disassembler: Disassembler,
  options: Omit<CompareOptions, "registers">,
): Promise<Comparison> {
  const one = isOneProgram(sides);
  const lines = [
    `${sides[0].name} | ${sides[1].name}, ${one ? "one program" : "two programs: compared by their messages"}`,
  ];
  const starts = sides.map(({ debuggee }) => debuggee.timeline.position.instructions);
  const { parting, last } = await findPartingMessage(sides, { ...options, registers: false });
  if (parting === undefined) return { sides, parted: false, text: [...lines, "every message was the same"].join("\n") };
  if (one) {
    for (const [index, { debuggee }] of sides.entries()) {
      debuggee.timeline.seekInstructions(last[index]?.instructions ?? starts[index] ?? 0);
    }
    const until: [number, number] = [endOf(sides[0], parting, 0), endOf(sides[1], parting, 1)];
    const instruction = await findPartingInstruction(sides, until, { ...options, registers: false });
    if (instruction !== undefined) {
      const since = `${grouped(instruction.same)} equal instructions after message ${parting.same}`;
      lines.push(...describeInstruction(sides, instruction, disassembler, since));
    }
  }
  lines.push(...describeFaults(sides), ...describeMessage(sides, parting));
  return { sides, parted: true, text: lines.join("\n") };
}

/** One thread of a run without faults (the first side) and with them; compared from where the first fault struck. */
export async function compareWithGolden(
  sides: readonly [ComparedSide, ComparedSide],
  disassembler: Disassembler,
  options: Omit<CompareOptions, "registers">,
): Promise<Comparison> {
  const [golden, faulty] = sides;
  const lines = [`${golden.name} | ${faulty.name}`];
  const struck = await runToFirstFault(faulty, options);
  if (struck === undefined)
    return { sides, parted: false, text: [...lines, "no fault struck before the end"].join("\n") };
  lines.push(...describeFaults(sides));
  golden.debuggee.timeline.seekInstructions(0);
  golden.debuggee.timeline.advance({ instructions: struck.instructions });
  golden.debuggee.timeline.advance({ cycle: struck.cycle });
  const instruction = await findPartingInstruction(sides, [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], {
    ...options,
    registers: true,
  });
  if (instruction === undefined)
    lines.push(`${faulty.name} never did anything else than ${golden.name}: the fault is masked`);
  else
    lines.push(
      ...describeInstruction(
        sides,
        instruction,
        disassembler,
        `${grouped(instruction.same)} instructions after the fault`,
      ),
    );
  for (const { debuggee } of sides) {
    debuggee.timeline.seekInstructions(struck.instructions);
    debuggee.timeline.advance({ cycle: struck.cycle });
  }
  const { parting } = await findPartingMessage(sides, { ...options, registers: true });
  if (parting === undefined) lines.push("every message from then on was the same");
  else lines.push(...describeMessage(sides, parting));
  return { sides, parted: instruction !== undefined || parting !== undefined, text: lines.join("\n") };
}

async function runToFirstFault(
  { debuggee }: ComparedSide,
  options: Omit<CompareOptions, "registers">,
): Promise<{ instructions: number; cycle: number } | undefined> {
  const { control, faults, timeline } = debuggee;
  let struck: { instructions: number; cycle: number } | undefined;
  faults.onStrike = () => {
    struck ??= timeline.position;
  };
  while (struck === undefined && options.shouldStop?.() !== true) {
    const untilCycle = timeline.position.cycle + 100_000;
    control.resume({ direction: "forward", mode: "continue", thread: 1, untilCycle });
    let report = control.slice();
    while (report === undefined) {
      await options.breathe?.();
      report = control.slice();
    }
    if (report.cause.kind === "history-end") break;
  }
  faults.onStrike = () => undefined;
  if (struck !== undefined) timeline.seek({ ...struck, edits: 1 });
  return struck;
}

function endOf({ debuggee }: ComparedSide, { messages }: PartingMessage, index: 0 | 1): number {
  return messages[index]?.instructions ?? debuggee.timeline.horizon.instructions;
}

function describeFaults(sides: readonly [ComparedSide, ComparedSide]): string[] {
  const reports = sides.flatMap(({ debuggee }) => debuggee.faults.list().flatMap(({ report }) => report ?? []));
  return [...new Set(reports.map((report) => describeInjection(report)))];
}

/** Both sides stand before the instruction: shows it, then what it did to registers on each side. */
function describeInstruction(
  sides: readonly [ComparedSide, ComparedSide],
  { differs }: PartingInstruction,
  disassembler: Disassembler,
  since: string,
): string[] {
  const lines = [`they part ${since}; different before or by this instruction: ${differs.join(", ")}`];
  for (const { debuggee, thread, name } of sides) {
    const session = new CommandSession(debuggee, disassembler);
    session.thread = thread;
    const { view, timeline } = debuggee;
    const { process } = session.chosen;
    lines.push(
      `${name}, cycle ${grouped(timeline.position.cycle)}, instruction ${grouped(session.chosen.description?.userInstructions ?? 0)} of its own`,
    );
    lines.push(instructionLine(session, process, view.register(thread, "eip") ?? 0, true).text);
    const values = (): Map<string, number> =>
      new Map(REGISTERS.map((register) => [register, view.register(thread, register) ?? 0]));
    const before = values();
    const here = timeline.position;
    const writes = executeOne(debuggee, thread);
    const after = values();
    const changes = REGISTERS.filter((register) => register !== "eip" && before.get(register) !== after.get(register));
    const shown = changes.map(
      (register) => `${register} ${hex(before.get(register) ?? 0)} -> ${hex(after.get(register) ?? 0)}`,
    );
    if (shown.length + writes.length > 0) lines.push(`     ${[...shown, ...writes].join(", ")}`);
    timeline.seek(here);
  }
  return lines;
}

/** Steps the thread once; what it wrote to memory. */
function executeOne({ control, view }: ComparedSide["debuggee"], thread: number): string[] {
  const writes: string[] = [];
  const process = view.thread(thread)?.process ?? 0;
  const detach = view.machine.observe({
    memoryWrite: (linear, _physical, bytes, value) => {
      if (view.userThread() !== thread) return;
      const symbol = view.symbolAt(process, linear);
      writes.push(`[${hex(linear)}${symbol === undefined ? "" : ` ${symbol}`}] = ${hex(value, 2 * bytes)}`);
    },
  });
  control.resume({ direction: "forward", mode: "step", thread });
  while (control.slice() === undefined);
  detach();
  return writes;
}

function describeMessage(sides: readonly [ComparedSide, ComparedSide], parting: PartingMessage): string[] {
  const { messages, words, same } = parting;
  const to = messages[0]?.to ?? messages[1]?.to ?? 0;
  const receiver = sides[0].debuggee.view.thread(to)?.name ?? `thread ${to}`;
  const lines = [
    `message ${same + 1} to ${receiver} carries it: ${words.length} of ${messages[0]?.words.length ?? 0} words differ`,
  ];
  messages.forEach((message, index) => {
    const name = (sides[index as 0 | 1] as ComparedSide).name;
    if (message === undefined) {
      lines.push(`  ${name}: sent no further message`);
      return;
    }
    const shown = words.slice(0, SHOWN_WORDS).map((word) => `MR${word} ${hex(message.words[word - 1] ?? 0)}`);
    const more = words.length > SHOWN_WORDS ? " …" : "";
    lines.push(
      `  ${name}, cycle ${grouped(message.cycle)}: label ${hex(message.label, 4)}, ${shown.join(", ")}${more}`,
    );
  });
  return lines;
}
