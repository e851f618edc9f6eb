import { beforeEach, describe, expect, it } from "vitest";
import { deliverFault, deliverPendingInterrupt, softwareInterrupt } from "../../../emulator/cpu/interrupt-delivery.ts";
import { interruptReturn } from "../../../emulator/cpu/interrupt-return.ts";
import { portRead } from "../../../emulator/cpu/port-access.ts";
import { loadSegment } from "../../../emulator/cpu/segmentation.ts";
import { Flag, SegmentRegister, SegmentWord, Word } from "../../../emulator/cpu/state.ts";
import { ltr } from "../../../emulator/cpu/task-state-segment.ts";
import {
  CODE_READABLE,
  CODE0,
  CODE1,
  CODE3,
  CONFORMING0,
  DATA_WRITABLE,
  DATA0,
  DATA3,
  dpl,
  FIRST_FREE,
  HANDLERS,
  IDT,
  INTERRUPT_GATE,
  KERNEL_STACK,
  PRESENT,
  SystemBench,
  TRAP_GATE,
  TSS,
  TSS_SELECTOR,
  USER_STACK,
} from "./system-bench.ts";

const GP = 13;
const NP = 11;
const SS = 12;
const TS = 10;
const USER_GATE = PRESENT | INTERRUPT_GATE | dpl(3);

let bench: SystemBench;
beforeEach(() => {
  bench = new SystemBench();
});

function raise(vector: number, errorCode = 0): void {
  bench.cpu.words[Word.FaultVector] = vector;
  bench.cpu.words[Word.FaultErrorCode] = errorCode;
  deliverFault(bench.cpu);
}

describe("INT n at the same level", () => {
  it("pushes EFLAGS, CS and the next EIP, clears IF and TF, and goes to the gate's offset", () => {
    bench.interruptGate(0x40);
    bench.cpu.eflags = Flag.Reserved1 | Flag.If | Flag.Cf | Flag.Tf;
    const clocks = bench.clocks(() => softwareInterrupt(bench.cpu, 0x40, 0x1002));
    expect(bench.stack(3)).toEqual([0x1002, CODE0, 0x303]);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK - 12);
    expect(bench.cpu.eip).toBe(HANDLERS + 0x400);
    expect(bench.cpu.eflags).toBe(0x003);
    expect(clocks).toBe(25 + 15);
    expect(bench.clocks(() => softwareInterrupt(bench.cpu, 0x40, 0x1002))).toBe(25);
  });

  it("leaves IF alone through a trap gate", () => {
    bench.interruptGate(0x40, PRESENT | TRAP_GATE);
    bench.cpu.eflags = Flag.Reserved1 | Flag.If;
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.eflags).toBe(0x202);
  });

  it("pushes 16-bit values and takes a 16-bit offset through a 286 gate", () => {
    bench.gate(IDT + 8 * 0x40, CODE0, 0x12345678, PRESENT | 0x06);
    softwareInterrupt(bench.cpu, 0x40, 0x91002);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK - 6);
    expect(bench.memory.read16(KERNEL_STACK - 6)).toBe(0x1002);
    expect(bench.memory.read16(KERNEL_STACK - 4)).toBe(CODE0);
    expect(bench.cpu.eip).toBe(0x5678);
  });
});

