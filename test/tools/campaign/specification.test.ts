import { afterAll, describe, expect, it } from "vitest";
import { pointAt, SINGLE_FLIP, spaceSize } from "../../../tools/campaign/fault-space.ts";
import { placesOf } from "../../../tools/campaign/places.ts";
import { parseSpecification } from "../../../tools/campaign/specification.ts";
import { readInputs } from "../../../tools/campaign/store.ts";
import { inputError } from "../support/input-errors.ts";
import { SMALL_SPECIFICATION, smallPlan, workplace } from "./small-campaign.ts";

const plan = smallPlan();

function errorOf(text: string): string {
  const { message, detail } = inputError(() => placesOf(parseSpecification(text, "s.yaml"), plan));
  expect(detail.mend).not.toBe("");
  return message;
}

describe("a campaign specification", () => {
  const places = workplace();
  afterAll(places.remove);

  it.each([
    ["sample: {size: 40", "smaple: {size: 40", /^s\.yaml:10: smaple: unknown key; did you mean sample\?/],
    ["size: 40", "size: 0", /^s\.yaml:10: sample\.size: 0 is too small; give number of draws/],
    ["size: 40", "size: many", /^s\.yaml:10: sample\.size: "many" is not a number/],
    [
      "component: voter",
      "component: vote",
      /^s\.yaml:7: targets\[1\]\.component: there is no component "vote"; use one/,
    ],
    [
      "aes_state]",
      "aes_stat]",
      /^s\.yaml:6: targets\[0\]\.symbols\[1\]: .* no symbol "aes_stat" .*; it has for example/,
    ],
    [
      "symbols: [aes_round_keys, aes_state]",
      "sections: [.txt]",
      /:6: targets\[0\]\.sections\[0\]: .* no section "\.txt" in memory; use one of \.text/,
    ],
    ["eip]", "eap]", /^s\.yaml:8: targets\[1\]\.registers/],
    [
      "[eax, esp, eip]",
      "[eax, eax]",
      /^s\.yaml:8: targets\[1\]\.registers\[1\]: voter eax is in eax, .*; name every bit/,
    ],
    [
      "aes_state]",
      "aes_state]\n    sections: [.text, .bss]",
      /sections\[1\]: replica-2 \.bss is in aes_round_keys, which is a target already/,
    ],
    ["to: 560000", "to: 3", /^s\.yaml:9: window\.to: it is before window\.from; swap them/],
    [
      "sample: {size: 40, seed: 5}\n",
      "",
      /^s\.yaml:1: sample: this key is missing; give sample: .*, or complete: true/,
    ],
    ["seed: 5}", "seed: 5}\ncomplete: true", /^s\.yaml:11: complete: sample is given too; remove one/],
    [
      "registers: all\n    symbols: [aes_round_keys, aes_state]\n  - component: voter\n    registers: [eax, esp, eip]\nwindow: {from: 370000, to: 560000}\nsample: {size: 40, seed: 5}",
      "segments: [ds]\ncomplete: true",
      /^s\.yaml:5: targets\[0\]\.segments: a complete campaign cannot have it/,
    ],
    ["name: small", "name: [", /^s\.yaml:\d+:\d+: not YAML/],
  ])("with %s as %s names the place and the mend", (from, to, message) => {
    expect(errorOf(SMALL_SPECIFICATION.replace(from, to))).toMatch(message);
  });

  it("is refused when its image is not there", () => {
    const other = workplace(SMALL_SPECIFICATION.replace("small.yaml", "none.yaml"));
    expect(inputError(() => readInputs(other.file)).message).toMatch(
      /campaign\.yaml:2: image: there is no image .*none\.yaml; correct/,
    );
    other.remove();
  });

  it("gives a space of bits × cycles whose points are all different and inside", () => {
    const text =
      "name: tiny\nimage: x\ntargets: [{component: replica-1, registers: [eflags], symbols: [aes_state]}]\nsample: {size: 1}\n";
    const found = placesOf(parseSpecification(text, "t.yaml"), plan);
    const space = {
      regions: found.map((place) => ({ ...place, firstCycle: 10, lastCycle: 12 })),
      absent: [],
      model: SINGLE_FLIP,
    };
    // EFLAGS has 17 bits in this machine, the AES state 16 bytes.
    expect(spaceSize(space)).toBe(BigInt((17 + 128) * 3));
    const seen = new Set<string>();
    for (let i = 0n; i < spaceSize(space); i++) {
      const { fault, bit, address, cycle } = pointAt(space, i);
      seen.add(JSON.stringify(fault));
      expect(cycle >= 10 && cycle <= 12).toBe(true);
      if (address !== undefined && "address" in fault.target) {
        expect(fault.target.address % 4).toBe(0);
        expect({ flip: [8 * (address - fault.target.address) + bit] }).toEqual(fault.model);
      }
    }
    expect(seen.size).toBe(Number(spaceSize(space)));
    expect(() => pointAt(space, spaceSize(space))).toThrow(RangeError);
  });
});
