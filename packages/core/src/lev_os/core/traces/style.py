"""The style of the page of a run: light or dark as the reader's system is, without any file from elsewhere."""

CSS = """
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1c1d21;--dim:#62656f;--line:#d9dade;--edge:#b9bcc6;
--card:#fff;--soft:#f0f1f3;--take:#0b6bcb;--takebg:#e4f0fc;--good:#1a7f47;--bad:#c0262d;--warn:#9a6200;
--model:#6f42c1;--judge:#0e7c86;--tool:#0b6bcb;--wait:#b45309;--sleep:#8b8d98;--denied:#c0262d}
@media (prefers-color-scheme:dark){:root{--bg:#15161a;--fg:#e7e8ec;--dim:#9a9da8;--line:#34363f;--edge:#565a68;
--card:#1d1f25;--soft:#262931;--take:#6cb6ff;--takebg:#16324f;--good:#57c98a;--bad:#ff7b80;--warn:#e5b04c;
--model:#b794f6;--judge:#4fc3cf;--tool:#6cb6ff;--wait:#f0a35b;--sleep:#9a9da8;--denied:#ff7b80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:28px 20px 80px;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:23px;line-height:1.25;margin:0 0 2px}h2{font-size:17px;margin:34px 0 10px}
h3{font-size:14px;margin:14px 0 4px}
p{margin:4px 0}a{color:var(--take)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
pre{margin:4px 0 8px;padding:9px 11px;background:var(--soft);border-radius:6px;white-space:pre-wrap;max-height:420px;
overflow:auto;unicode-bidi:isolate}
.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.pill{display:inline-block;padding:0 9px;border:1px solid currentColor;border-radius:99px;font-size:13px}
.facts{display:flex;flex-wrap:wrap;gap:8px;margin:16px 0}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:7px 13px;min-width:92px}
.facts b{display:block;font-size:17px;font-weight:600}.facts span{color:var(--dim);font-size:12.5px}
.wide{overflow:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:8px;max-height:78vh}
svg.graph{display:block;margin:0 auto}
svg.graph text{font-size:11.5px;text-anchor:middle;fill:var(--dim)}
svg.graph .kind{font-size:12.5px;font-weight:600}
svg.graph rect{fill:var(--bg);stroke:var(--edge)}svg.graph path{fill:none;stroke:var(--edge);stroke-width:1.4}
svg.graph path.taken{stroke:var(--take);stroke-width:2}
svg.graph .taken rect{fill:var(--takebg);stroke:var(--take)}svg.graph .taken text{fill:var(--fg)}
svg.graph text.way{paint-order:stroke;stroke:var(--card);stroke-width:5px}svg.graph text.way.taken{fill:var(--take)}
svg.graph a:hover rect{stroke-width:2.5}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--dim);font-weight:500}th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);
vertical-align:top}
details{background:var(--card);border:1px solid var(--line);border-radius:7px;margin:5px 0}
details>summary{cursor:pointer;padding:6px 11px}details[open]>summary{border-bottom:1px solid var(--line)}
details>div{padding:6px 13px 11px}
details.group>div{padding:4px 8px}details.group{background:none}
.effect{content-visibility:auto;contain-intrinsic-size:auto 36px}
.effect>summary{display:grid;grid-template-columns:74px 62px minmax(90px,1fr) 240px 80px 100px 84px;gap:10px;
align-items:center;list-style:none}
.effect>summary::-webkit-details-marker{display:none}
.effect>summary span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.effect>summary .num{text-align:right;font-variant-numeric:tabular-nums}
.head{display:grid;grid-template-columns:74px 62px minmax(90px,1fr) 240px 80px 100px 84px;gap:10px;padding:2px 12px;
font-size:12.5px;color:var(--dim)}.head .num{text-align:right}
.bar{display:block;width:240px;height:10px;background:var(--soft);border-radius:3px}
.model{color:var(--model)}.judge{color:var(--judge)}.tool{color:var(--tool)}.wait{color:var(--wait)}
.held{color:var(--wait)}.sleep{color:var(--sleep)}.denied{color:var(--denied)}
.bar rect{fill:currentColor}
.finding{margin:4px 0;padding:4px 10px;border-left:3px solid var(--warn)}.finding.deny{border-color:var(--bad)}
:target{outline:2px solid var(--take);outline-offset:1px}
@media (max-width:820px){.effect>summary,.head{grid-template-columns:62px 52px 1fr 74px}
.effect>summary>:nth-child(4),.effect>summary>:nth-child(6),.effect>summary>:nth-child(7),
.head>:nth-child(4),.head>:nth-child(6),.head>:nth-child(7){display:none}}
""".strip()
