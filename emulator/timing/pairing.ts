/**
 * Which two instructions issue together, and how long a group takes: the rules that need no run-time state
 * (Intel AP-500; Agner Fog, "How to optimize for the Pentium family", chapters 9 and 10). Instructions are decoded records (InstructionWord).
 */
import { InstructionWord, OperandBits, TimingBits } from "../cpu/decode-records.ts";
import type { InstructionForm } from "../cpu/instructions/form.ts";
import { Kind, Pairing } from "../cpu/instructions/form.ts";
import { Word } from "../cpu/state.ts";
import type { P5Configuration } from "./configuration.ts";
import { PairBank } from "./timing-state.ts";

/** What matters to pairing and interlocks beyond the decoded record, by form. */
export const enum FormTrait {
  Push = 1,
  Pop = 2,
  Call = 4,
  /** Reads or writes data memory besides its explicit operand: the stack. */
  ImplicitMemory = 8,
  /** Has a ModR/M operand that is an address only (LEA). */
  AddressOnly = 16,
  String = 32,
  /** Writes ESP as an ordinary result: RET with a count, POP ESP (by the register field). */
  StackResult = 64,
  /** ROL or ROR by an immediate. */
  RotateImmediate = 128,
  /** Addresses memory by EBX (XLAT). */
  TableLookup = 256,
  /** LEAVE: the stack address comes from EBP. */
  Leave = 512,
  /** MOV moffs,eax and narrower. */
  AccumulatorStore = 1024,
  /** XCHG: locks the bus when an operand is memory. */
  Exchange = 2048,
  /** Leaves the stream of instructions other than by a near transfer: far transfers, interrupts. */
  Redirects = 8192,
  /** Waits for empty write buffers: serializing instructions, port accesses. */
  Serializing = 4096,
}

/** FormTrait bits of every form, by its id. */
export function formTraits(forms: readonly InstructionForm[]): Int32Array {
  const traits = new Int32Array(forms.length);
  for (const form of forms) traits[form.id] = traitsOf(form);
  return traits;
}

function traitsOf(form: InstructionForm): number {
  const name = form.mnemonic.split("/")[0];
  const [first] = form.operands;
  let traits = 0;
  if (name === "push" && form.encoding.modRm === false) traits |= FormTrait.Push | FormTrait.ImplicitMemory;
  if (name === "pop" && form.encoding.registerInOpcode) traits |= FormTrait.Pop | FormTrait.ImplicitMemory;
  if (name === "call" && first?.method === "J") traits |= FormTrait.Call | FormTrait.ImplicitMemory;
  if (name === "lea") traits |= FormTrait.AddressOnly;
  if (form.operands.some(({ method }) => method === "X" || method === "Y")) traits |= FormTrait.String;
  if (first?.method === "O" && first.access === "w") traits |= FormTrait.AccumulatorStore;
  if ((name === "ret" || name === "retn") && form.operands.length > 0) traits |= FormTrait.StackResult;
  if ((name === "rol" || name === "ror") && form.encoding.immediates.length > 0) traits |= FormTrait.RotateImmediate;
  if (name?.startsWith("xlat")) traits |= FormTrait.TableLookup;
  const near = form.operands.some(({ method }) => method === "J") || /^(?:jmp|call|ret)/.test(name ?? "");
  if (form.transfers && form.repeat === undefined && !near) traits |= FormTrait.Redirects;
  if (name === "leave") traits |= FormTrait.Leave;
  if (name === "xchg") traits |= FormTrait.Exchange;
  if (SERIALIZING.has(name ?? "") || movesControlRegister(form)) traits |= FormTrait.Serializing;
  return traits;
}

const SERIALIZING = new Set(
  "cpuid invlpg wrmsr iret lgdt lidt lldt ltr wbinvd invd in out insb insw outsb outsw rsm lmsw".split(" "),
);

function movesControlRegister(form: InstructionForm): boolean {
  return form.operands.some(({ method, access }) => (method === "C" || method === "D") && access === "w");
}

const ESP = 1 << 4;
const EBP = 1 << 5;
const EBX = 1 << 3;
const ESI_EDI = (1 << 6) | (1 << 7);

/** Pair durations by kinds of U and V: entry 4 * U + V (Agner Fog 10.2). */
const PAIR_CLOCKS = Uint8Array.of(1, 2, 3, 0, 2, 2, 3, 0, 3, 4, 5, 0);
/** Clock of its group at which each member is done, U in the low half of a byte. */
const PAIR_DONE = Uint8Array.of(0x11, 0x21, 0x31, 0, 0x12, 0x22, 0x32, 0, 0x13, 0x43, 0x53, 0);

