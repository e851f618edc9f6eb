/** IN and OUT (Intel SDM vol. 1, 5.1.9). Permission and bus clocks are port-access.ts's. */
import type { Cpu } from "../cpu.ts";
import { portModeClocks, portRead, portWrite } from "../port-access.ts";
import { Vector, Word } from "../state.ts";
import { addClocks, immediate, operandBytes, readRegister, writeRegister } from "./operands.ts";
import { type Row, row } from "./row.ts";

function inputImmediate(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  addClocks(cpu, portModeClocks(cpu));
  writeRegister(cpu, Word.Eax, bytes, portRead(cpu, immediate(cpu, instruction) & 0xff, bytes));
}

function inputDx(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  addClocks(cpu, portModeClocks(cpu));
  writeRegister(cpu, Word.Eax, bytes, portRead(cpu, cpu.words[Word.Edx] & 0xffff, bytes));
}

function outputImmediate(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  addClocks(cpu, portModeClocks(cpu));
  portWrite(cpu, immediate(cpu, instruction) & 0xff, bytes, readRegister(cpu, Word.Eax, bytes));
}

function outputDx(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  addClocks(cpu, portModeClocks(cpu));
  portWrite(cpu, cpu.words[Word.Edx] & 0xffff, bytes, readRegister(cpu, Word.Eax, bytes));
}

const PORT = { privilege: "port", endsBlock: true, raises: [Vector.GeneralProtection] } as const;
const IN = { ...PORT, clocks: 4 };
const OUT = { ...PORT, clocks: 9 };

export const INPUT_OUTPUT_ROWS: readonly Row[] = [
  row("in", "E4 ib", "w:AL r:Ib", { ...IN, handler: inputImmediate }),
  row("in", "E5 ib", "w:eAX r:Ib", { ...IN, handler: inputImmediate }),
  row("in", "EC", "w:AL r:DX", { ...IN, handler: inputDx }),
  row("in", "ED", "w:eAX r:DX", { ...IN, handler: inputDx }),
  row("out", "E6 ib", "r:Ib r:AL", { ...OUT, handler: outputImmediate }),
  row("out", "E7 ib", "r:Ib r:eAX", { ...OUT, handler: outputImmediate }),
  row("out", "EE", "r:DX r:AL", { ...OUT, handler: outputDx }),
  row("out", "EF", "r:DX r:eAX", { ...OUT, handler: outputDx }),
];
