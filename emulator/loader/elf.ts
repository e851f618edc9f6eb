/**
 * ELF32 files for the Intel 386: header, program headers, sections and symbols.
 *
 * Source: Tool Interface Standard, Executable and Linking Format 1.2 (1995), book I, chapters 1 and 2.
 * Not implemented: relocation, dynamic linking, extended section numbering (more than 65,279 sections).
 *
 * Every offset is checked before it is used and nothing is copied, so a damaged file costs an `ElfError` and never
 * more memory than a few words for each header that the file really holds.
 */

/** What is wrong with an ELF file, where in it, and what to do. Thrown by `parseElf` and nothing else. */
export class ElfError extends Error {
  override readonly name = "ElfError";
  /** Part of the file, such as `program header 2`. */
  readonly place: string;
  readonly problem: string;
  readonly mend: string;

  constructor(place: string, problem: string, mend: string) {
    super(`${place}: ${problem}; ${mend}`);
    this.place = place;
    this.problem = problem;
    this.mend = mend;
  }
}

export const enum SegmentType {
  Null = 0,
  Load = 1,
}

/** `p_flags` (ELF 1.2, book III, figure A-2). */
export const enum SegmentFlag {
  Execute = 1,
  Write = 2,
  Read = 4,
}

export interface ElfSegment {
  readonly type: number;
  /** Bits of `SegmentFlag`. */
  readonly flags: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  /** Bytes in memory; those beyond `data.length` are zero. */
  readonly memoryBytes: number;
  readonly alignment: number;
  readonly fileOffset: number;
  /** The bytes in the file: a view, not a copy. */
  readonly data: Uint8Array;
}

export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly fileOffset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entryBytes: number;
  /** The bytes in the file: a view, not a copy. Empty for a section that occupies no file space (SHT_NOBITS). */
  readonly data: Uint8Array;
}

export type ElfSymbolKind = "none" | "object" | "function" | "section" | "file" | "other";
export type ElfSymbolBinding = "local" | "global" | "weak" | "other";

export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  /** Bytes; 0 when the compiler gave none. */
  readonly size: number;
  readonly kind: ElfSymbolKind;
  readonly binding: ElfSymbolBinding;
  /** Section index, 0 for an undefined symbol, 0xfff1 for an absolute one. */
  readonly section: number;
}

export interface ElfFile {
  readonly entry: number;
  /** `program` (ET_EXEC) or `relocatable` (ET_REL), `shared` (ET_DYN), `other`. */
  readonly kind: "program" | "relocatable" | "shared" | "other";
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
  /** The static symbol table, in file order, without the unnamed ones. */
  readonly symbols: readonly ElfSymbol[];
}

const REBUILD = "rebuild the file, or copy it again";
const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const SECTION_HEADER_BYTES = 40;
const SYMBOL_BYTES = 16;
const MACHINE_386 = 3;
const SECTION_SYMBOL_TABLE = 2;
const SECTION_STRING_TABLE = 3;
const SECTION_NO_BITS = 8;
/** Names that no toolchain writes; keeps the cost of a hostile string table linear. */
const NAME_LIMIT = 512;

const FILE_KINDS = ["other", "relocatable", "program", "shared"] as const;
const SYMBOL_KINDS: readonly ElfSymbolKind[] = ["none", "object", "function", "section", "file"];
const SYMBOL_BINDINGS: readonly ElfSymbolBinding[] = ["local", "global", "weak"];

/**
 * Reads an ELF32 little-endian i386 file.
 * @throws ElfError naming the part of the file that is wrong.
 */
export function parseElf(file: Uint8Array): ElfFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  checkIdentification(file, view);
  const segments = readSegments(file, view);
  const sections = readSections(file, view);
  return {
    entry: view.getUint32(24, true),
    kind: FILE_KINDS[view.getUint16(16, true)] ?? "other",
    segments,
    sections,
    symbols: readSymbols(sections),
  };
}

/**
 * A program that can be loaded at its own addresses: ET_EXEC, at least one PT_LOAD segment, no two of them
 * overlapping, and the entry point in an executable one.
 * @throws ElfError as `parseElf`.
 */
