import { describe, expect, it } from "vitest";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { exactnessGolden } from "./exactness.ts";

/** The first page of the replica's variables, and a moment before its first request. */
const PAGE = "0x0804a000";
const WHEN = "instruction=2500";

describe("a bit of a page-table entry", () => {
  const golden = exactnessGolden();
  const spread = (fault: string) => propagate(golden, parseFault(`replica-2:${fault}@${WHEN}`));

  it("of the frame's number takes the replica into frames that are not its own: a breach, with the entry as its cause", () => {
    const { experiment, history, names, activation } = spread(`pte=${PAGE}:flip:12`);
    expect(experiment.outcome).toMatchObject({ class: "ISOLATION_BREACH", containment: "other-space", breach: true });
    expect(activation.kind).toBe("read");
    const stray = history.filter(
      ({ writer, place, root }, id) =>
        root === "fault" && place >= 0 && writer.thread === 62 && names[id]!.component !== "replica-2",
    );
    expect(stray.length).toBeGreaterThan(0);
    for (const { sources } of history.slice(1)) expect(sources.length).toBeGreaterThan(0);
  });

  it("has no effect while the TLB holds the entry", () => {
    const { injectionCycle, history, activation } = spread(`pte=${PAGE}:flip:12`);
    // The replica goes on in the meantime; what it reads is right until the entry is walked again.
    expect(activation.cycle! - injectionCycle).toBeGreaterThan(1_000);
    expect(Math.min(...history.slice(1).map(({ cycle }) => cycle))).toBeGreaterThanOrEqual(activation.cycle!);
  });

  it("that lies elsewhere in the table is never read, and stays wrong", () => {
    const { experiment, history } = spread("pte=0x08200000:flip:5");
    expect(experiment.outcome).toMatchObject({ class: "LATENT", activation: "never-read", breach: false });
    expect(history).toHaveLength(1);
  });
});
