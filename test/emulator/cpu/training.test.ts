import { describe, expect, it } from "vitest";
import { BlockWord, MicroWord } from "../../../emulator/cpu/decode-records.ts";
import { Micro } from "../../../emulator/cpu/interpreter-micro.ts";
import { TRAINING_MEMORY_BYTES } from "../../../emulator/cpu/interpreter-training.ts";
import { createMachine } from "../../../emulator/index.ts";
import { Layout } from "../../../emulator/memory/layout.ts";

/** Micro-operations in all blocks of the decoded-instruction region: a block's header tells where its own first one is. */
function decodedMicros(words: Int32Array): Set<number> {
  const found = new Set<number>();
  const end = (Layout.DecodedInstructions + Layout.DecodedInstructionsBytes) / 4;
  for (let block = Layout.DecodedInstructions / 4; block < end; block += 2) {
    if (words[block + BlockWord.FirstMicro] !== block + BlockWord.Words) continue;
    const last = words[block + BlockWord.FirstInstruction] as number;
    for (let micro = block + BlockWord.Words; micro < last; micro += MicroWord.Words) found.add(words[micro] as number);
  }
  return found;
}

describe("the training program", () => {
  it.each(["simple", "p5"] as const)("decodes to every micro-operation there is (%s timing)", (timing) => {
    const machine = createMachine({ memoryBytes: TRAINING_MEMORY_BYTES, timing });
    machine.train();
    const found = decodedMicros(machine.linear.words32);
    const missing: number[] = [];
    for (let micro = Micro.End as number; micro <= Micro.HandlerEnd; micro++)
      if (!found.has(micro)) missing.push(micro);
    expect(missing).toEqual([]);
    expect(found.has(Micro.CheckBank)).toBe(timing === "p5");
  });

  it("leaves no trace in machines made afterwards", () => {
    const digest = () => createMachine({ memoryBytes: 1 << 20 }).stateDigest();
    const before = digest();
    createMachine({ memoryBytes: TRAINING_MEMORY_BYTES }).train();
    expect(digest()).toBe(before);
  });
});
