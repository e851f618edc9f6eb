/** The classes in a few words, for people. */
import type { OutcomeClass } from "./outcome.ts";

export const CLASS_TEXT: Readonly<Record<OutcomeClass, string>> = {
  MASKED: "no trace of it is left",
  LATENT: "the service was right; wrong words are left",
  CORRECTED: "wrong, and outvoted: the service was right",
  DUE_DETECTED: "no service, and the guests said so",
  DUE_TIMEOUT: "it did not end in time",
  SDC: "wrong service without a warning",
  SYSTEM_CRASH: "the machine went down",
  ISOLATION_BREACH: "wrong words in another space, by no message",
  TOOL_ERROR: "no experiment: the fault was not applied",
};
