/** Reads the golden files, and finds each vector's form in the instruction table. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDecodedInstruction, type DecodedInstruction, Decoder, DecodeStatus } from "../../emulator/cpu/decode.ts";
import { decodeGolden, type GoldenFile, type GoldenVector } from "./golden-format.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "golden");

export interface NamedGolden {
  readonly name: string;
  readonly golden: GoldenFile;
}

export function readGoldenFiles(): readonly NamedGolden[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".gz"))
    .sort()
    .map((name) => ({ name, golden: decodeGolden(readFileSync(join(folder, name))) }));
}

export function codeOf(vector: GoldenVector): Uint8Array {
  return vector.test.patches[vector.test.patches.length - 1]?.bytes ?? new Uint8Array();
}

const decoder = new Decoder();
const decoded = createDecodedInstruction();

/** The vector's first instruction, in an object that the next call reuses; undefined when no form of the table begins there. */
export function decodeVector(vector: GoldenVector): DecodedInstruction | undefined {
  const code = codeOf(vector);
  const status = decoder.decode(code, 0, code.length, true, decoded);
  const known = status === DecodeStatus.Ok || status === DecodeStatus.Invalid;
  return known && decoded.form !== undefined ? decoded : undefined;
}

/** Everything needed to repeat a vector by hand. */
export function describeVector(vector: GoldenVector): string {
  const { test } = vector;
  const hex = (values: readonly number[]): string => values.map((value) => (value >>> 0).toString(16)).join(" ");
  const code = Buffer.from(codeOf(vector)).toString("hex");
  const patches = test.patches
    .slice(0, -1)
    .map((patch) => `${hex([patch.address])}:${Buffer.from(patch.bytes).toString("hex")}`);
  return `${code} eip ${hex([test.eip])} registers ${hex(test.registers)} eflags ${hex([test.eflags])} segments ${hex(test.segments)} memory ${patches.join(" ")}`;
}
