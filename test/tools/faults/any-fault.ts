/** Every fault that the schema allows, for fast-check. */
import fc from "fast-check";
import { CPU_REGISTERS, REGISTERS, SEGMENT_NAMES } from "../../../tools/faults/cpu-registers.ts";
import {
  type Fault,
  type FaultModel,
  type FaultTarget,
  type FaultTrigger,
  IPC_PHASES,
  RESERVED_NAMES,
  TLB_PARTS,
  TLB_SETS,
  targetBits,
  triggerLacksComponent,
} from "../../../tools/faults/fault.ts";

const component = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((name) => !RESERVED_NAMES.includes(name));
const word = fc.nat(0x7fffffff).map((value) => value * 2 + (value & 1));
const offset = fc.oneof(fc.constant(0), word);
const symbol = fc.oneof(
  fc.stringMatching(/^[a-zA-Z_.][a-zA-Z0-9_.]{0,12}$/),
  fc.constantFrom("eax", "ds", "cr3", "skip", "symbol", "pte", "mr"),
);
const positive = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));

const tlb = fc.constantFrom("code" as const, "data" as const, "large" as const);
const part = fc.constantFrom(...TLB_PARTS);
const place = fc.oneof(
  fc.record({ component, symbol, offset }, { requiredKeys: ["symbol", "offset"] }),
  fc.record({ component, address: word }, { requiredKeys: ["address"] }),
);
const bytes = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 0x1_0000 }));

export const anyTarget: fc.Arbitrary<FaultTarget> = fc.oneof(
  fc.record({ component, register: fc.constantFrom(...REGISTERS) }),
  fc.record({ component, segment: fc.constantFrom(...SEGMENT_NAMES) }),
  fc.record({ component, control: fc.constant("cr3" as const) }),
  fc.record({ component, symbol, offset }),
  fc.record({ component, address: word }),
  fc.record({ component, pte: word }),
  fc.record({ component, pde: word }),
  fc.record({ component, mr: fc.nat(63) }),
  fc.record({ physical: word }),
  fc.record({ cpu: fc.constantFrom(...CPU_REGISTERS) }),
  fc
    .record({ tlb, set: fc.nat(15), way: fc.nat(3), part })
    .map((entry) => ({ ...entry, set: entry.set % TLB_SETS[entry.tlb] })),
  fc.record({ tlb, linear: word, part }),
  fc.record(
    {
      kernel: fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/),
      of: fc.oneof(component, word),
      table: fc.nat(1023),
      field: fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,12}$/),
      offset,
    },
    { requiredKeys: ["kernel", "offset"] },
  ),
);

function modelOf(target: FaultTarget): fc.Arbitrary<FaultModel> {
  const mask = targetBits(target);
  const exist = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) !== 0);
  const bits = fc.uniqueArray(fc.constantFrom(...exist), { minLength: 1 });
  const changes: fc.Arbitrary<FaultModel>[] = [
    fc.record({ flip: bits }),
    fc.record({ set: word.map((value) => (value & mask) >>> 0) }),
    fc.record({ stuckAt0: bits, clocks: positive }, { requiredKeys: ["stuckAt0"] }),
    fc.record({ stuckAt1: bits, clocks: positive }, { requiredKeys: ["stuckAt1"] }),
  ];
  const isEip = ("register" in target && target.register === "eip") || ("cpu" in target && target.cpu === "eip");
  return fc.oneof(...changes, ...(isEip ? [fc.record({ skip: fc.integer({ min: 1, max: 1000 }) })] : []));
}

const vector = fc.record({ component, vector: fc.nat(255) }, { requiredKeys: ["vector"] });
const nth = positive;
export const anyTrigger: fc.Arbitrary<FaultTrigger> = fc.oneof(
  fc.record({ cycle: fc.maxSafeNat() }),
  fc.record({ instruction: fc.maxSafeNat() }),
  fc.record({ round: positive }),
  fc.record({ execute: place, nth }),
  fc.record({ read: fc.tuple(place, bytes).map(([where, length]) => ({ ...where, bytes: length })), nth }),
  fc.record({ write: fc.tuple(place, bytes).map(([where, length]) => ({ ...where, bytes: length })), nth }),
  fc.record({
    ipc: fc.record(
      { component, phase: fc.constantFrom(...IPC_PHASES), with: component, round: positive },
      { requiredKeys: ["phase"] },
    ),
    nth,
  }),
  fc.record({ interrupt: vector, nth }),
  fc.record({ exception: vector, nth }),
);

export const anyFault: fc.Arbitrary<Fault> = anyTarget
  .chain((target) => fc.record({ target: fc.constant(target), model: modelOf(target), trigger: anyTrigger }))
  .filter((fault) => !triggerLacksComponent(fault));
