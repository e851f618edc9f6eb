/** Rows 63 to 70 of the acceptance list: cache, TLB and bus, first execution, repeated strings, events. */
import { describe, expect, it } from "vitest";
import { Word, writeControlRegister } from "../../../emulator/index.ts";
import { CODE, STACK, TimingRig } from "./rig.ts";

const RING = 0x10_0000;

/** MOV ESI,[ESI] and a jump back to it: one load in a group of its own with the jump. */
const CHASE = "8b36ebfc";

/** Average clocks of a load that depends on the one before it, around a ring of lines 32 bytes apart. */
function ringLoad(bytes: number, rounds: number): number {
  const rig = new TimingRig();
  const { memory, cpu } = rig.machine;
  const lines = bytes / 32;
  for (let i = 0; i < lines; i++) memory.write32(RING + 32 * i, RING + 32 * ((i + 1) % lines));
  rig.load(CHASE);
  rig.restart();
  cpu.setRegister(6, RING);
  rig.run(2 * lines * rounds);
  return rig.run(2 * lines) / lines;
}

describe("dependent loads", () => {
  it("hit the first-level cache in 2 clocks: load and interlock", () => {
    expect(ringLoad(4096, 1)).toBe(2);
  });

  it("row 63: 16 KiB come from the second-level cache: 8 to 9", () => {
    const clocks = ringLoad(16 << 10, 1);
    expect(clocks).toBeGreaterThanOrEqual(8);
    expect(clocks).toBeLessThan(9.01);
  });

  it("row 64: 1 MiB comes from open rows of memory: about 15", () => {
    const clocks = ringLoad(1 << 20, 1);
    expect(clocks).toBeGreaterThanOrEqual(14.5);
    expect(clocks).toBeLessThanOrEqual(15.5);
  });
});

describe("the data TLB", () => {
  const DIRECTORY = 0x3f_0000;
  const TABLE = 0x3f_1000;

  function pagedRig(): TimingRig {
    const rig = new TimingRig();
    const { memory, cpu } = rig.machine;
    memory.write32(DIRECTORY, TABLE | 0x63);
    for (let page = 0; page < 1024; page++) memory.write32(TABLE + 4 * page, (page << 12) | 0x63);
    cpu.words[Word.Cr3] = DIRECTORY;
    writeControlRegister(cpu, 0, 0x8000_0011 | 0);
    return rig;
  }

  /** Clocks of one round of loads 64 KiB (and a line) apart. */
  function round(loads: number): number {
    const rig = pagedRig();
    const code: number[] = [];
    for (let i = 0; i < loads; i++) {
      const address = 0x10_0000 + i * 0x1_0020;
      // mov eax, [address]; clc
      code.push(0xa1, address & 255, (address >>> 8) & 255, (address >>> 16) & 255, 0, 0xf8);
    }
    code.push(0xeb, -(code.length + 2) & 255);
    rig.load(Uint8Array.from(code));
    rig.restart();
    const instructions = 2 * loads + 1;
    rig.run(20 * instructions);
    return rig.run(100 * instructions) / 100;
  }

  it("holds four pages of one set", () => {
    expect(round(4)).toBe(4 * 3 + 1);
  });

  it("row 65: the fifth makes every load walk: 13 more each", () => {
    expect(round(5)).toBe(5 * (3 + 13) + 1);
  });
});

describe("first execution", () => {
  it("row 66: pairs that were never decoded do not pair: 64, then 32", () => {
    const rig = new TimingRig();
    const { machine } = rig;
    // 32 times: add eax, 1; add ebx, 1
    rig.load("83c00183c301".repeat(32));
    for (let line = 0; line < 192; line += 32) machine.timing?.code.fetch(0, CODE + line);
    rig.restart();
    // All of the lines have arrived.
    machine.charge(1000);
    expect(rig.run(64)).toBe(64);
    rig.restart();
    expect(rig.run(64)).toBe(32);
  });

  it("does not stop one-byte instructions from pairing", () => {
    const rig = new TimingRig();
    rig.load("404b".repeat(16));
    rig.machine.timing?.code.fetch(0, CODE);
    rig.restart();
    rig.machine.charge(1000);
    expect(rig.run(32)).toBe(16);
  });
});

