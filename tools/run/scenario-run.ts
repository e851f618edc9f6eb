/**
 * One run of a scenario: a machine with the kernel booted, faults applied on the way, and at any time the result so
 * far. Deterministic: the same plan and faults give the same result however the run is sliced.
 */
import { createMachine, type Machine, type Snapshot, type StopReason } from "../../emulator/index.ts";
import { bootKernel, type Kernel, KernelBootError } from "../../kernel/index.ts";
import type { Fault } from "../faults/fault.ts";
import { FaultEngine, type FaultsState, freshFault, type PendingFault } from "../faults/fault-engine.ts";
import { aimFault, type StuckBits } from "../faults/injector.ts";
import { decodeVoteLog, decodeWorkloadResult, type WorkloadResult } from "../image/boot-config.ts";
import { InputError } from "../input-error.ts";
import type { BootPlan } from "./boot-plan.ts";
import { accountShares } from "./cycle-shares.ts";
import { expectedOutput } from "./expected-output.ts";
import { findCulprits, type InjectionReport, type Outcome, type RunResult } from "./run-result.ts";

export interface RunOptions {
  /** Instead of none; the scenario's own faults are passed here by the caller. */
  readonly faults?: readonly Fault[];
  /** Instead of the scenario's. */
  readonly timing?: "simple" | "p5";
  /** Called for each byte that the guest sends over the serial line. */
  readonly onSerial?: (byte: number) => void;
  readonly onInjection?: (report: InjectionReport) => void;
}

/** A run at one moment; goes back into this run, or into another one of the same plan. */
export interface RunSnapshot extends FaultsState {
  readonly machine: Snapshot;
  readonly injections: readonly InjectionReport[];
  readonly outcome: Outcome | undefined;
}

export class ScenarioRun {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly plan: BootPlan;
  readonly #options: RunOptions;
  readonly #moduleAddresses: ReadonlyMap<string, number>;
  readonly #faults: FaultEngine;
  #injections: readonly InjectionReport[] = [];
  #outcome: Outcome | undefined;

  /** @throws InputError if a fault names something that is not there, or the kernel cannot boot the plan. */
  constructor(plan: BootPlan, options: RunOptions = {}) {
    this.plan = plan;
    this.#options = options;
    const { machine: configuration, kernel } = plan.scenario;
    const machine = createMachine({
      memoryBytes: configuration.memory,
      timing: options.timing ?? configuration.timing,
    });
    this.machine = machine;
    try {
      const { sigma0, root, modules } = plan;
      this.kernel = bootKernel(machine, { sigma0, root, modules, userIopl3: kernel.userIopl3 });
    } catch (error) {
      if (!(error instanceof KernelBootError)) throw error;
      throw new InputError({ key: "kernel boot", problem: error.message, mend: "check modules and machine.memory" });
    }
    this.#moduleAddresses = locateModules(machine, plan);
    this.#faults = new FaultEngine({ machine, kernel: this.kernel }, plan.components);
    this.#faults.load({ pending: this.#aim(options.faults ?? []), stuck: [] });
    const { onSerial } = options;
    if (onSerial !== undefined) machine.uart.onByte = onSerial;
  }

  /** Undefined while the run can go on. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Rounds that the client has finished, read from guest memory. */
  get rounds(): number {
    return this.#workload().rounds;
  }

