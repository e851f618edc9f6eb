/** The messages that the kernel has moved, by position in history: what was sent, by whom, to whom. */
import type { Kernel } from "../../kernel/index.ts";
import type { GuestView } from "./guest-view.ts";
import { comparePositions, type Position } from "./time/position.ts";
import type { Timeline } from "./time/timeline.ts";

/** `KernelEvent.IpcTransfer`: a = sender's global id, b = receiver's. */
const IPC_TRANSFER = 64;
/** MR0 in a UTCB (ABI 4). */
const MESSAGE_REGISTERS = 0x100;
const LARGEST_LOG = 20_000;

export interface IpcMessage {
  readonly position: Position;
  readonly sender: number;
  readonly receiver: number;
  /** "message", or what the kernel made it for: "page-fault", "start", … */
  readonly kind: string;
  /** The tag's label, bits 16-31. */
  readonly label: number;
  /** Untyped words MR1 and so on, as sent; empty for a message that the kernel made. */
  readonly words: readonly number[];
  readonly typedWords: number;
}

/** The message that the kernel is about to move, read from the sender's message registers. */
export function readMessage(
  kernel: Kernel,
  readWord: (physical: number) => number,
  sender: number,
): Pick<IpcMessage, "kind" | "label" | "words" | "typedWords"> {
  const thread = kernel.thread(sender);
  if (thread === undefined) return { kind: "interrupt", label: 0, words: [], typedWords: 0 };
  if (thread.protocol !== "none" && thread.protocol !== "start") {
    return { kind: thread.protocol, label: 0, words: [], typedWords: 0 };
  }
  const word = (index: number): number =>
    thread.utcb === 0 ? 0 : readWord(thread.utcb + MESSAGE_REGISTERS + 4 * index) >>> 0;
  const tag = word(0);
  const untyped = tag & 0x3f;
  const words = Array.from({ length: untyped }, (_, index) => word(index + 1));
  return { kind: "message", label: tag >>> 16, words, typedWords: (tag >>> 6) & 0x3f };
}

export class IpcLog {
  private readonly messages: IpcMessage[] = [];

  constructor(view: GuestView, timeline: Timeline) {
    const { machine, kernel } = view;
    view.onEvent((_cycle, kind, a, b) => {
      if (kind !== IPC_TRANSFER) return;
      const { position } = timeline;
      // Repeated history is known already; a new future takes the place of the old one.
      this.forgetFrom(position, comparePositions(position, timeline.horizon) >= 0);
      const last = this.messages.at(-1)?.position;
      if (last !== undefined && comparePositions(position, last) <= 0) return;
      const message = readMessage(kernel, (physical) => machine.memory.read32(physical), a);
      this.messages.push({ position, sender: a >>> 14, receiver: b >>> 14, ...message });
      if (this.messages.length > LARGEST_LOG) this.messages.splice(0, LARGEST_LOG / 2);
    });
  }

  /** The last `count` messages up to a position, oldest first. */
  before(position: Position, count: number): readonly IpcMessage[] {
    const earlier = this.messages.filter((message) => comparePositions(message.position, position) <= 0);
    return earlier.slice(-count);
  }

  private forgetFrom(position: Position, isNew: boolean): void {
    if (!isNew) return;
    while (this.messages.length > 0) {
      const last = this.messages.at(-1) as IpcMessage;
      if (comparePositions(last.position, position) < 0) return;
      this.messages.pop();
    }
  }
}
