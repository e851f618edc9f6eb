/// <reference lib="dom" />
/** The map of memory: machine, space, page, word; each level opens from the one above. */
import { byId, h, replace } from "../../../report/browser/dom.ts";
import { onTheme } from "../../../report/browser/theme.ts";
import { duration, hex } from "../../../report/format.ts";
import { machineView } from "./map-machine.ts";
import { pageView } from "./map-page.ts";
import { spaceView } from "./map-space.ts";
import type { Position, ReaderState } from "./state.ts";
import { wordCard } from "./word-card.ts";

/** A level of the map: its elements, made once, and how to draw them for another moment. */
export interface Level {
  readonly element: HTMLElement;
  readonly draw: () => void;
}

export function startMap(state: ReaderState): void {
  const root = byId("map");
  let shown: Position | undefined;
  let level: Level | undefined;
  const show = (): void => {
    const { position } = state;
    const same = level !== undefined && shown?.space === position.space && shown?.page === position.page;
    if (!same || shown?.place !== position.place) {
      const before = shown;
      shown = position;
      replace(byId("crumbs"), ...crumbs(state));
      if (!same) {
        const focused = root.contains(document.activeElement);
        level = levelOf(state);
        replace(root, level.element);
        // Whoever goes by keys goes on where the next level begins.
        if (focused) root.querySelector<HTMLElement>("button:not(:disabled)")?.focus({ preventScroll: true });
        root.dataset.way = depth(position) >= depth(before) ? "in" : "out";
      }
      showCard(state, level!.element);
    }
    level!.draw();
  };
  byId("map-section").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || state.position.space === undefined) return;
    state.out();
    (byId("crumbs").lastElementChild as HTMLElement | null)?.focus();
  });
  onTheme(() => {
    level?.draw();
  });
  replace(byId("scale"), ...scaleMarks(state));
  state.onChange(["position", "time"], show);
}

function depth(position: Position | undefined): number {
  if (position?.space === undefined) return 0;
  return position.page === undefined ? 1 : 2;
}

function levelOf(state: ReaderState): Level {
  const { space, page } = state.position;
  if (space === undefined) return machineView(state);
  const memory = page === undefined ? undefined : space.pages.get(page);
  return memory === undefined ? spaceView(state, space) : pageView(state, space, memory);
}

function showCard(state: ReaderState, element: HTMLElement): void {
  const card = element.querySelector(".card");
  const { place } = state.position;
  for (const cell of element.querySelectorAll("[data-place]")) {
    if ((cell as HTMLElement).dataset.place === String(place)) cell.setAttribute("aria-current", "true");
    else cell.removeAttribute("aria-current");
  }
  if (card === null) return;
  if (place === undefined) replace(card);
  else replace(card, wordCard(state, place));
}

/** What the colours mean: when a first, a second … quarter of the words had become wrong. */
function scaleMarks({ record }: ReaderState): HTMLElement[] {
  const { order, data } = record;
  const marks = [...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => order[Math.round(share * (order.length - 1))]!))];
  return marks.map((at) => h("span", {}, at === 0 ? "fault" : duration(at, data.hertz)));
}

function crumbs(state: ReaderState): HTMLElement[] {
  const { space, page, place } = state.position;
  const steps: [string, () => void][] = [["machine", () => state.go({})]];
  if (space !== undefined) steps.push([space.name, () => state.go({ space })]);
  if (page !== undefined) steps.push([`page ${hex(page)}`, () => state.go({ space, page })]);
  if (place !== undefined) steps.push([state.record.symbol(place), () => state.go({ space, page, place })]);
  return steps.map(([text, onclick], i) => {
    const last = i === steps.length - 1;
    return h(
      "button",
      { class: "crumb", type: "button", "aria-current": last ? "location" : undefined, onclick },
      text,
    );
  });
}
