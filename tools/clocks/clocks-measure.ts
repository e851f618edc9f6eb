/** Cold, warm and steady state of a piece of code, and the table of one iteration. */
import { Cause } from "../../emulator/timing/cycle-causes.ts";
import type { Disassembler } from "../symbols/disassembler.ts";
import type { ClocksProgram } from "./clocks-program.ts";
import { ClocksRun, type ClocksSetup, type ExecutedInstruction, type Iteration, namedWaits } from "./clocks-run.ts";

export interface ClocksOptions {
  /** Iterations in the steady state. */
  readonly iterations: number;
  /** Iterations before the one that the table shows; undefined: a steady one. */
  readonly warm?: number | undefined;
  /** Copies behind each other; undefined: if there is no control transfer in the code. */
  readonly unroll?: boolean | undefined;
  readonly preload: boolean;
}

export interface ClocksTotals {
  /** Of one iteration. */
  readonly clocks: number;
  readonly instructions: number;
  readonly clocksPerInstruction: number;
  /** Share of the instructions that went through the V pipe. */
  readonly inV: number;
  readonly waits: Readonly<Record<string, number>>;
}

export interface ClocksRow {
  readonly address: number;
  readonly bytes: string;
  readonly text: string;
  /** Times it was executed in the iteration; issue clock and pipe are those of the first time. */
  readonly executions: number;
  readonly issue: number;
  readonly pipe: "U" | "V";
  /** Clocks that passed between the end of the instruction before and its own. */
  readonly clocks: number;
  readonly waits: Readonly<Record<string, number>>;
  readonly function?: string;
  readonly file?: string;
  readonly line?: number;
}

export interface ClocksReport {
  readonly program: string;
  /** unrolled: copies behind each other; run: from entry to end again and again. */
  readonly mode: "unrolled" | "run";
  readonly iterations: number;
  /** Iterations before the one in `rows`. */
  readonly shown: number;
  readonly cold: ClocksTotals;
  readonly warm: ClocksTotals;
  readonly steady: ClocksTotals;
  readonly rows: readonly ClocksRow[];
}

/** Iterations at the beginning of a pass that do not count as steady. */
const SETTLING = 8;

export function measureClocks(
  program: ClocksProgram,
  setup: ClocksSetup,
  options: ClocksOptions,
  disassembler: Disassembler,
): ClocksReport {
  const code = codeOf(program);
  const transfers = disassembler.list(code, program.entry).some(({ mnemonic }) => TRANSFER.test(mnemonic));
  const unrolled = options.unroll ?? (!program.isFunction && !transfers);
  const wanted = unrolled ? options.iterations + SETTLING : 1;
  const run = new ClocksRun(program, setup, wanted);
  const iterations = unrolled ? unrolledIterations(run, program, options) : repeatedIterations(run, options);
  const { cold, warm, steady } = iterations;
  const shown = options.warm === 0 ? cold : options.warm === 1 ? warm : (steady.at(-1) ?? warm);
  return {
    program: program.name,
    mode: unrolled ? "unrolled" : "run",
    iterations: steady.length,
    shown: shown === cold ? 0 : shown === warm ? 1 : iterations.before,
    cold: totals([cold]),
    warm: totals([warm]),
    steady: totals(steady),
    rows: rowsOf(shown.instructions, program, run, disassembler),
  };
}

/** Jumps, calls, returns, loops, interrupts and HLT. */
const TRANSFER = /^(?:j|call|ret|loop|int|iret|lcall|ljmp|hlt)/;

function codeOf(program: ClocksProgram): Uint8Array {
  const piece = program.pieces.find(
    ({ address, bytes }) => program.entry >= address && program.entry < address + bytes.length,
  );
  const offset = program.entry - (piece?.address ?? 0);
  return piece?.bytes.subarray(offset, offset + program.codeBytes) ?? new Uint8Array(0);
}

interface Iterations {
  readonly cold: Iteration;
  readonly warm: Iteration;
  readonly steady: readonly Iteration[];
  /** Iterations before the last steady one. */
  readonly before: number;
}

function repeatedIterations(run: ClocksRun, { iterations, warm, preload }: ClocksOptions): Iterations {
  const passes = [run.pass()];
  if (preload) run.preload();
  const count = Math.max(2, warm !== undefined ? warm + 1 : Math.min(iterations, SETTLING) + iterations);
  let executed = passes[0]?.instructions.length ?? 0;
  while (passes.length < count && executed < MOST_EXECUTED) {
    const pass = run.pass();
    executed += pass.instructions.length;
    passes.push(pass);
  }
  const [cold, second] = passes as [Iteration, Iteration | undefined];
  const steady = passes.slice(Math.min(passes.length - 1, Math.max(1, passes.length - iterations)));
  return { cold, warm: second ?? cold, steady, before: passes.length - 1 };
}

