"""``lookalike search``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.options import gallery_option, located_gallery, logging_options, printable
from lookalike.errors import UsageError
from lookalike.search import Results, Searcher

if TYPE_CHECKING:
    from lookalike.encoders import ImageInput
    from lookalike.search import Query


@click.command("search")
@click.argument("queries", nargs=-1, metavar="[PICTURE]...")
@gallery_option
@click.option(
    "--id", "image_ids", type=int, multiple=True, help="Search with an image of the gallery."
)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many hits.")
@click.option(
    "--include-self/--exclude-self",
    default=True,
    show_default=True,
    help="Whether the query itself may be a hit.",
)
@click.option("--min-score", type=float, help="Leave out hits below this cosine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each query.")
@click.option("--sheet", metavar="FILE", help="Draw the query and its hits as one picture.")
@logging_options
def command(
    queries: tuple[str, ...],
    gallery_folder: Path | None,
    image_ids: tuple[int, ...],
    k: int,
    include_self: bool,
    min_score: float | None,
    as_json: bool,
    sheet: str | None,
) -> None:
    """Find the pictures that look like PICTURE; - reads it from standard input."""
    if not queries and not image_ids:
        raise UsageError("There is nothing to search with: name a picture, or --id of an image.")
    asked: list[Query] = [sys.stdin.buffer.read() if name == "-" else name for name in queries]
    asked += image_ids
    searcher = Searcher.open(located_gallery(gallery_folder))
    answers = searcher.search_many(asked, k, exclude_self=not include_self, min_score=min_score)
    for number, results in enumerate(answers):
        if as_json:
            click.echo(json.dumps(results.to_dict()))
        else:
            show(results, with_title=len(answers) > 1, is_first=number == 0)
    if sheet is not None:
        draw(searcher, asked, answers, sheet)
    searcher.gallery.close()


def show(results: Results, *, with_title: bool, is_first: bool) -> None:
    """Print one table."""
    if with_title:
        click.echo(("" if is_first else "\n") + printable(results.query))
    if not results:
        click.echo("No picture of the gallery answers this query.")
    for hit in results:
        click.echo(f"{hit.rank:4d}  {hit.score:6.3f}  {printable(hit.path)}")


def draw(searcher: Searcher, asked: list[Query], answers: list[Results], file: str) -> None:
    """Draw the contact sheet of all queries."""
    from lookalike.search import contact_sheet, save_sheet

    gallery = searcher.gallery
    pictures: list[ImageInput] = [
        gallery.absolute_path(gallery.image(query)) if isinstance(query, int) else query
        for query in asked
    ]
    save_sheet(contact_sheet(list(zip(pictures, answers, strict=True))), file)
    click.echo(f"Contact sheet: {printable(file)}", err=True)
