/** Reads little-endian data one item after the other; running past the end throws `OutOfData`. */
export class OutOfData extends Error {}

export class ByteReader {
  offset: number;
  readonly end: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
    this.end = Math.min(end, bytes.length);
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  i8(): number {
    return this.view.getInt8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** DWARF's unsigned LEB128; exact up to 2^53. */
  unsignedLeb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) return value;
      scale *= 128;
    }
  }

  signedLeb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) === 0) return (byte & 0x40) === 0 ? value : value - scale;
    }
  }

  /** Text up to a zero byte. */
  text(): string {
    const start = this.offset;
    while (this.u8() !== 0);
    return Buffer.from(this.bytes.subarray(start, this.offset - 1)).toString("utf8");
  }

  /** The next bytes: a view, not a copy. */
  bytesOf(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  skip(count: number): void {
    this.take(count);
  }

  private take(count: number): number {
    const at = this.offset;
    if (count < 0 || at + count > this.end)
      throw new OutOfData(`needs ${count} bytes at ${at}, the part ends at ${this.end}`);
    this.offset = at + count;
    return at;
  }
}
