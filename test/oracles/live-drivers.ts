/** Opens the judges that this machine has; says what is missing. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openNativeDriver } from "./native-driver.ts";
import { openQemuDriver, type QemuWorld } from "./system/qemu-driver.ts";
import type { DriverOrReason } from "./test-driver.ts";

const folder = dirname(fileURLToPath(import.meta.url));

export function openSilicon(): DriverOrReason {
  if (process.platform !== "linux" || process.arch !== "x64")
    return { missing: `${process.platform} on ${process.arch} runs no 32-bit x86 program` };
  return openNativeDriver(join(folder, "native", "harness.c"));
}

/** koffi is a native module: it, too, may be missing. */
export async function openUnicorn(): Promise<DriverOrReason> {
  try {
    const { openUnicornDriver } = await import("./unicorn-driver.ts");
    return openUnicornDriver();
  } catch (error) {
    return { missing: `koffi: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export function openQemu(world: QemuWorld = {}): DriverOrReason {
  return openQemuDriver(join(folder, "system"), world);
}

/**
 * A judge is missing: says so in the output; throws where the environment says that every judge has to be there (continuous
 * integration sets QUORUM86_REQUIRE_ORACLES=1).
 */
export function noteMissing(judge: string, reason: string): void {
  if (process.env.QUORUM86_REQUIRE_ORACLES === "1") throw new Error(`${judge} is required and missing: ${reason}`);
  console.warn(`skipped: no ${judge} on this machine: ${reason}`);
}
