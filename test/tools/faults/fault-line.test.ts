import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Fault, faultSchema, formatFault, REGISTERS } from "../../../tools/faults/fault.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { clearErrorOrSuccess, inputError } from "../support/input-errors.ts";

describe("the one-line form", () => {
  it.each<[string, Fault]>([
    [
      "replica-2:eax:flip:3@instruction=1000",
      { target: { component: "replica-2", register: "eax" }, model: { flip: [3] }, trigger: { instruction: 1000 } },
    ],
    [
      "replica-2:aes_round_keys+16:flip:0,31@cycle=5",
      {
        target: { component: "replica-2", symbol: "aes_round_keys", offset: 16 },
        model: { flip: [0, 31] },
        trigger: { cycle: 5 },
      },
    ],
    [
      "voter:0x0804a010:flip:7@cycle=0x10",
      { target: { component: "voter", address: 0x0804a010 }, model: { flip: [7] }, trigger: { cycle: 16 } },
    ],
    [
      "physical:0x123000:flip:7@instruction=0",
      { target: { physical: 0x123000 }, model: { flip: [7] }, trigger: { instruction: 0 } },
    ],
    [
      "replica-2:pte=0x0804a000:flip:12@instruction=9",
      { target: { component: "replica-2", pte: 0x0804a000 }, model: { flip: [12] }, trigger: { instruction: 9 } },
    ],
    [
      "replica-2:pde=0x0804a000:set:0@cycle=9",
      { target: { component: "replica-2", pde: 0x0804a000 }, model: { set: 0 }, trigger: { cycle: 9 } },
    ],
    [
      "voter:mr=63:set:0xffffffff@cycle=9",
      { target: { component: "voter", mr: 63 }, model: { set: 0xffff_ffff }, trigger: { cycle: 9 } },
    ],
  ])("%s", (line, fault) => {
    expect(parseFault(line)).toEqual(fault);
    expect(faultSchema.parse(fault)).toEqual(fault);
  });

  it("is read back from what is written, for every fault", () => {
    const component = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((name) => name !== "physical");
    const word = fc.nat(0x7fffffff).map((value) => value * 2);
    const symbol = fc.stringMatching(/^[a-z_][a-z0-9_]{0,12}$/).filter((name) => !REGISTERS.some((r) => r === name));
    const target = fc.oneof(
      fc.record({ component, register: fc.constantFrom(...REGISTERS.slice(0, 9)) }),
      fc.record({ component, symbol, offset: word }),
      fc.record({ component, address: word }),
      fc.record({ component, pte: word }),
      fc.record({ component, pde: word }),
      fc.record({ component, mr: fc.nat(63) }),
      fc.record({ physical: word }),
    );
    const model = fc.oneof(fc.record({ flip: fc.uniqueArray(fc.nat(31), { minLength: 1 }) }), fc.record({ set: word }));
    const count = fc.maxSafeNat();
    const trigger = fc.oneof(fc.record({ cycle: count }), fc.record({ instruction: count }));
    fc.assert(
      fc.property(target, model, trigger, (where, what, when) => {
        const fault = { target: where, model: what, trigger: when };
        expect(parseFault(formatFault(fault))).toEqual(fault);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["", 1, /no @TRIGGER/],
    ["replica-2:eax:flip:3", 21, /no @TRIGGER/],
    ["@cycle=1", 1, /no target/],
    ["replica-2:mr=64:flip:3@cycle=1", 14, /no message register 64/],
    ["replica-2:pte=x:flip:3@cycle=1", 15, /no 32-bit number/],
    ["replica-2:eax:set:@cycle=1", 19, /no 32-bit number/],
    ["replica-2:eax:set@cycle=1", 18, /set has no value/],
    ["replica-2:eflags:set:0x20002@cycle=1", 22, /EFLAGS has no bit 17/],
    ["replica-2@cycle=1", 10, /target has no place/],
    ["replica-2:eax@cycle=1", 14, /no fault model/],
    ["replica-2:eax:flop:3@cycle=1", 15, /"flop" is no fault model/],
    ["replica-2:eax:flip@cycle=1", 19, /flip names no bit/],
    ["replica-2:eax:flip:32@cycle=1", 20, /"32" is no bit/],
    ["replica-2:eax:flip:1,1@cycle=1", 22, /bit 1 is named twice/],
    ["replica-2:eax:flip:1,@cycle=1", 22, /"" is no bit/],
    ["replica-2:eax:flip:1:2@cycle=1", 21, /more than TARGET:MODEL:VALUE/],
    ["Replica 2:eax:flip:1@cycle=1", 1, /no component name/],
    ["replica-2:e ax:flip:1@cycle=1", 11, /"e ax" is no place/],
    ["replica-2:sym+x:flip:1@cycle=1", 15, /"x" is no 32-bit number/],
    ["replica-2:0x1ffffffff:flip:1@cycle=1", 11, /no 32-bit number/],
    ["physical:eax:flip:1@cycle=1", 10, /no 32-bit number/],
    ["replica-2:eax:flip:1@cycles=1", 22, /"cycles" is no trigger/],
    ["replica-2:eax:flip:1@cycle", 28, /cycle has no number/],
    ["replica-2:eax:flip:1@cycle=-1", 28, /cycle has no number/],
    ["replica-2:eax:flip:1@cycle=99999999999999999", 28, /cycle has no number/],
    ["replica-2:eflags:flip:1@cycle=1", 23, /EFLAGS has no bit 1/],
  ])("%j is refused at column %i", (line, column, problem) => {
    const { detail } = inputError(() => parseFault(line));
    expect(detail).toMatchObject({ file: "--fault", column });
    expect(detail.problem).toMatch(problem);
    expect(detail.mend).not.toBe("");
  });

  it("any text at all gives a fault or a clear error", () => {
    const token = fc.constantFrom(
      "replica-1",
      ":",
      "@",
      "flip",
      "eax",
      "cycle",
      "instruction",
      "=",
      ",",
      "+",
      "0x",
      "7",
      "\0",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(token).map((tokens) => tokens.join("")),
    );
    fc.assert(
      fc.property(text, (line) => {
        clearErrorOrSuccess(() => parseFault(line));
      }),
      { numRuns: 10_000 },
    );
  });
});
