// SPDX-License-Identifier: MIT
// The style sheet of the HTML report.
//
// Series colours are Okabe and Ito's palette, which stays apart under the common forms of colour
// blindness; in the dark the two deepest are lightened. Colour is never the only sign: verdicts are
// words, areas are outlined and named in the legend, marks are labelled.
#pragma once

#include <string_view>

namespace anabranch::lab {

inline constexpr std::string_view kReportStyle = R"css(
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5b6675;--line:#dce1e8;
--grid:#e8ebf0;--box:#f3f6fa;--box-line:#9aa7b8;--wire:#8a96a6;--emulated:#0b63a5;--ok:#00694c;--ok-back:#e0f3ec;
--missed:#a63b00;--missed-back:#fdeade;
--s1:#0072b2;--s2:#e69f00;--s3:#009e73;--s4:#cc79a7;--s5:#56b4e9;--s6:#d55e00;--s7:#b8a900;--s8:#7a7a7a}
@media screen and (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1a2029;--ink:#e6eaf0;--soft:#9aa6b5;--line:#2d3643;
--grid:#28303b;--box:#222a35;--box-line:#5d6b7d;--wire:#6f7d8f;--emulated:#6cb8ee;--ok:#58d3a8;--ok-back:#123a2e;
--missed:#ffa570;--missed-back:#45230f;
--s1:#3b9ad9;--s2:#e69f00;--s3:#1fb58a;--s4:#d98fb8;--s5:#8fd0f5;--s6:#ea7a2b;--s7:#e0d23a;--s8:#a0a0a0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:36px 24px 48px}
header{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:flex-start;justify-content:space-between;margin-bottom:22px}
h1{font-size:26px;line-height:1.25;margin:0;letter-spacing:-.01em}
h2{font-size:16px;margin:0 0 14px}
header>div:first-child{flex:1 1 420px}
header p,footer{color:var(--soft);margin:4px 0 0;font-size:13.5px}
code{font:.93em ui-monospace,"DejaVu Sans Mono",monospace}
.verdict{font-weight:600;border-radius:8px;padding:8px 16px;border:1px solid currentColor;white-space:nowrap}
.ok{color:var(--ok)}.missed{color:var(--missed)}
.verdict.ok{background:var(--ok-back)}.verdict.missed{background:var(--missed-back)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;margin:0 0 18px}
svg{display:block;width:100%;height:auto;margin:0 auto}
svg text{fill:var(--ink);font:12px system-ui,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}
.node rect{fill:var(--box);stroke:var(--box-line);stroke-width:1.3}
.switch rect{fill:var(--card);stroke:var(--wire);stroke-width:1.6}
svg .node-title{font-size:13px;font-weight:600;text-anchor:middle}
svg .node-line{font:11px ui-monospace,"DejaVu Sans Mono",monospace;fill:var(--soft);text-anchor:middle}
.link{fill:none;stroke:var(--wire);stroke-width:1.7}
.link.emulated{stroke:var(--emulated);stroke-width:2.4}
.link:hover{stroke-width:4}
svg .link-name,svg .link-profile{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg .link-name{font-size:11.5px;font-weight:600;text-anchor:middle}
svg .link-profile{font-size:11px;fill:var(--soft);text-anchor:middle}
.grid,.axis,.mark,.expected{fill:none;stroke:var(--grid)}
.axis{stroke:var(--box-line)}
svg .tick{fill:var(--soft);text-anchor:middle;font-variant-numeric:tabular-nums}
svg .right{text-anchor:end}
svg .unit{fill:var(--soft)}
.area{fill-opacity:.78;stroke:none}.edge{fill:none;stroke-width:1.6;stroke-linejoin:round}
.mark{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:2 3}
svg .mark-label{font-weight:600}
.expected{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:7 5}
svg .expected-label{font-size:11.5px;text-anchor:end}
.slice{fill:transparent}.slice:hover{fill:var(--ink);fill-opacity:.14}
.s1{fill:var(--s1);stroke:var(--s1);background:var(--s1)}.s2{fill:var(--s2);stroke:var(--s2);background:var(--s2)}
.s3{fill:var(--s3);stroke:var(--s3);background:var(--s3)}.s4{fill:var(--s4);stroke:var(--s4);background:var(--s4)}
.s5{fill:var(--s5);stroke:var(--s5);background:var(--s5)}.s6{fill:var(--s6);stroke:var(--s6);background:var(--s6)}
.s7{fill:var(--s7);stroke:var(--s7);background:var(--s7)}.s8{fill:var(--s8);stroke:var(--s8);background:var(--s8)}
.edge{fill:none!important}.area{stroke:none!important}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:0 0 8px;padding:0;font-size:13.5px}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:7px;vertical-align:-1px}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:18px;align-items:start}
.tables section{margin:0;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-weight:500;font-size:12.5px;color:var(--soft);padding:0 12px 6px 0}
td{padding:7px 12px 7px 0;border-top:1px solid var(--line);vertical-align:baseline}
td:last-child,th:last-child{padding-right:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.state{font-weight:600;white-space:nowrap}.none,.quiet{color:var(--soft)}
footer{margin-top:22px;display:flex;flex-wrap:wrap;gap:4px 24px}
@page{size:A4;margin:14mm}
@media print{body{background:none;font-size:12px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{padding:0;max-width:none}section{break-inside:avoid;border-color:#bbb}.slice{display:none}}
)css";

}  // namespace anabranch::lab
