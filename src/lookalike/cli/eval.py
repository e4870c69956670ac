"""``lookalike eval``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lookalike.cli.columns import aligned
from lookalike.cli.encoder_options import EncoderChoice, backend_option, device_option
from lookalike.cli.eval_compare import compare
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import absolute, expanded, logging_options
from lookalike.cli.output import counted, note, printable, say, shown_path
from lookalike.cli.progress import step_bar
from lookalike.errors import EncoderNotFound, MissingExtra, UsageError
from lookalike.gallery import Gallery, is_gallery

if TYPE_CHECKING:
    from lookalike.encoders import Encoder
    from lookalike.evaluation.datasets import ImageSet
    from lookalike.evaluation.matrix import EvalWish

EXAMPLES = (
    ("lookalike eval ~/labelled", "A folder with a folder of pictures for each class."),
    (
        "lookalike eval photos.tar --encoders builtin,dinov2-s --index flat,auto --k 1,5,10",
        "Two encoders times two indexes.",
    ),
    (
        "lookalike eval ~/photos/.lookalike --labels product",
        "A gallery as it is, by a column of its metadata.",
    ),
    (
        "lookalike eval tiny-imagenet --index 'ivf:nlist=200,nprobe=8' --index IVF256,SQ8",
        "A known data set; indexes with settings of their own, or by a FAISS factory string.",
    ),
    (
        "lookalike eval --compare eval-a/s/builtin/flat.json eval-a/s/dinov2-s/flat.json "
        "--out moved.html",
        "Which queries one answers better than the other.",
    ),
)
# What says how to compare; everything else says what to measure.
GOES_WITH_COMPARE = frozenset(
    {"compared", "out", "metric", "as_json", "verbose", "quiet", "log_file"}
)
ERASE_LINE = "\r\x1b[2K"
# A gallery's pictures are what they are.
NOT_OF_GALLERIES = {"split": "--split", "per_class": "--per-class", "data": "--data"}


@click.command("eval", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("searched", metavar="[SET]", required=False)
@click.option(
    "--encoders",
    "encoders",
    metavar="NAMES",
    multiple=True,
    help="Encoders to measure, parted by commas: builtin, a name that 'lookalike encoders' lists, "
    "timm:NAME, a folder, onnx:FILE?size=224&... Default: a gallery's own, else builtin.",
)
@click.option(
    "--index",
    "indexes",
    metavar="NAMES",
    multiple=True,
    help="Indexes to measure each with, parted by commas: exact, flat, ivf, ivf-pq, ivf-rabitq, "
    "hnsw, with settings as in ivf:nlist=64,nprobe=8; auto, which is what 'lookalike tune' "
    "chooses; or a factory string of FAISS. Default: flat.",
)
@click.option(
    "--k",
    "ks",
    metavar="K,K",
    help="Where rankings are cut. Default: those of 1,5,10,20,50 that the set has pictures for.",
)
@click.option(
    "--labels",
    metavar="COLUMN",
    help="What says which pictures belong together: a column of the table or the gallery's "
    "metadata, or folder. Default: the set's own labels, a gallery's folders.",
)
@click.option(
    "--split",
    metavar="NAME",
    help="Search one part of the set with its own pictures, or all of it. Default: the test "
    "pictures are searched with, the training pictures in, where a set has both.",
)
@click.option(
    "--queries",
    type=WholeNumber(1),
    metavar="N",
    help="Ask only so many of the set's queries, drawn at random.",
)
@click.option(
    "--per-class",
    type=WholeNumber(2),
    metavar="N",
    help="Take at most so many pictures of each class.",
)
@click.option(
    "--ranking",
    type=click.Choice(["auto", "whole", "top"]),
    default="auto",
    show_default=True,
    help="Whether exact search ranks every picture, which average precision needs, or the first "
    "few. auto ranks all up to 250 million pairs of query and picture.",
)
@click.option(
    "--seed", type=WholeNumber(0), default=0, show_default=True, metavar="N",
    help="Of the queries that are drawn, and of the intervals.",
)  # fmt: skip
@click.option(
    "--out",
    metavar="DIR",
    help="Where results go, one file a configuration, so that an interrupted run goes on; with "
    "--compare the page to write. Default: eval-SET.",
)
@click.option(
    "--data",
    metavar="DIR",
    multiple=True,
    help="Another folder to look for the archives of known data sets in.",
)
@click.option(
    "--report/--no-report",
    "has_report",
    default=None,
    help="Write the page report.html, which needs the extra 'plot'. Default: if that is there.",
)
@click.option(
    "--compare",
    "compared",
    nargs=2,
    metavar="RESULT RESULT",
    help="Measure nothing: compare two results query by query. Each is the .json file of one "
    "configuration, or a folder that has one only.",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="With --compare: the metric that says which queries moved. Default: average precision, "
    "or the nearest to it that both results have.",
)
@click.option(
    "--fresh",
    "is_fresh",
    is_flag=True,
    help="Measure again what was measured before. Pictures are not embedded again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all results as JSON.")
@device_option
@backend_option
@logging_options
def command(
    searched: str | None,
    encoders: tuple[str, ...],
    indexes: tuple[str, ...],
    ks: str | None,
    labels: str | None,
    split: str | None,
    queries: int | None,
    per_class: int | None,
    ranking: str,
    seed: int,
    out: str | None,
    data: tuple[str, ...],
    has_report: bool | None,
    compared: tuple[str, str] | None,
    metric: str | None,
    is_fresh: bool,
    as_json: bool,
    device: str,
    backend: str,
) -> None:
    """Measure how good encoders and indexes are on pictures with labels.

    SET is a folder with a folder for each class, an archive of one, a table of
    paths and labels, a data set that 'lookalike datasets' knows, or a gallery.
    Each picture is a query once, or the set says which are; what has the
    query's label answers it.

    Every encoder is measured with every index: quality with its interval,
    what the index finds of what exact search finds, latency, memory, build
    time. Results are files; what is there is not measured again, unless with
    --fresh, so Ctrl-C is safe at any moment.
    """
    if compared is not None:
        require_alone(GOES_WITH_COMPARE, "--compare measures nothing")
        first, second = (Path(absolute(place)) for place in compared)
        compare(first, second, metric=metric, out=out, as_json=as_json)
        return
    if metric is not None:
        raise UsageError("--metric goes with --compare: a result has every metric.")
    if searched is None:
        raise UsageError(
            "Say what to measure on: a folder with a folder for each class, an archive, a table, "
            "a gallery, or a data set that 'lookalike datasets' lists."
        )
    wish = wished(encoders, indexes, ks, labels, queries, ranking, seed)
    if has_report:
        require_drawing()
    if out is not None:
        require_folder(Path(absolute(out)))
    choice = EncoderChoice(None, device, backend)
    results, folder, image_set = measure(
        searched, wish, choice, labels, split, per_class, data, out, is_fresh=is_fresh
    )
    write(results, folder, image_set, has_report=has_report)
    show(results, as_json=as_json)


def require_drawing() -> None:
    """Find out whether the page can be drawn before anything is measured."""
    from lookalike.evaluation.reports.figures import can_draw

    if not can_draw():
        raise MissingExtra("plot", "Writing the page with plots")


def wished(
    encoders: Sequence[str],
    indexes: Sequence[str],
    ks: str | None,
    labels: str | None,
    queries: int | None,
    ranking: str,
    seed: int,
) -> EvalWish:
    """Read what is asked for, before anything is loaded."""
    from lookalike.evaluation.matrix import EvalWish, parse_index, split_encoders, split_indexes

    named = [name for text in encoders for name in split_encoders(text)]
    built = [name for text in indexes for name in split_indexes(text)]
    wish = EvalWish(
        encoders=tuple(expanded(name) for name in named),
        indexes=tuple(built) or ("flat",),
        ks=cutoffs(ks),
        ranking="whole" if ranking == "whole" else "top" if ranking == "top" else "auto",
        queries=queries,
        labels=labels or "folder",
        seed=seed,
    )
    # What is misspelled is told now, and not after the encoder before it has run for an hour.
    for name in wish.indexes:
        parse_index(name)
    for name in wish.encoders:
        require_encoder(name)
    return wish


def require_encoder(name: str) -> None:
    """Refuse an encoder that has no meaning, or whose file or folder is not there.

    Raises:
        UsageError: Its name has no meaning.
        EncoderNotFound: Nothing is called that, or it is not there.
    """
    from lookalike.encoders.names import parse_name

    named = parse_name(name)
    if named.kind in {"onnx", "folder"} and not os.path.exists(named.place):
        raise EncoderNotFound(
            f"The encoder {printable(name)} is not there: {printable(named.place)} does not exist."
        )


def cutoffs(text: str | None) -> tuple[int, ...]:
    """Read numbers parted by commas."""
    if text is None:
        return ()
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise UsageError(f"--k is {text!r}: give whole numbers of at least 1, as '1,5,10'.")
    return values


def require_alone(allowed: frozenset[str], why: str) -> None:
    """Refuse options that have no meaning here.

    Raises:
        UsageError: One was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        is_given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if is_given and name not in allowed:
            shown = parameter.opts[-1] if isinstance(parameter, click.Option) else "SET"
            raise UsageError(f"{why}, but {shown} was given as well: leave one of them out.")


