/** Trigonometry, logarithms, exponentials (Intel SDM vol. 1, 8.3.7 to 8.3.10). Clocks: p5-timing 7.8. */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Vector } from "../state.ts";
import type { Row } from "./row.ts";
import { x87Row } from "./x87-row.ts";

function notYet(cpu: Cpu): void {
  raiseFault(cpu, Vector.InvalidOpcode);
}

export const X87_TRANSCENDENTAL_ROWS: readonly Row[] = [
  // Where a range of clocks is published, its middle: what of the operand decides is not.
  x87Row("f2xm1", "D9 F0", "rw:ST", { run: notYet, clocks: 56, overlap: [2, 2] }),
  x87Row("fyl2x", "D9 F1", "r:ST rw:ST1", { run: notYet, clocks: 103, overlap: [2, 2], stack: -1 }),
  x87Row("fptan", "D9 F2", "rw:ST", { run: notYet, clocks: 133, overlap: [36, 0], stack: 1 }),
  x87Row("fpatan", "D9 F3", "r:ST rw:ST1", { run: notYet, clocks: 123, overlap: [2, 2], stack: -1 }),
  x87Row("fyl2xp1", "D9 F9", "r:ST rw:ST1", { run: notYet, clocks: 105, overlap: [2, 2], stack: -1 }),
  x87Row("fsincos", "D9 FB", "rw:ST", { run: notYet, clocks: 100, overlap: [2, 2], stack: 1 }),
  x87Row("fsin", "D9 FE", "rw:ST", { run: notYet, clocks: 82, overlap: [2, 2] }),
  x87Row("fcos", "D9 FF", "rw:ST", { run: notYet, clocks: 82, overlap: [2, 2] }),
];
