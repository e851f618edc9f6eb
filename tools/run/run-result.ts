/** What a run was and did: the shapes that commands print and campaigns store. Plain data. */
import type { VoteLog, WorkloadStatus } from "../image/boot-config.ts";

export type Outcome =
  /** The guest wrote the exit port. */
  | { readonly kind: "power-off"; readonly code: number }
  /** The limit that the caller set was reached. */
  | { readonly kind: "cycle-limit" }
  /** The caller stopped the run (Ctrl-C). */
  | { readonly kind: "interrupted" }
  /** The CPU shut down. */
  | { readonly kind: "triple-fault" }
  /** The kernel found its own structures broken. */
  | { readonly kind: "panic"; readonly text: string }
  /** The CPU is halted and nothing will ever wake it. */
  | { readonly kind: "dead-halt" };

/** What became of one fault. */
export interface InjectionReport {
  /** One-line form. */
  readonly fault: string;
  readonly applied: boolean;
  /** Why it was not applied. */
  readonly reason?: string;
  /** Core clock at which it was applied. */
  readonly cycle?: number;
  /** User instructions that the component had retired by then. */
  readonly instruction?: number;
  /** Where the bits were, such as `CPU`, `trap frame at 0x00f01fc0`, `physical 0x00412010`. */
  readonly location?: string;
  /** The 32-bit word before and after. */
  readonly before?: number;
  readonly after?: number;
  /** Core clock until which stuck bits are held; absent: for good, or not stuck at all. */
  readonly until?: number;
  /** Instructions that were skipped, as hexadecimal bytes. */
  readonly skipped?: readonly string[];
  /** For a trigger that was not reached: how many times what it counts had happened. */
  readonly counted?: number;
}

export type CulpritReason = "dissenting" | "late" | "trapped";

/** A replica that the voter named, with the rounds in which it did. */
export interface Culprit {
  readonly replica: number;
  readonly reason: CulpritReason;
  readonly rounds: readonly number[];
}

/** Where guest time went. */
export interface CycleShare {
  /** `replica-1`, `voter`, `client`, `console`, `root and sigma0`, `kernel`, `idle`. */
  readonly part: string;
  readonly cycles: number;
  /** User instructions; 0 for kernel and idle. */
  readonly instructions: number;
}

export interface RunResult {
  readonly scenario: string;
  readonly outcome: Outcome;
  readonly workload: {
    readonly status: WorkloadStatus;
    readonly rounds: number;
    readonly output: Uint8Array;
    /** By node:crypto; undefined unless the workload is done. */
    readonly outputRight: boolean | undefined;
    /** Offset of the first wrong byte; undefined if there is none. */
    readonly firstWrongByte: number | undefined;
  };
  /** Undefined if the voter's log in guest memory is not readable. */
  readonly votes: VoteLog | undefined;
  readonly culprits: readonly Culprit[];
  readonly injections: readonly InjectionReport[];
  readonly cycles: number;
  readonly instructions: number;
  readonly shares: readonly CycleShare[];
  /** 16 hexadecimal digits. */
  readonly eventHash: string;
  readonly coreHertz: number;
}

/** Replicas that the voter named, each with one entry for each reason. */
export function findCulprits(votes: VoteLog | undefined): Culprit[] {
  const found = new Map<string, { replica: number; reason: CulpritReason; rounds: number[] }>();
  for (const vote of votes?.votes ?? []) {
    for (const reason of ["dissenting", "late", "trapped"] as const) {
      for (const replica of vote[reason]) {
        const key = `${replica} ${reason}`;
        const entry = found.get(key) ?? { replica, reason, rounds: [] };
        entry.rounds.push(vote.round);
        found.set(key, entry);
      }
    }
  }
  return [...found.values()].sort((a, b) => a.replica - b.replica || a.rounds[0]! - b.rounds[0]!);
}
