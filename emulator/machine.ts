/**
 * The machine: a wiring table of CPU, memory, ports and devices, and the run loop.
 *
 *   runDue alarms → stop? → limits? → deliver interrupt → HLT waits for the next alarm → interpreter until the next due cycle
 *
 * Everything that can change what happens next lowers Counter.LimitCycle, so the interpreter comes back at the next
 * instruction boundary; the loop decides by state alone. So slicing a run by limits changes nothing.
 */
import type { Clock } from "./clock.ts";
import { BlockCache } from "./cpu/block-cache.ts";
import { Cpu } from "./cpu/cpu.ts";
import { CPU_SIGNATURE } from "./cpu/cpuid.ts";
import { materialiseFlags, writeEflags } from "./cpu/flags.ts";
import { runInterpreter } from "./cpu/interpreter.ts";
import { TRAINING_MEMORY_BYTES, trainInterpreter } from "./cpu/interpreter-training.ts";
import { deliverPendingInterrupt, deliverTrap } from "./cpu/interrupt-delivery.ts";
import { setSegment } from "./cpu/segmentation.ts";
import { Counter, Flag, SegmentRegister, Vector, Word } from "./cpu/state.ts";
import { resetUnit } from "./cpu/x87/unit.ts";
import { COPROCESSOR_ERROR_PORT, CoprocessorError } from "./devices/coprocessor-error.ts";
import type { Device, DeviceState } from "./devices/device.ts";
import { ExitPort } from "./devices/exit-port.ts";
import { Pit8254 } from "./devices/i8254-pit.ts";
import { PicPair } from "./devices/i8259-pic.ts";
import { PortBus } from "./devices/port-bus.ts";
import { Uart16550 } from "./devices/uart-16550.ts";
import { EventLog } from "./event-log.ts";
import { EventQueue } from "./event-queue.ts";
import { Layout, PageFlag } from "./memory/layout.ts";
import { createLinearMemory, type LinearMemory } from "./memory/linear-memory.ts";
import { PhysicalMemory } from "./memory/physical-memory.ts";
import { type Observer, Watch } from "./observer.ts";
import { type PortalHandler, Portals } from "./portal.ts";
import { PageStore, SNAPSHOT_VERSION, type Snapshot } from "./snapshot.ts";
import { digestState } from "./state-digest.ts";
import { type P5Configuration, p5Configuration } from "./timing/configuration.ts";
import { P5Timing } from "./timing/p5-timing.ts";

export interface MachineConfiguration {
  /** Guest RAM, a multiple of 4096, at most 1 GiB. */
  memoryBytes: number;
  /** How clocks are counted: fixed clocks per instruction, or the P5 pipeline model. */
  timing?: "simple" | "p5";
  /** Core clock, default 100 MHz. */
  coreHertz?: number;
  /** Parameters of the P5 model that differ from the defaults (timing/configuration.ts). */
  p5?: Partial<P5Configuration>;
}

export type StopReason =
  /** The cycle limit was reached. */
  | { readonly kind: "cycle" }
  /** The instruction limit was reached. */
  | { readonly kind: "instructions" }
  /** The guest wrote the exit port. */
  | { readonly kind: "power-off"; readonly code: number }
  /** Triple fault. */
  | { readonly kind: "shutdown" }
  /** HLT, and nothing will ever wake the CPU without the embedder's doing. */
  | { readonly kind: "halted" }
  /** `Machine.stop` was called. */
  | { readonly kind: "stopped"; readonly reason: string }
  /** `Machine.panic` was called. */
  | { readonly kind: "panic"; readonly text: string };

export interface RunLimits {
  /** Absolute core cycle: stop at the first instruction boundary at or after it. */
  cycle?: number;
  /** Absolute count of retired instructions. */
  instructions?: number;
}

export const MAXIMUM_MEMORY_BYTES = Layout.PageFlagsBytes * 4096;

/** Makes a machine in its power-on state. RangeError for a configuration that cannot be built. */
export function createMachine(configuration: MachineConfiguration): Machine {
  const { memoryBytes } = configuration;
  if (
    !Number.isInteger(memoryBytes) ||
    memoryBytes % 4096 !== 0 ||
    memoryBytes <= 0 ||
    memoryBytes > MAXIMUM_MEMORY_BYTES
  )
    throw new RangeError(`memoryBytes must be a positive multiple of 4096 of at most 1 GiB, not ${memoryBytes}`);
  train(configuration.timing ?? "simple");
  return new Machine(configuration);
}

/** Timing kinds whose code paths the host's compiler has seen (interpreter-training.ts). Has no effect on any machine. */
const trained = new Set<string>();

