/// <reference lib="dom" />
/** Elements without a library. Text goes in as text, never as HTML. */

export type Child = Node | string | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;

const SVG = "http://www.w3.org/2000/svg";

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** Attributes beginning with "on" are listeners; `true` is an attribute without a value, `false` and undefined are none. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill<Node extends Element>(element: Node, attributes: Attributes, children: readonly Child[]): Node {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren(
    ...children.filter((child): child is Node | string => child !== undefined && child !== false),
  );
}

/** A square of an owner's colour. */
export function swatch(colour: string): HTMLElement {
  return h("span", { class: "swatch", style: `--colour:${colour}` });
}

/** Beside the pointer, inside the window. */
export function showTip(x: number, y: number, ...children: Child[]): void {
  const tip = byId("tip");
  replace(tip, ...children);
  tip.hidden = false;
  const { offsetWidth, offsetHeight } = tip;
  const below = y + 18;
  tip.style.left = `${Math.max(6, Math.min(innerWidth - offsetWidth - 6, x + 14))}px`;
  tip.style.top = `${Math.max(6, below + offsetHeight > innerHeight - 6 ? y - offsetHeight - 12 : below)}px`;
}

export function hideTip(): void {
  byId("tip").hidden = true;
}

export const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
