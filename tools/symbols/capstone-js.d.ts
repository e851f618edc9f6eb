/** The part of @alexaltea/capstone-js (which ships no types) that disassembler.ts uses. */
declare module "@alexaltea/capstone-js" {
  interface Instruction {
    readonly address: bigint | number;
    readonly size: number;
    readonly mnemonic: string;
    readonly op_str: string;
  }
  interface Disassembler {
    /** Throws a string when not even the first instruction decodes. Stops silently at a later one that does not. */
    disasm(bytes: Uint8Array, address: number, count: number): Instruction[];
    option(option: number, value: number): void;
    close(): void;
  }
  interface Capstone {
    readonly ARCH_X86: number;
    readonly MODE_16: number;
    readonly MODE_32: number;
    readonly OPT_SYNTAX: number;
    readonly OPT_SYNTAX_INTEL: number;
    readonly OPT_SYNTAX_ATT: number;
    Capstone: new (architecture: number, mode: number) => Disassembler;
  }
  export default function load(): Promise<Capstone>;
}
