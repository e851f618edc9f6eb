/** `quorum86 clocks` against sequences whose clocks were worked out by hand (sequences.ts). */
import { beforeAll, describe, expect, it } from "vitest";
import { measureClocks } from "../../../tools/clocks/clocks-measure.ts";
import { programFromHex } from "../../../tools/clocks/clocks-program.ts";
import type { ClocksSetup } from "../../../tools/clocks/clocks-run.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { CLOCKS_SEQUENCES } from "./sequences.ts";

const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

let disassembler: Disassembler;

beforeAll(async () => {
  disassembler = await Disassembler.load();
});

/** What the command makes of the options that the table uses. */
function setupOf(options: string): { setup: ClocksSetup; unroll: boolean | undefined } {
  const registers = new Map<number, number>();
  const pokes: { address: number; bytes: Uint8Array }[] = [];
  const p5: Record<string, number | boolean> = {};
  for (const [, option, name, value] of options.matchAll(/--(set|poke|parameter) (\w+)=(\w+)/g)) {
    if (option === "set") registers.set(REGISTERS.indexOf(name!), Number(value));
    else if (option === "poke") pokes.push({ address: Number(name), bytes: Buffer.from(value!, "hex") });
    else p5[name!] = value === "true" ? true : value === "false" ? false : Number(value);
  }
  const unroll = options.includes("--no-unroll") ? false : options.includes("--unroll") ? true : undefined;
  return { setup: { registers, pokes, parameters: [], paging: options.includes("--paging"), p5 }, unroll };
}

describe("sequences worked out by hand", () => {
  it.each(CLOCKS_SEQUENCES)("$text ($options): $clocks", ({ text, code, clocks, options = "" }) => {
    const bytes = Buffer.from(code, "hex");
    const listed = disassembler.list(bytes, 0x1_0000).map((each) => `${each.mnemonic} ${each.operands}`.trim());
    expect(listed.join("; ")).toBe(text);
    const { setup, unroll } = setupOf(options);
    const { steady } = measureClocks(
      programFromHex(code),
      setup,
      { iterations: 40, unroll, preload: true },
      disassembler,
    );
    const [least, most] = typeof clocks === "number" ? [clocks, clocks] : clocks;
    expect(steady.clocks).toBeGreaterThanOrEqual(least);
    expect(steady.clocks).toBeLessThanOrEqual(most);
  });
});
