import type { KernelContext } from "./context.ts";
import { TSS_BYTES } from "./memory-map.ts";
import { defineStruct } from "./struct.ts";
import { Selector } from "./tcb.ts";

/** The one task state segment (Intel SDM vol. 3, 7.2.1): ring 0's stack, and where the I/O permission bitmap begins. */
export const TSS = defineStruct(
  "tss",
  {
    backLink: "word",
    esp0: "pointer",
    ss0: "word",
    esp1: "word",
    ss1: "word",
    esp2: "word",
    ss2: "word",
    cr3: "word",
    eip: "word",
    eflags: "word",
    registers: ["word", 8],
    segments: ["word", 6],
    ldt: "word",
    ioMapBase: "word",
  },
  TSS_BYTES,
);

export const enum TssField {
  Esp0 = 4,
  Ss0 = 8,
  IoMapBase = 100,
}

export function writeTss(k: KernelContext): void {
  k.memory.fill(k.map.tss, TSS_BYTES, 0);
  k.store(k.map.tss + TssField.Ss0, Selector.KernelData);
  k.store(k.map.tss + TssField.IoMapBase, TSS_BYTES << 16);
}
