/**
 * The encodings of a Pentium's integer and system instructions, written down from the opcode maps of the Intel manual
 * (SDM vol. 2, appendix A) independently of the emulator's own table, which a test holds against this one.
 *
 * One line an encoding: `opcode[/extension] mnemonic operands access undefined-flags #kind`.
 *   operands  the manual's letters: E register or memory, G register, M memory only, Z register in the opcode,
 *             I immediate, J relative target, O absolute offset, S segment register, C and D control and debug registers;
 *             b byte, w word, v word or dword by operand size, z immediate of up to 32 bits, s sign-extended byte
 *   access    r, w or rw: what the instruction does with E or M; - nothing (LEA)
 *   undefined ?flags: arithmetic flags (of O S Z A P C) that the manual calls undefined; counts are seen to elsewhere
 *   #kind     how operands have to be chosen; see case-generator.ts
 */

export type Access = "r" | "w" | "rw" | "-";

export interface Encoding {
  /** `opcode[/extension]` in hexadecimal, e.g. "0FBA/4". */
  readonly key: string;
  readonly opcode: readonly number[];
  readonly extension: number | undefined;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly access: Access;
  /** EFLAGS bits. */
  readonly undefinedFlags: number;
  readonly kind: string;
  /** Operand sizes in bits that the encoding has. */
  readonly sizes: readonly number[];
}

const FLAG_BITS: Readonly<Record<string, number>> = { O: 0x800, S: 0x80, Z: 0x40, A: 0x10, P: 0x4, C: 0x1 };

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"] as const;
const ARITHMETIC = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"] as const;
const SHIFTS = ["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"] as const;

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, "0");
}

function arithmeticLines(): string[] {
  return ARITHMETIC.flatMap((name, i) => {
    const access = name === "cmp" ? "r" : "rw";
    const undefinedFlags = name === "and" || name === "or" || name === "xor" ? "?A" : "";
    const tail = `${access} ${undefinedFlags}`;
    return [
      `${hex(i * 8)} ${name} Eb,Gb ${tail}`,
      `${hex(i * 8 + 1)} ${name} Ev,Gv ${tail}`,
      `${hex(i * 8 + 2)} ${name} Gb,Eb r ${undefinedFlags}`,
      `${hex(i * 8 + 3)} ${name} Gv,Ev r ${undefinedFlags}`,
      `${hex(i * 8 + 4)} ${name} AL,Ib r ${undefinedFlags}`,
      `${hex(i * 8 + 5)} ${name} eAX,Iz r ${undefinedFlags}`,
      `80/${i} ${name} Eb,Ib ${tail}`,
      `81/${i} ${name} Ev,Iz ${tail}`,
      `82/${i} ${name} Eb,Ib ${tail}`,
      `83/${i} ${name} Ev,Is ${tail}`,
    ];
  });
}

function shiftLines(): string[] {
  return SHIFTS.flatMap((name, i) => [
    `C0/${i} ${name} Eb,Ib rw #shift`,
    `C1/${i} ${name} Ev,Ib rw #shift`,
    `D0/${i} ${name} Eb,1 rw #shift`,
    `D1/${i} ${name} Ev,1 rw #shift`,
    `D2/${i} ${name} Eb,CL rw #shift`,
    `D3/${i} ${name} Ev,CL rw #shift`,
  ]);
}

function conditionLines(): string[] {
  return CONDITIONS.flatMap((name, i) => [
    `${hex(0x70 + i)} j${name} Jb #branch`,
    `0F${hex(0x80 + i)} j${name} Jz #branch`,
    `0F${hex(0x90 + i)} set${name} Eb w`,
  ]);
}

