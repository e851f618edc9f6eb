/** A propagation in words: who wrote what, in which line of which program. */
import type { Disassembler } from "../symbols/disassembler.ts";
import type { Activation } from "./activation.ts";
import type { Corruption } from "./corruption.ts";
import type { OwnerNames } from "./owner-names.ts";
import { ENTRY } from "./records.ts";

export interface WriterText {
  /** `instruction`, `message`, … (corruption.ts). */
  readonly kind: string;
  /** Program or kernel. */
  readonly by: string;
  /** `aes_encrypt_round+31`; "" for none. */
  readonly symbol: string;
  /** `xor eax, ebx`; "" for none. */
  readonly instruction: string;
  /** `aes.c:57`; "" when unknown. */
  readonly line: string;
}

const VECTORS: Readonly<Record<number, string>> = {
  14: "page fault",
  32: "timer",
  36: "serial line",
  48: "IPC",
  49: "system call",
};

/** Texts of instructions and writers, each worked out once. */
export class Describer {
  private readonly instructions = new Map<string, Pick<WriterText, "symbol" | "instruction" | "line">>();

  constructor(
    private readonly owners: OwnerNames,
    private readonly disassembler: Disassembler,
  ) {}

  instruction(thread: number, eip: number): Pick<WriterText, "symbol" | "instruction" | "line"> {
    const key = `${thread} ${eip}`;
    let known = this.instructions.get(key);
    if (known === undefined) {
      const code = this.owners.codeAt(thread, eip);
      const decoded = code && this.disassembler.one(code, eip);
      const line = this.owners.lineAt(thread, eip);
      known = {
        symbol: this.owners.symbolAt(thread, eip) ?? `0x${eip.toString(16)}`,
        instruction: decoded === undefined ? "" : `${decoded.mnemonic} ${decoded.operands}`.trim(),
        line: line === undefined ? "" : `${line.file.replace(/^.*\//, "")}:${line.line}`,
      };
      this.instructions.set(key, known);
    }
    return known;
  }

  writer({ writer }: Pick<Corruption, "writer">): WriterText {
    const { kind, thread, eip, vector, sender } = writer;
    const nothing = { symbol: "", instruction: "", line: "" };
    if (kind === "fault") return { kind, by: "the fault", ...nothing };
    if (kind === "message") {
      const from = sender === undefined ? "somebody" : this.owners.threadName(sender);
      return { kind, by: `the kernel, message from ${from}`, ...nothing };
    }
    if (kind === "kernel") {
      const path = VECTORS[vector] ?? (vector === ENTRY ? "entry" : vector < 0 ? "return" : `vector ${vector}`);
      const called = eip === 0 ? nothing : this.instruction(thread, eip);
      return { kind, by: `the kernel, ${path} of ${this.owners.threadName(thread)}`, ...called };
    }
    const name = this.owners.threadName(thread);
    if (kind === "walk")
      return { kind, by: `the page walk of ${name}`, ...(eip === 0 ? nothing : this.instruction(thread, eip)) };
    const by = kind === "omission" ? `${name} (what the golden run writes is not written)` : name;
    return { kind, by, ...(eip === 0 ? nothing : this.instruction(thread, eip)) };
  }

  /** `replica-2 at aes_encrypt_round+31: xor al, bl (aes.c:57)`. */
  sentence({ by, symbol, instruction, line }: WriterText): string {
    const at = symbol === "" ? "" : ` at ${symbol}`;
    const what = instruction === "" ? "" : `: ${instruction}`;
    return `${by}${at}${what}${line === "" ? "" : ` (${line})`}`;
  }

  activation({ kind, thread, eip }: Activation): string {
    if (thread === undefined || eip === undefined) return kind === "never-read" ? "never read" : kind;
    if (eip === 0) return `${kind} by the kernel`;
    const by = { kind: "instruction", by: this.owners.threadName(thread), ...this.instruction(thread, eip) };
    return `${kind} by ${this.sentence(by)}`;
  }
}
