"""``lookalike search``: what can be typed. Light, so that a running server answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from lookalike.cli.destinations import require_sheet_file
from lookalike.cli.device_options import AUTO, backend_option, device_option
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import gallery_option, logging_options
from lookalike.cli.query_options import QueryCommand, are_apart, part_options, typed_parts
from lookalike.cli.searching.printing import show, show_how, show_json
from lookalike.cli.searching.remote import ask_server
from lookalike.cli.searching.wish import Found, SearchWish
from lookalike.errors import UsageError

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
    "--no-daemon",
    is_flag=True,
    help="Search in this process, also where 'lookalike serve' has the gallery open on this "
    "machine and would answer at once.",
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
    no_daemon: bool,
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
    if not parts and not kept and not rejected:
        raise UsageError(
            "There is nothing to search with: name a picture, an image by --id, or a --text."
        )
    if min_score is not None and not -1 <= min_score <= 1:
        raise UsageError(f"--min-score {min_score} is no cosine: give a number from -1 to 1.")
    params = given(nprobe=nprobe, ef_search=ef_search, k_factor=k_factor)
    require_use(params, exact=exact)
    has_feedback = bool(kept or rejected)
    wish = SearchWish(
        tuple(parts),
        are_apart(parts, combine, has_feedback=has_feedback),
        given(
            combine=combine,
            template=template,
            k=k,
            where=where,
            min_score=min_score,
            exclude_self=not include_self,
            exclude_copies=exclude_copies,
            diversity=diversity,
            group_by=group_by,
            feedback={"kept": kept, "rejected": rejected} if has_feedback else None,
        ),
        params,
        gallery_folder,
    )
    if sheet is not None:
        require_sheet_file(sheet)

    def print_out(answers: Sequence[Found]) -> None:
        if as_json:
            show_json(answers, explain=explain)
            return
        show(answers)
        if explain:
            show_how(answers)

    is_special = encoder is not None or (device, backend) != (AUTO, AUTO)
    may_ask = not (no_daemon or is_special or exact or sheet is not None)
    answers = ask_server(wish) if may_ask else None
    if answers is not None:
        print_out(answers)
        return
    # What follows takes half a second to import.
    from lookalike.cli.encoder_options import EncoderChoice
    from lookalike.cli.searching.local import search_here

    choice = EncoderChoice(encoder, device, backend) if is_special else None
    search_here(wish, print_out, choice=choice, exact=exact, sheet=sheet)


def given(**options: Any) -> dict[str, Any]:
    """Keep what was said."""
    return {name: value for name, value in options.items() if value is not None}


def require_use(params: Mapping[str, Any], *, exact: bool) -> None:
    """Refuse settings of an index that is not asked.

    Raises:
        UsageError: There are some.
    """
    names = [f"--{name.replace('_', '-')}" for name in params]
    if exact and names:
        raise UsageError(
            f"--exact compares with every picture, so that {' and '.join(names)} would change "
            "nothing: leave one of them out."
        )
