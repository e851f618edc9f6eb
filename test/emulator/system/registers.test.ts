import { beforeEach, describe, expect, it } from "vitest";
import {
  clts,
  halt,
  invd,
  lmsw,
  readControlRegister,
  readDebugRegister,
  smsw,
  wbinvd,
  writeControlRegister,
  writeDebugRegister,
} from "../../../emulator/cpu/control-registers.ts";
import { CPU_FEATURES, cpuid } from "../../../emulator/cpu/cpuid.ts";
import { lgdt, lidt, sgdt, sidt, sldt } from "../../../emulator/cpu/descriptor-tables.ts";
import { rdmsr, rdtsc, timeStamp, wrmsr } from "../../../emulator/cpu/model-specific-registers.ts";
import { cli, portModeClocks, portRead, portWrite, sti } from "../../../emulator/cpu/port-access.ts";
import { Flag, Word } from "../../../emulator/cpu/state.ts";
import { ltr, str } from "../../../emulator/cpu/task-state-segment.ts";
import { DATA0, FIRST_FREE, GDT, PRESENT, SystemBench, TSS, TSS_SELECTOR } from "./system-bench.ts";

const GP0 = { vector: 13, errorCode: 0 };
const UD = 6;

let bench: SystemBench;
beforeEach(() => {
  bench = new SystemBench();
});

describe("control registers", () => {
  it("hold what is written, reserved bits of CR0 as zero and ET as one", () => {
    const { cpu } = bench;
    writeControlRegister(cpu, 0, 0x6005003f);
    expect(readControlRegister(cpu, 0)).toBe(0x6005003f);
    writeControlRegister(cpu, 0, 0x00000f01);
    expect(readControlRegister(cpu, 0)).toBe(0x11);
    writeControlRegister(cpu, 2, 0x12345678);
    expect(readControlRegister(cpu, 2)).toBe(0x12345678);
    writeControlRegister(cpu, 3, 0x12345fff);
    expect(readControlRegister(cpu, 3)).toBe(0x12345018);
    writeControlRegister(cpu, 4, 0x54);
    expect(readControlRegister(cpu, 4)).toBe(0x54);
  });

  it("raise #GP(0) for PG without PE, NW without CD, reserved bits of CR4, and outside CPL 0", () => {
    const { cpu } = bench;
    expect(bench.faultOf(() => writeControlRegister(cpu, 0, 0x80000000))).toEqual(GP0);
    expect(bench.faultOf(() => writeControlRegister(cpu, 0, 0x20000001))).toEqual(GP0);
    for (const bit of [0, 1, 3, 5, 7, 8, 20])
      expect(bench.faultOf(() => writeControlRegister(cpu, 4, 1 << bit))).toEqual(GP0);
    bench.enterLevel(3);
    expect(bench.faultOf(() => readControlRegister(cpu, 0))).toEqual(GP0);
    expect(bench.faultOf(() => writeControlRegister(cpu, 3, 0))).toEqual(GP0);
  });

  it("other than 0, 2, 3 and 4 do not exist", () => {
    for (const number of [1, 5, 6, 7]) {
      expect(bench.faultOf(() => readControlRegister(bench.cpu, number))?.vector).toBe(UD);
      expect(bench.faultOf(() => writeControlRegister(bench.cpu, number, 0))?.vector).toBe(UD);
    }
  });

  it("LMSW changes four bits and cannot clear PE; SMSW reads at any level; CLTS clears TS", () => {
    const { cpu } = bench;
    lmsw(cpu, 0xfffe);
    expect(smsw(cpu)).toBe(0x1f);
    clts(cpu);
    expect(smsw(cpu)).toBe(0x17);
    bench.enterLevel(3);
    expect(smsw(cpu)).toBe(0x17);
    expect(bench.faultOf(() => lmsw(cpu, 0))).toEqual(GP0);
    expect(bench.faultOf(() => clts(cpu))).toEqual(GP0);
  });

  it("a CR3 load enters the event log", () => {
    const before = bench.machine.eventLog.hash;
    writeControlRegister(bench.cpu, 3, 0x5000);
    expect(bench.machine.eventLog.hash).not.toBe(before);
  });
});

describe("debug registers", () => {
  it("store and read back, with fixed bits; 4 and 5 are 6 and 7", () => {
    const { cpu } = bench;
    writeDebugRegister(cpu, 0, 0x1234);
    writeDebugRegister(cpu, 4, 0);
    writeDebugRegister(cpu, 5, 0);
    expect([0, 4, 5, 6, 7].map((i) => readDebugRegister(cpu, i) >>> 0)).toEqual([
      0x1234, 0xffff0ff0, 0x400, 0xffff0ff0, 0x400,
    ]);
    bench.enterLevel(3);
    expect(bench.faultOf(() => readDebugRegister(cpu, 7))).toEqual(GP0);
  });

  it("raise #DB with DR6.BD when DR7.GD guards them", () => {
    const { cpu } = bench;
    writeDebugRegister(cpu, 7, 0x2000);
    expect(bench.faultOf(() => readDebugRegister(cpu, 0))?.vector).toBe(1);
    expect(readDebugRegister(cpu, 6) & 0x2000).toBe(0x2000);
  });
});

