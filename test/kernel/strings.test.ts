import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Word } from "../../emulator/index.ts";
import { ANY, type GuestScript, NIL, period, type Slot, Tcr, UNCHANGED } from "./support/guest-script.ts";
import { idOf, KIP_BASE, Rig, ROOT, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** String items: ABI 7.2, 7.5, 7.6 and the string groups of the conformance suite. */

const SOURCE = SCRATCH;
const TARGET = SCRATCH + 0x8000;
const TRANSFER_TIMEOUTS = -32;
const PATTERN = Uint8Array.from({ length: 0x3000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

/** Substrings of one length, as one descriptor. */
interface Piece {
  readonly bytes: number;
  readonly count: number;
}

/** Words of a string: descriptors of `pieces`, the substrings lying one after another from `address` on. */
function stringWords(address: number, pieces: readonly Piece[], more = false): number[] {
  const words: number[] = [];
  let next = address;
  pieces.forEach(({ bytes, count }, i) => {
    const compound = i + 1 < pieces.length ? 0x200 : 0;
    words.push(((bytes << 10) | compound | ((count - 1) << 4) | (more ? 1 : 0)) >>> 0);
    for (let j = 0; j < count; j++) {
      words.push(next);
      next += bytes;
    }
  });
  return words;
}

const whole = (bytes: number): Piece[] => [{ bytes, count: 1 }];
const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes, count }) => sum + bytes * count, 0);

interface Setting {
  readonly send: readonly (readonly Piece[])[];
  readonly receive: readonly (readonly Piece[])[];
  /** BR0. */
  readonly acceptor?: number;
}

/** Message words of the strings, from SOURCE on. */
function message(strings: readonly (readonly Piece[])[]): number[] {
  let address = SOURCE;
  return strings.flatMap((pieces) => {
    const words = stringWords(address, pieces);
    address += sizeOf(pieces);
    return words;
  });
}

/** Receive strings from TARGET on: BR1, BR2 … */
function buffers(strings: readonly (readonly Piece[])[]): number[] {
  let address = TARGET;
  return strings.flatMap((pieces, i) => {
    const words = stringWords(address, pieces, i + 1 < strings.length);
    address += sizeOf(pieces);
    return words;
  });
}

function setMessage(script: GuestScript, words: readonly number[]): void {
  words.forEach((word, i) => {
    script.setMr(1 + i, word);
  });
}

function setBuffers(script: GuestScript, words: readonly number[], acceptor = 1): void {
  [acceptor, ...words].forEach((word, i) => {
    script.setTcr(Tcr.bufferRegister0 - 4 * i, word);
  });
}

/** Thread 60 sends to thread 61, each in a space of its own, paged by 51 as they touch memory. */
function pair(
  { send, receive, acceptor }: Setting,
  before: (sender: GuestScript, receiver: GuestScript) => void = () => {},
) {
  const rig = new Rig({ checkEvery: 2 });
  rig.startPager();
  const [sender, receiver] = [rig.script(), rig.script()];
  const words = message(send);
  setMessage(sender, words);
  setBuffers(receiver, buffers(receive), acceptor ?? 1);
  before(sender, receiver);
  const received = receiver.ipc(NIL, ANY);
  const sent = sender.ipc(idOf(61), NIL, { tag: 0x33_0000 | (words.length << 6) });
  rig.createSpace(60, idOf(51));
  rig.spawnSpace(61, idOf(51), receiver);
  rig.start(60, sender);
  return { rig, sent, received, words };
}

function run({ rig }: { rig: Rig }, milliseconds = 30): void {
  rig.boot();
  rig.machine.memory.writeBytes(SOURCE, PATTERN);
  rig.run(milliseconds);
}

const target = (rig: Rig, bytes: number): Uint8Array => rig.machine.memory.readBytes(TARGET, bytes);

/** Touches pages beforehand; the stack's too. */
function touch(script: GuestScript, ...addresses: number[]): void {
  script.callOnly("SystemClock", {});
  for (const address of addresses) script.code.loadFrom("eax", address).save("eax", address);
}

