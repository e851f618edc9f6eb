import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ElfFile, parseElf } from "../../../emulator/loader/elf.ts";
import { backtrace } from "../../../tools/symbols/backtrace.ts";
import { FrameTable, readFrameTable } from "../../../tools/symbols/dwarf-frame.ts";
import { SymbolTable } from "../../../tools/symbols/symbol-table.ts";

const FILE = new URL("../../../guests/prebuilt/replica-bytewise.elf", import.meta.url).pathname;
const elf: ElfFile = parseElf(readFileSync(FILE));
const missing = spawnSync("readelf", ["--version"]).status !== 0;
if (missing) console.info("readelf is not installed: the comparisons with it are skipped");

function readelf(...options: string[]): string {
  return spawnSync("readelf", [...options, FILE], { encoding: "utf8", maxBuffer: 1 << 26 }).stdout;
}

describe("the symbol table", () => {
  const table = new SymbolTable(elf);

  it("names places by symbol and offset", () => {
    const keys = table.find("aes_round_keys");
    expect(keys?.size).toBe(240);
    expect(table.format((keys?.value ?? 0) + 16)).toBe("aes_round_keys+16");
    expect(table.format(keys?.value ?? 0)).toBe("aes_round_keys");
    expect(table.format(0x10)).toBeUndefined();
    expect(table.format(0xffffffff)).toBeUndefined();
  });

  it.skipIf(missing)("has every function and object that readelf lists, at its address and with its size", () => {
    const rows = [...readelf("-sW").matchAll(/^ *\d+: ([0-9a-f]{8}) +(\d+) (FUNC|OBJECT) +\S+ +\S+ +\d+ (\S+)$/gm)];
    expect(rows.length).toBeGreaterThan(20);
    for (const [, value = "", size = "", , name = ""] of rows) {
      expect(table.find(name)).toMatchObject({ value: Number.parseInt(value, 16), size: Number(size) });
      expect(table.at(Number.parseInt(value, 16) + Number(size) - 1)?.symbol.name).toBe(name);
    }
  });
});

describe("call frame information", () => {
  const frames = readFrameTable(elf);

  it.skipIf(missing)("gives the rules of readelf's interpretation for every row", () => {
    const text = readelf("--debug-dump=frames-interp");
    const names = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"];
    let rows = 0;
    for (const block of text.split(/\n\n/)) {
      if (!block.includes(" FDE ")) continue;
      const lines = block.split("\n");
      const columns = (lines[1] ?? "").trim().split(/\s+/).slice(2);
      for (const line of lines.slice(2)) {
        const [location = "", cfa = "", ...values] = line.trim().split(/\s+/);
        if (!/^[0-9a-f]{8}$/.test(location)) continue;
        const rules = frames.find(Number.parseInt(location, 16));
        const base = `${names[rules?.cfaRegister ?? 0]}+${rules?.cfaOffset}`;
        expect(rules?.cfaExpression === undefined ? base : "exp", location).toBe(cfa);
        for (const [index, column] of columns.entries()) {
          const register = column === "ra" ? 8 : names.indexOf(column);
          const rule = rules?.rules[register];
          const offset = rule?.kind === "offset" ? `c${rule.offset < 0 ? "" : "+"}${rule.offset}` : "u";
          const shown = rule?.kind === "expression" ? "exp" : offset;
          expect(shown, `${column} at ${location}`).toBe(values[index] === "s" ? "u" : values[index]);
        }
        rows++;
      }
    }
    expect(rows).toBeGreaterThan(50);
  });

  it("walks from a leaf function to its callers without frame pointers", () => {
    const symbols = new SymbolTable(elf);
    const round = symbols.find("aes_encrypt_block")?.value ?? 0;
    const rules = frames.find(round);
    // At a function's first instruction the return address is on top of the stack.
    expect(rules).toMatchObject({ cfaRegister: 4, cfaOffset: 4 });
    const outer = (symbols.find("aes_process")?.value ?? 0) + 40;
    const stack = new Map([[0x9000, outer]]);
    const list = backtrace(
      [0, 0, 0, 0, 0x9000, 0, 0, 0, round],
      frames,
      (address) => stack.get(address),
      (address) => address >= 0x08048000 && address < 0x08049000,
    );
    expect(list.map(({ address }) => symbols.at(address)?.symbol.name)).toEqual(["aes_encrypt_block", "aes_process"]);
  });

  it("survives every truncation of the table", () => {
    const section = elf.sections.find(({ name }) => name === ".debug_frame")?.data ?? new Uint8Array(0);
    for (let length = 0; length < section.length; length += 7) {
      const table = new FrameTable(section.subarray(0, length));
      for (const { low } of table.ranges()) table.find(low + 3);
    }
    expect(new FrameTable(section).ranges().length).toBeGreaterThan(10);
  });
});

describe("a walk over a damaged stack", () => {
  it("ends instead of going round in a circle", () => {
    const list = backtrace(
      [0, 0, 0, 0, 0x9000, 0x9000, 0, 0, 0x8048000],
      undefined,
      () => 0x9000,
      () => true,
    );
    expect(list.length).toBeLessThan(65);
  });
});
