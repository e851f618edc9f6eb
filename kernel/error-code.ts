/** Values of the ErrorCode thread control register after a system call (ABI 6.0). */
export const enum ErrorCode {
  None = 0,
  NoPrivilege = 1,
  InvalidThread = 2,
  InvalidSpace = 3,
  InvalidScheduler = 4,
  InvalidParameter = 5,
  UtcbArea = 6,
  KipArea = 7,
  OutOfMemory = 8,
}

/** Errors of an IPC, without the phase bit (ABI 7.9): bit 0 is 0 in the send phase and 1 in the receive phase. */
export const enum IpcError {
  None = 0,
  Timeout = 1 << 1,
  NonExisting = 2 << 1,
  Cancelled = 3 << 1,
  MessageOverflow = 4 << 1,
  TransferTimeoutOwn = 5 << 1,
  TransferTimeoutPartner = 6 << 1,
  Aborted = 7 << 1,
}

export const enum IpcPhase {
  Send = 0,
  Receive = 1,
}
