"""``lookalike datasets``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import logging_options
from lookalike.cli.output import counted, note, printable, say, shown_path
from lookalike.cli.progress import counting_bar, late_bar
from lookalike.errors import UsageError
from lookalike.evaluation.datasets import datasets_folder
from lookalike.evaluation.datasets.captions import CaptionedSet
from lookalike.evaluation.datasets.checking import Checked, PartCount, check_set, states
from lookalike.evaluation.datasets.fetching import fetch_photographs
from lookalike.evaluation.datasets.forms import CAPTIONS
from lookalike.evaluation.datasets.known import KnownSet, known_set, known_sets
from lookalike.evaluation.datasets.published import prepare_known, prepared_known
from lookalike.evaluation.datasets.pulling import pull_files
from lookalike.evaluation.datasets.rendered import RENDERED

HEADINGS = ("name", "searched in", "searched with", "classes", "picture", "MB", "licence", "here")
# What is a number stands to the right.
RIGHT = {"searched in", "searched with", "classes", "MB"}

data_option = click.option(
    "--data",
    "data_folders",
    metavar="DIR",
    multiple=True,
    help="Look for published files here too; can be given more than once.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line instead."
)


@click.group("datasets", invoke_without_command=True)
@json_option
@logging_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the data sets that are known by name, and which of them are here.

    Every command that takes a data set also takes a folder that has a folder
    of pictures for each class, an archive of one, a table (CSV, TSV, JSON
    lines, Parquet) with the columns path and label, or hf:NAME[:SPLIT].
    """
    if ctx.invoked_subcommand is None:
        show_list(as_json=as_json)


@command.command("list", short_help="List the data sets that are known by name.")
@json_option
@logging_options
def list_(as_json: bool) -> None:
    """List the data sets that are known by name, and which of them are here."""
    show_list(as_json=as_json)


@command.command(
    "pull",
    cls=ExampleCommand,
    examples=(
        ("lookalike datasets pull cifar-10", "Fetch it, compare it, unpack it."),
        ("lookalike datasets pull sbu-captions --images 10000", "And the first photographs."),
    ),
)
@click.argument("name")
@click.option(
    "--images",
    "images",
    type=WholeNumber(1),
    metavar="N",
    help="Of sbu-captions: fetch the photographs of the first N addresses. Default: all.",
)
@click.option(
    "--retry",
    is_flag=True,
    help="Of sbu-captions: try again the photographs that could not be fetched before.",
)
@logging_options
def pull(name: str, images: int | None, retry: bool) -> None:
    """Bring a data set to this machine.

    An interrupted pull goes on where it stopped; each file is compared with
    what was published. Where its address cannot be reached, the message says
    what to fetch by other means and where to put it.
    """
    known = required(name)
    if known.form != CAPTIONS and (images or retry):
        raise UsageError(
            f"--images and --retry were given for {known.name}: only the photographs of "
            "sbu-captions are fetched one by one; leave them out."
        )
    try:
        if prepared_known(known) is None:
            with counting_bar(f"Pulling {known.name}") as tell:
                pull_files(known, on_progress=tell)
        with late_bar(f"Unpacking {known.name}") as show:
            found = prepare_known(known, on_progress=show)
        if known.form == CAPTIONS:
            fetch_captioned(CaptionedSet(found.root), images, retry=retry)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted while pulling {known.name}: the same command goes on where it stopped."
        ) from None
    say(f"{known.name} is ready in {shown_path(found.root)}")


def fetch_captioned(captioned: CaptionedSet, images: int | None, *, retry: bool) -> None:
    """Fetch photographs and say what came of it."""
    with counting_bar("Fetching photographs") as tell:
        came = fetch_photographs(captioned, count=images, retry=retry, on_progress=tell)
    say(
        f"{came.here:,} of {came.of:,} photographs are here; {came.failed:,} could not be fetched "
        f"({shown_path(captioned.root / 'failures.jsonl')})"
    )


@command.command(
    "check",
    cls=ExampleCommand,
    examples=(
        ("lookalike datasets check cifar-10", "Count it, and compare with what was published."),
        ("lookalike datasets check ~/labelled", "Count the classes of a folder."),
    ),
)
@click.argument("locations", nargs=-1, required=True, metavar="SET...")
@data_option
@json_option
@logging_options
def check(locations: tuple[str, ...], data_folders: tuple[str, ...], as_json: bool) -> None:
    """Count what a data set holds: pictures, parts, classes.

    A set that is opened by its name is compared with what was published, by
    checksum and by count. Anything else is only counted.
    """
    for location in locations:
        with late_bar(f"Unpacking {printable(location)}") as show:
            found = check_set(location, data_folders=data_folders, on_progress=show)
        if as_json:
            click.echo(json.dumps(asdict(found) | {"root": str(found.root)}))
        else:
            click.echo(as_text(found))


def required(name: str) -> KnownSet:
    """Find a known set, or say which there are."""
    known = known_set(name)
    if known is None:
        why = "is drawn by lookalike itself" if name == RENDERED else "is not known by that name"
        raise UsageError(
            f"The data set {name!r} {why}, so there is nothing to pull: the ones that can be "
            f"pulled are {', '.join(known_sets())}."
        )
    return known


def show_list(*, as_json: bool) -> None:
    """Print every known set on a line of its own."""
    here = states()
    if as_json:
        for name, known in known_sets().items():
            click.echo(json.dumps(asdict(known) | {"state": here[name]}))
        return
    rows = [HEADINGS, *(as_row(known, here[name]) for name, known in known_sets().items())]
    rows.append((RENDERED, "720", "720", "24", "drawn", "", "Apache-2.0", "always"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [
            cell.rjust(width) if heading in RIGHT else cell.ljust(width)
            for cell, width, heading in zip(row, widths, HEADINGS, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
    note(f"Published files are kept in {shown_path(datasets_folder())}.")


def as_row(known: KnownSet, state: str) -> tuple[str, ...]:
    """Lay one set out."""
    counts = list(known.parts.values())
    return (
        known.name,
        f"{counts[0]:,}",
        f"{counts[-1]:,}",
        str(next(iter(known.classes.values()), "")),
        known.picture,
        f"{known.size / 1e6:,.0f}" if known.size else "",
        known.licence,
        state,
    )


def as_text(found: Checked) -> str:
    """Lay a counted set out for people."""
    lines = [f"{printable(found.name)}  ({shown_path(found.root)})"]
    lines += [f"  {part_text(part)}" for part in found.parts]
    if len(found.columns) > 1:
        labels = ", ".join(f"{printable(name)} ({n:,})" for name, n in found.columns.items())
        lines.append(f"  labels: {labels}")
    lines.append(f"  first picture {found.picture}, {found.size_bytes / 1e6:,.1f} MB in all")
    lines += [f"  {printable(remark)}" for remark in found.remarks]
    if found.known:
        lines.append("  as published")
    return "\n".join(lines)


def part_text(part: PartCount) -> str:
    """Write one part."""
    name = f"{part.split}: " if part.split else ""
    text = f"{name}{counted(part.pictures, 'picture')}"
    if not part.classes:
        return text
    spread = f"{part.smallest:,}" if part.smallest == part.largest else (
        f"{part.smallest:,} to {part.largest:,}"
    )  # fmt: skip
    return f"{text} of {counted(part.classes, 'class', 'classes')}, {spread} each"
