/// <reference lib="dom" />
/** Light and dark: as the system has it, or as the reader says. */
import type { ColourName } from "../style.ts";
import { byId } from "./dom.ts";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "quorum86-theme";

const listeners: (() => void)[] = [];
const system = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let chosen: Theme = "auto";

export function isDark(): boolean {
  return !paper.matches && (chosen === "auto" ? system.matches : chosen === "dark");
}

/** Called whenever what is drawn with colours must be drawn again. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

export function colour(name: ColourName): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function startTheme(): void {
  const button = byId("theme") as HTMLButtonElement;
  button.hidden = false;
  const apply = (theme: Theme): void => {
    chosen = theme;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = { auto: "◐ auto", light: "○ light", dark: "● dark" }[theme];
    button.setAttribute("aria-label", `colours: ${theme}; change`);
    for (const listener of listeners) listener();
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]!;
    remember(next);
    apply(next);
  });
  const changed = (): void => apply(chosen);
  system.addEventListener("change", changed);
  paper.addEventListener("change", changed);
  apply(remembered());
}

/** Pages opened from a file may have no storage. */
function remembered(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // The choice holds for this page then.
  }
}
