/**
 * One gdb connection: the command layer of the remote serial protocol over a `DebugTarget` (GDB manual, appendix E).
 *
 * All-stop mode. Address spaces are gdb processes ("inferiors") when gdb has the multiprocess extension, so a
 * breakpoint holds in one space only. Whatever arrives is answered as the protocol says: nothing for a damaged packet
 * but `-`, an empty packet for an unknown command, `E…` for a malformed one.
 *
 * Not implemented: non-stop mode, tracepoints, record (`btrace`), attach and run of further processes, flash memory.
 */
import type { DebugTarget, PointKind, ResumeRequest, StopReport, TargetPoint, TargetThread } from "../debug-target.ts";
import { POINT_KINDS } from "../debug-target.ts";
import { samePoint } from "../points.ts";
import { FileServer } from "./file-server.ts";
import { binaryToBytes, bytesToHex, hexToBytes, parseHexNumber, textToHex } from "./hex.ts";
import { encodePacket, MAX_PACKET_BYTES, PacketDecoder, type PacketEvent } from "./packet.ts";
import { resumeRequest } from "./resume.ts";
import { findThread, formatThreadId, parseThreadId, type ThreadId } from "./thread-id.ts";
import { readObject, TRANSFER_FEATURES } from "./transfers.ts";

/** EPERM, EFAULT and EINVAL of the protocol's errno list. */
const NOT_PERMITTED = "E01";
const BAD_ADDRESS = "E0e";
const MALFORMED = "E16";
const OK = "OK";

/** Neither a breakpoint nor an interrupt: nothing goes on from here. gdb resumes at once after signal 0. */
const SIGNAL_STOP = 17;
const SIGNAL_INTERRUPT = 2;
const SIGNAL_TRAP = 5;
/** Longest memory answer, so that its hexadecimal form fits a packet. */
const MAX_MEMORY_BYTES = MAX_PACKET_BYTES / 2 - 16;

export interface GdbSessionOptions {
  /** Sends raw bytes (one per character) to gdb. */
  readonly send: (bytes: string) => void;
  /** Runs a callback soon, after input that waits has been taken; the default is `setImmediate`. */
  readonly schedule?: (callback: () => void) => void;
  /** Called when gdb detaches or kills: the connection should end. */
  readonly onEnd?: (how: "detached" | "killed") => void;
}

export class GdbSession {
  private readonly decoder = new PacketDecoder();
  private readonly files: FileServer;
  private readonly send: (bytes: string) => void;
  private readonly schedule: (callback: () => void) => void;
  private readonly onEnd: (how: "detached" | "killed") => void;
  private acknowledging = true;
  private multiprocess = false;
  private lastSent = "";
  private running = false;
  private ended = false;
  private general: ThreadId = { process: 0, thread: 0 };
  private resumed: ThreadId = { process: 0, thread: 0 };
  /** The thread that gdb last chose or heard of by its own id: the one it means by "bs" after "Hc-1". */
  private focus: ThreadId = { process: 0, thread: 0 };
  private readonly detached = new Set<number>();
  private threadsToSend: TargetThread[] = [];
  private lastStop: StopReport | undefined;
  private readonly points: TargetPoint[] = [];

  constructor(
    private readonly target: DebugTarget,
    options: GdbSessionOptions,
  ) {
    this.send = options.send;
    this.schedule = options.schedule ?? ((callback) => setImmediate(callback));
    this.onEnd = options.onEnd ?? (() => undefined);
    this.files = new FileServer((path) => target.openFile(path));
  }

  /** Takes what came from gdb. */
  receive(bytes: Uint8Array): void {
    for (const event of this.decoder.push(bytes)) if (!this.ended) this.handleEvent(event);
  }

  /** The connection is gone: leaves no breakpoint of this session behind. */
  close(): void {
    if (this.running) this.target.interrupt();
    this.running = false;
    this.ended = true;
    this.removePoints(() => true);
  }

  private handleEvent(event: PacketEvent): void {
    switch (event.kind) {
      case "acknowledge":
        return;
      case "negative-acknowledge":
        if (this.acknowledging && this.lastSent !== "") this.send(this.lastSent);
        return;
      case "damaged":
        if (this.acknowledging) this.send("-");
        return;
      case "interrupt":
        if (this.running) this.stopped(this.target.interrupt());
        return;
      case "packet":
        if (this.acknowledging) this.send("+");
        this.handlePacket(event.payload);
    }
  }

  private handlePacket(payload: string): void {
    // While the target runs, all-stop gdb sends nothing but an interrupt; vCtrlC is that interrupt as a packet.
    if (this.running) {
      if (payload === "vCtrlC") this.stopped(this.target.interrupt());
      return;
    }
    const answer = this.answer(payload);
    if (answer !== undefined) this.reply(answer);
  }

