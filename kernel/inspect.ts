import { readEflags, Word } from "../emulator/index.ts";
import { PATH_NAMES } from "./accounting.ts";
import { checkKernel } from "./checker.ts";
import type { KernelContext } from "./context.ts";
import { fpuImage } from "./fpu.ts";
import type {
  Accounts,
  Kernel,
  KernelStructure,
  KernelWatcher,
  Owner,
  ProtocolName,
  RegisterLocation,
  ThreadDescription,
  ThreadStateName,
  UserRegister,
} from "./kernel.ts";
import { frameNodes } from "./mapping-database.ts";
import { Globals, MAPPING_NODE, MappingNode, PAGE, Space, THREAD_COUNT } from "./memory-map.ts";
import { ownerOf } from "./owner.ts";
import { translate } from "./page-table.ts";
import { unlessBroken } from "./panic.ts";
import type { KernelPortal } from "./portal.ts";
import { fixedStructure, kernelStructures } from "./structures.ts";
import { HaltReason, Protocol, Tcb, ThreadState } from "./tcb-layout.ts";
import { findThread, findThreadByNumber } from "./thread-id.ts";
import { Utcb } from "./utcb.ts";

/** The tools' view: reads the kernel's structures, changes nothing. Broken structures give strange answers, never an exception. */

const STATE_NAMES: Readonly<Record<number, ThreadStateName>> = {
  [ThreadState.Inactive]: "inactive",
  [ThreadState.Ready]: "ready",
  [ThreadState.Polling]: "polling",
  [ThreadState.Waiting]: "waiting",
  [ThreadState.Armed]: "armed",
  [ThreadState.Transferring]: "transferring",
};

const PROTOCOL_NAMES: Readonly<Record<number, ProtocolName>> = {
  [Protocol.None]: "none",
  [Protocol.Start]: "start",
  [Protocol.PageFault]: "page-fault",
  [Protocol.IoFault]: "io-fault",
  [Protocol.Exception]: "exception",
  [Protocol.Preemption]: "preemption",
  [Protocol.Interrupt]: "interrupt",
};

const HALT_REASONS: Readonly<Record<number, string>> = {
  [HaltReason.None]: "",
  [HaltReason.Requested]: "",
  [HaltReason.NoPager]: "page fault, and its pager does not exist",
  [HaltReason.NoExceptionHandler]: "exception, and it has no exception handler",
  [HaltReason.ExceptionHandlerGone]: "exception, and its exception handler does not exist",
  [HaltReason.NoScheduler]: "total quantum used up, and its scheduler does not exist",
  [HaltReason.Sigma0Fault]: "sigma0 touched memory that it does not own",
};

const REGISTER_FIELDS: Readonly<Record<UserRegister, number>> = {
  eax: Tcb.eax,
  ecx: Tcb.ecx,
  edx: Tcb.edx,
  ebx: Tcb.ebx,
  esp: Tcb.esp,
  ebp: Tcb.ebp,
  esi: Tcb.esi,
  edi: Tcb.edi,
  eip: Tcb.eip,
  eflags: Tcb.eflags,
};

const REGISTER_WORDS: Readonly<Record<UserRegister, number>> = {
  eax: Word.Eax,
  ecx: Word.Ecx,
  edx: Word.Edx,
  ebx: Word.Ebx,
  esp: Word.Esp,
  ebp: Word.Ebp,
  esi: Word.Esi,
  edi: Word.Edi,
  eip: Word.Eip,
  eflags: Word.SystemFlags,
};

/** Below this a number is a thread number: the id of thread 1 is greater. */
const LEAST_GLOBAL_ID = 1 << 14;
const PUSHED_BY_CPU: readonly UserRegister[] = ["eip", "esp", "eflags"];
const REGISTERS = Object.keys(REGISTER_FIELDS) as UserRegister[];

export class KernelView implements Kernel {
  readonly kernelMemory: { readonly start: number; readonly end: number };
  private readonly k: KernelContext;
  private readonly portal: KernelPortal;

