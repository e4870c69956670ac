"""Keeping a gallery's index up with it, at the end of the commands that change it."""

from __future__ import annotations

import logging
from dataclasses import replace

from lookalike.cli.interrupts import Interrupted
from lookalike.cli.output import note, say, shown_path
from lookalike.cli.progress import counting_bar
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.search.published import Published, published_index

__all__ = ["freshen_index", "index_line"]

logger = logging.getLogger(__name__)


def freshen_index(gallery: Gallery) -> None:
    """Build the index if the gallery has outgrown the last one, and say so.

    The pictures are safe whatever happens here: without a fresh index the search
    is slower, not wrong.
    """
    from lookalike.search.rebuilding import refresh_index

    try:
        with counting_bar("Building the index") as tell:
            folder = refresh_index(gallery, on_progress=tell)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted while the index was built: all pictures are safe in the gallery "
            f"{gallery.path}, and found by comparing more of them one by one."
        ) from None
    except LookalikeError as error:
        note(f"The index was not built, searches compare more pictures one by one: {error}")
        return
    if folder is not None:
        say(f"  index    {index_line(published_index(gallery))}, in {shown_path(folder)}")


def index_line(published: Published | None) -> str:
    """Describe the index of a gallery in a line."""
    if published is None:
        return "none: every picture is compared"
    if published.problem:
        return "damaged: every picture is compared"
    if published.indexed is None:
        by_choice = " by choice" if "chosen" in published.evidence else ""
        return f"none{by_choice}: every picture is compared"
    index = published.indexed.index
    chosen = published.evidence.get("chosen")
    built = index.config
    if index.has_lists and built.kind != "factory":
        built = replace(built, nlist=index.nlist)
    facts = [built.to_factory(index.size, index.dim)]
    if index.config.refine_codes != "none":
        facts.append(f"{index.config.refine_codes} re-ranking")
    wish = published.evidence.get("wish")
    if chosen is not None and wish is not None:
        facts.append(
            f"recall@{wish['k']} {chosen['recall']:.3f} "
            f"({chosen['recall_low']:.3f} to {chosen['recall_high']:.3f})"
        )
    return f"{', '.join(facts)}, generation {published.generation}"
