/**
 * The three data modules through which the host and the guests talk: `config`, `workload` and `vote-log`.
 * The same layouts are declared for the guests in guests/include/boot-config.h. All words are 32 bits, little endian.
 */

const CONFIG_MAGIC = 0x43363851; // "Q86C"
const WORKLOAD_MAGIC = 0x57363851; // "Q86W"
const VOTE_LOG_MAGIC = 0x56363851; // "Q86V"
const VERSION = 1;

const CONFIG_HEADER_BYTES = 32;
const TASK_BYTES = 72;
const TASK_MODULE_OFFSET = 24;
const TASK_MODULE_BYTES = 24;
const TASK_NAME_OFFSET = 48;
const TASK_NAME_BYTES = 16;
const WORKLOAD_HEADER_BYTES = 116;
const WORKLOAD_INPUT_OFFSET = 128;
const KEY_OFFSET = 40;
const IV_OFFSET = 72;
const STATUS_OFFSET = 88;
const VOTE_LOG_HEADER_BYTES = 32;
const VOTE_BYTES = 32;

/** Most blocks, and records, that the client puts into one request (an IPC message has at most 63 untyped words). */
export const BLOCKS_PER_ROUND = 14;
const RECORDS_PER_ROUND = 4;
export const BLOCK_BYTES = 16;

export type TaskKind = "console" | "voter" | "client" | "replica";
const TASK_KINDS: readonly (TaskKind | undefined)[] = [undefined, "console", "voter", "client", "replica"];

export interface BootTask {
  readonly kind: TaskKind;
  /** Number part of the global thread id; its version is 1. */
  readonly threadNumber: number;
  readonly priority: number;
  readonly timeSliceMicroseconds: number;
  readonly startDelayMicroseconds: number;
  /** Replicas: number from 1. Others: 0. */
  readonly index: number;
  /** Boot module that holds the task's ELF file; at most 23 bytes. */
  readonly module: string;
  /** At most 15 bytes. */
  readonly name: string;
}

export interface BootConfig {
  readonly seed: number;
  readonly replicaCount: number;
  /** f: how many replicas may be wrong at once. */
  readonly faulty: number;
  readonly deadlineMicroseconds: number;
  /** Print unanimous rounds on the console too. */
  readonly verbose: boolean;
  readonly tasks: readonly BootTask[];
}

export type Operation = "encrypt" | "decrypt";
/**
 * `chain`: one input block, each output block is the next input, all are output (Monte Carlo).
 * `records`: the input is {key[32], block[16]} each, the output one block each.
 */
export type WorkloadMode = "ecb" | "ctr" | "cbc" | "chain" | "records";
const WORKLOAD_MODES: readonly WorkloadMode[] = ["ecb", "ctr", "cbc", "chain", "records"];
export const RECORD_BYTES = 48;

export interface Workload {
  readonly operation: Operation;
  readonly mode: WorkloadMode;
  /** 16, 24 or 32 bytes; in mode `records` only its length counts. */
  readonly key: Uint8Array;
  /** 16 bytes: initial vector (cbc) or first counter block (ctr). */
  readonly iv: Uint8Array;
  /** A whole number of blocks (of records in mode `records`). */
  readonly input: Uint8Array;
  /** Mode `chain`: how many output blocks. */
  readonly iterations: number;
}

export type WorkloadStatus = "running" | "done" | "no-majority" | "bad-request" | "corrupt";
const STATUSES: readonly WorkloadStatus[] = ["running", "done", "no-majority", "bad-request"];

export interface WorkloadResult {
  readonly status: WorkloadStatus;
  readonly output: Uint8Array;
  readonly rounds: number;
}

export type Verdict = "unanimous" | "majority" | "none";
const VERDICTS: readonly Verdict[] = ["unanimous", "majority", "none"];

/** One round that was not unanimous. Replicas are named by number, from 1, ascending. */
export interface Vote {
  readonly round: number;
  readonly verdict: Verdict;
  readonly dissenting: readonly number[];
  readonly late: readonly number[];
  readonly trapped: readonly number[];
  readonly replied: readonly number[];
  /** Time-stamp counter at the verdict. */
  readonly cycle: number;
}

