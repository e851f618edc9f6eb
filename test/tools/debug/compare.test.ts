import { describe, expect, it } from "vitest";
import type { ComparedSide } from "../../../tools/debug/compare.ts";
import { compareReplicas, compareWithGolden } from "../../../tools/debug/compare-report.ts";
import type { Debuggee } from "../../../tools/debug/debuggee.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { bundledDebuggee, threeOfOneProgram } from "./debuggees.ts";

const FAULT = "replica-2:aes_state+5:flip:2@instruction=170000";

function side(debuggee: Debuggee, name: string, label = name): ComparedSide {
  return {
    debuggee,
    thread: debuggee.plan.components.find((known) => known.name === name)?.threadNumber ?? 0,
    name: label,
  };
}

describe("two replicas side by side", () => {
  it("never part without a fault, whatever their programs", async () => {
    const sides = [side(bundledDebuggee([]), "replica-1"), side(bundledDebuggee([]), "replica-3")] as const;
    const { parted, text } = await compareReplicas(sides, await Disassembler.load(), {});
    expect(parted, text).toBe(false);
  });

  it("of different programs part in the answer that carries the fault's effect: one AES block", async () => {
    const sides = [side(bundledDebuggee([FAULT]), "replica-1"), side(bundledDebuggee([FAULT]), "replica-2")] as const;
    const { parted, text } = await compareReplicas(sides, await Disassembler.load(), {});
    expect(parted).toBe(true);
    expect(text).toContain("two programs");
    expect(text).toMatch(/message \d+ to voter carries it: 4 of \d+ words differ/);
  });

  it("of one program part at the instruction that first uses the flipped bit", async () => {
    const sides = [
      side(threeOfOneProgram([FAULT]), "replica-1"),
      side(threeOfOneProgram([FAULT]), "replica-2"),
    ] as const;
    const { parted, text } = await compareReplicas(sides, await Disassembler.load(), {});
    expect(parted).toBe(true);
    expect(text).toMatch(/they part [\d,]+ equal instructions after message \d/);
    const states = [...text.matchAll(/aes_state\+\d+\] = 0x([0-9a-f]+)/g)].map((match) =>
      Number.parseInt(match[1] ?? "", 16),
    );
    expect(states).toHaveLength(2);
    // What was written differs in exactly the bit that was flipped: bit 2 of byte 5 is bit 10 of word 1.
    expect(((states[0] ?? 0) ^ (states[1] ?? 0)) >>> 0).toBe(1 << 10);
  });
});

describe("golden beside faulty", () => {
  it("shows the first instruction that did something else, and the message", async () => {
    const sides = [
      side(bundledDebuggee([]), "replica-2", "golden"),
      side(bundledDebuggee([FAULT]), "replica-2", "faulty"),
    ] as const;
    const { parted, text } = await compareWithGolden(sides, await Disassembler.load(), {});
    expect(parted).toBe(true);
    expect(text).toMatch(/struck at cycle/);
    expect(text).toMatch(/they part [\d,]+ instructions after the fault/);
    expect(text).toMatch(/carries it: 4 of \d+ words differ/);
  });

  it("says that a fault is masked when nothing comes of it", async () => {
    // The second S-box table of decryption is not read by an encryption.
    const masked = "replica-2:aes_inverse_sbox+8:flip:0@instruction=170000";
    const sides = [
      side(bundledDebuggee([]), "replica-2", "golden"),
      side(bundledDebuggee([masked]), "replica-2", "faulty"),
    ] as const;
    const { parted, text } = await compareWithGolden(sides, await Disassembler.load(), {});
    expect(parted, text).toBe(false);
    expect(text).toContain("the fault is masked");
  });
});
