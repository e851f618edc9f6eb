import { beforeAll, describe, expect, it } from "vitest";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { MICRO_BENCHMARKS } from "./micro-benchmarks.ts";
import { TimingRig } from "./rig.ts";

let disassembler: Disassembler;

beforeAll(async () => {
  disassembler = await Disassembler.load();
});

describe("micro-benchmarks of the acceptance list", () => {
  it.each(MICRO_BENCHMARKS)("row $row: $text takes $clocks ($rule)", ({ shape, text, code, clocks, registers }) => {
    const listing = disassembler.list(Buffer.from(code, "hex"), 0x1000);
    expect(listing.map(({ mnemonic, operands }) => `${mnemonic} ${operands}`.trim()).join("; ")).toBe(text);
    const measured = new TimingRig().steady(code, listing.length, shape === "loop", 40, registers);
    const [least, most] = typeof clocks === "number" ? [clocks, clocks] : clocks;
    expect(measured).toBeGreaterThanOrEqual(least);
    expect(measured).toBeLessThanOrEqual(most);
  });
});
