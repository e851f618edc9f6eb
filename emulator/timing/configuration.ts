/**
 * Every parameter of the P5 timing model, in one table.
 *
 * `confidence` says how sure the default is: I published by Intel · A measured by Agner Fog · P used by a peer model and not
 * contradicted · R from a publication, quoted from memory · D chosen by this project, nobody publishes a figure.
 * `section` is the section of the design document "Pentium P5/P54C timing specification" (p5-timing) that the figure is from;
 * README.md repeats what is uncertain. Clock counts of instructions are not here but in the rows of the instruction table,
 * those of interrupts and gates in event-costs.ts.
 */
export type Confidence = "I" | "A" | "P" | "R" | "D";

export interface Parameter<T extends number | boolean> {
  readonly default: T;
  readonly confidence: Confidence;
  readonly section: string;
  readonly unit: "core clocks" | "bus clocks" | "bytes" | "entries" | "hertz" | "ratio" | "switch";
  readonly meaning: string;
}

function clocks(value: number, confidence: Confidence, section: string, meaning: string): Parameter<number> {
  return { default: value, confidence, section, unit: "core clocks", meaning };
}

function busClocks(value: number, confidence: Confidence, section: string, meaning: string): Parameter<number> {
  return { default: value, confidence, section, unit: "bus clocks", meaning };
}

function bytes(value: number, confidence: Confidence, section: string, meaning: string): Parameter<number> {
  return { default: value, confidence, section, unit: "bytes", meaning };
}

function option(value: boolean, confidence: Confidence, section: string, meaning: string): Parameter<boolean> {
  return { default: value, confidence, section, unit: "switch", meaning };
}

export const P5_PARAMETERS = {
  coreClocksPerBusRatio: {
    default: 3,
    confidence: "I",
    section: "9.6",
    unit: "ratio",
    meaning: "core clocks in `busClocksPerBusRatio` bus clocks: 3 to 2 is 100 MHz on a 66 MHz bus",
  } as Parameter<number>,
  busClocksPerBusRatio: {
    default: 2,
    confidence: "I",
    section: "9.6",
    unit: "ratio",
    meaning: "bus clocks in `coreClocksPerBusRatio` core clocks",
  } as Parameter<number>,

  pairAfterPrefix: option(
    true,
    "I",
    "2.2-7",
    "a prefixed instruction may be the U member of a pair after its prefix clock",
  ),
  rotateImmediatePairs: option(
    false,
    "A",
    "2.4",
    "ROL and ROR by an immediate other than 1 pair in U (Intel) or never (Agner)",
  ),
  prefixShadowing: option(
    true,
    "A",
    "5",
    "clocks that a group spends waiting hide prefix clocks of the next two groups",
  ),
  firstExecutionMarks: option(
    true,
    "A",
    "6",
    "instructions whose boundaries are not marked in the code cache do not pair",
  ),
  btbNoAllocateUnmarked: option(false, "R", "6", "a branch executed without marks gets no branch target entry"),
  accumulatorStoreErratum: option(
    false,
    "I",
    "2.2-10",
    "MOV moffs,eax does not pair with an instruction that uses EAX",
  ),

  bankConflict: clocks(1, "I", "2.3", "both members of a pair access the same of the eight 4-byte banks"),
  secondMiss: clocks(1, "D", "2.3", "both members of a pair are delayed: the longer delay and this"),
  misaligned: clocks(3, "I", "9.3", "a datum crosses its natural container"),
  addressGenerationInterlock: clocks(1, "I", "4", "an address register was written in the preceding clock"),

  branchMispredictU: clocks(3, "I", "8.3", "branch in the U pipe predicted wrongly"),
  branchMispredictV: clocks(4, "I", "8.3", "conditional branch in the V pipe predicted wrongly"),

  dataCache: option(true, "I", "9.1", "first-level data cache; without it every access goes to the bus"),
  codeCache: option(true, "I", "9.1", "first-level code cache; without it every line is fetched from the bus"),
  missDetect: clocks(1, "D", "9.6", "from the access that misses to the address strobe"),
  dataReturn: clocks(1, "D", "9.6", "from the end of the bus transfer to the use of the datum"),

  l2Bytes: bytes(
    262_144,
    "D",
    "9.6",
    "second-level cache: direct-mapped, write-back, unified; 0 for none, else a power of two from 65536 to 524288",
  ),
  l2Read: busClocks(3, "R", "9.6", "second-level read: clocks to the first quadword (430FX, pipelined burst)"),
  l2ReadNext: busClocks(1, "R", "9.6", "second-level read: each of the three quadwords after it"),
  l2Write: busClocks(3, "R", "9.6", "second-level write: one quadword, or the first of a burst"),
  l2WriteNext: busClocks(1, "R", "9.6", "second-level write: each quadword after it"),
  dramPageHit: busClocks(7, "R", "9.6", "memory read, row open: clocks to the first quadword (430FX, EDO)"),
  dramRowMiss: busClocks(9, "R", "9.6", "memory read, no row open"),
  dramPageMiss: busClocks(12, "R", "9.6", "memory read, another row open"),
  dramReadNext: busClocks(2, "R", "9.6", "memory read: each quadword after the first"),
  dramRowBytes: bytes(4096, "D", "9.6", "a memory row"),
  dramBanks: {
    default: 2,
    confidence: "D",
    section: "9.6",
    unit: "entries",
    meaning: "memory banks, one open row each (power of two, at most 4)",
  } as Parameter<number>,
  dramWritePosted: busClocks(3, "D", "9.6", "memory write that finds room in the chipset's post buffer"),
  dramWriteDrain: busClocks(4, "D", "9.6", "the post buffer writes one quadword to memory"),
  dramPostBuffer: {
    default: 4,
    confidence: "D",
    section: "9.6",
    unit: "entries",
    meaning: "quadwords in the post buffer",
  } as Parameter<number>,

  ioIsa: clocks(75, "D", "9.6", "one port access: ISA, 8-bit device, 6 clocks of 8 MHz"),
  ioInta: clocks(30, "D", "9.6", "one of the two interrupt-acknowledge cycles"),
  lockedOverhead: busClocks(2, "D", "9.5", "a locked read-modify-write besides its read and its write"),
  pageWalk: clocks(5, "R", "9.4", "a TLB miss besides its table reads"),
  pageWalkLevel: clocks(4, "R", "9.4", "one table level found in the data cache (else its load time)"),
  selfModify: clocks(3, "D", "9.7", "a store into a line of the code cache that is being executed"),
} as const;