export function parseProgram(file: Uint8Array): ElfFile {
  const elf = parseElf(file);
  if (elf.kind !== "program") {
    throw new ElfError("ELF header", `this is a ${elf.kind} file, not a program`, "link it as a static executable");
  }
  const loaded = loadSegments(elf);
  if (loaded.length === 0) {
    throw new ElfError("program headers", "there is no segment to load", "link it as a static executable");
  }
  const sorted = [...loaded].sort((a, b) => a.virtualAddress - b.virtualAddress);
  for (let i = 1; i < sorted.length; i++) {
    const previous = sorted[i - 1]!;
    if (previous.virtualAddress + previous.memoryBytes > sorted[i]!.virtualAddress) {
      const place = `segment at ${hex(sorted[i]!.virtualAddress)}`;
      throw new ElfError(place, `overlaps the one at ${hex(previous.virtualAddress)}`, REBUILD);
    }
  }
  const inside = (segment: ElfSegment) =>
    (segment.flags & SegmentFlag.Execute) !== 0 &&
    elf.entry >= segment.virtualAddress &&
    elf.entry < segment.virtualAddress + segment.memoryBytes;
  if (!loaded.some(inside)) {
    throw new ElfError("ELF header", `the entry point ${hex(elf.entry)} is in no executable segment`, REBUILD);
  }
  return elf;
}

/** The segments that occupy memory, in file order. */
export function loadSegments(elf: ElfFile): ElfSegment[] {
  return elf.segments.filter((segment) => segment.type === SegmentType.Load && segment.memoryBytes > 0);
}

/** The symbol of that name; a global one before a local one. */
export function findSymbol(elf: ElfFile, name: string): ElfSymbol | undefined {
  let found: ElfSymbol | undefined;
  for (const symbol of elf.symbols) {
    if (symbol.name !== name || symbol.section === 0) continue;
    if (symbol.binding === "global") return symbol;
    found ??= symbol;
  }
  return found;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function checkIdentification(file: Uint8Array, view: DataView): void {
  const place = "ELF header";
  if (file.length < HEADER_BYTES) {
    throw new ElfError(place, `the file has ${file.length} bytes, fewer than the ${HEADER_BYTES} of a header`, REBUILD);
  }
  if (view.getUint32(0, false) !== 0x7f454c46) {
    throw new ElfError(place, "the file does not begin with 7f 45 4c 46", "give an ELF file");
  }
  if (file[4] !== 1) throw new ElfError(place, "not a 32-bit file", "compile with -m32");
  if (file[5] !== 1) throw new ElfError(place, "not little-endian", "compile for i386");
  if (file[6] !== 1 || view.getUint32(20, true) !== 1) throw new ElfError(place, "unknown ELF version", REBUILD);
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_386) {
    throw new ElfError(place, `built for machine ${machine}, not for the Intel 386 (3)`, "compile with -m32");
  }
}

/** Checks that a table of `count` entries lies inside the file. */
function checkTable(file: Uint8Array, place: string, offset: number, count: number, size: number, least: number): void {
  if (count === 0) return;
  if (size < least) throw new ElfError(place, `entries of ${size} bytes, ${least} needed`, REBUILD);
  if (offset + count * size > file.length) {
    const end = offset + count * size;
    throw new ElfError(place, `the table ends at byte ${end}, the file at ${file.length}`, REBUILD);
  }
}

function readSegments(file: Uint8Array, view: DataView): ElfSegment[] {
  const offset = view.getUint32(28, true);
  const size = view.getUint16(42, true);
  const count = view.getUint16(44, true);
  checkTable(file, "program headers", offset, count, size, PROGRAM_HEADER_BYTES);
  const segments: ElfSegment[] = [];
  for (let i = 0; i < count; i++) {
    const place = `program header ${i}`;
    const at = offset + i * size;
    const word = (index: number) => view.getUint32(at + 4 * index, true);
    const type = word(0);
    const fileOffset = word(1);
    const virtualAddress = word(2);
    const fileBytes = word(4);
    const memoryBytes = word(5);
    if (fileOffset + fileBytes > file.length) {
      throw new ElfError(place, `its data ends at byte ${fileOffset + fileBytes}, the file at ${file.length}`, REBUILD);
    }
    if (type === SegmentType.Load) {
      if (fileBytes > memoryBytes) {
        throw new ElfError(place, `${fileBytes} bytes in the file, ${memoryBytes} in memory`, REBUILD);
      }
      if (virtualAddress + memoryBytes > 0x1_0000_0000) {
        throw new ElfError(place, `it ends beyond 4 GiB (${hex(virtualAddress)} + ${memoryBytes} bytes)`, REBUILD);
      }
    }
    segments.push({
      type,
      flags: word(6),
      virtualAddress,
      physicalAddress: word(3),
      memoryBytes,
      alignment: word(7),
      fileOffset,
      data: file.subarray(fileOffset, fileOffset + fileBytes),
    });
  }
  return segments;
}