function train(timing: "simple" | "p5"): void {
  if (trained.has(timing)) return;
  trained.add(timing);
  new Machine({ memoryBytes: TRAINING_MEMORY_BYTES, timing }).train();
}

export class Machine {
  readonly configuration: Required<MachineConfiguration>;
  readonly linear: LinearMemory;
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;
  readonly clock: Clock;
  readonly ports: PortBus;
  readonly eventLog: EventLog;
  readonly pic: PicPair;
  readonly pit: Pit8254;
  readonly uart: Uart16550;
  readonly exitPort: ExitPort;
  readonly coprocessorError: CoprocessorError;
  /** The P5 timing model, if this machine counts clocks by it. */
  readonly timing: P5Timing | undefined;
  /** Every device on the port bus, in the order of their reset. */
  readonly devices: readonly Device[];
  private readonly watch = new Watch();
  private readonly queue: EventQueue;
  private readonly portals: Portals;
  private readonly pages: PageStore;
  private readonly blocks: BlockCache;
  private readonly powerOn: Snapshot;
  private stopRequest: StopReason | undefined;
  private panicText: string | undefined;

  /** Use `createMachine`. */
  constructor(configuration: MachineConfiguration) {
    this.configuration = { timing: "simple", coreHertz: 100_000_000, p5: {}, ...configuration };
    this.linear = createLinearMemory(configuration.memoryBytes);
    const { words32, stateCounters } = this.linear;
    this.memory = new PhysicalMemory(this.linear, configuration.memoryBytes, this.watch);
    this.queue = new EventQueue(stateCounters, this.configuration.coreHertz);
    this.clock = this.queue;
    this.eventLog = new EventLog(words32, stateCounters);
    this.ports = new PortBus(this.watch);
    this.cpu = new Cpu(this.linear, this.memory, this.ports, this.watch, this.eventLog);
    this.blocks = new BlockCache(this.cpu);
    if (this.configuration.timing === "p5") {
      this.timing = new P5Timing(this.linear, this.memory, p5Configuration(this.configuration.p5));
      this.timing.lookAhead = (block) => this.blocks.lookAhead(block);
      this.cpu.timing = this.timing;
      this.cpu.access.attachPort(this.timing.port);
      this.timing.pipeline.dropMemos = () => this.cpu.access.flushMemos();
    }
    this.memory.attachCodeCache(this.blocks);
    this.portals = new Portals(this.cpu);
    this.pages = new PageStore(this.linear, this.memory);

    this.pic = new PicPair((level) => this.setInterruptLine(level));
    this.pit = new Pit8254(0x40, this.clock, (level) => this.pic.setLine(0, level));
    this.uart = new Uart16550("uart0", 0x3f8, this.clock, (level) => this.pic.setLine(4, level));
    this.exitPort = new ExitPort(() => this.cpu.requestAttention());
    this.coprocessorError = new CoprocessorError(
      (irq, level) => this.pic.setLine(irq, level),
      (level) => {
        this.cpu.words[Word.X87IgnoreError] = level ? 1 : 0;
      },
    );
    this.devices = [this.pic.primary, this.pic.secondary, this.pit, this.uart, this.exitPort, this.coprocessorError];

    this.ports.claim(this.pic.primary, 0x20, 2);
    this.ports.claim(this.pic.secondary, 0xa0, 2);
    this.ports.claim(this.pit, 0x40, 4);
    this.ports.claim(this.pit, 0x61, 1);
    this.ports.claim(this.uart, 0x3f8, 8);
    this.ports.claim(this.exitPort, 0xf4, 1, 4);
    this.ports.claim(this.coprocessorError, COPROCESSOR_ERROR_PORT, 1);

    this.cpu.acknowledgeInterrupt = () => this.pic.acknowledge();
    this.cpu.floatingPointError = (pending) => this.coprocessorError.setError(pending);
    this.watch.changed = () => this.watchChanged();
    for (const device of this.devices) device.reset();
    resetCpu(this.cpu);
    this.powerOn = this.snapshot();
  }

  /** Core clocks and retired instructions since reset. */
  get cycles(): number {
    return this.cpu.cycles;
  }

  get instructions(): number {
    return this.cpu.instructions;
  }

  private setInterruptLine(level: boolean): void {
    this.cpu.words[Word.InterruptLine] = level ? 1 : 0;
    if (level) this.cpu.requestAttention();
  }

  /** Observers came or went: nothing may skip the paths that report to them. */
  private watchChanged(): void {
    this.cpu.access.flushMemos();
    this.cpu.requestAttention();
  }

  /** Runs the training program; the machine is of no use afterwards. */
  train(): void {
    trainInterpreter(this.cpu, this.blocks);
  }

