import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type BootConfig,
  decodeConfig,
  decodeVoteLog,
  decodeWorkloadResult,
  encodeConfig,
  encodeVoteLog,
  encodeWorkload,
  outputBytes,
  roundsOf,
  type Workload,
} from "../../../tools/image/boot-config.ts";

const config: BootConfig = {
  seed: 0xdeadbeef,
  replicaCount: 1,
  faulty: 0,
  deadlineMicroseconds: 20_000,
  verbose: true,
  tasks: [
    {
      kind: "voter",
      threadNumber: 53,
      priority: 130,
      timeSliceMicroseconds: 10_000,
      startDelayMicroseconds: 0,
      index: 0,
      module: "voter.elf",
      name: "voter",
    },
    {
      kind: "replica",
      threadNumber: 61,
      priority: 100,
      timeSliceMicroseconds: 5_000,
      startDelayMicroseconds: 150,
      index: 1,
      module: "replica-bytewise-x.elf",
      name: "replica-1",
    },
  ],
};

const workload = (mode: Workload["mode"], bytes: number, iterations = 1): Workload => ({
  operation: "decrypt",
  mode,
  key: new Uint8Array(24).fill(7),
  iv: new Uint8Array(16).fill(9),
  input: new Uint8Array(bytes).fill(5),
  iterations,
});

describe("module config", () => {
  const bytes = encodeConfig(config);
  const view = new DataView(bytes.buffer);

  it("has the words that the guests' header declares", () => {
    expect(Buffer.from(bytes.subarray(0, 4)).toString()).toBe("Q86C");
    expect([4, 8, 12, 16, 20, 24, 28].map((offset) => view.getUint32(offset, true))).toEqual([
      1, 2, 0xdeadbeef, 1, 0, 20_000, 1,
    ]);
    const replica = 32 + 72;
    expect([0, 4, 8, 12, 16, 20].map((offset) => view.getUint32(replica + offset, true))).toEqual([
      4, 61, 100, 5_000, 150, 1,
    ]);
    expect(Buffer.from(bytes.subarray(replica + 24, replica + 48)).toString()).toBe("replica-bytewise-x.elf\0\0");
    expect(Buffer.from(bytes.subarray(replica + 48, replica + 58)).toString()).toBe("replica-1\0");
    expect(bytes.length).toBe(32 + 2 * 72);
  });

  it("decodes to what was encoded, and to nothing when it is damaged", () => {
    expect(decodeConfig(bytes)).toEqual(config);
    expect(decodeConfig(bytes.subarray(0, 100))).toBeUndefined();
    expect(decodeConfig(bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)))).toBeUndefined();
  });

  it("agrees with the sizes that guests/include/boot-config.h asserts", () => {
    const header = readFileSync(new URL("../../../guests/include/boot-config.h", import.meta.url), "utf8");
    const sizes = [...header.matchAll(/_Static_assert\(sizeof\(struct (\w+)\) == (\d+)/g)].map((match) =>
      match.slice(1),
    );
    expect(Object.fromEntries(sizes)).toEqual({
      task_config: "72",
      boot_config: "32",
      workload: "116",
      vote: "32",
      vote_log: "32",
    });
  });
});

describe("module workload", () => {
  it("holds header, input at once after it and the output on a page of its own", () => {
    const bytes = encodeWorkload(workload("cbc", 160));
    const view = new DataView(bytes.buffer);
    expect(Array.from({ length: 10 }, (_, i) => view.getUint32(4 * i, true))).toEqual([
      0x57363851, 1, 1, 2, 24, 128, 160, 4096, 160, 1,
    ]);
    expect(bytes.subarray(40, 64)).toEqual(new Uint8Array(24).fill(7));
    expect(bytes.subarray(72, 88)).toEqual(new Uint8Array(16).fill(9));
    expect(bytes.subarray(128, 288)).toEqual(new Uint8Array(160).fill(5));
    expect(bytes.length).toBe(8192);
  });

  it("has room for the output of every mode", () => {
    expect([outputBytes(workload("ctr", 64)), roundsOf(workload("ctr", 14 * 16 + 16))]).toEqual([64, 2]);
    expect([outputBytes(workload("chain", 16, 100)), roundsOf(workload("chain", 16, 100))]).toEqual([1600, 8]);
    expect([outputBytes(workload("records", 480)), roundsOf(workload("records", 480))]).toEqual([160, 3]);
  });

  it("gives the client's answer, or says that the header is damaged", () => {
    const bytes = encodeWorkload(workload("ecb", 32));
    const view = new DataView(bytes.buffer);
    expect(decodeWorkloadResult(bytes)).toEqual({ status: "running", output: new Uint8Array(0), rounds: 0 });
    view.setUint32(88, 1, true);
    view.setUint32(92, 32, true);
    view.setUint32(96, 1, true);
    bytes.fill(3, 4096, 4128);
    expect(decodeWorkloadResult(bytes)).toEqual({ status: "done", output: new Uint8Array(32).fill(3), rounds: 1 });
    view.setUint32(92, 0xffffffff, true);
    expect(decodeWorkloadResult(bytes).status).toBe("corrupt");
    view.setUint32(0, 0, true);
    expect(decodeWorkloadResult(bytes).status).toBe("corrupt");
  });
});

describe("module vote-log", () => {
  it("decodes counters and records; masks become replica numbers", () => {
    const bytes = encodeVoteLog(2);
    const view = new DataView(bytes.buffer);
    [1, 9, 8, 1, 0].forEach((value, i) => {
      view.setUint32(12 + 4 * i, value, true);
    });
    [7, 1, 0b010, 0b1000_0000_0000_0000_0000_0000_0000_0000, 0b100, 0b011, 0xffffffff, 2].forEach((value, i) => {
      view.setUint32(32 + 4 * i, value, true);
    });
    expect(decodeVoteLog(bytes)).toEqual({
      rounds: 9,
      unanimous: 8,
      majority: 1,
      noMajority: 0,
      votes: [
        {
          round: 7,
          verdict: "majority",
          dissenting: [2],
          late: [32],
          trapped: [3],
          replied: [1, 2],
          cycle: 2 * 2 ** 32 + 0xffffffff,
        },
      ],
    });
  });

  it("is undefined when the count lies", () => {
    const bytes = encodeVoteLog(2);
    new DataView(bytes.buffer).setUint32(12, 3, true);
    expect(decodeVoteLog(bytes)).toBeUndefined();
    expect(decodeVoteLog(new Uint8Array(31))).toBeUndefined();
  });
});
