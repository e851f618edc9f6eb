/** One replica of three lies in every way it can: the output is right, the liar is named, nobody else is, no round takes too long. */
import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeVoteLog, decodeWorkloadResult } from "../../tools/image/boot-config.ts";
import { type BootedGuests, bootGuests } from "./boot.ts";

/** `enum act` of guests/byzantine/main.c. */
const Act = {
  wrongValue: 1,
  wrongStatus: 2,
  silent: 3,
  late: 4,
  repeat: 5,
  babble: 6,
  flood: 7,
  short: 8,
  long: 9,
  map: 10,
  string: 11,
  wrongRound: 12,
  replay: 13,
  hello: 14,
  forge: 15,
  hang: 16,
  pageFault: 17,
  divide: 18,
  badOpcode: 19,
  port: 20,
  stackOverflow: 21,
  tellRoot: 22,
  floodRoot: 23,
  floodConsole: 24,
  floodSigma0: 25,
} as const;

const DEADLINE_US = 50_000;
const CYCLES_PER_US = 100;
const ROUNDS = 6;
const LIAR = 2;
/** The first request that is answered falsely, from 1. */
const FROM = 3;

const key = Buffer.alloc(16, 0x3c);

/** The liar lies `times` times (0: always) in a workload of so many rounds. */
function runWith(act: keyof typeof Act, times = 0, rounds = ROUNDS): BootedGuests {
  const input = Buffer.alloc(rounds * 14 * 16, "lies, all lies. ");
  const guests = bootGuests({
    replicas: ["replica-bytewise", "byzantine", "replica-bitslice"],
    workload: { operation: "encrypt", mode: "ecb", key, iv: new Uint8Array(16), input, iterations: 0 },
    deadlineMicroseconds: DEADLINE_US,
    parameters: { [LIAR]: [Act[act] | (times << 16), FROM - 1] },
  });
  expect(guests.machine.run({ cycle: 2_000_000_000 })).toEqual({ kind: "power-off", code: 0 });
  const expected = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(input);
  expect(Buffer.from(decodeWorkloadResult(guests.workload()).output)).toEqual(expected);
  expect(guests.kernel.check()).toEqual([]);
  return guests;
}

type Reason = "dissenting" | "late" | "trapped";

/** Rounds in which the liar is named for a reason; nobody else may be named at all. */
function namedFor({ voteLog }: BootedGuests): Record<Reason, number[]> {
  const named: Record<Reason, number[]> = { dissenting: [], late: [], trapped: [] };
  for (const vote of decodeVoteLog(voteLog())?.votes ?? []) {
    for (const reason of ["dissenting", "late", "trapped"] as const) {
      expect(vote[reason].filter((replica) => replica !== LIAR)).toEqual([]);
      if (vote[reason].includes(LIAR)) named[reason].push(vote.round);
    }
  }
  return named;
}

const STRUCK = [3, 4, 5, 6];