/** One line for each of the eight registers in the opcode is not needed: the generator varies the low three bits. */
const OTHER_LINES = `
06 push ES #push-segment
07 pop ES #pop-segment
0E push CS #push-segment
16 push SS #push-segment
17 pop SS #pop-segment
1E push DS #push-segment
1F pop DS #pop-segment
27 daa - ?O #accumulator
2F das - ?O #accumulator
37 aaa - ?OSZP #accumulator
3F aas - ?OSZP #accumulator
40 inc Zv
48 dec Zv
50 push Zv #stack
58 pop Zv #stack
60 pusha v #stack
61 popa v #stack
62 bound Gv,Ma r #bound
63 arpl Ew,Gw rw #selector
68 push Iz #stack
69 imul Gv,Ev,Iz r ?SZAP
6A push Is #stack
6B imul Gv,Ev,Is r ?SZAP
6C insb b #port-string
6D insd v #port-string
6E outsb b #port-string
6F outsd v #port-string
84 test Eb,Gb r ?A
85 test Ev,Gv r ?A
86 xchg Eb,Gb rw
87 xchg Ev,Gv rw
88 mov Eb,Gb w
89 mov Ev,Gv w
8A mov Gb,Eb r
8B mov Gv,Ev r
8C mov Ev,Sw w #from-segment
8D lea Gv,Mv -
8E mov Sw,Ew r #to-segment
8F/0 pop Ev w #stack
90 nop v
91 xchg eAX,Zv #exchange
98 cwde v #accumulator
99 cdq v #accumulator
9A lcall Ap #far-direct
9B wait - #accumulator
9C pushfd v #stack
9D popfd v #pop-flags
9E sahf - #accumulator
9F lahf - #accumulator
A0 mov AL,Ob r
A1 mov eAX,Ov r
A2 mov Ob,AL w
A3 mov Ov,eAX w
A4 movsb b #string
A5 movsd v #string
A6 cmpsb b #string
A7 cmpsd v #string
A8 test AL,Ib r ?A
A9 test eAX,Iz r ?A
AA stosb b #string
AB stosd v #string
AC lodsb b #string
AD lodsd v #string
AE scasb b #string
AF scasd v #string
B0 mov Zb,Ib
B8 mov Zv,Iv
C2 ret Iw #return
C3 ret v #return
C4 les Gv,Mp r #far-pointer
C5 lds Gv,Mp r #far-pointer
C6/0 mov Eb,Ib w
C7/0 mov Ev,Iz w
C8 enter Iw,Ib v #enter
C9 leave v #leave
CA retf Iw #far-return
CB retf v #far-return
CC int3 - #trap
CD int Ib #interrupt
CE into - #into
CF iretd v #interrupt-return
D4 aam Ib ?OAC #accumulator
D5 aad Ib ?OAC #accumulator
D6 salc - #accumulator
D7 xlatb - r #xlat
E0 loopne Jb #branch
E1 loope Jb #branch
E2 loop Jb #branch
E3 jecxz Jb #branch
E4 in AL,Ib #privileged
E5 in eAX,Ib #privileged
E6 out Ib,AL #privileged
E7 out Ib,eAX #privileged
E8 call Jz #branch
E9 jmp Jz #branch
EA ljmp Ap #far-direct
EB jmp Jb #branch
EC in AL,DX #privileged
ED in eAX,DX #privileged
EE out DX,AL #privileged
EF out DX,eAX #privileged
F4 hlt - #privileged
F5 cmc -
F6/0 test Eb,Ib r ?A
F6/1 test Eb,Ib r ?A
F6/2 not Eb rw
F6/3 neg Eb rw
F6/4 mul Eb r ?SZAP #multiply
F6/5 imul Eb r ?SZAP #multiply
F6/6 div Eb r ?OSZAPC #divide
F6/7 idiv Eb r ?OSZAPC #divide
F7/0 test Ev,Iz r ?A
F7/1 test Ev,Iz r ?A
F7/2 not Ev rw
F7/3 neg Ev rw
F7/4 mul Ev r ?SZAP #multiply
F7/5 imul Ev r ?SZAP #multiply
F7/6 div Ev r ?OSZAPC #divide
F7/7 idiv Ev r ?OSZAPC #divide
F8 clc -
F9 stc -
FA cli - #privileged
FB sti - #privileged
FC cld -
FD std -
FE/0 inc Eb rw
FE/1 dec Eb rw
FF/0 inc Ev rw
FF/1 dec Ev rw
FF/2 call Ev r #branch-indirect
FF/3 lcall Mp r #far-indirect
FF/4 jmp Ev r #branch-indirect
FF/5 ljmp Mp r #far-indirect
FF/6 push Ev r #stack
0F00/2 lldt Ew r #privileged
0F00/3 ltr Ew r #privileged
0F00/4 verr Ew r #selector
0F00/5 verw Ew r #selector
0F01/2 lgdt Ms r #privileged
0F01/3 lidt Ms r #privileged
0F01/6 lmsw Ew r #privileged
0F01/7 invlpg Mb - #privileged
0F02 lar Gv,Ew r #selector
0F03 lsl Gv,Ew r #selector
0F06 clts - #privileged
0F08 invd - #privileged
0F09 wbinvd - #privileged
0F0B ud2 - #undefined
0F20 mov Rd,Cd #control-register
0F21 mov Rd,Dd #control-register
0F22 mov Cd,Rd #control-register
0F23 mov Dd,Rd #control-register
0F30 wrmsr - #privileged
0F31 rdtsc - #identification
0F32 rdmsr - #privileged
0FA0 push FS #push-segment
0FA1 pop FS #pop-segment
0FA2 cpuid - #identification
0FA3 bt Ev,Gv r ?OSAP #bit-string
0FA4 shld Ev,Gv,Ib rw #double-shift
0FA5 shld Ev,Gv,CL rw #double-shift
0FA8 push GS #push-segment
0FA9 pop GS #pop-segment
0FAA rsm - #undefined
0FAB bts Ev,Gv rw ?OSAP #bit-string
0FAC shrd Ev,Gv,Ib rw #double-shift
0FAD shrd Ev,Gv,CL rw #double-shift
0FAF imul Gv,Ev r ?SZAP
0FB0 cmpxchg Eb,Gb rw #compare-exchange
0FB1 cmpxchg Ev,Gv rw #compare-exchange
0FB2 lss Gv,Mp r #far-pointer
0FB3 btr Ev,Gv rw ?OSAP #bit-string
0FB4 lfs Gv,Mp r #far-pointer
0FB5 lgs Gv,Mp r #far-pointer
0FB6 movzx Gv,Eb r
0FB7 movzx Gv,Ew r
0FBA/4 bt Ev,Ib r ?OSAP
0FBA/5 bts Ev,Ib rw ?OSAP
0FBA/6 btr Ev,Ib rw ?OSAP
0FBA/7 btc Ev,Ib rw ?OSAP
0FBB btc Ev,Gv rw ?OSAP #bit-string
0FBC bsf Gv,Ev r ?OSAPC #scan
0FBD bsr Gv,Ev r ?OSAPC #scan
0FBE movsx Gv,Eb r
0FBF movsx Gv,Ew r
0FC0 xadd Eb,Gb rw
0FC1 xadd Ev,Gv rw
0FC7/1 cmpxchg8b Mq rw #compare-exchange-8
0FC8 bswap Zd #bswap
8E/1 undefined Sw,Ew #undefined-modrm
8F/1 undefined Ew #undefined-modrm
FE/7 undefined Eb #undefined-modrm
FF/7 undefined Ev #undefined-modrm
0F00/6 undefined Ew #undefined-modrm
0FBA/0 undefined Ev #undefined-modrm
0FB9 undefined Ev #undefined-modrm
0FFF undefined Ev #undefined-modrm
`;

