/** The x87 registers of gdb's i386 feature, from a thread's state as FNSAVE writes it (Intel SDM vol. 1, 8.1.10). */

const ENVIRONMENT_BYTES = 28;
const REGISTER_BYTES = 10;

/** Where each is in the image: byte offset, and the bits of the doubleword there. */
const WORDS: Readonly<Record<string, readonly [offset: number, shift: number, mask: number]>> = {
  fctrl: [0, 0, 0xffff],
  fstat: [4, 0, 0xffff],
  ftag: [8, 0, 0xffff],
  fioff: [12, 0, 0xffff_ffff],
  fiseg: [16, 0, 0xffff],
  fop: [16, 16, 0x7ff],
  fooff: [20, 0, 0xffff_ffff],
  foseg: [24, 0, 0xffff],
};

/** A register's bytes, little endian: ten of st0 to st7, four of the others; undefined for a name that is none of them. */
export function x87RegisterBytes(image: Uint8Array, name: string): Uint8Array | undefined {
  const stack = /^st([0-7])$/.exec(name);
  if (stack !== null) {
    const at = ENVIRONMENT_BYTES + REGISTER_BYTES * Number(stack[1]);
    return image.slice(at, at + REGISTER_BYTES);
  }
  const place = WORDS[name];
  if (place === undefined) return undefined;
  const [offset, shift, mask] = place;
  const bytes = new Uint8Array(4);
  const word = new DataView(image.buffer, image.byteOffset).getUint32(offset, true);
  new DataView(bytes.buffer).setUint32(0, (word >>> shift) & mask, true);
  return bytes;
}
