/**
 * Training of the host's compiler. V8 compiles the hot loop with what it has seen so far; the first operation of a kind that
 * it has not seen throws the compiled loop away, and compiling it anew takes a third of a second. So before the first
 * machine runs, a throw-away machine executes every micro-operation on every path: memo hit and miss, small and large
 * operands, branches taken and not, chained and not. No other machine's state is touched.
 */
import type { BlockCache } from "./block-cache.ts";
import type { Cpu } from "./cpu.ts";
import { absolute, encodeForm } from "./instructions/encode.ts";
import type { InstructionForm } from "./instructions/form.ts";
import { FORMS } from "./instructions/table.ts";
import { runInterpreter } from "./interpreter.ts";
import { Micro } from "./interpreter-micro.ts";
import { enterFlatProtectedMode } from "./segmentation.ts";
import { Counter, Word } from "./state.ts";

/** RAM that the throw-away machine needs. */
export const TRAINING_MEMORY_BYTES = 1 << 18;

const STRAIGHT_CODE = 0x1_0000;
const BRANCH_CODE = 0x1_c000;
const FAR_PAGE = 0x1_d000;
const PIPELINE_CODE = 0x1_e000;
/** Stack pointers: one whose page the data does not disturb, and a misaligned one, which always takes the slow path. */
const STACKS = [0x8000, 0x8000, 0x8001];
/** Two pages in one set of the data TLB (going from one to the other misses the memo), and a misaligned place. */
const ADDRESSES = [0x2_0100, 0x3_0100, 0x3_0108, 0x2_0103];
const BASES = [0x8100, 0x2_0200, 0x3_0200];
/** EAX ECX EDX EBX: all of int32, carries, signs, shift counts of 0. */
const PATTERNS: readonly (readonly number[])[] = [
  [1, 0, 3, 2],
  [0x7fff_ffff, 33, -1, 0x4000_0000],
  [-0x8000_0000, 7, 0x0102_8384, -2],
];
const ROUNDS = 3;
const ESP = 4;
const RET = 0xc3;

/** A loop through every kind of near transfer; linked at BRANCH_CODE, ECX passes. */
const BRANCH_LOOP = [
  // Twice: all sixteen Jcc over a NOP, then add ebx, 0x3456789b for other flags.
  "7001907101907201907301907401907501907601907701907801907901907a01907b01907c01907d01907e01907f019081c39b785634",
  "7001907101907201907301907401907501907601907701907801907901907a01907b01907c01907d01907e01907f019081c39b785634",
  "e842000000", // call to the RET at the end
  "e88a0f0000", // call to the RET on FAR_PAGE
  "b8b3c00100 ffd0", // mov eax, the RET; call eax
  "f6c301 b88ec00100 7405 b88fc00100 ffe0", // jmp to one of the next two instructions by bit 0 of EBX
  "90",
  "648b1500010200", // mov edx, fs:[0x20100]
  "678a5720", // mov dl, [bx+0x20]
  "37", // aaa, a handler inside a block
  "c60500c0010070", // rewrites the first byte of this loop with itself: its block dies
  "eb01 90", // jmp over a NOP
  "fa", // cli, a handler that ends a block
  "49 0f8553ffffff", // dec ecx; jnz to the start
  "fa e94dffffff", // cli; jmp to the start
  "c3",
].join("");

/** What a pipeline model does between blocks and in pairs: interlocks, banks, prefixes, branches that change their mind; endless. */
const PIPELINE_LOOP =
  "bb00010200eb008b03be00020200bf000302008b168b078b56048b47080fb6030fb7130fbe030fbf136601d0f6c101740190f6c10274029090e8230000008b43018983000400000103505aeb00eb00f6c1047405e808000000b800c7010049eb9f8a038803c3";

function isBranch({ micro }: InstructionForm): boolean {
  return micro >= Micro.Call && micro < Micro.SetIf;
}

/** Forms that become micro-operations, one for each operation and shape of operands. */
function straightForms(): InstructionForm[] {
  const seen = new Set<string>();
  return FORMS.filter((form) => {
    const shape = `${form.micro} ${form.operands.map(({ method, size }) => method + size).join()}`;
    if (form.micro < 0 || isBranch(form) || seen.has(shape)) return false;
    seen.add(shape);
    return true;
  });
}

