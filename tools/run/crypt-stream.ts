/**
 * Real data through the replicas: a stream is cut into chunks, each chunk is the workload of one boot, and the chaining
 * value (CBC) or the counter (CTR) is carried on. Host memory stays bounded by the chunk, whatever the stream's length.
 *
 * Padding is the host's: PKCS#7 (RFC 5652, 6.3) in ECB and CBC as `openssl enc` does it, none in CTR.
 */
import { type Fault, formatFault, targetComponent } from "../faults/fault.ts";
import type { Operation, Workload } from "../image/boot-config.ts";
import { BLOCK_BYTES } from "../image/boot-config.ts";
import type { Image } from "../image/image.ts";
import { InputError } from "../input-error.ts";
import { planBoot } from "./boot-plan.ts";
import { runToEnd } from "./run-loop.ts";
import type { Culprit, CycleShare, InjectionReport, Outcome, RunResult } from "./run-result.ts";
import { ScenarioRun } from "./scenario-run.ts";

export type FileMode = "ecb" | "ctr" | "cbc";

export interface CryptOptions {
  /** Its workload is not used. */
  readonly image: Image;
  readonly operation: Operation;
  readonly mode: FileMode;
  readonly key: Uint8Array;
  /** 16 bytes; not used in ECB. */
  readonly iv: Uint8Array;
  /** Triggers count from the start of the first boot and go on over the following ones. */
  readonly faults?: readonly Fault[];
  readonly timing?: "simple" | "p5";
  /** A whole number of blocks. Default 1 MiB. */
  readonly chunkBytes?: number;
  readonly shouldStop?: () => boolean;
  /** Bytes of input whose rounds are finished. */
  readonly onProgress?: (bytes: number) => void;
  readonly onInjection?: (report: InjectionReport) => void;
}

export interface CryptResult {
  /** `ok`: all output delivered. Else nothing after the chunk that failed was. */
  readonly ending: "ok" | "guest-failed" | "interrupted";
  /** Of the boot that failed, or the last one; undefined if there was nothing to do. */
  readonly outcome: Outcome | undefined;
  readonly status: RunResult["workload"]["status"];
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly boots: number;
  readonly rounds: number;
  readonly unanimous: number;
  readonly majority: number;
  readonly noMajority: number;
  /** Rounds are numbered on over all boots. */
  readonly culprits: readonly Culprit[];
  readonly injections: readonly InjectionReport[];
  /** By node:crypto, before padding is taken off. */
  readonly outputRight: boolean;
  /** Offset in the output; undefined if there is none. */
  readonly firstWrongByte: number | undefined;
  readonly cycles: number;
  readonly instructions: number;
  readonly shares: readonly CycleShare[];
  readonly coreHertz: number;
}

const CHUNK_BYTES = 1 << 20;

/**
 * @param sink takes the output in order. It has had all of it only when the result's `ending` is `ok`.
 * @throws InputError if the input's length or padding is wrong.
 */
export async function cryptStream(
  options: CryptOptions,
  source: AsyncIterable<Uint8Array>,
  sink: (bytes: Uint8Array) => void,
): Promise<CryptResult> {
  const job = new CryptJob(options, sink);
  for await (const { bytes, last } of chunksOf(source, options.chunkBytes ?? CHUNK_BYTES)) {
    if (!(await job.chunk(bytes, last))) break;
  }
  return job.result();
}

class CryptJob {
  readonly #options: CryptOptions;
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #culprits = new Map<string, { replica: number; reason: Culprit["reason"]; rounds: number[] }>();
  readonly #shares = new Map<string, CycleShare>();
  readonly #injections: InjectionReport[] = [];
  #waiting: readonly Fault[];
  #missed: readonly InjectionReport[] = [];
  #iv: Uint8Array;
  #total = { bytesIn: 0, bytesOut: 0, boots: 0, rounds: 0, unanimous: 0, majority: 0, noMajority: 0 };
  #time = { cycles: 0, instructions: 0, coreHertz: 0 };
  #ending: CryptResult["ending"] = "ok";
  #outcome: Outcome | undefined;
  #status: CryptResult["status"] = "done";
  #firstWrongByte: number | undefined;

  constructor(options: CryptOptions, sink: (bytes: Uint8Array) => void) {
    this.#options = options;
    this.#sink = sink;
    this.#iv = options.iv;
    this.#waiting = options.faults ?? [];
  }

