/** Opens an image for debugging: machine and kernel as `boot` makes them, with history, names and faults. */
import { findSymbol, parseProgram } from "../../emulator/loader/elf.ts";
import type { Fault } from "../faults/fault.ts";
import { parseFault } from "../faults/fault-line.ts";
import { aimFault } from "../faults/injector.ts";
import type { BootPlan, Component } from "../run/boot-plan.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { GuestProgram, GuestView } from "./guest-view.ts";
import { IpcLog } from "./ipc-log.ts";
import { PendingFaults } from "./pending-faults.ts";
import { PointSet } from "./points.ts";
import { RunControl } from "./run-control.ts";
import type { CheckpointLimits } from "./time/checkpoint-store.ts";
import { comparePositions } from "./time/position.ts";
import { Timeline } from "./time/timeline.ts";

/** Thread numbers of the two servers that the kernel starts (ABI: UserBase and UserBase + 2). */
const SIGMA0_THREAD = 48;
const ROOT_THREAD = 50;

export interface DebuggeeOptions {
  readonly faults?: readonly Fault[];
  readonly timing?: "simple" | "p5";
  readonly checkpoints?: CheckpointLimits;
}

export class Debuggee {
  readonly run: ScenarioRun;
  readonly view: GuestView;
  readonly timeline: Timeline;
  readonly points = new PointSet();
  readonly faults: PendingFaults;
  readonly control: RunControl;
  readonly ipc: IpcLog;
  readonly components: readonly Component[];
  private console = "";

  /** @throws InputError if a fault names something that is not there, or the kernel cannot boot the plan. */
  constructor(
    readonly plan: BootPlan,
    options: DebuggeeOptions = {},
  ) {
    const servers = [
      { name: "sigma0", threadNumber: SIGMA0_THREAD, elf: parseProgram(plan.sigma0), file: plan.sigma0 },
      { name: "root", threadNumber: ROOT_THREAD, elf: parseProgram(plan.root), file: plan.root },
    ];
    this.components = [...servers, ...plan.components];
    const decoder = new TextDecoder("latin1");
    // History must not print twice what it repeats.
    const onSerial = (byte: number): void => {
      if (comparePositions(this.timeline.position, this.timeline.horizon) >= 0) {
        this.console += decoder.decode(Uint8Array.of(byte));
      }
    };
    this.run = new ScenarioRun(plan, { onSerial, ...(options.timing !== undefined && { timing: options.timing }) });
    const { machine, kernel } = this.run;
    const programs = new Map(
      servers.map((server) => [server.threadNumber, new GuestProgram(server.name, server.elf, server.file)]),
    );
    for (const component of plan.components) {
      programs.set(component.threadNumber, new GuestProgram(component.name, component.elf, fileOf(component, plan)));
    }
    this.view = new GuestView(machine, kernel, programs);
    this.timeline = new Timeline(machine, options.checkpoints);
    this.ipc = new IpcLog(this.view, this.timeline);
    const aimed = (options.faults ?? []).map((fault) => aimFault(fault, this.components, kernel));
    this.faults = new PendingFaults(this.view, this.timeline, this.components, aimed);
    this.control = new RunControl(this.view, this.timeline, this.points, this.faults);
  }

  /** The lines that the guest printed since the last call; with `all`, one not yet ended too. */
  takeConsoleOutput(all = false): string {
    const end = all ? this.console.length : this.console.lastIndexOf("\n") + 1;
    const text = this.console.slice(0, end);
    this.console = this.console.slice(end);
    return text;
  }

  /**
   * Runs until every component's program runs in a space of its own, so that all names are there to be used. Stops where the
   * machine ends if that comes first.
   */
  runUntilStarted(): void {
    const { view, timeline, plan } = this;
    const last = plan.components.at(-1);
    const entry = last === undefined ? undefined : findSymbol(last.elf, "_start");
    for (;;) {
      this.faults.strikeDue();
      const missing = plan.components.some(({ threadNumber }) => {
        const thread = view.kernel.thread(threadNumber);
        return thread === undefined || thread.registers.eip === 0 || thread.protocol === "start";
      });
      if (!missing) return;
      const reason = timeline.advance(this.faults.within({ cycle: timeline.position.cycle + 2000 }));
      if (reason.kind === "stopped" || reason.kind === "instructions") continue;
      if (reason.kind !== "cycle" || (entry === undefined && timeline.position.cycle > 100_000_000)) return;
    }
  }

  /**
   * Adds a fault; without "@TRIGGER" it strikes now.
   * @throws InputError for a line that is no fault.
   */
  addFault(line: string): { now: boolean } {
    const now = !line.includes("@");
    const fault = parseFault(now ? `${line}@cycle=${this.timeline.position.cycle}` : line);
    const aimed = aimFault(fault, this.components, this.view.kernel);
    if (now) this.faults.strike(aimed);
    else this.faults.add(aimed);
    return { now };
  }
}

/** The file that a component's program was read from: the module whose bytes its ELF views are part of. */
function fileOf(component: Component, plan: BootPlan): Uint8Array {
  const segment = component.elf.segments.find(({ data }) => data.length > 0);
  const start = segment === undefined ? -1 : segment.data.byteOffset - segment.fileOffset;
  const module = plan.modules.find(({ data }) => data.buffer === segment?.data.buffer && data.byteOffset === start);
  return module?.data ?? new Uint8Array(0);
}
