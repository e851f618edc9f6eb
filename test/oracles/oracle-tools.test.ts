/** The oracles' own tools: the golden format, the shrinker, and that the C programs and stage.ts speak of the same stage. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readGoldenFiles } from "./golden-files.ts";
import { decodeGolden, encodeGolden } from "./golden-format.ts";
import { shrinkProgram } from "./random-program.ts";
import { LOCAL_DESCRIPTORS, STAGE_PAGES } from "./stage.ts";
import { BASE, HANDLER_BYTES, Offset, WINDOW } from "./system/system-stage.ts";

/** Files that show every kind of record. */
const SMALL = /^(bit|levels|manual)/;
const folder = dirname(fileURLToPath(import.meta.url));

describe("the golden format", () => {
  it.each(readGoldenFiles().filter(({ name }) => SMALL.test(name)))("gives $name back as it was", ({ golden }) => {
    expect(decodeGolden(encodeGolden(golden))).toEqual(golden);
  });

  it("refuses a format that it does not know", () => {
    const [file] = readGoldenFiles();
    const bytes = gunzipSync(encodeGolden(file?.golden ?? { header: {} as never, vectors: [] }));
    const other = Buffer.from(bytes.toString("latin1").replace('{"format":1,', '{"format":9,'), "latin1");
    expect(() => decodeGolden(gzipSync(other))).toThrow("golden format 9, expected 1");
  });
});

describe("the shrinker", () => {
  it("leaves the pieces that a failure needs, and no other", () => {
    const seeds = Array.from({ length: 40 }, (_, i) => i);
    const needs = (wanted: readonly number[]) => (left: readonly number[]) =>
      wanted.every((seed) => left.includes(seed));
    expect(shrinkProgram(seeds, needs([17]))).toEqual([17]);
    expect(shrinkProgram(seeds, needs([3, 20, 39]))).toEqual([3, 20, 39]);
    expect(shrinkProgram([5], needs([5]))).toEqual([5]);
  });
});

describe("the stage in C", () => {
  const harness = readFileSync(join(folder, "native", "harness.c"), "utf8");
  const monitor = readFileSync(join(folder, "system", "monitor.c"), "utf8");
  const entry = readFileSync(join(folder, "system", "monitor.S"), "utf8");

  it("has the pages of stage.ts", () => {
    const list = /pages\[\] = \{([^;]*)\};/.exec(harness)?.[1] ?? "";
    const pages = [...list.matchAll(/\{(0x[0-9a-f]+), (\d), (\d)\}/g)].map(([, address, code, readOnly]) => ({
      address: Number(address),
      code: code === "1",
      writable: readOnly === "0",
    }));
    expect(pages).toEqual(STAGE_PAGES);
  });

  it("has the local descriptors of stage.ts", () => {
    const list = /local_descriptors\[\] = \{([^;]*)\};/.exec(harness)?.[1] ?? "";
    const rows = [...list.matchAll(/\{(\d+), (0x[0-9A-F]+), (0x[0-9A-F]+), ([A-Z0-9_ |]+)\}/g)].map(
      ([, entryNumber, base, limit, flags]) => {
        const has = (flag: string): boolean => (flags ?? "").split(" | ").includes(flag);
        // Access byte: present, level 3, code or data; accessed, as Linux sets it.
        const type = has("CODE") ? 0x0a : has("EXPAND_DOWN") ? 0x06 : 0x02;
        const access = (has("ABSENT") ? 0 : 0x80) | 0x71 | (has("LESS") ? type & ~0x02 : type);
        return {
          selector: Number(entryNumber) * 8 + 7,
          base: Number(base),
          limit: Number(limit),
          access,
          big: has("SEG32"),
        };
      },
    );
    expect(rows).toEqual(LOCAL_DESCRIPTORS);
  });

  it("has the addresses of system-stage.ts", () => {
    expect(Number(/BASE = (0x[0-9a-f]+)/.exec(monitor)?.[1])).toBe(BASE);
    expect(Number(/HANDLERS = BASE \+ (0x[0-9A-F]+)/.exec(monitor)?.[1])).toBe(Offset.Handlers);
    expect(Number(/linear = (0x[0-9A-F]+) \+ vector \* (\d+)/.exec(monitor)?.[1])).toBe(WINDOW + Offset.Handlers);
    expect(Number(/linear = 0x[0-9A-F]+ \+ vector \* (\d+)/.exec(monitor)?.[1])).toBe(HANDLER_BYTES);
    expect(Number(/case_gdtr:\s+\.word\s+16 \* 8 - 1\s+\.long\s+(0x[0-9A-F]+)/.exec(entry)?.[1])).toBe(
      WINDOW + Offset.Gdt,
    );
    expect(Number(/case_idtr:\s+\.word\s+256 \* 8 - 1\s+\.long\s+(0x[0-9A-F]+)/.exec(entry)?.[1])).toBe(
      WINDOW + Offset.Idt,
    );
  });
});