  /** False when the job is over before the end of the input. */
  async chunk(bytes: Uint8Array, last: boolean): Promise<boolean> {
    const { operation, mode } = this.#options;
    const input = this.#padded(bytes, last);
    this.#total.bytesIn += bytes.length;
    if (input.length === 0) return true;
    const result = await this.#boot(input, bytes.length);
    this.#account(result);
    if (result.outcome.kind === "interrupted") this.#ending = "interrupted";
    else if (result.workload.status !== "done") this.#ending = "guest-failed";
    if (this.#ending !== "ok") return false;

    const { output, firstWrongByte } = result.workload;
    if (firstWrongByte !== undefined) this.#firstWrongByte ??= this.#total.bytesOut + firstWrongByte;
    if (mode === "cbc") this.#iv = (operation === "encrypt" ? output : input).slice(-BLOCK_BYTES);
    if (mode === "ctr") this.#iv = addToCounter(this.#iv, input.length / BLOCK_BYTES);
    const useful = mode === "ctr" ? output.subarray(0, bytes.length) : last ? this.#unpadded(output) : output;
    this.#total.bytesOut += useful.length;
    this.#sink(useful);
    this.#options.onProgress?.(this.#total.bytesIn);
    return true;
  }

  result(): CryptResult {
    return {
      ending: this.#ending,
      outcome: this.#outcome,
      status: this.#status,
      ...this.#total,
      culprits: [...this.#culprits.values()],
      injections: [...this.#injections, ...this.#notReached()],
      outputRight: this.#ending === "ok" && this.#firstWrongByte === undefined,
      firstWrongByte: this.#firstWrongByte,
      ...this.#time,
      shares: [...this.#shares.values()],
    };
  }

  #notReached(): readonly InjectionReport[] {
    if (this.#total.boots > 0) return this.#missed;
    const reason = "there was nothing to do";
    return this.#waiting.map((fault) => ({ fault: formatFault(fault), applied: false, reason }));
  }

  async #boot(input: Uint8Array, bytes: number): Promise<RunResult> {
    const { image, operation, mode, key, timing, shouldStop, onProgress, onInjection } = this.#options;
    const workload: Workload = { operation, mode, key, iv: this.#iv, input, iterations: 1 };
    const run = new ScenarioRun(planBoot(image, workload), {
      faults: this.#waiting,
      ...(timing === undefined ? {} : { timing }),
      ...(onInjection === undefined ? {} : { onInjection }),
    });
    const before = this.#total.bytesIn - bytes;
    const blocks = input.length / BLOCK_BYTES;
    await runToEnd(run, {
      ...(shouldStop === undefined ? {} : { shouldStop }),
      onSlice: () => onProgress?.(before + Math.min(bytes, (run.rounds / Math.ceil(blocks / 14)) * bytes)),
    });
    return run.result();
  }

  #account(result: RunResult): void {
    const { votes, culprits, injections, shares } = result;
    this.#outcome = result.outcome;
    this.#status = result.workload.status;
    for (const { replica, reason, rounds } of culprits) {
      const key = `${replica} ${reason}`;
      const entry = this.#culprits.get(key) ?? { replica, reason, rounds: [] };
      entry.rounds.push(...rounds.map((round) => round + this.#total.rounds));
      this.#culprits.set(key, entry);
    }
    this.#total.boots++;
    this.#total.rounds += votes?.rounds ?? 0;
    this.#total.unanimous += votes?.unanimous ?? 0;
    this.#total.majority += votes?.majority ?? 0;
    this.#total.noMajority += votes?.noMajority ?? 0;
    for (const { part, cycles, instructions } of shares) {
      const sum = this.#shares.get(part) ?? { part, cycles: 0, instructions: 0 };
      this.#shares.set(part, {
        part,
        cycles: sum.cycles + cycles,
        instructions: sum.instructions + instructions,
      });
    }
    this.#carryFaults(injections, result);
    this.#time = {
      cycles: this.#time.cycles + result.cycles,
      instructions: this.#time.instructions + result.instructions,
      coreHertz: result.coreHertz,
    };
  }

  /** Faults whose trigger this boot did not reach wait for the next one, with what is left of the trigger. */
  #carryFaults(injections: readonly InjectionReport[], result: RunResult): void {
    const reached = injections.filter(({ cycle }) => cycle !== undefined);
    for (const report of reached) {
      const { cycle } = report;
      this.#injections.push(cycle === undefined ? report : { ...report, cycle: cycle + this.#time.cycles });
    }
    this.#missed = injections.filter(({ cycle }) => cycle === undefined);
    const missed = new Map(this.#missed.map((report) => [report.fault, report] as const));
    this.#waiting = this.#waiting.flatMap((fault) => {
      const report = missed.get(formatFault(fault));
      return report === undefined ? [] : [later(fault, result, report.counted ?? 0)];
    });
  }

