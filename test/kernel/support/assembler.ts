/** A very small assembler: bytes, labels and the handful of instructions that the kernel tests' guest threads need. */

/** General registers in the order of their encoding. */
export const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
export type Register = (typeof REGISTERS)[number];

export class Assembler {
  readonly origin: number;
  readonly bytes: number[] = [];

  constructor(origin: number) {
    this.origin = origin;
  }

  /** Address of the next byte. */
  get here(): number {
    return this.origin + this.bytes.length;
  }

  raw(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  word(value: number): this {
    return this.raw(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
  }

  /** MOV register, immediate. */
  load(register: Register, value: number): this {
    return this.raw(0xb8 + REGISTERS.indexOf(register)).word(value);
  }

  /** MOV register, [address]. */
  loadFrom(register: Register, address: number): this {
    return this.raw(0x8b, 0x05 | (REGISTERS.indexOf(register) << 3)).word(address);
  }

  /** MOV [address], register. */
  save(register: Register, address: number): this {
    return this.raw(0x89, 0x05 | (REGISTERS.indexOf(register) << 3)).word(address);
  }

  /** MOV dword [address], immediate. */
  store(address: number, value: number): this {
    return this.raw(0xc7, 0x05).word(address).word(value);
  }

  /** MOV register, %gs:0. */
  loadUtcbPointer(register: Register): this {
    return this.raw(0x65, 0x8b, 0x05 | (REGISTERS.indexOf(register) << 3)).word(0);
  }

  /** MOV register, [base + displacement]; base may not be ESP. */
  loadIndirect(register: Register, base: Register, displacement: number): this {
    return this.raw(0x8b, 0x80 | (REGISTERS.indexOf(register) << 3) | REGISTERS.indexOf(base)).word(displacement);
  }

  /** MOV dword [base + displacement], immediate; base may not be ESP. */
  storeIndirect(base: Register, displacement: number, value: number): this {
    return this.raw(0xc7, 0x80 | REGISTERS.indexOf(base))
      .word(displacement)
      .word(value);
  }

  /** CALL address. */
  call(address: number): this {
    return this.raw(0xe8).word(address - (this.here + 4));
  }

  /** JMP address. */
  jump(address: number): this {
    return this.raw(0xe9).word(address - (this.here + 4));
  }
}
