/** The public face of the kernel room. */
export { attachKernel, bootKernel } from "./boot.ts";
export {
  type Accounts,
  type BootModule,
  type BootOptions,
  type Kernel,
  KernelBootError,
  type Owner,
  type ProtocolName,
  type RegisterLocation,
  type ThreadDescription,
  type ThreadStateName,
  type UserRegister,
} from "./kernel.ts";
