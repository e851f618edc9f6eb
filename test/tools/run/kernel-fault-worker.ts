/** A worker thread that makes kernel faults one after the other and says, before each, which one it is. */
import { parentPort, workerData } from "node:worker_threads";
import { formatFault } from "../../../tools/faults/fault.ts";
import { exactnessGolden } from "../propagate/exactness.ts";
import { Random } from "../support/random.ts";
import { type KernelFaultReport, KernelFaults } from "./kernel-faults.ts";

export interface WorkerSetup {
  readonly timing: "simple" | "p5";
  readonly seed: number;
  /** Faults to apply; those whose target is not there at the time come on top. */
  readonly faults: number;
}

export type WorkerMessage =
  | { readonly kind: "strata"; readonly names: readonly string[] }
  | { readonly kind: "begin"; readonly stratum: string; readonly fault: string }
  | { readonly kind: "end"; readonly report: KernelFaultReport }
  | { readonly kind: "done" };

function work({ timing, seed, faults }: WorkerSetup): void {
  const tell = (message: WorkerMessage): void => parentPort!.postMessage(message);
  const experiments = new KernelFaults(exactnessGolden(timing));
  tell({ kind: "strata", names: experiments.strata });
  const random = new Random(seed);
  for (let index = 0, applied = 0; applied < faults; index++) {
    const { stratum, fault } = experiments.choose(index, random);
    tell({ kind: "begin", stratum, fault: formatFault(fault) });
    const report = experiments.run(stratum, fault);
    if (report.applied) applied++;
    tell({ kind: "end", report });
  }
  tell({ kind: "done" });
}

work(workerData as WorkerSetup);
