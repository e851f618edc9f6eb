import { describe, expect, it } from "vitest";
import { FAULT_HELP } from "../../../tools/cli/fault-options.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { quorum86 } from "./command-line.ts";

const COMMANDS = [
  "boot",
  "encrypt",
  "decrypt",
  "image",
  "inject",
  "propagate",
  "faults",
  "campaign",
  "debug",
  "trace",
  "clocks",
  "profile",
];

describe("--help", () => {
  it("names every command", () => {
    const help = quorum86(["--help"]).stdout.toString();
    expect([...help.matchAll(/^ {2}quorum86 (\w+) .* {2,}\w/gm)].map(([, name]) => name)).toEqual(
      expect.arrayContaining(COMMANDS),
    );
  });

  it.each(COMMANDS)("of %s has a synopsis, examples and exit codes, in 80 columns", (command) => {
    const { status, stdout } = quorum86([command, "--help"]);
    const lines = stdout.toString().split("\n");
    expect(status).toBe(0);
    expect(lines[0]).toMatch(new RegExp(`^quorum86 ${command}`));
    expect(lines).toContain("Examples");
    expect(lines).toContain("Exit codes");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it("shows only targets, models and triggers that there are", () => {
    const shown = { target: 0, model: 0, trigger: 0 };
    let part: keyof typeof shown = "target";
    for (const line of FAULT_HELP.split("\n").slice(2, -1)) {
      part = line.startsWith("  MODEL") ? "model" : line.startsWith("  TRIGGER") ? "trigger" : part;
      for (const text of line.slice(10, 36).trim().split(", ")) {
        const whole =
          part === "target"
            ? `${text}:flip:${text.startsWith("tlb") ? 14 : 1}@cycle=1`
            : part === "trigger"
              ? `replica-2:eax:flip:1@${text.replace("=N", "=1")}`
              : `${text.startsWith("skip") ? "replica-2:eip:" : text.startsWith("replica") ? "" : "replica-2:eax:"}${text}@cycle=1`;
        expect(() => parseFault(whole), whole).not.toThrow();
        shown[part]++;
      }
    }
    expect(shown).toEqual({ target: 11, model: 6, trigger: 8 });
  });
});
