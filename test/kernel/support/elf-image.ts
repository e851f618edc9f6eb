/** The smallest ELF program: one segment, loaded at its virtual address. */
export function elfProgram(address: number, code: Uint8Array, memoryBytes: number, entry = address): Uint8Array {
  const offset = 0x60;
  const file = new Uint8Array(offset + code.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 1, true);
  view.setUint16(46, 40, true);
  const header = [1, offset, address, address, code.length, memoryBytes, 7, 4096];
  for (const [i, word] of header.entries()) view.setUint32(52 + 4 * i, word, true);
  file.set(code, offset);
  return file;
}
