import { readFileSync } from "node:fs";
import { createMachine, type Machine, type StopReason } from "../../../emulator/index.ts";
import { bootKernel, type Kernel } from "../../../kernel/index.ts";
import { REGISTERS, type Register } from "./assembler.ts";
import { elfProgram } from "./elf-image.ts";
import { CALLS, GuestScript, NIL, SLOT_BYTES, type Slot, UNCHANGED } from "./guest-script.ts";

/**
 * A machine with the real sigma0 and a root task made of scripts: thread 50 runs `rig.root`, and creates the others as
 * its script says. All run in one image at the same addresses in every space, so that the test finds their results.
 */

const PREBUILT = new URL("../../../guests/prebuilt/", import.meta.url);
const IMAGE = 0x40_0000;
const IMAGE_BYTES = 0x4_0000;
const CODE_BYTES_PER_SCRIPT = 0x3000;
const SLOTS = IMAGE + 0x2_0000;
const STACKS = IMAGE + 0x2_8000;
const STACK_BYTES = 0x800;
/** Sixteen pages for the scripts' own use, touched by root beforehand like all of the image. */
export const SCRATCH = IMAGE + 0x3_0000;
/** Set by root when it has touched the image: from then on the checker runs. */
const READY = IMAGE + IMAGE_BYTES - 4;

export const KIP_BASE = 0xbff0_0000;
export const UTCB_BASE = 0xbf00_0000;
export const SIGMA0 = 0x000c_0001;
export const ROOT = 0x000c_8001;

/** Global id of a thread number, version 1 unless given. */
export function idOf(threadNo: number, version = 1): number {
  return ((threadNo << 14) | version) >>> 0;
}

/** Local id of a thread with the n-th UTCB of its space. */
export function localIdOf(utcb: number): number {
  return UTCB_BASE + 512 * utcb + 0x100;
}

/** KIP area and UTCB area of test spaces. */
export const KIP_AREA = KIP_BASE | (12 << 4);
export const UTCB_AREA = UTCB_BASE | (17 << 4);

const STUB_OFFSET = 0x800;
const STUB_BYTES = 0x20;

export interface RigOptions {
  readonly memoryBytes?: number;
  readonly userIopl3?: boolean;
  /** Default: table clocks. */
  readonly timing?: "simple" | "p5";
  /** Run the checker at every exit (default), at every n-th, or never (0). */
  readonly checkEvery?: number;
}

export class Rig {
  readonly root: GuestScript;
  machine!: Machine;
  kernel!: Kernel;
  serial = "";
  exits = 0;
  private readonly options: RigOptions;
  private readonly scripts: GuestScript[] = [];
  private readonly violations: string[] = [];
  private slots = 0;

  constructor(options: RigOptions = {}) {
    this.options = options;
    this.root = this.script();
    this.touchImage();
  }

  /** A new script; start it with `start`. */
  script(): GuestScript {
    const origin = IMAGE + this.scripts.length * CODE_BYTES_PER_SCRIPT;
    const script = new GuestScript(
      origin,
      () => SLOTS + SLOT_BYTES * this.slots++,
      (call) => KIP_BASE + STUB_OFFSET + STUB_BYTES * CALLS.indexOf(call),
    );
    this.scripts.push(script);
    return script;
  }

  /** Stack top for a script. */
  stackOf(script: GuestScript): number {
    return STACKS + STACK_BYTES * (this.scripts.indexOf(script) + 1);
  }

  /** Root: maps every page of the image into its space by touching it. */
  private touchImage(): void {
    const { code } = this.root;
    code.load("esp", this.stackOf(this.root)).load("ecx", IMAGE);
    const loop = code.here;
    // or [ecx], eax with eax = 0; add ecx, 4096; cmp ecx, end; jb loop
    code
      .load("eax", 0)
      .raw(0x09, 0x01, 0x81, 0xc1)
      .word(4096)
      .raw(0x81, 0xf9)
      .word(IMAGE + IMAGE_BYTES);
    code.raw(0x72, (loop - (code.here + 2)) & 0xff).store(READY, 1);
  }

  // ---- what root does ----

  /** Root creates an active thread in its own space, with UTCB number `utcb`. Its pager is sigma0. */
  createLocal(threadNo: number, utcb: number, pager = SIGMA0): Slot {
    return this.root.call("ThreadControl", {
      eax: idOf(threadNo),
      esi: ROOT,
      edx: ROOT,
      ecx: pager,
      edi: UTCB_BASE + 512 * utcb,
    });
  }

  /** Root creates an active thread in a space of its own. Returns the slots of the three calls. */
  createSpace(threadNo: number, pager: number): Slot[] {
    const id = idOf(threadNo);
    return [
      this.root.call("ThreadControl", { eax: id, esi: id, edx: ROOT, ecx: NIL, edi: UNCHANGED }),
      this.root.call("SpaceControl", { eax: id, ecx: 0, edx: KIP_AREA, esi: UTCB_AREA, edi: NIL }),
      this.root.call("ThreadControl", { eax: id, esi: id, edx: ROOT, ecx: pager, edi: UTCB_BASE }),
    ];
  }