describe("INT n from ring 3", () => {
  it("switches to the TSS's stack and pushes SS, ESP, EFLAGS, CS, EIP; 42 clocks of the gate", () => {
    bench.interruptGate(0x40, USER_GATE);
    bench.enterLevel(3);
    bench.cpu.setRegister(4, USER_STACK - 8);
    const clocks = bench.clocks(() => softwareInterrupt(bench.cpu, 0x40, 0x1002));
    expect(bench.stack(5)).toEqual([0x1002, CODE3, 0x2, USER_STACK - 8, DATA3]);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK - 20);
    expect(bench.cpu.cpl).toBe(0);
    expect(bench.selector(SegmentRegister.Cs)).toBe(CODE0);
    expect(bench.selector(SegmentRegister.Ss)).toBe(DATA0);
    expect(clocks).toBe(42 + 15);
  });

  it("stays at ring 3 in conforming code", () => {
    bench.interruptGate(0x40, USER_GATE, CONFORMING0);
    bench.enterLevel(3);
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.cpl).toBe(3);
    expect(bench.selector(SegmentRegister.Cs)).toBe(CONFORMING0 | 3);
    expect(bench.cpu.register(4)).toBe(USER_STACK - 12);
  });

  it("goes to ring 1 on ring 1's stack", () => {
    bench.interruptGate(0x40, USER_GATE, CODE1);
    bench.enterLevel(3);
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.cpl).toBe(1);
    expect(bench.selector(SegmentRegister.Cs)).toBe(CODE1);
  });

  const refusals: [string, (bench: SystemBench) => void, number, number][] = [
    ["the gate's DPL is below CPL", (b) => b.interruptGate(0x40), GP, 0x202],
    ["the vector lies beyond the IDT", (b) => (b.cpu.words[Word.IdtrLimit] = 0x206), GP, 0x202],
    ["the entry is no gate", (b) => b.interruptGate(0x40, PRESENT | dpl(3) | 0x0c), GP, 0x202],
    ["the entry is a task gate (not implemented)", (b) => b.interruptGate(0x40, PRESENT | dpl(3) | 0x05), GP, 0x202],
    ["the gate is not present", (b) => b.interruptGate(0x40, dpl(3) | INTERRUPT_GATE), NP, 0x202],
    ["the gate's selector is null", (b) => b.interruptGate(0x40, USER_GATE, 0), GP, 0],
    ["the gate's selector is outside the GDT", (b) => b.interruptGate(0x40, USER_GATE, 0x80), GP, 0x80],
    ["the gate leads to a data segment", (b) => b.interruptGate(0x40, USER_GATE, DATA0), GP, DATA0],
    [
      "the code segment is not present",
      (b) => {
        b.descriptor(FIRST_FREE, 0, 0xfffff, CODE_READABLE, 0xc);
        b.interruptGate(0x40, USER_GATE, FIRST_FREE);
      },
      NP,
      FIRST_FREE,
    ],
    ["SS0 of the TSS is null", (b) => b.memory.write32(TSS + 8, 0), TS, 0],
    ["SS0 of the TSS has the wrong RPL", (b) => b.memory.write32(TSS + 8, DATA0 | 1), TS, DATA0],
    ["SS0 of the TSS is a code segment", (b) => b.memory.write32(TSS + 8, CODE0), TS, CODE0],
    [
      "SS0's segment is not present",
      (b) => {
        b.descriptor(FIRST_FREE, 0, 0xfffff, DATA_WRITABLE, 0xc);
        b.memory.write32(TSS + 8, FIRST_FREE);
      },
      SS,
      FIRST_FREE,
    ],
    [
      "the inner stack has no room",
      (b) => {
        b.descriptor(FIRST_FREE, 0, 0x10, PRESENT | DATA_WRITABLE, 0x4);
        b.memory.write32(TSS + 8, FIRST_FREE);
      },
      SS,
      FIRST_FREE,
    ],
    [
      "the gate's offset is beyond the code segment",
      (b) => {
        b.descriptor(FIRST_FREE, 0, 0xfff, PRESENT | CODE_READABLE, 0x4);
        b.interruptGate(0x40, USER_GATE, FIRST_FREE);
      },
      GP,
      0,
    ],
  ];
  for (const [reason, prepare, vector, errorCode] of refusals)
    it(`is refused with vector ${vector}, error code 0x${errorCode.toString(16)}, and nothing changed, when ${reason}`, () => {
      bench.interruptGate(0x40, USER_GATE);
      prepare(bench);
      bench.enterLevel(3);
      const before = bench.cpu.words.slice(0, Word.Scratch);
      expect(bench.faultOf(() => softwareInterrupt(bench.cpu, 0x40, 0x1002))).toEqual({ vector, errorCode });
      const after = bench.cpu.words.slice(0, Word.Scratch);
      for (const words of [before, after]) words.fill(0, Word.FaultVector, Word.FaultErrorCode + 1);
      expect([...after]).toEqual([...before]);
    });
});

