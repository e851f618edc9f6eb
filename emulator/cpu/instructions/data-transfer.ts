/** Data transfer (Intel SDM vol. 1, 5.1.1) without the stack: MOV XCHG MOVZX MOVSX CBW CWD BSWAP LEA XLAT. */
import type { Cpu } from "../cpu.ts";
import { Micro } from "../interpreter-micro.ts";
import { checkedLinear } from "../segmentation.ts";
import { Word } from "../state.ts";
import { Pairing } from "./form.ts";
import { isAddress32, operandSegment, registerField, writeRegister } from "./operands.ts";
import { Registers, type Row, row } from "./row.ts";

const UV = Pairing.UV;
const MOV = { micro: Micro.Mov8, pairing: UV, clocks: 1 } as const;

function tableLookUp(cpu: Cpu, instruction: number): void {
  let offset = (cpu.words[Word.Ebx] + (cpu.words[Word.Eax] & 0xff)) | 0;
  if (!isAddress32(cpu, instruction)) offset &= 0xffff;
  const linear = checkedLinear(cpu, operandSegment(cpu, instruction), offset, 1, false);
  writeRegister(cpu, 0, 1, cpu.access.read8(linear));
}

function convertByteToWord(cpu: Cpu): void {
  writeRegister(cpu, Word.Eax, 2, (cpu.words[Word.Eax] << 24) >> 24);
}

function convertWordToDoubleword(cpu: Cpu): void {
  writeRegister(cpu, Word.Edx, 2, (cpu.words[Word.Eax] << 16) >> 31);
}

/** BSWAP of a 16-bit register is undefined; it becomes zero, as on Intel's processors. */
function byteSwapWord(cpu: Cpu, instruction: number): void {
  writeRegister(cpu, registerField(cpu, instruction), 2, 0);
}

export const DATA_TRANSFER_ROWS: readonly Row[] = [
  row("mov", "88 /r", "w:Eb r:Gb", MOV),
  row("mov", "89 /r", "w:Ev r:Gv", MOV),
  row("mov", "8A /r", "w:Gb r:Eb", MOV),
  row("mov", "8B /r", "w:Gv r:Ev", MOV),
  row("mov", "A0 mo", "w:AL r:Ob", MOV),
  row("mov", "A1 mo", "w:eAX r:Ov", MOV),
  row("mov", "A2 mo", "w:Ob r:AL", MOV),
  row("mov", "A3 mo", "w:Ov r:eAX", MOV),
  row("mov", "B0+r ib", "w:Zb r:Ib", MOV),
  row("mov", "B8+r iv", "w:Zv r:Iv", MOV),
  row("mov", "C6 /0 ib", "w:Eb r:Ib", MOV),
  row("mov", "C7 /0 iv", "w:Ev r:Iv", MOV),

  row("nop", "90", "", { micro: Micro.Nop, pairing: UV, clocks: 1 }),
  row("xchg", "90+r", "rw:eAX rw:Zv", { micro: Micro.Xchg8, clocks: 2 }),
  row("xchg", "86 /r", "rw:Eb rw:Gb", { micro: Micro.Xchg8, clocks: 3, lockable: true }),
  row("xchg", "87 /r", "rw:Ev rw:Gv", { micro: Micro.Xchg8, clocks: 3, lockable: true }),

  row("movzx", "0F B6 /r", "w:Gv r:Eb", { micro: Micro.ZeroExtend8, clocks: 3 }),
  row("movzx", "0F B7 /r", "w:Gv r:Ew", { micro: Micro.ZeroExtend16, clocks: 3 }),
  row("movsx", "0F BE /r", "w:Gv r:Eb", { micro: Micro.SignExtend8, clocks: 3 }),
  row("movsx", "0F BF /r", "w:Gv r:Ew", { micro: Micro.SignExtend16, clocks: 3 }),

  row("cbw/cwde", "98", "", {
    micro: Micro.Cwde,
    handler: convertByteToWord,
    clocks: 3,
    implicitRead: Registers.Eax,
    implicitWritten: Registers.Eax,
  }),
  row("cwd/cdq", "99", "", {
    micro: Micro.Cdq,
    handler: convertWordToDoubleword,
    clocks: 2,
    implicitRead: Registers.Eax,
    implicitWritten: Registers.Edx,
  }),
  row("bswap", "0F C8+r", "rw:Zv", { micro: Micro.Bswap, handler: byteSwapWord, clocks: 1 }),
  row("lea", "8D /r", "w:Gv a:Mn", { micro: Micro.Lea, pairing: UV, clocks: 1 }),
  row("xlatb", "D7", "", {
    handler: tableLookUp,
    clocks: 4,
    implicitRead: Registers.Eax | Registers.Ebx,
    implicitWritten: Registers.Eax,
  }),
];
