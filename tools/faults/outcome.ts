/**
 * What became of one experiment: five axes (Avižienis et al. 2004 for the words fault, error, failure), and one class that
 * is derived from them by rule and never entered by hand.
 */
import { z } from "zod";

/** What happened to the faulty bits themselves. */
export const ACTIVATIONS = [
  /** The target was not there, or the run ended before the trigger. */
  "not-applied",
  /** Applied; whether it was read was not watched. */
  "unobserved",
  "never-read",
  /** Written over before anything read it. */
  "overwritten",
  "read",
  /** In what steers the machine: EIP, EFLAGS, segment or control registers, TLB entries. */
  "control",
] as const;

/** What the struck component did that its golden self did not. */
const REPLICA_EFFECTS = [
  "none",
  /** Its state is still wrong at the end; nobody has seen it. */
  "latent",
  "wrong-value",
  /** It took another way through its program, with the same answers. */
  "control-flow",
  "trap",
  /** It never answered again. */
  "hang",
  /** It answered after the deadline, and was in time again later. */
  "late",
  /** Byzantine acts; nothing derives them yet. */
  "early",
  "babble",
  "denied-call",
] as const;

export const VOTES = [
  "unanimous",
  /** One or more replicas outvoted; every one of them is the struck one, or the fault struck what all share. */
  "minority-named",
  /** A replica was wrong, and another one was outvoted: takes more than one fault; nothing derives it yet. */
  "minority-misnamed",
  /** A component was struck, and a replica that was not is named (with or without the struck one). */
  "false-accusation",
  "no-majority",
  "wrong-majority",
  "voter-trap",
  "voter-hang",
  /** The vote log in guest memory is not readable. */
  "unknown",
] as const;

/** The furthest boundary that a wrong word has crossed, in this order. */
const CONTAINMENTS = [
  "none",
  "registers",
  "own-stack",
  "own-space",
  "own-utcb",
  "ipc-message",
  "kernel-state",
  "other-space",
  "machine",
  /** Nobody tracked it. */
  "unobserved",
] as const;

const RECOVERIES = ["not-needed", "restarted", "state-copied", "degraded", "failed"] as const;

export const CLASSES = [
  /** No trace at the end. */
  "MASKED",
  /** Wrong words are left; the service was right. */
  "LATENT",
  /** Wrong, and outvoted: the service was right. */
  "CORRECTED",
  /** No service, and the guests said so. */
  "DUE_DETECTED",
  /** No service, and nobody noticed before time was up. */
  "DUE_TIMEOUT",
  /** Wrong service without a warning. */
  "SDC",
  /** Triple fault, kernel panic, halted for ever. */
  "SYSTEM_CRASH",
  /** Wrong words got into another address space by another way than a message. */
  "ISOLATION_BREACH",
  /** There was no experiment: the fault was not applied, or the tool failed. */
  "TOOL_ERROR",
] as const;

/** How the machine ended, as far as classes care. */
export const ENDINGS = ["power-off", "time-limit", "crash", "interrupted"] as const;

export const SERVICES = [
  "right",
  "wrong",
  /** The client gave up: no majority, or a refused request. */
  "refused",
  "unfinished",
] as const;

export const axesSchema = z.strictObject({
  activation: z.enum(ACTIVATIONS),
  replicaEffect: z.enum(REPLICA_EFFECTS),
  vote: z.enum(VOTES),
  containment: z.enum(CONTAINMENTS),
  recovery: z.enum(RECOVERIES),
  ending: z.enum(ENDINGS),
  service: z.enum(SERVICES),
  /** Wrong words in another space without a message that carried them. */
  breach: z.boolean(),
  /** Wrong words at the end, wherever. */
  residue: z.boolean(),
});
export type OutcomeAxes = z.output<typeof axesSchema>;

export const outcomeSchema = axesSchema.extend({ class: z.enum(CLASSES) });
export type ExperimentOutcome = z.output<typeof outcomeSchema>;
export type OutcomeClass = (typeof CLASSES)[number];

/** The class of an experiment: the first rule that holds, from the worst that can be said about it to the best. */
export function classOf(axes: OutcomeAxes): OutcomeClass {
  if (axes.activation === "not-applied" || axes.ending === "interrupted") return "TOOL_ERROR";
  if (axes.breach) return "ISOLATION_BREACH";
  if (axes.ending === "crash") return "SYSTEM_CRASH";
  if (axes.service === "wrong") return "SDC";
  if (axes.service === "refused") return "DUE_DETECTED";
  if (axes.ending === "time-limit") return "DUE_TIMEOUT";
  if (axes.service === "unfinished") return "DUE_DETECTED";
  if (axes.vote !== "unanimous") return "CORRECTED";
  return axes.residue ? "LATENT" : "MASKED";
}

export function withClass(axes: OutcomeAxes): ExperimentOutcome {
  return { ...axes, class: classOf(axes) };
}
