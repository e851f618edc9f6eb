/** The parts that only the page of a propagation has (report/style.ts has what all pages share). */
export const STYLE = `
.fault{font-size:14px;margin:0 0 4px;overflow-wrap:anywhere}
.verdict{display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center;margin:14px 0 0;max-width:none}
.bits{display:inline-flex;gap:1px;vertical-align:middle;margin:3px 0}
.bits i{flex:none;width:clamp(4px,1.9vw,7px);height:11px;border-radius:1.5px;background:var(--faint);box-shadow:inset 0 0 0 1px var(--line)}
.bits i.one{background:var(--soft)}
.bits i.wrong{background:var(--accent);box-shadow:none}
.bits i:nth-child(8n+9){margin-left:3px}
.change{white-space:nowrap}.change b{color:var(--accent);font-weight:700}
#tip .change b{color:inherit;text-decoration:underline;text-underline-offset:2px}
.latency{list-style:none;display:flex;margin:26px 0 0;padding:0}
.latency li{flex:var(--grow) 1 92px;min-width:92px;position:relative;padding:20px 12px 0 0;font-size:13px;line-height:1.35}
.latency li:before{content:"";position:absolute;top:6px;left:0;right:0;height:2px;background:var(--line)}
.latency li:last-child{flex-grow:0}
.latency li:last-child:before{display:none}
.latency li:after{content:"";position:absolute;top:0;left:0;width:14px;height:14px;border-radius:50%;background:var(--panel);border:3px solid var(--dot)}
.latency b{display:block;font-weight:620}.latency span{display:block;color:var(--soft);font-variant-numeric:tabular-nums}
.key{display:inline-flex;align-items:center;gap:7px;border:1px solid transparent;background:var(--faint);border-radius:7px;padding:3px 9px;font-size:12.5px}
.key:hover{border-color:var(--line)}
.key[aria-pressed=false]{opacity:.5;text-decoration:line-through}
#chart{height:clamp(260px,34vw,420px);cursor:crosshair}
.time-bar{position:sticky;top:0;z-index:2;background:var(--panel);display:grid;grid-template-columns:auto auto 1fr;gap:8px 10px;align-items:center;padding:8px 0;margin-bottom:6px}
.time-bar input{width:100%;accent-color:var(--accent);min-width:60px}
.time-bar #time-label{grid-column:1/-1;font-size:13px;font-variant-numeric:tabular-nums}
.crumbs{display:flex;flex-wrap:wrap;align-items:center;gap:2px;margin:0 0 14px -8px}
.crumb{background:none;border:0;border-radius:7px;padding:4px 8px;font-size:13.5px;color:var(--soft);max-width:100%;overflow-wrap:anywhere;text-align:left}
.crumb:hover{background:var(--faint);color:var(--ink)}
.crumb[aria-current]{color:var(--ink);font-weight:620}
.crumb+.crumb:before{content:"›";margin-right:10px;margin-left:-6px;color:var(--soft);font-weight:400}
.scale{display:flex;flex-wrap:wrap;align-items:flex-start;gap:4px 12px;font-size:12.5px;color:var(--soft);margin:6px 0 10px}
.scale>div{flex:0 1 380px;min-width:220px}
.scale i{display:block;height:9px;margin-top:5px;border-radius:5px;background:linear-gradient(90deg,var(--ramp0),var(--ramp1),var(--ramp2),var(--ramp3),var(--ramp4))}
#scale{display:flex;justify-content:space-between;font-size:11.5px;font-variant-numeric:tabular-nums}
#map>*{animation:zoom-in .22s ease-out}
#map[data-way=out]>*{animation-name:zoom-out}
@keyframes zoom-in{from{opacity:0;transform:scale(.975)}}
@keyframes zoom-out{from{opacity:0;transform:scale(1.02)}}
.space{display:grid;grid-template-columns:250px minmax(0,1fr);gap:4px 18px;align-items:start;padding:9px 0;border-top:1px solid var(--faint)}
.space:first-child{border-top:0}
.space-name{background:none;border:0;border-radius:9px;text-align:left;padding:4px 9px;margin:-4px 0 0 -9px;line-height:1.35;font-size:14px;cursor:zoom-in}
.space-name:hover:not(:disabled){background:var(--faint)}
.space-name b{display:block;font-weight:620}.space-name span{font-size:12.5px}
.space-name:disabled{cursor:default}
.space.untouched{grid-template-columns:130px minmax(0,1fr);border:0;padding:5px 0}
.space.untouched .space-name{padding-top:0;padding-bottom:0;font-size:13px}
.space.untouched .space-name b{font-weight:400}
.untouched-title{margin:18px 0 6px;color:var(--soft);font-weight:560}
.untouched-spaces{columns:2;column-gap:36px}
.untouched-spaces .space{break-inside:avoid}
.registers{display:flex;flex-wrap:wrap;gap:7px;align-items:center;margin:0 0 16px}
.registers h3{flex:0 0 100%}
.register{display:inline-flex;align-items:center;gap:8px;font:13px var(--mono);background:none;border:1px solid var(--line);border-radius:8px;padding:4px 10px}
.register:hover{border-color:var(--soft)}
.register i{width:11px;height:11px;border-radius:3px}
.register[data-state=wrong] i{background:var(--time)}
.register[data-state=healed] i{box-shadow:inset 0 0 0 2px var(--time)}
.register[data-state=right] i{background:var(--faint)}
.register[aria-current]{border-color:var(--ink);box-shadow:0 0 0 1px var(--ink)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:14px;margin-bottom:14px}
.tile{display:block;background:none;border:1px solid var(--line);border-radius:11px;padding:8px 8px 9px;text-align:left;font-size:12.5px;line-height:1.4;cursor:zoom-in}
.tile:hover{border-color:var(--soft)}
.tile canvas{aspect-ratio:1;border-radius:5px;margin-bottom:7px}
.tile span{display:block;overflow-wrap:anywhere}
.page-view{display:grid;grid-template-columns:minmax(0,1.35fr) minmax(300px,1fr);gap:26px;align-items:start}
.page-grid{display:grid;grid-template-columns:auto minmax(0,1fr);gap:10px;max-width:820px}
.addresses{display:grid;font-size:11px;line-height:1}
.grid{display:grid;grid-template-columns:repeat(32,minmax(0,1fr));gap:1px;background:var(--line);border:1px solid var(--line);border-radius:7px;overflow:hidden}
.grid>*{display:block;aspect-ratio:1;background:var(--panel);border:0;padding:0;min-width:0;border-radius:0}
.grid>.odd{background:var(--faint)}
.grid>button{cursor:pointer}
.grid>[data-state=wrong]{background:var(--time)}
.grid>[data-state=healed]{box-shadow:inset 0 0 0 clamp(2px,.22vw,3.5px) var(--time)}
.grid>[aria-current]{outline:2px solid var(--ink);outline-offset:0;z-index:1;position:relative}
.grid>button:focus-visible{outline:3px solid var(--focus);outline-offset:0;z-index:2;position:relative}
.contents ul{list-style:none;margin:8px 0;padding:0;font-size:13px;max-height:340px;overflow:auto}
.contents li{padding:2px 0;overflow-wrap:anywhere}
.contents b{color:var(--accent);font-weight:620}
.card:empty{display:none}
.card{margin-bottom:18px}
.word{border:1px solid var(--line);border-radius:12px;padding:14px 16px;font-size:13.5px}
.word h3{font-size:16px;margin-bottom:8px;overflow-wrap:anywhere}
.word h4{font-size:13px;font-weight:620;margin:12px 0 0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 14px;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.values{list-style:none;margin:0 0 8px;padding:0}
.values li{padding:9px 0;border-bottom:1px solid var(--faint);overflow-wrap:anywhere}
.values .button{margin-top:6px}
.place .swatch{vertical-align:-1px}
.lanes{display:grid;grid-template-columns:minmax(96px,max-content) minmax(0,1fr);margin:4px 0 20px}
.lane-names div{display:flex;align-items:center;gap:8px;font-size:12.5px;padding-right:12px;line-height:1.15}
.lane-names{max-width:170px}
.lanes-scroll{overflow-x:auto;overscroll-behavior-x:contain}
.lanes svg{display:block}
.lanes .rule{stroke:var(--faint)}
.lanes .link-line{fill:none;stroke:var(--soft);stroke-width:1.6}
.lanes text{fill:var(--soft);font-size:11.5px;font-variant-numeric:tabular-nums}
.node-dot{stroke:var(--panel);stroke-width:2;cursor:pointer}
.node-dot[aria-current]{stroke:var(--ink);stroke-width:2.5}
.node-dot:focus-visible{outline:none;stroke:var(--focus);stroke-width:4}
.walk{position:relative;display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1.12fr) minmax(0,1fr);gap:12px 56px;align-items:start}
.threads{position:absolute;inset:0;width:100%;height:100%;pointer-events:none}
.threads path{fill:none;stroke:var(--colour);stroke-width:2;opacity:.75}
.column{position:relative;display:grid;gap:9px;min-width:0}
.column p{font-size:12.5px;margin:0}
.column>.button{justify-self:start}
.node{display:grid;gap:3px;justify-items:start;text-align:left;border:1px solid var(--line);border-left:5px solid var(--colour);border-radius:10px;background:var(--panel);padding:8px 11px;font-size:13px;line-height:1.4;overflow-wrap:anywhere;min-width:0;width:100%}
button.node:hover{border-color:var(--colour)}
.node .when{font-size:12px}
.node.here{padding:14px 16px;gap:6px;box-shadow:var(--shade);border-width:2px 2px 2px 6px;border-color:var(--colour)}
.node.here .title{font-size:16px;font-weight:620}
.writer{overflow-wrap:anywhere}
#problem{border-left:4px solid var(--bad);padding-left:12px}
@media (max-width:1020px){.page-view{grid-template-columns:minmax(0,1fr)}.walk{grid-template-columns:minmax(0,1fr)}.walk .threads{display:none}}
@media (max-width:720px){.untouched-spaces{columns:1}.space{grid-template-columns:minmax(0,1fr)}.latency{flex-direction:column;margin-left:2px}.latency li{padding:0 0 16px 26px;min-width:0;flex:none}.latency li:before{top:6px;bottom:-6px;left:6px;right:auto;width:2px;height:auto}.addresses{display:none}.page-grid{grid-template-columns:minmax(0,1fr)}.lane-names{max-width:112px}}
@media print{.time-bar,.crumbs,.tools{display:none}.page-view{grid-template-columns:1fr 1fr}}
`;
