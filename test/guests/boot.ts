/** Boots the guests with a list of tasks, without scenario files: for tests that want odd programs in odd places. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMachine, type Machine } from "../../emulator/index.ts";
import { findSymbol, parseElf } from "../../emulator/loader/elf.ts";
import { bootKernel, type Kernel } from "../../kernel/index.ts";
import { PREBUILT } from "../../tools/guests/manifest.ts";
import {
  type BootConfig,
  type BootTask,
  encodeConfig,
  encodeVoteLog,
  encodeWorkload,
  type Workload,
} from "../../tools/image/boot-config.ts";

const MEMORY_BYTES = 16 << 20;
const VOTES = 256;
/** Places in the configuration that scenarios have no words for (guests/include/boot-config.h). */
const CONFIG_HEADER_BYTES = 32;
const FLAGS_OFFSET = 28;
const SECOND_THREADS = 2;
const TASK_BYTES = 72;
const PARAMETERS_OFFSET = 64;

export interface GuestBoot {
  /** Programs of the replicas, in order: `replica-bytewise`, `attacker`, … */
  readonly replicas: readonly string[];
  readonly workload: Workload;
  readonly faulty?: number;
  /** Print unanimous rounds, too. */
  readonly verbose?: boolean;
  readonly deadlineMicroseconds?: number;
  readonly clientDelayMicroseconds?: number;
  /** By replica number. */
  readonly replicaDelayMicroseconds?: Readonly<Record<number, number>>;
  /** Parameter words by replica number. */
  readonly parameters?: Readonly<Record<number, readonly [number, number]>>;
  /** Root may give a task a second thread. */
  readonly secondThreads?: boolean;
  readonly onExit?: () => void;
  /** Called with each boot module by name; what it returns is booted, nothing for undefined. */
  readonly module?: (name: string, data: Uint8Array) => Uint8Array | undefined;
  /** Folder of the ELF files; default: the prebuilt ones. */
  readonly folder?: string;
}

export interface BootedGuests {
  readonly machine: Machine;
  readonly kernel: Kernel;
  /** What has come out of the serial line so far. */
  console(): string;
  /** The workload module as it is in memory now. */
  workload(): Uint8Array;
  voteLog(): Uint8Array;
  /** Physical address of a program's symbol in the space of a thread; undefined while its page is not mapped. */
  symbol(thread: number, program: string, name: string): number | undefined;
}

export const THREAD = { console: 52, voter: 53, client: 54, firstReplica: 61 } as const;

/** The ELF file of a program. */
export function prebuilt(program: string, folder = PREBUILT): Uint8Array {
  return readFileSync(join(folder, `${program}.elf`));
}

function tasksOf(boot: GuestBoot): BootTask[] {
  const task = (kind: BootTask["kind"], threadNumber: number, priority: number, more: Partial<BootTask>): BootTask => ({
    kind,
    threadNumber,
    priority,
    timeSliceMicroseconds: 10_000,
    startDelayMicroseconds: 0,
    index: 0,
    module: `${kind}.elf`,
    name: kind,
    ...more,
  });
  return [
    task("console", THREAD.console, 200, {}),
    task("voter", THREAD.voter, 130, {}),
    task("client", THREAD.client, 120, { startDelayMicroseconds: boot.clientDelayMicroseconds ?? 0 }),
    ...boot.replicas.map((program, i) =>
      task("replica", THREAD.firstReplica + i, 100, {
        index: i + 1,
        module: `${program}.elf`,
        name: `replica-${i + 1}`,
        startDelayMicroseconds: boot.replicaDelayMicroseconds?.[i + 1] ?? 0,
      }),
    ),
  ];
}

export function bootGuests(boot: GuestBoot): BootedGuests {
  const tasks = tasksOf(boot);
  const config: BootConfig = {
    seed: 86,
    replicaCount: boot.replicas.length,
    faulty: boot.faulty ?? 1,
    deadlineMicroseconds: boot.deadlineMicroseconds ?? 20_000,
    verbose: boot.verbose ?? false,
    tasks,
  };
  const configBytes = encodeConfig(config);
  const view = new DataView(configBytes.buffer);
  if (boot.secondThreads === true)
    view.setUint32(FLAGS_OFFSET, view.getUint32(FLAGS_OFFSET, true) | SECOND_THREADS, true);
  for (const [replica, words] of Object.entries(boot.parameters ?? {})) {
    const at = CONFIG_HEADER_BYTES + TASK_BYTES * (2 + Number(replica)) + PARAMETERS_OFFSET;
    words.forEach((word, i) => {
      view.setUint32(at + 4 * i, word, true);
    });
  }
  const workload = encodeWorkload(boot.workload);
  const voteLog = encodeVoteLog(VOTES);
  const programs = [...new Set(tasks.map(({ module }) => module))];
  const machine = createMachine({ memoryBytes: MEMORY_BYTES });
  let text = "";
  machine.uart.onByte = (byte) => {
    text += String.fromCharCode(byte);
  };
  const modules = [
    { name: "config", data: configBytes },
    ...programs.map((name) => ({ name, data: prebuilt(name.replace(/\.elf$/, ""), boot.folder) })),
    { name: "workload", data: workload },
    { name: "vote-log", data: voteLog },
  ].flatMap(({ name, data }) => {
    const changed = boot.module === undefined ? data : boot.module(name, data);
    return changed === undefined ? [] : [{ name, data: changed }];
  });
  const kernel = bootKernel(machine, {
    sigma0: prebuilt("sigma0", boot.folder),
    root: prebuilt("root", boot.folder),
    modules,
    ...(boot.onExit === undefined ? {} : { onExit: boot.onExit }),
  });
  // Modules begin on pages of their own; these two are known by their magic and version. 0: not booted.
  const find = (bytes: Uint8Array): number => {
    const ram = Buffer.from(machine.memory.readBytes(0, MEMORY_BYTES));
    for (let at = 0; at < MEMORY_BYTES; at += 4096)
      if (ram.subarray(at, at + 8).equals(bytes.subarray(0, 8))) return at;
    return 0;
  };
  const workloadAt = find(workload);
  const voteLogAt = find(voteLog);
  return {
    machine,
    kernel,
    console: () => text,
    workload: () => machine.memory.readBytes(workloadAt, workload.length),
    voteLog: () => machine.memory.readBytes(voteLogAt, voteLog.length),
    symbol(thread, program, name) {
      const found = findSymbol(parseElf(prebuilt(program, boot.folder)), name);
      return found === undefined ? undefined : kernel.translate(thread, found.value);
    },
  };
}
