import { beforeEach, describe, expect, it } from "vitest";
import { writeControlRegister } from "../../../emulator/cpu/control-registers.ts";
import { interruptReturn } from "../../../emulator/cpu/interrupt-return.ts";
import { Flag, Word } from "../../../emulator/cpu/state.ts";
import { EventKind } from "../../../emulator/event-log.ts";
import { createMachine } from "../../../emulator/machine.ts";
import { HANDLERS, KERNEL_STACK, SystemBench } from "../system/system-bench.ts";

const CODE = 0x10000;
const NOP = 0x90;
const HLT = 0xf4;
const CLI = 0xfa;
const STI = 0xfb;
const IRET = 0xcf;
const INC_EAX = 0x40;
const INC_ECX = 0x41;

let bench: SystemBench;

/** Puts code at CODE, ready to run at ring 0, and handlers that are a lone IRET. */
function load(...code: number[]): void {
  bench.memory.writeBytes(CODE, Uint8Array.from(code));
  bench.cpu.eip = CODE;
}

function handler(vector: number, ...code: number[]): void {
  bench.interruptGate(vector);
  bench.memory.writeBytes(HANDLERS + 16 * vector, Uint8Array.from(code));
}

function programPic(mask = 0): void {
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 4],
    [0x21, 3],
    [0x21, mask],
  ] as const)
    bench.machine.ports.write(port, 1, value);
}

beforeEach(() => {
  bench = new SystemBench();
});

describe("limits", () => {
  it("stop at the first instruction boundary at or after the cycle, and exactly at the count of instructions", () => {
    load(...new Array<number>(50).fill(NOP), HLT);
    const { machine } = bench;
    const start = machine.cycles;
    expect(machine.run({ cycle: start + 7 })).toEqual({ kind: "cycle" });
    expect([machine.cycles - start, machine.instructions]).toEqual([7, 7]);
    expect(machine.run({ instructions: 10 })).toEqual({ kind: "instructions" });
    expect(bench.cpu.eip).toBe(CODE + 10);
    expect(machine.run({ cycle: start })).toEqual({ kind: "cycle" });
    expect(machine.instructions).toBe(10);
    expect(machine.step()).toBeUndefined();
    expect(machine.instructions).toBe(11);
  });
});

describe("HLT", () => {
  it("ends the run when nothing can ever wake the CPU", () => {
    load(CLI, HLT, NOP);
    expect(bench.machine.run()).toEqual({ kind: "halted" });
    expect(bench.cpu.eip).toBe(CODE + 2);
    expect(bench.machine.step()).toEqual({ kind: "halted" });
    load(STI, HLT);
    bench.cpu.words[Word.Halted] = 0;
    expect(bench.machine.run()).toEqual({ kind: "halted" });
  });

  it("lets time jump to the next alarm, and goes on after it with the interrupt", () => {
    programPic();
    handler(0x20, INC_EAX, IRET);
    load(STI, HLT, INC_ECX, CLI, HLT);
    const { machine, cpu } = bench;
    for (const [port, value] of [
      [0x43, 0x30],
      [0x40, 0xff],
      [0x40, 0x7f],
    ] as const)
      machine.ports.write(port, 1, value);
    cpu.setRegister(0, 0);
    cpu.setRegister(1, 0);
    expect(machine.run()).toEqual({ kind: "halted" });
    expect([cpu.register(0), cpu.register(1)]).toEqual([1, 1]);
    expect(machine.cycles).toBeGreaterThan((0x7fff * 100e6) / 1193182);
    expect(machine.instructions).toBe(7);
  });

  it("stops at a cycle limit on the way", () => {
    programPic();
    load(STI, HLT);
    const { machine } = bench;
    for (const [port, value] of [
      [0x43, 0x34],
      [0x40, 0],
      [0x40, 0],
    ] as const)
      machine.ports.write(port, 1, value);
    expect(machine.run({ cycle: 100_000 })).toEqual({ kind: "cycle" });
    expect(machine.cycles).toBe(100_000);
    expect(machine.run({ cycle: 100_000.5 }), "clocks are whole").toEqual({ kind: "cycle" });
    expect(machine.cycles).toBe(100_001);
  });
});

