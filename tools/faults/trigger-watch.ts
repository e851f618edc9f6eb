/**
 * Watches for the moment of one fault. What has to be counted is counted by observers of the machine, which are attached
 * only for triggers that need them; nothing here costs the guest a clock.
 *
 * Moments, exactly:
 * - cycle, instruction: the first instruction boundary at which so many clocks or instructions are over (a component's
 *   instructions: at which it has the CPU).
 * - execute: the boundary at which the component has the CPU and EIP is at the place, which it has executed to the end nth - 1
 *   times. An instruction that faults and is repeated counts once.
 * - read, write: the first boundary after the access; between two elements of a REP instruction is one. Every access counts, also
 *   that of an instruction that faults afterwards and is repeated; one that crosses a page is two.
 * - interrupt, exception: delivered through its gate, before the handler's first instruction.
 * - ipc send, reply: through the gate of the system call, before the kernel does anything. receive and round: after the
 *   kernel's path that moved the message, before anybody runs.
 */
import { type Machine, type Observer, type RunLimits, Word } from "../../emulator/index.ts";
import { KernelEvent } from "../../kernel/index.ts";
import { IPC_VECTOR } from "../../kernel/kip.ts";
import { Tcb } from "../../kernel/tcb-layout.ts";
import type { FaultTrigger, IpcPhase } from "./fault.ts";
import type { AimedFault } from "./injector.ts";
import type { Guest } from "./site.ts";

/** What a trigger has counted so far. Plain data: part of a run's snapshot. */
export interface TriggerState {
  /** How many times it has happened. */
  readonly count: number;
  /** Rounds of the voter that have begun. */
  readonly round: number;
  /** Global id of the thread whose message the component has received last; 0 for none. */
  readonly lastSender: number;
  /** It has happened for the nth time: the fault strikes at the next boundary. */
  readonly due: boolean;
}

export const FRESH: TriggerState = { count: 0, round: 0, lastSender: 0, due: false };

/** Threads whose messages make rounds. */
export interface RoundThreads {
  readonly client: number;
  readonly voter: number;
}

/** Label of the client's request for a round (LABEL_VOTE_REQUEST in guests/include/service.h). */
const LABEL_VOTE_REQUEST = 0x0302;

const STOP = "fault trigger";

export class TriggerWatch {
  #state: TriggerState;
  readonly #detach: (() => void)[] = [];
  readonly #machine: Machine;
  readonly #watched: number | undefined;

  constructor(
    private readonly guest: Guest,
    readonly aimed: AimedFault,
    private readonly rounds: RoundThreads,
    state: TriggerState = FRESH,
  ) {
    this.#state = state;
    this.#machine = guest.machine;
    this.#watched = aimed.watched?.threadNumber;
    if (state.due) return;
    const observer = this.observer(aimed.fault.trigger);
    if (observer !== undefined) this.#detach.push(guest.machine.observe(observer));
    if (needsMessages(aimed.fault.trigger))
      this.#detach.push(guest.machine.eventLog.listen((_cycle, kind, a, b) => this.event(kind, a, b)));
  }

  get state(): TriggerState {
    return this.#state;
  }