const STACK = FormTrait.Push | FormTrait.Pop | FormTrait.Call;
const ADDRESS_BITS = OperandBits.SegmentMask | OperandBits.Address32;

/** The rules that depend on the configuration and the instruction table only. */
export class PairingRules {
  private readonly words: Int32Array;
  private readonly traits: Int32Array;
  private readonly overlaps: Uint8Array;
  private readonly configuration: P5Configuration;

  /** @param words the whole linear memory, where the decoded records are */
  constructor(words: Int32Array, forms: readonly InstructionForm[], configuration: P5Configuration) {
    this.words = words;
    this.traits = formTraits(forms);
    this.overlaps = Uint8Array.from(forms, ({ floatingPoint }) => floatingPoint?.integerOverlap ?? 0);
    this.configuration = configuration;
  }

  trait(instruction: number): number {
    return this.traits[this.words[instruction + InstructionWord.Form]];
  }

  /** Decode clocks of the prefixes. */
  prefixes(instruction: number): number {
    return (this.words[instruction + InstructionWord.TimingClass] & TimingBits.PrefixMask) >> TimingBits.PrefixShift;
  }

  /** Execution clocks when issued alone, without prefixes, stalls and run-time counts. */
  aloneClocks(instruction: number): number {
    const clocks = this.words[instruction + InstructionWord.Clocks];
    return this.isFloatingPoint(instruction) ? clocks - this.overlap(instruction) : clocks;
  }

  isFloatingPoint(instruction: number): boolean {
    return (this.words[instruction + InstructionWord.TimingClass] & TimingBits.FloatingPoint) !== 0;
  }

  /** Clocks of a floating-point instruction for which it does not hold the pipes. */
  private overlap(instruction: number): number {
    return this.overlaps[this.words[instruction + InstructionWord.Form]];
  }

  canIssueFirst(instruction: number): boolean {
    const bits = this.words[instruction + InstructionWord.TimingClass];
    const pairing = this.pairing(instruction, bits);
    const exchanges = (bits & TimingBits.PairsWithExchange) !== 0;
    if (pairing !== Pairing.UV && pairing !== Pairing.PU && !exchanges) return false;
    if ((bits & (TimingBits.DisplacementAndImmediate | TimingBits.Branch)) !== 0) return false;
    return (bits & TimingBits.PrefixMask) === 0 || this.configuration.pairAfterPrefix;
  }

  canIssueSecond(instruction: number): boolean {
    const bits = this.words[instruction + InstructionWord.TimingClass];
    const pairing = this.pairing(instruction, bits);
    if (pairing !== Pairing.UV && pairing !== Pairing.PV) return false;
    return (bits & (TimingBits.DisplacementAndImmediate | TimingBits.PrefixMask)) === 0;
  }

  /** Whether `second`, which follows `first`, may issue with it in the V pipe, both being decoded. */
  canPair(first: number, second: number): boolean {
    if (this.isFloatingPoint(first)) return this.canIssueFirst(first) && this.isExchange(second);
    if (!this.canIssueFirst(first) || !this.canIssueSecond(second)) return false;
    const { words } = this;
    const firstTrait = this.trait(first);
    const secondTrait = this.trait(second);
    const firstStack = firstTrait & (FormTrait.Push | FormTrait.Pop);
    const secondStack = secondTrait & (FormTrait.Push | FormTrait.Pop | FormTrait.Call);
    const firstWritten = words[first + InstructionWord.RegistersWritten];
    const secondUsed = this.used(second);
    if (firstStack !== 0 && secondStack !== 0) {
      // The implicit changes of ESP do not count; what PUSH and POP name does.
      if (firstStack === FormTrait.Push) return secondStack !== FormTrait.Pop && !this.namesStackPointer(second);
      const same = this.registerField(first) === this.registerField(second);
      const named = this.namesStackPointer(first) || this.namesStackPointer(second);
      return secondStack === FormTrait.Pop && !same && !named;
    }
    if ((firstWritten & secondUsed) !== 0) return false;
    const firstUsed = this.used(first);
    if (firstStack !== 0 && (secondUsed & ESP) !== 0) return false;
    if (secondStack !== 0 && (firstUsed & ESP) !== 0) return false;
    if (this.configuration.accumulatorStoreErratum && (firstTrait & FormTrait.AccumulatorStore) !== 0) {
      return (secondUsed & 1) === 0;
    }
    return true;
  }

