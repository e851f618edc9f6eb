import { type Image, imageFromScenario } from "../image/image.ts";
import type { IMPLEMENTATIONS } from "../image/scenario.ts";

export type Implementation = (typeof IMPLEMENTATIONS)[number];

/** A time slice much longer than this lets replicas that loop for ever starve the others until the deadline. */
const TIME_SLICE_MILLISECONDS = 2;
/** More than any replica needs for one request, with time slices for all N before it, several times over. */
const deadlineMilliseconds = (replicas: number) => 20 + 4 * TIME_SLICE_MILLISECONDS * replicas;

/**
 * The scenario behind `encrypt` and `decrypt`: N replicas, the given implementations dealt out in turn.
 * Its workload is a place-holder; every chunk of the file brings its own.
 */
export function cryptImage(replicas: number, implementations: readonly Implementation[]): Image {
  const scenario = {
    name: `aes-${replicas}-replicas`,
    machine: { memory: "16 MiB" },
    replicas: Array.from({ length: replicas }, (_, i) => ({
      implementation: implementations[i % implementations.length],
      timeSlice: `${TIME_SLICE_MILLISECONDS} ms`,
    })),
    voter: { deadline: `${deadlineMilliseconds(replicas)} ms` },
    workload: { mode: "ecb", key: "00".repeat(16), data: { hex: "" } },
  };
  return imageFromScenario(JSON.stringify(scenario), "the scenario of encrypt and decrypt");
}