export interface VoteLog {
  readonly rounds: number;
  readonly unanimous: number;
  readonly majority: number;
  readonly noMajority: number;
  readonly votes: readonly Vote[];
}

/** Encodes module `config`. The caller has checked all ranges (the scenario schema does). */
export function encodeConfig(config: BootConfig): Uint8Array {
  const bytes = new Uint8Array(CONFIG_HEADER_BYTES + TASK_BYTES * config.tasks.length);
  const view = new DataView(bytes.buffer);
  writeWords(view, 0, [
    CONFIG_MAGIC,
    VERSION,
    config.tasks.length,
    config.seed,
    config.replicaCount,
    config.faulty,
    config.deadlineMicroseconds,
    config.verbose ? 1 : 0,
  ]);
  config.tasks.forEach((task, i) => {
    const at = CONFIG_HEADER_BYTES + i * TASK_BYTES;
    writeWords(view, at, [
      TASK_KINDS.indexOf(task.kind),
      task.threadNumber,
      task.priority,
      task.timeSliceMicroseconds,
      task.startDelayMicroseconds,
      task.index,
    ]);
    writeName(bytes, at + TASK_MODULE_OFFSET, TASK_MODULE_BYTES, task.module);
    writeName(bytes, at + TASK_NAME_OFFSET, TASK_NAME_BYTES, task.name);
  });
  return bytes;
}

/** Decodes module `config`; undefined if it is not one. */
export function decodeConfig(bytes: Uint8Array): BootConfig | undefined {
  const view = viewOf(bytes);
  if (!hasMagic(view, CONFIG_MAGIC, CONFIG_HEADER_BYTES)) return undefined;
  const count = view.getUint32(8, true);
  if (CONFIG_HEADER_BYTES + count * TASK_BYTES > bytes.length) return undefined;
  const tasks: BootTask[] = [];
  for (let i = 0; i < count; i++) {
    const at = CONFIG_HEADER_BYTES + i * TASK_BYTES;
    const kind = TASK_KINDS[view.getUint32(at, true)];
    if (kind === undefined) return undefined;
    tasks.push({
      kind,
      threadNumber: view.getUint32(at + 4, true),
      priority: view.getUint32(at + 8, true),
      timeSliceMicroseconds: view.getUint32(at + 12, true),
      startDelayMicroseconds: view.getUint32(at + 16, true),
      index: view.getUint32(at + 20, true),
      module: readName(bytes, at + TASK_MODULE_OFFSET, TASK_MODULE_BYTES),
      name: readName(bytes, at + TASK_NAME_OFFSET, TASK_NAME_BYTES),
    });
  }
  return {
    seed: view.getUint32(12, true),
    replicaCount: view.getUint32(16, true),
    faulty: view.getUint32(20, true),
    deadlineMicroseconds: view.getUint32(24, true),
    verbose: (view.getUint32(28, true) & 1) !== 0,
    tasks,
  };
}

/** Bytes that a workload's output takes. */
export function outputBytes(workload: Workload): number {
  if (workload.mode === "chain") return BLOCK_BYTES * workload.iterations;
  if (workload.mode === "records") return (workload.input.length / RECORD_BYTES) * BLOCK_BYTES;
  return workload.input.length;
}

/** Requests that a workload makes, and so its number of votes. */
export function roundsOf(workload: Workload): number {
  if (workload.mode === "records") return Math.ceil(workload.input.length / RECORD_BYTES / RECORDS_PER_ROUND);
  if (workload.mode === "chain") return Math.ceil(workload.iterations / BLOCKS_PER_ROUND);
  return Math.ceil(workload.input.length / BLOCK_BYTES / BLOCKS_PER_ROUND);
}

