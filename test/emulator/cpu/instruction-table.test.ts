import { describe, expect, it } from "vitest";
import { createDecodedInstruction, Decoder, DecodeStatus } from "../../../emulator/cpu/decode.ts";
import { encodeForm, exampleEncodings, hasOperandSizes } from "../../../emulator/cpu/instructions/encode.ts";
import { instructionPage } from "../../../emulator/cpu/instructions/page.ts";
import { FORMS } from "../../../emulator/cpu/instructions/table.ts";

const decoder = new Decoder();

function decode(bytes: Uint8Array): { status: DecodeStatus; out: ReturnType<typeof createDecodedInstruction> } {
  const out = createDecodedInstruction();
  return { status: decoder.decode(bytes, 0, bytes.length, true, out), out };
}

describe("the instruction table", () => {
  it("has at least 300 forms, numbered by their place", () => {
    expect(FORMS.length).toBeGreaterThan(300);
    FORMS.forEach((form, index) => {
      expect(form.id).toBe(index);
    });
  });

  it("decodes every example of every form back to that form, with its full length", () => {
    for (const form of FORMS) {
      for (const { operandSize, bytes } of exampleEncodings(form)) {
        const { status, out } = decode(bytes);
        const text = `${form.mnemonic} ${form.encoding.text}: ${Buffer.from(bytes).toString("hex")}`;
        expect(status, text).toBe(DecodeStatus.Ok);
        expect(out.form?.id, text).toBe(form.id);
        expect(out.length, text).toBe(bytes.length);
        expect(out.operand32, text).toBe(operandSize === 32);
      }
    }
  });

  it("calls every proper prefix of an example truncated, never something else", () => {
    for (const form of FORMS) {
      for (const { bytes } of exampleEncodings(form)) {
        for (let length = 0; length < bytes.length; length++) {
          const { status } = decode(bytes.subarray(0, length));
          expect(status, `${form.encoding.text}, ${length} of ${bytes.length}`).toBe(DecodeStatus.Truncated);
        }
      }
    }
  });

  it("names an effect or a reason for every flag: undefined flags are written flags with a documented choice", () => {
    for (const { flags, encoding } of FORMS) {
      expect(flags.undefined & ~flags.written, encoding.text).toBe(0);
      expect(flags.undefined === 0, encoding.text).toBe(flags.undefinedChoice === "");
    }
  });

  it("allows LOCK only with a memory destination of the instructions that Intel lists", () => {
    const lockable = new Set(FORMS.filter((form) => form.lockable).map((form) => form.mnemonic));
    expect([...lockable].sort()).toEqual(
      [
        "adc",
        "add",
        "and",
        "btc",
        "btr",
        "bts",
        "cmpxchg",
        "cmpxchg8b",
        "dec",
        "inc",
        "neg",
        "not",
        "or",
        "sbb",
        "sub",
        "xadd",
        "xchg",
        "xor",
      ].sort(),
    );
    for (const form of FORMS) {
      for (const { bytes } of exampleEncodings(form)) {
        const locked = Uint8Array.from([0xf0, ...bytes]);
        const { status, out } = decode(locked);
        const legal = form.lockable && out.memory;
        expect(status, `${form.mnemonic} ${form.encoding.text}`).toBe(legal ? DecodeStatus.Ok : DecodeStatus.Invalid);
      }
    }
  });

  it("has 16-bit clocks only where there are 16-bit operands", () => {
    for (const form of FORMS) if (form.clocks16 >= 0) expect(hasOperandSizes(form)).toBe(true);
  });

  it("is published as a page that agrees with it", async () => {
    await expect(instructionPage()).toMatchFileSnapshot("../../../emulator/cpu/INSTRUCTIONS.md");
  });

  it("encodes register fields, immediates and far pointers where the manual puts them", () => {
    const form = (text: string) => FORMS.find(({ encoding }) => encoding.text === text) as (typeof FORMS)[number];
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    expect(hex(encodeForm(form("81 /4 iv"), { rm: 5, immediates: [0x11223344] }))).toBe("81e544332211");
    expect(hex(encodeForm(form("B8+r iv"), { operandSize: 16, register: 7, immediates: [0x1234] }))).toBe("66bf3412");
    expect(hex(encodeForm(form("EA cp"), { immediates: [0x1000, 0x1b] }))).toBe("ea001000001b00");
  });
});
