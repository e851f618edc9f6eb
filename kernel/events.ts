/** What the kernel adds to the machine's event log. Numbers are part of the log's hash and never change. */
export const enum KernelEvent {
  /** a = sender's global id, b = receiver's. */
  IpcTransfer = 64,
  /** a = global id of the thread that is dispatched (0 = idle). */
  Switch = 65,
  /** a = frame or, from 0x80000000 up, port; b = virtual page number in the receiver's space. */
  Map = 66,
  /** a = faulting thread, b = address. */
  PageFault = 67,
  /** a = thread, b = vector. */
  Exception = 68,
  /** a = interrupt line, b = handler's global id. */
  Interrupt = 69,
  /** a = thread, b = `HaltReason`. */
  Halt = 70,
  /** a = thread, b = space index. */
  ThreadCreated = 71,
  ThreadDeleted = 72,
  /** a = caller, b = error code. */
  IpcError = 73,
  /** a = caller, b = flexpage. */
  Unmap = 74,
  /** a = thread whose state the x87 unit gets, b = that whose state was in it (0: none). */
  FpuSwitch = 75,
}