describe("interrupts", () => {
  it("wait one instruction after STI", () => {
    programPic();
    handler(0x23, INC_EAX, CLI, HLT);
    load(STI, INC_ECX, INC_ECX);
    bench.cpu.setRegister(1, 0);
    bench.machine.pic.setLine(3, true);
    bench.machine.run();
    expect(bench.cpu.register(1)).toBe(1);
  });

  it("are never taken between STI and a CLI that follows it", () => {
    programPic();
    handler(0x23, INC_EAX, IRET);
    load(STI, CLI, NOP, NOP, HLT);
    bench.cpu.setRegister(0, 0);
    bench.machine.pic.setLine(3, true);
    expect(bench.machine.run()).toEqual({ kind: "halted" });
    expect(bench.cpu.register(0)).toBe(0);
  });

  it("wait for the instruction after MOV SS, however the run is sliced", () => {
    for (const sliced of [false, true]) {
      bench = new SystemBench();
      programPic();
      handler(0x23, CLI, HLT);
      // mov ss, dx; mov esp, 0x7000; nop
      load(0x8e, 0xd2, 0xbc, 0x00, 0x70, 0, 0, NOP);
      bench.cpu.setRegister(2, 0x10);
      bench.cpu.eflags = Flag.Reserved1;
      bench.machine.run({ instructions: 0 });
      bench.machine.pic.setLine(3, true);
      bench.cpu.eflags = Flag.Reserved1 | Flag.If;
      bench.cpu.words[Word.InterruptShadow] = 2;
      if (sliced) for (let i = 1; i < 3; i++) bench.machine.run({ instructions: i });
      bench.machine.run();
      expect(bench.cpu.register(4)).toBe(0x7000 - 12);
    }
  });

  it("from two alarms of one cycle come in the order of their priorities, between the same instructions, whatever the slices", () => {
    const order = (slice: number): string => {
      bench = new SystemBench();
      const called: string[] = [];
      const { machine } = bench;
      load(...new Array<number>(200).fill(NOP), HLT);
      for (const [name, priority] of [
        ["b", 2],
        ["a", 1],
      ] as const)
        machine.clock
          .createAlarm(name, priority, () => called.push(`${name} ${machine.cycles} ${bench.cpu.eip}`))
          .at(machine.cycles + 100);
      for (let limit = slice; machine.run({ cycle: limit }).kind === "cycle"; limit += slice);
      return called.join();
    };
    const whole = order(1e6);
    expect(whole).toMatch(/^a \d+ \d+,b \d+ \d+$/);
    for (const slice of [1, 7, 33]) expect(order(slice)).toBe(whole);
  });
});

