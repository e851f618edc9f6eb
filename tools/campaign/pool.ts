/** Worker threads that run experiments, and the one that hands out their work. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { GoldenRun } from "../faults/golden-run.ts";
import type { OutcomeClass } from "../faults/outcome.ts";
import type { FaultSpace } from "./fault-space.ts";
import type { EquivalenceClass } from "./pruning.ts";
import type { SampleSpecification } from "./specification.ts";

/** What experiment k is. */
export type Work =
  | {
      readonly kind: "sample";
      readonly sample: SampleSpecification;
      /** Clock at which a draw's bit is really struck, where it is another one than the drawn (`Draws.struck`). */
      readonly struck: readonly (readonly [draw: number, clock: number])[];
      /** `Draws.perhaps`. */
      readonly perhaps: readonly number[];
    }
  /** The classes that need experiments, one for each of their bits. */
  | { readonly kind: "complete"; readonly pilots: readonly EquivalenceClass[] };

/** What every worker needs; it is copied to each. */
export interface Job {
  readonly golden: GoldenRun;
  readonly space: FaultSpace;
  readonly work: Work;
  /** `LastUses.counts`. */
  readonly lastUses: Uint16Array;
  readonly earlyStop: boolean;
  readonly observe: boolean;
}

export interface WorkerSetup {
  readonly directory: string;
  readonly session: number;
  readonly worker: number;
  readonly job: Job;
  /** One word: not 0 when the worker is to stop after the experiment in flight. */
  readonly stop: Int32Array;
}

/** Numbers of experiments to run; none: there is no more work. */
export type ToWorker = { readonly batch: readonly number[] };
export type FromWorker =
  | { readonly kind: "row"; readonly outcome: OutcomeClass }
  /** The batch is on disk. */
  | { readonly kind: "idle" };

export interface PoolOptions {
  readonly directory: string;
  readonly session: number;
  readonly job: Job;
  readonly indices: readonly number[];
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly onRow: (outcome: OutcomeClass) => void;
}

/** Experiments between two fsyncs of a shard. */
const LARGEST_BATCH = 64;

/** Runs experiments on worker threads until all are done or `signal` is aborted. */
export async function runPool(options: PoolOptions): Promise<void> {
  const { directory, session, job, indices, signal, onRow } = options;
  const workers = Math.max(1, Math.min(options.workers ?? availableParallelism(), indices.length));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const onAbort = () => Atomics.store(stop, 0, 1);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  let next = 0;
  const takeBatch = (): readonly number[] => {
    if (Atomics.load(stop, 0) !== 0) return [];
    // Small batches at the end, so that all workers finish together.
    const fair = Math.ceil((indices.length - next) / (workers * 4));
    const batch = indices.slice(next, next + Math.min(LARGEST_BATCH, fair));
    next += batch.length;
    return batch;
  };
  const runWorker = (number: number) =>
    new Promise<void>((resolve, reject) => {
      const setup: WorkerSetup = { directory, session, worker: number, job, stop };
      const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: setup });
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "row") onRow(message.outcome);
        else worker.postMessage({ batch: takeBatch() } satisfies ToWorker);
      });
      worker.on("error", (error) => {
        // The others would go on for nothing.
        Atomics.store(stop, 0, 1);
        reject(error);
      });
      worker.on("exit", () => resolve());
    });
  try {
    const ended = await Promise.allSettled(Array.from({ length: workers }, (_, i) => runWorker(i + 1)));
    const failed = ended.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
