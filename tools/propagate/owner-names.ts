/** Names of places for people: whose word it is, where in its space, and what the program calls it. */
import { type ElfFile, loadSegments, parseProgram, SegmentFlag } from "../../emulator/loader/elf.ts";
import type { Owner } from "../../kernel/index.ts";
import type { ScenarioRun } from "../run/scenario-run.ts";
import { type LineTable, readLineTable, type SourceLine } from "../symbols/dwarf-line.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import { type Place, registerOf, TRACKED_REGISTERS } from "./corruption.ts";

export interface PlaceName {
  readonly kind: "register" | Owner["kind"];
  /** The program whose word it is; undefined for the kernel's and for nobody's. */
  readonly component: string | undefined;
  /** `registers`, `code`, `data`, `stack`, `key schedule`, `UTCB`, or the kind of kernel structure. */
  readonly area: string;
  /** Component and area, or area: what time series count by. */
  readonly owner: string;
  /** `aes_state+4`, `eax`, `messageRegisters[3]`. */
  readonly symbol: string;
  /** Unsigned, for memory of a space. */
  readonly virtual: number | undefined;
  readonly physical: number | undefined;
  readonly space: number | undefined;
  /** Every space that has the word mapped. */
  readonly spaces: readonly number[];
}

interface ProgramNames {
  readonly name: string;
  readonly threadNumber: number;
  readonly symbols: SymbolTable;
  readonly lines: LineTable;
  readonly elf: ElfFile;
}

/** Thread numbers of the two servers that the kernel starts (ABI: UserBase and UserBase + 2). */
const SIGMA0_THREAD = 48;
const ROOT_THREAD = 50;
const PAGE = 4096;
/** Longest x86 instruction. */
const LONGEST_INSTRUCTION = 15;

export class OwnerNames {
  readonly #run: ScenarioRun;
  readonly #programs = new Map<number, ProgramNames>();

  constructor(run: ScenarioRun) {
    this.#run = run;
    const { plan } = run;
    const add = (name: string, threadNumber: number, elf: ElfFile): void => {
      const symbols = new SymbolTable(elf);
      this.#programs.set(threadNumber, { name, threadNumber, elf, symbols, lines: readLineTable(elf) });
    };
    add("sigma0", SIGMA0_THREAD, parseProgram(plan.sigma0));
    add("root", ROOT_THREAD, parseProgram(plan.root));
    for (const { name, threadNumber, elf } of plan.components) add(name, threadNumber, elf);
  }

  /** Name of the program that a thread runs. */
  componentOf(thread: number): string | undefined {
    return this.#program(thread)?.name;
  }

  /** Index of the space that a thread is in; -1 for none. */
  spaceOf(thread: number): number {
    return this.#run.kernel.thread(thread)?.space ?? -1;
  }

  /** The thread whose UTCB a word is in, or the first one of the program that it belongs to. */
  threadAt(physical: number): number | undefined {
    const { kind, thread, space } = this.#run.kernel.owner(physical);
    if (kind === "utcb" && thread !== undefined) return thread >>> 14;
    return kind === "user" ? this.#programOfSpace(space)?.threadNumber : undefined;
  }

  threadName(thread: number): string {
    return this.#programs.get(thread)?.name ?? (thread === 0 ? "kernel" : `thread ${thread}`);
  }

  /** `aes_process+12`, as the program of a thread calls an address; undefined when it does not. */
  symbolAt(thread: number, address: number): string | undefined {
    return this.#program(thread)?.symbols.format(address);
  }

  lineAt(thread: number, address: number): SourceLine | undefined {
    return this.#program(thread)?.lines.find(address);
  }

  /** Bytes of a program's code from an address on, as its ELF file has them. */
  codeAt(thread: number, address: number): Uint8Array | undefined {
    const program = this.#program(thread);
    if (program === undefined) return undefined;
    for (const { virtualAddress, data } of loadSegments(program.elf)) {
      const offset = address - virtualAddress;
      if (offset >= 0 && offset < data.length) return data.subarray(offset, offset + LONGEST_INSTRUCTION);
    }
    return undefined;
  }

  name(place: Place): PlaceName {
    const register = registerOf(place);
    if (register !== undefined) {
      const component = this.componentOf(register.thread) ?? this.threadName(register.thread);
      return named("register", component, "registers", TRACKED_REGISTERS[register.index]!);
    }
    const owner = this.#run.kernel.owner(place);
    const program = this.#programOfSpace(owner.space);
    const spaces = owner.spaces ?? (owner.space === undefined ? [] : [owner.space]);
    const places = { physical: place, virtual: owner.virtual, space: owner.space, spaces };
    const structure = `${owner.name} ${owner.field ?? ""}`.trim();
    switch (owner.kind) {
      case "user": {
        if (program === undefined) return named("user", undefined, owner.name, "", places);
        const virtual = owner.virtual ?? 0;
        const symbol = program.symbols.format(virtual) ?? `0x${virtual.toString(16)}`;
        return named("user", program.name, areaOf(program, virtual, symbol), symbol, places);
      }
      case "utcb":
        return named("utcb", program?.name ?? owner.name, "UTCB", owner.field ?? "", places);
      case "page-table":
        return named("page-table", program?.name, "page tables", structure, places);
      case "free":
        return named("free", undefined, "free memory", owner.name, places);
      default:
        return named("kernel", undefined, `kernel: ${owner.name.replace(/ \d+$/, "")}`, structure, places);
    }
  }

  /** The name of the first word of every page of RAM, in order. */
  pages(): PlaceName[] {
    const count = this.#run.machine.memory.byteLength / PAGE;
    return Array.from({ length: count }, (_, frame) => this.name(frame * PAGE));
  }

  /** The thread's own program, or that of the first thread of its space. */
  #program(thread: number): ProgramNames | undefined {
    return this.#programs.get(thread) ?? this.#programOfSpace(this.#run.kernel.thread(thread)?.space);
  }

  #programOfSpace(space: number | undefined): ProgramNames | undefined {
    if (space === undefined || space < 0) return undefined;
    for (const program of this.#programs.values())
      if (this.#run.kernel.thread(program.threadNumber)?.space === space) return program;
    return undefined;
  }
}

function named(
  kind: PlaceName["kind"],
  component: string | undefined,
  area: string,
  symbol: string,
  places: Partial<Pick<PlaceName, "physical" | "virtual" | "space" | "spaces">> = {},
): PlaceName {
  const { physical, virtual, space, spaces = [] } = places;
  const owner = component === undefined ? area : `${component} ${area}`;
  return { kind, component, area, owner, symbol, physical, virtual, space, spaces };
}

function areaOf({ elf, symbols }: ProgramNames, virtual: number, symbol: string): string {
  const bottom = symbols.find("stack_bottom")?.value ?? 0;
  const top = symbols.find("stack_top")?.value ?? 0;
  if (virtual >= bottom - (bottom % PAGE) && virtual < top) return "stack";
  if (/^aes_round_keys\b/.test(symbol)) return "key schedule";
  const segment = loadSegments(elf).find(
    ({ virtualAddress, memoryBytes }) => virtual >= virtualAddress && virtual < virtualAddress + memoryBytes,
  );
  return segment !== undefined && (segment.flags & SegmentFlag.Execute) !== 0 ? "code" : "data";
}
