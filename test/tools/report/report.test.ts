import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { evenTicks, powerTicks } from "../../../tools/report/axis.ts";
import { bundle } from "../../../tools/report/bundle.ts";
import { decodeColumns, encodeColumns } from "../../../tools/report/columns.ts";
import { duration, grouped, short } from "../../../tools/report/format.ts";
import { DARK, LIGHT } from "../../../tools/report/style.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-bundle-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("columns", () => {
  const integer = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -(2 ** 50), max: 2 ** 50 }));

  it("come back as they were", () => {
    fc.assert(
      fc.property(fc.array(integer), fc.array(integer), (a, b) => {
        const decoded = decodeColumns(encodeColumns({ b, a }, ["a", "b"]), ["a", "b"]);
        expect([...decoded.a]).toEqual(a.map((value) => value + 0));
        expect([...decoded.b]).toEqual(b.map((value) => value + 0));
      }),
    );
  });

  it("take two bytes a value for clocks that go on by little", () => {
    const clocks = Array.from({ length: 10_000 }, (_, i) => 2 ** 40 + i * 50);
    expect(encodeColumns({ clocks }, ["clocks"]).length).toBeLessThan(20_020);
  });
});

describe("a page's script", () => {
  const module = (name: string, text: string): URL => {
    writeFileSync(join(directory, name), text);
    return pathToFileURL(join(directory, name));
  };

  it("is one text of all modules, each once, names apart", () => {
    module(
      "deep.js",
      "const secret = 20;\nexport function twice(x) { return 2 * x + secret - 20; }\nexport const one = 1;\n",
    );
    module(
      "side.js",
      'import { twice as double } from "./deep.js";\nconst secret = 5;\nexport const five = double(secret) / 2;\n',
    );
    const entry = module(
      "main.js",
      'import { five } from "./side.js";\nimport { one, twice } from "./deep.js";\nresult = twice(five) + one;\n//# sourceMappingURL=main.js.map\n',
    );
    const text = bundle(entry);
    expect(new Function(`let result; ${text.replace('"use strict";', "")}; return result;`)()).toBe(11);
    expect(text.match(/20 \}|secret = 20/g)).toHaveLength(1);
    expect(text).not.toMatch(/^\s*(?:import|export)\b|sourceMapping/m);
  });

  it("refuses what it cannot join", () => {
    expect(() => bundle(module("package.js", 'import { z } from "zod";\n'))).toThrow(
      /cannot be put into a page: import/,
    );
    module("one.js", 'import { b } from "./two.js";\nexport const a = 1;\n');
    expect(() => bundle(module("two.js", 'import { a } from "./one.js";\nexport const b = a;\n'))).toThrow(
      /imports itself/,
    );
  });
});

describe("what pages look like", () => {
  /** WCAG 2.1, relative luminance and contrast ratio. */
  const luminance = (hex: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (one: string, other: string): number => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high! + 0.05) / (low! + 0.05);
  };

  it.each(["light", "dark"] as const)("text has a contrast of 4.5 : 1 in %s", (name) => {
    const theme = { light: LIGHT, dark: DARK }[name];
    for (const text of ["ink", "soft", "accent", "good", "bad", "warn"] as const) {
      for (const back of ["back", "panel", "faint"] as const) {
        expect([text, back, contrast(theme[text], theme[back]) >= 4.5]).toEqual([text, back, true]);
      }
    }
    expect(contrast(theme.focus, theme.panel)).toBeGreaterThan(3);
  });

  it("numbers are short and exact", () => {
    expect([grouped(0), grouped(1234567), grouped(-1234)]).toEqual(["0", "1,234,567", "-1,234"]);
    expect([short(9999), short(12345), short(1.234e6), short(5e9)]).toEqual(["9,999", "12.3 k", "1.23 M", "5 G"]);
    expect([duration(111, 1e8), duration(4_128_144, 1e8), duration(3e8, 1e8)]).toEqual(["1.11 µs", "41.3 ms", "3 s"]);
  });

  it("axes have round numbers", () => {
    expect(evenTicks(158, 4)).toEqual([0, 50, 100, 150]);
    expect(evenTicks(890, 4)).toEqual([0, 200, 400, 600, 800]);
    expect(evenTicks(3, 4)).toEqual([0, 1, 2, 3]);
    expect(powerTicks(0, 5000)).toEqual([0, 1, 10, 100, 1000]);
    expect(powerTicks(50, 5000)).toEqual([100, 1000]);
  });
});
