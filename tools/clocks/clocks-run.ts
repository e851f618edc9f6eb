/**
 * Runs a piece of code on the emulated Pentium, iteration after iteration, and keeps what the pipeline model says about
 * every instruction.
 *
 * Two ways to repeat. Straight code is *unrolled*: copies stand one behind the other, so that the end of one overlaps with the beginning of
 * the next as in a long program; a second pass over the same copies finds them in the cache. Anything with a control transfer *runs* from its
 * entry to its end (a function: to its return) again and again at the same place, registers set anew each time.
 *
 * The first iteration is cold: empty caches, nothing predicted. Before the second one, every line that the code stored to is brought into the
 * data cache, as it would be in a program that also reads its data (the P5 does not allocate on a store).
 */
import {
  createMachine,
  enterFlatProtectedMode,
  initialiseX87,
  type Machine,
  Word,
  writeControlRegister,
} from "../../emulator/index.ts";
import type { P5Configuration } from "../../emulator/timing/configuration.ts";
import { CAUSE_NAMES, Cause } from "../../emulator/timing/cycle-causes.ts";
import type { P5Timing } from "../../emulator/timing/p5-timing.ts";
import { InputError } from "../input-error.ts";
import type { ClocksProgram } from "./clocks-program.ts";

export interface ClocksSetup {
  /** General registers by number 0-7; the others have the defaults of `defaultRegisters`. */
  readonly registers: ReadonlyMap<number, number>;
  readonly pokes: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  /** Arguments of a function, first one first. */
  readonly parameters: readonly number[];
  /** 4 KiB pages and TLBs, linear = physical. */
  readonly paging: boolean;
  readonly p5: Partial<P5Configuration>;
}

/** One executed instruction. Clocks are relative to the iteration's beginning. */
export interface ExecutedInstruction {
  readonly address: number;
  readonly issue: number;
  /** Clock at which it is over, waits included. */
  readonly end: number;
  readonly pipe: "U" | "V";
  /** Clocks by Cause; Cause.Issue is 0. */
  readonly waits: readonly number[];
}

export interface Iteration {
  readonly clocks: number;
  readonly instructions: readonly ExecutedInstruction[];
}

/** Instructions that one iteration may execute. */
const INSTRUCTION_LIMIT = 2_000_000;
const COPIES_BYTES = 4096;
const PAGE_TABLE_BYTES = 0x11_0000;

interface Layout {
  readonly data: number;
  readonly stack: number;
  readonly returnAddress: number;
  readonly memoryBytes: number;
}

/** Where ESI, EDI, EBX, EBP and ESP point: different sets of the data cache, different banks. */
function defaultRegisters(layout: { data: number; stack: number }): number[] {
  const { data, stack } = layout;
  return [0, 1000, 0, data + 0x2848, stack, data + 0x3c6c, data, data + 0x1424];
}

export class ClocksRun {
  readonly machine: Machine;
  /** Copies of straight code; 1 when the code runs as it is. */
  readonly copies: number;
  private readonly program: ClocksProgram;
  private readonly setup: ClocksSetup;
  private readonly layout: Layout;
  private readonly timing: P5Timing;
  private executed: ExecutedInstruction[] = [];
  private start = 0;
  private causes = new Float64Array(Cause.Count);
  private readonly touched = new Set<number>();

  /** @param copies how many copies of straight code are wanted; as many as fit a page are made */
  constructor(program: ClocksProgram, setup: ClocksSetup, copies: number) {
    this.program = program;
    this.setup = setup;
    this.copies = Math.max(1, Math.min(copies, Math.floor(COPIES_BYTES / program.codeBytes)));
    this.layout = layoutOf(program);
    this.machine = createMachine({ memoryBytes: this.layout.memoryBytes, timing: "p5", p5: setup.p5 });
    const { timing } = this.machine;
    if (timing === undefined) throw new Error("the machine has no P5 model");
    this.timing = timing;
    this.load();
    timing.listen({ instruction: (address, issue, pipe) => this.note(address, issue, pipe) });
    const end = this.endAddress;
    this.machine.observe({
      beforeInstruction: (linear) => {
        if (linear === end) this.machine.stop("end");
      },
      memoryWrite: (_linear, physical) => this.touched.add(physical & ~31),
      memoryRead: (_linear, physical) => this.touched.add(physical & ~31),
    });
  }

  private get endAddress(): number {
    if (this.program.isFunction) return this.layout.returnAddress;
    return this.program.entry + this.copies * this.program.codeBytes;
  }

  /** The code from its entry to its end, once: all copies of straight code. */
  pass(): Iteration {
    const { machine, layout, program } = this;
    const { cpu } = machine;
    const registers = defaultRegisters(layout);
    for (const [number, value] of this.setup.registers) registers[number] = value;
    if (program.isFunction) {
      const words = [layout.returnAddress, ...this.setup.parameters];
      const stack = (registers[4] as number) - 4 * words.length;
      words.forEach((value, i) => {
        machine.memory.write32(stack + 4 * i, value);
      });
      registers[4] = stack;
    }
    registers.forEach((value, number) => {
      cpu.setRegister(number, value);
    });
    cpu.eip = program.entry;
    initialiseX87(cpu);
    cpu.words[Word.Halted] = 0;
    this.timing.redirected();
    this.executed = [];
    this.start = machine.cycles;
    this.causes = Float64Array.from(this.timing.pipeline.causes);
    const reason = machine.run({ instructions: machine.instructions + INSTRUCTION_LIMIT });
    if (reason.kind !== "stopped") throw this.wrongEnd(reason.kind);
    return { clocks: machine.cycles - this.start, instructions: this.executed };
  }

