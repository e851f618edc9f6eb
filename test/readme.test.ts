import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

it("shows in the README what npm start prints: every line of the picture, in its order", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const picture =
    /```text\n([\s\S]*?)```/
      .exec(readme)?.[1]
      ?.split("\n")
      .filter((line) => line.trim() !== "") ?? [];
  expect(picture.length).toBeGreaterThan(20);
  const printed = execFileSync(process.execPath, [join(root, "dist/tools/cli/main.js"), "boot"], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  }).split("\n");
  let from = 0;
  for (const line of picture) {
    const at = printed.indexOf(line, from);
    expect(at, `"${line}" after line ${from} of:\n${printed.join("\n")}`).toBeGreaterThanOrEqual(from);
    from = at + 1;
  }
});