function parse(line: string): Encoding {
  const [key, mnemonic, ...rest] = line.trim().split(/\s+/) as [string, string, ...string[]];
  const [opcodeText, extensionText] = key.split("/") as [string, string | undefined];
  const opcode = opcodeText.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  let operands: string[] = [];
  let access: Access = "-";
  let undefinedFlags = 0;
  let kind = "";
  let sized = false;
  for (const word of rest) {
    if (word.startsWith("?")) for (const flag of word.slice(1)) undefinedFlags |= FLAG_BITS[flag] ?? 0;
    else if (word.startsWith("#")) kind = word.slice(1);
    else if (word === "r" || word === "w" || word === "rw" || word === "-") access = word;
    else if (word === "v") sized = true;
    else if (word !== "b") operands = word.split(",");
  }
  const byOperandSize =
    sized ||
    kind.startsWith("push-segment") ||
    kind.startsWith("pop-segment") ||
    operands.some((operand) => /^[A-Z]?[vzp]$|^eAX$|^Ma$/.test(operand)) ||
    key === "6A" ||
    kind === "return" ||
    kind === "far-return" ||
    (kind === "branch" && key !== "E3");
  const byte = operands.some((operand) => /^[EGMZO]b$|^AL$/.test(operand)) && !byOperandSize;
  const sizes = byOperandSize ? [32, 16] : byte ? [8] : kind === "string" || kind === "port-string" ? [8] : [32];
  const extension = extensionText === undefined ? undefined : Number.parseInt(extensionText, 16);
  return { key, opcode, extension, mnemonic, operands, access, undefinedFlags, kind, sizes };
}

export const CATALOGUE: readonly Encoding[] = [
  ...arithmeticLines(),
  ...shiftLines(),
  ...conditionLines(),
  ...OTHER_LINES.trim().split("\n"),
].map(parse);
