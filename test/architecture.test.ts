import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Which rooms a room may import, beside itself. `guests` is C and imports nothing. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  emulator: ["emulator"],
  kernel: ["kernel", "emulator"],
  tools: ["tools", "kernel", "emulator"],
};

/** Files that are one table (or one list of vectors) and may be longer than `longestFile` lines. */
const tables: readonly RegExp[] = [/\/instructions\//, /[-/]tables?\.ts$/, /\/golden\//, /micro-benchmarks\.ts$/];
const longestFile = 500;

function sourceFiles(folder: string, pattern: RegExp): string[] {
  const found: string[] = [];
  for (const name of readdirSync(join(root, folder))) {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) found.push(...sourceFiles(path, pattern));
    else if (pattern.test(name)) found.push(path);
  }
  return found;
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/(?:from\s+|import\s+|import\()\s*["']([^"']+)["']/g)].map((match) => match[1] ?? "");
}

describe("the house", () => {
  it.each(Object.keys(mayImport))("%s imports only the rooms below it", (room) => {
    const wrong: string[] = [];
    for (const path of sourceFiles(room, /\.ts$/)) {
      for (const source of importsOf(path)) {
        if (!source.startsWith(".")) continue;
        const target = relative(root, resolve(root, dirname(path), source)).split("/")[0] ?? "";
        if (!mayImport[room]?.includes(target)) wrong.push(`${path} imports ${source}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(["emulator", "kernel"])("%s uses no package, no Node API, no host clock and no host randomness", (room) => {
    const forbidden =
      /\b(?:Math\.random|Date\.now|new Date|performance\.now|hrtime|setTimeout|setInterval|process\.|console\.|Buffer\b|crypto\.)/;
    const wrong: string[] = [];
    for (const path of sourceFiles(room, /\.ts$/)) {
      for (const source of importsOf(path)) if (!source.startsWith(".")) wrong.push(`${path} imports ${source}`);
      readFileSync(join(root, path), "utf8")
        .split("\n")
        .forEach((line, index) => {
          const code = line.replace(/\/\/.*$/, "");
          if (!/^\s*(?:\*|\/\*)/.test(line) && forbidden.test(code)) wrong.push(`${path}:${index + 1}: ${line.trim()}`);
        });
    }
    expect(wrong).toEqual([]);
  });

  it("keeps one concept a file: no source file but a table is over 500 lines", () => {
    const tooLong = [
      ...["emulator", "kernel", "tools", "test"].flatMap((room) => sourceFiles(room, /\.ts$/)),
      ...sourceFiles("guests", /\.[chS]$/),
    ]
      .filter((path) => !tables.some((table) => table.test(path)))
      .map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").split("\n").length }))
      .filter(({ lines }) => lines > longestFile);
    expect(tooLong).toEqual([]);
  });

  it("gives every room a README", () => {
    for (const room of ["emulator", "kernel", "guests", "tools", "test"]) {
      expect(statSync(join(root, room, "README.md")).size, `${room}/README.md`).toBeGreaterThan(400);
    }
  });

  it("names no absolute path of a developer's machine", () => {
    const wrong = ["emulator", "kernel", "tools", "test", "guests"]
      .flatMap((room) => sourceFiles(room, /\.(?:ts|c|h|S|md|json|yaml|ld)$/))
      .filter((path) => path !== join("test", "architecture.test.ts"))
      .filter((path) => /["'` (]\/(?:home|root|work|Users)\//.test(readFileSync(join(root, path), "utf8")));
    expect(wrong).toEqual([]);
  });
});