type Widen<T> = T extends boolean ? boolean : number;

/** Values of all parameters. */
export type P5Configuration = {
  readonly [Name in keyof typeof P5_PARAMETERS]: Widen<(typeof P5_PARAMETERS)[Name]["default"]>;
};

/** The defaults, with some replaced. Throws RangeError for values that the model cannot hold. */
export function p5Configuration(changes: Partial<P5Configuration> = {}): P5Configuration {
  const result: Record<string, number | boolean> = {};
  for (const [name, parameter] of Object.entries(P5_PARAMETERS)) result[name] = parameter.default;
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in result)) throw new RangeError(`unknown timing parameter ${name}`);
    if (typeof value !== typeof result[name])
      throw new RangeError(`timing parameter ${name} must be a ${typeof result[name]}`);
    if (typeof value === "number" && (!Number.isInteger(value) || value < 0)) {
      throw new RangeError(`timing parameter ${name} must be a whole number, not ${value}`);
    }
    result[name] = value;
  }
  const configuration = result as P5Configuration;
  const { l2Bytes, dramBanks, dramRowBytes } = configuration;
  if (l2Bytes !== 0 && !(isPowerOfTwo(l2Bytes) && l2Bytes >= 65_536 && l2Bytes <= 524_288)) {
    throw new RangeError(`timing parameter l2Bytes must be 0 or a power of two from 65536 to 524288, not ${l2Bytes}`);
  }
  if (!isPowerOfTwo(dramBanks) || dramBanks > 4)
    throw new RangeError(`timing parameter dramBanks must be 1, 2 or 4, not ${dramBanks}`);
  if (!isPowerOfTwo(dramRowBytes) || dramRowBytes < 32) {
    throw new RangeError(`timing parameter dramRowBytes must be a power of two of at least 32, not ${dramRowBytes}`);
  }
  if (
    configuration.coreClocksPerBusRatio < configuration.busClocksPerBusRatio ||
    configuration.busClocksPerBusRatio === 0
  ) {
    throw new RangeError("timing parameters: the core cannot be slower than the bus");
  }
  return configuration;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
