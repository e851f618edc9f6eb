/** What the process tells its caller. */
export const ExitCode = {
  /** The run ended as asked and the output, if there was one, is right. */
  Right: 0,
  /** The guests ran, but there was no majority, or the output is wrong or incomplete. */
  Wrong: 1,
  /** The input or the command line is wrong. */
  BadInput: 2,
  /** The guest machine ended: triple fault, kernel panic, or halted for ever. */
  GuestDied: 3,
  /** A mistake of ours: EX_SOFTWARE of sysexits.h. */
  Bug: 70,
  /** Ctrl-C, or SIGTERM. */
  Interrupted: 130,
} as const;

export const EXIT_CODES = `Exit codes
  0    the run ended as asked and its output is right
  1    no majority, or output that is wrong or missing
  2    bad input: file, scenario, fault, option; inject: a fault never applied
  3    the guest machine died: triple fault, kernel panic, halted for ever
  70   a bug in quorum86
  130  stopped by Ctrl-C`;
