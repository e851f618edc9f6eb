/**
 * A toy target for the protocol tests: two address spaces, one thread each, taking turns instruction by instruction.
 * It knows nop (90), inc eax (40), jmp rel8 (EB), mov [disp32],eax (A3), mov eax,[disp32] (A1); history is a list of whole states.
 */
import type {
  DebugTarget,
  MemoryRegion,
  ResumeRequest,
  StopReport,
  TargetPoint,
  TargetThread,
} from "../../../tools/debug/debug-target.ts";
import {
  EIP_NUMBER,
  EXPEDITED_REGISTERS,
  GROUPED_REGISTERS,
  I386_REGISTERS,
} from "../../../tools/debug/i386-registers.ts";

const BASE = 0x1000;
const SIZE = 0x1000;

interface State {
  readonly registers: Uint32Array[];
  readonly memory: Uint8Array[];
  turn: number;
}

function copy(state: State): State {
  return {
    registers: state.registers.map((registers) => registers.slice()),
    memory: state.memory.map((memory) => memory.slice()),
    turn: state.turn,
  };
}

export class MockTarget implements DebugTarget {
  readonly registers = I386_REGISTERS;
  readonly groupedRegisters = GROUPED_REGISTERS;
  readonly expeditedRegisters = EXPEDITED_REGISTERS;
  readonly points: TargetPoint[] = [];
  readonly files = new Map<string, Uint8Array>();
  readonly executables = new Map<number, string>();
  private state: State;
  private readonly history: State[] = [];
  private request: ResumeRequest | undefined;
  private console = "";

  constructor(program: readonly number[]) {
    const memory = new Uint8Array(SIZE);
    memory.set(program);
    const registers = new Uint32Array(16);
    registers[EIP_NUMBER] = BASE;
    registers[4] = BASE + SIZE;
    this.state = { registers: [registers, registers.slice()], memory: [memory, memory.slice()], turn: 0 };
  }

  threads(): readonly TargetThread[] {
    return ["replica-1", "replica-2"].map((name, index) => this.describe(index, name));
  }

  private describe(index: number, name = `replica-${index + 1}`): TargetThread {
    return { process: index + 1, thread: index + 1, name, state: index === this.state.turn ? "running" : "ready" };
  }

  currentThread(): TargetThread {
    return this.describe(this.state.turn);
  }

  initialThread(): TargetThread {
    return this.describe(0);
  }

  readRegister(thread: number, register: number): Uint8Array | undefined {
    if (register === I386_REGISTERS.length - 2) return this.counter();
    const registers = this.state.registers[thread - 1];
    if (registers === undefined || register >= 16) return undefined;
    return new Uint8Array(registers.buffer, register * 4, 4).slice();
  }

