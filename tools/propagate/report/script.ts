/** The report's script, as it runs in the browser: no library, no network. Reads the data from the page's JSON element. */
export const SCRIPT = String.raw`
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const { owners, places, writers, links, start, end, hertz, moments } = data;
const $ = (id) => document.getElementById(id);
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const count = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
const hex = (n) => (n >>> 0).toString(16).padStart(8, "0");
const esc = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const time = (cycles) => {
  const s = cycles / hertz;
  return s < 1e-3 ? (s * 1e6).toFixed(s < 1e-5 ? 2 : 0) + " µs" : s < 1 ? (s * 1e3).toFixed(2) + " ms" : s.toFixed(2) + " s";
};
const colour = (owner) => {
  const { hue, step } = owners[owner];
  const grey = hue < 0;
  return "hsl(" + (grey ? 220 : hue) + " " + (grey ? 8 : 62) + "% " + ((dark() ? 64 : 46) + step * (dark() ? -7 : 8)) + "%)";
};
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const nameOf = (link) => owners[places[link.p].o].name + " " + places[link.p].s;

const tip = $("tip");
function showTip(event, html) {
  tip.innerHTML = html;
  tip.style.display = "block";
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = Math.max(4, Math.min(innerWidth - w - 8, event.clientX + 14)) + "px";
  tip.style.top = (event.clientY + h + 24 > innerHeight ? event.clientY - h - 12 : event.clientY + 16) + "px";
}
const hideTip = () => { tip.style.display = "none"; };

function prepare(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return g;
}

// ---- wrong words over time ----
const span = Math.max(1, end - start);
let view = [0, span];
let logarithmic = true;
const hidden = new Set();
const chart = $("chart");
const margin = { left: 44, right: 12, top: 26, bottom: 26 };
const bend = (t) => (logarithmic ? Math.log10(1 + t) : t);
const unbend = (v) => (logarithmic ? 10 ** v - 1 : v);
const plot = () => ({ width: chart.clientWidth - margin.left - margin.right, height: chart.clientHeight - margin.top - margin.bottom });
const toX = (t) => margin.left + ((bend(t) - bend(view[0])) / (bend(view[1]) - bend(view[0]))) * plot().width;
const toT = (x) => Math.max(0, unbend(bend(view[0]) + ((x - margin.left) / plot().width) * (bend(view[1]) - bend(view[0]))));

function columns() {
  const { width } = plot();
  const n = Math.max(2, Math.floor(width));
  const rows = owners.map(() => new Float64Array(n + 1));
  const now = new Float64Array(owners.length);
  let at = 0;
  for (let x = 0; x <= n; x++) {
    const limit = toT(margin.left + x);
    const most = now.slice();
    while (at < data.changes.length && data.changes[at][0] - start <= limit) {
      const [, owner, change] = data.changes[at++];
      now[owner] += change;
      if (now[owner] > most[owner]) most[owner] = now[owner];
    }
    owners.forEach((_, o) => { rows[o][x] = most[o]; });
  }
  return { n, rows };
}

let drawn;
function drawChart() {
  const g = prepare(chart, chart.clientWidth, chart.clientHeight);
  const { width, height } = plot();
  const { n, rows } = columns();
  const shown = owners.map((_, o) => o).filter((o) => !hidden.has(o));
  let top = 1;
  for (let x = 0; x <= n; x++) top = Math.max(top, shown.reduce((sum, o) => sum + rows[o][x], 0));
  const y = (v) => margin.top + height * (1 - v / (top * 1.06));
  g.clearRect(0, 0, chart.clientWidth, chart.clientHeight);
  g.font = "11.5px system-ui, sans-serif";
  g.fillStyle = css("--soft");
  g.strokeStyle = css("--faint");
  g.textAlign = "right";
  const tick = niceStep(top / 4);
  for (let v = 0; v <= top * 1.06; v += tick) {
    g.beginPath(); g.moveTo(margin.left, y(v)); g.lineTo(margin.left + width, y(v)); g.stroke();
    g.fillText(count(v), margin.left - 7, y(v) + 4);
  }
  const base = new Float64Array(n + 1);
  for (const o of shown) {
    g.beginPath();
    for (let x = 0; x <= n; x++) g.lineTo(margin.left + x, y(base[x] + rows[o][x]));
    for (let x = n; x >= 0; x--) g.lineTo(margin.left + x, y(base[x]));
    g.closePath();
    g.fillStyle = colour(o);
    g.fill();
    for (let x = 0; x <= n; x++) base[x] += rows[o][x];
  }
  g.fillStyle = css("--soft");
  g.textAlign = "center";
  for (const t of ticks()) {
    g.fillText("+" + (t < 1e4 ? count(t) : t < 1e6 ? +(t / 1e3).toFixed(1) + " k" : +(t / 1e6).toFixed(2) + " M"), toX(t), margin.top + height + 17);
  }
  let last = -1e9;
  g.textAlign = "left";
  moments.forEach(({ name, cycle }, i) => {
    const x = toX(cycle - start);
    if (x < margin.left - 1 || x > margin.left + width + 1) return;
    g.strokeStyle = css("--ink"); g.globalAlpha = 0.55;
    g.setLineDash([3, 3]); g.beginPath(); g.moveTo(x, margin.top - 8); g.lineTo(x, margin.top + height); g.stroke(); g.setLineDash([]);
    g.globalAlpha = 1;
    const w = g.measureText(name).width;
    const left = Math.min(x + 3, margin.left + width - w);
    if (left > last + 8) { g.fillStyle = css("--ink"); g.fillText(name, left, margin.top - 12); last = left + w; }
  });
  drawn = { n, rows };
}
function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, raw)));
  return Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw));
}
function ticks() {
  const [a, b] = view;
  const wanted = Math.max(3, Math.floor(plot().width / 90));
  if (!logarithmic || (a > 0 && b / a < 12)) {
    const step = niceStep((b - a) / wanted);
    const list = [];
    for (let t = Math.ceil(a / step) * step; t <= b; t += step) list.push(t);
    return list;
  }
  const list = [];
  for (let p = 1; p <= b; p *= 10) if (p >= a) list.push(p);
  return list.filter((_, i) => list.length <= wanted || (list.length - 1 - i) % 2 === 0);
}
let drag;
chart.addEventListener("pointerdown", (event) => { drag = event.offsetX; chart.setPointerCapture(event.pointerId); });
chart.addEventListener("pointermove", (event) => {
  const x = Math.round(event.offsetX - margin.left);
  if (drawn && x >= 0 && x <= drawn.n) {
    const t = toT(event.offsetX);
    const lines = owners.map((owner, o) => [drawn.rows[o][x], o]).filter(([v, o]) => v > 0 && !hidden.has(o));
    showTip(event, "<b>+" + count(t) + " cycles</b> (" + time(t) + ")<br>" + (lines.map(([v, o]) =>
      '<span style="color:' + colour(o) + '">■</span> ' + esc(owners[o].name) + ": " + v).join("<br>") || "nothing is wrong"));
  } else hideTip();
  if (drag !== undefined && Math.abs(event.offsetX - drag) > 4) {
    drawChart();
    const g = chart.getContext("2d");
    g.fillStyle = css("--ink"); g.globalAlpha = 0.15;
    g.fillRect(drag, margin.top, event.offsetX - drag, plot().height);
    g.globalAlpha = 1;
  }
});
chart.addEventListener("pointerup", (event) => {
  if (drag !== undefined && Math.abs(event.offsetX - drag) > 8) zoom(toT(Math.min(drag, event.offsetX)), toT(Math.max(drag, event.offsetX)));
  drag = undefined;
});
chart.addEventListener("pointerleave", hideTip);
chart.addEventListener("dblclick", () => zoom(0, span));
function zoom(a, b) { view = b - a < 4 ? [a, a + 4] : [a, Math.min(b, span)]; drawChart(); }
$("log").onclick = () => { logarithmic = !logarithmic; $("log").setAttribute("aria-pressed", logarithmic); drawChart(); };
$("all").onclick = () => zoom(0, span);
$("out").onclick = () => { const w = view[1] - view[0]; zoom(Math.max(0, view[0] - w / 2), view[1] + w / 2); };

function drawLegend() {
  $("legend").innerHTML = owners.map((owner, o) => '<button data-o="' + o + '" class="' + (hidden.has(o) ? "off" : "") +
    '"><span class="swatch" style="background:' + colour(o) + '"></span>' + esc(owner.name) + "</button>").join("");
}
$("legend").onclick = (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const o = +button.dataset.o;
  if (!hidden.delete(o)) hidden.add(o);
  drawLegend();
  drawChart();
};

// ---- memory map ----
const firstLink = new Map();
const linksOf = new Map();
links.forEach((link, i) => {
  if (!firstLink.has(link.p)) firstLink.set(link.p, i);
  if (!linksOf.has(link.p)) linksOf.set(link.p, []);
  linksOf.get(link.p).push(i);
});
const firstTimes = [...new Set([...firstLink.values()].map((i) => links[i].t))].sort((a, b) => a - b);
const orderOf = new Map(firstTimes.map((t, i) => [t, i / Math.max(1, firstTimes.length - 1)]));
function heat(t) {
  const v = orderOf.get(t);
  return "hsl(" + (48 - 78 * v + 360) % 360 + " 85% " + (dark() ? 66 - 18 * v : 58 - 22 * v) + "%)";
}
function drawMap() {
  const spaces = new Map();
  places.forEach((place, p) => {
    if (!firstLink.has(p)) return;
    const spaceName = place.c;
    if (!spaces.has(spaceName)) spaces.set(spaceName, new Map());
    const pages = spaces.get(spaceName);
    const key = place.r >= 0 ? "registers" : place.a >>> 12;
    if (!pages.has(key)) pages.set(key, []);
    pages.get(key).push(p);
  });
  const box = $("map");
  box.textContent = "";
  for (const [name, pages] of spaces) {
    const div = document.createElement("div");
    div.className = "space";
    const words = [...pages.values()].reduce((sum, list) => sum + list.length, 0);
    div.innerHTML = "<h3>" + esc(name) + ' <span class="soft">' + words + " wrong at some time, on " + pages.size + (pages.size === 1 ? " page" : " pages") + "</span></h3>";
    const row = document.createElement("div");
    row.className = "pages";
    for (const [key, list] of [...pages].sort((a, b) => (a[0] === "registers" ? -1 : b[0] === "registers" ? 1 : a[0] - b[0]))) row.append(pageOf(key, list));
    div.append(row);
    box.append(div);
  }
}
function pageOf(key, list) {
  const isRegisters = key === "registers";
  const figure = document.createElement("div");
  figure.className = isRegisters ? "page small" : "page";
  const canvas = document.createElement("canvas");
  const label = document.createElement("div");
  label.className = "mono";
  label.textContent = isRegisters ? "registers" : hex(key << 12);
  figure.append(canvas, label);
  const across = isRegisters ? 10 : 32;
  const rows = isRegisters ? 1 : 32;
  const cellOf = (p) => (isRegisters ? places[p].r : (places[p].a & 4095) >>> 2);
  const byCell = new Map(list.map((p) => [cellOf(p), p]));
  const size = matchMedia("(max-width: 760px)").matches ? 150 : 192;
  const high = isRegisters ? size / 8 : size;
  const g = prepare(canvas, size, high);
  const w = size / across;
  const h = high / rows;
  g.fillStyle = css("--faint");
  g.fillRect(0, 0, size, high);
  for (const [cell, p] of byCell) {
    g.fillStyle = heat(links[firstLink.get(p)].t);
    g.fillRect((cell % across) * w + 0.4, Math.floor(cell / across) * h + 0.4, w - 0.8, h - 0.8);
  }
  const at = (event) => byCell.get(Math.floor(event.offsetX / w) + across * Math.floor(event.offsetY / h));
  canvas.onpointermove = (event) => {
    const p = at(event);
    if (p === undefined) return hideTip();
    const own = linksOf.get(p);
    const first = links[own[0]];
    const last = links[own.at(-1)];
    showTip(event, "<b>" + esc(owners[places[p].o].name + " " + places[p].s) + "</b><br>" +
      (places[p].r >= 0 ? "" : "virtual " + hex(places[p].a) + (places[p].f ? ", physical " + places[p].f : "") + "<br>") +
      "wrong from +" + count(first.t - start) + (last.e < 0 ? " to the end" : " to +" + count(last.e - start)) + "<br>" + own.length + (own.length === 1 ? " wrong write" : " wrong writes") + "; click to walk");
  };
  canvas.onpointerleave = hideTip;
  canvas.onclick = (event) => { const p = at(event); if (p !== undefined) walk(linksOf.get(p)[0], true); };
  return figure;
}

// ---- causes ----
const effects = new Map();
links.forEach((link, i) => link.s.forEach((source) => {
  if (!effects.has(source)) effects.set(source, []);
  effects.get(source).push(i);
}));
function nodeHtml(i, here) {
  const link = links[i];
  return '<button class="node' + (here ? " here" : "") + '" data-i="' + i + '" style="--dot:' + colour(places[link.p].o) + '"><b>' + esc(nameOf(link)) +
    '</b> <span class="soft">+' + count(link.t - start) + '</span><br><span class="mono values">' + hex(link.g) + " → <i>" + hex(link.f) + '</i></span><br><span class="soft">' + esc(writers[link.w]) + "</span>" +
    (here ? '<br><span class="soft">' + (link.e < 0 ? "wrong to the end" : (link.h ? "right again" : "wrong in another way") + " at +" + count(link.e - start)) + "</span>" : "") + "</button>";
}
const SHOWN = 24;
function side(list) {
  const html = list.slice(0, SHOWN).map((i) => nodeHtml(i, false)).join("");
  return (html || '<p class="soft">none</p>') + (list.length > SHOWN ? '<p class="soft">and ' + (list.length - SHOWN) + " more</p>" : "");
}
function walk(i, scroll) {
  $("walk").innerHTML = '<div><h4>came from</h4>' + side(links[i].s) + '</div><div><h4>here</h4>' + nodeHtml(i, true) + '</div><div><h4>went to</h4>' + side(effects.get(i) || []) + "</div>";
  if (scroll) $("walk").scrollIntoView({ behavior: "smooth", block: "center" });
}
$("walk").onclick = (event) => { const node = event.target.closest(".node:not(.here)"); if (node) walk(+node.dataset.i, false); };
let folded = true;
function drawChain() {
  const { chain } = data;
  const edge = chain.length > 16 && folded;
  const keep = (n) => !edge || n < 7 || n >= chain.length - 7 || owners[places[links[chain[n]].p].o].component !== owners[places[links[chain[n - 1]].p].o].component;
  let html = "";
  let skipped = 0;
  chain.forEach((i, n) => {
    if (!keep(n)) { skipped++; return; }
    if (skipped > 0) { html += '<li style="--dot:var(--line)"><a data-more class="soft">… ' + skipped + " steps, show all</a></li>"; skipped = 0; }
    const link = links[i];
    html += '<li style="--dot:' + colour(places[link.p].o) + '"><a data-i="' + i + '"><span class="t">+' + count(link.t - start) + "</span><b>" + esc(nameOf(link)) + '</b> <span class="mono values">' + hex(link.g) + " → <i>" + hex(link.f) + '</i></span><br><span class="soft">' + esc(writers[link.w]) + "</span></a></li>";
  });
  $("chain").innerHTML = html || '<li class="soft" style="--dot:var(--line)">the fault had no effect</li>';
}
$("chain").onclick = (event) => {
  const a = event.target.closest("a");
  if (!a) return;
  if (a.dataset.more !== undefined) { folded = false; drawChain(); } else walk(+a.dataset.i, true);
};

function drawAll() { drawLegend(); drawChart(); drawMap(); drawChain(); }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
drawAll();
if (data.chain.length > 0) walk(data.chain.at(-1), false);
`;