  /** Runs until a limit or another reason to stop. */
  run(limits: RunLimits = {}): StopReason {
    // Clocks and counts are whole numbers: HLT waits up to the limit exactly.
    const limitCycle = Math.ceil(limits.cycle ?? Number.POSITIVE_INFINITY);
    const limitInstructions = Math.ceil(limits.instructions ?? Number.POSITIVE_INFINITY);
    const { counters } = this.cpu;
    this.stopRequest = undefined;
    for (;;) {
      this.queue.runDue();
      const ended = this.ended();
      if (ended !== undefined) return ended;
      if (counters[Counter.Cycles] >= limitCycle) return { kind: "cycle" };
      if (counters[Counter.Instructions] >= limitInstructions) return { kind: "instructions" };
      if (!this.advance(limitCycle, limitInstructions)) return { kind: "halted" };
    }
  }

  /** One instruction, one event delivery, one portal call, or one wait in HLT until the next alarm; undefined when the run can go on. */
  step(): StopReason | undefined {
    this.stopRequest = undefined;
    this.queue.runDue();
    const ended = this.ended();
    if (ended !== undefined) return ended;
    const more = this.advance(Number.POSITIVE_INFINITY, this.cpu.counters[Counter.Instructions] + 1);
    this.queue.runDue();
    return more ? this.ended() : { kind: "halted" };
  }

  /** Why the machine cannot go on, or was asked not to. */
  private ended(): StopReason | undefined {
    if (this.panicText !== undefined) return { kind: "panic", text: this.panicText };
    const { exitCode } = this.exitPort;
    if (exitCode !== undefined) return { kind: "power-off", code: exitCode };
    if (this.cpu.words[Word.Shutdown] !== 0) return { kind: "shutdown" };
    const request = this.stopRequest;
    this.stopRequest = undefined;
    return request;
  }

  /** The next thing that happens at this boundary. False: halted for good. */
  private advance(limitCycle: number, limitInstructions: number): boolean {
    const { cpu } = this;
    if (deliverPendingInterrupt(cpu)) return true;
    if (cpu.words[Word.Halted] !== 0) return this.wait(limitCycle);
    // RF is good for one instruction (Intel SDM vol. 3, 17.3.1.1); faults set it anew in the image they push.
    cpu.words[Word.SystemFlags] &= ~Flag.Rf;
    if (cpu.words[Word.InterruptShadow] === 0 && (cpu.words[Word.SystemFlags] & Flag.Tf) === 0)
      this.execute(limitCycle, limitInstructions);
    else this.executeOne(limitCycle);
    return true;
  }

  /** HLT: time goes on to the next alarm or the limit. False when no interrupt can ever come. */
  private wait(limitCycle: number): boolean {
    const { counters, words } = this.cpu;
    const { nextDue } = this.queue;
    if ((words[Word.SystemFlags] & Flag.If) === 0 || nextDue === Number.POSITIVE_INFINITY) return false;
    const target = Math.min(nextDue, limitCycle);
    if (target > counters[Counter.Cycles]) counters[Counter.Cycles] = target;
    return true;
  }

  private execute(limitCycle: number, limitInstructions: number): void {
    const { counters } = this.cpu;
    counters[Counter.LimitCycle] = Math.min(limitCycle, this.queue.nextDue);
    counters[Counter.LimitInstructions] = limitInstructions;
    runInterpreter(this.cpu, this.blocks);
  }

  /** One instruction under an interrupt shadow or with TF set; then the shadow ends and the single-step trap comes. */
  private executeOne(limitCycle: number): void {
    const { counters, words } = this.cpu;
    const retired = counters[Counter.Instructions];
    const trap = (words[Word.SystemFlags] & Flag.Tf) !== 0 && words[Word.InterruptShadow] === 0;
    if (words[Word.InterruptShadow] !== 0) words[Word.InterruptShadow] = 2;
    this.cpu.gateEntered = false;
    this.execute(limitCycle, retired + 1);
    const complete = counters[Counter.Instructions] !== retired;
    if (complete && words[Word.InterruptShadow] === 2) words[Word.InterruptShadow] = 0;
    // A REP instruction traps after every element.
    if (!trap || this.cpu.gateEntered || !(complete || words[Word.RepeatInProgress] !== 0)) return;
    words[Word.Dr0 + 6] |= DR6_SINGLE_STEP;
    deliverTrap(this.cpu, Vector.Debug);
  }

  /** Makes `run` return at the next instruction boundary (at once when called between runs it has no effect). */
  stop(reason: string): void {
    this.stopRequest = { kind: "stopped", reason };
    this.cpu.requestAttention();
  }

  /** Ends the run for good: the embedder (a kernel model) found its own structures broken. */
  panic(text: string): void {
    this.panicText = text;
    this.cpu.requestAttention();
  }

