import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { scenarioJsonSchema } from "../../../tools/image/scenario.ts";
import { parseScenario } from "../../../tools/image/scenario-yaml.ts";
import { clearErrorOrSuccess, inputError } from "../support/input-errors.ts";
import { damage, Random } from "../support/random.ts";

const FULL = `# every key once
name: full
description: all there is
seed: 4294967295
machine:
  memory: 8192 KiB
  timing: p5
kernel:
  userIopl3: true
modules:
  sigma0: s.elf
  root: r.elf
  console: c.elf
  voter: v.elf
  client: cl.elf
replicas:
  - implementation: bytewise
    count: 2
    priority: 99
    timeSlice: 5 ms
    startDelay: 1.5 ms
  - module: mine.elf
voter:
  replicas: 3
  faulty: 1
  deadline: 1 s
  priority: 200
  timeSlice: 500us
  verbose: true
client:
  priority: 1
console:
  timeSlice: 2 ms
workload:
  operation: decrypt
  mode: cbc
  key: "000102030405060708090a0b0c0d0e0f1011121314151617"
  iv: "00000000000000000000000000000001"
  data: {random: {seed: 7, bytes: 160}}
faults:
  - replica-3:eip:flip:2@instruction=10
  - target: {component: replica-1, symbol: table, offset: 4}
    model: {flip: [1, 2]}
    trigger: {cycle: 77}
`;
const SMALL = `name: small
replicas:
  - implementation: ttable
workload:
  mode: ecb
  key: "00112233445566778899aabbccddeeff"
  data: {text: hello}
`;

describe("a scenario", () => {
  it("is read with every key", () => {
    const { scenario, faults } = parseScenario(FULL, "full.yaml");
    expect(scenario.machine).toEqual({ memory: 8 << 20, timing: "p5" });
    expect(scenario.replicas[0]).toMatchObject({ count: 2, priority: 99, timeSlice: 5000, startDelay: 1500 });
    expect(scenario.voter).toMatchObject({
      replicas: 3,
      faulty: 1,
      deadline: 1_000_000,
      timeSlice: 500,
      verbose: true,
    });
    expect(Buffer.from(scenario.workload.key).toString("hex")).toBe("000102030405060708090a0b0c0d0e0f1011121314151617");
    expect(faults).toEqual([
      { target: { component: "replica-3", register: "eip" }, model: { flip: [2] }, trigger: { instruction: 10 } },
      {
        target: { component: "replica-1", symbol: "table", offset: 4 },
        model: { flip: [1, 2] },
        trigger: { cycle: 77 },
      },
    ]);
  });

  it("has defaults for all but name, replicas and workload", () => {
    const { scenario } = parseScenario(SMALL, "small.yaml");
    expect(scenario.machine).toEqual({ memory: 16 << 20, timing: "p5" });
    expect(scenario.modules.root).toBe("bundled:root.elf");
    expect(scenario.voter).toMatchObject({ deadline: 20_000, priority: 130, timeSlice: 10_000, verbose: false });
    expect([scenario.client.priority, scenario.console.priority, scenario.replicas[0]!.priority]).toEqual([
      120, 140, 100,
    ]);
  });
});

