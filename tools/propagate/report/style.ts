/** The report's looks: light and dark by the reader's preference, from 320 pixels up. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fbfaf7;--panel:#fff;--ink:#1d1f24;--soft:#666a73;--line:#dfddd6;--faint:#edebe5;
--accent:#b3261e;--good:#1c7a4a;--shadow:0 1px 2px #0001,0 4px 16px #0000000a}
@media (prefers-color-scheme:dark){:root{--paper:#131519;--panel:#1b1e24;--ink:#e8e6e1;--soft:#9a9ea8;--line:#30343c;--faint:#252931;
--accent:#ff8a75;--good:#62cf95;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:clamp(19px,3.2vw,27px);line-height:1.25;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:17px;margin:0 0 2px}
p{margin:0 0 10px}
.soft{color:var(--soft)}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:.88em;overflow-wrap:anywhere}
section{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin:18px 0;box-shadow:var(--shadow)}
.class{display:inline-block;font-weight:650;border-radius:999px;padding:2px 12px;border:1.5px solid currentColor;margin-right:8px}
.good{color:var(--good)}.bad{color:var(--accent)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;background:var(--panel);border:1px solid var(--line);border-radius:12px;overflow:hidden;margin:18px 0}
.figures div{box-shadow:0 0 0 1px var(--line);padding:12px 16px}
.figures b{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}
.figures span{color:var(--soft);font-size:13px}
.tools{display:flex;gap:8px;flex-wrap:wrap;align-items:center;margin:8px 0}
button{font:inherit;font-size:13px;color:inherit;background:var(--faint);border:1px solid var(--line);border-radius:8px;padding:4px 12px;cursor:pointer}
button[aria-pressed=true]{background:var(--ink);color:var(--panel);border-color:var(--ink)}
button:focus-visible,canvas:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
canvas{display:block;width:100%;touch-action:pan-y}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin-top:10px;font-size:13px}
.legend button{background:none;border:0;padding:0;display:flex;align-items:center;gap:6px}
.legend button.off{opacity:.35;text-decoration:line-through}
.swatch{width:11px;height:11px;border-radius:3px;flex:none}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--paper);border-radius:8px;padding:7px 11px;font-size:12.5px;line-height:1.4;max-width:min(420px,90vw);display:none}
.space{margin-top:16px}
.space h3{font-size:14px;margin:0 0 6px;display:flex;gap:8px;align-items:baseline}
.pages{display:flex;flex-wrap:wrap;gap:14px}
.page{font-size:11.5px;color:var(--soft)}
.page canvas{width:192px;height:192px;border:1px solid var(--line);border-radius:4px;cursor:crosshair}
.page.small canvas{height:24px}
.scale{height:8px;border-radius:4px;flex:1 1 120px;max-width:280px}
.chain{list-style:none;margin:10px 0 0;padding:0}
.chain li{position:relative;padding:0 0 10px 26px}
.chain li:before{content:"";position:absolute;left:6px;top:8px;bottom:-8px;width:2px;background:var(--line)}
.chain li:last-child:before{display:none}
.chain li:after{content:"";position:absolute;left:1px;top:7px;width:12px;height:12px;border-radius:50%;background:var(--dot);border:2px solid var(--panel);box-shadow:0 0 0 1px var(--line)}
.chain a{color:inherit;text-decoration:none;display:block;border-radius:8px;padding:2px 8px;margin-left:-4px;cursor:pointer}
.chain a:hover,.node:hover{background:var(--faint)}
.chain .t{float:right;color:var(--soft);font-size:12.5px;font-variant-numeric:tabular-nums;margin-left:12px}
.walk{display:grid;grid-template-columns:1fr 1.2fr 1fr;gap:14px;margin-top:12px}
.walk h4{margin:0 0 6px;font-size:12px;text-transform:uppercase;letter-spacing:.06em;color:var(--soft);font-weight:600}
.node{display:block;width:100%;text-align:left;border:1px solid var(--line);border-left:4px solid var(--dot);border-radius:8px;background:none;padding:7px 10px;margin-bottom:8px;font-size:13px}
.node.here{background:var(--faint);cursor:default}
.values i{font-style:normal;color:var(--accent)}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);text-align:right;padding:4px 8px;border-bottom:1px solid var(--line)}
td{text-align:right;padding:4px 8px;border-bottom:1px solid var(--faint)}
th:first-child,td:first-child{text-align:left;padding-left:0}
.wide{overflow-x:auto}
@media (max-width:760px){main{padding:18px 12px 40px}section{padding:14px}.walk{grid-template-columns:1fr}.page canvas{width:150px;height:150px}.page.small canvas{width:150px;height:18.75px}}
`;
