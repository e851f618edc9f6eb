import { describe, expect, it } from "vitest";
import { Word } from "../../../emulator/index.ts";
import { CODE, Guest } from "./guest.ts";

describe("code that changes", () => {
  it("a store to the next instruction of the same block takes effect at once", () => {
    const guest = new Guest();
    const text = `c6 05 07 10 00 00 43 ; mov byte [0x1007], 0x43 (inc ebx)
                  40                   ; inc eax, until overwritten`;
    expect(guest.run(text)).toMatchObject({ eax: 0, ebx: 1, retired: 2 });
  });

  it("takes the same clocks as when stepped", () => {
    const text = `b9 03 00 00 00       ; mov ecx, 3
                  fe 05 0c 10 00 00    ; inc byte [0x100c]: the immediate of the next instruction
                  83 c0 10             ; add eax, imm8
                  49                   ; dec ecx
                  75 f4                ; jnz to the inc
                  90                   ; nop`;
    // 100c is inside "83 c0 10" at 100b: its ModR/M byte changes from C0 (eax) to C1, C2, C3.
    const whole = new Guest().run(text, { instructions: 14 });
    const watched = new Guest();
    watched.machine.observe({ beforeInstruction: () => {} });
    expect(watched.run(text, { instructions: 14 })).toEqual(whole);
    expect(whole).toMatchObject({ retired: 14 });
  });

  it("REP STOS over its own loop body replaces what runs next", () => {
    const guest = new Guest();
    const outcome = guest.run(
      `bf 0e 10 00 00 ; mov edi, 0x100e
       b0 43          ; mov al, 0x43 (inc ebx)
       b9 02 00 00 00 ; mov ecx, 2
       f3 aa          ; rep stosb
       40             ; inc eax
       40             ; inc eax`,
    );
    expect(outcome).toMatchObject({ ebx: 2, eax: 0x43 });
  });

  it("REP STOS over itself is fetched again after the element that changed it, stopped there or not", () => {
    // The third element replaces "f3 aa" at 1002 by "90 90": the NOPs run next, with ECX as it was left.
    const text = `fd             ; std
                  90             ; nop
                  f3 aa          ; rep stosb
                  43             ; inc ebx`;
    const setup = { eax: 0x90, ecx: 100, edi: CODE + 5, instructions: 5 };
    const whole = new Guest().run(text, setup);
    expect(whole).toMatchObject({ ecx: 97, ebx: 0 });
    for (const slice of [1, 2, 5]) {
      const sliced = new Guest();
      sliced.run(text, { ...setup, instructions: 0 });
      const { machine } = sliced;
      const start = machine.cycles;
      const first = machine.instructions;
      while (machine.instructions < first + 5) machine.run({ cycle: machine.cycles + slice, instructions: first + 5 });
      expect(machine.cycles - start).toBe(whole.cycles);
      expect(machine.cpu.words[Word.Ecx]).toBe(whole.ecx);
      expect(machine.cpu.eip).toBe(whole.eip);
    }
  });

  it("the embedder's writes are seen when the run goes on", () => {
    const guest = new Guest();
    guest.run("40 ; inc eax\n eb fd ; jmp back", { instructions: 100 });
    const { machine } = guest;
    expect(machine.cpu.words[Word.Eax]).toBe(50);
    machine.memory.write8(CODE, 0x48);
    machine.run({ instructions: machine.instructions + 100 });
    expect(machine.cpu.words[Word.Eax]).toBe(0);
  });

  it("data beside code on one page can be written without losing the code", () => {
    const guest = new Guest();
    const outcome = guest.run(
      `b9 64 00 00 00          ; mov ecx, 100
       01 0d 00 1f 00 00       ; add [0x1f00], ecx
       49                      ; dec ecx
       75 f7                   ; jnz to the add`,
      { instructions: 301, memory: { 7936: 0 } },
    );
    expect(guest.word(0x1f00)).toBe(5050);
    expect(outcome.retired).toBe(301);
  });

  it("a page-crossing instruction is rebuilt when either of its pages changes", () => {
    const guest = new Guest();
    const { machine } = guest;
    const { cpu, memory } = machine;
    guest.run("90 ; nop");
    // add eax, imm32 with two bytes on the first page.
    memory.writeBytes(0x1ffe, Uint8Array.of(0x05, 0x01, 0x00, 0x00, 0x00));
    const once = (): number => {
      guest.reset();
      cpu.words[Word.Eip] = 0x1ffe;
      machine.run({ instructions: machine.instructions + 1 });
      expect(cpu.eip).toBe(0x2003);
      return cpu.words[Word.Eax] >>> 0;
    };
    expect(once()).toBe(1);
    memory.write8(0x2002, 0x80);
    expect(once()).toBe(0x80000001);
    memory.write8(0x1fff, 0x02);
    expect(once()).toBe(0x80000002);
  });

  it("more code than the block cache holds runs on, and runs again", () => {
    const guest = new Guest();
    const { machine } = guest;
    const { cpu, memory } = machine;
    // 40,000 blocks of "inc eax; jmp +0" from 10000 to 2D4C0, then a jump back to their start.
    const blocks = 40_000;
    const code = new Uint8Array(3 * blocks + 5);
    for (let i = 0; i < blocks; i++) code.set([0x40, 0xeb, 0x00], 3 * i);
    const back = -(3 * blocks + 5);
    code.set([0xe9, back & 0xff, (back >> 8) & 0xff, (back >> 16) & 0xff, 0xff], 3 * blocks);
    guest.run("90 ; nop");
    memory.writeBytes(0x10000, code);
    cpu.words[Word.Eip] = 0x10000;
    for (let pass = 1; pass <= 3; pass++) {
      machine.run({ instructions: machine.instructions + 2 * blocks + 1 });
      expect(cpu.words[Word.Eax]).toBe(pass * blocks);
      expect(cpu.eip).toBe(0x10000);
    }
  });
});
