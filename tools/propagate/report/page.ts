/** `report.html`: one file with everything in it, to be opened from anywhere. */

import { registerOf } from "../corruption.ts";
import type { Describer } from "../describe.ts";
import type { Propagation } from "../propagation.ts";
import { changesOf, type PropagationSummary } from "../record.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

/** Corruptions that the page holds; the files hold all of them. */
const LARGEST_PAGE = 20_000;

/** Hues of components: the victim's is the first. */
const HUES = [8, 210, 265, 160, 38, 320, 95, 185];

export function reportPage(
  propagation: Propagation,
  summary: PropagationSummary,
  describer: Describer,
  scenario: string,
): string {
  const { outcome, latency, tracking } = summary;
  const good = ["MASKED", "LATENT", "CORRECTED"].includes(outcome.class);
  const { coreHertz } = propagation.experiment.result;
  const since = (cycle: number | undefined): string =>
    cycle === undefined ? "–" : `+${grouped(cycle - latency.injected)}`;
  const figures: [string, string][] = [
    [grouped(tracking.words), "words of memory wrong at some time"],
    [grouped(tracking.registers), "registers"],
    [grouped(tracking.peak), "wrong at once, at most"],
    [grouped(tracking.atEnd), "wrong at the end"],
    [since(latency.leavesVictim), "cycles until it left its victim"],
    [since(latency.verdict), "cycles until the verdict"],
  ];
  const injection = summary.injection;
  const change =
    injection?.before === undefined
      ? ""
      : `<code>${escapeHtml(injection.location ?? "")}: ${hex(injection.before)} → ${hex(injection.after!)}</code> at cycle ${grouped(latency.injected)}, ${escapeHtml(summary.activation)}`;
  const data = pageData(propagation, summary, describer);
  const cutOff = propagation.history.length > LARGEST_PAGE;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(summary.fault)}</title><style>${STYLE}</style></head><body><main>
