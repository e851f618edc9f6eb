import type { KernelContext } from "./context.ts";
import type { BootModule } from "./kernel.ts";
import type { ServerImage } from "./kip.ts";

/**
 * The generic boot information (ABI 11.2): a header, then one record for each file that was loaded. The root task finds it by
 * the KIP's BootInfo word.
 */

const MAGIC = 0x14b0_021d;
const VERSION = 1;
const HEADER_BYTES = 0x20;

const enum RecordType {
  Module = 0x0001,
  SimpleExec = 0x0002,
}

/** Bytes of a record before its command line. */
const enum RecordBytes {
  Module = 0x18,
  SimpleExec = 0x40,
}

/** A module in memory. */
export interface PlacedModule {
  readonly module: BootModule;
  readonly start: number;
}

export interface BootInformation {
  readonly sigma0: ServerImage;
  readonly root: ServerImage;
  readonly modules: readonly PlacedModule[];
}

/** Writes everything at a physical address (page-aligned). Returns its size in bytes. */
export function writeBootInfo(k: KernelContext, address: number, information: BootInformation): number {
  const records = [
    serverRecord("sigma0", information.sigma0),
    serverRecord("root", information.root),
    ...information.modules.map(moduleRecord),
  ];
  const bytes = HEADER_BYTES + records.reduce((sum, record) => sum + record.length, 0);
  const header = [MAGIC, VERSION, bytes, HEADER_BYTES, records.length, 0, 0, 0];
  for (let i = 0; i < header.length; i++) k.store(address + 4 * i, header[i]);
  let next = address + HEADER_BYTES;
  for (const record of records) {
    k.memory.writeBytes(next, record);
    next += record.length;
  }
  return bytes;
}

/** A record: words, then at `commandLineAt` the command line, NUL-terminated and padded to words. */
function record(words: readonly number[], commandLineAt: number, commandLine: string): Uint8Array {
  const text = new TextEncoder().encode(commandLine);
  const bytes = new Uint8Array(commandLineAt + Math.ceil((text.length + 1) / 4) * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(4 * i, words[i], true);
  view.setUint32(8, bytes.length, true);
  bytes.set(text, commandLineAt);
  return bytes;
}

function moduleRecord({ module, start }: PlacedModule): Uint8Array {
  const line = module.commandLine === undefined ? module.name : `${module.name} ${module.commandLine}`;
  const words = [RecordType.Module, VERSION, 0, start, module.data.length, RecordBytes.Module];
  return record(words, RecordBytes.Module, line);
}

/** Text, data and bss are told as one block of text. */
function serverRecord(name: string, { low, high, entry }: ServerImage): Uint8Array {
  const empty = [0, 0, 0];
  const flags = 1;
  const words = [RecordType.SimpleExec, VERSION, 0, low, low, high - low, ...empty, ...empty, entry, flags, 0];
  return record([...words, RecordBytes.SimpleExec], RecordBytes.SimpleExec, name);
}