describe("a replica that lies", () => {
  it.each(["wrongValue", "wrongStatus", "short", "long", "wrongRound", "babble"] as const)(
    "%s: outvoted in every round from there on",
    (act) => {
      const guests = runWith(act);
      expect(namedFor(guests)).toEqual({ dissenting: STRUCK, late: [], trapped: [] });
      expect(guests.console()).toContain(
        "voter: round 3: replica-2 outvoted (wrong value), majority replica-1 replica-3\n",
      );
    },
  );

  it.each(["repeat", "tellRoot"] as const)("%s: does no harm and is no wrong answer", (act) => {
    expect(namedFor(runWith(act))).toEqual({ dissenting: [], late: [], trapped: [] });
  });

  it("forge: a message in another replica's name is not counted for that replica", () => {
    const { dissenting, late, trapped } = namedFor(runWith("forge"));
    expect({ late, trapped }).toEqual({ late: [], trapped: [] });
    expect(STRUCK).toEqual(expect.arrayContaining(dissenting));
  });

  /** A message with a mapping or a string never arrives: the voter accepts neither. */
  it.each(["silent", "hang", "map", "string"] as const)(
    "%s: late once for the length of a deadline, then not waited for",
    (act) => {
      const guests = runWith(act);
      expect(namedFor(guests)).toEqual({ dissenting: [], late: STRUCK, trapped: [] });
      expect(guests.console()).toContain("voter: round 3: replica-2 late, majority replica-1 replica-3\n");
      const cycles = decodeVoteLog(guests.voteLog())!.votes.map(({ cycle }) => cycle);
      expect(cycles[1]! - cycles[0]!).toBeLessThan((DEADLINE_US * CYCLES_PER_US) / 2);
    },
  );

  it.each(["silent", "map"] as const)("%s once: asked again without being waited for, and back in the vote", (act) => {
    const guests = runWith(act, 1);
    const { dissenting, late, trapped } = namedFor(guests);
    expect({ dissenting, trapped }).toEqual({ dissenting: [], trapped: [] });
    expect([[3], [3, 4]]).toContainEqual(late);
  });

  it("late once: its old answer is drained, and it is back in the vote", () => {
    const rounds = 80;
    const guests = runWith("late", 1, rounds);
    const { dissenting, late, trapped } = namedFor(guests);
    expect({ dissenting, trapped }).toEqual({ dissenting: [], trapped: [] });
    expect(late.length).toBeGreaterThan(4);
    expect(late.length).toBeLessThan(rounds - 10);
    expect(late).toEqual(late.map((_, i) => FROM + i));
  });

  it.each(["late", "flood", "floodRoot", "floodConsole", "floodSigma0", "hello", "replay"] as const)(
    "%s: named in every round",
    (act) => {
      const { dissenting, late, trapped } = namedFor(runWith(act));
      expect([...new Set([...dissenting, ...late])].sort()).toEqual(STRUCK);
      expect(trapped).toEqual([]);
    },
  );

  it("no round is longer than the deadline and one tick, whatever is sent", () => {
    for (const act of ["flood", "floodRoot", "floodConsole", "floodSigma0", "hello", "babble"] as const) {
      const cycles = decodeVoteLog(runWith(act).voteLog())!.votes.map(({ cycle }) => cycle);
      const longest = Math.max(...cycles.slice(1).map((cycle, i) => cycle - cycles[i]!));
      expect(longest, act).toBeLessThan((DEADLINE_US + 4_000) * CYCLES_PER_US);
    }
  });

  it.each([
    ["pageFault", "page fault (write) at 0x30000000 ip 0x0804"],
    ["divide", "exception 0 (divide error) ip 0x0804"],
    ["badOpcode", "exception 6 (invalid opcode) ip 0x0804"],
    ["port", "access to I/O port 0x000000f4 ip 0x0804"],
    ["stackOverflow", "page fault (write) at 0x080"],
  ] as const)("%s: trapped, reported by root, and the others go on", (act, report) => {
    const guests = runWith(act);
    expect(namedFor(guests)).toEqual({ dissenting: [], late: [], trapped: STRUCK });
    expect(guests.console()).toContain(`root: replica-2: ${report}`);
    expect(guests.console()).toContain("voter: round 3: replica-2 trapped, majority replica-1 replica-3\n");
  });

  it("two of five hang in the same round: the other three are in time and agree", () => {
    const guests = bootGuests({
      replicas: ["byzantine", "replica-bytewise", "byzantine", "replica-ttable", "replica-bitslice"],
      faulty: 2,
      workload: {
        operation: "encrypt",
        mode: "ecb",
        key,
        iv: new Uint8Array(16),
        input: Buffer.alloc(896),
        iterations: 0,
      },
      deadlineMicroseconds: DEADLINE_US,
      parameters: { 1: [Act.hang, 1], 3: [Act.hang, 1] },
    });
    expect(guests.machine.run({ cycle: 2_000_000_000 })).toEqual({ kind: "power-off", code: 0 });
    for (const vote of decodeVoteLog(guests.voteLog())!.votes) {
      expect(vote).toMatchObject({ verdict: "majority", late: [1, 3], dissenting: [], replied: [2, 4, 5] });
    }
  });

  it("one of three lies and another is silent: no majority, the run fails and accuses nobody of a wrong value", () => {
    const guests = bootGuests({
      replicas: ["byzantine", "replica-bytewise", "byzantine"],
      faulty: 1,
      workload: {
        operation: "encrypt",
        mode: "ecb",
        key,
        iv: new Uint8Array(16),
        input: Buffer.alloc(896),
        iterations: 0,
      },
      deadlineMicroseconds: DEADLINE_US,
      parameters: { 1: [Act.wrongValue, 1], 3: [Act.silent, 1] },
    });
    expect(guests.machine.run({ cycle: 2_000_000_000 })).toEqual({ kind: "power-off", code: 1 });
    expect(decodeWorkloadResult(guests.workload()).status).toBe("no-majority");
    expect(guests.console()).toContain("voter: round 2: replica-3 late, no majority among replica-1 replica-2\n");
  });
});
