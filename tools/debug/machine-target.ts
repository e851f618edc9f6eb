/** The debugged machine as gdb's target. */
import type {
  DebugTarget,
  MemoryRegion,
  ResumeRequest,
  StopReport,
  TargetPoint,
  TargetThread,
} from "./debug-target.ts";
import type { Debuggee } from "./debuggee.ts";
import { type GuestThread, KERNEL_PROCESS, KERNEL_THREAD } from "./guest-view.ts";
import { EXPEDITED_REGISTERS, GROUPED_REGISTERS, I386_REGISTERS, isX87Register } from "./i386-registers.ts";
import { isCodePoint, samePoint } from "./points.ts";
import { threadState } from "./thread-state.ts";
import { x87RegisterBytes } from "./x87-registers.ts";

/** Watching more than this at once would make every run crawl; gdb then watches by single steps. */
const LARGEST_WATCH = 4096;

export class MachineTarget implements DebugTarget {
  readonly registers = I386_REGISTERS;
  readonly groupedRegisters = GROUPED_REGISTERS;
  readonly expeditedRegisters = EXPEDITED_REGISTERS;

  constructor(
    private readonly debuggee: Debuggee,
    /** Answers a `monitor` line. */
    private readonly monitor: (line: string, thread: number) => string,
  ) {}

  threads(): readonly TargetThread[] {
    return this.debuggee.view.threads().map((thread) => this.describe(thread));
  }

  currentThread(): TargetThread {
    return this.describe(this.debuggee.view.current());
  }

  initialThread(): TargetThread {
    const kernel = this.debuggee.view.thread(KERNEL_THREAD);
    return kernel === undefined ? this.currentThread() : this.describe(kernel);
  }

  private describe(thread: GuestThread): TargetThread {
    const { process, id, name } = thread;
    return { process, thread: id, name, state: threadState(this.debuggee.view, thread) };
  }

  readRegister(thread: number, register: number): Uint8Array | undefined {
    const description = I386_REGISTERS[register];
    const image = isX87Register(register) ? this.debuggee.view.x87Image(thread) : undefined;
    if (description !== undefined && image !== undefined) return x87RegisterBytes(image, description.name);
    const value = description === undefined ? undefined : this.debuggee.view.register(thread, description.name);
    if (description === undefined || value === undefined) return undefined;
    const bytes = new Uint8Array(description.bits / 8);
    const view = new DataView(bytes.buffer);
    if (description.bits === 64) view.setBigUint64(0, BigInt(value), true);
    else view.setUint32(0, value, true);
    return bytes;
  }

  writeRegister(thread: number, register: number, value: Uint8Array): boolean {
    const { view, timeline } = this.debuggee;
    const name = I386_REGISTERS[register]?.name;
    if (name === undefined || value.length !== 4) return false;
    const word = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    const old = view.register(thread, name);
    if (old === undefined || !view.setRegister(thread, name, old)) return false;
    if (old !== word) timeline.edit(`register ${name}`, () => view.setRegister(thread, name, word));
    return true;
  }

  readMemory(process: number, address: number, length: number): Uint8Array | undefined {
    return this.debuggee.view.readMemory(process, address, length);
  }

  writeMemory(process: number, address: number, bytes: Uint8Array): boolean {
    const { view, timeline } = this.debuggee;
    const old = view.readMemory(process, address, bytes.length);
    if (old === undefined || old.length !== bytes.length) return false;
    if (!old.every((byte, index) => byte === bytes[index])) {
      const copy = bytes.slice();
      timeline.edit(`memory 0x${address.toString(16)}`, () => view.writeMemory(process, address, copy));
    }
    return true;
  }

  /** Every space has mappings of its own, and gdb asks once for all of them: so all of it is RAM, mapped or not. */
  memoryMap(): readonly MemoryRegion[] {
    return [{ type: "ram", start: 0, length: 0x1_0000_0000 }];
  }

  executable(process: number): string | undefined {
    if (process === KERNEL_PROCESS) return undefined;
    const program = this.debuggee.view.program(process);
    return program === undefined ? undefined : `/${program.name}.elf`;
  }

  openFile(path: string): Uint8Array | undefined {
    return this.debuggee.view.programList.find(({ name }) => path === `/${name}.elf`)?.file;
  }

  insertPoint(point: TargetPoint): boolean {
    const { points } = this.debuggee;
    if (!isCodePoint(point) && (point.length === 0 || point.length > LARGEST_WATCH)) return false;
    if (points.list.some((other) => other.number === 0 && samePoint(other, point))) return true;
    points.add({ ...point, number: 0, text: "", enabled: true, hits: 0 });
    return true;
  }

  removePoint(point: TargetPoint): boolean {
    return this.debuggee.points.remove((other) => other.number === 0 && samePoint(other, point)) > 0;
  }

  resume(request: ResumeRequest): void {
    this.debuggee.control.resume(request);
  }

  slice(): StopReport | undefined {
    return this.debuggee.control.slice();
  }

  interrupt(): StopReport {
    return this.debuggee.control.interrupt();
  }

  command(line: string, thread: number): string {
    return this.monitor(line, thread);
  }

  takeConsoleOutput(): string {
    return this.debuggee.takeConsoleOutput();
  }
}
