"""Pictures within a page: small, as data, right and wrong hits told apart by more than colour."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.errors import LookalikeError
from lookalike.evaluation.reports.markup import plain
from lookalike.images import decode, thumbnail_jpeg

__all__ = ["Thumbnails", "strip"]

SIDE = 120
QUALITY = 78
# About 4 kB each within the page.
MOST = 2500
SHOWN_HITS = 10
MARKS = {True: ("good", "\u2713", "right"), False: ("bad", "\u2715", "wrong"), None: ("", "", "")}


class Thumbnails:
    """Small pictures, each made once and written once, as a rule of the page's style."""

    def __init__(self, *, most: int = MOST) -> None:
        self.most = most
        self.rules: list[str] = []
        self.names: dict[Path, str] = {}

    def of(self, file: Path) -> str:
        """Name the class that shows a picture; nothing if it cannot be read any more.

        Past the most that a page takes there is nothing either.
        """
        if file not in self.names:
            data = small(file) if len(self.rules) < self.most else b""
            name = f"t{len(self.rules)}" if data else ""
            if data:
                text = base64.b64encode(data).decode("ascii")
                self.rules.append(f".{name}{{background-image:url(data:image/jpeg;base64,{text})}}")
            self.names[file] = name
        return self.names[file]

    @property
    def style(self) -> str:
        """The rules of all pictures so far."""
        return "\n".join(self.rules)


def small(file: Path) -> bytes:
    """Encode one picture; nothing if it cannot be read."""
    try:
        return thumbnail_jpeg(decode(file, shortest_side=SIDE), SIDE, quality=QUALITY)
    except (LookalikeError, OSError, ValueError):
        return b""


def strip(
    query: str,
    hits: Sequence[Mapping[str, Any]],
    *,
    root: Path,
    thumbnails: Thumbnails,
    labels: Mapping[str, str] | None = None,
    title: str = "",
    query_word: str = "query",
) -> str:
    """Lay a query and its hits in a row that can be moved sideways on a phone.

    Args:
        query: Its path, relative to ``root``.
        hits: As in a result's ``best`` and ``worst``.
        root: Of the set.
        thumbnails: Where pictures are made small.
        labels: By path; a label says more than a file's name.
        title: Above the row, as markup.
        query_word: What is written below the picture that comes first.
    """
    labels = labels or {}
    tiles = []
    caption = (labels.get(query) or name_of(query), query_word)
    tiles.append(tile(query, "query", "", query_word, caption, thumbnails.of(root / query)))
    for rank, hit in enumerate(hits[:SHOWN_HITS], 1):
        kind, mark, word = MARKS[hit.get("is_positive")]
        path = str(hit["path"])
        caption = (labels.get(path) or name_of(path), f"{float(hit['score']):.3f}")
        said = f"hit {rank}, {word}" if word else f"hit {rank}"
        tiles.append(tile(path, kind, mark, said, caption, thumbnails.of(root / path)))
    head = f'<div class="strip-title">{title}</div>' if title else ""
    return (
        f'<div class="strip-box">{head}<div class="strip" tabindex="0">{"".join(tiles)}</div></div>'
    )


def tile(path: str, kind: str, mark: str, said: str, caption: tuple[str, str], name: str) -> str:
    """Write one picture with its frame, its mark and the two lines below."""
    described = plain(f"{said}: {path}")
    shown = "" if name else '<span class="gone">not readable now</span>'
    badge = f'<span class="badge" aria-hidden="true">{mark}</span>' if mark else ""
    return (
        f'<figure class="tile {kind}" title="{described}">'
        f'<div class="frame {name}" role="img" aria-label="{described}">{shown}{badge}</div>'
        f"<figcaption><bdi>{plain(caption[0])}</bdi><span>{plain(caption[1])}</span></figcaption>"
        "</figure>"
    )


def name_of(path: str) -> str:
    """Take a file's name off its path."""
    return path.rstrip("/").rpartition("/")[2]