  /** An FXCH that can be the second of a pair. */
  private isExchange(instruction: number): boolean {
    const bits = this.words[instruction + InstructionWord.TimingClass];
    return (bits & (TimingBits.Exchange | TimingBits.PrefixMask)) === TimingBits.Exchange;
  }

  /** Clocks of the pair without stalls and bank conflict. FXCH adds none. */
  pairClocks(first: number, second: number): number {
    if (this.isFloatingPoint(first)) return this.aloneClocks(first);
    return PAIR_CLOCKS[4 * this.kind(first) + this.kind(second)];
  }

  /** General registers that an instruction alone leaves written in its last clock, explicit results only. */
  writtenAlone(instruction: number): number {
    const bits = this.words[instruction + InstructionWord.TimingClass];
    const written = this.words[instruction + InstructionWord.RegistersWritten];
    if ((bits & TimingBits.ImplicitStack) === 0) return written;
    const trait = this.trait(instruction);
    if ((trait & FormTrait.StackResult) !== 0) return written;
    if ((trait & FormTrait.Pop) !== 0 && this.registerField(instruction) === 4) return written;
    return written & ~ESP;
  }

  /** The same for a pair: a member that is done before the other has freed its registers already. */
  writtenPair(first: number, second: number): number {
    if (this.isFloatingPoint(first)) return 0;
    const index = 4 * this.kind(first) + this.kind(second);
    const clocks = PAIR_CLOCKS[index];
    const done = PAIR_DONE[index];
    return (
      ((done & 15) === clocks ? this.writtenAlone(first) : 0) | (done >> 4 === clocks ? this.writtenAlone(second) : 0)
    );
  }

  /** Registers from which the instruction makes addresses, implicit ones included. */
  addressRegisters(instruction: number): number {
    const bits = this.words[instruction + InstructionWord.TimingClass];
    const trait = this.trait(instruction);
    let mask = this.words[instruction + InstructionWord.AddressRegisters];
    if ((trait & FormTrait.Leave) !== 0) mask |= EBP;
    else if ((bits & TimingBits.ImplicitStack) !== 0) mask |= ESP;
    if ((trait & FormTrait.String) !== 0) mask |= ESI_EDI & this.words[instruction + InstructionWord.RegistersRead];
    if ((trait & FormTrait.TableLookup) !== 0) mask |= EBX;
    return mask;
  }

  isString(instruction: number): boolean {
    return (this.trait(instruction) & FormTrait.String) !== 0;
  }

  /** Whether the instruction reads and writes memory under a bus lock. */
  isLocked(instruction: number): boolean {
    const bits = this.words[instruction + InstructionWord.Operands];
    if ((bits & OperandBits.Memory) === 0) return false;
    return (bits & OperandBits.Lock) !== 0 || (this.trait(instruction) & FormTrait.Exchange) !== 0;
  }

  /** Whether its own result changes the registers of its data address, so that the address is gone when it has executed. */
  losesAddress(instruction: number): boolean {
    const { words } = this;
    if (this.usesStack(instruction) || !this.accessesMemory(instruction)) return false;
    return (
      (words[instruction + InstructionWord.RegistersWritten] &
        words[instruction + InstructionWord.AddressRegisters]) !==
      0
    );
  }

  /** Its data address when it has executed, as Micro.CheckBank wants it: registers packed, displacement. */
  addressAfter(instruction: number): [registers: number, displacement: number] {
    const { words } = this;
    const trait = this.trait(instruction);
    if ((trait & FormTrait.Push) !== 0) return [Word.Esp | (Word.Zero << 8), 0];
    if ((trait & FormTrait.Pop) !== 0) return [Word.Esp | (Word.Zero << 8), -4];
    const registers =
      words[instruction + InstructionWord.Base] |
      (words[instruction + InstructionWord.Index] << 8) |
      (words[instruction + InstructionWord.Shift] << 16);
    return [registers, words[instruction + InstructionWord.Displacement]];
  }

  /** Whether its data access is an implicit one of the stack. */
  usesStack(instruction: number): boolean {
    return (this.trait(instruction) & STACK) !== 0;
  }

  /** Whether what follows is fetched anew and owes nothing to what came before. */
  redirects(instruction: number): boolean {
    return (this.trait(instruction) & FormTrait.Redirects) !== 0;
  }

