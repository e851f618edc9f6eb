import { describe, expect, it } from "vitest";
import { absolute, encodeForm, hasOperandSizes, wantsMemory } from "../../../emulator/cpu/instructions/encode.ts";
import type { InstructionForm } from "../../../emulator/cpu/instructions/form.ts";
import { FORMS } from "../../../emulator/cpu/instructions/table.ts";
import { Word } from "../../../emulator/index.ts";
import { CODE, Guest, STACK } from "./guest.ts";

/** Mulberry32. */
function generator(seed: number): (range: number) => number {
  let state = seed;
  return (range) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % range;
  };
}

const DATA_START = 0x1_0000;
const DATA_BYTES = 0x4000;
const PROGRAM_INSTRUCTIONS = 120;
const RUN_INSTRUCTIONS = 1500;
const PROGRAMS = 60;
/** Programs in which an element of a REP instruction waits and another instruction hides a prefix behind that. */
const WAITING_REPEATS = [108, 163, 5158, 5201, 5225];

/** Forms that stay inside a program: no faults by design, no far transfers, no system state. */
const ORDINARY = FORMS.filter(({ mnemonic, operands, privilege, repeat, implicitWritten, transfers, encoding }) => {
  if (
    privilege !== "user" ||
    repeat !== undefined ||
    transfers ||
    /^(i?div|bound|esc|f(ldcw|ldenv|rstor)|ud\d|rsm|rdtsc|aam|enter|leave|popa|l[defgs]s|sidt|sgdt)/.test(mnemonic)
  )
    return false;
  // Stack instructions come as pairs below; segment registers stay flat.
  if ((implicitWritten & (1 << 4)) !== 0) return false;
  return !operands.some(({ method, access }) => method === "S" && access === "w") && encoding.text !== "D7";
});
const BRANCHES = FORMS.filter(({ encoding }) => encoding.immediates.includes("cb"));

function ordinary(form: InstructionForm, random: (range: number) => number): number[] {
  const operandSize = hasOperandSizes(form) && random(4) === 0 ? 16 : 32;
  // ESP keeps its value: register 4 is AH in byte forms, but ESP in the others.
  const register = [0, 1, 2, 3, 5, 6, 7][random(7)] as number;
  // Every fortieth memory operand is in the program itself.
  const area = random(40) === 0 ? CODE + random(400) : DATA_START + random(DATA_BYTES);
  const inMemory = wantsMemory(form) ?? random(2) === 0;
  const rm = inMemory ? absolute(area) : ([0, 1, 2, 3, 5, 6, 7][random(7)] as number);
  const immediates = form.encoding.immediates.includes("mo") ? [area] : [random(0x1_0000_0000), random(256)];
  const prefixes = form.lockable && inMemory && random(8) === 0 ? [0xf0] : [];
  return [...encodeForm(form, { operandSize, register, rm, immediates, prefixes })];
}

/** A program that loops through random instructions for ever. */
function program(seed: number): Uint8Array {
  const random = generator(seed);
  const code: number[] = [];
  for (let i = 0; i < PROGRAM_INSTRUCTIONS; i++) {
    const kind = random(20);
    if (kind === 0) {
      // Over the next one, or a short loop back that ends when ECX does.
      const form = BRANCHES[random(BRANCHES.length)] as InstructionForm;
      const skipped = ordinary(ORDINARY[random(ORDINARY.length)] as InstructionForm, random);
      code.push(...encodeForm(form, { immediates: [skipped.length] }), ...skipped);
    } else if (kind === 1) {
      // mov esi/edi/ecx, then REP with a few elements.
      const string = [0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xa7, 0xae, 0xaf, 0xac, 0xad][random(10)] as number;
      const address = (register: number, value: number): number[] => [
        0xb8 | register,
        value & 0xff,
        (value >> 8) & 0xff,
        value >> 16,
        0,
      ];
      code.push(...address(6, DATA_START + random(DATA_BYTES)), ...address(7, DATA_START + random(DATA_BYTES)));
      code.push(...address(1, random(40)), random(2) === 0 ? 0xf3 : 0xf2, string);
    } else if (kind === 2) {
      // A push and a pop, and a call over which the return address is dropped.
      code.push(0x50 | random(8), 0x58 | ([0, 1, 2, 3, 5, 6, 7][random(7)] as number));
      code.push(0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x04);
    } else code.push(...ordinary(ORDINARY[random(ORDINARY.length)] as InstructionForm, random));
  }
  const back = -(code.length + 5);
  return Uint8Array.from([...code, 0xe9, back & 0xff, (back >> 8) & 0xff, 0xff, 0xff]);
}

