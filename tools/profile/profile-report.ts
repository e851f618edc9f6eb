/** A profile as tables for people, as folded stacks and as a speedscope file. */
import { grouped } from "../report/format.ts";
import { addByCause, type ProfileNode } from "./profile-tree.ts";

/** Clocks of one space, thread or function, by cause. */
export interface ProfileRow {
  readonly name: string;
  readonly clocks: number;
  readonly instructions: number;
  readonly causes: Readonly<Record<string, number>>;
}

export interface ProfileSummary {
  readonly cycles: number;
  readonly causes: Readonly<Record<string, number>>;
  readonly spaces: readonly ProfileRow[];
  readonly threads: readonly ProfileRow[];
  readonly functions: readonly ProfileRow[];
  /** Kernel paths by clocks. */
  readonly kernelPaths: readonly { readonly path: string; readonly clocks: number }[];
}

export function summarise(root: ProfileNode): ProfileSummary {
  const whole = new Map<string, number>();
  const spaces = new Map<string, Collected>();
  const threads = new Map<string, Collected>();
  const functions = new Map<string, Collected>();
  const paths = new Map<string, number>();
  for (const node of root.nodes()) {
    const own = node.ownByCause();
    addByCause(whole, own);
    for (const [path, clocks] of node.kernelPaths) paths.set(path, (paths.get(path) ?? 0) + clocks);
    const space = ancestor(node, "space");
    const thread = ancestor(node, "thread");
    if (space !== undefined) collect(spaces, space.name, node, own);
    if (thread !== undefined) collect(threads, thread.name, node, own);
    if (space !== undefined && node.kind === "function") collect(functions, `${space.name}: ${node.name}`, node, own);
  }
  const causes = Object.fromEntries([...whole].sort((a, b) => b[1] - a[1]));
  return {
    cycles: [...whole.values()].reduce((sum, clocks) => sum + clocks, 0),
    causes,
    spaces: rows(spaces),
    threads: rows(threads),
    functions: rows(functions),
    kernelPaths: [...paths].map(([path, clocks]) => ({ path, clocks })).sort((a, b) => b.clocks - a.clocks),
  };
}

interface Collected {
  readonly causes: Map<string, number>;
  instructions: number;
}

function collect(
  into: Map<string, Collected>,
  name: string,
  node: ProfileNode,
  own: ReadonlyMap<string, number>,
): void {
  let entry = into.get(name);
  if (entry === undefined) {
    entry = { causes: new Map(), instructions: 0 };
    into.set(name, entry);
  }
  entry.instructions += node.instructions;
  addByCause(entry.causes, own);
}

function rows(collected: ReadonlyMap<string, Collected>): ProfileRow[] {
  return [...collected]
    .map(([name, { causes, instructions }]) => ({
      name,
      clocks: [...causes.values()].reduce((sum, clocks) => sum + clocks, 0),
      instructions,
      causes: Object.fromEntries([...causes].sort((a, b) => b[1] - a[1])),
    }))
    .filter(({ clocks }) => clocks !== 0)
    .sort((a, b) => b.clocks - a.clocks || (a.name < b.name ? -1 : 1));
}

function ancestor(node: ProfileNode, kind: ProfileNode["kind"]): ProfileNode | undefined {
  let at: ProfileNode | undefined = node;
  while (at !== undefined && at.kind !== kind) at = at.parent;
  return at;
}

/** Stacks from the space inwards, the cause innermost, with their clocks. */
function stacks(root: ProfileNode): { frames: string[]; clocks: number }[] {
  const result: { frames: string[]; clocks: number }[] = [];
  for (const node of root.nodes()) {
    const frames: string[] = [];
    for (let at: ProfileNode | undefined = node; at !== undefined && at.kind !== "run"; at = at.parent)
      frames.unshift(at.name);
    for (const [cause, clocks] of node.ownByCause()) {
      if (cause !== "kernel") result.push({ frames: [...frames, `[${cause}]`], clocks });
    }
    for (const [path, clocks] of node.kernelPaths) result.push({ frames: [...frames, "[kernel]", path], clocks });
  }
  return result.filter(({ clocks }) => clocks > 0);
}

