/// <reference lib="dom" />
/** A canvas as sharp as the screen, drawn again when its size or the colours change. */
import { onTheme } from "./theme.ts";

export type Draw = (g: CanvasRenderingContext2D, width: number, height: number) => void;

/** @returns draws again. The canvas's height comes from its style. */
export function surface(canvas: HTMLCanvasElement, draw: Draw): () => void {
  const again = (): void => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const g = canvas.getContext("2d")!;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(g, width, height);
  };
  new ResizeObserver(again).observe(canvas);
  onTheme(again);
  return again;
}