  isSerializing(instruction: number): boolean {
    return (this.trait(instruction) & FormTrait.Serializing) !== 0;
  }

  /** Whether the instruction reads or writes data memory. */
  accessesMemory(instruction: number): boolean {
    const trait = this.trait(instruction);
    if ((trait & FormTrait.ImplicitMemory) !== 0) return true;
    if ((trait & FormTrait.AddressOnly) !== 0) return false;
    return (this.words[instruction + InstructionWord.Operands] & OperandBits.Memory) !== 0;
  }

  /** What can be said of a pair's banks before its addresses are known. */
  banks(first: number, second: number): PairBank {
    if (!this.accessesMemory(first) || !this.accessesMemory(second)) return PairBank.None;
    const traits = this.trait(first) | this.trait(second);
    // Where the second one crosses its container, the first one does so too: only then nothing is left to the addresses.
    const covered = this.bytesOf(second) <= this.bytesOf(first);
    if (this.usesStack(first) && this.usesStack(second)) return covered ? PairBank.Different : PairBank.ByAddress;
    if ((traits & FormTrait.ImplicitMemory) !== 0) return PairBank.ByAddress;
    const { words } = this;
    const sameRegisters =
      words[first + InstructionWord.Base] === words[second + InstructionWord.Base] &&
      words[first + InstructionWord.Index] === words[second + InstructionWord.Index] &&
      words[first + InstructionWord.Shift] === words[second + InstructionWord.Shift] &&
      ((words[first + InstructionWord.Operands] ^ words[second + InstructionWord.Operands]) & ADDRESS_BITS) === 0;
    if (!sameRegisters) return PairBank.ByAddress;
    const distance = words[second + InstructionWord.Displacement] - words[first + InstructionWord.Displacement];
    if ((distance & 31) === 0) return PairBank.Same;
    return (distance & 3) === 0 && covered ? PairBank.Different : PairBank.ByAddress;
  }

  isConditional(instruction: number): boolean {
    return (this.words[instruction + InstructionWord.TimingClass] & TimingBits.Conditional) !== 0;
  }

  /** Bytes of the data that it accesses. */
  bytesOf(instruction: number): number {
    const bits = this.words[instruction + InstructionWord.Operands];
    if ((bits & OperandBits.Byte) !== 0) return 1;
    return (bits & OperandBits.Operand32) !== 0 ? 4 : 2;
  }

  private kind(instruction: number): number {
    const kind = (this.words[instruction + InstructionWord.TimingClass] & TimingBits.KindMask) >> TimingBits.KindShift;
    // Only a rotation that pairs after all (see `pairing`) gets here with that kind.
    if (kind !== Kind.OTHER) return kind;
    return (this.words[instruction + InstructionWord.Operands] & OperandBits.Memory) !== 0 ? Kind.RMW : Kind.REG;
  }

  /** ROL and ROR by an immediate of 1 pair like their one-byte-shorter forms; by another one if the configuration says so. */
  private pairing(instruction: number, bits: number): Pairing {
    if ((this.trait(instruction) & FormTrait.RotateImmediate) === 0) return bits & TimingBits.PairingMask;
    const one = this.words[instruction + InstructionWord.Immediate] === 1;
    return one || this.configuration.rotateImmediatePairs ? Pairing.PU : Pairing.NP;
  }

  /** Whether ESP is the register that a PUSH or POP of the one-byte map names. */
  private namesStackPointer(instruction: number): boolean {
    return this.registerField(instruction) === 4;
  }

  /** Registers read, written or used for addresses. */
  private used(instruction: number): number {
    const { words } = this;
    return (
      words[instruction + InstructionWord.RegistersRead] |
      words[instruction + InstructionWord.RegistersWritten] |
      words[instruction + InstructionWord.AddressRegisters]
    );
  }

  private registerField(instruction: number): number {
    return (this.words[instruction + InstructionWord.Operands] & OperandBits.RegisterMask) >> OperandBits.RegisterShift;
  }

  /**
   * How many of the first `count` consecutive records from `first` on form whole groups when paired from the start: all, or all but
   * the last one, which then may pair with what follows.
   */
  wholeGroups(first: number, count: number): number {
    let index = 0;
    while (index < count - 1) {
      const record = first + index * InstructionWord.Words;
      index += this.canPair(record, record + InstructionWord.Words) ? 2 : 1;
    }
    const last = first + (count - 1) * InstructionWord.Words;
    return index === count - 1 && count > 1 && this.canIssueFirst(last) ? count - 1 : count;
  }
}
