import type { KernelContext } from "./context.ts";
import type { Owner } from "./kernel.ts";
import { frameNodes } from "./mapping-database.ts";
import { Globals, MAPPING_NODE, MappingNode, PAGE, Space } from "./memory-map.ts";
import { Pte, readEntry } from "./page-table.ts";
import { hex, unlessBroken } from "./panic.ts";
import { kernelOwner } from "./structures.ts";

/** Whose word is it: the one owner of each word of RAM, by address. */

export function ownerOf(k: KernelContext, physical: number): Owner {
  const { map } = k;
  if (physical < 0 || physical >= map.memoryBytes) throw new RangeError(`${hex(physical)} is outside RAM`);
  return physical < map.base ? userOwner(k, physical) : kernelOwner(k, physical);
}

/** A frame belongs to the space at the end of its mapping chain: the one that was given it last and gave it to nobody. */
function userOwner(k: KernelContext, physical: number): Owner {
  const frame = Math.floor(physical / PAGE);
  const nodes = frameNodes(k, frame).filter((node) => node > 0 && node < k.map.nodeCount);
  const sigma0 = k.global(Globals.sigma0Space);
  const usedBySigma0 =
    k.isSpace(sigma0) &&
    k.load(sigma0 + Space.state) !== 0 &&
    (unlessBroken(() => readEntry(k, sigma0, frame * PAGE), 0) & Pte.Present) !== 0;
  const field = (node: number, offset: number): number => k.load(k.map.nodes + node * MAPPING_NODE.bytes + offset);
  const spaces = nodes.map((node) => field(node, MappingNode.space)).filter((space) => k.isSpace(space));
  const indices = [...new Set(spaces.map((space) => k.spaceIndex(space)))];
  if (usedBySigma0) indices.unshift(k.spaceIndex(sigma0));
  if (indices.length === 0) return { kind: "free", name: `free frame ${hex(frame * PAGE)}` };
  const last = nodes.at(-1);
  const lastSpace = last === undefined ? sigma0 : field(last, MappingNode.space);
  const page = last === undefined ? frame : field(last, MappingNode.page);
  const space = k.isSpace(lastSpace) ? k.spaceIndex(lastSpace) : -1;
  return {
    kind: "user",
    name: `memory of space ${space}`,
    space,
    spaces: indices,
    virtual: page * PAGE + (physical % PAGE),
  };
}
