import { describe, expect, it } from "vitest";
import { SegmentRegister, SegmentWord, saveX87Image, segmentIndex, Word } from "../../../emulator/index.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { placeName } from "../../../tools/faults/kernel-places.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { inputError } from "../support/input-errors.ts";
import { Random } from "../support/random.ts";
import { smallPlan, symbolOf, threadOf } from "./small-plan.ts";

const plan = smallPlan();
const replica = threadOf(plan, "replica-2");
const state = symbolOf(plan, "replica-2", "aes_state");
const start = new ScenarioRun(plan);
start.restore(start.snapshot(), [parseFault("replica-2:eax:flip:0@execute=mix_columns#60")]);
start.advanceToFault(100_000_000);
/** replica-2 is in user mode and about to execute the first instruction of mix_columns. */
const inMixColumns = start.snapshot();

/** A run in which a fault has struck there. */
function struck(fault: string): ScenarioRun {
  const run = new ScenarioRun(plan);
  run.restore(inMixColumns, [parseFault(`${fault}@cycle=0`)]);
  run.advance(run.machine.cycles);
  return run;
}

/** Vectors of exceptions within the next instructions. */
function exceptions(run: ScenarioRun, instructions: number): number[] {
  const vectors: number[] = [];
  const detach = run.machine.observe({ exception: (vector) => vectors.push(vector) });
  run.machine.run({ instructions: run.machine.instructions + instructions });
  detach();
  return vectors;
}

/** The fault that an access raises: its page-fault address and error code, or undefined. */
function faultOf(run: ScenarioRun, access: () => void): { cr2: number; code: number } | undefined {
  const { words } = run.machine.cpu;
  try {
    access();
    return undefined;
  } catch {
    return { cr2: words[Word.Cr2]! >>> 0, code: words[Word.FaultErrorCode]! };
  }
}

describe("TLB entries", () => {
  /** The data TLB holds the page: it has just been read. */
  const read = (run: ScenarioRun, linear: number): number => run.machine.cpu.access.readAs(linear, 4, true) >>> 0;
  const frame = start.kernel.translate(replica, state)! & ~0xfff;

  it("frame: what is read through the entry comes from the other frame, and from the right one when it is gone", () => {
    const run = struck(`tlb:data=0x${state.toString(16)}.frame:flip:13`);
    expect(run.injections).toMatchObject([{ applied: true, before: frame, after: frame ^ 0x2000 }]);
    const { memory, cpu } = run.machine;
    expect(read(run, state)).toBe(memory.read32((frame ^ 0x2000) + (state & 0xfff)) >>> 0);
    expect(read(run, state)).not.toBe(memory.read32(frame + (state & 0xfff)) >>> 0);
    cpu.access.flushPage(state);
    expect(read(run, state)).toBe(memory.read32(frame + (state & 0xfff)) >>> 0);
  });

  it("tag: the entry serves another page, and the page is walked for again", () => {
    const run = struck(`tlb:data=0x${state.toString(16)}.tag:flip:30`);
    const walks: number[] = [];
    run.machine.observe({ walkRead: (physical) => walks.push(physical) });
    expect(read(run, state ^ 0x4000_0000)).toBe(run.machine.memory.read32(frame + (state & 0xfff)) >>> 0);
    expect(walks).toEqual([]);
    read(run, state);
    expect(walks).toHaveLength(2);
  });

  it.each([
    [0, "valid", undefined, 2],
    [2, "user", { cr2: state, code: 5 }, 0],
  ])("flag %i, %s", (bit, _name, fault, walked) => {
    const run = struck(`tlb:data=0x${state.toString(16)}.flags:flip:${bit}`);
    const walks: number[] = [];
    run.machine.observe({ walkRead: (physical) => walks.push(physical) });
    expect(faultOf(run, () => read(run, state))).toEqual(fault);
    expect(walks).toHaveLength(walked);
  });

  it("flags writable and dirty: a write faults, or walks to set the dirty bit", () => {
    const write = (run: ScenarioRun) => (): void => run.machine.cpu.access.writeAs(state, 4, 0, true);
    const readOnly = struck(`tlb:data=0x${state.toString(16)}.flags:flip:1`);
    expect(faultOf(readOnly, write(readOnly))).toEqual({ cr2: state, code: 7 });
    const clean = struck(`tlb:data=0x${state.toString(16)}.flags:flip:6`);
    const walks: number[] = [];
    clean.machine.observe({ walkRead: (physical) => walks.push(physical) });
    write(clean)();
    expect(walks).toHaveLength(2);
  });

  it("code: instructions come from the other frame", () => {
    const eip = start.machine.cpu.eip;
    const run = struck(`tlb:code=0x${eip.toString(16)}.frame:flip:12`);
    const code = start.kernel.translate(replica, eip)!;
    expect(run.machine.cpu.access.translateFetch(eip)).toBe(code ^ 0x1000);
  });

  it("large: the kernel's window of 4 MiB pages, by set and way", () => {
    const window = 0xf000_0000;
    const run = struck(`tlb:large=0x${window.toString(16)}.frame:flip:22`);
    const [report] = run.injections;
    const supervisor = (linear: number): number => run.machine.cpu.access.readAs(linear, 4, false) >>> 0;
    if (report!.applied) expect(supervisor(window + 0x1000)).toBe(run.machine.memory.read32(0x40_1000) >>> 0);
    else expect(report!.reason).toMatch(/the large TLB has no entry of 0xf0000000 at this time/);
    const [set, way] = [1, 2];
    const byPlace = struck(`tlb:large/${set}/${way}.tag:set:0xf0400000`);
    expect(byPlace.injections).toMatchObject([{ location: "large TLB set 1 way 2 tag", after: 0xf040_0000 }]);
  });
});