  constructor(k: KernelContext, portal: KernelPortal) {
    this.k = k;
    this.portal = portal;
    this.kernelMemory = { start: k.map.base, end: k.map.memoryBytes };
  }

  threads(): ThreadDescription[] {
    const threads: ThreadDescription[] = [];
    for (let number = 0; number < THREAD_COUNT; number++) {
      const tcb = findThreadByNumber(this.k, number);
      if (tcb !== 0) threads.push(this.describe(tcb));
    }
    return threads;
  }

  thread(id: number): ThreadDescription | undefined {
    const tcb = this.find(id);
    return tcb === 0 ? undefined : this.describe(tcb);
  }

  currentThread(): number | undefined {
    const tcb = this.running();
    return tcb === 0 ? undefined : this.k.load(tcb + Tcb.globalId);
  }

  translate(thread: number, virtual: number): number | undefined {
    const space = this.spaceOf(thread);
    if (space === 0) return undefined;
    const physical = unlessBroken(() => translate(this.k, space, virtual >>> 0), -1);
    return physical < 0 ? undefined : physical;
  }

  virtualAddresses(thread: number, physical: number): number[] {
    const { k } = this;
    const space = this.spaceOf(thread);
    const frame = Math.floor(physical / PAGE);
    if (space === 0 || frame >= k.map.base / PAGE) return [];
    const nodes = unlessBroken(() => frameNodes(k, frame), []);
    const found: number[] = [];
    for (const node of nodes) {
      const address = k.map.nodes + node * MAPPING_NODE.bytes;
      if (k.load(address + MappingNode.space) === space)
        found.push(k.load(address + MappingNode.page) * PAGE + (physical % PAGE));
    }
    if (space === k.global(Globals.sigma0Space) && this.translate(thread, physical) === physical) found.push(physical);
    return found;
  }

  registerLocation(thread: number, register: UserRegister): RegisterLocation | undefined {
    const tcb = this.find(thread);
    if (tcb === 0) return undefined;
    if (this.isInCpu(tcb, register)) return { where: "cpu", word: REGISTER_WORDS[register] };
    return { where: "memory", physical: tcb + REGISTER_FIELDS[register] };
  }

  x87Image(thread: number): Uint8Array | undefined {
    const tcb = this.find(thread);
    return tcb === 0 ? undefined : fpuImage(this.k, tcb);
  }

  accounts(): Accounts {
    const { k } = this;
    const { globals } = k.map;
    const threads = this.threads()
      .filter(({ space }) => space >= 0)
      .map(({ globalId, userCycles, userInstructions }) => ({
        globalId,
        cycles: userCycles,
        instructions: userInstructions,
      }));
    const kernel = PATH_NAMES.map((path, index) => ({
      path,
      cycles: k.loadDouble(globals + Globals.pathCycles + 8 * index),
      count: k.loadDouble(globals + Globals.pathCount + 8 * index),
    })).filter(({ count }) => count > 0);
    const idle = k.loadDouble(globals + Globals.idleCycles);
    return {
      threads,
      deleted: {
        cycles: k.loadDouble(globals + Globals.deletedCycles),
        instructions: k.loadDouble(globals + Globals.deletedInstructions),
      },
      kernel,
      kernelCycles: kernel.reduce((sum, { cycles }) => sum + cycles, 0),
      idleCycles: this.running() === 0 ? idle + this.sinceExit(Globals.exitCycles, k.cpu.cycles) : idle,
    };
  }

  check(): string[] {
    return checkKernel(this.k);
  }

  owner(physical: number): Owner {
    return ownerOf(this.k, physical);
  }

  structures(): KernelStructure[] {
    return kernelStructures(this.k);
  }

  structure(name: string): KernelStructure | undefined {
    return fixedStructure(this.k.map, name);
  }

  watch(watcher: KernelWatcher): () => void {
    return this.portal.watch(watcher);
  }

  kernelTime(): number {
    return this.k.loadDouble(this.k.map.globals + Globals.time);
  }

  private find(id: number): number {
    return id < LEAST_GLOBAL_ID ? findThreadByNumber(this.k, id) : findThread(this.k, id);
  }