  private reply(payload: string): void {
    this.lastSent = encodePacket(payload);
    this.send(this.lastSent);
  }

  /** The thread that a resume packet without a thread id is about. */
  private stepping(): TargetThread {
    const current = this.target.currentThread();
    const focus = this.chosen(this.focus) ?? current;
    return findThread([focus], this.resumed, focus) ?? this.chosen(this.resumed) ?? current;
  }

  private threads(): readonly TargetThread[] {
    return this.target.threads().filter((thread) => !this.detached.has(thread.process));
  }

  private threadIdText(thread: TargetThread): string {
    return formatThreadId(thread, this.multiprocess);
  }

  /** The thread that `Hg` (or `Hc`) chose; the target's current one when it chose any. */
  private chosen(id: ThreadId): TargetThread | undefined {
    return findThread(this.threads(), id, this.target.currentThread());
  }

  /** The answer to a packet; undefined when it comes later (running) or never (the session has ended). */
  private answer(payload: string): string | undefined {
    const rest = payload.slice(1);
    switch (payload.charAt(0)) {
      case "?":
        return this.stopReply(this.lastStop ?? { ...this.target.initialThread(), cause: { kind: "step" } });
      case "!":
        return OK;
      case "g":
        return this.readRegisters();
      case "G":
        return this.writeRegisters(rest);
      case "p":
        return this.readRegister(rest);
      case "P":
        return this.writeRegister(rest);
      case "m":
        return this.readMemory(rest);
      case "M":
        return this.writeMemory(rest, hexToBytes);
      case "X":
        return this.writeMemory(rest, binaryToBytes);
      case "Z":
      case "z":
        return this.changePoint(payload.charAt(0) === "Z", rest);
      case "H":
        return this.chooseThread(rest);
      case "T":
        return this.isAlive(rest);
      case "c":
      case "s":
      case "C":
      case "S":
      case "b":
        return this.resume(resumeRequest(payload, this.stepping(), this.target));
      case "D":
        return this.detach(rest);
      case "k":
        this.end("killed");
        return undefined;
      case "q":
      case "Q":
        return this.query(payload);
      case "v":
        return this.verbose(payload);
      default:
        return "";
    }
  }

  private readRegisters(): string {
    const thread = this.chosen(this.general)?.thread;
    if (thread === undefined) return NOT_PERMITTED;
    let text = "";
    for (const [number, register] of this.target.registers.slice(0, this.target.groupedRegisters).entries()) {
      const value = this.target.readRegister(thread, number);
      text += value === undefined ? "x".repeat(register.bits / 4) : bytesToHex(value);
    }
    return text;
  }

  private writeRegisters(text: string): string {
    const thread = this.chosen(this.general)?.thread;
    if (thread === undefined) return NOT_PERMITTED;
    let offset = 0;
    for (const [number, register] of this.target.registers.entries()) {
      const digits = text.slice(offset, offset + register.bits / 4);
      offset += register.bits / 4;
      if (digits.length === 0) break;
      if (/^x+$/.test(digits)) continue;
      const value = hexToBytes(digits);
      if (value === undefined || value.length !== register.bits / 8) return MALFORMED;
      const old = this.target.readRegister(thread, number);
      // gdb sends every register back: those that can't be written are fine as long as they do not change.
      if (old === undefined || bytesToHex(old) === bytesToHex(value)) continue;
      if (!this.target.writeRegister(thread, number, value)) return NOT_PERMITTED;
    }
    return OK;
  }

  private readRegister(text: string): string {
    const number = parseHexNumber(text);
    const register = number === undefined ? undefined : this.target.registers[number];
    if (number === undefined || register === undefined) return MALFORMED;
    const thread = this.chosen(this.general)?.thread;
    if (thread === undefined) return NOT_PERMITTED;
    const value = this.target.readRegister(thread, number);
    return value === undefined ? "x".repeat(register.bits / 4) : bytesToHex(value);
  }

  private writeRegister(text: string): string {
    const [numberText = "", valueText = ""] = text.split("=", 2);
    const number = parseHexNumber(numberText);
    const register = number === undefined ? undefined : this.target.registers[number];
    const value = hexToBytes(valueText);
    if (number === undefined || register === undefined || value?.length !== register.bits / 8) return MALFORMED;
    const thread = this.chosen(this.general)?.thread;
    if (thread === undefined) return NOT_PERMITTED;
    return this.target.writeRegister(thread, number, value) ? OK : NOT_PERMITTED;
  }

