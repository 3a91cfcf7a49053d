"""A report written down: as one HTML page that loads nothing and runs nothing, or as Markdown.

Names of clusters are hostile: in HTML every text is escaped, in Markdown whatever could mean something is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

from tui.fleet.report import Report, Sheet
from tui.kube.text import safe_text

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --back: #fff; --card: #f6f8fa; --line: #d8dee4; --mute: #59636e;
  --bad: #b3001b; --warn: #8a5300; --bad-back: #ffebe9; --warn-back: #fff3d1; --info: #0a5bb5; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --card: #161b22; --line: #30363d;
  --mute: #9198a1; --bad: #ff8a82; --warn: #e3b341; --bad-back: #3c1618; --warn-back: #332707; --info: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 88rem; padding: 2rem 1.5rem 4rem; color: var(--text); background: var(--back);
  font: 15px/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .25rem; padding-top: .5rem; font-size: 1.25rem; }
p { margin: .25rem 0 .75rem; color: var(--mute); }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; margin: 1rem 0; }
nav a { color: var(--info); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.numbers div { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card);
  color: var(--mute); font-size: 13px; line-height: 1.35; }
.numbers strong { display: block; color: var(--text); font-size: 1.7rem; line-height: 1.25; }
.numbers .high strong { color: var(--bad); }
.numbers .medium strong { color: var(--warn); }
.gaps { margin: 1.25rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--warn);
  border-radius: 8px; background: var(--card); }
.gaps h2 { margin: 0; padding: 0; font-size: 1rem; }
.gaps ul { margin: 0; padding-left: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; line-height: 1.4; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
th { background: var(--card); color: var(--mute); font-size: 11px; letter-spacing: .03em; vertical-align: bottom; }
td { max-width: 26rem; }
tbody tr:hover { background: var(--card); }
.critical td:first-child, .high td:first-child, td.high { color: var(--bad); font-weight: 700; }
.medium td:first-child, td.medium { color: var(--warn); font-weight: 700; }
.low td:first-child, .quiet td { color: var(--mute); }
.counts { width: auto; min-width: 50%; font-variant-numeric: tabular-nums; }
.counts td { padding-top: .18rem; padding-bottom: .18rem; white-space: nowrap; }
.counts th { min-width: 4.5rem; max-width: 9rem; }
.counts td:nth-child(n+4), .counts th:nth-child(n+4), .counts td:nth-child(2), .counts th:nth-child(2) {
  text-align: right; }
.counts td.high { background: var(--bad-back); }
.counts td.medium { background: var(--warn-back); }
.counts .quiet td { opacity: .75; }
.counts .weekend td:first-child { color: var(--mute); }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--mute);
  font-size: 13px; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  :root { color-scheme: light; --text: #000; --back: #fff; --card: #f2f2f2; --line: #bbb; --mute: #444; --bad: #8c0015;
    --warn: #6b4000; --bad-back: #f6dcdc; --warn-back: #f7ecd0; --info: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h1 { font-size: 18pt; }
  h2 { margin-top: 14pt; font-size: 13pt; break-after: avoid; }
  section > p { break-after: avoid; }
  section { break-inside: auto; }
  .calendar { break-inside: avoid; }
  .wide { overflow: visible; }
  table { font-size: 7.5pt; }
  th { font-size: 6.5pt; }
  td, th { padding: 2pt 4pt; }
  .counts td { padding: 1pt 4pt; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  .numbers { grid-template-columns: repeat(6, 1fr); }
  .numbers div { padding: 4pt 6pt; break-inside: avoid; }
}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KINDS: Final = frozenset({"critical", "high", "medium", "low", "quiet", "weekend", "counts", "calendar"})


def html(report: Report, version: str) -> str:
    """The page, complete in itself."""
    return "\n".join(_page(report, version)) + "\n"


def _page(report: Report, version: str) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Kubernetes credentials, {report.made_at:%Y-%m-%d}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>Kubernetes credentials</h1><p>{_e(_made(report, version))}</p>"
    yield "<nav>" + "".join(f'<a href="#{sheet.id}">{_e(sheet.title)}</a>' for sheet in report.sheets) + "</nav>"
    yield '<div class="numbers">' + "".join(map(_number, report.numbers)) + "</div>"
    if report.gaps:
        yield f'<div class="gaps"><h2 id="gaps">Not known</h2><p>{_MORE}</p><ul>'
        yield from (f"<li>{_e(gap)}</li>" for gap in report.gaps)
        yield "</ul></div>"
    for sheet in report.sheets:
        yield from _section(sheet)
    yield f"<footer>{_SAFE}</footer></body></html>"


def _number(of: tuple[str, str, str]) -> str:
    figure, what, tone = of
    return f"<div{_kind(tone)}><strong>{_e(figure)}</strong>{_e(what)}</div>"


def _section(sheet: Sheet) -> Iterator[str]:
    yield f'<section{_kind("calendar" if sheet.counts else "")}><h2 id="{sheet.id}">{_e(sheet.title)}</h2>'
    if sheet.says:
        yield f"<p>{_e(sheet.says)}</p>"
    if not sheet.rows:
        yield f"<p>{_e(sheet.empty)}</p></section>"
        return
    shown = [at for at in range(len(sheet.columns)) if sheet.counts or any(row[at] for row in sheet.rows)]
    yield f'<div class="wide"><table{_kind("counts" if sheet.counts else "")}><thead><tr>'
    yield "".join(f'<th scope="col">{_e(sheet.columns[at])}</th>' for at in shown) + "</tr></thead><tbody>"
    for number, row in enumerate(sheet.rows):
        cells = "".join(f"<td{_kind(sheet.marks.get((number, at), ''))}>{_e(row[at])}</td>" for at in shown)
        yield f"<tr{_kind(sheet.tones[number] if number < len(sheet.tones) else '')}>{cells}</tr>"
    yield "</tbody></table></div></section>"


def _kind(name: str) -> str:
    """The class of an element: a word of ours, never a name of a cluster."""
    return f' class="{name}"' if name in _KINDS else ""


def _made(report: Report, version: str) -> str:
    return f"Made {report.made_at:%Y-%m-%d %H:%M} UTC by kubemint {version}."


_MORE: Final = "There may be more than this page says:"
_SAFE: Final = "It holds no credential: names, times and states alone. It loads nothing and runs nothing."
_BREAKS: Final = re.compile(r"((?<![:/])[/,]+(?=[^/])|[^\s/,-]{28}(?=[^\s/,-]))")


def _e(text: str) -> str:
    """Text as text. A long name may be broken after its parts, and wherever it has none."""
    return "<wbr>".join(escape(part, quote=True) for part in _BREAKS.sub("\\1\0", safe_text(text)).split("\0"))


def markdown(report: Report, version: str) -> str:
    """The same as Markdown, with tables as GitHub reads them."""
    lines = ["# Kubernetes credentials", "", _m(_made(report, version)), ""]
    lines += [*(f"- **{_m(figure)}** {_m(what)}" for figure, what, _ in report.numbers), ""]
    if report.gaps:
        lines += ["## Not known", "", _MORE, ""]
        lines += [*(f"- {_m(gap)}" for gap in report.gaps), ""]
    for sheet in report.sheets:
        lines += [f"## {_m(sheet.title)}", ""]
        lines += [_m(sheet.says), ""] if sheet.says else []
        if not sheet.rows:
            lines += [_m(sheet.empty), ""]
            continue
        lines += [_row(sheet.columns), f"|{' --- |' * len(sheet.columns)}", *map(_row, sheet.rows), ""]
    lines += [_SAFE, ""]
    return "\n".join(lines)


def _row(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "| " + " | ".join(map(_m, cells)) + " |"


_MEANS: Final = re.compile(r"([\\`*_\[\]<>|~&#!@$]|(?<=\w):(?=//)|(?<=www)\.)", re.IGNORECASE)


def _m(text: str) -> str:
    """Text that means nothing to Markdown: no markup, no link by itself, no new line."""
    return _MEANS.sub(r"\\\1", safe_text(text))