describe("segment registers", () => {
  const words = (run: ScenarioRun, segment: SegmentRegister): number[] =>
    [0, 1, 2, 3].map((i) => run.machine.cpu.words[segmentIndex(segment) + i]! >>> 0);
  const golden = words(start, SegmentRegister.Ds);

  it("a selector: what the CPU holds of the descriptor stays, and the kernel's next exit loads the standard one", () => {
    const run = struck("replica-2:ds:flip:3");
    expect(words(run, SegmentRegister.Ds)).toEqual([golden[0]! ^ 8, ...golden.slice(1)]);
    run.machine.observe({ portalLeave: () => run.machine.stop("left") });
    run.machine.run();
    expect(words(run, SegmentRegister.Ds)).toEqual(golden);
  });

  it("CS and SS of a thread that does not run are words of its frame; its DS is nowhere", () => {
    const voter = threadOf(plan, "voter");
    const tcb = start.kernel.thread(voter)!.tcb;
    const fields = start.kernel.structures().find(({ name }) => name === "tcb")!.fields;
    const at = (name: string): number => tcb + fields.find((field) => field.name === name)!.offset;
    for (const name of ["cs", "ss"]) {
      const location = `trap frame at 0x${at(name).toString(16).padStart(8, "0")}`;
      expect(struck(`voter:${name}:flip:3`).injections).toMatchObject([{ applied: true, location }]);
    }
    const reason = expect.stringMatching(/not running at this time, and its DS is kept nowhere/);
    expect(struck("voter:ds:flip:3").injections).toMatchObject([{ applied: false, reason }]);
  });

  it.each([
    ["ds.limit:set:0xfff", 13],
    ["ss.limit:set:0xfff", 12],
    ["cs.limit:set:0xfff", 13],
    ["ds.attributes:flip:7", 13],
    ["ds.attributes:flip:4", 13],
  ])("cpu:%s: vector %i", (fault, vector) => {
    expect(exceptions(struck(`cpu:${fault}`), 40)[0]).toBe(vector);
    expect(exceptions(struck("cpu:dr0:flip:0"), 40)).toEqual([]);
  });

  it("a base moves every access through the segment", () => {
    const run = struck("cpu:ds.base:set:0x100");
    const seen: number[] = [];
    const detach = run.machine.observe({ memoryRead: (linear) => seen.push(linear) });
    run.machine.run({ instructions: run.machine.instructions + 12 });
    detach();
    const plain = new ScenarioRun(plan);
    plain.restore(inMixColumns, []);
    const right: number[] = [];
    plain.machine.observe({ memoryRead: (linear) => right.push(linear) });
    plain.machine.run({ instructions: plain.machine.instructions + 12 });
    const shifted = seen.filter((linear, i) => linear === right[i]! + 0x100);
    expect(shifted.length).toBeGreaterThan(0);
    expect(words(run, SegmentRegister.Ds)[SegmentWord.Base]).toBe(0x100);
  });
});