  /** Root starts a thread at a script by ExchangeRegisters (L4_Start with SP and IP). */
  start(threadNo: number, script: GuestScript): Slot {
    return this.root.call("ExchangeRegisters", {
      eax: idOf(threadNo),
      ecx: 0x11e,
      edx: this.stackOf(script),
      esi: script.code.origin,
      edi: 0,
      ebx: 0,
      ebp: 0,
    });
  }

  /** Root creates and starts a thread in its own space. */
  spawn(threadNo: number, utcb: number, script: GuestScript): void {
    this.createLocal(threadNo, utcb);
    this.start(threadNo, script);
  }

  /** Root creates and starts a thread in a new space. */
  spawnSpace(threadNo: number, pager: number, script: GuestScript): void {
    this.createSpace(threadNo, pager);
    this.start(threadNo, script);
  }

  priority(threadNo: number, priority: number): Slot {
    return this.root.call("Schedule", {
      eax: idOf(threadNo),
      edx: UNCHANGED,
      esi: UNCHANGED,
      ecx: priority,
      edi: UNCHANGED,
    });
  }

  /** Root starts thread 51: a pager that answers every page fault with the same page of its own space. */
  startPager(threadNo = 51, utcb = 1): void {
    const script = this.script();
    const { code } = script;
    const ipc = KIP_BASE + STUB_OFFSET + STUB_BYTES * CALLS.indexOf("Ipc");
    code.load("eax", NIL).load("edx", 0xffff_ffff).load("ecx", 0).load("esi", 0).loadUtcbPointer("edi").call(ipc);
    const served = code.here;
    code.loadUtcbPointer("edi");
    code.raw(0x89, 0xd9, 0x81, 0xe1).word(0xffff_f000); // mov ecx, ebx; and ecx, ~0xfff
    code.raw(0x8d, 0x91).word(8).raw(0x89, 0x97).word(4); // lea edx, [ecx+8]; mov [edi+4], edx
    code.raw(0x8d, 0x91).word(0xc7).raw(0x89, 0x97).word(8); // lea edx, [ecx+0xc7]; mov [edi+8], edx
    code.load("esi", 0x80).load("edx", 0xffff_ffff).load("ecx", 0x0400_0000).call(ipc).jump(served);
    this.spawn(threadNo, utcb, script);
    this.priority(threadNo, 200);
  }

  // ---- running ----

  boot(): this {
    const code = new Uint8Array(this.scripts.length * CODE_BYTES_PER_SCRIPT);
    this.scripts.forEach((script, i) => {
      if (script.code.bytes.length > CODE_BYTES_PER_SCRIPT) throw new Error(`script ${i} is too long`);
      // Whoever comes to the end of a script waits there for ever, and lets others run.
      script.ipc(NIL, SIGMA0);
      script.spin();
      code.set(script.code.bytes, i * CODE_BYTES_PER_SCRIPT);
    });
    this.machine = createMachine({
      memoryBytes: this.options.memoryBytes ?? 12 << 20,
      timing: this.options.timing ?? "simple",
    });
    this.machine.uart.onByte = (byte) => {
      this.serial += String.fromCharCode(byte);
    };
    const every = this.options.checkEvery ?? 1;
    this.kernel = bootKernel(this.machine, {
      sigma0: readFileSync(new URL("sigma0.elf", PREBUILT)),
      root: elfProgram(IMAGE, code, IMAGE_BYTES),
      userIopl3: this.options.userIopl3 ?? false,
      onExit: () => {
        this.exits++;
        if (this.word(READY) === 0 || this.violations.length > 0) return;
        if (every !== 0 && this.exits % every === 0) this.violations.push(...this.kernel.check());
      },
    });
    return this;
  }

  /** Boots if need be and runs for some guest milliseconds. Throws when the checker has found something or the kernel panicked. */
  run(milliseconds = 20): StopReason {
    if (this.machine === undefined) this.boot();
    const reason = this.machine.run({ cycle: this.machine.cycles + milliseconds * 100_000 });
    if (this.violations.length > 0) throw new Error(`checker: ${this.violations.join("; ")}`);
    if (reason.kind === "panic") throw new Error(reason.text);
    return reason;
  }

  // ---- results ----

  word(address: number): number {
    return this.machine.memory.read32(address) >>> 0;
  }

  done(slot: Slot): boolean {
    return this.word(slot.address) === 1;
  }

  register(slot: Slot, register: Register): number {
    return this.word(slot.address + 4 + 4 * REGISTERS.indexOf(register));
  }

  errorCode(slot: Slot): number {
    return this.word(slot.address + 4 * 9);
  }

  actualSender(slot: Slot): number {
    return this.word(slot.address + 4 * 10);
  }

  mr(slot: Slot, index: number): number {
    return this.word(slot.address + 4 * (11 + index));
  }

  /** Result register, MR0 and error code: how most measured results are given. Throws if the call has not returned. */
  result(slot: Slot): { eax: number; mr0: number; errorCode: number } {
    if (!this.done(slot)) throw new Error("the call has not returned");
    return { eax: this.register(slot, "eax"), mr0: this.mr(slot, 0), errorCode: this.errorCode(slot) };
  }
}
