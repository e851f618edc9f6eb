/** A worker thread of a campaign: takes batches of numbers, runs those experiments, appends the rows to its own shard. */
import { parentPort, workerData } from "node:worker_threads";
import { Experiments } from "./experiment.ts";
import { ExperimentRunner } from "./experiment-runner.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./pool.ts";
import { ShardWriter } from "./shards.ts";

const { directory, session, worker, job, stop } = workerData as WorkerSetup;
const { golden, earlyStop, observe, space, work, lastUses } = job;
const port = parentPort!;
const experiments = new Experiments(new ExperimentRunner(golden, space, { earlyStop, observe, lastUses }), space, work);
const shard = new ShardWriter(directory, session, worker);
const tell = (message: FromWorker) => port.postMessage(message);

port.on("message", ({ batch }: ToWorker) => {
  if (batch.length === 0) {
    shard.close();
    port.close();
    return;
  }
  for (const index of batch) {
    if (Atomics.load(stop, 0) !== 0) break;
    const row = experiments.run(index);
    shard.append(row);
    tell({ kind: "row", outcome: row.outcome.class });
  }
  shard.sync();
  tell({ kind: "idle" });
});
tell({ kind: "idle" });
