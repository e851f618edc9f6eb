/** A real browser for the pages that the tools write: chromium, without a window. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

export function chromiumPath(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function openChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox"] });
}

export interface View {
  readonly width: number;
  readonly theme: "light" | "dark";
  readonly calm?: boolean;
}

export interface Opened {
  readonly page: Page;
  /** What went wrong in it, and whatever it wanted from elsewhere. */
  readonly complaints: string[];
}

/** Opens a page of ours from its file, and waits until it has drawn itself. */
export async function openPage(browser: Browser, file: string, view: View, hash = ""): Promise<Opened> {
  const page = await browser.newPage({
    viewport: { width: view.width, height: 900 },
    colorScheme: view.theme,
    reducedMotion: view.calm === false ? "no-preference" : "reduce",
  });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack)));
  page.on("request", (request) => {
    if (!/^(?:file|data|blob):/.test(request.url())) complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href + hash);
  await page.waitForSelector("html[data-ready]");
  return { page, complaints };
}
