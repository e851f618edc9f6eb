/** Random faults of every kind that mean something in `smallPlan`. */
import type { Kernel } from "../../../kernel/index.ts";
import { CPU_REGISTERS, REGISTERS, SEGMENT_NAMES } from "../../../tools/faults/cpu-registers.ts";
import {
  type Fault,
  type FaultModel,
  type FaultTarget,
  type FaultTrigger,
  IPC_PHASES,
  TLB_NAMES,
  TLB_PARTS,
  TLB_SETS,
  targetBits,
} from "../../../tools/faults/fault.ts";
import { placeName } from "../../../tools/faults/kernel-places.ts";
import type { Random } from "../support/random.ts";

/** What a plan has that faults can name. */
export interface FaultNames {
  readonly components: readonly string[];
  /** A component, and its functions and variables of interest. */
  readonly component: string;
  readonly functions: readonly string[];
  readonly variables: readonly string[];
}

const SMALL_PLAN: FaultNames = {
  components: ["replica-1", "replica-2", "replica-3", "voter", "client", "console"],
  component: "replica-2",
  functions: ["mix_columns"],
  variables: ["aes_state", "aes_round_keys", "reply"],
};
const REPLICA_CODE = 0x0804_8000;

export function randomFault(random: Random, kernel: Kernel, cycles: number, names = SMALL_PLAN): Fault {
  const target = randomTarget(random, kernel, names);
  return { target, model: randomModel(random, target), trigger: randomTrigger(random, cycles, names) };
}

function randomTarget(random: Random, kernel: Kernel, names: FaultNames): FaultTarget {
  const component = random.pick(names.components);
  const address = REPLICA_CODE + 4 * random.below(0x1800);
  const tlb = random.pick(TLB_NAMES);
  const part = random.pick(TLB_PARTS);
  switch (random.below(13)) {
    case 0:
      return { component, register: random.pick(REGISTERS) };
    case 1:
      return { component, segment: random.pick(SEGMENT_NAMES) };
    case 2:
      return { component, control: "cr3" };
    case 3:
      return {
        component: names.component,
        symbol: random.pick(names.variables),
        offset: random.below(32),
      };
    case 4:
      return { component, address: address + random.below(4) };
    case 5:
      return { component, pte: address };
    case 6:
      return { component, pde: address };
    case 7:
      return { component, mr: random.below(64) };
    case 8:
      return { physical: random.below(16 << 20) };
    case 9:
      return { cpu: random.pick(CPU_REGISTERS) };
    case 10:
      return { tlb, set: random.below(TLB_SETS[tlb]), way: random.below(4), part };
    case 11:
      return { tlb, linear: address, part };
    default: {
      const structure = random.pick(kernel.structures().filter(({ kind }) => kind !== "free"));
      const element = structure.count > 1 ? { of: random.below(Math.min(structure.count, 128)) } : {};
      const field = structure.fields.length === 0 ? {} : { field: random.pick(structure.fields).name };
      return { kernel: placeName(structure.name), ...element, ...field, offset: 0 };
    }
  }
}

function randomModel(random: Random, target: FaultTarget): FaultModel {
  const mask = targetBits(target);
  const exist = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) !== 0);
  const bits = [...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(exist)))];
  const clocks = random.below(2) === 0 ? {} : { clocks: 1 + random.below(200_000) };
  const isEip = ("register" in target && target.register === "eip") || ("cpu" in target && target.cpu === "eip");
  switch (random.below(isEip ? 5 : 4)) {
    case 0:
      return { flip: bits };
    case 1:
      return { set: (random.word() & mask) >>> 0 };
    case 2:
      return { stuckAt0: bits, ...clocks };
    case 3:
      return { stuckAt1: bits, ...clocks };
    default:
      return { skip: 1 + random.below(3) };
  }
}

function randomTrigger(random: Random, cycles: number, names: FaultNames): FaultTrigger {
  const { component } = names;
  const nth = 1 + random.below(40);
  switch (random.below(9)) {
    case 0:
      return { cycle: random.below(cycles) };
    case 1:
      return { instruction: random.below(60_000) };
    case 2:
      return { execute: { component, symbol: random.pick(names.functions), offset: 0 }, nth };
    case 3:
      return { read: { component, symbol: random.pick(names.variables), offset: 0, bytes: 16 }, nth };
    case 4:
      return { write: { component, symbol: random.pick(names.variables), offset: 0, bytes: 16 }, nth };
    case 5:
      return { ipc: { component, phase: random.pick(IPC_PHASES) }, nth: 1 + random.below(3) };
    case 6:
      return { round: 1 + random.below(3) };
    case 7:
      return { interrupt: { vector: 0x20 }, nth: 1 + random.below(3) };
    default:
      return { exception: { vector: 14 }, nth };
  }
}
