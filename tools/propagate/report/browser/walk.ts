/// <reference lib="dom" />
/** One wrong write between its causes and its effects; each of them can be stepped to. */
import { byId, type Child, h, replace, svg } from "../../../report/browser/dom.ts";
import { onTheme } from "../../../report/browser/theme.ts";
import { grouped, plural } from "../../../report/format.ts";
import { ownerColour } from "./colours.ts";
import { members } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { bitStrip, change, moment, placeName, since, writerText } from "./texts.ts";

/** Neighbours at first on each side, and more at a time. */
const SHOWN = 6;
const MORE = 24;

export function startWalk(state: ReaderState): void {
  const root = byId("walk");
  let step = -1;
  let shown = { causes: SHOWN, effects: SHOWN };
  const show = (): void => {
    if (step !== state.step) shown = { causes: SHOWN, effects: SHOWN };
    step = state.step;
    if (state.record.count === 0) return;
    const focused = root.contains(document.activeElement);
    const column = (side: "causes" | "effects") =>
      neighbours(state, side, shown[side], () => {
        shown[side] += MORE;
        show();
      });
    const here = stepCard(state, step);
    const lines = svg("svg", { class: "threads", "aria-hidden": "true" });
    replace(
      root,
      lines,
      column("causes"),
      h("div", { class: "column" }, h("h3", {}, "This wrong write"), here),
      column("effects"),
    );
    connect(root, lines);
    if (focused) here.focus();
  };
  root.addEventListener("keydown", (event) => {
    const side = { ArrowLeft: "cause", ArrowRight: "effect" }[event.key];
    const target = side && root.querySelector<HTMLElement>(`[data-side=${side}]`);
    if (!target) return;
    event.preventDefault();
    target.click();
  });
  new ResizeObserver(() => {
    const lines = root.querySelector<SVGSVGElement>(".threads");
    if (lines !== null) connect(root, lines);
  }).observe(root);
  onTheme(show);
  state.onChange(["step"], show);
}

function neighbours(state: ReaderState, side: "causes" | "effects", limit: number, more: () => void): HTMLElement {
  const { record, step } = state;
  const list = members(side === "causes" ? record.sources : record.effects, step);
  const one = side === "causes" ? "cause" : "effect";
  const title = list.length === 0 ? none(state, side) : plural(list.length, one);
  const cards = [...list.subarray(0, limit)].map((each) => nodeCard(state, each, one));
  const rest = list.subarray(limit);
  const names = rest.length > 0 && h("p", { class: "soft" }, restText(state, rest));
  const button =
    rest.length > 0 &&
    h(
      "button",
      { class: "button", type: "button", onclick: more },
      `show ${grouped(Math.min(MORE, rest.length))} more`,
    );
  return h("div", { class: "column" }, h("h3", {}, title), ...cards, names, button);
}

function none({ record, step }: ReaderState, side: "causes" | "effects"): string {
  if (side === "effects") return "No effects: nothing read it while it was wrong";
  const { kind } = record.data.writers[record.columns.writer[step]!]!;
  return kind === "fault" ? "No cause: this is the fault" : "No cause";
}

/** `1,234 more: 800 in voter stack, 434 in console data`. */
function restText({ record }: ReaderState, rest: Uint32Array): string {
  const counts = new Map<string, number>();
  for (const each of rest) {
    const owner = record.owner(record.columns.place[each]!);
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([owner, count]) => `${grouped(count)} in ${owner}`);
  return `${grouped(rest.length)} more: ${parts.join(", ")}`;
}

function nodeCard(state: ReaderState, corruption: number, side: "cause" | "effect"): HTMLElement {
  const { record } = state;
  const { columns, data } = record;
  const place = columns.place[corruption]!;
  const attributes = {
    class: "node",
    type: "button",
    style: `--colour:${ownerColour(data, columns.placeOwner[place]!)}`,
    "data-side": side,
    "data-step": corruption,
    onclick: () => state.walk(corruption),
  };
  const distance = columns.at[corruption]! - columns.at[state.step]!;
  const when =
    distance === 0 ? "at the same clock" : `${grouped(Math.abs(distance))} cycles ${distance < 0 ? "before" : "later"}`;
  return h(
    "button",
    attributes,
    h("span", { class: "when soft" }, when),
    placeName(record, place),
    h("span", {}, change(record, corruption)),
    writerText(record, corruption),
  );
}

function stepCard(state: ReaderState, corruption: number): HTMLElement {
  const { record } = state;
  const { columns, data } = record;
  const place = columns.place[corruption]!;
  const lasted = columns.lasted[corruption]!;
  const healed = columns.healed[corruption] === 1 ? "then right again" : "then another wrong value";
  const onMap = (): void => {
    state.goToPlace(place);
    byId("map-section").scrollIntoView();
  };
  const rows: Child[] = [
    h("span", { class: "when soft" }, moment(data, columns.at[corruption]!)),
    h("span", { class: "title" }, placeName(record, place)),
    h("span", {}, change(record, corruption)),
    bitStrip(columns.golden[corruption]!, columns.wrongBits[corruption]!),
    writerText(record, corruption),
    h("span", { class: "soft" }, lasted < 0 ? "wrong to the end" : `wrong for ${grouped(lasted)} cycles, ${healed}`),
    h("span", { class: "soft" }, `number ${columns.id[corruption]} in corruptions.jsonl`),
    h("button", { class: "button", type: "button", onclick: onMap }, "on the map ↑"),
  ];
  const colour = ownerColour(data, columns.placeOwner[place]!);
  const label = `${record.name(place)} ${since(columns.at[corruption]!)}`;
  return h(
    "div",
    { class: "node here", tabindex: 0, style: `--colour:${colour}`, role: "group", "aria-label": label },
    ...rows,
  );
}

/** Threads from each cause to the step, and from it to each effect; none where the columns stand below each other. */
function connect(root: HTMLElement, lines: SVGSVGElement): void {
  const frame = root.getBoundingClientRect();
  lines.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const here = root.querySelector(".here")!.getBoundingClientRect();
  const paths = [...root.querySelectorAll<HTMLElement>(".node[data-side]")].flatMap((node) => {
    const box = node.getBoundingClientRect();
    const cause = node.dataset.side === "cause";
    if (cause ? box.right > here.left : box.left < here.right) return [];
    const from = cause ? [box.right, box.top + 24] : [here.right, here.top + 24];
    const to = cause ? [here.left, here.top + 24] : [box.left, box.top + 24];
    const [x1, y1, x2, y2] = [from[0]! - frame.left, from[1]! - frame.top, to[0]! - frame.left, to[1]! - frame.top];
    const middle = (x1 + x2) / 2;
    return [
      svg("path", {
        d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
        style: node.getAttribute("style")!,
      }),
    ];
  });
  lines.replaceChildren(...paths);
}
