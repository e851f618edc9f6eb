/**
 * Source lines of machine code, from the ELF section .debug_line (DWARF 2 to 5; DWARF 4 specification, section 6.2).
 *
 * Damaged tables are an ordinary case: what was read before the damage is kept, the rest is left out.
 * NOT IMPLEMENTED: 64-bit DWARF, VLIW operation indices (op_index).
 */
import type { ElfFile } from "../../emulator/loader/elf.ts";
import { ByteReader, OutOfData } from "./byte-reader.ts";

/** One row of the line table: code from `address` up to the next row's is from this line. */
export interface LineRow {
  readonly address: number;
  readonly file: string;
  /** From 1; 0 for code that belongs to no line. */
  readonly line: number;
  readonly isStatement: boolean;
}

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** A run of rows whose addresses ascend, ending before `end`. */
interface Sequence {
  readonly start: number;
  readonly end: number;
  readonly rows: readonly LineRow[];
}

/** Addresses to source lines and back. */
export class LineTable {
  private readonly sequences: readonly Sequence[];

  constructor(sequences: readonly Sequence[]) {
    this.sequences = [...sequences].sort((a, b) => a.start - b.start);
  }

  get isEmpty(): boolean {
    return this.sequences.length === 0;
  }

  /** All rows in ascending order of address. */
  rows(): LineRow[] {
    return this.sequences.flatMap(({ rows }) => rows);
  }

  /** The line that the instruction at `address` is from. */
  find(address: number): SourceLine | undefined {
    const sequence = this.sequences.find(({ start, end }) => address >= start && address < end);
    if (sequence === undefined) return undefined;
    let found: LineRow | undefined;
    for (const row of sequence.rows) {
      if (row.address > address) break;
      found = row;
    }
    return found === undefined || found.line === 0 ? undefined : { file: found.file, line: found.line };
  }

  /** Addresses of the statements that begin the given line of a file (path, or its last part), ascending. */
  addressesOf(file: string, line: number): number[] {
    const matches = (path: string) => path === file || path.endsWith(`/${file}`);
    const addresses = new Set<number>();
    for (const { rows } of this.sequences) {
      rows.forEach((row, index) => {
        const before = rows[index - 1];
        const begins = before === undefined || before.line !== row.line || before.file !== row.file;
        if (row.line === line && row.isStatement && begins && matches(row.file)) addresses.add(row.address);
      });
    }
    return [...addresses].sort((a, b) => a - b);
  }
}

/** Reads all line tables of a program; an ELF file without them gives an empty table. */
export function readLineTable(elf: ElfFile): LineTable {
  const section = (name: string) => elf.sections.find((candidate) => candidate.name === name)?.data;
  const lines = section(".debug_line");
  const sequences: Sequence[] = [];
  if (lines === undefined) return new LineTable(sequences);
  const strings: StringSections = {
    ".debug_line_str": section(".debug_line_str"),
    ".debug_str": section(".debug_str"),
  };
  let offset = 0;
  try {
    while (offset < lines.length) {
      const header = new ByteReader(lines, offset);
      const length = header.u32();
      // 0xfffffff0 and above announce 64-bit DWARF.
      if (length >= 0xfffffff0) break;
      const end = header.offset + length;
      readProgram(new ByteReader(lines, header.offset, end), strings, sequences);
      offset = end;
    }
  } catch (error) {
    if (!(error instanceof OutOfData)) throw error;
  }
  return new LineTable(sequences);
}

interface StringSections {
  readonly ".debug_line_str": Uint8Array | undefined;
  readonly ".debug_str": Uint8Array | undefined;
}

interface ProgramHeader {
  readonly minimumInstructionLength: number;
  readonly defaultIsStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly opcodeLengths: readonly number[];
  /** File names by the number that DW_LNS_set_file gives. */
  readonly files: string[];
  readonly directories: readonly string[];
}

/** Standard opcodes (DWARF 4, 6.2.5.2). */
const enum Standard {
  Copy = 1,
  AdvancePc = 2,
  AdvanceLine = 3,
  SetFile = 4,
  SetColumn = 5,
  NegateStatement = 6,
  SetBasicBlock = 7,
  ConstAddPc = 8,
  FixedAdvancePc = 9,
}

/** Extended opcodes (6.2.5.3). */
const enum Extended {
  EndSequence = 1,
  SetAddress = 2,
  DefineFile = 3,
}

function readProgram(reader: ByteReader, strings: StringSections, sequences: Sequence[]): void {
  const header = readHeader(reader, strings);
  if (header === undefined) return;
  let address = 0;
  let file = 1;
  let line = 1;
  let isStatement = header.defaultIsStatement;
  let rows: LineRow[] = [];
  const restart = () => {
    address = 0;
    file = 1;
    line = 1;
    isStatement = header.defaultIsStatement;
    rows = [];
  };
  const emit = () => rows.push({ address, file: header.files[file] ?? "?", line, isStatement });
  const advance = (operation: number) => {
    address = (address + operation * header.minimumInstructionLength) >>> 0;
  };
  while (!reader.done) {
    const opcode = reader.u8();
    if (opcode >= header.opcodeBase) {
      const special = opcode - header.opcodeBase;
      advance(Math.floor(special / header.lineRange));
      line += header.lineBase + (special % header.lineRange);
      emit();
    } else if (opcode === 0) {
      const length = reader.unsignedLeb();
      const next = reader.offset + length;
      const extended = length === 0 ? 0 : reader.u8();
      if (extended === Extended.EndSequence) {
        const [first] = rows;
        // The linker leaves tables of discarded functions at address 0.
        if (first !== undefined && first.address !== 0) sequences.push({ start: first.address, end: address, rows });
        restart();
      } else if (extended === Extended.SetAddress) address = reader.u32();
      else if (extended === Extended.DefineFile) header.files.push(readFileEntry(reader, header.directories));
      reader.skip(next - reader.offset);
    } else {
      switch (opcode) {
        case Standard.Copy:
          emit();
          break;
        case Standard.AdvancePc:
          advance(reader.unsignedLeb());
          break;
        case Standard.AdvanceLine:
          line += reader.signedLeb();
          break;
        case Standard.SetFile:
          file = reader.unsignedLeb();
          break;
        case Standard.NegateStatement:
          isStatement = !isStatement;
          break;
        case Standard.ConstAddPc:
          advance(Math.floor((255 - header.opcodeBase) / header.lineRange));
          break;
        case Standard.FixedAdvancePc:
          address = (address + reader.u16()) >>> 0;
          break;
        default:
          for (let i = header.opcodeLengths[opcode] ?? 0; i > 0; i--) reader.unsignedLeb();
      }
    }
  }
}

