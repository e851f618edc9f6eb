/**
 * What happens at which instruction boundary, found the slow way: the machine runs to the very next one, and whatever observers
 * reported in a step belongs to the boundary after it. Shares no code with the triggers of faults.
 */
import { Word } from "../../../emulator/index.ts";
import type { ScenarioRun } from "../../../tools/run/scenario-run.ts";

export interface Boundary {
  readonly cycle: number;
  readonly instructions: number;
}

interface Noted extends Boundary {
  readonly thread: number;
}

export interface Access extends Noted {
  readonly write: boolean;
  readonly linear: number;
  readonly bytes: number;
}

export interface Delivery extends Noted {
  readonly vector: number;
  readonly isException: boolean;
}

export interface Message extends Boundary {
  readonly sender: number;
  readonly receiver: number;
  /** What the receiver was in: its own receive phase ("none"), or a protocol of the kernel's. */
  readonly protocol: string;
}

/** A thread at the kernel's door for an IPC: the boundary before its path. */
export interface Call extends Noted {
  /** EAX: to whom. */
  readonly to: number;
}

export interface History {
  /** By thread, address and number of times that it was executed to the end: the first boundary at which it is next. */
  readonly arrivals: ReadonlyMap<string, Boundary>;
  readonly accesses: readonly Access[];
  readonly deliveries: readonly Delivery[];
  readonly messages: readonly Message[];
  readonly calls: readonly Call[];
}

const IPC_GATE = 0x30 * 8;
const IPC_TRANSFER = 64;

/** Runs to the machine's end. `addresses`: of instructions of interest; `areas`: of memory. */
export function boundaryHistory(
  run: ScenarioRun,
  addresses: readonly number[],
  areas: readonly (readonly [number, number])[],
): History {
  const { machine, kernel } = run;
  const { words } = machine.cpu;
  const wanted = new Set(addresses);
  const executed = new Map<string, number>();
  const arrivals = new Map<string, Boundary>();
  const history = {
    arrivals,
    accesses: [] as Access[],
    deliveries: [] as Delivery[],
    messages: [] as Message[],
    calls: [] as Call[],
  };
  let pending: ((boundary: Boundary) => void)[] = [];
  let before: Boundary = { cycle: 0, instructions: 0 };
  const current = (): number => (kernel.currentThread() ?? 0) >>> 14;
  const access = (write: boolean) => (linear: number, _physical: number, bytes: number) => {
    if (!areas.some(([start, length]) => linear < start + length && start < linear + bytes)) return;
    const thread = current();
    pending.push((boundary) => history.accesses.push({ ...boundary, thread, write, linear, bytes }));
  };
  const delivery = (vector: number, isException: boolean): void => {
    const thread = current();
    pending.push((boundary) => history.deliveries.push({ ...boundary, thread, vector, isException }));
  };
  machine.observe({
    afterInstruction: (linear) => {
      if (!wanted.has(linear)) return;
      const key = `${current()}:${linear}`;
      executed.set(key, (executed.get(key) ?? 0) + 1);
    },
    memoryRead: access(false),
    memoryWrite: access(true),
    interrupt: (vector) => delivery(vector, false),
    exception: (vector) => delivery(vector, true),
    portalEnter: (physical) => {
      if ((physical & 0xfff) === IPC_GATE)
        history.calls.push({ ...before, thread: current(), to: words[Word.Eax]! >>> 0 });
    },
  });
  machine.eventLog.listener = (_cycle, kind, a, b) => {
    if (kind !== IPC_TRANSFER) return;
    const protocol = kernel.thread(b)!.protocol;
    pending.push((boundary) => history.messages.push({ ...boundary, sender: a >>> 14, receiver: b >>> 14, protocol }));
  };
  for (;;) {
    // An instruction, a delivery, a kernel path, a wait, or one element of a REP instruction.
    const { kind } = machine.run({ cycle: machine.cycles + 1, instructions: machine.instructions + 1 });
    const ended = kind !== "cycle" && kind !== "instructions";
    before = { cycle: machine.cycles, instructions: machine.instructions };
    for (const note of pending) note(before);
    pending = [];
    const eip = words[Word.Eip]! >>> 0;
    if (wanted.has(eip) && words[Word.Cpl] === 3 && words[Word.RepeatInProgress] === 0) {
      const key = `${current()}:${eip}`;
      const numbered = `${key}:${executed.get(key) ?? 0}`;
      if (!arrivals.has(numbered)) arrivals.set(numbered, before);
    }
    if (ended) return history;
  }
}
