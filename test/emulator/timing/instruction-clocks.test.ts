/** Single instructions, each behind a CLC (2 clocks, not pairable), which hides one prefix. */
import { beforeAll, describe, expect, it } from "vitest";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { INSTRUCTION_CLOCKS } from "./instruction-clocks-table.ts";
import { TimingRig } from "./rig.ts";

let disassembler: Disassembler;

beforeAll(async () => {
  disassembler = await Disassembler.load();
});

describe("clocks of instructions", () => {
  it.each(INSTRUCTION_CLOCKS)("$text: $clocks", ({ text, code, clocks, prefixes }) => {
    const listing = disassembler.list(Buffer.from(code, "hex"), 0x1000);
    expect(listing.map(({ mnemonic, operands }) => `${mnemonic} ${operands}`.trim()).join("; ")).toBe(text);
    const measured = new TimingRig().steady(`f8${code}`, listing.length + 1, false, 16);
    expect(measured).toBe(2 + clocks + Math.max(0, prefixes - 1));
  });
});
