/**
 * Kernel faults in worker threads under a watchdog: a worker that says nothing for long is in a loop of the host's, which is
 * a defect of the kernel model or the emulator, and is ended.
 */
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { WorkerMessage, WorkerSetup } from "./kernel-fault-worker.ts";
import type { KernelFaultReport } from "./kernel-faults.ts";

/** Seconds for one run, which has a limit in guest clocks too; the longest take a few on a quiet machine. */
const PATIENCE_SECONDS = 120;

export interface KernelFaultTotals {
  applied: number;
  notApplied: number;
  readonly classes: Map<string, number>;
  readonly endings: Map<string, number>;
  /** Applied faults by stratum. */
  readonly strata: Map<string, number>;
  /** Host exceptions and hangs, in words. */
  readonly problems: string[];
  slowest: KernelFaultReport | undefined;
}

export function noTotals(): KernelFaultTotals {
  const [classes, endings, strata] = [new Map(), new Map(), new Map()];
  return { applied: 0, notApplied: 0, classes, endings, strata, problems: [], slowest: undefined };
}

/** Runs one worker to its end; adds up in `totals`. */
export function runKernelFaults(setup: WorkerSetup, totals: KernelFaultTotals): Promise<void> {
  // Workers run compiled files only.
  const file = fileURLToPath(new URL("./kernel-fault-worker.js", import.meta.url)).replace(
    /(?<!dist)([\\/])test([\\/]tools[\\/]run[\\/])/,
    "$1dist$1test$2",
  );
  return new Promise((resolve) => {
    const worker = new Worker(file, { workerData: setup });
    let doing = "nothing yet";
    let watchdog: NodeJS.Timeout | undefined;
    const end = (problem?: string): void => {
      clearTimeout(watchdog);
      if (problem !== undefined) totals.problems.push(problem);
      void worker.terminate().then(() => resolve());
    };
    const wait = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => end(`${doing}: the host hangs`), PATIENCE_SECONDS * 1000);
    };
    wait();
    worker.on("error", (error) => end(`${doing}: ${error.stack ?? error.message}`));
    worker.on("message", (message: WorkerMessage) => {
      wait();
      if (message.kind === "strata") for (const name of message.names) totals.strata.set(name, 0);
      else if (message.kind === "begin") doing = `${setup.timing}, ${message.stratum}: ${message.fault}`;
      else if (message.kind === "end") add(totals, doing, message.report);
      else end();
    });
  });
}

function add(totals: KernelFaultTotals, doing: string, report: KernelFaultReport): void {
  const count = (map: Map<string, number>, key: string): void => {
    map.set(key, (map.get(key) ?? 0) + 1);
  };
  if (report.problem !== undefined) totals.problems.push(`${doing}: ${report.problem}`);
  if (!report.applied) {
    totals.notApplied++;
    return;
  }
  totals.applied++;
  count(totals.classes, report.class);
  count(totals.endings, report.ending);
  count(totals.strata, report.stratum);
  if (report.milliseconds > (totals.slowest?.milliseconds ?? 0)) totals.slowest = report;
}