describe("stacks of 16 bits", () => {
  /** Loads SS with a 16-bit stack segment at 0x50000. */
  function load16BitStack(pointer: number): void {
    bench.descriptor(FIRST_FREE, 0x50000, 0xffff, PRESENT | DATA_WRITABLE, 0);
    loadSegment(bench.cpu, SegmentRegister.Ss, FIRST_FREE);
    bench.cpu.setRegister(4, pointer);
  }

  it("use SP and keep the upper half of ESP", () => {
    bench.interruptGate(0x40);
    load16BitStack(0x12340100);
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.register(4)).toBe(0x123400f4);
    expect(bench.memory.read32(0x500f4)).toBe(0x1002);
    interruptReturn(bench.cpu, 4);
    expect([bench.cpu.eip, bench.cpu.register(4)]).toEqual([0x1002, 0x12340100]);
  });

  it("wrap around at 64 KiB between two pushes", () => {
    bench.interruptGate(0x40);
    load16BitStack(0x0004);
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.register(4)).toBe(0xfff8);
    expect(bench.memory.read32(0x50000)).toBe(0x0002);
    expect(bench.memory.read32(0x5fffc)).toBe(CODE0);
    expect(bench.memory.read32(0x5fff8)).toBe(0x1002);
  });

  it("fault with #SS(0) where a push would cross the end, nothing pushed", () => {
    bench.interruptGate(0x40);
    load16BitStack(0x0002);
    expect(bench.faultOf(() => softwareInterrupt(bench.cpu, 0x40, 0x1002))).toEqual({ vector: SS, errorCode: 0 });
    expect(bench.cpu.register(4)).toBe(0x0002);
  });
});

describe("a 286 TSS", () => {
  it("gives inner stacks as SP:SS words from offset 2", () => {
    bench.descriptor(FIRST_FREE, 0x6000, 0x2b, PRESENT | 0x01, 0);
    bench.memory.write16(0x6002, 0x9100);
    bench.memory.write16(0x6004, DATA0);
    ltr(bench.cpu, FIRST_FREE);
    bench.interruptGate(0x40, USER_GATE);
    bench.enterLevel(3);
    softwareInterrupt(bench.cpu, 0x40, 0x1002);
    expect(bench.cpu.register(4)).toBe(0x9100 - 20);
    expect(bench.stack(2)).toEqual([0x1002, CODE3]);
  });

  it("too short for the level's stack is a #TS with its selector, and has no I/O permission bitmap", () => {
    for (const [access, limit] of [
      [0x01, 4],
      [0x09, 8],
    ] as const) {
      bench = new SystemBench();
      bench.descriptor(FIRST_FREE, 0x6000, limit, PRESENT | access, 0);
      ltr(bench.cpu, FIRST_FREE);
      bench.interruptGate(0x40, USER_GATE);
      bench.enterLevel(3);
      const fault = bench.faultOf(() => softwareInterrupt(bench.cpu, 0x40, 0x1002));
      expect(fault).toEqual({ vector: TS, errorCode: FIRST_FREE });
      expect(bench.faultOf(() => portRead(bench.cpu, 0, 1))).toEqual({ vector: GP, errorCode: 0 });
    }
  });
});

describe("exceptions", () => {
  it("push EIP of the instruction and an error code where there is one, with RF set", () => {
    bench.interruptGate(13);
    bench.cpu.eip = 0x1234;
    raise(13, 0x1b);
    expect(bench.stack(4)).toEqual([0x1b, 0x1234, CODE0, 0x10002]);
    expect(bench.cpu.words[Word.SystemFlags] & Flag.Rf).toBe(0);
  });

  it("push no error code for #UD", () => {
    bench.interruptGate(6);
    bench.cpu.eip = 0x1234;
    raise(6);
    expect(bench.stack(3)).toEqual([0x1234, CODE0, 0x10002]);
  });

  it("may use a gate whose DPL is 0 from ring 3", () => {
    bench.interruptGate(6);
    bench.enterLevel(3);
    raise(6);
    expect(bench.cpu.cpl).toBe(0);
    expect(bench.cpu.eip).toBe(HANDLERS + 0x60);
  });

  it("become the exception of their delivery, EXT set, when the first is benign", () => {
    bench.interruptGate(13);
    raise(6);
    expect(bench.stack(4)).toEqual([6 * 8 + 3, 0x1000, CODE0, 0x10002]);
    expect(bench.cpu.eip).toBe(HANDLERS + 0xd0);
  });

  it("become a double fault when a contributory one meets another, error code 0", () => {
    bench.interruptGate(8);
    raise(13, 0x77);
    expect(bench.cpu.eip).toBe(HANDLERS + 0x80);
    expect(bench.stack(4)).toEqual([0, 0x1000, CODE0, 0x10002]);
  });

  it("become a double fault when a page fault meets a contributory one, but not the other way round", () => {
    bench.interruptGate(8);
    bench.interruptGate(13);
    raise(14, 2);
    expect(bench.cpu.eip).toBe(HANDLERS + 0x80);
  });

  it("shut the CPU down when the double fault cannot be delivered either", () => {
    raise(13, 0);
    expect(bench.cpu.words[Word.Shutdown]).toBe(1);
    expect(bench.machine.run()).toEqual({ kind: "shutdown" });
  });
});