function start(guest: Guest, seed: number): void {
  const random = generator(seed ^ 0x5555);
  guest.machine.reset();
  guest.setUp();
  const { cpu, memory } = guest.machine;
  memory.writeBytes(
    DATA_START,
    Uint8Array.from({ length: DATA_BYTES + 64 }, () => random(256)),
  );
  memory.writeBytes(CODE, program(seed));
  for (let register = 0; register < 8; register++) cpu.words[register] = random(0x1_0000_0000);
  cpu.words[Word.Esp] = STACK;
  // The unit as FNINIT leaves it; what reloads the masks is not among the instructions. In every fourth program division by zero and
  // stack faults are unmasked: #MF, or the CPU stops in front of the next waiting instruction.
  cpu.words[Word.X87Control] = seed % 4 === 0 ? 0x37a : 0x37f;
  if (seed % 8 === 0) cpu.words[Word.Cr0] |= 0x20;
  cpu.words[Word.X87Empty] = 0xff;
}

interface Progress {
  digest: string;
  cycles: number;
  instructions: number;
}

function progress({ machine }: Guest): Progress {
  return { digest: machine.stateDigest(), cycles: machine.cycles, instructions: machine.instructions };
}

describe.each(["simple", "p5"] as const)("random programs with %s timing", (timing) => {
  const guest = new Guest({ timing });
  const { machine } = guest;

  it("give the same state at the same clock in one piece, in slices of clocks or instructions, and observed", () => {
    let faulted = 0;
    for (const seed of [...Array.from({ length: PROGRAMS }, (_, i) => i + 1), ...WAITING_REPEATS]) {
      start(guest, seed);
      const limit = machine.instructions + RUN_INSTRUCTIONS;
      const limits = { instructions: limit, cycle: machine.cycles + 40 * RUN_INSTRUCTIONS };
      const reason = machine.run(limits);
      const whole = progress(guest);
      if (reason.kind === "halted") faulted++;

      const random = generator(seed);
      start(guest, seed);
      for (let last = "cycle"; last === "cycle" && machine.cycles < limits.cycle; ) {
        last = machine.run({ ...limits, cycle: Math.min(limits.cycle, machine.cycles + 1 + random(60)) }).kind;
      }
      expect(progress(guest), `program ${seed}, sliced by clocks`).toEqual(whole);

      start(guest, seed);
      for (let last = "instructions"; last === "instructions" && machine.instructions < limit; ) {
        last = machine.run({ ...limits, instructions: Math.min(limit, machine.instructions + 1 + random(9)) }).kind;
      }
      expect(progress(guest), `program ${seed}, sliced by instructions`).toEqual(whole);

      start(guest, seed);
      const detach = machine.observe({ beforeInstruction: () => {}, memoryWrite: () => {} });
      machine.run(limits);
      detach();
      expect(progress(guest), `program ${seed}, observed`).toEqual(whole);
    }
    // Most programs run on: the comparison is of something.
    expect(faulted).toBeLessThan(PROGRAMS / 2);
  });
});

describe("a limit at the boundary before a REP instruction", () => {
  // Such an instruction is charged as it runs: the clocks of its block end where it begins.
  it.each(["simple", "p5"] as const)("stops before it, watched or not (%s)", (timing) => {
    const stops = [false, true].map((watched) => {
      const guest = new Guest({ timing });
      const { machine } = guest;
      const { cpu, memory } = machine;
      // mov ecx, 4; mov esi, 2000h; mov edi, 3000h; rep movsd
      const code = [0xb9, 4, 0, 0, 0, 0xbe, 0, 0x20, 0, 0, 0xbf, 0, 0x30, 0, 0, 0xf3, 0xa5];
      memory.writeBytes(CODE, Uint8Array.from(code));
      // Once for the code cache; then every clock of it is a limit.
      machine.run({ instructions: machine.instructions + 4 });
      const seen: string[] = [];
      for (let limit = 0; limit < 30; limit++) {
        cpu.words[Word.Eip] = CODE;
        if (watched) machine.observe({ beforeInstruction: () => {} });
        const start = machine.cycles;
        machine.run({ cycle: start + limit });
        seen.push(`${machine.cycles - start} ${cpu.words[Word.Eip]! - CODE} ${cpu.words[Word.Ecx]}`);
        machine.run({ cycle: machine.cycles + 100, instructions: machine.instructions + 4 });
      }
      return seen;
    });
    expect(stops[0]).toEqual(stops[1]);
    expect(stops[0]!.some((text) => text.endsWith(" 15 4"))).toBe(true);
  });
});
