import { describe, expect, it } from "vitest";
import { ANY, NIL } from "./support/guest-script.ts";
import { idOf, Rig, ROOT } from "./support/rig.ts";

/** Watching the kernel: what a path reads and writes, and that it changes nothing. */

function workload(): Rig {
  const rig = new Rig({ checkEvery: 0 });
  const other = rig.script();
  other.setMr(1, 0xabcd);
  other.ipc(ROOT, ROOT, { tag: 1 });
  rig.spawn(60, 1, other);
  rig.root.ipc(NIL, ANY);
  rig.root.ipc(idOf(60), NIL);
  return rig.boot();
}

describe("watching the kernel", () => {
  it("tells which words a path read and wrote: a message register goes from UTCB to UTCB", () => {
    const rig = workload();
    const paths: { name: string; loads: Set<number>; stores: Set<number> }[] = [];
    let loads = new Set<number>();
    let stores = new Set<number>();
    const detach = rig.machine.observe({ physicalWrite: (physical) => stores.add(physical) });
    const end = rig.kernel.watch({
      enter: () => {
        loads = new Set();
        stores = new Set();
      },
      load: (physical) => loads.add(physical),
      leave: (name) => paths.push({ name, loads, stores }),
    });
    rig.run(20);
    const source = (rig.kernel.thread(60)?.utcb ?? 0) + 0x104;
    const destination = (rig.kernel.thread(50)?.utcb ?? 0) + 0x104;
    const copies = paths.filter((path) => path.loads.has(source) && path.stores.has(destination));
    expect(copies.map(({ name }) => name)).toEqual(["Ipc"]);
    expect(rig.word(destination)).toBe(0xabcd);
    const told = paths.length;
    end();
    detach();
    rig.run(5);
    expect(paths).toHaveLength(told);
  });

  it("changes nothing", () => {
    const [watched, plain] = [workload(), workload()];
    watched.kernel.watch({ load: () => {} });
    watched.run(20);
    plain.run(20);
    expect(watched.machine.eventLog.hash).toBe(plain.machine.eventLog.hash);
    expect(watched.machine.stateDigest()).toBe(plain.machine.stateDigest());
  });
});
