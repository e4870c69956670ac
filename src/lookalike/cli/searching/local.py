"""Searching in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lookalike.cli.encoder_options import EncoderChoice
from lookalike.cli.options import expanded, located_gallery
from lookalike.cli.output import note, shown_path
from lookalike.cli.searching.wish import STANDARD_INPUT, Found, SearchWish
from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig, SearchParams
from lookalike.search import Query, QueryPart, Results, Searcher

__all__ = ["found_by", "search_here"]


def search_here(
    wish: SearchWish,
    show: Callable[[Sequence[Found]], None],
    *,
    choice: EncoderChoice | None = None,
    exact: bool = False,
    sheet: str | None = None,
) -> None:
    """Open the gallery and search it.

    Args:
        wish: What was typed.
        show: Prints what was found.
        choice: What was said of the encoder; None if nothing.
        exact: Whether to compare with every picture.
        sheet: The file of a contact sheet to draw.

    Raises:
        LookalikeError: As ``Gallery.open`` and ``Searcher.search_many``.
    """
    params = SearchParams.from_dict(dict(wish.params))
    queries = [Query.from_dict(told) for told in wish.queries]
    with Gallery.open(located_gallery(wish.gallery_folder)) as gallery:
        # Without rebuilding: the process ends long before an index is built.
        searcher = Searcher(
            gallery,
            loaded(choice, gallery),
            index=IndexConfig() if exact else None,
            is_rebuilding=False,
        )
        # No more than there are: every hit asked for takes memory.
        most = max(1, len(gallery))
        typed = [replace(query, k=min(query.k, most)) for query in queries]
        asked = [with_standard_input(query, wish) for query in typed]
        answers = searcher.search_many(asked, params=params)
        show([found_by(results, query) for results, query in zip(answers, typed, strict=True)])
        if sheet is not None:
            draw(gallery, asked, answers, sheet)


def loaded(choice: EncoderChoice | None, gallery: Gallery) -> Encoder | None:
    """Load the encoder, if something was said of it; else the searcher does, when it needs one."""
    if choice is None:
        return None
    named = replace(choice, name=choice.name and expanded(choice.name))
    return named.load(gallery.space.encoder)


def with_standard_input(query: Query, wish: SearchWish) -> Query:
    """Put the picture that is piped in in the place of each -."""
    parts = tuple(
        replace(part, picture=wish.standard_input) if part.picture == STANDARD_INPUT else part
        for part in query.items
    )
    return replace(query, parts=parts)


def found_by(results: Results, query: Query | None = None) -> Found:
    """Write down what answers a query.

    Args:
        results: What was found.
        query: As it was typed; None to leave it out.
    """
    return Found(
        hits=tuple((hit.rank, hit.score, hit.path) for hit in results),
        told=results.to_dict(),
        asked={} if query is None else query.to_dict(),
        plan=None if results.plan is None else results.plan.to_dict(),
    )


def draw(gallery: Gallery, asked: Sequence[Query], answers: Sequence[Results], file: str) -> None:
    """Draw the contact sheet of all queries."""
    from lookalike.search import contact_sheet, save_sheet

    drawn = [
        replace(query, parts=tuple(with_file(part, gallery) for part in query.items))
        for query in asked
    ]
    save_sheet(contact_sheet(list(zip(drawn, answers, strict=True))), file)
    note(f"Contact sheet: {shown_path(file)}")


def with_file(part: QueryPart, gallery: Gallery) -> QueryPart:
    """Put the file of an image in the place of its image_id."""
    if part.image_id is None:
        return part
    path = gallery.absolute_path(gallery.image(part.image_id))
    return replace(part, image_id=None, picture=path)