/** Instructions of all iterations together, beyond which no further iteration is begun. */
const MOST_EXECUTED = 3_000_000;

function unrolledIterations(run: ClocksRun, program: ClocksProgram, { preload }: ClocksOptions): Iterations {
  const [cold] = split(run.pass(), program, run.copies);
  if (preload) run.preload();
  const [warm] = split(run.pass(), program, run.copies);
  const third = split(run.pass(), program, run.copies);
  const settled = Math.min(SETTLING, run.copies - 1);
  return {
    cold: cold as Iteration,
    warm: warm as Iteration,
    steady: third.slice(settled),
    before: 3 * run.copies - 1,
  };
}

/** One pass over copies, cut into copies. */
function split(pass: Iteration, program: ClocksProgram, copies: number): Iteration[] {
  const parts: ExecutedInstruction[][] = Array.from({ length: copies }, () => []);
  for (const instruction of pass.instructions) {
    parts[Math.floor((instruction.address - program.entry) / program.codeBytes)]?.push(instruction);
  }
  let begin = 0;
  return parts.map((instructions) => {
    const end = instructions.at(-1)?.end ?? begin;
    const iteration: Iteration = {
      clocks: end - begin,
      instructions: instructions.map((instruction) => ({
        ...instruction,
        issue: instruction.issue - begin,
        end: instruction.end - begin,
      })),
    };
    begin = end;
    return iteration;
  });
}

function totals(iterations: readonly Iteration[]): ClocksTotals {
  const count = Math.max(1, iterations.length);
  const waits = new Array<number>(Cause.Count).fill(0);
  let clocks = 0;
  let instructions = 0;
  let inV = 0;
  for (const iteration of iterations) {
    clocks += iteration.clocks;
    instructions += iteration.instructions.length;
    for (const instruction of iteration.instructions) {
      if (instruction.pipe === "V") inV++;
      instruction.waits.forEach((wait, cause) => {
        waits[cause] = (waits[cause] as number) + wait;
      });
    }
  }
  return {
    clocks: clocks / count,
    instructions: instructions / count,
    clocksPerInstruction: instructions === 0 ? 0 : clocks / instructions,
    inV: instructions === 0 ? 0 : inV / instructions,
    waits: namedWaits(waits.map((wait) => wait / count)),
  };
}

interface Sum {
  first: ExecutedInstruction;
  executions: number;
  clocks: number;
  waits: number[];
}

/** One row for each address, in the order of the first execution. */
function rowsOf(
  instructions: readonly ExecutedInstruction[],
  program: ClocksProgram,
  run: ClocksRun,
  disassembler: Disassembler,
): ClocksRow[] {
  const sums = new Map<number, Sum>();
  let before = 0;
  for (const instruction of instructions) {
    const clocks = instruction.end - before;
    before = instruction.end;
    const sum = sums.get(instruction.address);
    if (sum === undefined) {
      sums.set(instruction.address, { first: instruction, executions: 1, clocks, waits: [...instruction.waits] });
    } else {
      sum.executions++;
      sum.clocks += clocks;
      instruction.waits.forEach((wait, cause) => {
        sum.waits[cause] = (sum.waits[cause] as number) + wait;
      });
    }
  }
  const repeated = instructions.length > sums.size;
  const ordered = [...sums.values()];
  if (repeated) ordered.sort((a, b) => a.first.address - b.first.address);
  return ordered.map(({ first, executions, clocks, waits }) => {
    const bytes = run.machine.memory.readBytes(first.address, 15);
    const decoded = disassembler.one(bytes, first.address);
    const source = program.lines.find(first.address);
    const symbol = program.symbols.find(({ value, size }) => first.address >= value && first.address < value + size);
    return {
      address: first.address,
      bytes: Buffer.from(bytes.subarray(0, decoded?.size ?? 1)).toString("hex"),
      text: decoded === undefined ? "(bad)" : annotate(`${decoded.mnemonic} ${decoded.operands}`.trim(), program),
      executions,
      issue: first.issue,
      pipe: first.pipe,
      clocks,
      waits: namedWaits(waits),
      ...(symbol === undefined ? {} : { function: symbol.name }),
      ...(source === undefined ? {} : { file: source.file, line: source.line }),
    };
  });
}

/** A transfer's target with the name of the function there. */
function annotate(text: string, program: ClocksProgram): string {
  const target = /^(?:call|j\w+|loop\w*) 0x([0-9a-f]+)$/.exec(text);
  if (target === null) return text;
  const address = Number.parseInt(target[1] as string, 16);
  const symbol = program.symbols.find(({ value, size }) => address >= value && address < value + Math.max(1, size));
  if (symbol === undefined) return text;
  const offset = address - symbol.value;
  return `${text} <${symbol.name}${offset === 0 ? "" : `+0x${offset.toString(16)}`}>`;
}
