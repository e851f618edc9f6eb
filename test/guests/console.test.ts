/** The console server: nothing that is written is lost, however slow the serial line is. */
import { expect, it } from "vitest";
import { bootGuests } from "./boot.ts";

it("prints every line of a talkative run in order, though the line is ten times slower than the voter", () => {
  const rounds = 300;
  const guests = bootGuests({
    replicas: ["replica-ttable", "replica-ttable", "replica-ttable"],
    verbose: true,
    workload: {
      operation: "encrypt",
      mode: "ecb",
      key: new Uint8Array(16),
      iv: new Uint8Array(16),
      input: new Uint8Array(rounds * 14 * 16),
      iterations: 0,
    },
  });
  expect(guests.machine.run({ cycle: 1_000_000_000 })).toEqual({ kind: "power-off", code: 0 });
  const names = "unanimous replica-1 replica-2 replica-3";
  const lines = Array.from({ length: rounds }, (_, i) => `voter: round ${i + 1}: ${names}`);
  expect(guests.console().split("\n")).toEqual([
    `voter: key set-up: ${names}`,
    ...lines,
    `voter: ${rounds} rounds: ${rounds} unanimous, 0 by majority, 0 without majority`,
    "root: workload done, power off",
    "",
  ]);
  // The text alone takes this long at 115200 baud, ten bits a character.
  expect(guests.machine.cycles).toBeGreaterThan((guests.console().length * 10 * 100_000_000) / 115_200);
});