  private readMemory(text: string): string {
    const range = parseRange(text);
    if (range === undefined) return MALFORMED;
    const process = this.chosen(this.general)?.process;
    if (process === undefined) return BAD_ADDRESS;
    const bytes = this.target.readMemory(process, range.address, Math.min(range.length, MAX_MEMORY_BYTES));
    return bytes === undefined ? BAD_ADDRESS : bytesToHex(bytes);
  }

  private writeMemory(text: string, decode: (data: string) => Uint8Array | undefined): string {
    const colon = text.indexOf(":");
    const range = parseRange(text.slice(0, Math.max(colon, 0)));
    const bytes = decode(text.slice(colon + 1));
    if (colon < 0 || range === undefined || bytes === undefined || bytes.length !== range.length) return MALFORMED;
    if (bytes.length === 0) return OK;
    const process = this.chosen(this.general)?.process;
    if (process === undefined) return BAD_ADDRESS;
    return this.target.writeMemory(process, range.address, bytes) ? OK : BAD_ADDRESS;
  }

  private changePoint(insert: boolean, text: string): string {
    const kind: PointKind | undefined = POINT_KINDS[Number.parseInt(text.charAt(0), 16)];
    if (kind === undefined) return "";
    const range = parseRange((text.slice(2).split(";")[0] ?? "").trim());
    if (text.charAt(1) !== "," || range === undefined) return MALFORMED;
    const process = this.chosen(this.general)?.process;
    if (process === undefined) return NOT_PERMITTED;
    const point = { kind, process, address: range.address, length: range.length };
    const index = this.points.findIndex((other) => samePoint(other, point));
    if (insert) {
      if (!this.target.insertPoint(point)) return NOT_PERMITTED;
      if (index < 0) this.points.push(point);
      return OK;
    }
    if (index >= 0) this.points.splice(index, 1);
    return this.target.removePoint(point) ? OK : NOT_PERMITTED;
  }

  private removePoints(unwanted: (point: TargetPoint) => boolean): void {
    for (const point of this.points.filter(unwanted)) {
      this.points.splice(this.points.indexOf(point), 1);
      this.target.removePoint(point);
    }
  }

  private chooseThread(text: string): string {
    const id = parseThreadId(text.slice(1));
    if (id === undefined || (text.charAt(0) !== "g" && text.charAt(0) !== "c")) return MALFORMED;
    if (findThread(this.target.threads(), id, this.target.currentThread()) === undefined) return NOT_PERMITTED;
    if (text.charAt(0) === "g") this.general = id;
    else this.resumed = id;
    if (id.thread > 0) this.focus = id;
    return OK;
  }

  private isAlive(text: string): string {
    const id = parseThreadId(text);
    if (id === undefined) return MALFORMED;
    return findThread(this.target.threads(), id, this.target.currentThread()) === undefined ? NOT_PERMITTED : OK;
  }

  /** `D` lets go of everything, `D;PID` of one process; the session ends with the last one. */
  private detach(text: string): string | undefined {
    if (text !== "") {
      const process = parseHexNumber(text.slice(1));
      if (text.charAt(0) !== ";" || process === undefined) return MALFORMED;
      if (!this.threads().some((thread) => thread.process === process)) return NOT_PERMITTED;
      this.detached.add(process);
      if (this.threads().length > 0) {
        this.removePoints((point) => point.process === process);
        return OK;
      }
    }
    this.reply(OK);
    this.end("detached");
    return undefined;
  }

  private end(how: "detached" | "killed"): void {
    this.close();
    this.onEnd(how);
  }

  private query(payload: string): string | undefined {
    const name = /^[A-Za-z]+/.exec(payload)?.[0] ?? "";
    switch (name) {
      case "qSupported":
        return this.supported(payload);
      case "QStartNoAckMode":
        this.reply(OK);
        this.acknowledging = false;
        return undefined;
      case "qC":
        return `QC${this.threadIdText(this.target.currentThread())}`;
      case "qAttached":
        return "1";
      case "qSymbol":
        return OK;
      case "qfThreadInfo":
        this.threadsToSend = [...this.threads()];
        return this.nextThreads();
      case "qsThreadInfo":
        return this.nextThreads();
      case "qThreadExtraInfo":
        return this.threadInformation(payload.slice(name.length + 1));
      case "qXfer":
        return readObject(payload.slice("qXfer:".length), {
          target: this.target,
          threads: this.threads(),
          process: (this.chosen(this.general) ?? this.target.currentThread()).process,
          threadId: (thread) => this.threadIdText(thread),
        });
      case "qRcmd":
        return this.monitor(payload.slice("qRcmd,".length));
      default:
        return "";
    }
  }