describe("control registers", () => {
  it("CR3: the TLBs go on; a walk uses the struck base", () => {
    const directory = start.kernel.thread(replica)!.pageDirectory;
    for (const target of ["cpu:cr3", "replica-2:cr3"]) {
      const run = struck(`${target}:flip:14`);
      expect(run.injections).toMatchObject([{ applied: true, before: directory, after: directory ^ 0x4000 }]);
      const { cpu } = run.machine;
      expect(cpu.access.readAs(state, 4, true) >>> 0).toBe(
        run.machine.memory.read32(start.kernel.translate(replica, state)!) >>> 0,
      );
      cpu.access.flushPage(state);
      const walks: number[] = [];
      run.machine.observe({ walkRead: (physical) => walks.push(physical) });
      faultOf(run, () => cpu.access.readAs(state, 4, true));
      expect(walks[0]).toBe((directory ^ 0x4000) + 4 * (state >>> 22));
    }
  });

  it("a component's base while another runs: what CR3 is loaded with when its turn comes", () => {
    const other = threadOf(plan, "replica-3");
    const directory = start.kernel.thread(other)!.pageDirectory;
    const run = struck("replica-3:cr3:flip:3");
    const [report] = run.injections;
    expect(report).toMatchObject({ applied: true, before: directory, after: directory ^ 8 });
    expect(run.machine.memory.read32(Number(report!.location!.split(" at ")[1]))).toBe(directory ^ 8);
    // The kernel looks twice at a base that is no page: it stops with a report.
    run.advance(100_000_000);
    expect(run.outcome?.kind).toBe("panic");
  });

  it("CR0.PG: linear addresses are physical ones", () => {
    const run = struck("cpu:cr0:flip:31");
    expect(run.machine.cpu.access.translateFetch(0x1234)).toBe(0x1234);
    expect(run.machine.cpu.access.readAs(0x19000, 4, true) >>> 0).toBe(run.machine.memory.read32(0x19000) >>> 0);
  });

  it("CPL: a program at level 0 may halt the machine, and at level 3 again may not", () => {
    const run = struck("cpu:cpl:set:0");
    expect(faultOf(run, () => run.machine.cpu.access.readAs(0xf000_0000, 4, false))).toBe(undefined);
    expect(run.machine.cpu.access.read32(0xf000_1000)).toBe(run.machine.memory.read32(0x1000));
  });
});

describe("x87 registers", () => {
  it("are where FNSAVE stores them from", () => {
    const image = (run: ScenarioRun): Uint8Array => saveX87Image(run.machine.cpu);
    const golden = image(struck("cpu:dr0:flip:0"));
    // With TOP = 0: control, status and tag words at 0, 4 and 8, instruction and data pointers at 12 and 20, ST(n) at 28 + 10 n.
    const places: Readonly<Record<string, number>> = {
      "x87.control:flip:9": 1,
      "x87.status:flip:9": 5,
      "x87.instruction:flip:9": 13,
      "x87.data:flip:9": 21,
      "x87.r0.low:flip:9": 29,
      "x87.r3.high:flip:9": 28 + 30 + 5,
      "x87.r7.exponent:flip:9": 28 + 70 + 9,
    };
    for (const [fault, at] of Object.entries(places)) {
      const differing = [...image(struck(`cpu:${fault}`))].flatMap((byte, i) => (byte === golden[i] ? [] : [i]));
      // The tag word at 8 says of each register whether it is zero: it may follow.
      expect([fault, differing.filter((byte) => byte !== 8 && byte !== 9)]).toEqual([fault, [at]]);
    }
  });
});