describe("external interrupts", () => {
  function programPic(): void {
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x20],
      [0x21, 4],
      [0x21, 1],
    ] as const)
      bench.machine.ports.write(port, 1, value);
  }

  it("wait for IF, then use the PIC's vector; 39 clocks and the acknowledge cycles", () => {
    programPic();
    bench.interruptGate(0x23);
    bench.machine.pic.setLine(3, true);
    expect(deliverPendingInterrupt(bench.cpu)).toBe(false);
    bench.cpu.eflags |= Flag.If;
    bench.cpu.words[Word.InterruptShadow] = 1;
    expect(deliverPendingInterrupt(bench.cpu)).toBe(false);
    bench.cpu.words[Word.InterruptShadow] = 0;
    const clocks = bench.clocks(() => expect(deliverPendingInterrupt(bench.cpu)).toBe(true));
    expect(bench.cpu.eip).toBe(HANDLERS + 0x230);
    expect(bench.stack(3)).toEqual([0x1000, CODE0, 0x202]);
    expect(clocks).toBe(25 + 14 + 60 + 15);
    expect(deliverPendingInterrupt(bench.cpu)).toBe(false);
  });

  it("raise exceptions with EXT set when their gate is bad", () => {
    programPic();
    bench.interruptGate(13);
    bench.cpu.eflags |= Flag.If;
    bench.machine.pic.setLine(3, true);
    deliverPendingInterrupt(bench.cpu);
    expect(bench.stack(2)).toEqual([0x23 * 8 + 3, 0x1000]);
  });

  it("wake the CPU from HLT", () => {
    programPic();
    bench.interruptGate(0x23);
    bench.cpu.eflags |= Flag.If;
    bench.cpu.words[Word.Halted] = 1;
    bench.machine.pic.setLine(3, true);
    deliverPendingInterrupt(bench.cpu);
    expect(bench.cpu.words[Word.Halted]).toBe(0);
  });

  it("NMI needs no IF, uses vector 2 and holds further NMIs until IRET", () => {
    bench.interruptGate(2);
    bench.cpu.words[Word.NmiPending] = 1;
    expect(deliverPendingInterrupt(bench.cpu)).toBe(true);
    expect(bench.cpu.eip).toBe(HANDLERS + 0x20);
    bench.cpu.words[Word.NmiPending] = 1;
    expect(deliverPendingInterrupt(bench.cpu)).toBe(false);
    interruptReturn(bench.cpu, 4);
    expect(deliverPendingInterrupt(bench.cpu)).toBe(true);
  });
});

