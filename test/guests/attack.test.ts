/** The attacker in the place of a replica: whatever it does, nobody else's memory changes, and the service goes on. */
import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeVoteLog, decodeWorkloadResult } from "../../tools/image/boot-config.ts";
import { type BootedGuests, bootGuests, THREAD } from "./boot.ts";

/** All of it takes minutes; a part of it runs everywhere, the whole where the oracles are asked for. */
const WHOLE = process.env.QUORUM86_REQUIRE_ORACLES === "1";
const PAGE_STRIDE = WHOLE ? 1 : 64;
const RANDOM_CALLS = WHOLE ? 1_000_000 : 20_000;
const CLIENT_DELAY_SECONDS = WHOLE ? 300 : 20;

const ATTACKER = 3;
const ATTACK_STARTS_CYCLE = 20_000_000;
const CYCLES_PER_SECOND = 100_000_000;
const PHASE_DONE = 7;

const key = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const iv = Buffer.alloc(16, 7);
const input = Buffer.alloc(480, "the quick brown fox ");

/** Words of `attack_report` in guests/attack/attack.h. */
interface AttackReport {
  readonly phase: number;
  readonly pages: number;
  readonly readable: number;
  readonly writable: number;
  readonly executable: number;
  readonly messages: number;
  readonly calls: number;
  readonly faults: number;
}

function readReport({ machine, symbol }: BootedGuests): AttackReport {
  const at = symbol(THREAD.firstReplica + ATTACKER - 1, "attacker", "attack_report");
  if (at === undefined) throw new Error("attack_report is not mapped");
  const word = (i: number): number => machine.memory.read32(at + 4 * i) >>> 0;
  return {
    phase: word(1),
    pages: word(2),
    readable: word(3),
    writable: word(4),
    executable: word(5),
    messages: word(6),
    calls: word(7),
    faults: word(8),
  };
}

/** Frames that are nobody's but the other tasks': bystanders wait in a closed receive, or have not started. */
function bystanderFrames({ kernel }: BootedGuests): Map<number, string> {
  const bystanders = new Map(
    [THREAD.client, THREAD.firstReplica, THREAD.firstReplica + 1].map((number) => {
      const thread = kernel.thread(number);
      if (thread === undefined) throw new Error(`no thread ${number}`);
      return [thread.space, `thread ${number}`];
    }),
  );
  const frames = new Map<number, string>();
  for (let frame = 0; frame < kernel.kernelMemory.end; frame += 4096) {
    const owner = kernel.owner(frame);
    const name = owner.space === undefined ? undefined : bystanders.get(owner.space);
    if (name !== undefined && owner.kind !== "kernel") frames.set(frame, `${owner.name} of ${name}`);
  }
  return frames;
}

describe("an attacker in the place of replica 3", () => {
  it("changes no word of a bystander, leaves the kernel sound, and the others serve on", { timeout: 1_800_000 }, () => {
    const guests = bootGuests({
      replicas: ["replica-bytewise", "replica-bitslice", "attacker"],
      workload: { operation: "encrypt", mode: "ctr", key, iv, input, iterations: 0 },
      clientDelayMicroseconds: CLIENT_DELAY_SECONDS * 1_000_000,
      replicaDelayMicroseconds: { [ATTACKER]: 300_000 },
      secondThreads: true,
      parameters: { [ATTACKER]: [PAGE_STRIDE, RANDOM_CALLS] },
    });
    const { machine, kernel } = guests;
    const text = (frame: number): string => Buffer.from(machine.memory.readBytes(frame, 4096)).toString("latin1");

    machine.run({ cycle: ATTACK_STARTS_CYCLE });
    const frames = bystanderFrames(guests);
    const before = new Map([...frames.keys()].map((frame) => [frame, text(frame)]));
    const moduleBefore = Buffer.from(guests.workload()).toString("latin1");
    expect(frames.size).toBeGreaterThan(10);

    const end = CLIENT_DELAY_SECONDS * CYCLES_PER_SECOND;
    while (machine.cycles < end && !guests.console().includes("stopped")) {
      expect(machine.run({ cycle: machine.cycles + CYCLES_PER_SECOND })).toEqual({ kind: "cycle" });
    }
    const report = readReport(guests);
    expect(report).toMatchObject({ phase: PHASE_DONE, calls: RANDOM_CALLS, executable: 0 });
    expect(report.pages).toBe((1 << 20) / PAGE_STRIDE);
    // Its own image, information page, UTCB, the kernel interface page and the %gs page; the last two it can't write.
    expect(report.readable).toBeLessThan(20);
    expect(report.writable).toBeLessThan(10);
    expect(report.faults).toBeGreaterThan(3 * (report.pages - 20));

    const changed = [...frames].filter(([frame]) => text(frame) !== before.get(frame)).map(([, name]) => name);
    expect(changed).toEqual([]);
    expect(Buffer.from(guests.workload()).toString("latin1")).toBe(moduleBefore);
    expect(kernel.check()).toEqual([]);

    expect(machine.run({ cycle: end + CYCLES_PER_SECOND })).toEqual({ kind: "power-off", code: 0 });
    const result = decodeWorkloadResult(guests.workload());
    const expected = createCipheriv("aes-128-ctr", key, iv).update(input);
    expect(Buffer.from(result.output)).toEqual(expected);
    const votes = decodeVoteLog(guests.voteLog())?.votes ?? [];
    for (const vote of votes)
      expect(vote).toMatchObject({ trapped: [ATTACKER], dissenting: [], late: [], replied: [1, 2] });
    expect(votes.map(({ round }) => round)).toEqual([0, 1, 2, 3]);
    expect(kernel.check()).toEqual([]);
  });
});