  /** Brings every line that was accessed so far into the data cache. */
  preload(): void {
    for (const physical of this.touched) this.timing.data.read(this.machine.cycles, physical, 0);
    this.machine.charge(100);
  }

  private note(address: number, issue: number, pipe: number): void {
    const { causes } = this.timing.pipeline;
    const waits = Array.from(causes, (value, cause) => value - (this.causes[cause] as number));
    this.causes = Float64Array.from(causes);
    this.executed.push({
      address,
      issue: issue - this.start,
      end: this.machine.cycles - this.start,
      pipe: pipe === 0 ? "U" : "V",
      waits,
    });
    if (pipe === 1) this.giveToFirst();
  }

  /**
   * A pair's clocks, and what it waited before execution, were told with its second member; they are the group's, so its first member's. The second
   * one keeps what it waited itself.
   */
  private giveToFirst(): void {
    const second = this.executed.at(-1);
    const first = this.executed.at(-2);
    if (second === undefined || first === undefined) return;
    const waits = [...first.waits];
    const left = [...second.waits];
    for (const cause of [Cause.Interlock, Cause.Prefix, Cause.BankConflict]) {
      waits[cause] = (waits[cause] as number) + (left[cause] as number);
      left[cause] = 0;
    }
    const own = Math.max(
      0,
      left.reduce((sum, clocks) => sum + clocks, 0),
    );
    this.executed.splice(
      -2,
      2,
      { ...first, waits, issue: second.issue, end: second.end - own },
      { ...second, waits: left },
    );
  }

  private load(): void {
    const { machine, program, setup, layout } = this;
    for (const { address, bytes } of program.pieces) machine.memory.writeBytes(address, bytes);
    if (!program.isFunction) {
      const [piece] = program.pieces;
      for (let copy = 1; copy < this.copies; copy++) {
        machine.memory.writeBytes(program.entry + copy * program.codeBytes, piece?.bytes ?? new Uint8Array(0));
      }
    }
    machine.memory.write8(this.endAddress, 0xf4);
    for (const { address, bytes } of setup.pokes) machine.memory.writeBytes(address, bytes);
    enterFlatProtectedMode(machine.cpu, program.entry, layout.stack);
    if (setup.paging) this.enablePaging();
    machine.cpu.stateReplaced();
  }

  /** Identity mapping of all memory by 4 KiB pages, with accessed and dirty bits set. */
  private enablePaging(): void {
    const { memory, cpu } = this.machine;
    const directory = memory.byteLength - PAGE_TABLE_BYTES;
    for (let page = 0; page < memory.byteLength >>> 12; page++) {
      memory.write32(directory + 4096 + 4 * page, (page << 12) | 0x67);
      if ((page & 1023) === 0) memory.write32(directory + 4 * (page >>> 10), (directory + 4096 + 4 * page) | 0x67);
    }
    cpu.words[Word.Cr3] = directory;
    writeControlRegister(cpu, 0, 0x8000_0011 | 0);
  }

  private wrongEnd(kind: string): InputError {
    const at = `0x${this.machine.cpu.eip.toString(16)}`;
    const file = this.program.name;
    if (kind === "instructions") {
      return new InputError({
        file,
        problem: `it did not end within ${INSTRUCTION_LIMIT} instructions (EIP is ${at})`,
        mend: "set a loop's counter with --set, for example --set ecx=1000",
      });
    }
    const what =
      kind === "halted" ? "it executed HLT" : kind === "shutdown" ? "an instruction faulted" : `it ended with ${kind}`;
    const mend = "give it the registers and memory it needs with --set, --poke and --arguments";
    return new InputError({ file, problem: `${what} at ${at}`, mend });
  }
}

/** Waits by the names of their causes, without those that are 0. */
export function namedWaits(waits: readonly number[]): Record<string, number> {
  const named: Record<string, number> = {};
  waits.forEach((clocks, cause) => {
    if (clocks !== 0) named[CAUSE_NAMES[cause] as string] = clocks;
  });
  return named;
}

function layoutOf(program: ClocksProgram): Layout {
  const end = Math.max(...program.pieces.map(({ address, bytes }) => address + bytes.length)) + COPIES_BYTES;
  const data = Math.max(0x10_0000, Math.ceil(end / 0x1_0000) * 0x1_0000);
  const memoryBytes = data + 0x10_0000 + PAGE_TABLE_BYTES;
  if (memoryBytes > 1 << 30) {
    const problem = `it lies at 0x${Math.min(...program.pieces.map(({ address }) => address)).toString(16)}, beyond 1 GiB`;
    throw new InputError({ file: program.name, problem, mend: "link it at a lower address" });
  }
  return { data, stack: data + 0x8900, returnAddress: data + 0xf000, memoryBytes };
}