/** One line a stack, frames separated by ";", for flamegraph.pl, inferno, speedscope and others. */
export function foldedStacks(root: ProfileNode): string {
  return stacks(root)
    .map(({ frames, clocks }) => `${frames.map((frame) => frame.replaceAll(";", ":")).join(";")} ${clocks}\n`)
    .join("");
}

/** A file for https://www.speedscope.app: weights are clocks. */
export function speedscope(root: ProfileNode, name: string): string {
  const frames: { name: string }[] = [];
  const indices = new Map<string, number>();
  const indexOf = (frame: string): number => {
    let index = indices.get(frame);
    if (index === undefined) {
      index = frames.push({ name: frame }) - 1;
      indices.set(frame, index);
    }
    return index;
  };
  const all = stacks(root);
  const samples = all.map((stack) => stack.frames.map(indexOf));
  const weights = all.map(({ clocks }) => clocks);
  return JSON.stringify({
    $schema: "https://www.speedscope.app/file-format-schema.json",
    name,
    exporter: "quorum86",
    activeProfileIndex: 0,
    shared: { frames },
    profiles: [
      {
        type: "sampled",
        name,
        unit: "none",
        startValue: 0,
        endValue: weights.reduce((sum, clocks) => sum + clocks, 0),
        samples,
        weights,
      },
    ],
  });
}

/** Columns of the tables: what belongs together for a reader. */
const COLUMNS: readonly (readonly [title: string, causes: readonly string[]])[] = [
  ["issue", ["issue"]],
  ["agi", ["agi"]],
  ["prefix", ["prefix"]],
  ["cache", ["cache", "write-buffer", "bank", "misaligned"]],
  ["code", ["code-cache"]],
  ["TLB", ["tlb", "code-tlb"]],
  ["branch", ["branch"]],
  ["fpu", ["fpu"]],
  ["bus", ["lock", "io", "event", "self-modify"]],
  ["kernel", ["kernel"]],
  ["idle", ["idle"]],
];

/** @param top functions to show */
export function profileText(summary: ProfileSummary, top: number, bold: (text: string) => string): string {
  const header = (title: string) =>
    bold(
      `${title.padEnd(34)}${"clocks".padStart(11)}${"share".padStart(8)}${COLUMNS.map(([name]) => name.padStart(10)).join("")}`,
    );
  const line = (row: ProfileRow) => {
    const share = `${((100 * row.clocks) / Math.max(1, summary.cycles)).toFixed(1)} %`;
    const cells = COLUMNS.map(([, causes]) => causes.reduce((sum, cause) => sum + (row.causes[cause] ?? 0), 0));
    const name = row.name.length > 33 ? `${row.name.slice(0, 32)}…` : row.name;
    return `${name.padEnd(34)}${grouped(row.clocks).padStart(11)}${share.padStart(8)}${cells.map((clocks) => (clocks === 0 ? "" : grouped(clocks)).padStart(10)).join("")}`;
  };
  const whole: ProfileRow = { name: "all", clocks: summary.cycles, instructions: 0, causes: summary.causes };
  const hidden = summary.functions.length - top;
  return [
    header("space"),
    ...summary.spaces.map(line),
    line(whole),
    "",
    header("thread"),
    ...summary.threads.map(line),
    "",
    header("function"),
    ...summary.functions.slice(0, top).map(line),
    ...(hidden > 0 ? [`and ${hidden} more`] : []),
    "",
    bold(`${"kernel path".padEnd(34)}${"clocks".padStart(11)}`),
    ...summary.kernelPaths.map(({ path, clocks }) => `${path.padEnd(34)}${grouped(clocks).padStart(11)}`),
  ].join("\n");
}
