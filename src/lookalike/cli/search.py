"""``lookalike search``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.destinations import require_sheet_file
from lookalike.cli.encoder_options import EncoderChoice, backend_option, device_option
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import expanded, gallery_option, located_gallery, logging_options
from lookalike.cli.output import note, printable, shown_path
from lookalike.cli.query_options import QueryCommand, are_apart, part_options, typed_parts
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig, SearchParams
from lookalike.search import Feedback, Query, QueryPart, Results, Searcher

if TYPE_CHECKING:
    from lookalike.encoders import Encoder

EXAMPLES = (
    ("lookalike search query.jpg --gallery ~/photos", "The ten pictures most like one."),
    (
        "lookalike search *.jpg -k 3 --json | jq '.hits[0].path'",
        "The best of each, for another program.",
    ),
    (
        "lookalike search query.jpg --exclude-self --min-score .5 --sheet found.jpg",
        "Only close ones, without the query itself, drawn side by side.",
    ),
    (
        "lookalike search query.jpg --where \"label = 'cat' AND width > 800\" --explain",
        "Only among some pictures; and how they were searched.",
    ),
    (
        "lookalike search a.jpg --text 'at night' --minus b.jpg --weight .7",
        "Like one picture, at night, and less like another: a weight is for what precedes it.",
    ),
    (
        "lookalike search front.jpg side.jpg --combine best --group-by product",
        "Several pictures of one thing, and one hit for each product.",
    ),
    ("curl -s https://example.org/p.jpg | lookalike search -", "A picture without a file."),
)


@click.command("search", cls=QueryCommand, examples=EXAMPLES)
@click.argument("queries", nargs=-1, metavar="[PICTURE]...")
@gallery_option
@part_options
@click.option(
    "-k",
    type=WholeNumber(1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many hits at most.",
)
@click.option(
    "--include-self/--exclude-self",
    default=True,
    help="Whether the query may be its own hit: the image at the query's path, or else those "
    "with its very bytes. Default: include.",
)
@click.option(
    "--exclude-copies",
    is_flag=True,
    help="Leave out the query and its copies: files of the same bytes, and pictures whose "
    "embedding is the same but for rounding.",
)
@click.option(
    "--min-score",
    type=float,
    metavar="SCORE",
    help="Leave out hits below this cosine, from -1 to 1: the same picture has 1. "
    "What looks alike depends on the encoder: with the one in the box, try .5 and look.",
)
@click.option(
    "--where",
    metavar="FILTER",
    help="Search only among the pictures that a filter lets through: comparisons of columns "
    "and metadata, joined by AND, OR and NOT.",
)
@click.option(
    "--diversity",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Hits that are unlike each other, from 0, best first, to 1: maximal marginal "
    "relevance. Try .3 and look.",
)
@click.option(
    "--group-by",
    metavar="COLUMN",
    help="Only the best hit of each value of a column of the catalog or the metadata.",
)
@click.option(
    "--nprobe",
    type=WholeNumber(1),
    metavar="N",
    help="Lists that an index of an ivf kind looks into. More find more and take longer. "
    "Default: what it was tuned to.",
)
@click.option(
    "--ef-search",
    type=WholeNumber(1),
    metavar="N",
    help="Candidates that an index of the kind hnsw keeps on its walk. More find more and "
    "take longer. Default: what it was tuned to.",
)
@click.option(
    "--k-factor",
    type=click.FloatRange(min=1),
    metavar="X",
    help="Candidates that an index with coarse codes scores again, as a multiple of -k. "
    "Default: what it was tuned to.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Compare with every picture, whatever index there is.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Say on standard error how the gallery was searched, with --json as plan, and what "
    "the scores mean.",
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="Where the gallery's encoder is now, if its file was moved: onnx:FILE.",
)
@device_option
@backend_option
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object a line for each query, with absolute paths and all that is "
    "known of each hit.",
)
@click.option(
    "--sheet",
    metavar="FILE",
    help="Draw each query and its hits side by side, with scores, as a .jpg, .png or .webp.",
)
@logging_options
def command(
    queries: tuple[str, ...],
    gallery_folder: str | None,
    image_ids: tuple[int, ...],
    texts: tuple[str, ...],
    minus: tuple[str, ...],
    minus_ids: tuple[int, ...],
    minus_texts: tuple[str, ...],
    weights: tuple[float, ...],
    regions: tuple[str, ...],
    template: str | None,
    combine: str | None,
    kept: tuple[int, ...],
    rejected: tuple[int, ...],
    k: int,
    include_self: bool,
    exclude_copies: bool,
    min_score: float | None,
    where: str | None,
    diversity: float | None,
    group_by: str | None,
    nprobe: int | None,
    ef_search: int | None,
    k_factor: float | None,
    exact: bool,
    explain: bool,
    encoder: str | None,
    device: str,
    backend: str,
    as_json: bool,
    sheet: str | None,
) -> None:
    """Find the pictures that look like PICTURE; - reads it from standard input.

    Prints rank, score and path, best first. The score is a cosine: bigger is
    more alike. Several pictures are a query each, unless --combine makes one of
    them; texts and what is taken away are added to the one picture. Control
    characters in a file name are written as escapes; every other byte is as on
    disk. Exit code 0 also where nothing was found.
    """
    parts = typed_parts()
    feedback = Feedback(kept, rejected) if kept or rejected else None
    if not parts and feedback is None:
        raise UsageError(
            "There is nothing to search with: name a picture, an image by --id, or a --text."
        )
    if min_score is not None and not -1 <= min_score <= 1:
        raise UsageError(f"--min-score {min_score} is no cosine: give a number from -1 to 1.")
    params = SearchParams(nprobe, ef_search, k_factor)
    require_use(params, exact=exact)
    is_apart = are_apart(parts, combine, has_feedback=feedback is not None)
    pattern = Query(
        parts,
        combine=combine or "mean",
        template=template,
        k=k,
        where=where,
        min_score=min_score,
        exclude_self=not include_self,
        exclude_copies=exclude_copies,
        diversity=diversity,
        group_by=group_by,
        feedback=feedback,
    )
    if sheet is not None:
        require_sheet_file(sheet)
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        # Without rebuilding: the process ends long before an index is built.
        searcher = Searcher(
            gallery,
            loaded(encoder, device, backend, gallery),
            index=IndexConfig() if exact else None,
            is_rebuilding=False,
        )
        # No more than there are: every hit asked for takes memory.
        pattern = replace(pattern, k=min(k, max(1, len(gallery))))
        typed = [replace(pattern, parts=(part,)) for part in parts] if is_apart else [pattern]
        asked = with_standard_input(typed)
        answers = searcher.search_many(asked, params=params)
        if as_json:
            show_json(answers, typed, explain=explain)
        else:
            show(answers)
            if explain:
                show_how(answers)
        if sheet is not None:
            draw(gallery, asked, answers, sheet)


def require_use(params: SearchParams, *, exact: bool) -> None:
    """Refuse settings of an index that is not asked.

    Raises:
        UsageError: There are some.
    """
    given = [f"--{name.replace('_', '-')}" for name in params.to_dict()]
    if exact and given:
        raise UsageError(
            f"--exact compares with every picture, so that {' and '.join(given)} would change "
            "nothing: leave one of them out."
        )


def loaded(encoder: str | None, device: str, backend: str, gallery: Gallery) -> Encoder | None:
    """Load the encoder, if something was said of it; else the searcher does, when it needs one."""
    if encoder is None and (device, backend) == ("auto", "auto"):
        return None
    choice = EncoderChoice(encoder and expanded(encoder), device, backend)
    return choice.load(gallery.space.encoder)


def with_standard_input(queries: Sequence[Query]) -> list[Query]:
    """Put the picture that is piped in in the place of each -."""
    if not any(part.picture == "-" for query in queries for part in query.items):
        return list(queries)
    data = read_standard_input()
    return [
        replace(
            query,
            parts=tuple(
                replace(part, picture=data) if part.picture == "-" else part for part in query.items
            ),
        )
        for query in queries
    ]


def read_standard_input() -> bytes:
    """Read a picture that is piped in."""
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    if not data:
        raise UsageError("The query - is standard input, but it is empty: pipe a picture in.")
    return data


def show_json(answers: Sequence[Results], typed: Sequence[Query], *, explain: bool = False) -> None:
    """Print one object a line; a byte that is not UTF-8 is a lone surrogate, as Python's are."""
    for results, query in zip(answers, typed, strict=True):
        told: dict[str, Any] = {"query": results.query, "asked": query.to_dict()}
        told |= results.to_dict()
        if explain and results.plan:
            told["plan"] = results.plan.to_dict()
        click.echo(json.dumps(told))


def show_how(answers: Sequence[Results]) -> None:
    """Say how the gallery was searched and what the scores mean, once where it is the same."""
    lines = [f"plan: {results.plan}" for results in answers]
    lines += [f"scores: {results.meaning}" for results in answers]
    for line in dict.fromkeys(lines):
        click.echo(line, err=True)


def show(answers: Sequence[Results]) -> None:
    """Print one table for each query, under its name where there are several."""
    for number, results in enumerate(answers):
        if len(answers) > 1:
            click.echo(("\n" if number else "") + printable(results.query))
        if not results:
            note("No picture of the gallery answers this query.")
        for hit in results:
            click.echo(f"{hit.rank:4d}  {hit.score:6.3f}  {shown_path(hit.path)}")


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
