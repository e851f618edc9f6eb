import { describe, expect, it } from "vitest";
import {
  ANY,
  type GuestScript,
  NIL,
  period,
  RECEIVE_ZERO,
  SEND_ZERO,
  type Slot,
  Tcr,
  UNCHANGED,
} from "./support/guest-script.ts";
import { idOf, KIP_BASE, localIdOf, Rig, ROOT, SCRATCH, SIGMA0, UTCB_BASE } from "./support/rig.ts";

/** Page faults, exceptions, I/O faults, interrupts, the kernel interface: ABI 3.1, 9. */

const sleep = (rig: Rig, microseconds: number): Slot => rig.root.ipc(NIL, SIGMA0, { timeouts: period(microseconds) });
const words = (rig: Rig, slot: Slot, count: number): number[] =>
  Array.from({ length: count }, (_, i) => rig.mr(slot, i));

/** Thread 60 in root's space with root as its pager, running `script`. */
function paged(rig: Rig, script: GuestScript): void {
  rig.createLocal(60, 1, ROOT);
  rig.start(60, script);
}

describe("page faults", () => {
  const MISSING = 0x3000_0123;

  it.each([
    ["read", 0xffe5_0002, [0xa1]],
    ["write", 0xffe2_0002, [0xa3]],
  ])("of a %s reach the pager with address and instruction pointer", (_name, tag, opcode) => {
    const rig = new Rig();
    const script = rig.script();
    const ip = script.code.here;
    script.raw(...opcode).code.word(MISSING);
    paged(rig, script);
    const fault = rig.root.ipc(NIL, idOf(60));
    rig.run();
    expect(words(rig, fault, 3)).toEqual([tag, MISSING, ip]);
    expect(rig.register(fault, "eax")).toBe(localIdOf(1));
  });

  it("of an instruction fetch too", () => {
    const rig = new Rig();
    const script = rig.script();
    script.code.jump(MISSING);
    paged(rig, script);
    const fault = rig.root.ipc(NIL, idOf(60));
    rig.run();
    expect(words(rig, fault, 3)).toEqual([0xffe5_0002, MISSING, MISSING]);
  });

  it("any answer resumes the thread, which faults again; its registers, MRs, BR0 and error code stay", () => {
    const rig = new Rig();
    const script = rig.script();
    for (let i = 0; i < 20; i++) script.setMr(i, i + 1);
    script.setTcr(Tcr.bufferRegister0, 0x4321).setTcr(Tcr.errorCode, 0x55).setTcr(Tcr.virtualSender, 0x66);
    script.code.load("ecx", 0x1111).load("edx", 0x2222).load("ebx", 0x3333).load("ebp", 0x4444).load("esi", 0x5555);
    script.raw(0x3b, 0x3d).code.word(MISSING & ~3); // cmp edi, [missing]
    const after = script.saveResults();
    paged(rig, script);
    const first = rig.root.ipc(NIL, idOf(60));
    const second = rig.root.ipc(idOf(60), idOf(60), { tag: 0x123_0000 });
    rig.root.call("ExchangeRegisters", { eax: idOf(60), ecx: 0x6 });
    const third = rig.root.ipc(NIL, idOf(60));
    rig.root.setMr(1, (MISSING & ~0xfff) | 8).setMr(2, SCRATCH | 0xc7);
    rig.root.ipc(idOf(60), NIL, { tag: 0x80 });
    rig.run();
    for (const slot of [first, second, third]) expect(rig.mr(slot, 1)).toBe(MISSING & ~3);
    expect(words(rig, after, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const utcb = rig.kernel.thread(60)?.utcb ?? 0;
    expect(rig.word(utcb + 0x100 + Tcr.bufferRegister0)).toBe(0x4321);
    expect([rig.errorCode(after), rig.actualSender(after)]).toEqual([0x55, 0x66]);
    expect((["ecx", "edx", "ebp", "esi"] as const).map((name) => rig.register(after, name))).toEqual([
      0x1111, 0x2222, 0x4444, 0x5555,
    ]);
  });

  it.each([
    ["nil", NIL],
    ["a thread that does not exist", idOf(99)],
    ["a stale version", idOf(48, 2)],
  ])("with a pager that is %s halt the thread, not the machine", (_name, pager) => {
    const rig = new Rig();
    const script = rig.script();
    script.setTcr(Tcr.pager, pager);
    script.peek(MISSING);
    paged(rig, script);
    const alive = sleep(rig, 3000);
    rig.run();
    expect(rig.done(alive)).toBe(true);
    expect(rig.kernel.thread(60)).toMatchObject({
      halted: true,
      haltReason: "page fault, and its pager does not exist",
    });
  });

  it.each([
    ["reading the kernel's window", [0xa1], 0xf000_0000, 5],
    ["writing the kernel's window", [0xa3], 0xffff_fffc, 2],
    ["jumping into the kernel", [0xe9], 0xf000_0000, 5],
    ["writing the %gs page", [0xa3], 0xdf00_0000, 2],
    ["reading the TSS", [0xa1], 0xdf00_1f98, 5],
    ["reading the I/O bitmap", [0xa1], 0xdf00_2000, 5],
    ["writing the KIP", [0xa3], KIP_BASE, 2],
    ["a null pointer", [0xa1], 0, 5],
  ])("%s is told to the pager like any other fault", (_name, opcode, address, rwx) => {
    const rig = new Rig();
    const script = rig.script();
    const target = opcode[0] === 0xe9 ? address - (script.code.here + 5) : address;
    script.raw(...opcode).code.word(target);
    paged(rig, script);
    const fault = rig.root.ipc(NIL, idOf(60));
    rig.run();
    expect(words(rig, fault, 2)).toEqual([(0xffe0_0002 | (rwx << 16)) >>> 0, address]);
  });

  it("the %gs word can be read, tells the running thread's local id, and no more than one word", () => {
    const rig = new Rig();
    const script = rig.script();
    script.code.loadUtcbPointer("eax");
    const inside = script.saveResults();
    script.raw(0x65, 0xa1).code.word(4); // mov eax, gs:[4]
    paged(rig, script);
    rig.run();
    expect(rig.register(inside, "eax")).toBe(localIdOf(1));
    expect(rig.kernel.thread(60)).toMatchObject({ halted: true, haltReason: expect.stringContaining("vector 13") });
  });

  it("sigma0 gets memory one to one, but not the kernel's", () => {
    const rig = new Rig();
    rig.root.setMr(1, 0x0050_00c7).setMr(2, 0);
    rig.root.setTcr(Tcr.bufferRegister0, 0x10);
    const granted = rig.root.ipc(SIGMA0, SIGMA0, { tag: 0xffa0_0002 });
    rig.root.setMr(1, (0x00bf_f000 | 0xc7) >>> 0).setMr(2, 0);
    const refused = rig.root.ipc(SIGMA0, SIGMA0, { tag: 0xffa0_0002 });
    rig.root.setMr(1, 0xffff_fcc7).setMr(2, 0);
    const any = rig.root.ipc(SIGMA0, SIGMA0, { tag: 0xffa0_0002 });
    rig.root.setMr(1, 1).setMr(2, 2);
    const phony = rig.root.ipc(SIGMA0, SIGMA0, { tag: 2, timeouts: period(10_000) });
    rig.run(40);
    expect(words(rig, granted, 3)).toEqual([0x80, 0x0050_0008, 0x0050_00c7]);
    expect(words(rig, refused, 3)).toEqual([0x80, 8, 0]);
    expect(rig.mr(any, 2)).not.toBe(0);
    expect(rig.result(phony)).toMatchObject({ errorCode: 3 });
    expect(rig.kernel.translate(50, 0x50_0000)).toBe(0x50_0000);
  });
});

describe("exceptions", () => {
  /** The faulting thread has registers set to known values and root as its exception handler. */
  function trap(rig: Rig, code: number[]): { script: GuestScript; ip: number; after: Slot } {
    const script = rig.script();
    script.setTcr(Tcr.exceptionHandler, ROOT);
    script.code.load("eax", 0xa).load("ecx", 0xc).load("edx", 0).load("ebx", 0xb).load("ebp", 0xe).load("esi", 0x51);
    script.code.load("edi", 0);
    const ip = script.code.here;
    script.raw(...code);
    const after = script.saveResults();
    paged(rig, script);
    return { script, ip, after };
  }

  it.each([
    ["division by zero", [0xf7, 0xf7], 0, 0],
    ["int3", [0xcc], 13, 0x1a],
    ["into with OF", [0xb0, 0x7f, 0x04, 0x01, 0xce], 13, 0x22],
    ["int 0x80", [0xcd, 0x80], 13, 0x402],
    ["int 14", [0xcd, 0x0e], 13, 0x72],
    ["hlt", [0xf4], 13, 0],
    ["cli", [0xfa], 13, 0],
    ["mov cr0, eax", [0x0f, 0x22, 0xc0], 13, 0],
    ["mov cr3, eax", [0x0f, 0x22, 0xd8], 13, 0],
    ["lgdt", [0x0f, 0x01, 0x15, 0, 0, 0x40, 0], 13, 0],
    ["ud2", [0x0f, 0x0b], 6, 0],
    ["call to the kernel's code segment", [0x9a, 0, 0, 0, 0, 8, 0], 13, 8],
  ])("%s: twelve words to the handler", (_name, code, vector, errorCode) => {
    const rig = new Rig();
    const { ip, script } = trap(rig, code);
    const message = rig.root.ipc(NIL, idOf(60));
    rig.run();
    const [tag, eip, eflags, number, error, edi, esi, ebp, esp, ebx, edx, ecx] = words(rig, message, 13);
    expect([tag, number, error]).toEqual([0xffb0_000c, vector, errorCode]);
    expect(eip - ip).toBe(code[0] === 0xb0 ? 4 : 0);
    expect(eflags & 0x202).toBe(0x202);
    expect([edi, esi, ebp, esp, ebx, edx, ecx]).toEqual([0, 0x51, 0xe, rig.stackOf(script), 0xb, 0, 0xc]);
    expect(rig.register(message, "eax")).toBe(localIdOf(1));
  });

  it("the answer's registers are loaded, of EFLAGS only the arithmetic ones", () => {
    const rig = new Rig();
    const { after, ip } = trap(rig, [0x0f, 0x0b]);
    rig.root.ipc(NIL, idOf(60));
    rig.root
      .setMr(1, ip + 2)
      .setMr(2, 0xffff_ffff)
      .setMr(12, 0x99)
      .setMr(5, 0x77);
    rig.root.ipc(idOf(60), NIL, { tag: 12 });
    rig.run();
    expect([rig.register(after, "eax"), rig.register(after, "edi")]).toEqual([0x99, 0x77]);
    expect(rig.register(after, "esi")).toBe(0x51);
    expect(rig.kernel.thread(60)?.registers.eflags).toBe(0x202 | 0x8d5);
  });

  it("words that the answer lacks stay as they were", () => {
    const rig = new Rig();
    const { after, ip } = trap(rig, [0x0f, 0x0b]);
    rig.root.ipc(NIL, idOf(60));
    rig.root.setMr(1, ip + 2).setMr(12, 0x99);
    rig.root.ipc(idOf(60), NIL, { tag: 1 });
    rig.run();
    expect(rig.register(after, "eax")).toBe(0xa);
  });

  it.each([
    ["#DE", [0x31, 0xc9, 0xf7, 0xf1], 0],
    ["#UD", [0x0f, 0x0b], 6],
    ["#GP", [0xf4], 13],
  ])("%s without a handler halts the thread and nobody else", (_name, code, vector) => {
    const rig = new Rig();
    const script = rig.script();
    script.raw(...code);
    paged(rig, script);
    const alive = sleep(rig, 5000);
    rig.run();
    expect(rig.done(alive)).toBe(true);
    expect(rig.kernel.thread(60)).toMatchObject({
      halted: true,
      haltReason: `exception, and it has no exception handler (vector ${vector})`,
    });
  });

  it("with a handler that does not exist halts too", () => {
    const rig = new Rig();
    const script = rig.script();
    script.setTcr(Tcr.exceptionHandler, idOf(99)).raw(0x0f, 0x0b);
    paged(rig, script);
    rig.run();
    expect(rig.kernel.thread(60)).toMatchObject({
      halted: true,
      haltReason: expect.stringContaining("does not exist"),
    });
  });

  it("a null segment is reloaded and the instruction repeated", () => {
    const rig = new Rig();
    const script = rig.script();
    script.code.load("eax", 0).raw(0x8e, 0xd8, 0x8e, 0xc0); // mov ds, eax; mov es, eax
    const read = script.peek(SCRATCH);
    paged(rig, script);
    rig.run();
    expect(rig.done(read)).toBe(true);
  });

  it("a thread with TF set takes a debug exception after each instruction", () => {
    const rig = new Rig();
    const { ip } = trap(rig, [0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90]); // pushf; or [esp], TF; popf; nop
    const message = rig.root.ipc(NIL, idOf(60));
    rig.run();
    expect([rig.mr(message, 3), rig.mr(message, 1)]).toEqual([1, ip + 10]);
  });
});

describe("the kernel interface", () => {
  it("lock nop tells the KIP's address and the versions, and leaves the rest alone", () => {
    const rig = new Rig();
    const { code } = rig.root;
    code.load("eax", 1).load("ecx", 2).load("edx", 3).load("ebx", 4).load("ebp", 5).load("esi", 6).load("edi", 7);
    rig.root.raw(0xf0, 0x90);
    const slot = rig.root.saveResults();
    rig.run();
    expect(
      (["eax", "ecx", "edx", "ebx", "ebp", "esi", "edi"] as const).map((name) => rig.register(slot, name)),
    ).toEqual([KIP_BASE, 0x8405_0000, 0, 4, 5, 0x0402_0000, 7]);
  });

  it("INT 0x31 from anywhere but a stub does nothing", () => {
    const rig = new Rig();
    rig.root.code.load("eax", 0x77).load("ecx", 2).load("edx", 3);
    rig.root.raw(0xcd, 0x31);
    const slot = rig.root.saveResults();
    rig.run();
    expect((["eax", "ecx", "edx"] as const).map((name) => rig.register(slot, name))).toEqual([0x77, 2, 3]);
  });

  it("ProcessorControl does nothing; MemoryControl checks its attribute", () => {
    const rig = new Rig();
    const processor = rig.root.call("ProcessorControl", { eax: 3, ecx: 0, edx: 0, esi: 0 });
    const control = (registers: Record<string, number>): Slot =>
      rig.root.call("MemoryControl", { eax: 0, ecx: 0, edx: 0, ebx: 0, ebp: 0, esi: 0, ...registers });
    const nil = control({});
    const page = control({ esi: (SCRATCH | 0xc0) >>> 0, ecx: 4 });
    const attribute = control({ esi: (SCRATCH | 0xc0) >>> 0, ecx: 9 });
    const many = control({ eax: 64 });
    rig.run();
    expect(rig.register(processor, "eax")).toBe(3);
    expect([nil, page, attribute, many].map((slot) => rig.register(slot, "eax"))).toEqual([1, 1, 0, 0]);
    expect([attribute, many].map((slot) => rig.errorCode(slot))).toEqual([5, 5]);
  });
});

describe("I/O ports", () => {
  const OUT_3F8 = [0xba, 0xf8, 3, 0, 0, 0xb0, 0x41, 0xee]; // mov edx, 0x3f8; mov al, 'A'; out dx, al
  const ioPage = (port: number, log2: number): number => ((port << 16) | (log2 << 10) | (2 << 4) | 7) >>> 0;

  it("an access to a port that the space does not hold goes to the pager as an I/O fault", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    child.raw(...OUT_3F8);
    const ip = child.code.here - 1;
    rig.createSpace(60, ROOT);
    rig.start(60, child);
    // Root pages: code, then the port.
    rig.root.ipc(NIL, idOf(60));
    rig.root.setMr(1, child.code.origin | 8).setMr(2, (child.code.origin | 0xc7) >>> 0);
    const fault = rig.root.ipc(idOf(60), idOf(60), { tag: 0x80 });
    rig.run(30);
    expect(words(rig, fault, 3)).toEqual([0xff80_0002, ((0x3f8 << 16) | (2 << 4) | 6) >>> 0, ip]);
    expect(rig.serial).toBe("");
  });

  it("root gets ports from sigma0 and maps them on; unmap takes them back", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    child.setTcr(Tcr.bufferRegister0, 0x10);
    child.ipc(NIL, ROOT);
    child.raw(...OUT_3F8);
    child.ipc(ROOT, ROOT);
    child.setTcr(Tcr.pager, ROOT).raw(...OUT_3F8);
    const after = child.saveResults();
    rig.spawnSpace(60, idOf(51), child);
    rig.root.raw(...OUT_3F8);
    rig.root.setMr(1, 8).setMr(2, ioPage(0x3f8, 3));
    rig.root.ipc(idOf(60), NIL, { tag: 0x80 });
    rig.root.ipc(NIL, idOf(60));
    rig.root.call("Unmap", { eax: 0, esi: ioPage(0x3f8, 3) });
    rig.root.ipc(idOf(60), NIL);
    rig.run(40);
    expect(rig.serial).toBe("AA");
    expect(rig.done(after)).toBe(false);
    expect(rig.kernel.thread(60)).toMatchObject({ protocol: "io-fault" });
  });

  it("a sender can't map ports that it does not hold", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    child.setTcr(Tcr.bufferRegister0, 0x10);
    const received = child.ipc(NIL, ROOT);
    child.setTcr(Tcr.pager, ROOT).raw(...OUT_3F8);
    rig.spawnSpace(60, idOf(51), child);
    rig.root.setMr(1, 8).setMr(2, ioPage(0, 16));
    rig.root.ipc(idOf(60), NIL, { tag: 0x80 });
    rig.run(40);
    expect(rig.done(received)).toBe(true);
    expect(rig.kernel.thread(60)).toMatchObject({ protocol: "io-fault" });
  });

  it("with IOPL 3 by boot option threads use ports and cli as they like", () => {
    const rig = new Rig({ userIopl3: true });
    const script = rig.script();
    script.raw(0xfa, 0xfb).raw(...OUT_3F8);
    const slot = script.saveResults();
    paged(rig, script);
    rig.run();
    expect(rig.done(slot)).toBe(true);
    expect(rig.serial).toBe("A");
    expect(rig.kernel.thread(60)?.registers.eflags).toBe(0x3202);
  });
});

