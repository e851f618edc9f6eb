/** The floating-point group: every instruction of the Pentium's x87 unit, WAIT, and the escapes that are none. */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Vector } from "../state.ts";
import { requireUnit } from "../x87/unit.ts";
import { type Row, row } from "./row.ts";
import { X87_ARITHMETIC_ROWS } from "./x87-arithmetic.ts";
import { X87_CONTROL_ROWS } from "./x87-control.ts";
import { X87_DATA_TRANSFER_ROWS } from "./x87-data-transfer.ts";
import { X87_TRANSCENDENTAL_ROWS } from "./x87-transcendental.ts";

/** Reserved encodings: #UD, but an emulator that set CR0.EM, or a lazy switch, hears of them first. */
function reserved(cpu: Cpu): void {
  requireUnit(cpu);
  raiseFault(cpu, Vector.InvalidOpcode);
}

const RESERVED_ROWS = ["D8", "D9", "DA", "DB", "DC", "DD", "DE", "DF"].map((opcode) =>
  row("esc", `${opcode} reserved`, "a:En", {
    handler: reserved,
    endsBlock: true,
    clocks: 1,
    raises: [Vector.DeviceNotAvailable, Vector.InvalidOpcode],
  }),
);

export const X87_ROWS: readonly Row[] = [
  ...X87_DATA_TRANSFER_ROWS,
  ...X87_ARITHMETIC_ROWS,
  ...X87_TRANSCENDENTAL_ROWS,
  ...X87_CONTROL_ROWS,
  ...RESERVED_ROWS,
];
