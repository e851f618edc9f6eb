/**
 * Where two judges disagree after undefined results are masked, and which one is believed. Nothing is dropped in
 * silence: the vector generator stops at a disagreement that no row here explains.
 */
import type { Encoding } from "./catalogue.ts";
import type { Outcome, TestCase } from "./test-driver.ts";

export interface Disagreement {
  readonly encoding: Encoding;
  readonly test: TestCase;
  readonly silicon: Outcome;
  readonly unicorn: Outcome;
}

export interface KnownDifference {
  readonly name: string;
  /** Why libunicorn is not believed here. */
  readonly reason: string;
  applies(disagreement: Disagreement): boolean;
}

const WRITE = 2;
const PAGE_FAULT = 14;
const INVALID_OPCODE = 6;

function bothFaultOnPage({ silicon, unicorn }: Disagreement): boolean {
  return silicon.fault?.vector === PAGE_FAULT && unicorn.fault?.vector === PAGE_FAULT;
}

export const UNICORN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: "read-modify-write fault reported as a read",
    reason:
      "A processor checks a read-modify-write operand for writing before it reads (SDM vol. 3, 4.7: W/R bit); the translator reads first.",
    applies: (d) =>
      bothFaultOnPage(d) &&
      d.encoding.access === "rw" &&
      ((d.silicon.fault?.errorCode ?? 0) & WRITE) !== 0 &&
      ((d.unicorn.fault?.errorCode ?? 0) & WRITE) === 0 &&
      sameExceptFault(d.silicon, d.unicorn),
  },
  {
    name: "flags or memory changed by an instruction that faults",
    reason:
      "A fault leaves the state as before the instruction (SDM vol. 3, 6.5); the translator writes the flags of a rotate, and the first bytes of a store that crosses into an absent page, before it finds the fault.",
    applies: (d) => bothFaultOnPage(d) && unchanged(d.test, d.silicon),
  },
  {
    name: "stack bytes and address of a PUSHA, POPA or ENTER that faults midway",
    reason:
      "The manual gives the order of the accesses only as pseudocode; silicon pushes downwards from EAX and leaves what it pushed, the translator goes upwards and skips the slot of ESP. Neither is compared: see golden-format.ts, uncheckedMemory.",
    applies: (d) => bothFaultOnPage(d) && /^(pusha|popa|enter)$/.test(d.encoding.mnemonic),
  },
  {
    name: "ENTER into a stack that is not there",
    reason:
      "ENTER checks that the new top of the stack can be written (SDM vol. 2, ENTER: #PF, #SS); the translator does not.",
    applies: (d) => d.encoding.mnemonic === "enter" && d.silicon.fault !== undefined && d.unicorn.fault === undefined,
  },
  {
    name: "CMPXCHG8B of unequal values on a read-only page",
    reason:
      "The destination gets a write cycle whatever the comparison says (SDM vol. 2, CMPXCHG8B); the translator writes only when equal.",
    applies: (d) =>
      d.encoding.mnemonic === "cmpxchg8b" && d.silicon.fault?.vector === PAGE_FAULT && d.unicorn.fault === undefined,
  },
  {
    name: "second encoding of TEST",
    reason:
      "F6 /1 and F7 /1 do what /0 does on every processor (AMD APM vol. 3, table A-6); this version of the translator calls them undefined.",
    applies: (d) => /^F[67]\/1$/.test(d.encoding.key) && d.unicorn.fault?.vector === INVALID_OPCODE,
  },
  {
    name: "RET with 32 KiB or more to pop",
    reason:
      "The immediate is an unsigned count of bytes (SDM vol. 2, RET); this version of the translator extends its sign.",
    applies: (d) => d.encoding.key === "C2" && d.unicorn.fault?.vector === d.silicon.fault?.vector && popsMuch(d.test),
  },
];

function popsMuch(test: TestCase): boolean {
  const code = test.patches[test.patches.length - 1]?.bytes ?? new Uint8Array();
  return ((code[code.length - 1] ?? 0) & 0x80) !== 0;
}

function sameExceptFault(a: Outcome, b: Outcome): boolean {
  return (
    a.eip === b.eip &&
    a.registers.every((value, i) => value === b.registers[i]) &&
    b.changes.length === a.changes.length
  );
}

function unchanged(test: TestCase, outcome: Outcome): boolean {
  return (
    outcome.changes.length === 0 &&
    outcome.registers.every((value, i) => value === test.registers[i]) &&
    ((outcome.eflags ^ test.eflags) & 0x8d5) === 0
  );
}

/** Kinds of encodings (catalogue.ts) that libunicorn judges: user-level integer instructions without selectors. */
export const UNICORN_KINDS =
  /^(|shift|double-shift|bit-string|scan|multiply|divide|stack|accumulator|exchange|branch|branch-indirect|string|xlat|bswap|compare-exchange|compare-exchange-8|return|leave|enter|bound|into)$/;
