/** Builds small ELF32 files field by field, so that tests know what every byte means. */

export interface BuiltElf {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Byte offsets of the tables. */
  readonly programHeaders: number;
  readonly sectionHeaders: number;
  readonly symbols: number;
  readonly strings: number;
}

export const CODE = Uint8Array.of(0xb8, 1, 0, 0, 0, 0xf4);
export const CODE_ADDRESS = 0x08048000;
export const DATA_ADDRESS = 0x0804a000;

/** Code (R+X) at 0x08048000, 8 bytes of data and 24 of zeros (R+W) at 0x0804a000, symbols `_start` and `table`. */
export function buildElf(): BuiltElf {
  const names = "\0.text\0.data\0.symtab\0.strtab\0_start\0table\0";
  const nameAt = (name: string) => names.indexOf(`\0${name}\0`) + 1;
  const programHeaders = 52;
  const code = programHeaders + 2 * 32;
  const data = code + 8;
  const symbols = data + 8;
  const strings = symbols + 3 * 16;
  const sectionHeaders = Math.ceil((strings + names.length) / 4) * 4;
  const bytes = new Uint8Array(sectionHeaders + 5 * 40);
  const view = new DataView(bytes.buffer);
  const words = (offset: number, ...values: number[]) => {
    values.forEach((value, i) => {
      view.setUint32(offset + 4 * i, value, true);
    });
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  words(20, 1, CODE_ADDRESS, programHeaders, sectionHeaders, 0);
  [52, 32, 2, 40, 5, 4].forEach((half, i) => {
    view.setUint16(40 + 2 * i, half, true);
  });
  words(programHeaders, 1, code, CODE_ADDRESS, CODE_ADDRESS, 6, 6, 5, 4096);
  words(programHeaders + 32, 1, data, DATA_ADDRESS, DATA_ADDRESS, 8, 32, 6, 4096);
  bytes.set(CODE, code);
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8], data);
  words(symbols + 16, nameAt("_start"), CODE_ADDRESS, 6, 0x12 | (1 << 16));
  words(symbols + 32, nameAt("table"), DATA_ADDRESS, 8, 0x01 | (2 << 16));
  bytes.set(new TextEncoder().encode(names), strings);
  const section = (i: number, name: string, ...rest: number[]) => {
    words(sectionHeaders + 40 * i, nameAt(name), ...rest);
  };
  section(1, ".text", 1, 6, CODE_ADDRESS, code, 6, 0, 0, 4, 0);
  section(2, ".data", 1, 3, DATA_ADDRESS, data, 8, 0, 0, 4, 0);
  section(3, ".symtab", 2, 0, 0, symbols, 48, 4, 2, 4, 16);
  section(4, ".strtab", 3, 0, 0, strings, names.length, 0, 0, 1, 0);
  return { bytes, view, programHeaders, sectionHeaders, symbols, strings };
}
