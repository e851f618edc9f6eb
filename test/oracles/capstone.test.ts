/** The decoder against Capstone: lengths and mnemonics, for every form of the table and for random bytes. */
import { beforeAll, describe, expect, it } from "vitest";
import { createDecodedInstruction, Decoder, DecodeStatus } from "../../emulator/cpu/decode.ts";
import { FORMS } from "../../emulator/cpu/instructions/table.ts";
import { DECODER_DIFFERENCES, LEGACY_PREFIXES, type Reading } from "./decoder-differences.ts";
import { Random } from "./random.ts";

const RANDOM_STRINGS = 1_000_000;
const STRING_BYTES = 24;
const SAMPLES_PER_FORM = 200;
const PREFIXES = [...LEGACY_PREFIXES];

interface CapstoneEngine {
  disasm(bytes: Uint8Array, address: number, count: number): { size: number; mnemonic: string }[];
}

let capstone: CapstoneEngine;
const decoder = new Decoder();
const decoded = createDecodedInstruction();
const explained = new Map<string, number>();
const unexplained: string[] = [];

beforeAll(async () => {
  const { default: load } = await import("@alexaltea/capstone-js");
  const library = await load();
  capstone = new library.Capstone(library.ARCH_X86, library.MODE_32);
});

/** Capstone's own word for a repeat prefix before a string instruction. */
function repeatWord(mnemonic: string): string {
  if (!/^(ins|outs|movs|cmps|stos|lods|scas)[bwd]$/.test(mnemonic)) return "";
  if (decoded.repeatNot) return "repne ";
  if (!decoded.repeat) return "";
  return /^(cmps|scas)/.test(mnemonic) ? "repe " : "rep ";
}

function ours(bytes: Uint8Array): Reading | undefined {
  if (decoder.decode(bytes, 0, bytes.length, true, decoded) !== DecodeStatus.Ok || decoded.form === undefined)
    return undefined;
  const [short, long = short] = decoded.form.mnemonic.split("/") as [string, string?];
  // The name of JCXZ and JECXZ goes by address size, all others by operand size.
  const wide = long === "jecxz" ? decoded.address32 : decoded.operand32;
  const mnemonic = wide ? long : short;
  return { length: decoded.length, mnemonic: `${decoded.lock ? "lock " : ""}${repeatWord(mnemonic)}${mnemonic}` };
}

function capstones(bytes: Uint8Array): Reading | undefined {
  try {
    const instruction = capstone.disasm(bytes, 0, 1)[0];
    return instruction === undefined ? undefined : { length: instruction.size, mnemonic: instruction.mnemonic };
  } catch {
    return undefined; // It throws a string where it finds no instruction.
  }
}

function compare(bytes: Uint8Array): void {
  const mine = ours(bytes);
  const theirs = capstones(bytes);
  if (mine?.length === theirs?.length && mine?.mnemonic === theirs?.mnemonic) return;
  let at = 0;
  while (at < 15 && LEGACY_PREFIXES.has(bytes[at] as number)) at++;
  const disagreement = {
    opcode: bytes.subarray(at),
    prefixes: [...bytes.subarray(0, at)],
    ours: mine,
    capstone: theirs,
  };
  const row = DECODER_DIFFERENCES.find((difference) => difference.applies(disagreement));
  if (row !== undefined) {
    explained.set(row.name, (explained.get(row.name) ?? 0) + 1);
    return;
  }
  const show = (reading: Reading | undefined): string =>
    reading === undefined ? "none" : `${reading.mnemonic} (${reading.length})`;
  unexplained.push(
    `${Buffer.from(bytes.subarray(0, 16)).toString("hex")}: ours ${show(mine)}, Capstone ${show(theirs)}`,
  );
}

/** Uniform bytes, with an escape byte, a prefix, or both at the front of three quarters of the strings. */
function randomString(random: Random, kind: number, bytes: Uint8Array): void {
  for (let i = 0; i < STRING_BYTES; i += 4) {
    const word = random.next();
    bytes[i] = word;
    bytes[i + 1] = word >>> 8;
    bytes[i + 2] = word >>> 16;
    bytes[i + 3] = word >>> 24;
  }
  let at = 0;
  if ((kind & 2) !== 0) bytes[at++] = PREFIXES[(bytes[20] as number) % PREFIXES.length] as number;
  if ((kind & 1) !== 0) bytes[at] = 0x0f;
}

describe("the decoder reads bytes as Capstone does", () => {
  it(`for every form of the instruction table, ${SAMPLES_PER_FORM} encodings each`, () => {
    const random = new Random(86);
    const bytes = new Uint8Array(STRING_BYTES);
    for (const { encoding } of FORMS) {
      for (let sample = 0; sample < SAMPLES_PER_FORM; sample++) {
        randomString(random, 0, bytes);
        let at = 0;
        if (sample % 4 === 1) bytes[at++] = 0x66;
        if (sample % 8 >= 6) bytes[at++] = 0x67;
        if (encoding.map === 1) bytes[at++] = 0x0f;
        bytes[at++] = encoding.opcode + (encoding.registerInOpcode ? sample % 8 : 0);
        if (encoding.modRmByte >= 0) bytes[at] = encoding.modRmByte + (encoding.stackRegister ? sample % 8 : 0);
        else if (encoding.digit >= 0) bytes[at] = ((bytes[at] as number) & 0xc7) | (encoding.digit << 3);
        compare(bytes);
      }
    }
    expect(unexplained.slice(0, 20)).toEqual([]);
  });

  it(`for ${RANDOM_STRINGS} random byte strings`, () => {
    const random = new Random(0x9010_6086);
    const bytes = new Uint8Array(STRING_BYTES);
    for (let n = 0; n < RANDOM_STRINGS; n++) {
      randomString(random, n & 3, bytes);
      compare(bytes);
    }
    expect(unexplained.slice(0, 20)).toEqual([]);
  });

  it("and every known difference still occurs", () => {
    expect(DECODER_DIFFERENCES.filter(({ name }) => !explained.has(name)).map(({ name }) => name)).toEqual([]);
  });
});
