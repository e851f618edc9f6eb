/**
 * `npm run picture`: the pictures of the README, light and dark, from the page of a real run: the bundled image with its own
 * fault. They go to the directory that is given, or to where the README finds them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openChromium, openPage } from "../support/chromium.ts";

const WIDTH = 1000;
/** What only helps whoever can click. */
const LEFT_OUT = "#theme, .figures, .tools, .time-bar, section > .soft, #crumbs, .untouched-title, .untouched-spaces";
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..");
const into = process.argv[2] ?? join(root, "tools/propagate/report");
const directory = mkdtempSync(join(tmpdir(), "quorum86-picture-"));
try {
  const command = [join(root, "dist/tools/cli/main.js"), "propagate", "-o", directory, "--quiet", "--no-parquet"];
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  if (status !== 0) throw new Error(`propagate ended with ${status}`);
  const browser = await openChromium();
  for (const theme of ["light", "dark"] as const) {
    const { page } = await openPage(browser, join(directory, "report.html"), { width: WIDTH, theme });
    await page.addStyleTag({ content: `${LEFT_OUT} { display: none !important }` });
    await page.setViewportSize({ width: WIDTH, height: 2000 });
    const map = (await page.locator("#map-section").boundingBox())!;
    const file = join(into, `picture-${theme}.png`);
    await page.screenshot({ path: file, clip: { x: 0, y: 0, width: WIDTH, height: map.y + map.height + 20 } });
    process.stdout.write(`${file}: ${statSync(file).size} bytes\n`);
  }
  await browser.close();
} finally {
  rmSync(directory, { recursive: true });
}
