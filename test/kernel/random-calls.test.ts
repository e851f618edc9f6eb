import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Snapshot, Word } from "../../emulator/index.ts";
import { ANY, CALLS, type GuestScript, NIL, period } from "./support/guest-script.ts";
import { idOf, KIP_BASE, localIdOf, Rig, ROOT, SCRATCH, SIGMA0, UTCB_BASE } from "./support/rig.ts";

/**
 * System calls with arbitrary registers and message registers, from an unprivileged space and from root's: whatever comes,
 * the checker finds nothing, the machine goes on, and an unprivileged caller changes no word that is not its own.
 */

/** For a longer search: QUORUM86_RANDOM_CALLS=runs[,seed]. */
const [RUNS = 120, SEED = 11] = (process.env.QUORUM86_RANDOM_CALLS ?? "").split(",").filter(Boolean).map(Number);

const MEMORY = 12 << 20;
const CALLER = 60;

interface Stage {
  readonly rig: Rig;
  readonly snapshot: Snapshot;
  /** An endless loop that the caller can execute. */
  readonly loop: number;
}

/** Receives for ever, into any window, and writes nothing itself; with a buffer, 80 bytes of strings too. */
function listen(script: GuestScript, from: number, buffer = 0): void {
  script.setTcr(-64, buffer === 0 ? 0x10 : 0x11);
  script.setTcr(-68, (80 << 10) >>> 0).setTcr(-72, buffer);
  const again = script.code.here;
  script.callOnly("Ipc", { eax: NIL, edx: from, ecx: 0, esi: 0 });
  script.code.jump(again);
}

/** Root asleep, a pager, a listening neighbour in another space, two threads of root's that are blocked, and the caller, running. */
function stage(privileged: boolean): Stage {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  rig.startPager();
  const [caller, neighbour, sending, waiting] = [rig.script(), rig.script(), rig.script(), rig.script()];
  for (let page = 0; page < 3; page++) caller.poke(SCRATCH + 0x1000 * page, 1);
  const loop = caller.code.here;
  caller.spin();
  listen(neighbour, ANY, privileged ? SCRATCH + 0x4000 : 0);
  sending.callOnly("Ipc", { eax: ROOT, edx: NIL, ecx: 0, esi: 0 });
  listen(waiting, idOf(CALLER), privileged ? SCRATCH + 0x5000 : 0);
  rig.spawnSpace(61, idOf(51), neighbour);
  if (privileged) rig.createLocal(CALLER, 2);
  else rig.createSpace(CALLER, idOf(51));
  rig.spawn(62, 3, sending);
  rig.spawn(63, 4, waiting);
  rig.start(CALLER, caller);
  rig.run(20);
  if (rig.kernel.currentThread() !== idOf(CALLER)) throw new Error("the caller does not run");
  return { rig, snapshot: rig.machine.snapshot(), loop };
}

// biome-ignore format: one list of words
const interesting = fc.constantFrom(
  0, 1, 2, 0x3f, 0x40, 0x80, 0xc0, 0x102, 0x10, 0x17, 0xfff, ANY, 0xffff_ffc0, ROOT, SIGMA0, idOf(51), idOf(60), idOf(61),
  idOf(62), idOf(63), idOf(64), idOf(70, 3), idOf(3), idOf(4), idOf(0), idOf(20), idOf(1023), idOf(1024), localIdOf(0),
  localIdOf(3), UTCB_BASE, UTCB_BASE + 0x200, KIP_BASE | 0xc0, (UTCB_BASE | 0x110) >>> 0, SCRATCH | 0xc7, SCRATCH | 0xe7,
  SCRATCH | 8, SCRATCH | 10, 64 << 10, (4000 << 10) | 0x10, (32 << 10) | 0x230, 0x2000_0008, 0xf000_00c7, 0xbff0_00c7, 0x11e, 0x101, 0x9e, 6, period(3000), 0x0400_0400,
  0x8001_8001, 0x7fff_ffff, 0x03f8_0c27, 0x0000_4027,
);
const word = fc.oneof({ weight: 4, arbitrary: interesting }, fc.integer({ min: 0, max: 0xffff_ffff }));
const call = fc.tuple(
  fc.integer({ min: 0, max: CALLS.length - 1 }),
  fc.array(word, { minLength: 7, maxLength: 7 }),
  fc.array(word, { minLength: 8, maxLength: 8 }),
  word,
);