describe("descriptor table registers", () => {
  it("load limit and base, 24 bits of it with a 16-bit operand, and store all of it", () => {
    const { cpu, memory } = bench;
    memory.write16(0x500, 0x1234);
    memory.write32(0x502, 0xfedcba98);
    lidt(cpu, 0x500, 4);
    sidt(cpu, 0x510);
    expect([memory.read16(0x510), memory.read32(0x512) >>> 0]).toEqual([0x1234, 0xfedcba98]);
    lgdt(cpu, 0x500, 2);
    bench.enterLevel(0);
    sgdt(cpu, 0x510);
    expect([memory.read16(0x510), memory.read32(0x512) >>> 0]).toEqual([0x1234, 0x00dcba98]);
    cpu.setCpl(3);
    expect(bench.faultOf(() => lgdt(cpu, 0x500, 4))).toEqual(GP0);
    expect(bench.faultOf(() => sgdt(cpu, 0x510))).toBeUndefined();
  });

  it("LTR marks the TSS busy and refuses one that is busy, absent or no TSS; STR and SLDT read the selectors", () => {
    const { cpu } = bench;
    expect(bench.memory.read8(GDT + TSS_SELECTOR + 5)).toBe(PRESENT | 0x0b);
    expect(str(cpu)).toBe(TSS_SELECTOR);
    expect(sldt(cpu)).toBe(0);
    expect(bench.faultOf(() => ltr(cpu, TSS_SELECTOR))).toEqual({ vector: 13, errorCode: TSS_SELECTOR });
    expect(bench.faultOf(() => ltr(cpu, DATA0))).toEqual({ vector: 13, errorCode: DATA0 });
    expect(bench.faultOf(() => ltr(cpu, 0))).toEqual(GP0);
    bench.descriptor(FIRST_FREE, TSS, 0x67, 0x09, 0);
    expect(bench.faultOf(() => ltr(cpu, FIRST_FREE))).toEqual({ vector: 11, errorCode: FIRST_FREE });
    expect(bench.faultOf(() => ltr(cpu, 0x0c))).toEqual({ vector: 13, errorCode: 0x0c });
  });
});

describe("model-specific registers and the time-stamp counter", () => {
  it("RDTSC gives the core clocks, and more to pay outside ring 0", () => {
    const { cpu } = bench;
    cpu.charge(5 * 2 ** 32 + 7 - cpu.cycles);
    rdtsc(cpu);
    expect([cpu.register(2), cpu.register(0)]).toEqual([5, 7]);
    bench.enterLevel(3);
    expect(bench.clocks(() => rdtsc(cpu))).toBe(5);
  });

  it("RDTSC raises #GP(0) at CPL 3 with CR4.TSD", () => {
    writeControlRegister(bench.cpu, 4, 4);
    expect(bench.faultOf(() => rdtsc(bench.cpu))).toBeUndefined();
    bench.enterLevel(3);
    expect(bench.faultOf(() => rdtsc(bench.cpu))).toEqual(GP0);
  });

  it("WRMSR sets the time-stamp counter, which goes on counting from there", () => {
    const { cpu } = bench;
    cpu.setRegister(1, 0x10);
    cpu.setRegister(0, 100);
    cpu.setRegister(2, 1);
    wrmsr(cpu);
    cpu.charge(11);
    rdmsr(cpu);
    expect([cpu.register(2), cpu.register(0)]).toEqual([1, 111]);
    expect(timeStamp(cpu)).toBe(2 ** 32 + 111);
  });

  it("stores the others that a P5 has and raises #GP(0) for those it has not", () => {
    const { cpu } = bench;
    for (const number of [0, 1, 2, 4, 9, 0xb, 0xe, 0x11, 0x12, 0x13]) {
      cpu.setRegister(1, number);
      cpu.setRegister(0, number + 1);
      cpu.setRegister(2, number + 2);
      wrmsr(cpu);
      cpu.setRegister(0, 0);
      cpu.setRegister(2, 0);
      rdmsr(cpu);
      expect([cpu.register(0), cpu.register(2)]).toEqual([number + 1, number + 2]);
    }
    for (const number of [3, 0xa, 0xf, 0x14, 0x1b, 32, 0xc0000080]) {
      cpu.setRegister(1, number);
      expect(
        bench.faultOf(() => rdmsr(cpu)),
        `MSR ${number}`,
      ).toEqual(GP0);
      expect(
        bench.faultOf(() => wrmsr(cpu)),
        `MSR ${number}`,
      ).toEqual(GP0);
    }
    bench.enterLevel(3);
    cpu.setRegister(1, 0);
    expect(bench.faultOf(() => rdmsr(cpu))).toEqual(GP0);
  });

  it("CPUID names an Intel family 5 and only features that are there", () => {
    const { cpu } = bench;
    cpu.setRegister(0, 0);
    cpuid(cpu);
    const name = [3, 2, 1].map((i) => {
      const word = cpu.register(i);
      return String.fromCharCode(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24);
    });
    expect([cpu.register(0), name.join("")]).toEqual([1, "GenuineIntel"]);
    cpu.setRegister(0, 1);
    cpuid(cpu);
    expect([cpu.register(0), cpu.register(2)]).toEqual([0x52c, CPU_FEATURES]);
    const debuggingExtensions = 4;
    const virtual8086Extensions = 2;
    expect(CPU_FEATURES & (debuggingExtensions | virtual8086Extensions)).toBe(0);
  });

  it("WBINVD and INVD need CPL 0; writing back costs 2000 clocks with the row's 15", () => {
    expect(bench.clocks(() => wbinvd(bench.cpu))).toBe(1985);
    invd(bench.cpu);
    bench.enterLevel(3);
    expect(bench.faultOf(() => wbinvd(bench.cpu))).toEqual(GP0);
    expect(bench.faultOf(() => invd(bench.cpu))).toEqual(GP0);
    expect(bench.faultOf(() => halt(bench.cpu))).toEqual(GP0);
  });
});

