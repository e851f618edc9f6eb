/** What a thread is doing, in a few words. */
import type { GuestThread, GuestView } from "./guest-view.ts";

const ANY_THREAD = 0xffffffff;
const ANY_LOCAL_THREAD = 0xffffffc0;

/** "replica-1" for a global id. */
export function nameOfId(view: GuestView, globalId: number): string {
  if (globalId === ANY_THREAD) return "anyone";
  if (globalId === ANY_LOCAL_THREAD) return "anyone in its space";
  if (globalId === 0) return "no one";
  const number = globalId >>> 14;
  return number < 16 ? `interrupt ${number}` : (view.thread(number)?.name ?? `thread ${number}`);
}

export function threadState(view: GuestView, thread: GuestThread): string {
  const { description } = thread;
  const running = view.userThread();
  if (description === undefined) return running === 0 ? "on the CPU" : "waiting to be entered";
  if (thread.id === running) return "on the CPU";
  const halted = description.halted
    ? `halted${description.haltReason === "" ? "" : `: ${description.haltReason}`}`
    : undefined;
  if (halted !== undefined) return halted;
  const about = description.protocol === "none" || description.protocol === "start" ? "" : ` (${description.protocol})`;
  switch (description.state) {
    case "waiting":
      return description.protocol === "start"
        ? "waiting to be started"
        : `waiting for a message from ${nameOfId(view, description.partner)}${about}`;
    case "polling":
      return `waiting to send to ${nameOfId(view, description.partner)}${about}`;
    default:
      return description.state;
  }
}
