/**
 * Tape archives, POSIX ustar interchange format (IEEE Std 1003.1, pax, "ustar Interchange Format"): the part that an
 * image needs. Archives written here are deterministic: same members, same bytes (mode 0644, owner 0, time 0).
 * Read are regular files and directories, with the prefix field; pax and GNU extensions are refused by name.
 */
import { InputError, printable } from "../input-error.ts";

const BLOCK = 512;
const REPACK = "make the image again with `quorum86 image pack`";

export interface TarMember {
  /** Relative path with forward slashes. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** An archive of regular files, in the order given. Names have at most 100 bytes, sizes are below 8 GiB. */
export function writeTar(members: readonly TarMember[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const member of members) {
    parts.push(header(member), member.data, new Uint8Array(padding(member.data.length)));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

/**
 * The regular files of an archive, in order. Data are views into `archive`.
 * @throws InputError naming the member, or the byte offset when there is no name.
 */
export function readTar(archive: Uint8Array, file: string): TarMember[] {
  const members: TarMember[] = [];
  const seen = new Set<string>();
  let offset = 0;
  for (;;) {
    if (offset + BLOCK > archive.length) {
      throw damaged(file, `byte ${offset}`, "the archive ends without an end mark: it is truncated");
    }
    const block = archive.subarray(offset, offset + BLOCK);
    if (block.every((byte) => byte === 0)) return checkEnd(archive, offset, file, members);
    const { name, size, type } = readHeader(block, `byte ${offset}`, file);
    const key = `member ${name}`;
    offset += BLOCK;
    if (offset + size + padding(size) > archive.length) {
      throw damaged(file, key, `it has ${size} bytes, but the archive ends ${archive.length - offset} bytes on`);
    }
    checkName(name, key, file);
    if (seen.has(name)) throw damaged(file, key, "the archive holds it twice");
    seen.add(name);
    if (type === "0" || type === "\0") members.push({ name, data: archive.subarray(offset, offset + size) });
    else if (type !== "5") throw damaged(file, key, `type ${JSON.stringify(type)} is neither a file nor a directory`);
    offset += size + padding(size);
  }
}

/** Why a member name may not be used, undefined if it may: relative, no `..`, no backslash, no control character. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) return "the path is absolute";
  if (name.split("/").includes("..")) return 'the path has a ".." part';
  if (name.includes("\\")) return "the path has a backslash";
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 32 || code === 127) return "the name has a control character";
  }
  return undefined;
}

function checkEnd(archive: Uint8Array, offset: number, file: string, members: TarMember[]): TarMember[] {
  const rest = archive.subarray(offset);
  if (rest.length < 2 * BLOCK || rest.some((byte) => byte !== 0)) {
    throw damaged(file, `byte ${offset}`, "the end mark is damaged");
  }
  return members;
}

function checkName(name: string, key: string, file: string): void {
  const problem = nameProblem(name);
  if (problem === undefined) return;
  throw new InputError({
    file,
    key: printable(key),
    problem,
    mend: "do not use this archive: it reaches outside itself",
  });
}

function damaged(file: string, key: string, problem: string): InputError {
  return new InputError({ file, key: printable(key), problem, mend: REPACK });
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function header(member: TarMember): Uint8Array {
  const name = Buffer.from(member.name);
  if (name.length > 100) throw new RangeError(`member name ${member.name} has more than 100 bytes`);
  const block = Buffer.alloc(BLOCK);
  name.copy(block, 0);
  block.write("0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${member.data.length.toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  block.write("root", 265);
  block.write("root", 297);
  block.write("0000000\0", 329);
  block.write("0000000\0", 337);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Sum of the header's bytes with the checksum field taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!;
  return sum;
}

function readHeader(block: Uint8Array, place: string, file: string): { name: string; size: number; type: string } {
  if (text(block, 257, 5) !== "ustar") throw damaged(file, place, "there is no tar header here");
  const sum = octal(block, 148, 8);
  if (sum !== checksum(block)) throw damaged(file, place, "the header's checksum does not agree");
  const prefix = text(block, 345, 155);
  const name = text(block, 0, 100);
  const size = octal(block, 124, 12);
  if (size === undefined) throw damaged(file, place, "the size is not an octal number");
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, type: String.fromCharCode(block[156]!) };
}

function text(block: Uint8Array, offset: number, room: number): string {
  const field = block.subarray(offset, offset + room);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function octal(block: Uint8Array, offset: number, room: number): number | undefined {
  const digits = text(block, offset, room).trim();
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}
