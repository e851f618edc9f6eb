import type { FlagUse, Pairing } from "./form.ts";
import { type Row, row } from "./row.ts";

/**
 * The nine encodings that the eight two-operand ALU instructions share (SDM vol. 2, table A-2 rows 0x-3x and group 1);
 * 82 is the undocumented alias of 80. `digit` is the operation's number. CMP (digit 7) only reads its first operand.
 */
export function aluRows(mnemonic: string, digit: number, micro: number, flags: FlagUse, pairing: Pairing): Row[] {
  const base = digit * 8;
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
  const compares = digit === 7;
  const access = compares ? "r" : "rw";
  const toMemory = { micro, flags, pairing, clocks: [1, compares ? 2 : 3], lockable: !compares } as const;
  const toRegister = { micro, flags, pairing, clocks: [1, 2] } as const;
  return [
    row(mnemonic, `${hex(base)} /r`, `${access}:Eb r:Gb`, toMemory),
    row(mnemonic, `${hex(base + 1)} /r`, `${access}:Ev r:Gv`, toMemory),
    row(mnemonic, `${hex(base + 2)} /r`, `${access}:Gb r:Eb`, toRegister),
    row(mnemonic, `${hex(base + 3)} /r`, `${access}:Gv r:Ev`, toRegister),
    row(mnemonic, `${hex(base + 4)} ib`, `${access}:AL r:Ib`, toRegister),
    row(mnemonic, `${hex(base + 5)} iv`, `${access}:eAX r:Iv`, toRegister),
    row(mnemonic, `80 /${digit} ib`, `${access}:Eb r:Ib`, toMemory),
    row(mnemonic, `81 /${digit} iv`, `${access}:Ev r:Iv`, toMemory),
    row(mnemonic, `82 /${digit} ib`, `${access}:Eb r:Ib`, toMemory),
    row(mnemonic, `83 /${digit} ib`, `${access}:Ev r:Ibs`, toMemory),
  ];
}
