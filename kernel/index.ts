/** The public face of the kernel room. */
export { attachKernel, bootKernel } from "./boot.ts";
export { type CostEntry, type CostSource, KERNEL_COSTS, type KernelCost } from "./costs.ts";
export { KernelEvent } from "./events.ts";
export {
  type Accounts,
  type BootModule,
  type BootOptions,
  type Kernel,
  KernelBootError,
  type KernelStructure,
  type KernelWatcher,
  type Owner,
  type ProtocolName,
  type RegisterLocation,
  type ThreadDescription,
  type ThreadStateName,
  type UserRegister,
} from "./kernel.ts";