describe("string items", () => {
  const four = (bytes: number): Piece => ({ bytes, count: 4 });

  it.each<[string, Setting]>([
    ["simple", { send: [whole(256)], receive: [whole(256)] }],
    ["substrings", { send: [[four(64)]], receive: [[four(64)]] }],
    ["compound", { send: [[four(32), { bytes: 64, count: 2 }]], receive: [[four(32), { bytes: 64, count: 2 }]] }],
    [
      "two strings",
      {
        send: [[four(32)], [{ bytes: 32, count: 2 }, ...whole(64)]],
        receive: [[four(32)], [{ bytes: 32, count: 2 }, ...whole(64)]],
      },
    ],
    ["scatter", { send: [whole(256)], receive: [[four(32), { bytes: 32, count: 2 }, ...whole(64)]] }],
    ["gather", { send: [[four(32), { bytes: 32, count: 2 }, ...whole(64)]], receive: [whole(256)] }],
    [
      "scatter and gather",
      {
        send: [
          [
            { bytes: 32, count: 3 },
            { bytes: 64, count: 2 },
            { bytes: 16, count: 2 },
          ],
        ],
        receive: [[{ bytes: 16, count: 3 }, four(32), ...whole(16), ...whole(64)]],
      },
    ],
    ["of odd lengths", { send: [[{ bytes: 33, count: 3 }]], receive: [[{ bytes: 7, count: 5 }, ...whole(90)]] }],
    ["over pages that both sides have to be given first", { send: [whole(8192)], receive: [whole(8192)] }],
    ["of no bytes", { send: [whole(0)], receive: [whole(16)] }],
  ])("%s", (_name, setting) => {
    const stage = pair(setting);
    run(stage);
    const { rig, sent, received, words } = stage;
    const total = setting.send.reduce((sum, pieces) => sum + sizeOf(pieces), 0);
    expect(rig.mr(sent, 0) & 0x8000).toBe(0);
    expect(rig.mr(received, 0)).toBe(0x33_0000 | (words.length << 6));
    // A string of no bytes is copied in no step: its pointer is not looked at.
    const seen = total === 0 ? 1 : Math.min(words.length, 19);
    expect(words.slice(0, seen).map((_, i) => rig.mr(received, 1 + i))).toEqual(words.slice(0, seen));
    expect(target(rig, total)).toEqual(PATTERN.slice(0, total));
    expect(target(rig, total + 16).slice(total)).toEqual(new Uint8Array(16));
  });

  it("a receive buffer that is longer keeps its rest", () => {
    const stage = pair({ send: [whole(252)], receive: [[{ bytes: 32, count: 8 }]] });
    run(stage);
    expect(target(stage.rig, 256)).toEqual(Uint8Array.of(...PATTERN.slice(0, 252), 0, 0, 0, 0));
  });

  it.each<[string, Setting, number]>([
    ["nobody accepts", { send: [whole(256)], receive: [whole(256)], acceptor: 0 }, 0],
    ["there is no second buffer", { send: [whole(128), whole(128)], receive: [whole(256)] }, 128],
    ["the buffer is too short", { send: [whole(256)], receive: [whole(252)] }, 252],
    [
      "a complex buffer is too short",
      {
        send: [[{ bytes: 32, count: 3 }, ...whole(64), { bytes: 64, count: 1 }, { bytes: 16, count: 2 }]],
        receive: [[{ bytes: 16, count: 4 }, ...whole(32), { bytes: 32, count: 3 }, ...whole(60)]],
      },
      252,
    ],
  ])("overflow when %s: both sides know how much was copied", (_name, setting, offset) => {
    const stage = pair(setting);
    run(stage);
    const { rig, sent, received } = stage;
    const sizes = Math.min(sizeOf(setting.send.flat()), offset);
    expect([rig.errorCode(sent), rig.errorCode(received)]).toEqual([8 | (offset << 4), 9 | (offset << 4)]);
    expect([rig.mr(sent, 0) & 0x8000, rig.mr(received, 0) & 0x8000]).toEqual([0x8000, 0x8000]);
    expect(target(rig, 256)).toEqual(Uint8Array.of(...PATTERN.slice(0, sizes), ...new Uint8Array(256 - sizes)));
  });

  it("a map item after a string is done too", () => {
    const rig = new Rig({ checkEvery: 2 });
    rig.startPager();
    const [sender, receiver] = [rig.script(), rig.script()];
    touch(sender, SCRATCH + 0xa000);
    setMessage(sender, [...message([whole(64)]), 0x2000_0008, (SCRATCH + 0xa000) | 0xc7]);
    setBuffers(receiver, buffers([whole(64)]), 0x11);
    receiver.ipc(NIL, ANY);
    sender.ipc(idOf(61), NIL, { tag: 4 << 6 });
    rig.createSpace(60, idOf(51));
    rig.spawnSpace(61, idOf(51), receiver);
    rig.start(60, sender);
    run({ rig });
    expect(target(rig, 64)).toEqual(PATTERN.slice(0, 64));
    expect(rig.kernel.translate(61, 0x2000_0000)).toBe(SCRATCH + 0xa000);
  });

  it("Call with a string: the receiver's answer finds the caller waiting", () => {
    const rig = new Rig({ checkEvery: 2 });
    rig.startPager();
    const [caller, server] = [rig.script(), rig.script()];
    setMessage(caller, message([whole(5000)]));
    setBuffers(server, buffers([whole(5000)]));
    server.ipc(NIL, ANY);
    server.ipc(idOf(60), NIL, { tag: 0x44_0000, timeouts: 0x0400_0000 });
    const called = caller.ipc(idOf(61), idOf(61), { tag: 2 << 6 });
    rig.createSpace(60, idOf(51));
    rig.spawnSpace(61, idOf(51), server);
    rig.start(60, caller);
    run({ rig });
    expect(rig.result(called)).toMatchObject({ eax: idOf(61), mr0: 0x44_0000 });
    expect(target(rig, 5000)).toEqual(PATTERN.slice(0, 5000));
  });

  it("a string can't be written over read-only memory, into the KIP, or beyond the user area", () => {
    const rig = new Rig({ checkEvery: 2 });
    rig.startPager();
    const [sender, receiver] = [rig.script(), rig.script()];
    setMessage(sender, message([whole(64)]));
    const places = [0xc000_0000, 0xf000_0000];
    const received = places.map((place) => {
      setBuffers(receiver, [(64 << 10) >>> 0, place]);
      return receiver.ipc(NIL, ANY);
    });
    receiver.setTcr(Tcr.pager, ROOT);
    setBuffers(receiver, [(64 << 10) >>> 0, KIP_BASE]);
    receiver.ipc(NIL, ANY);
    const sent = [0, 1, 2].map(() => sender.ipc(idOf(61), NIL, { tag: 2 << 6, timeouts: period(5000) << 16 }));
    rig.createSpace(60, idOf(51));
    rig.spawnSpace(61, idOf(51), receiver);
    rig.start(60, sender);
    run({ rig }, 60);
    expect(received.map((slot) => rig.errorCode(slot))).toEqual([9, 9]);
    expect(sent.slice(0, 2).map((slot) => rig.errorCode(slot))).toEqual([8, 8]);
    // The KIP: the receiver asks its pager, which does not answer.
    expect(rig.kernel.thread(61)).toMatchObject({ protocol: "page-fault", partner: ROOT });
    expect(rig.kernel.thread(60)).toMatchObject({ state: "transferring" });
  });
});