describe("IRET", () => {
  function push(values: readonly number[], bytes = 4): void {
    const pointer = bench.cpu.register(4) - values.length * bytes;
    values.forEach((value, i) => {
      if (bytes === 4) bench.memory.write32(pointer + 4 * i, value);
      else bench.memory.write16(pointer + 2 * i, value);
    });
    bench.cpu.setRegister(4, pointer);
  }

  it("returns to the same level: EIP, CS, EFLAGS; 10 clocks with the row's 8", () => {
    interruptReturnAfter([0x2345, CODE0, 0x246]);
    expect(bench.cpu.eip).toBe(0x2345);
    expect(bench.cpu.eflags).toBe(0x246);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK);
    push([0x2345, CODE0, 0x246]);
    expect(bench.clocks(() => interruptReturn(bench.cpu, 4))).toBe(2);
  });

  function interruptReturnAfter(values: readonly number[]): void {
    push(values);
    interruptReturn(bench.cpu, 4);
  }

  it("returns to ring 3: ESP and SS too, and makes unusable what ring 3 may not see", () => {
    bench.cpu.words[Word.Segments + 4 * SegmentRegister.Fs + SegmentWord.Attributes] = 0;
    push([0x2345, CODE3, 0x202, USER_STACK, DATA3]);
    const clocks = bench.clocks(() => interruptReturn(bench.cpu, 4));
    expect(bench.cpu.cpl).toBe(3);
    expect(bench.cpu.register(4)).toBe(USER_STACK);
    expect(bench.selector(SegmentRegister.Ss)).toBe(DATA3);
    expect(bench.selector(SegmentRegister.Ds)).toBe(0);
    expect(bench.cpu.words[Word.Segments + 4 * SegmentRegister.Ds + SegmentWord.Attributes]).toBe(0);
    expect(clocks).toBe(19 + 2 * 15);
  });

  it("keeps data segments that ring 3 may use", () => {
    push([0x2345, CODE3, 0x202, USER_STACK, DATA3]);
    const index = Word.Segments + 4 * SegmentRegister.Es;
    bench.cpu.words[index + SegmentWord.Selector] = DATA3;
    bench.cpu.words[index + SegmentWord.Attributes] = 0xc0f3;
    interruptReturn(bench.cpu, 4);
    expect(bench.selector(SegmentRegister.Es)).toBe(DATA3);
  });

  it("pops 16-bit values with a 16-bit operand and keeps the upper halves of EFLAGS", () => {
    bench.cpu.eflags |= Flag.Id;
    push([0x2345, CODE0, 0x0246], 2);
    interruptReturn(bench.cpu, 2);
    expect(bench.cpu.eip).toBe(0x2345);
    expect(bench.cpu.eflags).toBe(0x246 | Flag.Id);
    expect(bench.cpu.register(4)).toBe(KERNEL_STACK);
  });

  it("changes IOPL only at CPL 0 and IF only when CPL <= IOPL", () => {
    push([0x2345, CODE3, 0x1202, USER_STACK, DATA3]);
    interruptReturn(bench.cpu, 4);
    expect(bench.cpu.eflags & 0x3200).toBe(0x1200);
    bench.cpu.setRegister(4, USER_STACK);
    push([0x2345, CODE3, 0x3002]);
    interruptReturn(bench.cpu, 4);
    expect(bench.cpu.eflags & 0x3200).toBe(0x1200);
  });

  const refusals: [string, readonly number[], number, number][] = [
    ["CS is null", [0, 3, 2], GP, 0],
    ["CS lies outside the GDT", [0, 0x80, 2], GP, 0x80],
    ["CS is a data segment", [0, DATA0, 2], GP, DATA0],
    ["CS's RPL differs from its DPL", [0, CODE0 | 3, 2, USER_STACK, DATA3], GP, CODE0],
    ["SS of the outer level is null", [0, CODE3, 2, USER_STACK, 0], GP, 0],
    ["SS's RPL is not that of CS", [0, CODE3, 2, USER_STACK, DATA3 & ~3], GP, DATA3 & ~3],
    ["SS is a code segment", [0, CODE3, 2, USER_STACK, CODE3], GP, CODE3 & ~3],
    ["EIP is beyond the code segment", [0x1000, FIRST_FREE, 2], GP, 0],
    ["it would return to V86 mode (not implemented)", [0, CODE3, 0x20002, 0, 0, 0, 0, 0, 0], GP, 0],
  ];
  for (const [reason, values, vector, errorCode] of refusals)
    it(`is refused with vector ${vector}, error code 0x${errorCode.toString(16)}, when ${reason}`, () => {
      bench.descriptor(FIRST_FREE, 0, 0xfff, PRESENT | CODE_READABLE, 0x4);
      push(values);
      const before = bench.cpu.words.slice(0, Word.FaultVector);
      expect(bench.faultOf(() => interruptReturn(bench.cpu, 4))).toEqual({ vector, errorCode });
      expect([...bench.cpu.words.slice(0, Word.FaultVector)]).toEqual([...before]);
    });

  it("cannot return inward", () => {
    bench.enterLevel(3);
    push([0, CODE0, 2]);
    expect(bench.faultOf(() => interruptReturn(bench.cpu, 4))).toEqual({ vector: GP, errorCode: CODE0 });
  });

  it("from a nested task raises #TS with the task's selector (task switches are not implemented)", () => {
    bench.cpu.words[Word.SystemFlags] |= Flag.Nt;
    expect(bench.faultOf(() => interruptReturn(bench.cpu, 4))).toEqual({ vector: TS, errorCode: TSS_SELECTOR });
  });
});