describe("single stepping with TF", () => {
  it("traps after each instruction with DR6.BS, not after the one that sets TF, nor in the handler", () => {
    handler(1, INC_EAX, IRET);
    // pushfd; or dword [esp], 0x100; popfd; inc ecx; nop; pushfd; and dword [esp], ~0x100; popfd; inc ecx; cli; hlt
    const setTf = [0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d];
    const clearTf = [0x9c, 0x81, 0x24, 0x24, 0xff, 0xfe, 0xff, 0xff, 0x9d];
    load(...setTf, INC_ECX, NOP, ...clearTf, INC_ECX, CLI, HLT);
    bench.cpu.setRegister(0, 0);
    const trapped: number[] = [];
    bench.machine.observe({ exception: (_vector, _errorCode, eip) => trapped.push(eip - CODE) });
    expect(bench.machine.run()).toEqual({ kind: "halted" });
    expect(trapped).toEqual([10, 11, 12, 19, 20]);
    expect(bench.cpu.register(0)).toBe(5);
    expect(bench.cpu.words[Word.Dr0 + 6] & 0x4000).toBe(0x4000);
  });

  it("traps after every element of a REP instruction, which is not complete until its last", () => {
    handler(1, INC_EAX, IRET);
    // rep stosb; cli; hlt with TF set by IRET
    load(0xf3, 0xaa, CLI, HLT);
    const { cpu } = bench;
    cpu.setRegister(0, 0);
    cpu.setRegister(1, 5);
    cpu.setRegister(7, 0x50000);
    bench.memory.write32(KERNEL_STACK - 12, CODE);
    bench.memory.write32(KERNEL_STACK - 8, 0x08);
    bench.memory.write32(KERNEL_STACK - 4, 0x102);
    cpu.setRegister(4, KERNEL_STACK - 12);
    interruptReturn(cpu, 4);
    const trapped: number[] = [];
    bench.machine.observe({ exception: (_vector, _errorCode, eip) => trapped.push(eip - CODE) });
    bench.machine.run({ instructions: 11 });
    expect(trapped.slice(0, 5)).toEqual([0, 0, 0, 0, 2]);
    expect([...bench.memory.readBytes(0x50000, 5)]).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("stopping", () => {
  it("by an observer stops before the instruction it names, and the run goes on from there", () => {
    load(INC_EAX, INC_EAX, INC_EAX, CLI, HLT);
    bench.cpu.setRegister(0, 0);
    const detach = bench.machine.observe({
      beforeInstruction: (linear) => {
        if (linear === CODE + 1) bench.machine.stop("breakpoint");
      },
    });
    expect(bench.machine.run()).toEqual({ kind: "stopped", reason: "breakpoint" });
    expect([bench.cpu.eip, bench.cpu.register(0), bench.machine.instructions]).toEqual([CODE + 1, 1, 1]);
    detach();
    expect(bench.machine.run()).toEqual({ kind: "halted" });
    expect(bench.cpu.register(0)).toBe(3);
  });

  it("by the exit port keeps the code until reset", () => {
    // mov al, 7; out 0xf4, al; nop
    load(0xb0, 7, 0xe6, 0xf4, NOP);
    for (let i = 0; i < 2; i++) expect(bench.machine.run()).toEqual({ kind: "power-off", code: 7 });
    expect(bench.cpu.eip).toBe(CODE + 4);
    const off = bench.machine.snapshot();
    bench.machine.reset();
    expect(bench.machine.exitPort.exitCode).toBeUndefined();
    bench.machine.restore(off);
    expect(bench.machine.run()).toEqual({ kind: "power-off", code: 7 });
  });

  it("takes a 32-bit exit code", () => {
    // mov eax, 0x12345678; out 0xf4, eax
    load(0xb8, 0x78, 0x56, 0x34, 0x12, 0xe7, 0xf4);
    expect(bench.machine.run()).toEqual({ kind: "power-off", code: 0x12345678 });
  });

  it("by a panic keeps the text, also across a snapshot", () => {
    load(NOP);
    bench.machine.panic("ready queue is broken");
    expect(bench.machine.run()).toEqual({ kind: "panic", text: "ready queue is broken" });
    const snapshot = bench.machine.snapshot();
    bench.machine.reset();
    bench.machine.restore(snapshot);
    expect(bench.machine.step()).toEqual({ kind: "panic", text: "ready queue is broken" });
  });

  it("by a triple fault is a shutdown, also for an endless fetch of nothing", () => {
    bench.cpu.words[Word.IdtrLimit] = 0;
    bench.cpu.eip = 0x80000000;
    expect(bench.machine.run()).toEqual({ kind: "shutdown" });
    expect(bench.machine.run()).toEqual({ kind: "shutdown" });
  });
});

describe("a portal page", () => {
  const PORTAL = 0x30000;

  it("answers an instruction fetched at CPL 0 with the handler, which goes on by the CPU's own IRET", () => {
    const { machine, cpu } = bench;
    const entered: number[] = [];
    machine.registerPortal(PORTAL, (offset) => {
      entered.push(offset);
      cpu.setRegister(0, cpu.register(0) + 5);
      machine.charge(1000);
      interruptReturn(cpu, 4);
    });
    bench.gate(0x2000 + 8 * 0x40, 0x08, PORTAL + 0x18, 0x8e);
    // int 0x40; cli; hlt
    load(0xcd, 0x40, CLI, HLT);
    cpu.setRegister(0, 1);
    const log: number[] = [];
    machine.eventLog.listener = (_cycle, kind) => log.push(kind);
    const before = machine.cycles;
    expect(machine.run()).toEqual({ kind: "halted" });
    expect(entered).toEqual([0x18]);
    expect(cpu.register(0)).toBe(6);
    expect(cpu.register(4)).toBe(KERNEL_STACK);
    expect(log).toEqual([EventKind.SoftwareInterrupt, EventKind.PortalEntry]);
    expect(machine.instructions).toBe(4);
    // int 31 and the accessed bit of the code segment, portal 1000, iret 10, cli 7, hlt 12.
    expect(machine.cycles - before).toBe(31 + 15 + 1000 + 10 + 7 + 12);
  });

  it("is memory like any other at other levels, and its bytes can be read and written", () => {
    let calls = 0;
    bench.machine.registerPortal(PORTAL, () => calls++);
    bench.memory.writeBytes(PORTAL, Uint8Array.of(INC_EAX, HLT));
    handler(13, CLI, HLT);
    bench.enterLevel(3);
    bench.cpu.eip = PORTAL;
    bench.cpu.setRegister(0, 0);
    bench.machine.run();
    expect([calls, bench.cpu.register(0)]).toEqual([0, 1]);
    expect(bench.memory.read8(PORTAL)).toBe(INC_EAX);
  });

  it("delivers interrupts that fall due during its clocks at its end", () => {
    const { machine, cpu } = bench;
    programPic();
    handler(0x20, CLI, HLT);
    machine.registerPortal(PORTAL, () => {
      machine.charge(100_000);
      cpu.eip = CODE + 1;
      cpu.eflags |= Flag.If;
    });
    for (const [port, value] of [
      [0x43, 0x30],
      [0x40, 0xff],
      [0x40, 0],
    ] as const)
      machine.ports.write(port, 1, value);
    load(NOP, INC_ECX);
    cpu.setRegister(1, 0);
    cpu.eip = PORTAL;
    machine.run();
    expect(cpu.register(1)).toBe(0);
    expect(bench.stack(1)).toEqual([CODE + 1]);
  });

  it("must be a page of RAM", () => {
    expect(() => bench.machine.registerPortal(0x30010, () => {})).toThrow(RangeError);
    expect(() => bench.machine.registerPortal(0x40000000, () => {})).toThrow(RangeError);
  });
});

describe("observers", () => {
  it("see interrupts, exceptions, ports, portals and the shutdown, in order, and nothing after they are detached", () => {
    const { machine, cpu } = bench;
    const seen: string[] = [];
    const detach = machine.observe({
      exception: (vector, errorCode, eip) => seen.push(`exception ${vector} ${errorCode} ${eip - CODE}`),
      interrupt: (vector, kind, eip) => seen.push(`${kind} ${vector} ${eip - CODE}`),
      portalEnter: (physical) => seen.push(`enter ${physical.toString(16)}`),
      portalLeave: (physical) => seen.push(`leave ${physical.toString(16)}`),
      portRead: (port, bytes, value) => seen.push(`in ${port.toString(16)} ${bytes} ${value}`),
      portWrite: (port, bytes, value) => seen.push(`out ${port.toString(16)} ${bytes} ${value}`),
      shutdown: () => seen.push("shutdown"),
    });
    machine.registerPortal(0x30000, () => interruptReturn(cpu, 4));
    bench.gate(0x2000 + 8 * 0x40, 0x08, 0x30000, 0x8e);
    handler(6, 0x83, 0x04, 0x24, 2, IRET); // add dword [esp], 2; iret
    // int 0x40; ud2; in al, 0x21; out 0x21, al; lidt [0]; ud2
    load(0xcd, 0x40, 0x0f, 0x0b, 0xe4, 0x21, 0xe6, 0x21, 0x0f, 0x01, 0x1d, 0, 0, 0, 0, 0x0f, 0x0b);
    expect(machine.run()).toEqual({ kind: "shutdown" });
    const expected = ["enter 30000", "leave 30000", "exception 6 0 2", "in 21 1 255", "out 21 1 255", "shutdown"];
    expect(seen).toEqual(["software 64 2", ...expected]);
    detach();
    machine.ports.read(0x21, 1);
    expect(seen).toHaveLength(7);
  });

  it("see every data access with its addresses and values, and page walks", () => {
    const { machine, cpu, memory } = bench;
    const seen: string[] = [];
    for (let i = 0; i < 64; i++) memory.write32(0x41000 + 4 * i, (i << 12) | 7);
    memory.write32(0x41000 + 4 * 0x50, 0x00051007);
    memory.write32(0x40000, 0x41007);
    // mov [0x50004], eax; mov cl, [0x50007]; cli; hlt
    load(0xa3, 4, 0, 5, 0, 0x8a, 0x0d, 7, 0, 5, 0, CLI, HLT);
    cpu.setRegister(0, 0x80000001);
    writeControlRegister(cpu, 3, 0x40000);
    writeControlRegister(cpu, 0, 0x80010011);
    machine.observe({
      memoryRead: (linear, physical, bytes, value) =>
        seen.push(`read ${[linear, physical, bytes, value].map((n) => n.toString(16))}`),
      memoryWrite: (linear, physical, bytes, value) =>
        seen.push(`write ${[linear, physical, bytes, value].map((n) => n.toString(16))}`),
      walkRead: (physical, value) => seen.push(`walk ${[physical, value].map((n) => n.toString(16))}`),
      walkWrite: (physical, value) => seen.push(`mark ${[physical, value].map((n) => n.toString(16))}`),
    });
    machine.run();
    expect(seen).toEqual([
      "walk 40000,41007",
      "mark 40000,41027",
      "walk 41040,10007",
      "mark 41040,10027",
      "walk 40000,41027",
      "walk 41140,51007",
      "mark 41140,51067",
      "write 50004,51004,4,80000001",
      "read 50007,51007,1,80",
    ]);
  });
});

describe("the event log", () => {
  it("is empty at first, depends on what happens and when, and is part of a snapshot", () => {
    const { machine } = bench;
    const first = machine.eventLog.hash;
    expect(createMachine({ memoryBytes: 1 << 20 }).eventLog.hash).toBe("0000000000000000");
    const snapshot = machine.snapshot();
    machine.eventLog.record(64, 1, 2);
    const early = machine.eventLog.hash;
    machine.restore(snapshot);
    expect(machine.eventLog.hash).toBe(first);
    machine.charge(1);
    machine.eventLog.record(64, 1, 2);
    expect(machine.eventLog.hash).not.toBe(early);
    for (const [kind, a, b] of [
      [65, 1, 2],
      [64, 2, 1],
      [64, 1, 3],
    ] as const) {
      machine.restore(snapshot);
      machine.eventLog.record(kind, a, b);
      expect(machine.eventLog.hash).not.toBe(early);
    }
  });
});

describe("a machine", () => {
  it("refuses memory sizes that it cannot have", () => {
    for (const memoryBytes of [0, -4096, 4095, 2 ** 31, Number.NaN, 4096.5])
      expect(() => createMachine({ memoryBytes })).toThrow(RangeError);
  });

  it("refuses snapshots that do not fit", () => {
    const small = createMachine({ memoryBytes: 1 << 20 });
    const large = createMachine({ memoryBytes: 2 << 20 });
    expect(() => small.restore(large.snapshot())).toThrow(RangeError);
  });
});