const REGISTERS = [Word.Eax, Word.Ecx, Word.Edx, Word.Ebx, Word.Ebp, Word.Esi, Word.Edi];

/** Lets the caller, if it is the one that runs, make a system call and return to its loop. */
function make(
  { rig, loop }: Stage,
  which: number,
  values: readonly number[],
  mrs: readonly number[],
  br0: number,
): void {
  const { machine, kernel } = rig;
  const caller = kernel.thread(CALLER);
  const stack = kernel.translate(CALLER, SCRATCH + 0x800);
  if (caller === undefined || stack === undefined) return;
  if (machine.cpu.cpl !== 3 || kernel.currentThread() !== caller.globalId) return;
  const ipc = CALLS[which] === "Ipc" || CALLS[which] === "Lipc";
  REGISTERS.forEach((register, i) => {
    machine.cpu.words[register] = values[i];
  });
  mrs.forEach((value, i) => {
    machine.memory.write32(caller.utcb + 0x100 + 4 * i, value);
  });
  machine.memory.write32(caller.utcb + 0x100 - 64, br0);
  machine.memory.write32(stack, loop);
  machine.cpu.words[Word.Esp] = SCRATCH + 0x800;
  machine.cpu.words[Word.Eip] = KIP_BASE + 0x800 + 0x20 * which;
  if (ipc && mrs[7] % 2 === 0) machine.cpu.words[Word.Esi] &= 0xffff_01ff;
  machine.cpu.stateReplaced();
  machine.run({ cycle: machine.cycles + 4000 });
}

describe("random system calls", () => {
  it("from an unprivileged space: consistent, and no foreign word changes", () => {
    const unprivileged = stage(false);
    const { machine, kernel } = unprivileged.rig;
    const own = kernel.thread(CALLER)?.space ?? -1;
    const sigma0 = kernel.thread(48)?.space ?? -1;
    const bytesOf = (page: number): Buffer => Buffer.from(machine.memory.readBytes(page, 4096));
    const isForeign = (page: number): boolean => {
      const { spaces } = kernel.owner(page);
      // sigma0 keeps books of whom it gave memory: its service may change its own pages.
      return !spaces?.includes(own) && !(spaces?.length === 1 && spaces[0] === sigma0);
    };
    const before = new Map<number, Buffer>();
    for (let page = 0; page < kernel.kernelMemory.start; page += 4096)
      if (isForeign(page)) before.set(page, bytesOf(page));
    expect(before.size).toBeGreaterThan(1000);
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 6 }), (calls) => {
        machine.restore(unprivileged.snapshot);
        for (const [which, values, mrs, br0] of calls) make(unprivileged, which, values, mrs, br0);
        expect(machine.run({ cycle: machine.cycles + 300_000 }).kind).toBe("cycle");
        expect(kernel.check()).toEqual([]);
        for (const [page, bytes] of before) if (isForeign(page)) expect(bytesOf(page).equals(bytes)).toBe(true);
        for (const thread of [48, 50, 51, 61, 62, 63]) expect(kernel.thread(thread)?.halted).toBe(false);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it("from root's space: consistent, whatever it creates, moves and deletes", () => {
    const privileged = stage(true);
    const { machine, kernel } = privileged.rig;
    const results = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 12 }), (calls) => {
        machine.restore(privileged.snapshot);
        for (const [which, values, mrs, br0] of calls) make(privileged, which, values, mrs, br0);
        expect(["cycle", "power-off"]).toContain(machine.run({ cycle: machine.cycles + 300_000 }).kind);
        expect(kernel.check()).toEqual([]);
        for (const { path, count } of kernel.accounts().kernel) results.set(path, (results.get(path) ?? 0) + count);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // Every system call has been reached.
    expect([...results.keys()]).toEqual(
      expect.arrayContaining([
        "Ipc",
        "ThreadControl",
        "SpaceControl",
        "Unmap",
        "ExchangeRegisters",
        "Schedule",
        "ThreadSwitch",
      ]),
    );
  });
});
