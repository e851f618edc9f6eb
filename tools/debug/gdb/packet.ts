/**
 * Packets of the GDB remote serial protocol: `$payload#checksum` with escapes and run-length encoding, the
 * acknowledgements `+` and `-`, and the interrupt byte 0x03 (GDB manual, appendix E.1 "Overview").
 *
 * Payloads are strings in which each character is one byte (Latin-1), because most of the protocol is ASCII and the
 * rest is raw bytes.
 */

/** What a stream of bytes from the other side holds, in order. */
export type PacketEvent =
  | { readonly kind: "packet"; readonly payload: string }
  | { readonly kind: "acknowledge" }
  | { readonly kind: "negative-acknowledge" }
  | { readonly kind: "interrupt" }
  | { readonly kind: "damaged"; readonly problem: string };

/** Largest payload that we accept, and the `PacketSize` that we announce (in bytes). */
export const MAX_PACKET_BYTES = 0x8000;

const DOLLAR = 0x24;
const HASH = 0x23;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const ESCAPE = 0x7d;
const INTERRUPT = 0x03;

/** Modulo-256 sum of the bytes between `$` and `#`. */
function packetChecksum(body: string): number {
  let sum = 0;
  for (let index = 0; index < body.length; index++) sum += body.charCodeAt(index);
  return sum & 0xff;
}

/** Frames a payload, escaping `$`, `#`, `}` and `*`, and shortening runs of equal bytes. */
export function encodePacket(payload: string): string {
  const body = encodeRuns(payload);
  return `$${body}#${packetChecksum(body).toString(16).padStart(2, "0")}`;
}

function isSpecial(code: number): boolean {
  return code === DOLLAR || code === HASH || code === ESCAPE || code === STAR;
}

/**
 * A run of n+1 equal bytes is the byte, `*`, and the character n + 29. The count character must be printable and can't
 * be `$` or `#` (n = 7 and 6); n below 3 saves nothing.
 */
function encodeRuns(payload: string): string {
  let body = "";
  let index = 0;
  while (index < payload.length) {
    const code = payload.charCodeAt(index);
    let run = 1;
    while (run < 98 && index + run < payload.length && payload.charCodeAt(index + run) === code) run++;
    const byte = isSpecial(code) ? `}${String.fromCharCode(code ^ 0x20)}` : payload.charAt(index);
    if (run < 4 || isSpecial(code)) {
      body += byte.repeat(run);
    } else {
      let repeats = run - 1;
      if (repeats === 6 || repeats === 7) repeats = 5;
      run = repeats + 1;
      body += `${byte}*${String.fromCharCode(repeats + 29)}`;
    }
    index += run;
  }
  return body;
}

/** Undoes escapes and run-length encoding; undefined when the body is malformed or longer than `limit` bytes. */
export function decodeBody(body: string, limit: number = MAX_PACKET_BYTES): string | undefined {
  let payload = "";
  for (let index = 0; index < body.length; index++) {
    const code = body.charCodeAt(index);
    if (code === ESCAPE) {
      index++;
      if (index >= body.length) return undefined;
      payload += String.fromCharCode(body.charCodeAt(index) ^ 0x20);
    } else if (code === STAR) {
      index++;
      const repeats = (index < body.length ? body.charCodeAt(index) : 0) - 29;
      if (repeats < 3 || repeats > 97 || payload.length === 0) return undefined;
      payload += payload.charAt(payload.length - 1).repeat(repeats);
    } else {
      payload += body.charAt(index);
    }
    if (payload.length > limit) return undefined;
  }
  return payload;
}

const enum State {
  Between,
  Body,
  ChecksumHigh,
  ChecksumLow,
}

/** Splits a byte stream into packets. Memory is bounded: a body beyond `MAX_PACKET_BYTES * 2` is dropped and reported. */
export class PacketDecoder {
  private state: State = State.Between;
  private body: string[] = [];
  private checksum = 0;
  private sum = 0;
  private tooLong = false;

  /** Takes the next bytes of the stream, however they were cut; returns what is complete. */
  push(bytes: Uint8Array): PacketEvent[] {
    const events: PacketEvent[] = [];
    for (const byte of bytes) this.pushByte(byte, events);
    return events;
  }

  private pushByte(byte: number, events: PacketEvent[]): void {
    switch (this.state) {
      case State.Between:
        if (byte === DOLLAR) this.beginBody();
        else if (byte === PLUS) events.push({ kind: "acknowledge" });
        else if (byte === MINUS) events.push({ kind: "negative-acknowledge" });
        else if (byte === INTERRUPT) events.push({ kind: "interrupt" });
        return;
      case State.Body:
        if (byte === HASH) this.state = State.ChecksumHigh;
        else if (byte === DOLLAR) {
          // A new packet begins: what came before lost its end.
          events.push({ kind: "damaged", problem: "packet without an end" });
          this.beginBody();
        } else if (this.body.length >= MAX_PACKET_BYTES * 2) this.tooLong = true;
        else {
          this.body.push(String.fromCharCode(byte));
          this.sum = (this.sum + byte) & 0xff;
        }
        return;
      case State.ChecksumHigh:
        this.checksum = hexDigit(byte) << 4;
        this.state = State.ChecksumLow;
        return;
      case State.ChecksumLow:
        this.checksum |= hexDigit(byte);
        this.state = State.Between;
        events.push(this.finish());
    }
  }

  private beginBody(): void {
    this.state = State.Body;
    this.body = [];
    this.sum = 0;
    this.tooLong = false;
  }

  private finish(): PacketEvent {
    const body = this.body.join("");
    this.body = [];
    if (this.tooLong) return { kind: "damaged", problem: "packet too long" };
    if (this.checksum !== this.sum) return { kind: "damaged", problem: "wrong checksum" };
    const payload = decodeBody(body);
    if (payload === undefined) return { kind: "damaged", problem: "malformed escape or run" };
    return { kind: "packet", payload };
  }
}

/** Value of a hexadecimal digit; a value that can match no checksum when it is none. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  return 0x1000;
}
