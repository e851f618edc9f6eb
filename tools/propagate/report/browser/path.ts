/// <reference lib="dom" />
/** A chain of causes as a line through lanes, one lane an owner: from the fault to the vote, or to where the reader has walked. */
import { byId, calm, h, hideTip, replace, showTip, svg } from "../../../report/browser/dom.ts";
import { onTheme } from "../../../report/browser/theme.ts";
import { plural, short } from "../../../report/format.ts";
import { ownerColour } from "./colours.ts";
import type { PropagationRecord } from "./record.ts";
import type { ReaderState } from "./state.ts";
import { change, moment, placeName, since, writerText } from "./texts.ts";

const LANE = 30;
const LEAST_STEP = 12;
const MOST_STEP = 64;
const TOP = 12;
const FOOT = 30;
const SIDE = 16;
/** Steps of a chain that are drawn at most, and how many of them beside the reader's. */
const MOST_DRAWN = 300;
const NEAR = 12;

export function startPath(state: ReaderState): void {
  const { record } = state;
  const root = byId("path");
  let path: readonly number[] = [];
  const whole = record.data.path;
  const show = (): void => {
    if (!path.includes(state.step)) path = whole.includes(state.step) ? whole : record.pathTo(state.step);
    const title = path === whole ? record.data.goal : "the step below";
    byId("path-title").textContent =
      path.length < 2
        ? "Nothing came of it that lasted a step."
        : `The shortest chain: ${plural(path.length - 1, "step")} from the fault to ${title}${path.length > MOST_DRAWN ? ", not all of them drawn" : ""}.`;
    byId("path-goal").hidden = path === whole;
    draw(root, state, drawnSteps(path, state));
  };
  byId("path-goal").addEventListener("click", () => state.walk(whole.at(-1) ?? 0));
  byId("path-fault").addEventListener("click", () => state.walk(path[0] ?? 0));
  byId("path-back").addEventListener("click", () => along(-1));
  byId("path-on").addEventListener("click", () => along(1));
  const along = (by: number): void => {
    const next = path[path.indexOf(state.step) + by];
    if (next !== undefined) state.walk(next);
  };
  root.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    along(event.key === "ArrowLeft" ? -1 : 1);
    root.querySelector<SVGElement>("[aria-current]")?.focus();
  });
  new ResizeObserver(() => draw(root, state, drawnSteps(path, state))).observe(root);
  onTheme(show);
  state.onChange(["step"], show);
}

/**
 * Of a long chain its ends, where it goes from one owner to another, what is near to the step that the reader is at, and
 * some in between.
 */
function drawnSteps(path: readonly number[], { record, step }: ReaderState): readonly number[] {
  if (path.length <= MOST_DRAWN) return path;
  const here = path.indexOf(step);
  const every = Math.ceil(path.length / (MOST_DRAWN / 3));
  const wanted = path.filter(
    (corruption, i) =>
      i % every === 0 ||
      Math.abs(i - here) <= NEAR ||
      ownerOf(record, corruption) !== ownerOf(record, path[i - 1] ?? corruption),
  );
  const cut =
    wanted.length <= MOST_DRAWN ? wanted : path.filter((_, i) => i % every === 0 || Math.abs(i - here) <= NEAR);
  return [...new Set([...cut, path.at(-1)!])];
}

function ownerOf({ columns }: PropagationRecord, corruption: number): number {
  return columns.placeOwner[columns.place[corruption]!]!;
}

