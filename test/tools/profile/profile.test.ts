import { beforeAll, describe, expect, it } from "vitest";
import { bundledScenario, loadImage } from "../../../tools/image/image.ts";
import {
  foldedStacks,
  type ProfileSummary,
  profileText,
  speedscope,
  summarise,
} from "../../../tools/profile/profile-report.ts";
import { addByCause, ProfileNode } from "../../../tools/profile/profile-tree.ts";
import { Profiler } from "../../../tools/profile/profiler.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { runWithoutPause } from "../../../tools/run/run-loop.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";

const LIMIT = 20_000_000;

let root: ProfileNode;
let summary: ProfileSummary;
let profiled: ScenarioRun;
let plain: ScenarioRun;

beforeAll(() => {
  const plan = planBoot(loadImage(bundledScenario("aes-tmr")));
  profiled = new ScenarioRun(plan, { timing: "p5" });
  const profiler = new Profiler(profiled.machine, profiled.kernel, plan);
  runWithoutPause(profiled, LIMIT);
  root = profiler.finish();
  summary = summarise(root);
  plain = new ScenarioRun(plan, { timing: "p5" });
  runWithoutPause(plain, LIMIT);
});

describe("a profile of the bundled image", () => {
  it("changes nothing that the guests can see", () => {
    expect(profiled.outcome).toEqual({ kind: "power-off", code: 0 });
    expect(profiled.machine.eventLog.hash).toBe(plain.machine.eventLog.hash);
    expect(profiled.machine.stateDigest()).toBe(plain.machine.stateDigest());
  });

  it("attributes every clock once", () => {
    expect(summary.cycles).toBe(profiled.machine.cycles);
    expect(root.total).toBe(profiled.machine.cycles);
    const weights = foldedStacks(root)
      .trimEnd()
      .split("\n")
      .map((line) => Number(/ (\d+)$/.exec(line)?.[1]));
    expect(weights.reduce((sum, clocks) => sum + clocks, 0)).toBe(profiled.machine.cycles);
  });

  it("agrees with the kernel's own accounts of idle time and of each thread, gates apart", () => {
    const accounts = profiled.kernel.accounts();
    const idle = summary.causes.idle ?? 0;
    expect(Math.abs(idle - accounts.idleCycles) / accounts.idleCycles).toBeLessThan(0.01);
    for (const { globalId, cycles } of accounts.threads) {
      const row = summary.threads.find(({ name }) => name.endsWith(`thread ${globalId >>> 14})`));
      if (row === undefined || cycles < 10_000) continue;
      const user = row.clocks - (row.causes.kernel ?? 0);
      expect(Math.abs(user - cycles) / cycles).toBeLessThan(0.12);
    }
  });

  it("knows the functions of every replica and what they wait for", () => {
    const names = summary.functions.map(({ name }) => name);
    expect(names).toContain("replica-2: mix_columns");
    expect(names.some((name) => name.startsWith("replica-1: aes_encrypt_block"))).toBe(true);
    const causes = Object.keys(summary.causes);
    for (const cause of ["issue", "agi", "cache", "tlb", "branch", "kernel", "idle"]) expect(causes).toContain(cause);
    expect(summary.kernelPaths.map(({ path }) => path)).toContain("Ipc");
  });

  it("nests calls", () => {
    const stacks = foldedStacks(root);
    expect(stacks).toMatch(/^replica-1;replica-1 \(thread 61\);main;.*aes_process;aes_encrypt_block.*;\[issue\] \d+$/m);
  });

  it("is a speedscope file", () => {
    const file = JSON.parse(speedscope(root, "aes-tmr"));
    const [profile] = file.profiles;
    expect(profile.samples.length).toBe(profile.weights.length);
    expect(profile.endValue).toBe(profiled.machine.cycles);
    expect(Math.max(...profile.samples.flat())).toBe(file.shared.frames.length - 1);
  });

  it("prints tables whose columns add up", () => {
    const text = profileText(summary, 5, (title) => title);
    expect(text).toContain("kernel path");
    expect(text.split("\n").filter((line) => line.startsWith("and ")).length).toBe(1);
  });
});

describe("a profile's tree", () => {
  it("sums clocks by cause over its nodes", () => {
    const tree = new ProfileNode("run", "run");
    const thread = tree.child("space", "a").child("thread", "t");
    thread.clocks[0] = 5;
    thread.child("function", "f", 10, 20).clocks[5] = 7;
    tree.child("space", "idle").idle = 3;
    thread.kernelPaths.set("Ipc", 2);
    expect(tree.total).toBe(17);
    const causes = new Map<string, number>();
    for (const node of tree.nodes()) addByCause(causes, node.ownByCause());
    expect(Object.fromEntries(causes)).toEqual({ issue: 5, cache: 7, idle: 3, kernel: 2 });
  });
});
