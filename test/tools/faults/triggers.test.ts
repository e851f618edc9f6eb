import { describe, expect, it } from "vitest";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { Random } from "../support/random.ts";
import { type Boundary, boundaryHistory } from "./boundary-history.ts";
import { smallPlan, symbolOf, threadOf } from "./small-plan.ts";

const LIMIT = 100_000_000;

describe.each(["simple", "p5"] as const)("triggers, %s timing", (timing) => {
  const plan = smallPlan(timing);
  const replica = threadOf(plan, "replica-2");
  const address = (symbol: string): number => symbolOf(plan, "replica-2", symbol);
  const functions = ["aes_process", "aes_encrypt_block", "aes_encrypt_round", "mix_columns", "memcpy"];
  const places = functions.map((name) => [name, address(name)] as const);
  const repMove = address("memcpy") + 24;
  const areas = {
    "aes_state+5": [address("aes_state") + 5, 1],
    "aes_state/16": [address("aes_state"), 16],
    "aes_round_keys+16/4": [address("aes_round_keys") + 16, 4],
    "aes_sbox/256": [address("aes_sbox"), 256],
  } as const satisfies Record<string, readonly [number, number]>;
  const history = boundaryHistory(
    new ScenarioRun(plan),
    [...places.map(([, at]) => at), repMove],
    Object.values(areas),
  );

  /** Where the fault strikes. The flip is of a bit of the vote log's padding: the guests never look there. */
  const struck = (trigger: string): Boundary & { readonly applied: boolean } => {
    const run = new ScenarioRun(plan, { faults: [parseFault(`physical:0x4:flip:0@${trigger}`)] });
    if (!run.advanceToFault(LIMIT)) return { cycle: -1, instructions: -1, applied: false };
    return { cycle: run.machine.cycles, instructions: run.machine.instructions, applied: true };
  };
  const at = ({ cycle, instructions }: Boundary) => ({ cycle, instructions, applied: true });
  const random = new Random(timing === "p5" ? 5 : 7);
  const picks = timing === "p5" ? 0 : 1;
  const pick = (count: number): number[] =>
    [count, ...(timing === "p5" ? [] : [1]), ...Array.from({ length: picks }, () => 1 + random.below(count))].filter(
      (nth) => nth > 0 && nth <= count,
    );

  it("execute: at the first boundary at which the component is to execute the instruction for the nth time", () => {
    for (const [name, where] of [...places, ["memcpy+24", repMove] as const]) {
      const count = [...history.arrivals.keys()].filter((key) => key.startsWith(`${replica}:${where}:`)).length;
      expect(count).toBeGreaterThan(0);
      for (const nth of pick(count)) {
        const expected = history.arrivals.get(`${replica}:${where}:${nth - 1}`)!;
        expect([name, nth, struck(`execute=replica-2:${name}#${nth}`)]).toEqual([name, nth, at(expected)]);
      }
      expect(struck(`execute=replica-2:${name}#${count + 1}`).applied).toBe(false);
    }
  });

  it.each(["read", "write"] as const)("%s: at the first boundary after the nth access of any byte", (kind) => {
    for (const [name, [start, length]] of Object.entries(areas)) {
      const expected = history.accesses.filter(
        ({ thread, write, linear, bytes }) =>
          thread === replica && write === (kind === "write") && linear < start + length && start < linear + bytes,
      );
      for (const nth of pick(expected.length))
        expect([name, nth, struck(`${kind}=replica-2:${name}#${nth}`)]).toEqual([name, nth, at(expected[nth - 1]!)]);
      expect(struck(`${kind}=replica-2:${name}#${expected.length + 1}`).applied).toBe(false);
    }
  });

  it("interrupt and exception: delivered, before the handler does anything", () => {
    const cases = [
      ["interrupt=0x20", history.deliveries.filter(({ vector }) => vector === 0x20)],
      [
        "interrupt=voter:0x20",
        history.deliveries.filter((d) => d.vector === 0x20 && d.thread === threadOf(plan, "voter")),
      ],
      ["interrupt=replica-2:0x30", history.deliveries.filter((d) => d.vector === 0x30 && d.thread === replica)],
      ["exception=14", history.deliveries.filter(({ vector, isException }) => vector === 14 && isException)],
      ["exception=replica-2:14", history.deliveries.filter((d) => d.vector === 14 && d.thread === replica)],
    ] as const;
    for (const [trigger, expected] of cases) {
      for (const nth of pick(expected.length))
        expect([trigger, nth, struck(`${trigger}#${nth}`)]).toEqual([trigger, nth, at(expected[nth - 1]!)]);
      expect(struck(`${trigger}#${expected.length + 1}`).applied).toBe(false);
    }
    expect(cases.map(([, expected]) => expected.length > 0)).toEqual([true, expect.any(Boolean), true, true, true]);
  });

  it("ipc: send and reply at the kernel's door, receive after the message has come", () => {
    const voter = threadOf(plan, "voter");
    const client = threadOf(plan, "client");
    const sends = history.calls.filter(({ thread, to }) => thread === replica && to !== 0);
    const replies = sends.filter(({ instructions, to }) => {
      const last = history.messages.filter(
        (m) => m.receiver === replica && m.protocol === "none" && m.instructions <= instructions,
      );
      return last.length > 0 && last.at(-1)!.sender === to >>> 14;
    });
    const received = history.messages.filter(({ receiver, protocol }) => receiver === voter && protocol === "none");
    const cases = [
      ["ipc=replica-2:send", sends],
      ["ipc=replica-2:reply", replies],
      ["ipc=voter:receive", received],
      ["ipc=voter:receive,with=client", received.filter(({ sender }) => sender === client)],
      ["ipc=voter:receive,with=replica-3", received.filter(({ sender }) => sender === threadOf(plan, "replica-3"))],
      [
        "ipc=voter:send,with=replica-2",
        history.calls.filter(({ thread, to }) => thread === voter && to >>> 14 === replica),
      ],
    ] as const;
    for (const [trigger, expected] of cases) {
      expect(expected.length).toBeGreaterThan(2);
      for (const nth of pick(expected.length))
        expect([trigger, nth, struck(`${trigger}#${nth}`)]).toEqual([trigger, nth, at(expected[nth - 1]!)]);
      expect(struck(`${trigger}#${expected.length + 1}`).applied).toBe(false);
    }
    // A replica serves: all that it sends after its start are replies, one for the key and one for each of three rounds.
    expect(replies.length).toBe(4);
  });

  it("round: when the voter has got the request, and the client waits for its answer", () => {
    for (const round of [1, 2, 3]) {
      const run = new ScenarioRun(plan, { faults: [parseFault(`physical:0x4:flip:0@round=${round}`)] });
      expect(run.advanceToFault(LIMIT)).toBe(true);
      expect(run.rounds).toBe(round - 1);
      const sent = history.messages.filter(({ cycle }) => cycle === run.machine.cycles);
      expect(sent).toMatchObject([{ sender: threadOf(plan, "client"), receiver: threadOf(plan, "voter") }]);
      const reply = struck(`ipc=replica-2:reply,round=${round}`);
      // The first reply is for the key.
      expect(reply).toEqual(struck(`ipc=replica-2:reply#${round + 1}`));
      expect(reply.cycle).toBeGreaterThan(run.machine.cycles);
    }
    expect(struck("round=4").applied).toBe(false);
  });
});