describe("interrupts", () => {
  const LINE = 4;
  const irq = idOf(LINE);
  const attach = (rig: Rig, pager: number): Slot =>
    rig.root.call("ThreadControl", { eax: irq, esi: irq, edx: NIL, ecx: pager, edi: UNCHANGED });
  const state = (rig: Rig): Slot =>
    rig.root.call("Schedule", { eax: irq, edx: UNCHANGED, esi: UNCHANGED, ecx: UNCHANGED, edi: UNCHANGED });
  /** Root: raise the transmitter-empty interrupt of the UART by enabling it. */
  const enable = (rig: Rig): void => {
    rig.root.raw(0xba, 0xfc, 3, 0, 0, 0xb0, 0x0b, 0xee); // MCR: OUT2
    rig.root.raw(0xba, 0xf9, 3, 0, 0, 0xb0, 0x02, 0xee); // IER: transmitter empty
  };
  /** Root: read IIR, which ends the request, and ask for it anew. */
  const again = (rig: Rig): void => {
    rig.root.raw(0xba, 0xfa, 3, 0, 0, 0xec);
    rig.root.raw(0xba, 0xf9, 3, 0, 0, 0xb0, 0, 0xee, 0xb0, 2, 0xee);
  };

  it("a line is a thread that sends its handler a message and waits for the answer", () => {
    const rig = new Rig();
    const never = state(rig);
    const attached = attach(rig, ROOT);
    const armed = state(rig);
    enable(rig);
    const message = rig.root.ipc(NIL, ANY);
    const waiting = state(rig);
    again(rig);
    const masked = rig.root.ipc(NIL, irq, { timeouts: period(5000) });
    const second = rig.root.ipc(irq, irq);
    rig.root.raw(0xba, 0xfa, 3, 0, 0, 0xec);
    rig.root.ipc(irq, NIL);
    const rearmed = state(rig);
    const detached = attach(rig, irq);
    const dead = state(rig);
    rig.run(40);
    expect([rig.register(never, "eax"), rig.errorCode(never)]).toEqual([0, 2]);
    expect([attached, detached].map((slot) => rig.register(slot, "eax"))).toEqual([1, 1]);
    expect([armed, waiting, rearmed, dead].map((slot) => rig.register(slot, "eax"))).toEqual([2, 6, 2, 1]);
    expect(rig.result(message)).toMatchObject({ eax: irq, mr0: 0xfff0_0000 });
    expect(rig.result(masked)).toMatchObject({ errorCode: 3 });
    expect(rig.result(second)).toMatchObject({ eax: irq, mr0: 0xfff0_0000 });
  });

  it("queues behind a handler that does not wait, and is not local to anyone", () => {
    const rig = new Rig();
    attach(rig, ROOT);
    enable(rig);
    sleep(rig, 5000);
    const polling = state(rig);
    const local = rig.root.ipc(NIL, 0xffff_ffc0, { timeouts: RECEIVE_ZERO });
    const message = rig.root.ipc(NIL, ANY, { timeouts: RECEIVE_ZERO });
    rig.run(30);
    expect(rig.register(polling, "eax")).toBe(4);
    expect(rig.result(local).errorCode).toBe(3);
    expect(rig.result(message)).toMatchObject({ eax: irq, mr0: 0xfff0_0000 });
  });

  it("only the handler's answer unmasks the line", () => {
    const rig = new Rig();
    const meddler = rig.script();
    const slot = meddler.ipc(irq, NIL, { timeouts: SEND_ZERO });
    attach(rig, ROOT);
    enable(rig);
    rig.root.ipc(NIL, irq);
    rig.spawn(60, 1, meddler);
    rig.run(30);
    expect(rig.result(slot).errorCode).toBe(2);
    expect(rig.kernel.thread(LINE)).toMatchObject({ state: "waiting", partner: ROOT });
  });

  it("when its handler is deleted the line is detached at the next interrupt", () => {
    const rig = new Rig();
    const handler = rig.script();
    rig.spawn(60, 1, handler);
    attach(rig, idOf(60));
    rig.root.call("ThreadControl", { eax: idOf(60), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    enable(rig);
    const alive = sleep(rig, 5000);
    rig.run(30);
    expect(rig.done(alive)).toBe(true);
    expect(rig.kernel.thread(LINE)).toMatchObject({ state: "inactive" });
  });

  it("an interrupt wakes the idle CPU", () => {
    const rig = new Rig();
    attach(rig, ROOT);
    rig.root.raw(0xba, 0xfc, 3, 0, 0, 0xb0, 0x0b, 0xee);
    rig.root.raw(0xba, 0xf9, 3, 0, 0, 0xb0, 0x01, 0xee); // IER: received data
    const message = rig.root.ipc(NIL, irq);
    rig.run(5);
    expect(rig.kernel.currentThread()).toBeUndefined();
    rig.machine.uart.receive(Uint8Array.of(0x58));
    rig.run(5);
    expect(rig.result(message)).toMatchObject({ eax: irq, mr0: 0xfff0_0000 });
  });
});

describe("UTCB memory", () => {
  it("one page of eight UTCBs is writable by its space alone", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    child.poke(UTCB_BASE + 0x600, 0x5a5a);
    const slot = child.peek(UTCB_BASE + 0x600);
    rig.spawnSpace(60, idOf(51), child);
    rig.run(30);
    expect(rig.register(slot, "eax")).toBe(0x5a5a);
    const own = rig.kernel.translate(60, UTCB_BASE + 0x600) ?? 0;
    expect(rig.kernel.translate(50, UTCB_BASE + 0x600)).not.toBe(own);
    expect(rig.kernel.owner(own)).toMatchObject({ kind: "utcb", space: rig.kernel.thread(60)?.space });
  });
});
