"""``lookalike search``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lookalike.cli.destinations import require_sheet_file
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import IMAGE_ID, WholeNumber
from lookalike.cli.options import expanded, gallery_option, located_gallery, logging_options
from lookalike.cli.output import note, printable, shown_path
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig, SearchParams
from lookalike.search import Results, Searcher

if TYPE_CHECKING:
    from lookalike.encoders import Encoder, ImageInput
    from lookalike.search import Query

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
    ("curl -s https://example.org/p.jpg | lookalike search -", "A picture without a file."),
)


@click.command("search", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("queries", nargs=-1, metavar="[PICTURE]...")
@gallery_option
@click.option(
    "--id",
    "image_ids",
    type=IMAGE_ID,
    multiple=True,
    metavar="ID",
    help="Search with an image of the gallery, by the image_id that --json shows; "
    "its file is not read. May be given several times.",
)
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
    help="Say on standard error how the gallery was searched; with --json, as plan.",
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="Where the gallery's encoder is now, if its file was moved: onnx:FILE.",
)
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
    k: int,
    include_self: bool,
    min_score: float | None,
    where: str | None,
    nprobe: int | None,
    ef_search: int | None,
    k_factor: float | None,
    exact: bool,
    explain: bool,
    encoder: str | None,
    as_json: bool,
    sheet: str | None,
) -> None:
    """Find the pictures that look like PICTURE; - reads it from standard input.

    Prints rank, score and path, best first. The score is a cosine: bigger is
    more alike. Control characters in a file name are written as escapes; every
    other byte is as on disk. Exit code 0 also where nothing was found.
    """
    if not queries and not image_ids:
        raise UsageError("There is nothing to search with: name a picture, or an image by --id.")
    if min_score is not None and not -1 <= min_score <= 1:
        raise UsageError(f"--min-score {min_score} is no cosine: give a number from -1 to 1.")
    if sheet is not None:
        require_sheet_file(sheet)
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        # Without rebuilding: the process ends long before an index is built.
        searcher = Searcher(
            gallery,
            loaded(encoder, gallery),
            index=IndexConfig() if exact else None,
            is_rebuilding=False,
        )
        asked: list[Query] = [read_standard_input() if name == "-" else name for name in queries]
        asked += image_ids
        # No more than there are: every hit asked for takes memory.
        most = min(k, max(1, len(gallery)))
        answers = searcher.search_many(
            asked,
            most,
            exclude_self=not include_self,
            min_score=min_score,
            where=where,
            params=SearchParams(nprobe, ef_search, k_factor),
        )
        if as_json:
            show_json(answers, explain=explain)
        else:
            show(answers)
            if explain:
                click.echo(f"plan: {answers[0].plan}", err=True)
        if sheet is not None:
            draw(gallery, asked, answers, sheet)


def loaded(encoder: str | None, gallery: Gallery) -> Encoder | None:
    """Load the encoder that was named, if one was."""
    if encoder is None:
        return None
    from lookalike.encoders.loading import load_encoder, with_stored_options

    return load_encoder(with_stored_options(expanded(encoder), gallery.space.encoder))


def read_standard_input() -> bytes:
    """Read a picture that is piped in."""
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    if not data:
        raise UsageError("The query - is standard input, but it is empty: pipe a picture in.")
    return data


def show_json(answers: Sequence[Results], *, explain: bool = False) -> None:
    """Print one object a line; a byte that is not UTF-8 is a lone surrogate, as Python's are."""
    for results in answers:
        plan = results.plan.to_dict() if explain and results.plan else None
        click.echo(json.dumps(results.to_dict() | ({"plan": plan} if plan else {})))


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

    pictures: list[ImageInput] = [
        gallery.absolute_path(gallery.image(query)) if isinstance(query, int) else query
        for query in asked
    ]
    save_sheet(contact_sheet(list(zip(pictures, answers, strict=True))), file)
    note(f"Contact sheet: {shown_path(file)}")
