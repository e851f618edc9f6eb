import { expect, it } from "vitest";
import { GuestMachine, goldenOutput } from "./guest-machine.ts";

it("the devices guest sees the same 8259, 8254 and 16550 here as in QEMU", () => {
  const guest = new GuestMachine("devices");
  expect(guest.run()).toEqual({ kind: "power-off", code: 7 });
  expect(guest.output.split("\n")).toEqual(goldenOutput("devices").split("\n"));
});
