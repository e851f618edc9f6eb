/** The manifest beside the prebuilt guests: what was built from what, with what. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** The project's folder: this file runs as dist/tools/guests/manifest.js. */
export const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
export const GUESTS = join(PROJECT, "guests");
export const PREBUILT = join(GUESTS, "prebuilt");
export const MANIFEST = "manifest.json";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.strictObject({
  version: z.literal(1),
  compiler: z.string(),
  linker: z.string(),
  flags: z.array(z.string()),
  /** Path below `guests/` → SHA-256. */
  sources: z.record(z.string(), sha256),
  programs: z.record(z.string(), z.strictObject({ bytes: z.int(), sha256 })),
});

export type Manifest = z.infer<typeof manifestSchema>;

const SOURCE = /\.(c|h|S|ld)$/;
/** Folders of `guests/` that the programs are not made from: the output, scenarios, tests that run on the host. */
const OTHER_FOLDERS = new Set(["prebuilt", "scenarios", "test"]);

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Every source file of the guests, relative to `guests/`, sorted. */
export function sourceFiles(): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(join(GUESTS, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return OTHER_FOLDERS.has(path) ? [] : walk(path);
      return SOURCE.test(entry.name) ? [path] : [];
    });
  return walk("").sort();
}

export function hashSources(): Record<string, string> {
  return Object.fromEntries(sourceFiles().map((path) => [path, hashOf(readFileSync(join(GUESTS, path)))]));
}

/** Reads and checks the manifest in a folder. */
export function readManifest(folder: string): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(folder, MANIFEST), "utf8")));
}

/** What disagrees between a manifest, the sources and the programs in its folder; empty when nothing does. */
export function staleness(manifest: Manifest, folder: string): string[] {
  const problems: string[] = [];
  const now = hashSources();
  for (const path of new Set([...Object.keys(manifest.sources), ...Object.keys(now)])) {
    if (now[path] !== manifest.sources[path]) problems.push(`source changed since the build: ${path}`);
  }
  for (const [file, { bytes, sha256: expected }] of Object.entries(manifest.programs)) {
    const content = readFileSync(join(folder, file));
    if (content.length !== bytes || hashOf(content) !== expected) problems.push(`not what was built: ${file}`);
  }
  return problems;
}