  private counter(): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, this.history.length, true);
    return bytes;
  }

  writeRegister(thread: number, register: number, value: Uint8Array): boolean {
    const registers = this.state.registers[thread - 1];
    if (registers === undefined || register >= 16) return false;
    new Uint8Array(registers.buffer, register * 4, 4).set(value);
    return true;
  }

  readMemory(process: number, address: number, length: number): Uint8Array | undefined {
    if (address < BASE || address >= BASE + SIZE) return undefined;
    return this.state.memory[process - 1]?.slice(address - BASE, Math.min(address - BASE + length, SIZE));
  }

  writeMemory(process: number, address: number, bytes: Uint8Array): boolean {
    const memory = this.state.memory[process - 1];
    if (memory === undefined || address < BASE || address + bytes.length > BASE + SIZE) return false;
    memory.set(bytes, address - BASE);
    return true;
  }

  memoryMap(): readonly MemoryRegion[] {
    return [{ type: "ram", start: 0, length: 0x1_0000_0000 }];
  }

  executable(process: number): string | undefined {
    return this.executables.get(process);
  }

  openFile(path: string): Uint8Array | undefined {
    return this.files.get(path);
  }

  insertPoint(point: TargetPoint): boolean {
    this.points.push(point);
    return true;
  }

  removePoint(point: TargetPoint): boolean {
    const index = this.points.findIndex(
      (other) => other.kind === point.kind && other.process === point.process && other.address === point.address,
    );
    if (index >= 0) this.points.splice(index, 1);
    return index >= 0;
  }

  resume(request: ResumeRequest): void {
    this.request = request;
  }

  slice(): StopReport | undefined {
    const request = this.request;
    if (request === undefined) throw new Error("slice without resume");
    for (let count = 0; count < 50; count++) {
      const report = request.direction === "forward" ? this.forward(request) : this.backward(request);
      if (report !== undefined) return report;
    }
    return undefined;
  }

  interrupt(): StopReport {
    return { ...this.currentThread(), cause: { kind: "interrupt" } };
  }

  command(line: string): string {
    return line === "hello" ? "hello from the mock\n" : `unknown command: ${line}\n`;
  }

  takeConsoleOutput(): string {
    const text = this.console;
    this.console = "";
    return text;
  }

  private forward(request: ResumeRequest): StopReport | undefined {
    const ran = this.state.turn;
    this.history.push(copy(this.state));
    const touched = this.execute();
    if (touched !== undefined) {
      const report = this.watched(ran, touched.address, touched.write);
      if (report !== undefined) return report;
    }
    if (request.mode !== "continue" && ran === request.thread - 1) {
      const eip = this.eip(ran);
      const inside = eip >= (request.rangeStart ?? 0) && eip < (request.rangeEnd ?? 0);
      if (request.mode === "step" || !inside) return { ...this.describe(ran), cause: { kind: "step" } };
    }
    return this.atBreakpoint();
  }

  private backward(request: ResumeRequest): StopReport | undefined {
    const earlier = this.history.pop();
    if (earlier === undefined) return { ...this.currentThread(), cause: { kind: "history-begin" } };
    this.state = earlier;
    const ran = this.state.turn;
    if (request.mode === "step") {
      return ran === request.thread - 1 ? { ...this.describe(ran), cause: { kind: "step" } } : undefined;
    }
    const touched = this.touches();
    const report = touched === undefined ? undefined : this.watched(ran, touched.address, touched.write);
    return report ?? this.atBreakpoint();
  }

  private eip(thread: number): number {
    return this.state.registers[thread]?.[EIP_NUMBER] ?? 0;
  }

  private atBreakpoint(): StopReport | undefined {
    const thread = this.currentThread();
    const point = this.points.find(
      (other) =>
        (other.kind === "software" || other.kind === "hardware") &&
        other.process === thread.process &&
        other.address === this.eip(this.state.turn),
    );
    return point === undefined ? undefined : { ...thread, cause: { kind: "breakpoint", point } };
  }

  private watched(thread: number, address: number, write: boolean): StopReport | undefined {
    const point = this.points.find(
      (other) =>
        (other.kind === "access" || other.kind === (write ? "write" : "read")) &&
        other.process === thread + 1 &&
        address < other.address + other.length &&
        other.address < address + 4,
    );
    if (point === undefined) return undefined;
    const message = `watchpoint at 0x${address.toString(16)}, cycle ${this.history.length}`;
    return { ...this.describe(thread), cause: { kind: "watchpoint", point, address: point.address }, message };
  }

  /** The data access that the next instruction will make. */
  private touches(): { address: number; write: boolean } | undefined {
    const memory = this.state.memory[this.state.turn];
    const offset = this.eip(this.state.turn) - BASE;
    const opcode = memory?.[offset];
    if (memory === undefined || (opcode !== 0xa3 && opcode !== 0xa1)) return undefined;
    return { address: new DataView(memory.buffer).getUint32(offset + 1, true), write: opcode === 0xa3 };
  }

  private execute(): { address: number; write: boolean } | undefined {
    const registers = this.state.registers[this.state.turn];
    const memory = this.state.memory[this.state.turn];
    if (registers === undefined || memory === undefined) throw new Error("no such thread");
    const touched = this.touches();
    const view = new DataView(memory.buffer);
    const eip = registers[EIP_NUMBER] ?? 0;
    const opcode = memory[eip - BASE];
    let next = eip + 1;
    if (opcode === 0x40) registers[0] = (registers[0] ?? 0) + 1;
    else if (opcode === 0xeb) next = eip + 2 + view.getInt8(eip - BASE + 1);
    else if (touched !== undefined) {
      next = eip + 5;
      if (touched.write) view.setUint32(touched.address - BASE, registers[0] ?? 0, true);
      else registers[0] = view.getUint32(touched.address - BASE, true);
    }
    registers[EIP_NUMBER] = next;
    this.state.turn = 1 - this.state.turn;
    if (this.history.length % 1000 === 0) this.console += "tick\n";
    return touched;
  }
}

/** inc eax; mov [0x1800],eax; nop; jmp 0x1000 */
export const LOOP_PROGRAM = [0x40, 0xa3, 0x00, 0x18, 0x00, 0x00, 0x90, 0xeb, 0xf7];
