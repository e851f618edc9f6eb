import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ElfError, findSymbol, loadSegments, parseElf, parseProgram } from "../../../emulator/loader/elf.ts";
import { damage, Random } from "../../tools/support/random.ts";
import { buildElf, CODE, CODE_ADDRESS, DATA_ADDRESS } from "./elf-builder.ts";

const PREBUILT = new URL("../../../guests/prebuilt/", import.meta.url);
const prebuilt = existsSync(PREBUILT) ? readdirSync(PREBUILT).filter((name) => name.endsWith(".elf")) : [];

function errorOf(bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown = parseProgram): ElfError {
  try {
    parse(bytes);
  } catch (error) {
    if (error instanceof ElfError) return error;
    throw error;
  }
  return expect.unreachable("the file was accepted");
}

describe("an ELF program", () => {
  const { bytes } = buildElf();
  const elf = parseProgram(bytes);

  it("has the entry point, segments and sections of its headers", () => {
    expect(elf.entry).toBe(CODE_ADDRESS);
    expect(elf.kind).toBe("program");
    expect(elf.segments.map(({ virtualAddress, flags, memoryBytes }) => [virtualAddress, flags, memoryBytes])).toEqual([
      [CODE_ADDRESS, 5, 6],
      [DATA_ADDRESS, 6, 32],
    ]);
    expect(elf.segments[0]!.data).toEqual(CODE);
    expect(elf.sections.map(({ name }) => name)).toEqual(["", ".text", ".data", ".symtab", ".strtab"]);
    expect(loadSegments(elf)).toHaveLength(2);
  });

  it("has the named symbols of its symbol table", () => {
    expect(elf.symbols.map(({ name, value, size, kind, binding }) => [name, value, size, kind, binding])).toEqual([
      ["_start", CODE_ADDRESS, 6, "function", "global"],
      ["table", DATA_ADDRESS, 8, "object", "local"],
    ]);
    expect(findSymbol(elf, "table")?.value).toBe(DATA_ADDRESS);
    expect(findSymbol(elf, "tabl")).toBeUndefined();
  });
});

