import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeBody,
  encodePacket,
  MAX_PACKET_BYTES,
  PacketDecoder,
  type PacketEvent,
} from "../../../tools/debug/gdb/packet.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const payloads = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 400 })
  .map((codes) => String.fromCharCode(...codes));
const runs = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 300 })), { maxLength: 6 })
  .map((list) => list.map(([code, count]) => String.fromCharCode(code).repeat(count)).join(""));

describe("packets of the GDB remote protocol", () => {
  it("frames the manual's examples", () => {
    expect(encodePacket("OK")).toBe("$OK#9a");
    // GDB manual, E.1: "0* " encodes "0000".
    expect(encodePacket("0000")).toBe("$0* #7a");
    expect(decodeBody("0* ")).toBe("0000");
  });

  it("gives back every payload, runs and special characters included", () => {
    fc.assert(
      fc.property(fc.oneof(payloads, runs), (payload) => {
        const events = new PacketDecoder().push(bytes(encodePacket(payload)));
        expect(events).toEqual([{ kind: "packet", payload }]);
      }),
    );
  });

  it("never puts $ or # into a body, where gdb would see the end of the packet", () => {
    fc.assert(
      fc.property(fc.oneof(payloads, runs), (payload) => {
        expect(encodePacket(payload).slice(1, -3)).not.toMatch(/[$#]/);
      }),
    );
  });

  it("does not mind how the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(payloads, { maxLength: 5 }), fc.integer({ min: 1, max: 7 }), (list, size) => {
        const stream = bytes(list.map((payload) => `+${encodePacket(payload)}`).join("\x03"));
        const decoder = new PacketDecoder();
        const events: PacketEvent[] = [];
        for (let offset = 0; offset < stream.length; offset += size) {
          events.push(...decoder.push(stream.subarray(offset, offset + size)));
        }
        expect(events).toEqual(new PacketDecoder().push(stream));
        expect(events.filter((event) => event.kind === "packet").map((event) => event.payload)).toEqual(list);
      }),
    );
  });

  it("reports a wrong checksum, a lost end, a bad escape and a run of nothing, and goes on", () => {
    const stream = "$OK#00$abc$OK#9a$}#7d$* #4a$OK#9a";
    const kinds = new PacketDecoder().push(bytes(stream)).map((event) => event.kind);
    expect(kinds).toEqual(["damaged", "damaged", "packet", "damaged", "damaged", "packet"]);
  });

  it("drops a packet that never ends without keeping it", () => {
    const decoder = new PacketDecoder();
    decoder.push(bytes("$"));
    const noise = new Uint8Array(1 << 16).fill(0x61);
    for (let round = 0; round < 64; round++) expect(decoder.push(noise)).toEqual([]);
    expect(decoder.push(bytes("#00$OK#9a")).map((event) => event.kind)).toEqual(["damaged", "packet"]);
  });

  it("refuses a body whose runs blow up beyond the packet size", () => {
    const bomb = `a*${"~"}`.repeat(MAX_PACKET_BYTES / 90);
    expect(decodeBody(bomb)).toBeUndefined();
  });
});
