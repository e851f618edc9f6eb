/** Which oracles and compilers this machine has. Where they are required (QUORUM86_REQUIRE_ORACLES=1, CI) each must be there. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chromiumPath } from "../tools/support/chromium.ts";

const required = process.env.QUORUM86_REQUIRE_ORACLES === "1";

function runs(command: string, ...argumentList: string[]): boolean {
  return spawnSync(command, argumentList, { stdio: "ignore", input: "" }).status === 0;
}

const oracles: readonly { name: string; present: () => boolean; without: string }[] = [
  {
    name: "gcc for 32-bit code",
    present: () => runs("gcc", "-m32", "-E", "-include", "stdint.h", "-x", "c", "-"),
    without: "live silicon, native guest tests, guests rebuilt by gcc",
  },
  {
    name: "clang with lld",
    present: () => runs("clang", "--version") && runs("ld.lld", "--version"),
    without: "guests rebuilt by clang",
  },
  {
    name: "libunicorn",
    present: () =>
      ["/usr/lib/x86_64-linux-gnu/libunicorn.so.2", "/usr/lib/libunicorn.so.2", "/usr/lib64/libunicorn.so.2"].some(
        existsSync,
      ),
    without: "live comparison with libunicorn",
  },
  {
    name: "QEMU for i386",
    present: () => runs("qemu-system-i386", "--version"),
    without: "live comparison of rings, gates and paging with QEMU",
  },
  { name: "gdb", present: () => runs("gdb", "--version"), without: "debugging with the real gdb" },
  { name: "readelf", present: () => runs("readelf", "--version"), without: "ELF and DWARF against binutils" },
  { name: "tar", present: () => runs("tar", "--version"), without: "images against the system's tar" },
  { name: "chromium", present: () => chromiumPath() !== undefined, without: "reports opened in a browser" },
  { name: "openssl", present: () => runs("openssl", "version"), without: "ciphertext against openssl enc" },
];

describe("oracles on this machine", () => {
  for (const { name, present, without } of oracles) {
    const here = present();
    if (here || required) it(`has ${name}`, () => expect(here).toBe(true));
    else it.skip(`has no ${name}: skipped are ${without}`, () => undefined);
  }
});