function draw(root: HTMLElement, state: ReaderState, path: readonly number[]): void {
  const { record, step } = state;
  const { columns, data } = record;
  const lanes = [...new Set(path.map((corruption) => ownerOf(record, corruption)))];
  const room = root.clientWidth - (root.firstElementChild?.clientWidth ?? 150) - 2 * SIDE;
  const spacing = Math.max(LEAST_STEP, Math.min(MOST_STEP, room / Math.max(1, path.length - 1)));
  const width = 2 * SIDE + spacing * Math.max(1, path.length - 1);
  const height = TOP + lanes.length * LANE + FOOT;
  const x = (i: number): number => SIDE + i * spacing;
  const y = (i: number): number => TOP + LANE * (lanes.indexOf(ownerOf(record, path[i]!)) + 0.5);
  const labels = lanes.map((owner) =>
    h(
      "div",
      { style: `height:${LANE}px;--colour:${ownerColour(data, owner)}` },
      h("span", { class: "swatch" }),
      h("span", {}, data.owners[owner]!.name),
    ),
  );
  const rules = lanes.map((_, lane) =>
    svg("line", { x1: 0, x2: width, y1: TOP + LANE * (lane + 0.5), y2: TOP + LANE * (lane + 0.5), class: "rule" }),
  );
  const links = path.slice(1).map((_, i) => {
    const middle = (x(i) + x(i + 1)) / 2;
    const curve = `M${x(i)} ${y(i)}C${middle} ${y(i)} ${middle} ${y(i + 1)} ${x(i + 1)} ${y(i + 1)}`;
    return svg("path", { d: curve, class: "link-line" });
  });
  const nodes = path.map((corruption, i) => {
    const current = corruption === step;
    const node = svg("circle", {
      cx: x(i),
      cy: y(i),
      r: current ? 8.5 : Math.min(5.5, spacing / 2.4),
      fill: ownerColour(data, ownerOf(record, corruption)),
      class: "node-dot",
      role: "button",
      tabindex: current ? 0 : -1,
      "data-step": corruption,
      "aria-current": current ? "step" : undefined,
      "aria-label": `${i === 0 ? "fault" : `step ${i}`}: ${record.name(columns.place[corruption]!)}, ${moment(data, columns.at[corruption]!)}`,
      onclick: () => state.walk(corruption),
    });
    node.addEventListener("mousemove", (event) => showTip(event.clientX, event.clientY, ...stepTip(state, corruption)));
    node.addEventListener("mouseleave", hideTip);
    return node;
  });
  const times = timeMarks(path.length, spacing).map((i) => {
    const anchor = i === 0 ? "start" : i === path.length - 1 ? "end" : "middle";
    const at = columns.at[path[i]!]!;
    const text = i === 0 ? "fault" : `+${short(at)}`;
    return svg(
      "text",
      { x: anchor === "start" ? 4 : anchor === "end" ? width - 4 : x(i), y: height - 8, "text-anchor": anchor },
      text,
    );
  });
  const picture = svg(
    "svg",
    { width, height, role: "group", "aria-label": "chain of causes", viewBox: `0 0 ${width} ${height}` },
    ...rules,
    ...links,
    ...nodes,
    ...times,
  );
  const before = root.querySelector(".lanes-scroll")?.scrollLeft ?? 0;
  const scroll = h("div", { class: "lanes-scroll" }, picture);
  replace(root, h("div", { class: "lane-names", style: `padding-top:${TOP}px` }, ...labels), scroll);
  scroll.scrollLeft = before;
  const at = path.indexOf(step);
  const hiddenLeft = x(at) < scroll.scrollLeft + 20;
  const hiddenRight = x(at) > scroll.scrollLeft + scroll.clientWidth - 20;
  if (hiddenLeft || hiddenRight) {
    scroll.scrollTo({ left: x(at) - scroll.clientWidth / 2, behavior: calm() ? "auto" : "smooth" });
  }
}

/** Steps with their time written below: not nearer to each other than the text is wide. */
function timeMarks(count: number, spacing: number): number[] {
  const every = Math.max(1, Math.ceil(68 / spacing));
  const marks: number[] = [];
  for (let i = 0; i < count - every / 2; i += every) marks.push(i);
  if (count > 1) marks.push(count - 1);
  return marks;
}

function stepTip({ record }: ReaderState, corruption: number): Node[] {
  const { columns } = record;
  return [
    h("div", {}, placeName(record, columns.place[corruption]!)),
    h("div", {}, since(columns.at[corruption]!), "  ", change(record, corruption)),
    h("div", {}, writerText(record, corruption) as Node),
  ];
}