describe("a page fault that stops a transfer", () => {
  const LONG = [whole(8192)];

  /** Both sides have their first pages; `silent` asks root, which never answers, for the second. */
  function stuck(silent: "sender" | "receiver", timeouts: { sender: number; receiver: number }) {
    return pair({ send: LONG, receive: LONG }, (sender, receiver) => {
      touch(sender, SOURCE);
      touch(receiver, TARGET);
      if (silent === "sender") touch(receiver, TARGET + 0x1000);
      else touch(sender, SOURCE + 0x1000);
      // The slots that the results go to.
      touch(sender, SCRATCH - 0x1_0000);
      touch(receiver, SCRATCH - 0x1_0000);
      sender.setTcr(TRANSFER_TIMEOUTS, timeouts.sender << 16);
      receiver.setTcr(TRANSFER_TIMEOUTS, timeouts.receiver);
      (silent === "sender" ? sender : receiver).setTcr(Tcr.pager, ROOT);
    });
  }

  const ms = (milliseconds: number): number => period(milliseconds * 1000);

  it.each([
    ["both zero, the receiver's page missing", "receiver", 0x400, 0x400, 5, 6],
    ["the sender's is shorter", "sender", ms(5), ms(500), 5, 6],
    ["the receiver's is shorter", "sender", ms(500), ms(5), 6, 5],
    ["the receiver's is never", "receiver", ms(5), 0, 5, 6],
  ] as const)("transfer timeouts: %s", (_name, silent, sending, receiving, sendCode, receiveCode) => {
    const stage = stuck(silent, { sender: sending, receiver: receiving });
    run(stage, 60);
    const { rig, sent, received } = stage;
    expect([rig.errorCode(sent), rig.errorCode(received)]).toEqual([
      (0x1000 << 4) | (sendCode << 1),
      (0x1000 << 4) | (receiveCode << 1) | 1,
    ]);
    expect(target(rig, 0x1010)).toEqual(Uint8Array.of(...PATTERN.slice(0, 0x1000), ...new Uint8Array(16)));
  });

  it("shows address and place of the fault to the pager, and both sides as transferring", () => {
    const { rig, sent, received } = stuck("receiver", { sender: 0, receiver: 0 });
    const fault = rig.root.ipc(NIL, idOf(61));
    const state = (thread: number): Slot =>
      rig.root.call("Schedule", { eax: idOf(thread), edx: UNCHANGED, esi: UNCHANGED, ecx: UNCHANGED, edi: UNCHANGED });
    const states = [60, 61].map(state);
    const bits = [60, 61].map((thread) =>
      rig.root.call("ExchangeRegisters", { eax: idOf(thread), ecx: 0, edx: 0, esi: 0, edi: 0, ebx: 0, ebp: 0 }),
    );
    rig.root.setMr(1, (TARGET + 0x1000) | 8).setMr(2, (TARGET + 0x1000) | 0xc7);
    rig.root.ipc(idOf(61), NIL, { tag: 0x80 });
    run({ rig }, 60);
    expect([rig.mr(fault, 0), rig.mr(fault, 1), rig.mr(fault, 2)]).toEqual([0xffe2_0002, TARGET + 0x1000, 0xffff_ffff]);
    expect(states.map((slot) => rig.register(slot, "eax"))).toEqual([5, 7]);
    expect(bits[1] === undefined ? 0 : rig.register(bits[1], "ecx")).toBe(2);
    expect([rig.mr(sent, 0) & 0x8000, rig.mr(received, 0) & 0x8000]).toEqual([0, 0]);
    expect(target(rig, 8192)).toEqual(PATTERN.slice(0, 8192));
  });

  it.each([
    ["the sender's, by the sender", "sender", 60],
    ["the sender's, by the receiver", "sender", 61],
    ["the receiver's, by the receiver", "receiver", 61],
  ] as const)("is cancelled by ExchangeRegisters (%s): both sides are aborted", (_name, silent, cancelled) => {
    const stage = stuck(silent, { sender: 0, receiver: 0 });
    const { rig, sent, received } = stage;
    rig.root.ipc(NIL, SIGMA0, { timeouts: ms(20) });
    // Root may: it is in the space of both sides' pagers, 51 and itself.
    rig.root.call("ExchangeRegisters", { eax: idOf(cancelled), ecx: 6, edx: 0, esi: 0, edi: 0, ebx: 0, ebp: 0 });
    run(stage, 60);
    expect([rig.errorCode(sent), rig.errorCode(received)]).toEqual([(0x1000 << 4) | 14, (0x1000 << 4) | 15]);
  });

  it.each([
    ["sender", 60],
    ["receiver", 61],
  ] as const)("ends when the %s is deleted: the other side is aborted", (_name, deleted) => {
    const stage = stuck("sender", { sender: 0, receiver: 0 });
    const { rig, sent, received } = stage;
    rig.root.ipc(NIL, SIGMA0, { timeouts: ms(20) });
    rig.root.call("ThreadControl", { eax: idOf(deleted), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    run(stage, 60);
    expect(rig.errorCode(deleted === 60 ? received : sent)).toBe((0x1000 << 4) | (deleted === 60 ? 15 : 14));
    expect(rig.kernel.thread(deleted)).toBeUndefined();
  });

  it("ends when the pager does not exist", () => {
    const stage = pair({ send: LONG, receive: LONG }, (sender, receiver) => {
      touch(sender, SOURCE, SCRATCH - 0x1_0000);
      touch(receiver, TARGET, TARGET + 0x1000, SCRATCH - 0x1_0000);
      sender.setTcr(Tcr.pager, idOf(99));
    });
    run(stage, 60);
    const { rig, sent, received } = stage;
    expect([rig.errorCode(sent), rig.errorCode(received)]).toEqual([(0x1000 << 4) | 14, (0x1000 << 4) | 15]);
  });

  it("is part of a snapshot", () => {
    const stage = stuck("receiver", { sender: ms(20), receiver: 0 });
    const { rig, sent, received } = stage;
    run(stage, 10);
    expect(rig.kernel.thread(60)).toMatchObject({ state: "transferring" });
    const snapshot = rig.machine.snapshot();
    rig.run(40);
    const wanted = [rig.machine.stateDigest(), rig.errorCode(sent), rig.errorCode(received)];
    rig.machine.restore(snapshot);
    rig.run(40);
    expect([rig.machine.stateDigest(), rig.errorCode(sent), rig.errorCode(received)]).toEqual(wanted);
  });
});

describe("random strings", () => {
  const rig = new Rig({ checkEvery: 0 });
  rig.startPager();
  const [sender, receiver] = [rig.script(), rig.script()];
  for (let page = 0; page < 3; page++) {
    touch(sender, SOURCE + 0x1000 * page);
    touch(receiver, TARGET + 0x1000 * page);
  }
  touch(sender, SCRATCH + 0x7000);
  const loop = sender.code.here;
  sender.spin();
  receiver.setTcr(Tcr.bufferRegister0, 1);
  receiver.callOnly("Ipc", { eax: NIL, edx: ANY, ecx: 0, esi: 0 });
  const received = receiver.saveResults();
  rig.spawnSpace(61, idOf(51), receiver);
  rig.spawnSpace(60, idOf(51), sender);
  rig.boot();
  rig.machine.memory.writeBytes(SOURCE, PATTERN);
  rig.run(30);
  const snapshot = rig.machine.snapshot();
  const { machine, kernel } = rig;

  /** The algorithm of the ABI, on lists of ranges. */
  function model(
    send: readonly (readonly Piece[])[],
    receive: readonly (readonly Piece[])[],
  ): { copied: number[]; ok: boolean } {
    const memory = new Array<number>(0x3000).fill(0);
    let from = 0;
    let at = 0;
    for (const [i, pieces] of send.entries()) {
      const room = receive[i] === undefined ? 0 : sizeOf(receive[i]);
      const bytes = sizeOf(pieces);
      if (receive[i] === undefined) return { copied: memory, ok: false };
      for (let byte = 0; byte < Math.min(bytes, room); byte++) memory[at + byte] = PATTERN[from + byte];
      if (bytes > room) return { copied: memory, ok: false };
      from += bytes;
      at += room;
    }
    return { copied: memory, ok: true };
  }

  it("are copied as the algorithm says, whatever the substrings", () => {
    const piece = fc.record({ bytes: fc.integer({ min: 0, max: 700 }), count: fc.integer({ min: 1, max: 3 }) });
    const string = fc.array(piece, { minLength: 1, maxLength: 3 });
    const strings = fc.array(string, { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(strings, strings, (send, receive) => {
        const [words, brs] = [message(send), buffers(receive)];
        fc.pre(words.length <= 60 && brs.length <= 32);
        fc.pre(sizeOf(send.flat()) <= 0x2f00 && sizeOf(receive.flat()) <= 0x2f00);
        machine.restore(snapshot);
        const [from, to] = [kernel.thread(60)?.utcb ?? 0, kernel.thread(61)?.utcb ?? 0];
        words.forEach((word, i) => {
          machine.memory.write32(from + 0x104 + 4 * i, word);
        });
        brs.forEach((word, i) => {
          machine.memory.write32(to + 0x100 - 68 - 4 * i, word);
        });
        machine.memory.write32(SCRATCH + 0x7800, loop);
        const registers = [idOf(61), 0, 0, 0, SCRATCH + 0x7800, 0, words.length << 6, 0];
        registers.forEach((value, i) => {
          machine.cpu.words[Word.Eax + i] = value;
        });
        machine.cpu.words[Word.Eip] = KIP_BASE + 0x800 + 0x20 * 4;
        machine.cpu.stateReplaced();
        machine.run({ cycle: machine.cycles + 400_000 });
        const { copied, ok } = model(send, receive);
        expect(Array.from(machine.memory.readBytes(TARGET, 0x3000))).toEqual(copied);
        expect((rig.mr(received, 0) & 0x8000) === 0).toBe(ok);
        expect(kernel.check()).toEqual([]);
      }),
      { numRuns: 150, seed: 21 },
    );
  });
});
