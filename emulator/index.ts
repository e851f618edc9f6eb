/** The emulator's public face: a machine, what it is made of, and what one needs to set it up. */
export type { Alarm, Clock } from "./clock.ts";
export { Cr0, loadPageDirectory, writeControlRegister } from "./cpu/control-registers.ts";
export { Cpu } from "./cpu/cpu.ts";
export { GUEST_FAULT, hasErrorCode } from "./cpu/exceptions.ts";
export { readEflags, writeEflags } from "./cpu/flags.ts";
export { interruptReturn } from "./cpu/interrupt-return.ts";
export { portRead, portWrite } from "./cpu/port-access.ts";
export {
  enterFlatProtectedMode,
  loadSegment,
  segmentIndex,
  setSegment,
  setSegmentFromDescriptor,
} from "./cpu/segmentation.ts";
export { Counter, Flag, SegmentRegister, SegmentWord, Vector, Word } from "./cpu/state.ts";
export { ltr } from "./cpu/task-state-segment.ts";
export {
  IMAGE_BYTES as X87_IMAGE_BYTES,
  restoreImage as restoreX87Image,
  saveImage as saveX87Image,
  stateImage as x87Image,
} from "./cpu/x87/environment.ts";
export { initialise as initialiseX87 } from "./cpu/x87/unit.ts";
export type { Device, DeviceState } from "./devices/device.ts";
export { EventKind, type EventListener, EventLog } from "./event-log.ts";
export {
  createMachine,
  MAXIMUM_MEMORY_BYTES,
  Machine,
  type MachineConfiguration,
  type RunLimits,
  type StopReason,
} from "./machine.ts";
export { PAGE_BYTES, PAGE_SHIFT } from "./memory/layout.ts";
export { PhysicalMemory } from "./memory/physical-memory.ts";
export type { InterruptKind, Observer } from "./observer.ts";
export type { PortalHandler } from "./portal.ts";
export type { Snapshot } from "./snapshot.ts";
export { deviceFields, STATE_WORDS, type StateName, type StatePart, stateName } from "./state-names.ts";
