import { beforeEach, describe, expect, it } from "vitest";
import { farCall, farJump, farReturn } from "../../../emulator/cpu/far-transfer.ts";
import { SegmentRegister, Word } from "../../../emulator/cpu/state.ts";
import {
  CALL_GATE,
  CODE_CONFORMING,
  CODE_READABLE,
  CODE0,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA3,
  dpl,
  FIRST_FREE,
  GDT,
  KERNEL_STACK,
  PRESENT,
  RING1_STACK,
  SystemBench,
  TSS_SELECTOR,
  USER_STACK,
} from "./system-bench.ts";

const GP = 13;
const NP = 11;

let bench: SystemBench;
beforeEach(() => {
  bench = new SystemBench();
});

const cs = () => bench.selector(SegmentRegister.Cs);

/** Defines a code segment at FIRST_FREE. */
function code(access: number, limit = 0xfffff, flags = 0xc): number {
  bench.descriptor(FIRST_FREE, 0, limit, access, flags);
  return FIRST_FREE;
}

function callGate(access: number, selector: number, offset: number, parameters = 0): void {
  bench.gate(GDT + FIRST_FREE, selector, offset, access, parameters);
}

describe("a far jump", () => {
  it("loads CS with RPL = CPL and EIP", () => {
    farJump(bench.cpu, code(PRESENT | CODE_READABLE), 0x4567);
    expect([cs(), bench.cpu.eip]).toEqual([FIRST_FREE, 0x4567]);
    bench = new SystemBench();
    bench.enterLevel(3);
    farJump(bench.cpu, CONFORMING0, 0x4567);
    expect([cs(), bench.cpu.cpl]).toEqual([CONFORMING0 | 3, 3]);
  });

  it("costs 9 clocks over its row, 15 through a gate", () => {
    farJump(bench.cpu, CODE0, 0);
    expect(bench.clocks(() => farJump(bench.cpu, CODE0, 0))).toBe(9);
    callGate(PRESENT | CALL_GATE, CODE0, 0x99);
    expect(bench.clocks(() => farJump(bench.cpu, FIRST_FREE, 0))).toBe(15);
    expect(bench.cpu.eip).toBe(0x99);
  });

  it("is refused where the manual says so", () => {
    bench.enterLevel(3);
    const jump = (selector: number, offset = 0) => bench.faultOf(() => farJump(bench.cpu, selector, offset));
    expect(jump(0)).toEqual({ vector: GP, errorCode: 0 });
    expect(jump(0x80)).toEqual({ vector: GP, errorCode: 0x80 });
    expect(jump(CODE0)).toEqual({ vector: GP, errorCode: CODE0 });
    expect(jump(DATA3)).toEqual({ vector: GP, errorCode: DATA3 & ~3 });
    expect(jump(TSS_SELECTOR)).toEqual({ vector: GP, errorCode: TSS_SELECTOR });
    expect(jump(code(CODE_READABLE | dpl(3)))).toEqual({ vector: NP, errorCode: FIRST_FREE });
    expect(jump(code(PRESENT | CODE_READABLE | dpl(3), 0xfff, 4), 0x1000)).toEqual({ vector: GP, errorCode: 0 });
    expect(jump(code(PRESENT | CODE_CONFORMING | dpl(3)))).toBeUndefined();
    callGate(PRESENT | CALL_GATE | dpl(3), CODE0, 0);
    expect(jump(FIRST_FREE)).toEqual({ vector: GP, errorCode: CODE0 });
  });

  it("does not go inward with RPL above CPL to nonconforming code", () => {
    expect(bench.faultOf(() => farJump(bench.cpu, CODE0 | 3, 0))).toEqual({ vector: GP, errorCode: CODE0 });
  });
});