describe("a damaged ELF file is refused with place and mend", () => {
  const half = (offset: number, value: number) => {
    const built = buildElf();
    built.view.setUint16(offset, value, true);
    return built.bytes;
  };
  const word = (offset: number, value: number) => {
    const built = buildElf();
    built.view.setUint32(offset, value, true);
    return built.bytes;
  };
  const { programHeaders, sectionHeaders, symbols } = buildElf();

  it.each([
    ["empty", new Uint8Array(0), "ELF header", /0 bytes, fewer than the 52/],
    ["no magic", word(0, 0), "ELF header", /does not begin with 7f 45 4c 46/],
    ["64-bit", half(4, 0x0102), "ELF header", /32-bit/],
    ["big-endian", half(4, 0x0201), "ELF header", /little-endian/],
    ["another machine", half(18, 62), "ELF header", /machine 62/],
    ["shared object", half(16, 3), "ELF header", /shared file, not a program/],
    ["no program headers", half(44, 0), "program headers", /no segment to load/],
    ["program headers outside", word(28, 0xfffffff0), "program headers", /the table ends at byte/],
    ["many program headers", half(44, 0xffff), "program headers", /the table ends at byte/],
    ["small program headers", half(42, 8), "program headers", /32 needed/],
    ["segment data outside", word(programHeaders + 4, 0x7fffffff), "program header 0", /its data ends/],
    [
      "file size above memory size",
      word(programHeaders + 20, 1),
      "program header 0",
      /6 bytes in the file, 1 in memory/,
    ],
    ["segment beyond 4 GiB", word(programHeaders + 32 + 20, 0xffffffff), "program header 1", /beyond 4 GiB/],
    ["overlap", word(programHeaders + 32 + 8, CODE_ADDRESS + 5), "segment at 0x8048005", /overlaps/],
    ["entry in data", word(24, DATA_ADDRESS), "ELF header", /entry point 0x804a000/],
    ["section headers outside", word(32, 0xffff), "section headers", /the table ends/],
    ["section data outside", word(sectionHeaders + 40 + 20, 0xffffffff), "section header 1", /its data ends/],
    ["no name table", half(50, 1), "ELF header", /section 1 is not the table of section names/],
    ["symbol size", word(sectionHeaders + 120 + 36, 12), "section .symtab", /entries of 12, 16 expected/],
    ["symbol names", word(sectionHeaders + 120 + 24, 99), "section .symtab", /section 99 is not its table of names/],
    ["symbol name outside", word(symbols + 16, 0x10000), "symbol 1", /outside the table of names/],
  ])("%s", (_, bytes, place, problem) => {
    const error = errorOf(bytes);
    expect(error.place).toBe(place);
    expect(error.problem).toMatch(problem);
    expect(error.mend).not.toBe("");
  });

  it("a symbol name without an end is refused before it grows", () => {
    const names = 2048;
    const built = buildElf();
    const bytes = new Uint8Array(built.bytes.length + names).fill(0x61);
    bytes.set(built.bytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(built.sectionHeaders + 160 + 16, built.bytes.length, true);
    view.setUint32(built.sectionHeaders + 160 + 20, names, true);
    for (let i = 1; i < 5; i++) view.setUint32(built.sectionHeaders + 40 * i, 0, true);
    expect(errorOf(bytes).problem).toMatch(/more than 512 characters/);
  });

  it("truncation at every byte", () => {
    const { bytes } = buildElf();
    for (let length = 0; length < bytes.length; length++) expect(errorOf(bytes.subarray(0, length)).place).not.toBe("");
  });
});

describe("10,000 damaged files", () => {
  it("are parsed or refused, never anything else", () => {
    const random = new Random(86);
    const bases = [buildElf().bytes, ...prebuilt.map((name) => readFileSync(new URL(name, PREBUILT)))];
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = damage(random.below(2) === 0 ? bases[0]! : random.pick(bases), random);
      try {
        const elf = parseProgram(bytes);
        // What is accepted is inside the file.
        for (const { data, memoryBytes } of loadSegments(elf)) expect(data.length).toBeLessThanOrEqual(memoryBytes);
      } catch (error) {
        if (!(error instanceof ElfError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2_000);
    expect(refused).toBeLessThan(10_000);
  });
});

describe("the bundled programs, against readelf", () => {
  const readelf = (...words: string[]) => execFileSync("readelf", words, { encoding: "utf8" });
  const available = (() => {
    try {
      readelf("--version");
      return true;
    } catch {
      return false;
    }
  })();

  it.skipIf(!available || prebuilt.length === 0)("have the same entry, segments and symbols", () => {
    for (const name of prebuilt) {
      const path = new URL(name, PREBUILT).pathname;
      const elf = parseElf(readFileSync(path));
      expect(readelf("-hW", path)).toContain(`0x${elf.entry.toString(16)}`);
      const loads = [...readelf("-lW", path).matchAll(/^\s+LOAD\s+(\S+) (\S+) (\S+) (\S+) (\S+)/gm)];
      expect(loads.map((match) => match.slice(1).map(Number))).toEqual(
        elf.segments
          .filter(({ type }) => type === 1)
          .map(({ fileOffset, virtualAddress, physicalAddress, data, memoryBytes }) => [
            fileOffset,
            virtualAddress,
            physicalAddress,
            data.length,
            memoryBytes,
          ]),
      );
      const rows = [
        ...readelf("-sW", path).matchAll(/^\s+\d+: ([0-9a-f]{8})\s+(\d+) (\w+)\s+(\w+)\s+\w+\s+\w+ (\S+)$/gm),
      ];
      const table = rows.filter(([, , , type]) => type !== "SECTION");
      expect(table.map(([, value, size, , , symbol]) => `${symbol} ${Number(`0x${value}`)} ${size}`)).toEqual(
        elf.symbols.map(({ name: symbol, value, size }) => `${symbol} ${value} ${size}`),
      );
    }
  });
});