  private supported(payload: string): string {
    const offered = payload.slice("qSupported:".length).split(";");
    this.multiprocess = offered.includes("multiprocess+");
    return [
      `PacketSize=${MAX_PACKET_BYTES.toString(16)}`,
      "QStartNoAckMode+",
      ...(this.multiprocess ? ["multiprocess+"] : []),
      "swbreak+",
      "hwbreak+",
      "vContSupported+",
      "ReverseStep+",
      "ReverseContinue+",
      ...TRANSFER_FEATURES,
    ].join(";");
  }

  private nextThreads(): string {
    const some = this.threadsToSend.splice(0, 256);
    return some.length === 0 ? "l" : `m${some.map((thread) => this.threadIdText(thread)).join(",")}`;
  }

  private threadInformation(text: string): string {
    const id = parseThreadId(text);
    if (id === undefined) return MALFORMED;
    const thread = findThread(this.target.threads(), id, this.target.currentThread());
    return thread === undefined ? NOT_PERMITTED : textToHex(`${thread.name}: ${thread.state}`);
  }

  private monitor(text: string): string {
    const line = hexToBytes(text);
    if (line === undefined) return MALFORMED;
    const answer = this.target.command(
      new TextDecoder().decode(line),
      (this.chosen(this.general) ?? this.target.currentThread()).thread,
    );
    for (let offset = 0; offset < answer.length; offset += 2000) {
      this.reply(`O${textToHex(answer.slice(offset, offset + 2000))}`);
    }
    return OK;
  }

  private verbose(payload: string): string | undefined {
    if (payload === "vCont?") return "vCont;c;C;s;S;r";
    if (payload.startsWith("vCont;")) {
      return this.resume(resumeRequest(payload, this.stepping(), this.target));
    }
    if (payload.startsWith("vFile:")) return this.files.handle(payload.slice("vFile:".length));
    if (payload.startsWith("vKill")) {
      this.reply(OK);
      this.end("killed");
      return undefined;
    }
    return "";
  }

  private resume(request: ResumeRequest | "malformed" | "unknown"): string | undefined {
    if (request === "malformed") return MALFORMED;
    if (request === "unknown") return "";
    this.running = true;
    this.target.resume(request);
    this.runSlice();
    return undefined;
  }

  private runSlice(): void {
    if (!this.running) return;
    const report = this.target.slice();
    if (report !== undefined) this.stopped(report);
    else {
      this.sendConsole(this.target.takeConsoleOutput());
      this.schedule(() => this.runSlice());
    }
  }

  private stopped(report: StopReport): void {
    this.running = false;
    this.lastStop = report;
    this.general = { process: report.process, thread: report.thread };
    this.resumed = this.general;
    this.focus = this.general;
    this.sendConsole(this.target.takeConsoleOutput());
    if (report.message !== undefined) this.sendConsole(`${report.message}\n`);
    this.reply(this.stopReply(report));
  }

  /** Text for gdb's own console; allowed only before a stop reply. */
  private sendConsole(text: string): void {
    for (let offset = 0; offset < text.length; offset += 2000) {
      this.reply(`O${textToHex(text.slice(offset, offset + 2000))}`);
    }
  }

  private stopReply(report: StopReport): string {
    const cause = report.cause;
    const ended = cause.kind === "history-end";
    const signal = ended ? SIGNAL_STOP : cause.kind === "interrupt" ? SIGNAL_INTERRUPT : SIGNAL_TRAP;
    let text = `T${signal.toString(16).padStart(2, "0")}`;
    for (const number of this.target.expeditedRegisters) {
      const value = this.target.readRegister(report.thread, number);
      if (value !== undefined) text += `${number.toString(16).padStart(2, "0")}:${bytesToHex(value)};`;
    }
    text += `thread:${formatThreadId({ ...report, name: "", state: "" }, this.multiprocess)};core:0;`;
    switch (cause.kind) {
      case "breakpoint":
        return `${text}${cause.point.kind === "hardware" ? "hwbreak" : "swbreak"}:;`;
      case "watchpoint": {
        const name = cause.point.kind === "write" ? "watch" : cause.point.kind === "read" ? "rwatch" : "awatch";
        return `${text}${name}:${cause.address.toString(16)};`;
      }
      case "history-begin":
        return `${text}replaylog:begin;`;
      default:
        return text;
    }
  }
}

function parseRange(text: string): { address: number; length: number } | undefined {
  const comma = text.indexOf(",");
  const address = parseHexNumber(text.slice(0, Math.max(comma, 0)));
  const length = parseHexNumber(text.slice(comma + 1));
  if (comma < 0 || address === undefined || length === undefined) return undefined;
  // 32-bit target: an address beyond it is as malformed as one that is no number.
  return address > 0xffffffff || length > 0xffffffff ? undefined : { address, length };
}