/** mov esp, pointer; mov ebp, pointer */
function setStack(pointer: number): number[] {
  const bytes = [pointer & 0xff, pointer >> 8, 0, 0];
  return [0xbc, ...bytes, 0xbd, ...bytes];
}

/** mov edx, [address] */
function loadEdx(address: number): number[] {
  return [0x8b, 0x15, address & 0xff, (address >> 8) & 0xff, address >> 16, 0];
}

/** Examples of one form: register and memory operands, both operand sizes, every stack. */
function examples(form: InstructionForm): number[] {
  const { encoding } = form;
  const code: number[] = [];
  for (const operandSize of [32, 16] as const) {
    if ((form.implicitWritten & (1 << ESP)) !== 0) {
      for (const stack of STACKS) {
        code.push(
          ...setStack(stack),
          ...encodeForm(form, { operandSize, register: 3, rm: 0 }),
          ...setStack(STACKS[0] as number),
        );
      }
      continue;
    }
    const memoryOnly = form.operands.some(({ method }) => method === "M");
    if (!memoryOnly)
      code.push(...encodeForm(form, { operandSize, register: 3, rm: 0, immediates: [ADDRESSES[0] as number] }));
    if (!encoding.modRm && !encoding.immediates.includes("mo")) continue;
    for (const address of ADDRESSES) {
      const immediates = encoding.modRm ? [0x7f] : [address];
      const example = encodeForm(form, { operandSize, register: 3, rm: absolute(address), immediates });
      // After a load, and twice: a cache that a timing model keeps misses and hits.
      code.push(...loadEdx(address), ...example, ...example);
    }
  }
  return code;
}

/** Runs from `at` in slices of so many clocks: whole blocks in long ones, single instructions in short ones. */
function run(
  cpu: Cpu,
  blocks: BlockCache,
  at: number,
  registers: readonly number[],
  instructions: number,
  slice: number,
): void {
  const { words, counters } = cpu;
  registers.forEach((value, register) => {
    words[register] = value;
  });
  words[Word.Eip] = at;
  const until = counters[Counter.Instructions] + instructions;
  while (counters[Counter.Instructions] < until) {
    counters[Counter.LimitInstructions] = until;
    counters[Counter.LimitCycle] = counters[Counter.Cycles] + slice;
    runInterpreter(cpu, blocks);
  }
}

function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(" ", "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Runs every micro-operation on a CPU that nobody else uses, with TRAINING_MEMORY_BYTES of RAM. */
export function trainInterpreter(cpu: Cpu, blocks: BlockCache): void {
  const { memory } = cpu;
  enterFlatProtectedMode(cpu, STRAIGHT_CODE, STACKS[0] as number);
  const forms = straightForms().map((form) => examples(form));
  const straight = forms.flat();
  // The loop ends with a jump back to its start: E9 rel32.
  const back = -(straight.length + 5);
  memory.writeBytes(STRAIGHT_CODE, Uint8Array.from([...straight, 0xe9, back & 0xff, (back >> 8) & 0xff, 0xff, 0xff]));
  memory.writeBytes(BRANCH_CODE, bytesOf(BRANCH_LOOP));
  memory.writeBytes(PIPELINE_CODE, bytesOf(PIPELINE_LOOP));
  memory.write8(FAR_PAGE, RET);
  for (let round = 0; round < ROUNDS; round++) {
    PATTERNS.forEach((pattern, i) => {
      const registers = [1, 1000, 1, 0x0002_0100, STACKS[i] as number, ...BASES];
      run(cpu, blocks, BRANCH_CODE, registers, 120, 1);
      run(cpu, blocks, BRANCH_CODE, registers, 300, Number.POSITIVE_INFINITY);
      run(cpu, blocks, PIPELINE_CODE, registers, 600, Number.POSITIVE_INFINITY);
      run(cpu, blocks, PIPELINE_CODE, registers, 100, 7);
      run(
        cpu,
        blocks,
        STRAIGHT_CODE,
        [...pattern, STACKS[0] as number, ...BASES],
        forms.length * 30,
        Number.POSITIVE_INFINITY,
      );
    });
  }
}