function readSections(file: Uint8Array, view: DataView): ElfSection[] {
  const offset = view.getUint32(32, true);
  const size = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  const namesIndex = view.getUint16(50, true);
  checkTable(file, "section headers", offset, count, size, SECTION_HEADER_BYTES);
  const unnamed: (ElfSection & { readonly nameOffset: number })[] = [];
  for (let i = 0; i < count; i++) {
    const at = offset + i * size;
    const word = (index: number) => view.getUint32(at + 4 * index, true);
    const type = word(1);
    const fileOffset = word(4);
    const bytes = word(5);
    const inFile = i !== 0 && type !== SECTION_NO_BITS && type !== 0;
    if (inFile && fileOffset + bytes > file.length) {
      const end = fileOffset + bytes;
      throw new ElfError(`section header ${i}`, `its data ends at byte ${end}, the file at ${file.length}`, REBUILD);
    }
    unnamed.push({
      name: "",
      nameOffset: word(0),
      type,
      flags: word(2),
      address: word(3),
      fileOffset,
      size: bytes,
      link: word(6),
      info: word(7),
      entryBytes: word(9),
      data: inFile ? file.subarray(fileOffset, fileOffset + bytes) : file.subarray(0, 0),
    });
  }
  if (namesIndex === 0 || count === 0) return unnamed.map(({ nameOffset: _, ...section }) => section);
  const names = unnamed[namesIndex];
  if (names === undefined || names.type !== SECTION_STRING_TABLE) {
    throw new ElfError("ELF header", `section ${namesIndex} is not the table of section names`, REBUILD);
  }
  return unnamed.map(({ nameOffset, ...section }, i) => ({
    ...section,
    name: i === 0 ? "" : readName(names.data, nameOffset, `section header ${i}`),
  }));
}

function readSymbols(sections: readonly ElfSection[]): ElfSymbol[] {
  const table = sections.find((section) => section.type === SECTION_SYMBOL_TABLE);
  if (table === undefined) return [];
  const place = `section ${table.name || "of symbols"}`;
  if (table.entryBytes !== SYMBOL_BYTES || table.data.length % SYMBOL_BYTES !== 0) {
    throw new ElfError(place, `${table.data.length} bytes in entries of ${table.entryBytes}, 16 expected`, REBUILD);
  }
  const names = sections[table.link];
  if (names === undefined || names.type !== SECTION_STRING_TABLE) {
    throw new ElfError(place, `section ${table.link} is not its table of names`, REBUILD);
  }
  const view = new DataView(table.data.buffer, table.data.byteOffset, table.data.byteLength);
  const symbols: ElfSymbol[] = [];
  for (let at = SYMBOL_BYTES; at < table.data.length; at += SYMBOL_BYTES) {
    const name = readName(names.data, view.getUint32(at, true), `symbol ${at / SYMBOL_BYTES}`);
    if (name === "") continue;
    const information = table.data[at + 12]!;
    symbols.push({
      name,
      value: view.getUint32(at + 4, true),
      size: view.getUint32(at + 8, true),
      kind: SYMBOL_KINDS[information & 15] ?? "other",
      binding: SYMBOL_BINDINGS[information >> 4] ?? "other",
      section: view.getUint16(at + 14, true),
    });
  }
  return symbols;
}

/** A zero-terminated name in a string table; bytes above 127 are taken as Latin-1. */
function readName(table: Uint8Array, offset: number, place: string): string {
  let name = "";
  for (let i = offset; i < table.length; i++) {
    const byte = table[i]!;
    if (byte === 0) return name;
    if (name.length === NAME_LIMIT) {
      throw new ElfError(place, `its name has more than ${NAME_LIMIT} characters`, REBUILD);
    }
    name += String.fromCharCode(byte);
  }
  if (offset === 0 && table.length === 0) return "";
  throw new ElfError(place, `its name at ${offset} is outside the table of names (${table.length} bytes)`, REBUILD);
}
