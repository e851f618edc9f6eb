import { describe, expect, it } from "vitest";
import { createDecodedInstruction, Decoder, DecodeStatus } from "../../../emulator/cpu/decode.ts";
import { SegmentRegister, Word } from "../../../emulator/index.ts";
import { assemble, Guest } from "./guest.ts";

const decoder = new Decoder();

function decode(text: string, code32 = true) {
  const { bytes } = assemble(text);
  const out = createDecodedInstruction();
  const status = decoder.decode(bytes, 0, bytes.length, code32, out);
  return { status, ...out, name: out.form?.mnemonic };
}

describe("ModR/M and SIB", () => {
  it("mod 0, r/m 5 is a 32-bit displacement without base", () => {
    expect(decode("8b 05 78 56 34 12")).toMatchObject({ base: Word.Zero, displacement: 0x12345678, length: 6 });
  });

  it("r/m 4 has a SIB byte; index 4 is none; base 5 with mod 0 is a displacement", () => {
    expect(decode("8b 44 b3 10")).toMatchObject({ base: Word.Ebx, index: Word.Esi, shift: 2, displacement: 16 });
    expect(decode("8b 04 24")).toMatchObject({ base: Word.Esp, index: Word.Zero });
    expect(decode("8b 04 8d 10 00 00 00")).toMatchObject({
      base: Word.Zero,
      index: Word.Ecx,
      shift: 2,
      displacement: 16,
    });
  });

  it("EBP and ESP as base default to SS, an override wins", () => {
    expect(decode("8b 45 00")).toMatchObject({ segment: SegmentRegister.Ss });
    expect(decode("8b 04 24")).toMatchObject({ segment: SegmentRegister.Ss });
    expect(decode("64 8b 45 00")).toMatchObject({ segment: SegmentRegister.Fs });
    expect(decode("8b 03")).toMatchObject({ segment: SegmentRegister.Ds });
  });

  it("the eight 16-bit forms", () => {
    const pairs = [
      [Word.Ebx, Word.Esi, SegmentRegister.Ds],
      [Word.Ebx, Word.Edi, SegmentRegister.Ds],
      [Word.Ebp, Word.Esi, SegmentRegister.Ss],
      [Word.Ebp, Word.Edi, SegmentRegister.Ss],
      [Word.Esi, Word.Zero, SegmentRegister.Ds],
      [Word.Edi, Word.Zero, SegmentRegister.Ds],
      [Word.Ebp, Word.Zero, SegmentRegister.Ss],
      [Word.Ebx, Word.Zero, SegmentRegister.Ds],
    ] as const;
    pairs.forEach(([base, index, segment], rm) => {
      expect(decode(`67 8b 4${rm} f0`)).toMatchObject({ base, index, segment, displacement: -16, length: 4 });
    });
    expect(decode("67 8b 06 34 12")).toMatchObject({ base: Word.Zero, displacement: 0x1234, length: 5 });
  });
});

describe("prefixes", () => {
  it("66 and 67 switch sizes once, however often they come", () => {
    expect(decode("66 66 b8 34 12")).toMatchObject({ operand32: false, immediate: 0x1234, length: 5 });
    expect(decode("66 b8 78 56 34 12", false)).toMatchObject({ operand32: true, immediate: 0x12345678 });
  });

  it("of several segment overrides and of F2 and F3 the last counts", () => {
    expect(decode("26 65 8b 03")).toMatchObject({ segment: SegmentRegister.Gs });
    expect(decode("f2 f3 a4")).toMatchObject({ repeat: true, repeatNot: false });
    expect(decode("f3 f2 a4")).toMatchObject({ repeat: false, repeatNot: true });
  });

  it("F3 90 is a NOP with a prefix", () => {
    expect(decode("f3 90")).toMatchObject({ status: DecodeStatus.Ok, name: "nop" });
  });

  it("memory offsets follow the address size, immediates the operand size", () => {
    expect(decode("67 a1 34 92")).toMatchObject({ displacement: 0x9234, length: 4 });
    expect(decode("a0 78 56 34 12")).toMatchObject({ displacement: 0x12345678, length: 5 });
  });

  it("fifteen bytes are an instruction, sixteen are too long, also when the sixteenth is not there", () => {
    expect(decode(`${"3e ".repeat(14)} 90`).status).toBe(DecodeStatus.Ok);
    expect(decode(`${"3e ".repeat(15)} 90`).status).toBe(DecodeStatus.TooLong);
    expect(decode("3e ".repeat(15)).status).toBe(DecodeStatus.TooLong);
    expect(decode("3e ".repeat(14)).status).toBe(DecodeStatus.Truncated);
  });
});

describe("code segments of 16 bits", () => {
  it("run 16-bit code with 16-bit addresses, and 32-bit code with prefixes", () => {
    const guest = new Guest();
    const { machine } = guest;
    guest.run("90 ; nop");
    const { cpu, memory } = machine;
    // Descriptor 18: code, base 0, limit FFFF, D = 0. Far jump there by a 32-bit code segment.
    memory.write32(0x6018, 0x0000ffff);
    memory.write32(0x601c, 0x00009b00);
    const { bytes } = assemble(
      `ea 07 10 00 00 18 00 ; jmp 18:1007
       b8 34 12             ; mov ax, 0x1234
       66 bb 78 56 34 12    ; mov ebx, 0x12345678
       89 07                ; mov [bx], ax
       8b 4f 00             ; mov cx, [bx+0]
       40                   ; inc ax
       eb 01                ; jmp +1
       f4                   ; hlt
       66 40                ; inc eax`,
    );
    memory.writeBytes(0x1000, bytes);
    guest.reset();
    cpu.words[Word.Eax] = 0xffff0000 | 0;
    machine.run({ instructions: machine.instructions + 8 });
    expect(cpu.words[Word.Eax]).toBe(0xffff0000 | 0x1236 | 0);
    expect(cpu.words[Word.Ebx]).toBe(0x12345678);
    expect(cpu.words[Word.Ecx] & 0xffff).toBe(0x1234);
    expect(memory.read16(0x5678)).toBe(0x1234);
  });
});