describe("a far call", () => {
  it("pushes CS and the next EIP, 32 or 16 bits wide", () => {
    farCall(bench.cpu, CODE0, 0x4567, 4, 0x1007);
    expect(bench.stack(2)).toEqual([0x1007, CODE0]);
    expect(bench.cpu.eip).toBe(0x4567);
    farCall(bench.cpu, CODE0, 0x4567, 2, 0x1005);
    expect(bench.memory.read16(bench.cpu.register(4))).toBe(0x1005);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK - 12);
  });

  it("changes nothing when the stack cannot take it", () => {
    bench.descriptor(FIRST_FREE, 0, KERNEL_STACK - 5, 0x92 | PRESENT, 4);
    bench.cpu.words[Word.Segments + 4 * SegmentRegister.Ss + 2] = 4;
    bench.cpu.setRegister(4, 8);
    bench.cpu.words[Word.Segments + 4 * SegmentRegister.Ss + 3] = 0x4093;
    expect(bench.faultOf(() => farCall(bench.cpu, CODE0, 1, 4, 2))).toEqual({ vector: 12, errorCode: 0 });
    expect([bench.cpu.register(4), bench.cpu.eip]).toEqual([8, 0x1000]);
  });

  it("through a gate to the same level takes offset and width from the gate", () => {
    callGate(PRESENT | CALL_GATE, CODE0, 0x12345678);
    farCall(bench.cpu, CODE0, 0, 4, 0);
    const clocks = bench.clocks(() => farCall(bench.cpu, FIRST_FREE, 0xdead, 2, 0x1007));
    expect(bench.cpu.eip).toBe(0x12345678);
    expect(bench.stack(2)).toEqual([0x1007, CODE0]);
    expect(clocks).toBe(18);
  });

  it("through a gate to ring 0 switches stacks and copies parameters; 44 clocks, 45 + 2 for each parameter", () => {
    callGate(PRESENT | CALL_GATE | dpl(3), CODE0, 0x5000, 3);
    farJump(bench.cpu, CODE0, 0);
    bench.enterLevel(3);
    bench.cpu.setRegister(4, USER_STACK - 12);
    [11, 22, 33].forEach((value, i) => {
      bench.memory.write32(USER_STACK - 12 + 4 * i, value);
    });
    const clocks = bench.clocks(() => farCall(bench.cpu, FIRST_FREE, 0, 4, 0x1007));
    expect(bench.stack(7)).toEqual([0x1007, CODE3, 11, 22, 33, USER_STACK - 12, DATA3]);
    expect([bench.cpu.cpl, cs(), bench.selector(SegmentRegister.Ss)]).toEqual([0, CODE0, DATA0]);
    expect(clocks).toBe(41 + 6);
    farReturn(bench.cpu, 4, 12);
    expect([bench.cpu.cpl, bench.cpu.eip, bench.cpu.register(4)]).toEqual([3, 0x1007, USER_STACK]);
  });

  it("stays at its level through a gate to conforming code", () => {
    callGate(PRESENT | CALL_GATE | dpl(3), CONFORMING0, 0x5000);
    bench.enterLevel(3);
    farCall(bench.cpu, FIRST_FREE, 0, 4, 0x1007);
    expect([bench.cpu.cpl, cs()]).toEqual([3, CONFORMING0 | 3]);
  });

  it("through a 16-bit gate pushes words", () => {
    callGate(PRESENT | 0x04 | dpl(3), CODE0, 0x12345678);
    bench.enterLevel(3);
    bench.cpu.setRegister(4, USER_STACK);
    farCall(bench.cpu, FIRST_FREE, 0, 4, 0x91007);
    expect(bench.cpu.eip).toBe(0x5678);
    const pointer = bench.cpu.register(4);
    expect(pointer).toBe(KERNEL_STACK - 8);
    expect([0, 2, 4, 6].map((i) => bench.memory.read16(pointer + i))).toEqual([0x1007, CODE3, USER_STACK, DATA3]);
  });

  it("is refused by a gate that CPL or RPL may not use, that is not present, or leads nowhere", () => {
    bench.enterLevel(3);
    const call = (selector: number) => bench.faultOf(() => farCall(bench.cpu, selector, 0, 4, 0));
    callGate(PRESENT | CALL_GATE | dpl(2), CODE0, 0);
    expect(call(FIRST_FREE)).toEqual({ vector: GP, errorCode: FIRST_FREE });
    callGate(CALL_GATE | dpl(3), CODE0, 0);
    expect(call(FIRST_FREE)).toEqual({ vector: NP, errorCode: FIRST_FREE });
    callGate(PRESENT | CALL_GATE | dpl(3), 0, 0);
    expect(call(FIRST_FREE)).toEqual({ vector: GP, errorCode: 0 });
    callGate(PRESENT | CALL_GATE | dpl(3), DATA0, 0);
    expect(call(FIRST_FREE)).toEqual({ vector: GP, errorCode: DATA0 });
    callGate(PRESENT | 0x05 | dpl(3), TSS_SELECTOR, 0);
    expect(call(FIRST_FREE)).toEqual({ vector: GP, errorCode: FIRST_FREE });
    expect(bench.cpu.cpl).toBe(3);
  });

  it("lets a bad inner stack be a #TS and leaves the caller as it was", () => {
    callGate(PRESENT | CALL_GATE | dpl(3), CODE0, 0x5000);
    bench.memory.write32(0x3008, CODE3);
    bench.enterLevel(3);
    const pointer = bench.cpu.register(4);
    expect(bench.faultOf(() => farCall(bench.cpu, FIRST_FREE, 0, 4, 0))).toEqual({ vector: 10, errorCode: CODE3 & ~3 });
    expect([bench.cpu.cpl, bench.cpu.register(4)]).toEqual([3, pointer]);
  });
});

describe("a far return", () => {
  function push(...values: number[]): void {
    const pointer = bench.cpu.register(4) - 4 * values.length;
    values.forEach((value, i) => {
      bench.memory.write32(pointer + 4 * i, value);
    });
    bench.cpu.setRegister(4, pointer);
  }

  it("to the same level pops EIP and CS and releases parameters", () => {
    push(0x2222, CODE0, 1, 2);
    farReturn(bench.cpu, 4, 8);
    expect([bench.cpu.eip, bench.cpu.register(4)]).toEqual([0x2222, KERNEL_STACK]);
    push(0x2222, CODE0);
    expect(bench.clocks(() => farReturn(bench.cpu, 4, 0))).toBe(9);
  });

  it("to an outer level pops ESP and SS above the parameters and releases them on both stacks", () => {
    push(0x2222, CODE3, 7, USER_STACK - 4, DATA3);
    farReturn(bench.cpu, 4, 4);
    expect([bench.cpu.eip, bench.cpu.cpl, bench.cpu.register(4)]).toEqual([0x2222, 3, USER_STACK]);
    expect(bench.selector(SegmentRegister.Ds)).toBe(0);
  });

  it("cannot go inward, and faults before anything changes", () => {
    bench.enterLevel(1);
    expect(bench.cpu.register(4)).toBe(RING1_STACK);
    push(0x2222, CODE0);
    expect(bench.faultOf(() => farReturn(bench.cpu, 4, 0))).toEqual({ vector: GP, errorCode: CODE0 });
    push(0x2222, CODE3, USER_STACK, DATA0);
    expect(bench.faultOf(() => farReturn(bench.cpu, 4, 0))).toEqual({ vector: GP, errorCode: DATA0 });
    expect(bench.cpu.cpl).toBe(1);
  });
});
