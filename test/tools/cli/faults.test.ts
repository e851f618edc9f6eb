import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseFaultFile } from "../../../tools/faults/fault-file.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { quorum86 } from "./command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-faults-"));
afterAll(() => rmSync(directory, { recursive: true }));
const LINES = [
  "replica-2:ds:stuck1:3/9000@ipc=voter:receive,with=client,round=2",
  "kernel:idt/32.offsetAndAccess:flip:15@cycle=9",
  "tlb:data/5/2.frame:set:0x13000@exception=14#3",
  "replica-2:pte=0x804a010:set:0xfff@read=0x804a010/16",
];

describe("quorum86 faults", () => {
  it("lists every name that a fault can have", () => {
    const { status, stdout } = quorum86(["faults", "--json"]);
    expect(status).toBe(0);
    const names = JSON.parse(stdout.toString());
    expect(names.components.map(({ name }: { name: string }) => name)).toContain("replica-2");
    expect(names.cpu).toContain("ds.limit");
    const tcb = names.kernel.find(({ name }: { name: string }) => name === "tcb");
    expect(tcb).toMatchObject({ count: 1024, bytes: expect.any(Number) });
    expect(tcb.fields.map(({ name }: { name: string }) => name)).toContain("timesliceLeft");
    const text = quorum86(["faults"]).stdout.toString();
    for (const { name } of names.kernel) expect(text).toContain(name);
  });

  it("shows faults as YAML, which --fault-file reads back", () => {
    const { status, stdout } = quorum86(["faults", ...LINES.flatMap((line) => ["--fault", line])]);
    expect(status).toBe(0);
    const yaml = stdout.toString();
    expect(yaml).toContain("target: { tlb: data, set: 5, way: 2, part: frame }");
    expect(yaml).toContain("pte: 0x804a010");
    expect(parseFaultFile(yaml, "f.yaml")).toEqual(LINES.map((line) => parseFault(line)));
    const file = join(directory, "f.yaml");
    writeFileSync(file, yaml);
    const again = quorum86(["faults", "--fault-file", file, "--json"]);
    expect(JSON.parse(again.stdout.toString()).faults.map(({ line }: { line: string }) => line)).toEqual(LINES);
  });

  it("checks names against the image", () => {
    const { status, stderr } = quorum86(["faults", "--fault", "kernel:tbc/replica-2.state:flip:0@cycle=0"]);
    expect(status).toBe(2);
    expect(stderr.toString()).toMatch(/no structure "tbc"; use one of .*tcb/);
    expect(quorum86(["faults", "--structure", "nothing"]).stderr.toString()).toMatch(
      /no structure "nothing"; use one of/,
    );
  });
});

describe("--fault-file", () => {
  it("gives a run its faults; what is wrong in it is blamed in it", () => {
    const file = join(directory, "boot.yaml");
    writeFileSync(file, "faults:\n  - replica-2:eax:flip:3@execute=aes_process#99\n  - voter:ebx:flip:2@round=1\n");
    const { injections } = JSON.parse(quorum86(["boot", "--fault-file", file, "--json"]).stdout.toString());
    expect(injections).toMatchObject([{ applied: true }, { applied: false, counted: expect.any(Number) }]);
    writeFileSync(file, "faults:\n  - voter:ebx:flip:2@round=0\n");
    const wrong = quorum86(["boot", "--fault-file", file]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr.toString()).toContain(`${file}:2: faults[0], column 24: round has no number`);
    expect(quorum86(["boot", "--fault", "none", "--fault-file", file]).stderr.toString()).toMatch(/none, and others/);
    expect(quorum86(["boot", "--fault-file", "/nowhere"]).stderr.toString()).toMatch(
      /\/nowhere: there is no such file/,
    );
  });
});