describe("an error names line, key and mend", () => {
  const change = (from: string | RegExp, to: string) => FULL.replace(from, to);
  it.each<[string, string, number, string | undefined, RegExp]>([
    ["unknown key", change("faulty: 1", "fualty: 1"), 25, "voter.fualty", /unknown key; did you mean faulty\?/],
    ["unknown key at the top", `${SMALL}voters: {}\n`, 8, "voters", /unknown key; did you mean voter\?/],
    ["far from any key", `${SMALL}something: 1\n`, 8, "something", /unknown key; use one of name, description/],
    ["missing key", SMALL.replace(/ {2}key.*\n/, ""), 4, "workload.key", /this key is missing; give AES key/],
    ["missing enumeration", SMALL.replace("  mode: ecb\n", ""), 4, "workload.mode", /this key is missing/],
    ["wrong type", change("seed: 4294967295", "seed: many"), 4, "seed", /"many" is not a number; give seed/],
    ["fraction", change("count: 2", "count: 1.5"), 18, "replicas[0].count", /1.5 is not a whole number/],
    ["too large", change("count: 2", "count: 99"), 18, "replicas[0].count", /99 is too large; give how many/],
    ["too small", change("priority: 99", "priority: 0"), 19, "replicas[0].priority", /0 is too small/],
    [
      "not in the list",
      change("bytewise", "bitewise"),
      17,
      "replicas[0].implementation",
      /use one of bytewise, ttable/,
    ],
    [
      "neither implementation nor module",
      change("  - module: mine.elf", "  - count: 1"),
      22,
      "replicas[1]",
      /implementation or module/,
    ],
    ["duration", change("1 s\n", "1 hour\n"), 26, "voter.deadline", /"500 us", "20 ms" or "1 s"/],
    ["long duration", change("1 s\n", "9999 s\n"), 26, "voter.deadline", /longest duration/],
    ["memory", change("8192 KiB", "8193 KiB"), 6, "machine.memory", /not a multiple of 4 KiB/],
    ["key length", change('1617"', '16"'), 37, "workload.key", /23 bytes given, 16, 24, 32 allowed/],
    ["unquoted key", SMALL.replace(/"0011.*"/, "0011"), 6, "workload.key", /11 is not a string/],
    ["no iv", change(/ {2}iv.*\n/, ""), 34, "workload", /mode cbc has no iv/],
    ["data of no form", SMALL.replace("text:", "txt:"), 7, "workload.data", /one of \{text: …\}/],
    [
      "data of a form with a mistake",
      SMALL.replace("text: hello", "random: {seed: 1}"),
      7,
      "workload.data.random.bytes",
      /missing/,
    ],
    ["too many faulty", change("faulty: 1", "faulty: 2"), 25, "voter.faulty", /3 replicas cannot outvote 2/],
    ["wrong N", change("replicas: 3", "replicas: 4"), 24, "voter.replicas", /expects 4 replicas, 3 are listed/],
    ["fault line", change("eip:flip:2", "eip:flop:2"), 41, "faults[0], column 15", /"flop" is no fault model/],
    ["fault structure", change("{cycle: 77}", "{cykle: 77}"), 44, "faults[1].trigger", /none of the allowed forms/],
    [
      "fault register",
      change("symbol: table, offset: 4", "register: eex"),
      42,
      "faults[1].target.register",
      /use one of eax/,
    ],
    ["not YAML", `${SMALL}x: [1\n`, 9, undefined, /not YAML: Flow sequence/],
    ["a key twice", `${SMALL}name: again\n`, 8, undefined, /not YAML: Map keys must be unique/],
    ["empty", "", 1, undefined, /null is not a map of keys/],
    ["a list", "- 1\n", 1, undefined, /\[1\] is not a map of keys/],
  ])("%s", (_, text, line, key, problem) => {
    const error = inputError(() => parseScenario(text, "s.yaml"));
    expect(error.message).toMatch(problem);
    expect(error.message.startsWith(`s.yaml:${line}`)).toBe(true);
    expect(error.detail.key).toBe(key);
  });

  it.each<[string, string]>([
    ["deep nesting", `${"[".repeat(50_000)}`],
    [
      "alias bomb",
      `a: &a [1,1,1,1]\n${"bcdefghij".replace(/./g, (c, i: number) => `${c}: &${c} [${`*${"abcdefghi"[i]},`.repeat(9)}]\n`)}`,
    ],
    ["alias of itself", "a: &x [*x]"],
    ["unknown alias", "name: *nothing"],
    ["key of a kind that is none", "? {a: 1}\n: 2"],
    ["long", "x: ".padEnd(5 << 20, "y")],
  ])("hostile text: %s", (_, text) => {
    const started = performance.now();
    inputError(() => parseScenario(text, "s.yaml"));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("10,000 damaged scenarios are read or refused with a clear error", () => {
    const random = new Random(11);
    const bases = [FULL, SMALL].map((text) => new TextEncoder().encode(text));
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      const text = new TextDecoder().decode(damage(random.pick(bases), random));
      if (clearErrorOrSuccess(() => parseScenario(text, "s.yaml")) !== undefined) refused++;
    }
    expect(refused).toBeGreaterThan(5_000);
  });
});

it("scenario.md describes every key of the schema, and no other", () => {
  const text = readFileSync(new URL("../../../tools/image/scenario.md", import.meta.url), "utf8");
  const documented = [...text.matchAll(/^\| `([\w.[\]]+)` /gm)].map(([, key]) => key!);
  const keys: string[] = [];
  const walk = (node: Record<string, unknown>, path: string): void => {
    const properties = (node.properties ?? {}) as Record<string, Record<string, unknown>>;
    for (const [name, child] of Object.entries(properties)) {
      const key = path === "" ? name : `${path}.${name}`;
      const items = child.items as Record<string, unknown> | undefined;
      if (items?.properties !== undefined) walk(items, `${key}[]`);
      else if (child.properties !== undefined) walk(child, key);
      else keys.push(key);
    }
  };
  walk(scenarioJsonSchema(), "");
  expect(documented.sort()).toEqual(keys.sort());
});