  registerPortal(physicalPage: number, handler: PortalHandler): void {
    this.portals.register(physicalPage, handler);
  }

  /** Adds the clocks of an embedder's path; events that fall due during them are delivered at its end. */
  charge(cycles: number): void {
    this.cpu.charge(cycles);
  }

  /** Attaches an observer; returns the function that detaches it. */
  observe(observer: Partial<Observer>): () => void {
    return this.watch.attach(observer);
  }

  /** Whether observers are told of accesses to a page of RAM, by its number (`Observer.watchedAccess`). Changes nothing for the guest. */
  watchPage(page: number, on: boolean): void {
    if (on) this.memory.setPageFlags(page, PageFlag.Watched);
    else this.memory.clearPageFlags(page, PageFlag.Watched);
    this.cpu.access.flushMemos();
  }

  private canonicalise(): void {
    canonicalise(this.cpu);
    this.timing?.canonicalise();
  }

  /** The whole state, to be taken between runs (or from an alarm): at an instruction boundary. */
  snapshot(): Snapshot {
    const { counters } = this.cpu;
    this.canonicalise();
    const devices: Record<string, DeviceState> = {};
    for (const device of this.devices) devices[device.name] = device.saveState();
    const { ram, state } = this.pages.capture();
    this.cpu.access.flushStoreMemos();
    return {
      version: SNAPSHOT_VERSION,
      cycle: counters[Counter.Cycles],
      instructions: counters[Counter.Instructions],
      state,
      ram,
      devices,
      alarms: this.queue.saveState(),
      panic: this.panicText,
    };
  }

  /** Makes the machine what it was (also on another machine of the same configuration). RangeError when it does not fit. */
  restore(snapshot: Snapshot): void {
    if (snapshot.version !== SNAPSHOT_VERSION)
      throw new RangeError(`snapshot version ${snapshot.version} is not known`);
    this.pages.check(snapshot);
    for (const device of this.devices) {
      const state = snapshot.devices[device.name];
      if (state === undefined) throw new RangeError(`snapshot has no device ${device.name}`);
      device.loadState(state);
    }
    this.pages.restore(snapshot);
    this.queue.loadState(snapshot.alarms);
    this.panicText = snapshot.panic;
    this.stopRequest = undefined;
    this.timing?.stateReplaced();
    this.cpu.stateReplaced();
  }

  /** 64-bit hash, as hexadecimal digits, of everything that decides the future. */
  stateDigest(): string {
    this.canonicalise();
    return digestState(this.linear, this.memory, this.devices, this.queue.saveState());
  }

  /** Power-on reset: RAM zero, CPU and devices in their initial state, clock at 0. Portals and observers stay. */
  reset(): void {
    this.restore(this.powerOn);
  }
}

/** DR6.BS. */
const DR6_SINGLE_STEP = 0x4000;

/** Brings state words that have more than one form for the same state into one. */
function canonicalise(cpu: Cpu): void {
  const { words, counters } = cpu;
  materialiseFlags(words);
  counters[Counter.LimitCycle] = 0;
  counters[Counter.LimitInstructions] = 0;
  words[Word.FaultVector] = 0;
  words[Word.FaultErrorCode] = 0;
  words[Word.Zero] = 0;
  // Where the interpreter was within a block: depends on how the run was sliced.
  words[Word.CurrentMicro] = 0;
  words[Word.CodeChanged] = 0;
  words[Word.ChargedBlock] = 0;
  words.fill(0, Word.Scratch, Word.Msrs);
}

/** RESET: real mode at F000:FFF0 (Intel SDM vol. 3, table 9-1). */
function resetCpu(cpu: Cpu): void {
  const { words } = cpu;
  words[Word.Cr0] = 0x60000010;
  words[Word.Edx] = CPU_SIGNATURE;
  words[Word.Eip] = 0xfff0;
  writeEflags(words, Flag.Reserved1);
  words[Word.GdtrLimit] = 0xffff;
  words[Word.IdtrLimit] = 0xffff;
  words[Word.Dr0 + 6] = 0xffff0ff0;
  words[Word.Dr0 + 7] = 0x400;
  for (let segment = SegmentRegister.Es as number; segment <= SegmentRegister.Gs; segment++)
    setSegment(cpu, segment, 0, 0, 0xffff, 0x93);
  setSegment(cpu, SegmentRegister.Cs, 0xf000, 0xffff0000 | 0, 0xffff, 0x9b);
  setSegment(cpu, SegmentRegister.Ldtr, 0, 0, 0xffff, 0x82);
  setSegment(cpu, SegmentRegister.Tr, 0, 0, 0xffff, 0x8b);
  resetUnit(cpu);
  cpu.stateReplaced();
}