describe("repeated strings of 100 elements in the cache", () => {
  function repeated(opcode: string): number {
    const rig = new TimingRig();
    rig.readLines(0x2_0000, 512);
    rig.readLines(0x2_1400, 512);
    rig.load(`fc${opcode}`);
    for (let pass = 0; pass < 2; pass++) {
      rig.restart({ ecx: 100 });
      rig.run(1);
      if (pass === 1) return rig.run(1);
      rig.run(1);
    }
    throw new Error("not reached");
  }

  it("row 67: REP MOVSD takes 112", () => {
    expect(repeated("f3a5")).toBe(112);
  });

  it("row 68: REP STOSD takes 110", () => {
    expect(repeated("f3ab")).toBe(110);
  });
});

describe("events", () => {
  it("row 69: INT from ring 3 and IRET take 75", () => {
    const rig = new TimingRig();
    const { machine } = rig;
    const { memory, cpu } = machine;
    const GDT = 0x4000;
    const IDT = 0x5000;
    const TSS = 0x6000;
    const descriptor = (index: number, low: number, high: number) => {
      memory.write32(GDT + 8 * index, low);
      memory.write32(GDT + 8 * index + 4, high);
    };
    descriptor(1, 0x0000ffff, 0x00cf9b00);
    descriptor(2, 0x0000ffff, 0x00cf9300);
    descriptor(3, 0x0000ffff, 0x00cffb00);
    descriptor(4, 0x0000ffff, 0x00cff300);
    descriptor(5, (TSS << 16) | 0x67, 0x00008900);
    memory.write32(TSS + 4, 0x9000);
    memory.write32(TSS + 8, 0x10);
    memory.write32(IDT + 8 * 0x80, (0x08 << 16) | 0x2000);
    memory.write32(IDT + 8 * 0x80 + 4, 0x0000ee00);
    memory.write32(IDT + 8 * 13, (0x08 << 16) | 0x3000);
    memory.write32(IDT + 8 * 13 + 4, 0x0000ee00);
    const { words } = cpu;
    words[Word.GdtrBase] = GDT;
    words[Word.GdtrLimit] = 0x2f;
    words[Word.IdtrBase] = IDT;
    words[Word.IdtrLimit] = 0x7ff;
    // ltr 0x28; push 0x23; push STACK; push 2; push 0x1b; push CODE + 0x40; iret
    const push = (value: number) => [0x68, value & 255, (value >>> 8) & 255, (value >>> 16) & 255, 0];
    const start = [0x66, 0xb8, 0x28, 0, 0x0f, 0x00, 0xd8, ...push(0x23), ...push(STACK), ...push(2), ...push(0x1b)];
    rig.load(Uint8Array.from([...start, ...push(CODE + 0x40), 0xcf]));
    // int 0x80; jmp back; the handler is an IRET.
    rig.load("cd80ebfc", CODE + 0x40);
    rig.load("cf", 0x2000);
    rig.restart({ esp: 0x8000 });
    rig.run(8);
    expect(cpu.cpl).toBe(3);
    rig.run(300);
    // The jump back is 1 more.
    expect(rig.run(300) / 100).toBe(75 + 1);
  });

  it("row 70: two RDTSC in ring 0 differ by 6 to 8", () => {
    const rig = new TimingRig();
    // rdtsc; mov ebx, eax; rdtsc: the MOV pairs with nothing and takes 1.
    rig.load("0f310f31");
    const { words } = rig.machine.cpu;
    let difference = 0;
    for (let pass = 0; pass < 3; pass++) {
      rig.restart();
      rig.run(1);
      const first = words[Word.Eax] as number;
      rig.run(1);
      difference = (words[Word.Eax] as number) - first;
    }
    expect(difference).toBeGreaterThanOrEqual(6);
    expect(difference).toBeLessThanOrEqual(8);
  });
});

describe("WBINVD", () => {
  it("empties both caches, and takes longer for modified lines", () => {
    /** Clocks of WBINVD after `stores` lines were written, and of a load after it. */
    const flush = (stores: number): [number, number] => {
      const rig = new TimingRig();
      rig.readLines(0x2_0000, 2048);
      const store = Array.from({ length: 32 }, (_, i) => {
        const address = 0x2_0000 + (i < stores ? 32 * i : 0);
        return `a3${Buffer.from(Uint32Array.of(address).buffer).toString("hex")}`;
      });
      rig.load(`${store.join("")}0f098b068b06`);
      rig.restart();
      rig.run(32);
      return [rig.run(1), rig.run(1)];
    };
    const [few, load] = flush(1);
    const [many] = flush(32);
    expect(few).toBeGreaterThanOrEqual(2000);
    // 31 lines more, 3-1-1-1 bus clocks each.
    expect(many - few).toBeGreaterThanOrEqual(31 * 6 - 20);
    expect(load).toBeGreaterThan(5);
  });
});
