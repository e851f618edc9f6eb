/** Flag control (Intel SDM vol. 1, 5.1.11) and SALC. */
import type { Cpu } from "../cpu.ts";
import { Auxiliary } from "../flags.ts";
import { cli, sti } from "../port-access.ts";
import { Flag, Vector, Word } from "../state.ts";
import { readRegister, writeRegister } from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";

const AH = 4;

/** Flipping both carry bits together changes CF and keeps OF. */
function complementCarry(cpu: Cpu): void {
  cpu.words[Word.FlagAuxiliary] ^= Auxiliary.CarryOverflow;
}

function clearCarry(cpu: Cpu): void {
  if (cpu.words[Word.FlagAuxiliary] < 0) complementCarry(cpu);
}

function setCarry(cpu: Cpu): void {
  if (cpu.words[Word.FlagAuxiliary] >= 0) complementCarry(cpu);
}

function clearDirection(cpu: Cpu): void {
  cpu.words[Word.SystemFlags] &= ~Flag.Df;
}

function setDirection(cpu: Cpu): void {
  cpu.words[Word.SystemFlags] |= Flag.Df;
}

const LOW_FLAGS = Flag.Sf | Flag.Zf | Flag.Af | Flag.Pf | Flag.Cf;

function loadFlagsToAh(cpu: Cpu): void {
  writeRegister(cpu, AH, 1, (cpu.eflags & LOW_FLAGS) | Flag.Reserved1);
}

function storeAhToFlags(cpu: Cpu): void {
  cpu.eflags = (cpu.eflags & ~LOW_FLAGS) | (readRegister(cpu, AH, 1) & LOW_FLAGS);
}

/** SALC, undocumented: AL := CF ? FF : 0. */
function setAlFromCarry(cpu: Cpu): void {
  writeRegister(cpu, 0, 1, cpu.words[Word.FlagAuxiliary] >> 31);
}

const IOPL = { privilege: "iopl", endsBlock: true, clocks: 7, raises: [Vector.GeneralProtection] } as const;

export const FLAG_CONTROL_ROWS: readonly Row[] = [
  row("cmc", "F5", "", { handler: complementCarry, flags: flags("c", "c"), clocks: 2 }),
  row("clc", "F8", "", { handler: clearCarry, flags: flags("c"), clocks: 2 }),
  row("stc", "F9", "", { handler: setCarry, flags: flags("c"), clocks: 2 }),
  row("cli", "FA", "", { ...IOPL, handler: cli, flags: flags("i") }),
  row("sti", "FB", "", { ...IOPL, handler: sti, flags: flags("i") }),
  row("cld", "FC", "", { handler: clearDirection, flags: flags("d"), clocks: 2 }),
  row("std", "FD", "", { handler: setDirection, flags: flags("d"), clocks: 2 }),
  row("sahf", "9E", "", { handler: storeAhToFlags, flags: flags("szapc"), clocks: 2, implicitRead: Registers.Eax }),
  row("lahf", "9F", "", {
    handler: loadFlagsToAh,
    flags: flags("", "szapc"),
    clocks: 2,
    implicitRead: Registers.Eax,
    implicitWritten: Registers.Eax,
  }),
  row("salc", "D6", "", {
    handler: setAlFromCarry,
    flags: flags("", "c"),
    clocks: 2,
    implicitRead: Registers.Eax,
    implicitWritten: Registers.Eax,
  }),
];