/** Encodes module `workload`: header, input, and on a page of its own room for the output. */
export function encodeWorkload(workload: Workload): Uint8Array {
  const { key, iv, input } = workload;
  const capacity = outputBytes(workload);
  const outputOffset = roundUp(WORKLOAD_INPUT_OFFSET + input.length, 4096);
  const bytes = new Uint8Array(outputOffset + roundUp(capacity, 4096));
  writeWords(new DataView(bytes.buffer), 0, [
    WORKLOAD_MAGIC,
    VERSION,
    workload.operation === "encrypt" ? 0 : 1,
    WORKLOAD_MODES.indexOf(workload.mode),
    key.length,
    WORKLOAD_INPUT_OFFSET,
    input.length,
    outputOffset,
    capacity,
    workload.iterations,
  ]);
  bytes.set(key, KEY_OFFSET);
  bytes.set(iv, IV_OFFSET);
  bytes.set(input, WORKLOAD_INPUT_OFFSET);
  return bytes;
}

/** Decodes what the client has written into module `workload`; status `corrupt` if the header makes no sense. */
export function decodeWorkloadResult(bytes: Uint8Array): WorkloadResult {
  const view = viewOf(bytes);
  if (!hasMagic(view, WORKLOAD_MAGIC, WORKLOAD_HEADER_BYTES)) return corruptWorkload();
  const outputOffset = view.getUint32(28, true);
  const status = STATUSES[view.getUint32(STATUS_OFFSET, true)];
  const length = view.getUint32(STATUS_OFFSET + 4, true);
  if (status === undefined || outputOffset + length > bytes.length) return corruptWorkload();
  return {
    status,
    output: bytes.slice(outputOffset, outputOffset + length),
    rounds: view.getUint32(STATUS_OFFSET + 8, true),
  };
}

function corruptWorkload(): WorkloadResult {
  return { status: "corrupt", output: new Uint8Array(0), rounds: 0 };
}

/** An empty vote log with room for `capacity` rounds that are not unanimous. */
export function encodeVoteLog(capacity: number): Uint8Array {
  const bytes = new Uint8Array(VOTE_LOG_HEADER_BYTES + VOTE_BYTES * capacity);
  writeWords(new DataView(bytes.buffer), 0, [VOTE_LOG_MAGIC, VERSION, capacity]);
  return bytes;
}

/** Decodes module `vote-log`; undefined if its header makes no sense. */
export function decodeVoteLog(bytes: Uint8Array): VoteLog | undefined {
  const view = viewOf(bytes);
  if (!hasMagic(view, VOTE_LOG_MAGIC, VOTE_LOG_HEADER_BYTES)) return undefined;
  const count = view.getUint32(12, true);
  if (count > view.getUint32(8, true) || VOTE_LOG_HEADER_BYTES + count * VOTE_BYTES > bytes.length) return undefined;
  const votes: Vote[] = [];
  for (let i = 0; i < count; i++) {
    const word = (index: number) => view.getUint32(VOTE_LOG_HEADER_BYTES + i * VOTE_BYTES + 4 * index, true);
    votes.push({
      round: word(0),
      verdict: VERDICTS[word(1)] ?? "none",
      dissenting: replicasOf(word(2)),
      late: replicasOf(word(3)),
      trapped: replicasOf(word(4)),
      replied: replicasOf(word(5)),
      cycle: word(6) + word(7) * 0x1_0000_0000,
    });
  }
  return {
    rounds: view.getUint32(16, true),
    unanimous: view.getUint32(20, true),
    majority: view.getUint32(24, true),
    noMajority: view.getUint32(28, true),
    votes,
  };
}

function replicasOf(mask: number): number[] {
  const replicas: number[] = [];
  for (let bit = 0; bit < 32; bit++) if ((mask >>> bit) & 1) replicas.push(bit + 1);
  return replicas;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hasMagic(view: DataView, magic: number, least: number): boolean {
  return view.byteLength >= least && view.getUint32(0, true) === magic && view.getUint32(4, true) === VERSION;
}

function writeWords(view: DataView, offset: number, words: readonly number[]): void {
  words.forEach((word, i) => {
    view.setUint32(offset + 4 * i, word, true);
  });
}

function writeName(bytes: Uint8Array, offset: number, room: number, name: string): void {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length >= room) throw new RangeError(`name ${name} takes more than ${room - 1} bytes`);
  bytes.set(encoded, offset);
}

function readName(bytes: Uint8Array, offset: number, room: number): string {
  const field = bytes.subarray(offset, offset + room);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
