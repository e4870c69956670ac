"""A page's markup: text made harmless, tables that sort, figures for two widths, the shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from lookalike.evaluation.reports.answers import Answer
from lookalike.evaluation.reports.figures import NARROW, WIDE, inline_svg
from lookalike.evaluation.reports.palette import DARK, LIGHT
from lookalike.evaluation.reports.tables import Cell, Column, Table
from lookalike.evaluation.writing import shown_text

__all__ = [
    "HEADER",
    "LEGEND",
    "answers_html",
    "emphasised",
    "facts_html",
    "figure_html",
    "page_html",
    "plain",
    "table_html",
]

HERE = "lookalike.evaluation.reports"
# Rows of a table from which on it has a field to search and a height of its own.
LONG = 25
SHADES = 8
HEADER = (
    '<header><button type="button" class="theme">Light or dark</button>'
    '<p class="eyebrow">Lookalike {kind}</p><h1>{title}</h1><p class="lead">{lead}</p>'
    "{nav}</header>"
)
LEGEND = (
    '<div class="legend"><span><b class="q"></b>the query</span>'
    '<span><b class="g"></b>\u2713 right: it answers the query</span>'
    '<span><b class="b"></b>\u2715 wrong</span></div>'
)
PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="generator" content="Lookalike">
<title>$title</title>
<style>
$colours
$style
</style>
</head>
<body>
$body
<script>
$script
</script>
</body>
</html>
"""
)


def plain(text: str) -> str:
    """Make a text harmless; what is no text in a file's name or a label becomes a mark."""
    return escape(shown_text(text))


def emphasised(text: str) -> str:
    """Turn ``**`` around words into emphasis, and keep numbers with their units."""
    text = re.sub(r"(\d) (%|[\u00b5m]?s|min|h|[kMGT]?B)(?!\w)", "\\1\u00a0\\2", plain(text))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)


def page_html(title: str, body: str, *, more_style: str = "") -> str:
    """Put a page together: all that it needs is in it."""
    return PAGE.substitute(
        title=plain(title),
        colours=colours(),
        style=f"{asset('page.css')}\n{more_style}",
        body=body,
        script=asset("page.js"),
    )


def asset(name: str) -> str:
    """Read a file that lies beside this one."""
    return files(HERE).joinpath(name).read_text(encoding="utf-8").strip()


def colours() -> str:
    """Write the colours of both themes: by the system's setting, or by the page's switch."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in theme.items()) for theme in (LIGHT, DARK)
    )
    return (
        f":root{{{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{{dark}}}"
    )


def figure_html(
    name: str, title: str, caption: str, draw: Callable[..., Any], *, narrow: Any = None
) -> str:
    """Draw a figure for wide and for narrow screens; the page shows the one that fits.

    Args:
        name: Unlike any other's on the page.
        title: Above it.
        caption: How to read it, one or two sentences.
        draw: Called with ``look``.
        narrow: Another way to draw it for a phone.
    """
    wide = inline_svg(draw(look=WIDE), f"{name}-w", title)
    small = inline_svg((narrow or draw)(look=NARROW), f"{name}-n", title)
    return (
        f'<figure class="plot" id="{name}"><h3>{plain(title)}</h3>'
        f"<figcaption>{emphasised(caption)}</figcaption>"
        f'<div class="wide">{wide}</div><div class="narrow">{small}</div></figure>'
    )


def table_html(
    table: Table,
    *,
    series: Sequence[int] | None = None,
    is_shaded: bool = False,
    has_bars: bool = False,
) -> str:
    """Write a table whose columns sort when their titles are pressed.

    Args:
        table: What to show.
        series: Which series of the plots each row belongs to.
        is_shaded: Whether numbers from 0 to 1 have a ground by their size.
        has_bars: Whether the first column with intervals shows them as bars.
    """
    if not table.rows:
        return ""
    bests = [best_of(table, place) for place in range(len(table.columns))]
    barred = next((place for place, cell in enumerate(table.rows[0]) if cell.low is not None), -1)
    ends = bar_ends(table, barred) if has_bars and barred >= 0 else None
    lines = []
    for number, row in enumerate(table.rows):
        cells = [
            cell_html(
                cell,
                table.columns[place],
                is_best=cell.value is not None and cell.value == bests[place],
                is_shaded=is_shaded,
                ends=ends if place == barred else None,
            )
            for place, cell in enumerate(row)
        ]
        if series is not None:
            cells[0] = cells[0].replace(">", f">{swatch(series[number])}", 1)
        mark = f' data-series="{series[number]}"' if series is not None else ""
        lines.append(f"<tr{mark}>{''.join(cells)}</tr>")
    is_long = len(table.rows) > LONG
    search = (
        f'<input type="search" class="filter" placeholder="Filter {len(table.rows):,} rows" '
        'aria-label="Filter rows">'
        if is_long
        else ""
    )
    heads = "".join(map(head_html, table.columns))
    return (
        f'{search}<div class="scroll{" long" if is_long else ""}" tabindex="0"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f"{meanings(table)}"
    )


def head_html(column: Column) -> str:
    """Write a column's title, which is a button."""
    kind = "number" if column.is_number else "name"
    hint = f' title="{plain(column.hint)}"' if column.hint else ""
    button = f'<button type="button"{hint}>{plain(column.title)}</button>'
    return f'<th class="{kind}" scope="col">{button}</th>'