  /** Physical memory that `result` reads: what the client and the voter have written. */
  get resultMemory(): readonly { readonly start: number; readonly bytes: number }[] {
    return [...this.#moduleAddresses].map(([name, start]) => ({
      start,
      bytes: this.plan.modules.find((module) => module.name === name)!.data.length,
    }));
  }

  /** To be taken between calls of `advance`. Costs as many pages as were written since the last one. */
  snapshot(): RunSnapshot {
    const machine = this.machine.snapshot();
    return { machine, injections: this.#injections, outcome: this.#outcome, ...this.#faults.save() };
  }

  /**
   * Makes the run what it was.
   * @param faults instead of those that were still to come; what their triggers count is counted from here.
   */
  restore(snapshot: RunSnapshot, faults?: readonly Fault[]): void {
    this.machine.restore(snapshot.machine);
    this.#injections = snapshot.injections;
    this.#faults.load({ pending: faults === undefined ? snapshot.pending : this.#aim(faults), stuck: snapshot.stuck });
    this.#outcome = snapshot.outcome;
  }

  /** What became of the faults that have struck, in order. */
  get injections(): readonly InjectionReport[] {
    return this.#injections;
  }

  /** Bits that are stuck at this time. */
  get stuck(): readonly StuckBits[] {
    return this.#faults.stuck;
  }

  /** Whether faults are still to come, or bits are stuck: then the machine's state alone does not decide its future. */
  get faultsActive(): boolean {
    return this.#faults.active;
  }

  /** Ends the run from outside. */
  stop(kind: "interrupted" | "cycle-limit"): void {
    this.#outcome ??= { kind };
  }

  /** Runs until an outcome or until the machine's clock reaches `cycle`; faults due on the way are applied. */
  advance(cycle: number): Outcome | undefined {
    while (this.#outcome === undefined) {
      this.#injectDue();
      if (this.machine.clock.now >= cycle) break;
      this.#outcome = this.#ended(this.#runTowards(cycle));
    }
    return this.#outcome;
  }

  /** As `advance`, but stops when a fault is due, before it is applied. False: the run ended or the clock came to `cycle`. */
  advanceToFault(cycle: number): boolean {
    while (this.#outcome === undefined) {
      if (this.#faults.due().length > 0) return true;
      if (this.machine.clock.now >= cycle) return false;
      this.#outcome = this.#ended(this.#runTowards(cycle));
    }
    return false;
  }

  result(): RunResult {
    const { machine, plan } = this;
    const workload = this.#workload();
    const output = workload.output.subarray(0, plan.outputBytes);
    const firstWrongByte = workload.status === "done" ? firstDifference(output, plan) : undefined;
    const votes = decodeVoteLog(this.#module("vote-log"));
    return {
      scenario: plan.scenario.name,
      outcome: this.#outcome ?? { kind: "cycle-limit" },
      workload: {
        status: workload.status,
        rounds: workload.rounds,
        output,
        outputRight: workload.status === "done" ? firstWrongByte === undefined : undefined,
        firstWrongByte,
      },
      votes,
      culprits: findCulprits(votes),
      injections: [...this.#injections, ...this.#faults.neverDue()],
      cycles: machine.clock.now,
      instructions: machine.instructions,
      shares: accountShares(this.kernel.accounts(), plan.components),
      eventHash: machine.eventLog.hash,
      coreHertz: machine.clock.hertz,
    };
  }

  /** One run of the machine, not beyond the next moment at which a fault could be due. */
  #runTowards(cycle: number): StopReason {
    const limits = this.#faults.limits();
    return this.machine.run({ ...limits, cycle: Math.min(limits.cycle ?? cycle, cycle) });
  }

  #injectDue(): void {
    for (const aimed of this.#faults.due()) {
      const report = this.#faults.strike(aimed);
      this.#injections = [...this.#injections, report];
      this.#options.onInjection?.(report);
    }
  }

  #aim(faults: readonly Fault[]): PendingFault[] {
    return faults.map((fault) => freshFault(aimFault(fault, this.plan.components, this.kernel)));
  }

  #ended(reason: StopReason): Outcome | undefined {
    switch (reason.kind) {
      case "power-off":
        return { kind: "power-off", code: reason.code };
      case "shutdown":
        return { kind: "triple-fault" };
      case "panic":
        return { kind: "panic", text: reason.text };
      case "halted":
        return { kind: "dead-halt" };
      default:
        return undefined;
    }
  }

  #workload(): WorkloadResult {
    return decodeWorkloadResult(this.#module("workload"));
  }

  #module(name: string): Uint8Array {
    const { data } = this.plan.modules.find((module) => module.name === name)!;
    return this.machine.memory.readBytes(this.#moduleAddresses.get(name)!, data.length);
  }
}

/** Where the kernel has put the data modules that the result is read from. */
function locateModules(machine: Machine, plan: BootPlan): Map<string, number> {
  const addresses = new Map<string, number>();
  for (const name of ["workload", "vote-log"]) {
    const { data } = plan.modules.find((module) => module.name === name)!;
    const address = findBytes(machine, data);
    if (address === undefined) throw new Error(`the kernel has not placed module ${name}`);
    addresses.set(name, address);
  }
  return addresses;
}

/** Page-aligned physical address of a copy of `data`. */
function findBytes(machine: Machine, data: Uint8Array): number | undefined {
  const first = Buffer.from(data.subarray(0, 64));
  for (let page = 0; page < machine.memory.byteLength; page += 4096) {
    if (!first.equals(machine.memory.readBytes(page, first.length))) continue;
    if (Buffer.from(data).equals(machine.memory.readBytes(page, data.length))) return page;
  }
  return undefined;
}

function firstDifference(output: Uint8Array, plan: BootPlan): number | undefined {
  const expected = expectedOutput(plan.workload).subarray(0, plan.outputBytes);
  if (Buffer.from(expected).equals(output)) return undefined;
  for (let i = 0; i < expected.length; i++) if (expected[i] !== output[i]) return i;
  return expected.length;
}