  /** Ends the watch. */
  stop(): void {
    for (const detach of this.#detach) detach();
    this.#detach.length = 0;
  }

  /** Whether the fault strikes at the present boundary. */
  isDue(): boolean {
    const { trigger } = this.aimed.fault;
    if ("cycle" in trigger) return this.#machine.clock.now >= trigger.cycle;
    // Instruction 0 is not yet the time before the thread is there: it is the moment at which it is about to begin.
    if ("instruction" in trigger) return this.isRunning() && this.remaining(trigger.instruction) <= 0;
    if ("execute" in trigger) return this.#state.count >= trigger.nth - 1 && this.isAt(this.aimed.triggerAddress!);
    return this.#state.due;
  }

  /** Lowers the limits of a run so far that it ends where the fault could be due, as far as no observer sees to that. */
  limit(limits: RunLimits): void {
    const { trigger } = this.aimed.fault;
    if ("cycle" in trigger) limits.cycle = Math.min(limits.cycle ?? Number.POSITIVE_INFINITY, trigger.cycle);
    if (!("instruction" in trigger) || !this.isRunning()) return;
    // Nobody retires instructions faster than the machine: a bound for a component that runs now.
    const bound = this.#machine.instructions + Math.max(1, this.remaining(trigger.instruction));
    limits.instructions = Math.min(limits.instructions ?? Number.POSITIVE_INFINITY, bound);
  }

  /** The machine always runs; a component does while its thread has the CPU. */
  private isRunning(): boolean {
    if (this.#watched === undefined) return true;
    return this.guest.kernel.registerLocation(this.#watched, "eax")?.where === "cpu";
  }

  private remaining(instruction: number): number {
    if (this.#watched === undefined) return instruction - this.#machine.instructions;
    return instruction - (this.guest.kernel.thread(this.#watched)?.userInstructions ?? 0);
  }

  /** The component's next instruction is the one at an address, and has not begun. */
  private isAt(address: number): boolean {
    const { words } = this.#machine.cpu;
    return (
      words[Word.Eip]! >>> 0 === address &&
      words[Word.Cpl] === 3 &&
      words[Word.RepeatInProgress] === 0 &&
      this.isCurrent()
    );
  }

  /** The component's thread is the one that the kernel has dispatched. */
  private isCurrent(): boolean {
    return this.#watched === undefined || (this.guest.kernel.currentThread() ?? 0) >>> 14 === this.#watched;
  }

  private observer(trigger: FaultTrigger): Partial<Observer> | undefined {
    if ("instruction" in trigger) {
      if (this.#watched === undefined) return undefined;
      return {
        portalLeave: () => {
          if (this.isCurrent()) this.#machine.stop(STOP);
        },
      };
    }
    if ("execute" in trigger) return this.executeObserver(this.aimed.triggerAddress!, trigger.nth);
    if ("read" in trigger) return { memoryRead: this.access(trigger.read.bytes, trigger.nth) };
    if ("write" in trigger) return { memoryWrite: this.access(trigger.write.bytes, trigger.nth) };
    if ("interrupt" in trigger) {
      const { vector } = trigger.interrupt;
      return { interrupt: (delivered) => this.delivered(delivered === vector, trigger.nth) };
    }
    if ("exception" in trigger) {
      const { vector } = trigger.exception;
      return { exception: (delivered) => this.delivered(delivered === vector, trigger.nth) };
    }
    if (!("ipc" in trigger) || trigger.ipc.phase === "receive") return undefined;
    const { phase } = trigger.ipc;
    return {
      interrupt: (vector, kind) => {
        if (vector === IPC_VECTOR && kind === "software" && this.isCurrent() && this.isSending(phase))
          this.happened(trigger.nth);
      },
    };
  }

  private executeObserver(address: number, nth: number): Partial<Observer> {
    const stopThere = (): void => {
      if (this.#state.count >= nth - 1 && this.isAt(address)) this.#machine.stop(STOP);
    };
    return {
      afterInstruction: (linear) => {
        if (linear === address && this.isCurrent()) this.#state = { ...this.#state, count: this.#state.count + 1 };
        stopThere();
      },
      portalLeave: stopThere,
    };
  }

  private access(bytes: number, nth: number): Observer["memoryRead"] {
    const start = this.aimed.triggerAddress!;
    return (linear, _physical, length) => {
      if (linear < start + bytes && start < linear + length && this.isCurrent()) this.happened(nth);
    };
  }

  private delivered(wanted: boolean, nth: number): void {
    if (wanted && this.isCurrent()) this.happened(nth);
  }

  /** Counts; at the nth time the machine stops at its next boundary. */
  private happened(nth: number): void {
    if (this.#state.due) return;
    const count = this.#state.count + 1;
    this.#state = { ...this.#state, count, due: count === nth };
    if (count === nth) this.#machine.stop(STOP);
  }

  // ---- messages ----

  /** At the kernel's door: whether the component sends, to whom the trigger asks for (EAX, ABI 5.2). */
  private isSending(phase: IpcPhase): boolean {
    const { kernel } = this.guest;
    const to = this.#machine.cpu.words[Word.Eax]! >>> 0;
    if (to === 0 || !this.isInRound()) return false;
    const { partner } = this.aimed;
    const receiver = kernel.thread(to) ?? kernel.threads().find(({ localId }) => localId === to);
    if (partner !== undefined && receiver?.threadNo !== partner.threadNumber) return false;
    return phase === "send" || (receiver !== undefined && receiver.globalId === this.#state.lastSender);
  }

  private isInRound(): boolean {
    const { trigger } = this.aimed.fault;
    const wanted = "ipc" in trigger ? trigger.ipc.round : undefined;
    return wanted === undefined || wanted === this.#state.round;
  }

  /** The kernel moves a message. */
  private event(kind: number, sender: number, receiver: number): void {
    if (kind !== KernelEvent.IpcTransfer) return;
    const { trigger } = this.aimed.fault;
    this.noteRound(sender, receiver);
    if ("round" in trigger) {
      const due = this.#state.round === trigger.round;
      if (due && !this.#state.due) this.#machine.stop(STOP);
      this.#state = { ...this.#state, count: this.#state.round, due: this.#state.due || due };
      return;
    }
    if (!("ipc" in trigger) || receiver >>> 14 !== this.#watched) return;
    // What answers a fault of its own, or starts it, is no message to the program.
    if (this.guest.kernel.thread(receiver)?.protocol !== "none") return;
    this.#state = { ...this.#state, lastSender: sender };
    const { partner } = this.aimed;
    if (trigger.ipc.phase !== "receive" || !this.isInRound()) return;
    if (partner === undefined || sender >>> 14 === partner.threadNumber) this.happened(trigger.nth);
  }

  private noteRound(sender: number, receiver: number): void {
    if (sender >>> 14 !== this.rounds.client || receiver >>> 14 !== this.rounds.voter) return;
    const client = this.guest.kernel.thread(sender);
    if (client === undefined || client.protocol !== "none") return;
    const label = this.#machine.memory.read32(client.tcb + Tcb.tag) >>> 16;
    if (label === LABEL_VOTE_REQUEST) this.#state = { ...this.#state, round: this.#state.round + 1 };
  }
}

function needsMessages(trigger: FaultTrigger): boolean {
  if ("round" in trigger) return true;
  return "ipc" in trigger && (trigger.ipc.phase !== "send" || trigger.ipc.round !== undefined);
}

/** Whether a trigger depends on what happened since the machine was started, and so has to be watched for from then on. */
export function countsFromStart(trigger: FaultTrigger): boolean {
  return !("cycle" in trigger || "instruction" in trigger);
}