def cell_html(
    cell: Cell,
    column: Column,
    *,
    is_best: bool,
    is_shaded: bool,
    ends: tuple[float, float] | None,
) -> str:
    """Write a cell: its number, its interval below, and perhaps a bar."""
    kind = "number" if column.is_number else "name"
    value = "" if cell.value is None else f' data-v="{plain(str(cell.value))}"'
    shade = ""
    if is_shaded and column.is_number and isinstance(cell.value, float):
        shade = f' style="--v:{cell.value:.3f}"'
        kind += " shaded"
    text = f"<b>{plain(cell.text)}</b>" if is_best else plain(cell.text)
    if not column.is_number:
        text = f'<bdi title="{plain(str(cell.value or cell.text))}">{text}</bdi>'
    note = f"<small>{plain(cell.note)}</small>" if cell.note else ""
    return f'<td class="{kind}"{value}{shade}>{text}{note}{bar(cell, ends)}</td>'


def bar(cell: Cell, ends: tuple[float, float] | None) -> str:
    """Draw an interval as a bar with its middle, on the column's common scale."""
    if ends is None or cell.low is None or cell.high is None or not isinstance(cell.value, float):
        return ""
    low, width = ends[0], (ends[1] - ends[0]) or 1.0
    places = [100 * (value - low) / width for value in (cell.low, cell.high, cell.value)]
    return (
        f'<i class="bar" aria-hidden="true" style="--l:{places[0]:.1f}%;'
        f'--h:{100 - places[1]:.1f}%;--m:{places[2]:.1f}%"></i>'
    )


def bar_ends(table: Table, place: int) -> tuple[float, float]:
    """Find the scale of a column's bars."""
    cells = [row[place] for row in table.rows]
    return (
        min(cell.low for cell in cells if cell.low is not None),
        max(cell.high for cell in cells if cell.high is not None),
    )


def best_of(table: Table, place: int) -> float | None:
    """Find the best number of a column, where there is more than one row."""
    better = table.columns[place].better
    values = [row[place].value for row in table.rows if isinstance(row[place].value, (int, float))]
    numbers = [float(value) for value in values if value is not None]
    if not better or len(numbers) < 2 or min(numbers) == max(numbers):
        return None
    return max(numbers) if better == "high" else min(numbers)


def swatch(series: int) -> str:
    """Show a series' number on its colour's ground."""
    return f'<span class="swatch" style="--c:var(--s{series % SHADES})">{series + 1}</span>'


def meanings(table: Table) -> str:
    """Say what the columns mean, folded away: a phone shows no hints."""
    known = {column.title: column.hint for column in table.columns if column.hint}
    if len(known) < 2 or len(set(known.values())) < 2:
        return f'<p class="note">{plain(table.note)}</p>' if table.note else ""
    lines = "".join(f"<dt>{plain(name)}</dt><dd>{plain(hint)}</dd>" for name, hint in known.items())
    note = f'<p class="note">{plain(table.note)}</p>' if table.note else ""
    summary = "<summary>What the columns mean</summary>"
    return f'{note}<details class="meanings">{summary}<dl>{lines}</dl></details>'


def answers_html(found: Sequence[Answer]) -> str:
    """Write questions and answers."""
    inner = "".join(
        f"<dt>{plain(answer.question)}</dt><dd>{emphasised(answer.text)}</dd>" for answer in found
    )
    return f'<dl class="answers">{inner}</dl>'


def facts_html(facts: Mapping[str, str]) -> str:
    """Write facts with their names."""
    inner = "".join(
        f"<dt>{plain(name)}</dt><dd>{plain(value)}</dd>" for name, value in facts.items()
    )
    return f'<dl class="facts">{inner}</dl>'