  #padded(bytes: Uint8Array, last: boolean): Uint8Array {
    const { operation, mode } = this.#options;
    if (mode === "ctr") return padTo(bytes, Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES, 0);
    if (operation === "encrypt") {
      if (!last) return bytes;
      const padding = BLOCK_BYTES - (bytes.length % BLOCK_BYTES);
      return padTo(bytes, bytes.length + padding, padding);
    }
    const length = this.#total.bytesIn + bytes.length;
    if (bytes.length % BLOCK_BYTES !== 0 || length === 0) {
      throw new InputError({
        problem: `${length} bytes are not a positive multiple of ${BLOCK_BYTES}, so this is no ${mode.toUpperCase()} ciphertext`,
        mend: "check that the file is whole and that --mode is the one it was encrypted with",
      });
    }
    return bytes;
  }

  #unpadded(output: Uint8Array): Uint8Array {
    if (this.#options.operation === "encrypt") return output;
    const padding = output.at(-1) ?? 0;
    const valid = padding >= 1 && padding <= BLOCK_BYTES && output.subarray(-padding).every((byte) => byte === padding);
    if (!valid) {
      throw new InputError({
        problem: "the decrypted data do not end in PKCS#7 padding",
        mend: "check --key, --iv and --mode, and that the file is whole",
      });
    }
    return output.subarray(0, output.length - padding);
  }
}

/** Cuts a stream into chunks of `size` bytes; the last one may be shorter, and is empty only for an empty stream. */
async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Uint8Array; last: boolean }> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const piece of source) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    // A full chunk goes out only when more is known to follow: the last one is padded.
    while (held.length > size) {
      yield { bytes: held.subarray(0, size), last: false };
      held = held.subarray(size);
    }
  }
  yield { bytes: held, last: true };
}

function padTo(bytes: Uint8Array, length: number, fill: number): Uint8Array {
  if (length === bytes.length) return bytes;
  const padded = new Uint8Array(length).fill(fill);
  padded.set(bytes);
  return padded;
}

/** Counter block plus a number of blocks, modulo 2^128, big endian (SP 800-38A, appendix B.1). */
export function addToCounter(counter: Uint8Array, blocks: number): Uint8Array {
  const sum = Uint8Array.from(counter);
  let carry = blocks;
  for (let i = sum.length - 1; i >= 0 && carry > 0; i--) {
    const value = sum[i]! + (carry % 256);
    sum[i] = value & 0xff;
    carry = Math.floor(carry / 256) + (value >>> 8);
  }
  return sum;
}

/** What is left of a fault's trigger after a boot in which it did not strike. */
function later(fault: Fault, result: RunResult, counted: number): Fault {
  const { target, trigger } = fault;
  if ("cycle" in trigger) return { ...fault, trigger: { cycle: trigger.cycle - result.cycles } };
  if ("round" in trigger) return { ...fault, trigger: { round: trigger.round - counted } };
  if ("instruction" in trigger) {
    const component = targetComponent(target);
    const own = component === undefined ? undefined : result.shares.find(({ part }) => part === component);
    return { ...fault, trigger: { instruction: trigger.instruction - (own?.instructions ?? result.instructions) } };
  }
  if ("ipc" in trigger && trigger.ipc.round !== undefined) {
    const round = trigger.ipc.round - (result.votes?.rounds ?? 0);
    // Its round is over: it will not come any more.
    if (round < 1) return fault;
    return { ...fault, trigger: { ...trigger, ipc: { ...trigger.ipc, round }, nth: trigger.nth } };
  }
  return { ...fault, trigger: { ...trigger, nth: trigger.nth - counted } };
}