describe("kernel structures", () => {
  it("each by name, element and field, is where the owner map says it is", () => {
    const random = new Random(8);
    const structures = start.kernel.structures().filter(({ kind }) => kind !== "free");
    let seen = 0;
    for (const { name, start: first, bytes, count, fields } of structures) {
      if (random.below(4) !== 0 && count === 1 && seen > 60) continue;
      const index = random.below(count);
      const field = fields.length === 0 ? undefined : random.pick(fields);
      const offset = 4 * random.below(Math.floor((field?.bytes ?? bytes) / 4));
      const element = count > 1 ? `/${index}` : "";
      const path = `kernel:${placeName(name)}${element}${field === undefined ? "" : `.${field.name}`}+${offset}`;
      const [report] = struck(`${path}:flip:0`).injections;
      const physical = first + index * bytes + (field?.offset ?? 0) + offset;
      expect([path, report!.location]).toEqual([path, `physical 0x${physical.toString(16).padStart(8, "0")}`]);
      const owner = start.kernel.owner(physical);
      expect(owner.name).toBe(count > 1 ? `${name} ${index}` : name);
      if (field !== undefined) expect(owner.field).toMatch(new RegExp(`^${field.name}(\\[|$)`));
      seen++;
    }
    expect(seen).toBeGreaterThan(40);
  });

  it("by component: the same words as by the other ways to name them", () => {
    const location = (fault: string): string | undefined => struck(`${fault}:flip:0`).injections[0]!.location;
    const page = state & ~0xfff;
    expect(location(`kernel:page-table/replica-2/table=${page >>> 22}+${4 * ((page >>> 12) & 1023)}`)).toBe(
      location(`replica-2:pte=${page}`),
    );
    expect(location(`kernel:page-directory/replica-2+${4 * (page >>> 22)}`)).toBe(location(`replica-2:pde=${page}`));
    expect(location("kernel:utcb/replica-2.messageRegisters+12")).toBe(location("replica-2:mr=3"));
    expect(location(`kernel:tcb/replica-2.tag`)).toBe(location(`kernel:tcb/${replica}.tag`));
    const base = struck("voter:cr3:flip:3").injections[0]!.location!;
    expect(location("kernel:space/voter.pageDirectory")!.split(" ").at(-1)).toBe(base.split(" ").at(-1));
    expect(location("kernel:tcb/voter.eip")!.split(" ").at(-1)).toBe(location("voter:eip")!.split(" ").at(-1));
  });

  it("a gate of the IDT and a descriptor of the GDT: the CPU sees what was struck", () => {
    const gate = struck("kernel:idt/32.offsetAndAccess:flip:15");
    // Not present: #NP in the delivery of the timer's interrupt.
    expect(exceptions(gate, 200_000)[0]).toBe(11);
    const descriptor = struck("kernel:gdt/3.baseAccessAndLimit:flip:15");
    expect(exceptions(descriptor, 200_000)[0]).toBe(11);
  });

  it.each([
    ["kernel:tbc.state", /the kernel has no structure "tbc"/, /use one of .*\btcb\b.*globals.*page-table/],
    ["kernel:tcb.state", /there are 1024 of tcb/, /kernel:tcb\/0/],
    ["kernel:tcb/1024.state", /tcb has no element 1024/, /0 to 1023/],
    ["kernel:tcb/replica-9.state", /there is no component "replica-9"/, /replica-1/],
    ["kernel:tcb/replica-2.stat", /tcb has no field "stat"/, /globalId, state, halted/],
    ["kernel:tcb/replica-2.state+4", /tcb.state has 4 bytes/, /offset up to 0/],
    ["kernel:tcb/replica-2+512", /tcb has 512 bytes/, /offset up to 508/],
    ["kernel:globals/replica-2.current", /globals belongs to no component/, /give a number, or nothing/],
    ["kernel:globals/0.current", /there is one globals only/, /kernel:globals/],
    ["kernel:page-table/replica-2", /which page table/, /table=32/],
    ["kernel:tcb/3/table=3", /tcb has no tables/, /page-table/],
    ["kernel:page-directory", /whose page-directory/, /page-directory\/replica-2/],
  ])("%s: %s", (target, problem, mend) => {
    const { detail } = inputError(() => new ScenarioRun(plan, { faults: [parseFault(`${target}:flip:0@cycle=0`)] }));
    expect(detail.problem).toMatch(problem);
    expect(detail.mend).toMatch(mend);
  });
});

describe("a skipped instruction", () => {
  it("is as long as Capstone says, does not retire, and costs no clock", async () => {
    const capstone = await Disassembler.load();
    const random = new Random(4);
    const run = new ScenarioRun(plan);
    for (let n = 0; n < 150; n++) {
      run.restore(inMixColumns, []);
      run.machine.run({ instructions: run.machine.instructions + random.below(20_000) });
      if (run.machine.cpu.cpl !== 3) continue;
      const current = plan.components.find(({ threadNumber }) => threadNumber === run.kernel.currentThread()! >>> 14);
      if (current === undefined) continue;
      const { eip } = run.machine.cpu;
      const physical = run.kernel.translate(current.threadNumber, eip)!;
      const { size } = capstone.one(run.machine.memory.readBytes(physical, 15), eip)!;
      const here = run.snapshot();
      const [cycles, retired] = [run.machine.cycles, run.machine.instructions];
      run.restore(here, [parseFault(`${random.below(2) === 0 ? current.name : "cpu"}:eip:skip@cycle=0`)]);
      run.advance(run.machine.cycles);
      expect(run.injections.at(-1)).toMatchObject({ applied: true, before: eip, after: eip + size });
      expect([run.machine.cycles, run.machine.instructions]).toEqual([cycles, retired]);
      const after = run.snapshot();
      expect(after.machine.ram).toEqual(here.machine.ram);
      const differing = here.machine.state.flatMap((page, i) => {
        const one = new Uint32Array(page.buffer, page.byteOffset, 1024);
        const other = new Uint32Array(after.machine.state[i]!.buffer, after.machine.state[i]!.byteOffset, 1024);
        return [...one].flatMap((value, word) => (value === other[word] ? [] : [1024 * i + word]));
      });
      expect(differing).toEqual([Word.Eip]);
    }
    capstone.close();
  });

  it("several in a row, and none where there is no instruction", () => {
    const one = struck("replica-2:skip:3").injections[0]!;
    expect(one.skipped).toHaveLength(3);
    expect(one.after! - one.before!).toBe(one.skipped!.join("").length / 2);
    const lines = ["replica-2:eip:set:0x40000000@execute=mix_columns#60", "replica-2:skip@execute=mix_columns#60"];
    const wild = new ScenarioRun(plan, { faults: lines.map((line) => parseFault(line)) });
    wild.advance(1_000_000);
    expect(wild.injections).toMatchObject([{ applied: true }, { applied: false }]);
    expect(wild.injections[1]!.reason).toBe("the code at 0x40000000 is not mapped at this time");
  });
});
