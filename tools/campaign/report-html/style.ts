/** The parts that only a campaign's page has (report/style.ts has what all pages share). */
import { CLASSES, type OutcomeClass } from "../../faults/outcome.ts";

/** Best to worst; what voting can do about it is blue, what it cannot is red. [light, dark] */
const CLASS_COLOURS: Readonly<Record<OutcomeClass, readonly [string, string]>> = {
  MASKED: ["oklch(0.74 0.07 160)", "oklch(0.62 0.07 160)"],
  LATENT: ["oklch(0.83 0.08 90)", "oklch(0.72 0.07 90)"],
  CORRECTED: ["oklch(0.58 0.14 250)", "oklch(0.68 0.13 250)"],
  DUE_DETECTED: ["oklch(0.72 0.15 65)", "oklch(0.77 0.14 65)"],
  DUE_TIMEOUT: ["oklch(0.64 0.17 45)", "oklch(0.7 0.16 45)"],
  SDC: ["oklch(0.53 0.21 22)", "oklch(0.64 0.2 22)"],
  SYSTEM_CRASH: ["oklch(0.47 0.19 350)", "oklch(0.6 0.19 350)"],
  ISOLATION_BREACH: ["oklch(0.42 0.18 310)", "oklch(0.62 0.18 310)"],
  TOOL_ERROR: ["oklch(0.5 0.015 260)", "oklch(0.65 0.015 260)"],
};

/** Paper is light: dark is for screens only. */
const colours = (theme: 0 | 1): string => CLASSES.map((name) => `--${name}:${CLASS_COLOURS[name][theme]}`).join(";");

export const STYLE = `
:root{${colours(0)}}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){${colours(1)};--scale-way:-1}}
@media screen{:root[data-theme=dark]{${colours(1)};--scale-way:-1}}
h1 small{display:block;font-size:.5em;font-weight:400;letter-spacing:0;color:var(--soft);margin-top:8px}
.progress{height:6px;border-radius:4px;background:var(--line);overflow:hidden;margin:12px 0 0;max-width:420px}
.progress i{display:block;height:100%;background:var(--good)}
.stacks{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:9px 16px;align-items:center;margin:6px 0 14px;font-size:13.5px}
.stack{display:flex;height:26px;border-radius:7px;overflow:hidden;background:var(--faint)}
.stack i{display:block;height:100%;background:var(--colour);min-width:1.5px}
.classes{display:flex;flex-wrap:wrap;gap:5px 16px;font-size:12.5px;margin:0 0 8px}
.classes span{display:inline-flex;align-items:center;gap:7px}
.classes .none{color:var(--soft)}
.whiskers text{fill:var(--soft);font-size:12px}.whiskers .name{fill:var(--ink);font-size:13px}
.whiskers .grid-line{stroke:var(--faint)}.whiskers .range{stroke:var(--bad);stroke-width:3;stroke-linecap:round;opacity:.55}
.whiskers circle{fill:var(--bad);stroke:var(--panel);stroke-width:2}
.whiskers .bound{fill:none;stroke:var(--soft);stroke-width:1.5}
.bars text{fill:var(--soft);font-size:11.5px;font-variant-numeric:tabular-nums}
.bars rect{fill:var(--CORRECTED)}.bars .mark{stroke:var(--ink);stroke-dasharray:3 3}.bars .mark-name{fill:var(--ink)}
.bars line.base{stroke:var(--line)}
svg.drawing{display:block;width:100%;height:auto}
.classes+h3{margin-top:24px}
tr.none td{color:var(--soft)}tr.sum td{font-weight:640;border-top:2px solid var(--line)}
table.classes-table td,table.classes-table th,.places td{white-space:nowrap}
details{margin-top:14px}summary{cursor:pointer;font-weight:600;font-size:14px;padding:4px 0;width:max-content;max-width:100%}
details .wide{margin-top:8px}
.heat h3{margin:20px 0 7px}.heat h3 .soft{font-weight:400;font-size:12.5px;margin-left:8px}
.heat canvas{cursor:crosshair}
.scale{display:flex;flex-wrap:wrap;align-items:center;gap:6px 10px;font-size:12.5px;color:var(--soft)}
.scale i{transform:scaleX(var(--scale-way,1));width:140px;height:9px;border-radius:5px;background:linear-gradient(90deg,var(--ramp0),var(--ramp1),var(--ramp2),var(--ramp3),var(--ramp4))}
.scale .struck{width:11px;height:11px;border-radius:3px;background:var(--line)}
.chosen{border:1px solid var(--line);border-radius:12px;padding:12px 16px;margin-top:16px;font-size:13.5px}
.chosen:empty{display:none}
.errors{border-left:5px solid var(--good)}.errors.some{border-left-color:var(--bad)}
@media (max-width:720px){.stacks{grid-template-columns:minmax(0,1fr);gap:3px}.stacks .stack{margin-bottom:8px}}
`;