  /** TCB of the current thread, 0 when there is none or the word is broken. */
  private running(): number {
    const tcb = this.k.global(Globals.current);
    return this.k.isTcb(tcb) ? tcb : 0;
  }

  /**
   * Whether a register of a thread is in the CPU. When the current thread has just come through a gate, the CPU has
   * pushed EIP, ESP and EFLAGS, but the kernel has not yet saved the rest.
   */
  private isInCpu(tcb: number, register: UserRegister): boolean {
    if (tcb !== this.running()) return false;
    return this.k.cpu.cpl === 3 || !PUSHED_BY_CPU.includes(register);
  }

  private spaceOf(thread: number): number {
    const tcb = this.find(thread);
    const space = tcb === 0 ? 0 : this.k.load(tcb + Tcb.space);
    return this.k.isSpace(space) ? space : 0;
  }

  private sinceExit(mark: number, now: number): number {
    return Math.max(0, now - this.k.loadDouble(this.k.map.globals + mark));
  }

  private describe(tcb: number): ThreadDescription {
    const { k } = this;
    const space = k.load(tcb + Tcb.space);
    const utcb = k.load(tcb + Tcb.utcbPhysical);
    const live = tcb === this.running();
    const haltReason = k.load(tcb + Tcb.haltReason);
    const vector = haltReason >>> 8;
    const reason = HALT_REASONS[haltReason & 0xff] ?? "unknown";
    const utcbWord = (offset: number): number => (utcb === 0 ? 0 : k.load(utcb + offset));
    return {
      threadNo: k.threadNumber(tcb),
      globalId: k.load(tcb + Tcb.globalId),
      localId: k.localId(tcb),
      space: k.isSpace(space) ? k.spaceIndex(space) : -1,
      pageDirectory: k.isSpace(space) ? k.load(space + Space.pageDirectory) : 0,
      state: STATE_NAMES[k.load(tcb + Tcb.state)] ?? "inactive",
      protocol: PROTOCOL_NAMES[k.load(tcb + Tcb.protocol)] ?? "none",
      halted: k.load(tcb + Tcb.halted) !== 0,
      haltReason:
        vector === 0 && (haltReason & 0xff) !== HaltReason.NoExceptionHandler ? reason : `${reason} (vector ${vector})`,
      partner: this.partnerOf(tcb),
      priority: k.load(tcb + Tcb.priority),
      timesliceMicroseconds: k.load(tcb + Tcb.timesliceLength),
      scheduler: k.load(tcb + Tcb.scheduler),
      pager: utcbWord(Utcb.pager),
      exceptionHandler: utcbWord(Utcb.exceptionHandler),
      registers: this.registers(tcb),
      tcb,
      utcb,
      userCycles: k.loadDouble(tcb + Tcb.userCycles) + (live ? this.sinceExit(Globals.exitCycles, k.cpu.cycles) : 0),
      userInstructions:
        k.loadDouble(tcb + Tcb.userInstructions) +
        (live ? Math.max(0, this.sinceExit(Globals.exitInstructions, k.cpu.instructions) - 1) : 0),
    };
  }

  private partnerOf(tcb: number): number {
    const { k } = this;
    const state = k.load(tcb + Tcb.state);
    if (state === ThreadState.Waiting) return k.load(tcb + Tcb.receiveFrom);
    const receiver = k.load(tcb + Tcb.sendTo);
    return state === ThreadState.Polling && k.isTcb(receiver) ? k.load(receiver + Tcb.globalId) : 0;
  }

  private registers(tcb: number): Record<UserRegister, number> {
    const { words } = this.k.cpu;
    const value = (register: UserRegister): number => {
      if (!this.isInCpu(tcb, register)) return this.k.load(tcb + REGISTER_FIELDS[register]);
      return (register === "eflags" ? readEflags(words) : words[REGISTER_WORDS[register]]) >>> 0;
    };
    return Object.fromEntries(REGISTERS.map((register) => [register, value(register)])) as Record<UserRegister, number>;
  }
}
