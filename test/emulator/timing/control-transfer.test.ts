/** Rows 52 to 59 of the acceptance list: branches, calls, returns and the branch target buffer. */
import { describe, expect, it } from "vitest";
import { CODE, TimingRig } from "./rig.ts";

/** CALL and JMP with the displacement that leads from `at` to `target`. */
function relative(opcode: number, at: number, target: number): number[] {
  const displacement = (target - at - 5) >>> 0;
  return [opcode, displacement & 255, (displacement >>> 8) & 255, (displacement >>> 16) & 255, displacement >>> 24];
}

function call(at: number, target: number): number[] {
  return relative(0xe8, at, target);
}

function jump(at: number, target: number): number[] {
  return relative(0xe9, at, target);
}

const CLC = 0xf8;
const RET = 0xc3;
const DEC_ECX = 0x49;

describe("calls and returns", () => {
  const routine = CODE + 0x800;

  it("row 52: a call and its trained return take 1 + 2", () => {
    const rig = new TimingRig();
    rig.load(Uint8Array.from([RET]), routine);
    // call; clc; jmp back
    rig.load(Uint8Array.from([...call(CODE, routine), CLC, ...jump(CODE + 6, CODE)]));
    rig.restart();
    rig.run(400);
    // CLC 2, JMP 1.
    expect(rig.run(400) / 100).toBe(1 + 2 + 2 + 1);
  });

  it("row 53: from two places in turn every return goes wrong: 1 + 5", () => {
    const rig = new TimingRig();
    rig.load(Uint8Array.from([RET]), routine);
    const code = [...call(CODE, routine), CLC, ...call(CODE + 6, routine), CLC, ...jump(CODE + 12, CODE)];
    rig.load(Uint8Array.from(code));
    rig.restart();
    rig.run(700);
    expect(rig.run(700) / 100).toBe(2 * (1 + 5 + 2) + 1);
  });

  it("row 54: an indirect jump between two targets in turn takes 2 + 3", () => {
    const rig = new TimingRig();
    // xor eax, 0x40; clc; jmp eax; both targets: clc; jmp CODE
    rig.load(Uint8Array.from([0x83, 0xf0, 0x40, CLC, 0xff, 0xe0]));
    for (const target of [CODE + 0x100, CODE + 0x140]) {
      rig.load(Uint8Array.from([CLC, ...jump(target + 1, CODE)]), target);
    }
    rig.restart();
    rig.machine.cpu.setRegister(0, CODE + 0x100);
    rig.run(500);
    expect(rig.run(500) / 100).toBe(1 + 2 + (2 + 3) + 2 + 1);
  });
});

describe("loops", () => {
  /** Clocks of the second pass through a loop that counts down from 1000. */
  function secondEntry(body: number[]): number {
    const rig = new TimingRig();
    const code = [...body, DEC_ECX, 0x75, -(body.length + 3) & 255];
    rig.load(Uint8Array.from(code));
    const instructions = 1000 * (body.length + 2);
    rig.restart({ ecx: 1000 });
    rig.run(instructions);
    rig.restart({ ecx: 1000 });
    return rig.run(instructions);
  }

  it("row 55: DEC and JNZ in one clock, the exit 4 more (V pipe)", () => {
    expect(secondEntry([])).toBe(1004);
  });

  it("row 56: NOP and DEC in one clock, JNZ alone, the exit 3 more (U pipe)", () => {
    expect(secondEntry([0x90])).toBe(2003);
  });
});

describe("the asymmetric counters", () => {
  /**
   * Mispredictions of a branch that follows a pattern of taken (T) and not taken (N), over `periods` in the steady state: the clocks
   * above those of right predictions, 3 each (it issues in U after CLC).
   */
  function mispredictions(pattern: string, periods: number): number {
    const rig = new TimingRig();
    // lodsb; clc; test al, al; clc; jne next; next: …; the pattern lies in memory, again and again.
    const period = [0xac, 0xf8, 0x84, 0xc0, 0xf8, 0x75, 0x01, 0xf8, 0xf8];
    rig.load(Uint8Array.from([...period, ...jump(CODE + period.length, CODE)]));
    const outcomes = pattern.repeat(200);
    rig.load(
      Uint8Array.from(outcomes, (outcome) => (outcome === "T" ? 1 : 0)),
      0x2_0000,
    );
    rig.readLines(0x2_0000, outcomes.length);
    rig.restart();
    const instructions = (length: number) =>
      Array.from({ length }, (_, i) => (outcomes[i] === "T" ? 7 : 8)).reduce((sum, count) => sum + count, 0);
    const clocks = (length: number) =>
      Array.from({ length }, (_, i) =>
        outcomes[i] === "T" ? 2 + 2 + 1 + 2 + 1 + 2 + 1 : 2 + 2 + 1 + 2 + 1 + 4 + 1,
      ).reduce((sum, count) => sum + count, 0);
    const warm = 40 * pattern.length;
    rig.run(instructions(warm));
    const measured = periods * pattern.length;
    return (rig.run(instructions(measured)) - clocks(measured)) / 3;
  }

  it("row 57: T N: 50 of 100", () => {
    expect(mispredictions("TN", 50)).toBe(50);
  });

  it("row 58: T N N: 5 of 6", () => {
    expect(mispredictions("TNN", 20)).toBe(50);
  });

  it("row 59: T N N N: 3 of 4", () => {
    expect(mispredictions("TNNN", 20)).toBe(60);
  });
});