describe("I/O privilege", () => {
  const SCRATCH_PORT = 0x3ff;

  it("lets IN, OUT, CLI and STI through when CPL <= IOPL", () => {
    const { cpu } = bench;
    bench.cpu.eflags = Flag.Reserved1 | Flag.Iopl;
    bench.enterLevel(3);
    portWrite(cpu, SCRATCH_PORT, 1, 0x5a);
    expect(portRead(cpu, SCRATCH_PORT, 1)).toBe(0x5a);
    sti(cpu);
    expect(cpu.eflags & Flag.If).toBe(Flag.If);
    expect(cpu.words[Word.InterruptShadow]).toBe(1);
    cli(cpu);
    expect(cpu.eflags & Flag.If).toBe(0);
  });

  it("raises #GP(0) beyond IOPL when the TSS has no bitmap for the port", () => {
    bench.enterLevel(3);
    expect(bench.faultOf(() => portRead(bench.cpu, SCRATCH_PORT, 1))).toEqual(GP0);
    expect(bench.faultOf(() => cli(bench.cpu))).toEqual(GP0);
    expect(bench.faultOf(() => sti(bench.cpu))).toEqual(GP0);
  });

  it("asks the TSS's bitmap: every port of the access must be clear, and a byte must follow the last one", () => {
    const { cpu, memory } = bench;
    const map = 0x68;
    bench.descriptor(FIRST_FREE, TSS, map + 0x81, PRESENT | 0x09, 0);
    memory.write16(TSS + 0x66, map);
    memory.fill(TSS + map, 0x82, 0xff);
    ltr(cpu, FIRST_FREE);
    bench.enterLevel(3);
    const allow = (port: number) =>
      memory.write8(TSS + map + (port >>> 3), memory.read8(TSS + map + (port >>> 3)) & ~(1 << (port & 7)));
    allow(SCRATCH_PORT);
    expect(bench.faultOf(() => portWrite(cpu, SCRATCH_PORT, 1, 1))).toBeUndefined();
    expect(bench.faultOf(() => portRead(cpu, SCRATCH_PORT - 1, 1))).toEqual(GP0);
    expect(bench.faultOf(() => portRead(cpu, SCRATCH_PORT, 2))).toEqual(GP0);
    allow(SCRATCH_PORT + 1);
    expect(bench.faultOf(() => portRead(cpu, SCRATCH_PORT, 2))).toBeUndefined();
    allow(0x407);
    expect(bench.faultOf(() => portRead(cpu, 0x407, 1))).toBeUndefined();
    expect(bench.faultOf(() => portRead(cpu, 0x408, 1))).toEqual(GP0);
    expect(bench.faultOf(() => portRead(cpu, 0xffff, 1))).toEqual(GP0);
  });

  it("charges the bus and the bitmap", () => {
    expect(bench.clocks(() => portRead(bench.cpu, SCRATCH_PORT, 1))).toBe(75);
    const { cpu, memory } = bench;
    bench.descriptor(FIRST_FREE, TSS, 0xff, PRESENT | 0x09, 0);
    memory.write16(TSS + 0x66, 0x68);
    ltr(cpu, FIRST_FREE);
    expect(portModeClocks(cpu)).toBe(0);
    bench.enterLevel(3);
    expect(portModeClocks(cpu)).toBe(17);
    expect(bench.clocks(() => portRead(cpu, 0x80, 1))).toBe(75);
    cpu.words[Word.Cr0] = (cpu.words[Word.Cr0] as number) & ~1;
    expect(portModeClocks(cpu)).toBe(3);
  });

  it("reads all ones from ports that nobody has, and reports them once", () => {
    const seen: string[] = [];
    bench.machine.observe({ unclaimedPort: (port, write) => seen.push(`${port} ${write}`) });
    expect(portRead(bench.cpu, 0x1234, 4)).toBe(0xffffffff);
    portWrite(bench.cpu, 0x1234, 1, 0);
    portRead(bench.cpu, 0x1234, 1);
    expect(seen).toEqual(["4660 false", "4661 false", "4662 false", "4663 false", "4660 true"]);
  });
});
