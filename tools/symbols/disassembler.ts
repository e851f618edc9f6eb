/**
 * Instructions as text, by Capstone. For people only: the emulator's own decoder decides what bytes mean.
 *
 * Capstone's JavaScript wrapper throws a bare string when the first bytes do not decode, and its operand details are
 * read at the wrong offsets: only address, size, mnemonic and operand text are used here.
 */
import loadCapstone from "@alexaltea/capstone-js";

export interface DisassembledInstruction {
  /** Address given plus offset, unsigned 32 bits. */
  readonly address: number;
  readonly size: number;
  /** "mov", or "(bad)" for a byte that begins no instruction. */
  readonly mnemonic: string;
  /** Intel syntax: "eax, dword ptr [esi + 4]". */
  readonly operands: string;
}

/** A disassembler for 16- or 32-bit code, once loaded. */
export class Disassembler {
  private readonly engine: Awaited<ReturnType<typeof openEngine>>;

  private constructor(engine: Awaited<ReturnType<typeof openEngine>>) {
    this.engine = engine;
  }

  /** Loads Capstone (about 40 ms). */
  static async load(bits: 16 | 32 = 32): Promise<Disassembler> {
    return new Disassembler(await openEngine(bits));
  }

  /** All instructions of `bytes` from `address` on; a byte that begins none becomes one "(bad)". */
  list(bytes: Uint8Array, address: number): DisassembledInstruction[] {
    const result: DisassembledInstruction[] = [];
    let offset = 0;
    while (offset < bytes.length) {
      const decoded = this.decode(bytes.subarray(offset), (address + offset) >>> 0, 0);
      for (const instruction of decoded) result.push(instruction);
      const size = decoded.reduce((sum, instruction) => sum + instruction.size, 0);
      offset += size;
      if (offset < bytes.length) {
        const text = `0x${(bytes[offset] ?? 0).toString(16)}`;
        result.push({ address: (address + offset) >>> 0, size: 1, mnemonic: "(bad)", operands: text });
        offset += 1;
      }
    }
    return result;
  }

  /** The instruction that `bytes` begin with, or undefined. */
  one(bytes: Uint8Array, address: number): DisassembledInstruction | undefined {
    return this.decode(bytes.subarray(0, 16), address >>> 0, 1)[0];
  }

  /** Frees Capstone's handle. */
  close(): void {
    this.engine.close();
  }

  private decode(bytes: Uint8Array, address: number, count: number): DisassembledInstruction[] {
    if (bytes.length === 0) return [];
    try {
      return this.engine.disasm(bytes, address, count).map(({ size, mnemonic, op_str, address: at }) => ({
        address: Number(BigInt.asUintN(32, BigInt(at))),
        size,
        mnemonic,
        operands: op_str,
      }));
    } catch (error) {
      if (typeof error === "string" || error instanceof Error === false) return [];
      throw error;
    }
  }
}

async function openEngine(bits: 16 | 32) {
  const capstone = await loadCapstone();
  return new capstone.Capstone(capstone.ARCH_X86, bits === 32 ? capstone.MODE_32 : capstone.MODE_16);
}