function readHeader(reader: ByteReader, strings: StringSections): ProgramHeader | undefined {
  const version = reader.u16();
  if (version < 2 || version > 5) return undefined;
  if (version >= 5 && reader.u8() !== 4) return undefined;
  if (version >= 5) reader.skip(1);
  const headerLength = reader.u32();
  const programStart = reader.offset + headerLength;
  const minimumInstructionLength = reader.u8();
  if (version >= 4) reader.skip(1);
  const defaultIsStatement = reader.u8() !== 0;
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  if (lineRange === 0) return undefined;
  const opcodeLengths = [0];
  for (let opcode = 1; opcode < opcodeBase; opcode++) opcodeLengths.push(reader.u8());
  const [directories, files] = version >= 5 ? readTables5(reader, strings) : readTables(reader);
  reader.skip(programStart - reader.offset);
  return {
    minimumInstructionLength,
    defaultIsStatement,
    lineBase,
    lineRange,
    opcodeBase,
    opcodeLengths,
    files,
    directories,
  };
}

/** Directories and files up to version 4: numbered from 1, directory 0 is the compilation's. */
function readTables(reader: ByteReader): [string[], string[]] {
  const directories = [""];
  for (let text = reader.text(); text !== ""; text = reader.text()) directories.push(text);
  const files = ["?"];
  for (;;) {
    const before = reader.offset;
    if (reader.u8() === 0) return [directories, files];
    reader.offset = before;
    files.push(readFileEntry(reader, directories));
  }
}

function readFileEntry(reader: ByteReader, directories: readonly string[]): string {
  const name = reader.text();
  const directory = reader.unsignedLeb();
  // Time and length.
  reader.unsignedLeb();
  reader.unsignedLeb();
  return joined(directories[directory] ?? "", name);
}

/** Content types and forms of version 5 (DWARF 5, 6.2.4.1 and 7.5.6). */
const enum Content {
  Path = 1,
  DirectoryIndex = 2,
}
const enum Form {
  Block = 0x09,
  Data1 = 0x0b,
  Data2 = 0x05,
  Data4 = 0x06,
  Data8 = 0x07,
  Data16 = 0x1e,
  String = 0x08,
  LineString = 0x1f,
  StringOffset = 0x0e,
  Unsigned = 0x0f,
}

function readTables5(reader: ByteReader, strings: StringSections): [string[], string[]] {
  const directories = readEntries5(reader, strings).map(({ path }) => path);
  const files = readEntries5(reader, strings).map(({ path, directory }) => joined(directories[directory] ?? "", path));
  return [directories, files];
}

function readEntries5(reader: ByteReader, strings: StringSections): { path: string; directory: number }[] {
  const formats: [content: number, form: number][] = [];
  for (let count = reader.u8(); count > 0; count--) formats.push([reader.unsignedLeb(), reader.unsignedLeb()]);
  const entries: { path: string; directory: number }[] = [];
  for (let count = reader.unsignedLeb(); count > 0; count--) {
    const entry = { path: "?", directory: 0 };
    for (const [content, form] of formats) {
      const value = readForm(reader, form, strings);
      if (content === Content.Path && typeof value === "string") entry.path = value;
      if (content === Content.DirectoryIndex && typeof value === "number") entry.directory = value;
    }
    entries.push(entry);
  }
  return entries;
}

function readForm(reader: ByteReader, form: number, strings: StringSections): string | number {
  switch (form) {
    case Form.String:
      return reader.text();
    case Form.LineString:
      return stringAt(strings[".debug_line_str"], reader.u32());
    case Form.StringOffset:
      return stringAt(strings[".debug_str"], reader.u32());
    case Form.Data1:
      return reader.u8();
    case Form.Data2:
      return reader.u16();
    case Form.Data4:
      return reader.u32();
    case Form.Unsigned:
      return reader.unsignedLeb();
    case Form.Data8:
      reader.skip(8);
      return 0;
    case Form.Data16:
      reader.skip(16);
      return 0;
    case Form.Block:
      reader.skip(reader.unsignedLeb());
      return 0;
    default:
      throw new OutOfData(`form 0x${form.toString(16)} is not known`);
  }
}

function stringAt(section: Uint8Array | undefined, offset: number): string {
  return section === undefined ? "?" : new ByteReader(section, offset).text();
}

function joined(directory: string, name: string): string {
  return directory === "" || name.startsWith("/") ? name : `${directory}/${name}`;
}