describe("watching for a trigger", () => {
  const plan = smallPlan();
  const golden = new ScenarioRun(plan);
  golden.advance(LIMIT);

  it.each([
    "execute=replica-2:mix_columns#999999",
    "read=voter:0x0804a000/4096#99999999",
    "write=client:0xdeadbeef",
    "ipc=replica-2:reply#50",
    "round=9",
    "interrupt=0x99",
    "exception=8",
    "instruction=999999999",
    "cycle=99999999999",
  ])("%s, which never comes, changes nothing and is said to have not come", (trigger) => {
    const run = new ScenarioRun(plan, { faults: [parseFault(`physical:0x19000:flip:0@${trigger}`)] });
    run.advance(LIMIT);
    expect(run.machine.stateDigest()).toBe(golden.machine.stateDigest());
    const [report] = run.result().injections;
    expect(report).toMatchObject({
      applied: false,
      reason: expect.stringMatching(/^the run ended before its trigger/),
    });
  });

  it("says how far a count has come", () => {
    const run = new ScenarioRun(plan, { faults: [parseFault("replica-2:eax:flip:0@ipc=reply#9")] });
    run.advance(LIMIT);
    expect(run.result().injections).toEqual([
      {
        fault: "replica-2:eax:flip:0@ipc=reply#9",
        applied: false,
        reason: "the run ended before its trigger: it happened 4 of 9 times",
        counted: 4,
      },
    ]);
  });

  it("goes on from any snapshot with what it has counted", () => {
    const random = new Random(3);
    const lines = [
      "replica-2:aes_state:flip:0@execute=mix_columns#250",
      "replica-1:eax:flip:3@read=aes_sbox/256#4321",
      "voter:ebx:flip:2@ipc=receive,with=replica-2,round=2",
      "replica-3:skip@write=aes_state+3#77",
    ];
    for (const line of lines) {
      const fault = parseFault(line);
      const whole = new ScenarioRun(plan, { faults: [fault] });
      whole.advance(LIMIT);
      const expected = whole.result().injections;
      expect(expected).toMatchObject([{ applied: true }]);
      const sliced = new ScenarioRun(plan, { faults: [fault] });
      const other = new ScenarioRun(plan);
      for (let slice = 0; slice < 12 && sliced.outcome === undefined; slice++) {
        sliced.advance(sliced.machine.cycles + random.below(400_000));
        const snapshot = sliced.snapshot();
        // Goes astray and comes back, also on another machine.
        sliced.advance(sliced.machine.cycles + random.below(400_000));
        other.restore(snapshot);
        sliced.restore(snapshot);
      }
      for (const run of [sliced, other]) {
        run.advance(LIMIT);
        expect(run.result().injections).toEqual(expected);
        expect(run.machine.stateDigest()).toBe(whole.machine.stateDigest());
      }
    }
  });
});
