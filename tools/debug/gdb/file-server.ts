/**
 * Host I/O packets (`vFile:…`, GDB manual, appendix E.7): lets gdb read the guests' ELF files through the connection,
 * so that symbols need no path on gdb's side. Read only.
 */
import { bytesToBinary, hexToBytes, parseHexNumber } from "./hex.ts";

const ENOENT = 2;
const EBADF = 9;
const EINVAL = 22;
const EROFS = 30;
const MAX_OPEN_FILES = 64;
const MAX_READ = 0x4000;

function failure(errno: number): string {
  return `F-1,${errno.toString(16)}`;
}

/** The protocol's `struct stat`: 64 bytes, big-endian; only mode and size mean something here. */
function fileStatus(size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(8, 0o100444);
  view.setUint32(12, 1);
  view.setUint32(32, size);
  view.setUint32(40, 512);
  view.setUint32(48, Math.ceil(size / 512));
  return new Uint8Array(view.buffer);
}

export class FileServer {
  private readonly open = new Map<number, Uint8Array>();

  constructor(private readonly find: (path: string) => Uint8Array | undefined) {}

  /** Answers the part of the packet after `vFile:`; an empty answer means "not supported". */
  handle(request: string): string {
    const colon = request.indexOf(":");
    const operation = colon < 0 ? request : request.slice(0, colon);
    const parameters = colon < 0 ? [] : request.slice(colon + 1).split(",");
    switch (operation) {
      case "setfs":
        return "F0";
      case "open":
        return this.openFile(parameters);
      case "close":
        return this.withFile(parameters[0], (_file, descriptor) => {
          this.open.delete(descriptor);
          return "F0";
        });
      case "fstat":
        return this.withFile(parameters[0], (file) => `F40;${bytesToBinary(fileStatus(file.length))}`);
      case "pread":
        return this.withFile(parameters[0], (file) => readFile(file, parameters[1] ?? "", parameters[2] ?? ""));
      case "pwrite":
      case "unlink":
        return failure(EROFS);
      case "readlink":
        return failure(EINVAL);
      default:
        return "";
    }
  }

  private openFile(parameters: readonly string[]): string {
    const path = hexToBytes(parameters[0] ?? "");
    const flags = parseHexNumber(parameters[1] ?? "");
    if (path === undefined || flags === undefined) return failure(EINVAL);
    if ((flags & 3) !== 0) return failure(EROFS);
    const file = this.find(new TextDecoder().decode(path));
    if (file === undefined) return failure(ENOENT);
    let descriptor = 3;
    while (this.open.has(descriptor)) descriptor++;
    if (descriptor >= 3 + MAX_OPEN_FILES) return failure(EINVAL);
    this.open.set(descriptor, file);
    return `F${descriptor.toString(16)}`;
  }

  private withFile(text: string | undefined, use: (file: Uint8Array, descriptor: number) => string): string {
    const descriptor = parseHexNumber(text ?? "");
    const file = descriptor === undefined ? undefined : this.open.get(descriptor);
    return file === undefined || descriptor === undefined ? failure(EBADF) : use(file, descriptor);
  }
}

function readFile(file: Uint8Array, countText: string, offsetText: string): string {
  const count = parseHexNumber(countText);
  const offset = parseHexNumber(offsetText);
  if (count === undefined || offset === undefined) return failure(EINVAL);
  const bytes = file.subarray(Math.min(offset, file.length), Math.min(offset + Math.min(count, MAX_READ), file.length));
  return `F${bytes.length.toString(16)};${bytesToBinary(bytes)}`;
}
