import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Debuggee } from "../../../tools/debug/debuggee.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { compareTraces } from "../../../tools/trace/diff.ts";
import type { TraceEvent } from "../../../tools/trace/event.ts";
import { keeps, type TraceFilter } from "../../../tools/trace/filter.ts";
import { createFormat, type FormatName } from "../../../tools/trace/formats.ts";
import { recordTrace } from "../../../tools/trace/trace-run.ts";
import { TraceWriter } from "../../../tools/trace/writer.ts";
import { bundledDebuggee } from "../debug/debuggees.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-trace-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function record(debuggee: Debuggee, filter: TraceFilter, limit = 1e9): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  await recordTrace(debuggee, await Disassembler.load(), {
    filter,
    sink: (event) => events.length < limit && events.push(event),
    shouldStop: () => events.length >= limit,
  });
  return events;
}

function written(events: readonly TraceEvent[], name: FormatName): string {
  const format = createFormat(name, 100_000_000);
  return format.begin() + events.map((event) => format.event(event)).join("") + format.end();
}

const WINDOW = { fromCycle: 300_000, toCycle: 330_000 };

describe("the trace of a run", () => {
  it("is the same from reset, from a snapshot, and after stepping back and forth", async () => {
    const all = await record(bundledDebuggee(), { toCycle: WINDOW.toCycle });
    const fromReset = written(
      all.filter(({ cycle }) => cycle >= WINDOW.fromCycle),
      "jsonl",
    );
    expect(fromReset.split("\n").length).toBeGreaterThan(5_000);

    expect(written(await record(bundledDebuggee(), WINDOW), "jsonl")).toBe(fromReset);

    const wanderer = bundledDebuggee();
    const { timeline, control, view } = wanderer;
    for (const cycle of [320_000, 250_001, 310_107, 120_000, 325_333]) timeline.seekCycle(cycle);
    for (const direction of ["backward", "forward", "backward", "backward"] as const) {
      control.resume({ direction, mode: "step", thread: view.threadByName("replica-2")?.id ?? 0 });
      while (control.slice() === undefined);
    }
    timeline.seekCycle(WINDOW.fromCycle - 40_000);
    expect(written(await record(wanderer, WINDOW), "jsonl")).toBe(fromReset);
  });

  it("does not change the run that it records", async () => {
    const traced = bundledDebuggee();
    const nowhere = [{ start: 0, end: 1 }];
    const events = await record(traced, { addresses: nowhere, toCycle: 799_999 });
    expect(events.map(({ kind }) => kind)).toEqual(["fault"]);
    const plain = bundledDebuggee();
    plain.control.resume({ direction: "forward", mode: "continue", thread: 1, untilCycle: 800_000 });
    while (plain.control.slice() === undefined);
    expect(traced.view.machine.eventLog.hash).toBe(plain.view.machine.eventLog.hash);
    expect(traced.view.machine.stateDigest()).toBe(plain.view.machine.stateDigest());
  });

  it("gives old values that are the last new ones, for every byte of a stack that only its thread writes", async () => {
    const debuggee = bundledDebuggee();
    const events = await record(debuggee, { ...WINDOW, threads: new Set(["replica-2"]) });
    const program = debuggee.view.programList.find(({ name }) => name === "replica-2");
    const stack = program?.elf.sections.find(({ name }) => name === ".stack");
    const [low, high] = [stack?.address ?? 0, (stack?.address ?? 0) + (stack?.size ?? 0)];
    const bytes = new Map<number, number>();
    let checked = 0;
    for (const event of events) {
      if (event.kind !== "instruction") continue;
      for (const { address, bytes: count, old, new: value } of event.memory) {
        if (address < low || address + count > high) continue;
        for (let index = 0; index < count; index++) {
          const known = bytes.get(address + index);
          if (known !== undefined) expect((old >>> (8 * index)) & 0xff).toBe(known);
          bytes.set(address + index, (value >>> (8 * index)) & 0xff);
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(1_000);
  });

  it("shows messages with their words, page faults with their address, and who had the CPU", async () => {
    const kinds = new Set(["message", "exception", "switch"] as const);
    const events = await record(bundledDebuggee(), { kinds, toCycle: 400_000 });
    const request = events.find(
      (event) => event.kind === "message" && event.thread === "voter" && event.to === "replica-1",
    );
    expect(request).toMatchObject({ purpose: "message" });
    expect(
      events.some((event) => event.kind === "exception" && event.vector === 14 && event.thread === "replica-2"),
    ).toBe(true);
    expect(events.some((event) => event.kind === "switch" && event.thread === "replica-3")).toBe(true);
  });
});

describe("the formats", () => {
  it("are valid wherever the trace stops", async () => {
    const events = await record(bundledDebuggee(), { toCycle: 340_000 }, 4_000);
    for (const count of [0, 1, 17, 4_000]) {
      const some = events.slice(0, count);
      const lines = written(some, "jsonl").split("\n").slice(0, -1);
      expect(lines).toHaveLength(count);
      for (const [index, line] of lines.entries()) expect(JSON.parse(line)).toMatchObject({ kind: some[index]?.kind });
      const chrome = JSON.parse(written(some, "chrome")) as { traceEvents: unknown[] };
      expect(chrome.traceEvents.length).toBeGreaterThan(count);
      expect(written(some, "text").split("\n")).toHaveLength(count + 1);
    }
  });

  it("gives Perfetto a track a thread and an arrow a message", async () => {
    const events = await record(bundledDebuggee(), { kinds: new Set(["message", "switch"]), toCycle: 2_000_000 });
    type Event = { ph: string; name: string; id?: number; tid?: number; args?: { name?: string } };
    const { traceEvents } = JSON.parse(written(events, "chrome")) as { traceEvents: Event[] };
    const tracks = traceEvents.filter(({ name }) => name === "thread_name").map(({ args }) => args?.name);
    for (const name of ["voter", "replica-1", "replica-2", "replica-3", "kernel"]) expect(tracks).toContain(name);
    const starts = traceEvents.filter(({ ph }) => ph === "s");
    expect(starts.length).toBe(events.filter(({ kind }) => kind === "message").length);
    for (const { id } of starts)
      expect(traceEvents.filter((event) => event.ph === "f" && event.id === id)).toHaveLength(1);
  });
});

describe("the filter", () => {
  const message: TraceEvent = {
    kind: "message",
    cycle: 10,
    thread: "voter",
    space: "voter",
    to: "replica-1",
    purpose: "message",
    label: 0,
    words: [],
    typedWords: 0,
  };
  const nameless = (): undefined => undefined;

  it("counts a message to both its ends", () => {
    expect(keeps({ threads: new Set(["replica-1"]) }, message, nameless)).toBe(true);
    expect(keeps({ threads: new Set(["replica-2"]) }, message, nameless)).toBe(false);
    expect(keeps({ threads: new Set(["voter"]), toCycle: 9 }, message, nameless)).toBe(false);
  });

  it("finds an instruction by where it is and by what it writes", async () => {
    const debuggee = bundledDebuggee();
    const rounds = await record(debuggee, { ...WINDOW, symbols: new Set(["mix_columns"]) });
    expect(rounds.length).toBeGreaterThan(100);
    for (const event of rounds)
      expect(event.kind === "instruction" && event.symbol.startsWith("mix_columns")).toBe(true);
    const writers = await record(bundledDebuggee(), {
      ...WINDOW,
      symbols: new Set(["aes_state"]),
      threads: new Set(["replica-2"]),
    });
    expect(writers.length).toBeGreaterThan(10);
    for (const event of writers) expect(event.kind === "instruction" && event.memory.length > 0).toBe(true);
  });
});

describe("the difference of two traces", () => {
  const write = (name: string, lines: readonly string[]): string => {
    const file = join(directory, name);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
    return file;
  };

  it("is the first line, with the keys that differ", async () => {
    const one = write("a", ['{"kind":"switch","cycle":1}', '{"kind":"x","cycle":2,"thread":"a"}']);
    const other = write("b", ['{"kind":"switch","cycle":1}', '{"kind":"x","cycle":3,"thread":"b"}']);
    expect((await compareTraces(one, one)).difference).toBeUndefined();
    expect((await compareTraces(one, other)).difference).toMatchObject({
      line: 2,
      fields: ["cycle", "thread"],
      values: ["cycle: 2 | 3", 'thread: "a" | "b"'],
    });
    expect((await compareTraces(one, other, ["cycle"])).difference).toMatchObject({ line: 2, fields: ["thread"] });
    expect((await compareTraces(one, other, ["cycle", "thread"])).difference).toBeUndefined();
    expect((await compareTraces(one, write("c", ['{"kind":"switch","cycle":1}']))).difference).toMatchObject({
      second: undefined,
    });
    await expect(compareTraces(one, join(directory, "none"))).rejects.toThrow("there is no such file");
  });

  it("of a golden and a faulty run is the fault, and then the instruction that read it", async () => {
    const filter = { threads: new Set(["replica-2", "kernel"]), kinds: new Set(["instruction", "fault"] as const) };
    const window = { ...filter, fromCycle: 740_000, toCycle: 760_000 };
    const golden = await record(bundledDebuggee([]), window);
    const faulty = await record(bundledDebuggee(), window);
    const strike = faulty.findIndex(({ kind }) => kind === "fault");
    expect(strike).toBeGreaterThan(0);
    const without = faulty.filter(({ kind }) => kind !== "fault");
    const difference = await compareTraces(
      write("golden", written(golden, "jsonl").trim().split("\n")),
      write("faulty", written(without, "jsonl").trim().split("\n")),
    );
    expect(difference.difference?.line).toBeGreaterThan(strike);
    expect(difference.difference?.fields.join()).toMatch(/^(registers|memory|registers,memory)$/);
    expect(difference.difference?.first).toContain('"thread":"replica-2"');
  });
});

describe("the writer", () => {
  it("writes all that it was given, and says which file it can't write", () => {
    const file = join(directory, "out");
    const writer = new TraceWriter(file);
    for (let count = 0; count < 100_000; count++) writer.write("0123456789\n");
    writer.close();
    expect(readFileSync(file, "utf8")).toHaveLength(1_100_000);
    expect(() => new TraceWriter(join(directory, "no", "such"))).toThrow("no");
  });
});