<p class="soft">quorum86 · ${escapeHtml(scenario)} · how far one fault went</p>
<h1><code>${escapeHtml(summary.fault)}</code></h1>
<p>${change}</p>
<p><span class="class ${good ? "good" : "bad"}">${outcome.class}</span>
${escapeHtml(summary.victim ?? "nobody")}: ${outcome.replicaEffect}; vote: ${outcome.vote}; reached: ${outcome.containment}; service: ${outcome.service}</p>
<div class="figures">${figures.map(([value, text]) => `<div><b>${value}</b><span>${text}</span></div>`).join("")}</div>
<section><h2>Wrong words over time</h2>
<p class="soft">Words and registers that the fault made wrong, by owner; compared with the golden run at equal progress of each thread. Cycles since the injection, ${coreHertz / 1e6} a microsecond.</p>
<div class="tools"><button id="log" aria-pressed="true">logarithmic time</button><button id="out">zoom out</button><button id="all">whole run</button><span class="soft">drag to zoom</span></div>
<canvas id="chart" style="height:340px" role="img" aria-label="Wrong words over time by owner"></canvas><div class="legend" id="legend"></div></section>
<section><h2>Where they are</h2>
<p class="soft">Every page that had a wrong word, by space: 32 words a row. Colour is the order in which they became wrong.</p>
<div class="tools"><span class="soft">first</span><span class="scale" style="background:linear-gradient(90deg,hsl(48 85% 58%),hsl(9 85% 47%),hsl(330 85% 36%))"></span><span class="soft">last</span></div>
<div id="map"></div></section>
<section><h2>From the fault to the vote</h2>
<p class="soft">The shortest chain of causes. Click a step to walk from there.</p><ol class="chain" id="chain"></ol>
<div class="walk" id="walk"></div></section>
<section><h2>Whose words</h2><div class="wide"><table><thead><tr><th>owner</th><th>places</th><th>peak</th><th>at the end</th><th>first</th></tr></thead><tbody>
${tracking.owners.map((row) => `<tr><td>${escapeHtml(row.owner)}</td><td>${grouped(row.places)}</td><td>${grouped(row.peak)}</td><td>${grouped(row.atEnd)}</td><td>${since(row.firstCycle)}</td></tr>`).join("\n")}
</tbody></table></div></section>
<section><h2>Time</h2><p class="soft">${timeText(summary)}</p><div class="wide"><table><thead><tr><th>thread</th><th>shift, clocks</th><th>largest</th><th>extra instructions</th></tr></thead><tbody>
${summary.shifts.map((shift) => `<tr><td>${escapeHtml(shift.name)}</td><td>${grouped(shift.lastShift)}</td><td>${grouped(shift.largestShift)}</td><td>${grouped(shift.extraInstructions)}</td></tr>`).join("\n")}
</tbody></table></div></section>
${cutOff ? `<p class="soft">This page holds the first ${grouped(LARGEST_PAGE)} of ${grouped(propagation.history.length)} wrong writes; corruptions.jsonl holds all.</p>` : ""}
</main><div id="tip"></div><script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script><script>${SCRIPT}</script></body></html>
`;
}

function timeText({ tracking, partings }: PropagationSummary): string {
  const step =
    tracking.lockstepEnd === undefined
      ? "The two machines did the same at the same clocks all the while."
      : `The two machines did the same at the same clocks until cycle ${grouped(tracking.lockstepEnd)}.`;
  const ways =
    partings.length === 1 ? "one thread took another way once" : `threads took another way ${partings.length} times`;
  return `${step} ${partings.length === 0 ? "No thread took another way" : ways}; ${grouped(tracking.byRoot.time)} wrong writes come from shifted clocks alone and are not counted above.`;
}

function pageData(propagation: Propagation, { latency, chain, tracking }: PropagationSummary, describer: Describer) {
  const { names, experiment, injectionCycle } = propagation;
  const history = propagation.history.slice(0, LARGEST_PAGE).filter(({ root }) => root === "fault");
  const index = new Map(history.map(({ id }, i) => [id, i]));
  const components = [
    experiment.victim,
    ...new Set(tracking.owners.map(({ owner }) => componentOf(owner, propagation))),
  ];
  const order = [...new Set(components.filter((name) => name !== undefined))];
  const steps = new Map<string, number>();
  // Areas of one component lie side by side in the stack.
  const rank = (owner: string): number => order.indexOf(componentOf(owner, propagation) ?? "");
  const sorted = [...tracking.owners].sort((a, b) => rank(a.owner) - rank(b.owner));
  const owners = sorted.map(({ owner }) => {
    const component = componentOf(owner, propagation);
    const step = steps.get(component ?? "") ?? 0;
    steps.set(component ?? "", step + 1);
    return {
      name: owner,
      component: component ?? "kernel",
      hue: component === undefined ? -1 : HUES[order.indexOf(component) % HUES.length]!,
      step: (step % 5) - 1,
    };
  });
  const ownerIndex = new Map(owners.map(({ name }, i) => [name, i]));
  const places: object[] = [];
  const placeIndex = new Map<number, number>();
  const writers: string[] = [];
  const writerIndex = new Map<string, number>();
  const links = history.map((corruption) => {
    const { place, cycle, endCycle, healed, golden, faulty, sources, id } = corruption;
    const name = names[id]!;
    let p = placeIndex.get(place);
    if (p === undefined) {
      p = places.length;
      placeIndex.set(place, p);
      const register = registerOf(place);
      places.push({
        o: ownerIndex.get(name.owner),
        s: name.symbol,
        c: name.component ?? (name.kind === "kernel" ? "kernel" : "nobody"),
        r: register?.index ?? -1,
        a: (name.virtual ?? name.physical ?? 0) >>> 0,
        f: name.physical === undefined ? "" : hex(name.physical),
      });
    }
    const sentence = describer.sentence(describer.writer(corruption));
    let w = writerIndex.get(sentence);
    if (w === undefined) {
      w = writers.length;
      writerIndex.set(sentence, w);
      writers.push(sentence);
    }
    const s = sources.flatMap((source) => index.get(source) ?? []);
    return { p, t: cycle, e: endCycle ?? -1, h: healed ? 1 : 0, g: golden, f: faulty, w, s };
  });
  const moments = [
    { name: "fault", cycle: latency.injected },
    { name: "leaves", cycle: latency.leavesVictim },
    { name: "vote", cycle: latency.voteMismatch },
    { name: "verdict", cycle: latency.verdict },
  ].filter(({ cycle }) => cycle !== undefined);
  const changes = changesOf(propagation.history).map(({ cycle, id, change }) => [
    cycle,
    ownerIndex.get(names[id]!.owner)!,
    change,
  ]);
  const lastChange = Math.max(injectionCycle + 1, ...links.map(({ t, e }) => Math.max(t, e)), latency.verdict ?? 0);
  return {
    owners,
    places,
    writers,
    links,
    start: injectionCycle,
    // What stays as it is to the end needs no room.
    end: Math.min(latency.end, injectionCycle + Math.ceil((lastChange - injectionCycle) * 1.1)),
    hertz: experiment.result.coreHertz,
    moments,
    changes,
    chain: chain.flatMap(({ corruption }) => index.get(corruption) ?? []),
  };
}

function componentOf(owner: string, { names }: Propagation): string | undefined {
  return names.find((name) => name.owner === owner)?.component;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