def require_folder(folder: Path) -> None:
    """Find out whether the folder of results can be made, before the long work.

    Nothing is made yet: a set that cannot be opened leaves nothing behind.

    Raises:
        UsageError: It, or what it would lie in, is a file, or read-only.
    """
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        reason = "it is a file" if there == folder else f"{printable(str(there))} is a file"
    else:
        reason = "" if os.access(there, os.W_OK | os.X_OK) else "it is read-only"
    if reason:
        raise UsageError(
            f"The folder {printable(str(folder))} cannot take the results ({reason}): name "
            "another with --out."
        )


def measure(
    searched: str,
    wish: EvalWish,
    choice: EncoderChoice,
    labels: str | None,
    split: str | None,
    per_class: int | None,
    data: Sequence[str],
    out: str | None,
    *,
    is_fresh: bool = False,
) -> tuple[list[dict[str, Any]], Path, ImageSet]:
    """Open the set, measure, and say what is kept if that is interrupted."""
    from lookalike.evaluation.matrix import evaluate, set_of_gallery
    from lookalike.evaluation.matrix.telling import Tally

    tally = Tally()
    finished: list[dict[str, Any]] = []
    folder: Path | None = None if out is None else Path(absolute(out))
    gallery: Gallery | None = None
    try:
        with step_bar("Evaluating") as tell:
            found = gallery_at(searched)
            if found is not None:
                require_no_choice(split=split, per_class=per_class, data=data)
                gallery = Gallery.open(found)
                image_set = set_of_gallery(gallery, wish.labels)
            else:
                image_set = opened_set(searched, labels, split, per_class, data, tell)
            folder = folder or Path(absolute(f"eval-{image_set.name}"))
            require_folder(folder)
            beside = partial(note_beside, is_drawn=tell is not None)
            for remark in image_set.remarks:
                beside(remark)
            results = evaluate(
                gallery or image_set,
                wish,
                folder=folder,
                load=lambda name: loaded(name, choice),
                say=beside,
                on_progress=tell,
                on_result=finished.append,
                tally=tally,
                is_fresh=is_fresh,
            )
    except KeyboardInterrupt:
        raise interrupted(len(finished), folder) from None
    finally:
        if gallery is not None:
            gallery.close()
    if tally.kept:
        note(tally.sentence)
    return results, folder, image_set


