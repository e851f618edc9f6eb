/** What all pages look like: colours for light and dark, type, cards, tables, buttons, print. */

/** Text colours have a contrast of at least 4.5 : 1 on both backgrounds of their theme (WCAG 2.1, 1.4.3). */
export const LIGHT = {
  back: "#f6f6f8",
  panel: "#ffffff",
  ink: "#14161c",
  soft: "#5a6070",
  line: "#d9dce4",
  faint: "#eef0f4",
  accent: "#c8321a",
  good: "#17714c",
  bad: "#c01c3a",
  warn: "#96590a",
  focus: "#2563eb",
  shade: "0 1px 2px #14161c0d, 0 8px 24px #14161c0a",
  ramp0: "#f6b61f",
  ramp1: "#f0781e",
  ramp2: "#d8344e",
  ramp3: "#9b2283",
  ramp4: "#4f1f8a",
};

export const DARK: typeof LIGHT = {
  back: "#0d0f13",
  panel: "#15181e",
  ink: "#e9ebf1",
  soft: "#9ba3b4",
  line: "#2b303b",
  faint: "#1f232c",
  accent: "#ff8563",
  good: "#4fc890",
  bad: "#ff7088",
  warn: "#efb04f",
  focus: "#7aa7ff",
  shade: "none",
  ramp0: "#ffe08a",
  ramp1: "#ffae57",
  ramp2: "#ff6b6b",
  ramp3: "#d95bc0",
  ramp4: "#8f78ff",
};

function tokens(theme: typeof LIGHT): string {
  return Object.entries(theme)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}

/** Names of the colours that a page's script asks for. */
export type ColourName = keyof typeof LIGHT;

export const STYLE = `
:root{color-scheme:light;${tokens(LIGHT)};--mono:ui-monospace,"SF Mono","Cascadia Mono","JetBrains Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${tokens(DARK)}}}
@media screen{:root[data-theme=dark]{color-scheme:dark;${tokens(DARK)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:16px}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-kerning:normal}
main{max-width:1400px;margin:0 auto;padding:36px 32px 72px}
h1{font-size:clamp(25px,3.4vw,40px);line-height:1.15;letter-spacing:-.022em;font-weight:680;margin:6px 0 12px;text-wrap:balance}
h2{font-size:20px;letter-spacing:-.012em;font-weight:640;margin:0 0 4px}
h3{font-size:14.5px;font-weight:620;margin:0}
p{margin:0 0 10px;max-width:78ch}
code,.mono{font-family:var(--mono);font-size:.92em;font-variant-ligatures:none;overflow-wrap:anywhere}
a{color:inherit;text-underline-offset:3px;text-decoration-color:var(--soft)}
.soft{color:var(--soft)}
.eyebrow{color:var(--soft);font-size:13.5px;margin:0;padding-right:60px}
.eyebrow b{color:var(--ink);font-weight:640}
section{background:var(--panel);border:1px solid var(--line);border-radius:16px;box-shadow:var(--shade);padding:22px 24px;margin:20px 0 0;min-width:0}
section>p.soft:first-of-type{margin-bottom:14px}
button{font:inherit;color:inherit;cursor:pointer}
.button{background:var(--panel);border:1px solid var(--line);border-radius:9px;padding:5px 11px;font-size:13px;line-height:1.45;min-height:31px}
.button:hover{border-color:var(--soft)}
.button[aria-pressed=true]{background:var(--ink);color:var(--panel);border-color:var(--ink)}
.button:disabled{opacity:.45;cursor:default}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
#theme{position:absolute;top:18px;right:18px;z-index:3}
.tools{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 12px;font-size:13px}
.tools .grow{flex:1 1 auto}
.chip{display:inline-block;font:600 12.5px/1 var(--mono);letter-spacing:.02em;padding:6px 9px;border-radius:7px;border:1px solid currentColor;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.warned{color:var(--warn)}
.figures{display:flex;flex-wrap:wrap;gap:1px;background:var(--line);border:1px solid var(--line);border-radius:14px;overflow:hidden;margin:22px 0 0}
.figures>div{flex:1 1 138px;background:var(--panel);padding:14px 16px}
.figures b{display:block;font-size:24px;line-height:1.15;font-weight:640;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.figures span{display:block;color:var(--soft);font-size:12.5px;line-height:1.35;margin-top:4px}
canvas{display:block;width:100%;touch-action:pan-y}
.legend{display:flex;flex-wrap:wrap;gap:5px 6px;margin-top:12px;font-size:12.5px}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;background:var(--colour);flex:none}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:560;color:var(--soft);text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:bottom}
td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--faint);vertical-align:top}
th.text,td.text{text-align:left}td.text{min-width:150px}
tr>:first-child{padding-left:0}tr>:last-child{padding-right:0}
td .swatch{margin-right:8px}
.link{background:none;border:0;padding:0;text-align:left;text-decoration:underline;text-decoration-color:var(--line);text-underline-offset:3px;overflow-wrap:anywhere}
.link:hover{text-decoration-color:currentColor}
.sort{background:none;border:0;padding:0;color:inherit;font-weight:560}
.sort:hover{color:var(--ink)}
th[aria-sort=ascending] .sort:after{content:" ↑"}th[aria-sort=descending] .sort:after{content:" ↓"}
.wide{overflow-x:auto;overscroll-behavior-x:contain}
input[type=search],select{font:inherit;font-size:13px;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:9px;padding:5px 10px;min-height:31px;min-width:0}
#tip{position:fixed;z-index:9;pointer-events:none;max-width:min(420px,calc(100vw - 16px));background:var(--ink);color:var(--panel);border-radius:9px;padding:8px 11px;font-size:12.5px;line-height:1.45;box-shadow:0 6px 24px #0005}
#tip b{font-weight:640}#tip .swatch{margin-right:6px}
#tip div{overflow-wrap:anywhere}
@media (max-width:720px){main{padding:22px 14px 48px}section{padding:16px 14px;border-radius:13px}#theme{top:12px;right:12px}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important;scroll-behavior:auto!important}}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}section{box-shadow:none;break-inside:avoid-page;padding:14px 0;border:0;border-top:1px solid var(--line);border-radius:0}#theme,#tip,.button,input[type=search],select{display:none!important}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
