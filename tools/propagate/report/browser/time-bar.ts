/// <reference lib="dom" />
/** The moment that the map shows: a slider over the run in powers of ten, and a button that plays it. */
import { byId, calm } from "../../../report/browser/dom.ts";
import { plural } from "../../../report/format.ts";
import { type Series, wordsAt } from "./series.ts";
import type { ReaderState } from "./state.ts";
import { moment } from "./texts.ts";

const STEPS = 1000;
/** From the injection to the end, in seconds. */
const PLAYING = 9;

export function startTimeBar(state: ReaderState, series: Series): void {
  const { data } = state.record;
  const slider = byId("time") as HTMLInputElement;
  const play = byId("time-play") as HTMLButtonElement;
  const whole = byId("time-whole") as HTMLButtonElement;
  const label = byId("time-label");
  const atStep = (step: number): number => Math.round((1 + data.end) ** (step / STEPS) - 1);
  const stepOf = (at: number): number => (Math.log(1 + at) / Math.log(1 + data.end)) * STEPS;
  let playing = 0;

  const stop = (): void => {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "▶ play";
  };
  const start = (): void => {
    play.textContent = "❚❚ stop";
    const from = state.time === undefined || state.time >= data.end ? 0 : stepOf(state.time);
    let began: number | undefined;
    const frame = (now: number): void => {
      began ??= now;
      const step = from + ((now - began) / 1000 / PLAYING) * STEPS;
      state.setTime(Math.min(data.end, atStep(step)));
      if (step >= STEPS) stop();
      else playing = requestAnimationFrame(frame);
    };
    playing = requestAnimationFrame(frame);
  };
  slider.max = String(STEPS);
  slider.addEventListener("input", () => {
    stop();
    state.setTime(atStep(slider.valueAsNumber));
  });
  play.hidden = calm();
  play.addEventListener("click", () => (playing === 0 ? start() : stop()));
  whole.addEventListener("click", () => {
    stop();
    state.setTime(undefined);
  });
  state.onChange(["time"], () => {
    const { time } = state;
    slider.value = String(time === undefined ? STEPS : stepOf(time));
    whole.setAttribute("aria-pressed", String(time === undefined));
    const count = (at: number): number => series.reduce((sum, owner) => sum + wordsAt(owner, at), 0);
    const words = time === undefined ? "" : `, ${plural(count(time), "place")} wrong`;
    label.textContent = time === undefined ? "every word that was wrong at some time" : `${moment(data, time)}${words}`;
    slider.setAttribute("aria-valuetext", label.textContent);
  });
}
