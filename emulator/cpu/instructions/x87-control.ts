/** Control of the x87 unit (Intel SDM vol. 1, 8.3.11). Clocks: p5-timing 7.8. */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { Vector, Word } from "../state.ts";
import { loadEnvironmentInstruction, restore, save, storeEnvironmentInstruction } from "../x87/environment.ts";
import { locate } from "../x87/memory.ts";
import {
  clearExceptions,
  initialise,
  markEmpty,
  moveTop,
  raisePending,
  StatusBit,
  setConditionCodes,
  setControl,
} from "../x87/unit.ts";
import type { Handler } from "./form.ts";
import { type Row, row } from "./row.ts";
import { stackField, x87Row } from "./x87-row.ts";

const CR0_MP = 2;
const CR0_TS = 8;

function loadControl(cpu: Cpu, instruction: number): void {
  setControl(cpu, cpu.access.read16(locate(cpu, instruction, 2, false)));
}

function storeWord(word: Word): Handler {
  return (cpu, instruction) => {
    cpu.access.write16(locate(cpu, instruction, 2, true), cpu.words[word] & 0xffff);
  };
}

function storeStatusInAx(cpu: Cpu): void {
  cpu.words[Word.Eax] = (cpu.words[Word.Eax] & ~0xffff) | (cpu.words[Word.X87Status] & 0xffff);
}

function rotate(by: number): Handler {
  return (cpu) => {
    setConditionCodes(cpu, 0, StatusBit.C1);
    moveTop(cpu, by);
  };
}

function free(cpu: Cpu, instruction: number): void {
  markEmpty(cpu, stackField(cpu, instruction));
}

function nothing(): void {
  // FNOP, and what the 8087 and 80287 needed.
}

/** WAIT: with CR0.MP and TS set it belongs to the unit like any other (SDM vol. 3, 2.5). */
function wait(cpu: Cpu): void {
  if ((cpu.words[Word.Cr0] & (CR0_MP | CR0_TS)) === (CR0_MP | CR0_TS)) raiseFault(cpu, Vector.DeviceNotAvailable);
  raisePending(cpu);
}

const WAITS = { control: true };
const DOES_NOT_WAIT = { control: true, waits: false };

export const X87_CONTROL_ROWS: readonly Row[] = [
  x87Row("fldcw", "D9 /5", "r:Mw", { run: loadControl, clocks: 8, ...WAITS }),
  x87Row("fnstcw", "D9 /7", "w:Mw", { run: storeWord(Word.X87Control), clocks: 2, ...DOES_NOT_WAIT }),
  x87Row("fnstsw", "DD /7", "w:Mw", { run: storeWord(Word.X87Status), clocks: 6, ...DOES_NOT_WAIT }),
  x87Row("fnstsw", "DF E0", "w:AX", { run: storeStatusInAx, clocks: 6, ...DOES_NOT_WAIT }),
  x87Row("fnclex", "DB E2", "", { run: clearExceptions, clocks: 9, ...DOES_NOT_WAIT }),
  x87Row("fninit", "DB E3", "", { run: initialise, clocks: 12, ...DOES_NOT_WAIT }),
  x87Row("fldenv", "D9 /4", "r:Me", { run: loadEnvironmentInstruction, clocks: 32, ...WAITS }),
  x87Row("fnstenv", "D9 /6", "w:Me", { run: storeEnvironmentInstruction, clocks: 48, ...DOES_NOT_WAIT }),
  x87Row("frstor", "DD /4", "r:Mf", { run: restore, clocks: 70, ...WAITS }),
  x87Row("fnsave", "DD /6", "w:Mf", { run: save, clocks: 124, ...DOES_NOT_WAIT }),
  x87Row("fincstp", "D9 F7", "", { run: rotate(1), clocks: 2, ...WAITS }),
  x87Row("fdecstp", "D9 F6", "", { run: rotate(-1), clocks: 2, ...WAITS }),
  x87Row("ffree", "DD C0+i", "w:Tt", { run: free, clocks: 2, ...WAITS }),
  x87Row("fnop", "D9 D0", "", { run: nothing, clocks: 1, ...WAITS }),
  // Interrupt enable and disable of the 8087, protected mode of the 80287: nothing since the 80387 (SDM vol. 3, 22.18).
  x87Row("fneni", "DB E0", "", { run: nothing, clocks: 1, ...DOES_NOT_WAIT }),
  x87Row("fndisi", "DB E1", "", { run: nothing, clocks: 1, ...DOES_NOT_WAIT }),
  x87Row("fnsetpm", "DB E4", "", { run: nothing, clocks: 1, ...DOES_NOT_WAIT }),
  row("wait", "9B", "", {
    handler: wait,
    clocks: 1,
    raises: [Vector.DeviceNotAvailable, Vector.FloatingPointError],
  }),
];
