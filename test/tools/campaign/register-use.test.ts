import { describe, expect, it } from "vitest";
import { InstructionWord, MicroWord } from "../../../emulator/cpu/decode-records.ts";
import {
  baseIndexDisplacement,
  encodeForm,
  hasOperandSizes,
  wantsMemory,
} from "../../../emulator/cpu/instructions/encode.ts";
import type { InstructionForm } from "../../../emulator/cpu/instructions/form.ts";
import { FORMS } from "../../../emulator/cpu/instructions/table.ts";
import { Flag, Word } from "../../../emulator/index.ts";
import { sameState } from "../../../tools/campaign/convergence.ts";
import { type RegisterUse, registerUse } from "../../../tools/campaign/register-use.ts";
import { CODE, Guest, STACK } from "../../emulator/cpu/guest.ts";
import { Random } from "../support/random.ts";

const FLAGS = [
  Flag.Cf,
  Flag.Pf,
  Flag.Af,
  Flag.Zf,
  Flag.Sf,
  Flag.Df,
  Flag.Of,
  Flag.Iopl & 0x1000,
  Flag.Nt,
  Flag.Ac,
  Flag.Id,
];
const STATES = 3;

interface Trial {
  readonly guest: Guest;
  readonly code: Uint8Array;
  readonly registers: readonly number[];
  readonly eflags: number;
}

/** Runs one instruction from a state with some bits flipped; undefined when it does not retire. */
function after({ guest, code, registers, eflags }: Trial, register: number, bits: number, flag: number) {
  const { machine } = guest;
  const { cpu, memory } = machine;
  machine.reset();
  guest.setUp();
  memory.writeBytes(CODE, code);
  registers.forEach((value, i) => {
    cpu.words[i] = i === register ? value ^ bits : value;
  });
  cpu.eflags = eflags ^ flag;
  let use: RegisterUse | undefined;
  const detach = machine.observe({
    afterInstruction: () => {
      const record = cpu.words[cpu.words[Word.CurrentMicro]! + MicroWord.Instruction]!;
      use = registerUse(cpu.words, record, registers[Word.Ecx]!);
      expect(cpu.words[record + InstructionWord.Length]).toBe(code.length);
    },
  });
  machine.step();
  detach();
  return { use, machine, undo: () => undo(guest, register, bits, flag) };
}

function undo({ machine: { cpu } }: Guest, register: number, bits: number, flag: number): void {
  if (register >= 0) cpu.words[register]! ^= bits;
  if (flag !== 0) cpu.eflags ^= flag;
}

function codes(form: InstructionForm, random: Random): Uint8Array[] {
  const sizes: readonly (16 | 32)[] = hasOperandSizes(form) ? [32, 16] : [32];
  const prefixes = form.repeat === undefined ? [[]] : [[], [0xf3]];
  const wants = wantsMemory(form);
  const places = form.encoding.modRm && wants !== false ? [true, false] : [false];
  return sizes.flatMap((operandSize) =>
    prefixes.flatMap((prefix) =>
      places
        .filter((memory) => wants === undefined || memory === wants)
        .map((memory) => {
          const rm = memory ? baseIndexDisplacement(random.below(8), random.below(8), 1, 0x100) : random.below(8);
          const immediates = [random.pick([0, 1, 7, 31, random.below(0x1_0000)]), random.below(4)];
          return encodeForm(form, { operandSize, register: random.below(8), rm, immediates, prefixes: prefix });
        }),
    ),
  );
}

describe("use of registers by an instruction", () => {
  // The oracle is the machine: a flip of what is said to be untouched stays and changes nothing else; a flip of what is
  // said to be written over leaves no trace.
  it("is never less than what the machine shows, for every form", () => {
    const random = new Random(31);
    const guest = new Guest();
    const wrong: string[] = [];
    const retired = new Set<number>();
    let flips = 0;
    // Gates save registers in a frame: use-trace.ts follows them.
    for (const form of FORMS.filter(({ mnemonic }) => !/^int/.test(mnemonic))) {
      for (const code of Array.from({ length: STATES }, () => codes(form, random)).flat()) {
        const registers = Array.from({ length: 8 }, () =>
          random.below(2) === 0 ? 0x10000 + random.below(0x8000) : random.below(0x1_0000_0000) | 0,
        );
        registers[Word.Esp] = STACK - 4 * random.below(64);
        if (form.repeat !== undefined) registers[Word.Ecx] = random.below(5);
        else if (random.below(4) === 0) registers[Word.Ecx]! &= ~31;
        const trial = { guest, code, registers, eflags: 2 | (random.below(0x1000) & (Flag.Arithmetic | Flag.Df)) };
        const base = after(trial, -1, 0, 0);
        const { use } = base;
        if (use === undefined) continue;
        retired.add(form.id);
        const golden = base.machine.snapshot();
        const check = (register: number, bits: number, flag: number, written: boolean, what: string) => {
          const other = after(trial, register, bits, flag);
          if (!written) other.undo();
          flips++;
          if (other.use === undefined || !sameState(golden, other.machine.snapshot()))
            wrong.push(`${form.mnemonic} ${form.encoding.text} [${Buffer.from(code).toString("hex")}] ${what}`);
        };
        for (let byte = 0; byte < 32; byte++) {
          if (((use.read >>> byte) & 1) !== 0) continue;
          const written = ((use.written >>> byte) & 1) !== 0;
          const name = `register ${byte >> 2} byte ${byte & 3} ${written ? "written" : "untouched"}`;
          check(byte >> 2, 1 << (8 * (byte & 3) + random.below(8)), 0, written, name);
        }
        for (const flag of FLAGS) {
          if ((use.flagsRead & flag) !== 0) continue;
          const written = (use.flagsWritten & flag) !== 0;
          check(-1, 0, flag, written, `flag ${flag.toString(16)} ${written ? "written" : "untouched"}`);
        }
      }
    }
    expect([...new Set(wrong)]).toEqual([]);
    expect(retired.size).toBeGreaterThan(FORMS.length * 0.8);
    expect(flips).toBeGreaterThan(50_000);
  }, 120_000);

  it("tells partial registers apart", () => {
    const guest = new Guest();
    const useOf = (hex: string) =>
      after(
        { guest, code: Uint8Array.from(Buffer.from(hex, "hex")), registers: [1, 2, 3, 4, STACK, 6, 7, 8], eflags: 2 },
        -1,
        0,
        0,
      ).use!;
    // mov ah, bl
    expect(useOf("88dc")).toMatchObject({ read: 1 << 12, written: 1 << 1 });
    // mov dx, cx
    expect(useOf("6689ca")).toMatchObject({ read: 3 << 4, written: 3 << 8 });
    // mov eax, [ebx + 4 * esi]
    expect(useOf("8b04b3")).toMatchObject({ read: (15 << 12) | (15 << 24), written: 15 });
    // mul bl reads AL and BL, and the table says EAX; bsf keeps its destination when the source is 0
    expect(useOf("f6e3")).toMatchObject({ read: 15 | (1 << 12), surelyRead: 1 << 12 });
    expect(useOf("0fbcc3")).toMatchObject({ read: 15 | (15 << 12), surelyRead: 0 });
    // adc eax, 1
    expect(useOf("83d001")).toMatchObject({ flagsRead: Flag.Cf, flagsWritten: Flag.Arithmetic });
    // inc eax leaves the carry alone; shl eax, 0 leaves all
    expect(useOf("40")).toMatchObject({ flagsRead: 0, flagsWritten: Flag.Arithmetic & ~Flag.Cf });
    expect(useOf("c1e000")).toMatchObject({ flagsWritten: 0 });
  });
});
