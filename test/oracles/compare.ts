/** Says in what two outcomes differ, undefined results left out. */
import { type Outcome, type Patch, REGISTER_NAMES, SEGMENT_NAMES } from "./test-driver.ts";

export interface Mask {
  /** EFLAGS bits not to compare. */
  readonly flags: number;
  /** Registers not to compare, bit n = register n. */
  readonly registers: number;
  /** Which bits of those registers; all when left out. */
  readonly bits?: number;
  /** Leave out memory and the address of a page fault. */
  readonly memory?: boolean;
}

export const COMPARE_ALL: Mask = { flags: 0, registers: 0 };

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function describeFault(outcome: Outcome, mask: Mask): string {
  const fault = outcome.fault;
  if (fault === undefined) return "no fault";
  if (mask.memory === true) return `vector ${fault.vector} error ${fault.errorCode.toString(16)}`;
  return `vector ${fault.vector} error ${fault.errorCode.toString(16)} address ${hex(fault.linearAddress)}`;
}

function describeChanges(changes: readonly Patch[]): string {
  return (
    changes.map((change) => `${hex(change.address)}:${Buffer.from(change.bytes).toString("hex")}`).join(" ") || "none"
  );
}

/** One line a difference: what, expected, got. Empty when the outcomes agree. */
export function compareOutcomes(expected: Outcome, got: Outcome, mask: Mask): string[] {
  const lines: string[] = [];
  const note = (what: string, a: string, b: string): void => {
    if (a !== b) lines.push(`${what}: expected ${a}, got ${b}`);
  };
  note("fault", describeFault(expected, mask), describeFault(got, mask));
  note("eip", hex(expected.eip), hex(got.eip));
  for (let i = 0; i < 8; i++) {
    const compared = (mask.registers & (1 << i)) === 0 ? 0xffff_ffff : ~(mask.bits ?? 0xffff_ffff);
    const [a, b] = [(expected.registers[i] ?? 0) & compared, (got.registers[i] ?? 0) & compared];
    note(REGISTER_NAMES[i] ?? "", hex(a), hex(b));
  }
  note("eflags", hex(expected.eflags & ~mask.flags), hex(got.eflags & ~mask.flags));
  for (let i = 0; i < 6; i++) note(SEGMENT_NAMES[i] ?? "", hex(expected.segments[i] ?? 0), hex(got.segments[i] ?? 0));
  if (mask.memory !== true) note("memory", describeChanges(expected.changes), describeChanges(got.changes));
  return lines;
}
