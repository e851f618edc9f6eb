/**
 * Floating-point escapes (D8-DF) and WAIT. The x87 unit is not there yet: an escape raises #NM when CR0.EM or CR0.TS
 * asks for it (an emulator or a lazy switch would then take over), otherwise #UD.
 */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Vector, Word } from "../state.ts";
import { type Row, row } from "./row.ts";

const CR0_MP = 2;
const CR0_EM = 4;
const CR0_TS = 8;

function escapeToCoprocessor(cpu: Cpu): void {
  const unavailable = (cpu.words[Word.Cr0] & (CR0_EM | CR0_TS)) !== 0;
  raiseFault(cpu, unavailable ? Vector.DeviceNotAvailable : Vector.InvalidOpcode);
}

function wait(cpu: Cpu): void {
  if ((cpu.words[Word.Cr0] & (CR0_MP | CR0_TS)) === (CR0_MP | CR0_TS)) raiseFault(cpu, Vector.DeviceNotAvailable);
}

const RAISES = [Vector.DeviceNotAvailable, Vector.InvalidOpcode];

export const X87_ROWS: readonly Row[] = [
  ...["D8", "D9", "DA", "DB", "DC", "DD", "DE", "DF"].map((opcode) =>
    row("esc", `${opcode} /r`, "a:En", { handler: escapeToCoprocessor, endsBlock: true, clocks: 1, raises: RAISES }),
  ),
  row("wait", "9B", "", { handler: wait, clocks: 1, raises: [Vector.DeviceNotAvailable] }),
];
