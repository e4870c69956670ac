"""The report: one page that answers first, then shows what the answers rest on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.reports.chapter import SECTIONS, Chapter, counted, set_in_words
from lookalike.evaluation.reports.markup import (
    HEADER,
    page_html,
    plain,
)
from lookalike.evaluation.reports.pictures import Thumbnails
from lookalike.evaluation.reports.reading import (
    Result,
    by_set,
    headline,
    index_names,
)
from lookalike.evaluation.reports.wording import listed
from lookalike.evaluation.writing import write_whole

__all__ = ["write_report"]


def write_report(
    results: Sequence[Result],
    file: str | os.PathLike[str],
    *,
    sets: Mapping[str, ImageSet] | None = None,
    title: str | None = None,
) -> Path:
    """Write one page with everything in it: answers, plots, tables and pictures.

    Nothing is loaded from elsewhere, so the page can be kept and sent. Results of
    several sets become a chapter each.

    Args:
        results: As ``evaluate`` returns them.
        file: The page.
        sets: By fingerprint: where the pictures lie and what they are labelled with.
            Without it they are looked for where the result says they were.
        title: Of the page; None for the names of the sets.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: There are no results, or the page cannot be written.
        StorageFull: There is no room left.
    """
    if not results:
        raise UsageError("A report needs at least one result: run lookalike eval first.")
    chapters = by_set(results)
    thumbnails = Thumbnails()
    parts = [
        Chapter(group, (sets or {}).get(name), thumbnails, f"c{number}").written(
            is_alone=len(chapters) == 1
        )
        for number, (name, group) in enumerate(chapters.items())
    ]
    names = [str(group[0]["set"]["name"]) for group in chapters.values()]
    title = title or listed(list(dict.fromkeys(names)))
    head = HEADER.format(
        kind="evaluation", title=plain(title), lead=plain(lead_of(results)), nav=nav_of(chapters)
    )
    foot = f"<footer>Written by Lookalike {plain(str(results[0].get('lookalike', '')))}.</footer>"
    page = page_html(
        f"{title} \u2013 Lookalike evaluation",
        f"{head}<main>{''.join(parts)}</main>{foot}",
        more_style=thumbnails.style,
    )
    target = Path(file)
    write_whole(target, page.encode("utf-8"))
    return target


def lead_of(results: Sequence[Result]) -> str:
    """Say in one line what was measured."""
    groups = by_set(results)
    encoders = {str(result["encoder"]["fingerprint"]) for result in results}
    indexes = index_names(results)
    measured = sorted(str(result.get("measured", ""))[:10] for result in results)
    counts = [counted(len(encoders), "encoder"), counted(len(indexes), "index", "indexes")]
    if len(groups) > 1:
        counts.insert(0, counted(len(groups), "set"))
    else:
        facts = results[0]["set"]
        counts.insert(0, set_in_words(facts))
    when = measured[-1] if measured[0] == measured[-1] else f"{measured[0]} to {measured[-1]}"
    return f"{'; '.join(counts)}. Measured {when}."


def nav_of(chapters: Mapping[str, Sequence[Result]]) -> str:
    """Link to the sections, or to the chapters where there are several."""
    if len(chapters) == 1:
        group = next(iter(chapters.values()))
        has_classes = any(result.get("classes") for result in group)
        has_pictures = any(result.get("worst") or result.get("best") for result in group)
        hidden = {
            "classes": has_classes,
            "pictures": has_pictures,
            "quality": bool(headline(group)),
        }
        links = [(f"c0-{key}", name) for key, name in SECTIONS if hidden.get(key, True)]
    else:
        links = [
            (f"c{number}", str(group[0]["set"]["name"]))
            for number, group in enumerate(chapters.values())
        ]
    inner = "".join(f'<a href="#{key}">{plain(name)}</a>' for key, name in links)
    return f'<nav aria-label="Sections">{inner}</nav>'