def note_beside(text: str, *, is_drawn: bool) -> None:
    """Print a remark in the place of the progress bar, which is drawn again below it."""
    note(f"{ERASE_LINE if is_drawn else ''}{printable(text)}")


def interrupted(finished: int, folder: Path | None) -> Interrupted:
    """Say what is safe after Ctrl-C, and how to go on."""
    if folder is None:
        return Interrupted(
            "Interrupted before anything was measured: the same command starts again."
        )
    return Interrupted(
        f"Interrupted with {counted(finished, 'result')} finished, and safe in "
        f"{shown_path(folder)} like all pictures embedded so far: the same command goes on from "
        "there."
    )


def gallery_at(searched: str) -> Path | None:
    """Take a gallery that is named itself; a folder with one inside is a folder of pictures."""
    folder = Path(absolute(searched))
    return folder if is_gallery(folder) else None


def require_no_choice(**given: object) -> None:
    """Refuse to choose among the pictures of a gallery.

    Raises:
        UsageError: It was asked for.
    """
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{NOT_OF_GALLERIES[name]} is for data sets, and SET is a gallery, of which all "
                "pictures are taken: leave it out, or name the folder or archive."
            )


def opened_set(
    searched: str,
    labels: str | None,
    split: str | None,
    per_class: int | None,
    data: Sequence[str],
    tell: Any,
) -> ImageSet:
    """Open a data set, with a progress bar while it is unpacked."""
    from lookalike.evaluation.datasets import open_set

    def heard(done: int, total: int) -> None:
        if tell is not None:
            tell("unpacking", done, total)

    return open_set(
        searched,
        data_folders=[absolute(folder) for folder in data],
        labels=labels,
        split=split,
        limit_per_class=per_class,
        on_progress=heard,
    )


def loaded(name: str, choice: EncoderChoice) -> Encoder:
    """Load one encoder where the options say."""
    return EncoderChoice(name, choice.device, choice.backend).load()


def write(
    results: list[dict[str, Any]], folder: Path, image_set: ImageSet, *, has_report: bool | None
) -> None:
    """Write what people read, and say where it is."""
    from lookalike.evaluation.matrix import write_outputs
    from lookalike.evaluation.reports.figures import can_draw

    sets = {image_set.fingerprint: image_set}
    files = write_outputs(results, folder, sets=sets, has_report=has_report)
    note(f"Results: {', '.join(shown_path(file) for file in files)}")
    if has_report is None and not can_draw():
        note("There is no page with plots: it needs pip install 'lookalike[plot]'.")


def show(results: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print all results as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(results))
        return
    from lookalike.evaluation.reports.tables import rows_of

    for line in aligned(rows_of(results)):
        say(printable(line))
