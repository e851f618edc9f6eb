/** What `quorum86 clocks` runs: bytes at addresses, where they begin and how they end. */
import {
  ElfError,
  type ElfFile,
  type ElfSymbol,
  findSymbol,
  loadSegments,
  parseProgram,
} from "../../emulator/loader/elf.ts";
import { InputError } from "../input-error.ts";
import { LineTable, readLineTable } from "../symbols/dwarf-line.ts";

export interface ClocksProgram {
  readonly name: string;
  readonly pieces: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly entry: number;
  /** Bytes from the entry on that are the code in question; its end is where straight code falls off. */
  readonly codeBytes: number;
  /** A function, called with the C convention; otherwise code that runs until it falls off its end. */
  readonly isFunction: boolean;
  readonly symbols: readonly ElfSymbol[];
  readonly lines: LineTable;
}

const RAW_ADDRESS = 0x1_0000;

/** Machine code as hexadecimal digits; spaces, commas and 0x are allowed between bytes. */
export function programFromHex(text: string, address = RAW_ADDRESS): ClocksProgram {
  const digits = text.replace(/0x|[\s,_:]/gi, "");
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) {
    const problem = digits === "" ? "there is no code" : "this is not a sequence of bytes in hexadecimal";
    throw new InputError({ file: "--hex", problem, mend: "write for example --hex f883c00189c1" });
  }
  return rawProgram("--hex", Buffer.from(digits, "hex"), address);
}

/** A file of raw code, or one function (or the entry) of an ELF program. */
export function programFromFile(
  file: string,
  bytes: Uint8Array,
  functionName?: string,
  address?: number,
): ClocksProgram {
  const isElf = bytes.length > 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!isElf) {
    if (functionName !== undefined) {
      throw new InputError({
        file,
        problem: "this is no ELF file, so it has no functions",
        mend: "leave out --function",
      });
    }
    if (bytes.length === 0) throw new InputError({ file, problem: "the file is empty", mend: "give machine code" });
    return rawProgram(file, bytes, address ?? RAW_ADDRESS);
  }
  if (address !== undefined) {
    throw new InputError({ file, problem: "an ELF program has its own addresses", mend: "leave out --address" });
  }
  const elf = parse(file, bytes);
  const symbols = elf.symbols.filter(({ kind, section }) => kind === "function" && section !== 0);
  const target = functionName === undefined ? undefined : functionSymbol(file, elf, symbols, functionName);
  const entry = target?.value ?? elf.entry;
  const segments = loadSegments(elf);
  const home = segments.find(
    ({ virtualAddress, memoryBytes }) => entry >= virtualAddress && entry < virtualAddress + memoryBytes,
  );
  if (home === undefined) {
    throw new InputError({ file, problem: "its code begins outside of its segments", mend: "link it again" });
  }
  const rest = home.virtualAddress + home.data.length - entry;
  const following = symbols.map(({ value }) => value).filter((value) => value > entry);
  const size =
    target !== undefined && target.size > 0 ? target.size : Math.min(rest, ...following.map((value) => value - entry));
  return {
    name: target === undefined ? file : `${target.name} of ${file}`,
    pieces: segments.map(({ virtualAddress, data, memoryBytes }) => ({
      address: virtualAddress,
      bytes: data.length === memoryBytes ? data : Buffer.concat([data], memoryBytes),
    })),
    entry,
    codeBytes: size,
    isFunction: true,
    symbols,
    lines: readLineTable(elf),
  };
}

function rawProgram(name: string, bytes: Uint8Array, address: number): ClocksProgram {
  return {
    name,
    pieces: [{ address, bytes }],
    entry: address,
    codeBytes: bytes.length,
    isFunction: false,
    symbols: [],
    lines: new LineTable([]),
  };
}

function parse(file: string, bytes: Uint8Array): ElfFile {
  try {
    return parseProgram(bytes);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new InputError({ file, key: error.place, problem: error.problem, mend: error.mend });
  }
}

function functionSymbol(file: string, elf: ElfFile, symbols: readonly ElfSymbol[], name: string): ElfSymbol {
  const found = symbols.find((symbol) => symbol.name === name) ?? findSymbol(elf, name);
  if (found !== undefined) return found;
  const known = symbols.map((symbol) => symbol.name).sort();
  const some = known.slice(0, 12).join(", ");
  const mend = known.length === 0 ? "link it with its symbols" : `it has ${some}${known.length > 12 ? ", …" : ""}`;
  throw new InputError({ file, key: `--function ${name}`, problem: "there is no such function", mend });
}
