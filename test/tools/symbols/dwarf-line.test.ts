import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ElfFile, parseElf } from "../../../emulator/loader/elf.ts";
import { readLineTable } from "../../../tools/symbols/dwarf-line.ts";

const FOLDER = "guests/prebuilt";
const programs = readdirSync(FOLDER).filter((name) => name.endsWith(".elf"));

/** Rows by GNU readelf: `file line address`, or undefined when there is no readelf. */
function rowsByReadelf(file: string): string[] | undefined {
  try {
    const text = execFileSync("readelf", ["--debug-dump=decodedline", "--wide", file], {
      encoding: "utf8",
      stdio: "pipe",
    });
    const rows = text.matchAll(/^(\S+\.[chS])\s+(\d+)\s+(0x[0-9a-f]+|0)(?:\s|$)/gm);
    return [...rows].map(([, name, line, address]) => `${name} ${line} ${Number(address)}`);
  } catch {
    return undefined;
  }
}

describe("line tables of the guests", () => {
  it.each(programs)("%s: the same rows as readelf's", (name) => {
    const file = `${FOLDER}/${name}`;
    const expected = rowsByReadelf(file);
    if (expected === undefined) {
      console.log("readelf is not installed: not compared");
      return;
    }
    const rows = readLineTable(parseElf(readFileSync(file))).rows();
    const ours = rows.map((row) => `${row.file.split("/").at(-1)} ${row.line} ${row.address}`);
    expect(ours.length).toBeGreaterThan(50);
    expect([...ours].sort()).toEqual([...expected].sort());
  });

  it("finds the line of an address and the addresses of a line", () => {
    const table = readLineTable(parseElf(readFileSync(`${FOLDER}/voter.elf`)));
    const row = table.rows().find(({ file, line, isStatement }) => file.endsWith("vote.c") && line > 0 && isStatement);
    expect(row).toBeDefined();
    if (row === undefined) return;
    expect(table.addressesOf("vote.c", row.line)).toContain(row.address);
    expect(table.find(row.address)?.file).toBe(row.file);
    expect(table.find(4)).toBeUndefined();
  });
});

describe("damaged line tables", () => {
  it("never throw", () => {
    const elf = parseElf(readFileSync(`${FOLDER}/voter.elf`));
    const original = elf.sections.find(({ name }) => name === ".debug_line")?.data as Uint8Array;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { maxLength: 20 }), (changes) => {
        const data = original.slice();
        for (const [offset, value] of changes) data[offset] = value;
        const damaged: ElfFile = {
          ...elf,
          sections: elf.sections.map((section) => (section.name === ".debug_line" ? { ...section, data } : section)),
        };
        expect(Array.isArray(readLineTable(damaged).rows())).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
