/** TCP transport of the GDB server: one gdb at a time, on the loopback interface unless told otherwise. */
import { createServer, type Server, type Socket } from "node:net";
import type { DebugTarget } from "../debug-target.ts";
import { GdbSession } from "./session.ts";

export interface GdbServerOptions {
  /** Interface to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** 0 chooses a free port. */
  readonly port: number;
  readonly onConnection?: (peer: string) => void;
  readonly onError?: (error: unknown) => void;
  /** gdb detached, killed or went away. */
  readonly onEnd?: (how: "detached" | "killed" | "disconnected") => void;
}

export interface GdbServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** "PORT", "HOST:PORT" or "[IPV6]:PORT"; undefined when the port is not one. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { host: match[1] ?? (match[2] === undefined || match[2] === "" ? "127.0.0.1" : match[2]), port };
}

/** Rejects when the port can't be had. */
export function startGdbServer(target: DebugTarget, options: GdbServerOptions): Promise<GdbServer> {
  const host = options.host ?? "127.0.0.1";
  let connected: Socket | undefined;

  function accept(socket: Socket): void {
    if (connected !== undefined) {
      // The target has one state: a second gdb would see it change under its feet.
      socket.end();
      return;
    }
    connected = socket;
    socket.setNoDelay(true);
    let how: "detached" | "killed" | "disconnected" = "disconnected";
    const session = new GdbSession(target, {
      send: (bytes) => socket.write(bytes, "latin1"),
      onEnd: (reason) => {
        how = reason;
        socket.end();
      },
    });
    socket.on("data", (bytes: Buffer) => {
      try {
        session.receive(bytes);
      } catch (error) {
        // A defect of ours must cost this connection at most, not the machine being debugged.
        options.onError?.(error);
        socket.destroy();
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      session.close();
      connected = undefined;
      options.onEnd?.(how);
    });
    options.onConnection?.(`${socket.remoteAddress}:${socket.remotePort}`);
  }

  const server: Server = createServer(accept);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      resolve({
        host,
        port,
        close: () =>
          new Promise((done) => {
            connected?.destroy();
            server.close(() => done());
          }),
      });
    });
  });
}
