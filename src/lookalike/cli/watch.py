"""``lookalike watch``."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from lookalike.cli.encoder_options import EncoderChoice
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.fresh_index import freshen_index
from lookalike.cli.index import checked_files, opened_at, run
from lookalike.cli.index_summary import show
from lookalike.cli.options import gallery_option, logging_options
from lookalike.cli.output import bare_reason, counted, note, printable, say, shown_path
from lookalike.cli.quantities import DURATION, PERIOD
from lookalike.cli.update_options import update_options
from lookalike.encoders import Encoder
from lookalike.errors import GalleryLocked, NoImagesFound, SourceNotFound
from lookalike.gallery import Gallery, SourceRecord
from lookalike.gallery.locations import source_at
from lookalike.images import Source, open_source
from lookalike.ingest import (
    FileChange,
    MetadataTable,
    SkippedFile,
    UpdateReport,
    Watcher,
)
from lookalike.ingest.updating import refuse_overlap
from lookalike.ingest.watching.notices import require_watchfiles

logger = logging.getLogger(__name__)

EXAMPLES = (
    ("lookalike watch ~/photos", "A folder with all its folders, until Ctrl-C."),
    ("lookalike watch", "All sources of the gallery here."),
    (
        "lookalike watch /mnt/nas/photos --gallery ~/nas.gallery --poll --rescan 5m",
        "A network drive, of whose changes the system tells nothing.",
    ),
)

# More changes within some seconds are summed up.
SHOWN_CHANGES = 20
SHOWN_WITHIN_S = 5.0
SHOWN_FAILURES = 5
# The index is looked after when so many pictures came.
FRESHEN_AFTER = 20_000
RESCAN_S = 60.0
SETTLE_S = 0.5


@click.command("watch", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("source", metavar="[FOLDER]", required=False)
@gallery_option
@click.option(
    "--rescan",
    "rescan_s",
    type=PERIOD,
    default=f"{RESCAN_S:g}s",
    show_default=True,
    metavar="TIME",
    help="How often to look for what the system did not tell: 30s, 5m.",
)
@click.option(
    "--settle",
    "settle_s",
    type=DURATION,
    default=f"{SETTLE_S * 1000:g}ms",
    show_default=True,
    metavar="TIME",
    help="A file is taken when its size and date have not changed for this long.",
)
@click.option(
    "--poll",
    "polls",
    is_flag=True,
    help="Only look, every --rescan: for network drives, whose changes nobody tells.",
)
@update_options
@logging_options
def command(
    source: str | None,
    gallery_folder: str | None,
    rescan_s: float,
    settle_s: float,
    polls: bool,
    wanted: EncoderChoice,
    dtype: str | None,
    metadata_file: str | None,
    report: str | None,
    threads: int | None,
) -> None:
    """Keep a gallery up to date while files come, change, move and go.

    FOLDER, or any source that 'lookalike index' takes, is first brought up to
    date, in a gallery that is made where there is none. Then each change is
    printed on a line, as soon as it can be found by a search. Without FOLDER
    all sources of the gallery are watched.

    Half-written files wait until they are complete. A folder that goes away,
    as an unplugged drive does, is not taken for a deletion. Ctrl-C ends it.
    """
    if not polls:
        require_watchfiles()
    place = open_source(source) if source is not None else None
    metadata = checked_files(metadata_file, report)
    at_source = opened_at(place, gallery_folder, wanted, dtype=dtype, threads=threads)
    with at_source as (gallery, encoder):
        catch_up(gallery, place, encoder, metadata, report)
        teller = Teller(gallery)
        watcher = Watcher(
            gallery,
            encoder,
            metadata=metadata,
            on_report=teller.tell,
            on_problem=tell_problem,
            rescan_s=rescan_s,
            settle_s=settle_s,
            polls=polls,
            watches=only(gallery, place),
        )
        with stopped_by_signals() as stop:
            first = "" if len(gallery) else " for the first picture"
            say(f"Watching {shown_source(gallery, place)}{first}; Ctrl-C ends it.")
            watcher.run(stop)
        say(f"Stopped with {counted(len(gallery), 'picture')} in {shown_path(gallery.path)}.")


def catch_up(
    gallery: Gallery,
    place: Source | None,
    encoder: Encoder,
    metadata: MetadataTable | None,
    report: str | None,
) -> None:
    """Bring the gallery up to date as ``lookalike index`` does; what is not there may still come.

    What is wrong with a source is not told: the watcher will.

    Raises:
        NoImagesFound: The gallery has no source to watch.
    """
    try:
        location = None if place is None else spelled(place)
        show(run(gallery, location, encoder, metadata, report), gallery, report, metadata=metadata)
        freshen_index(gallery)
    except (NoImagesFound, SourceNotFound):
        if place is None and not gallery.sources():
            raise
        if place is not None:
            with gallery.writer() as writer:
                refuse_overlap(gallery, place)
                writer.add_source(place.kind, place.location)
    except GalleryLocked as error:
        if place is not None and of_place(gallery, place) is None:
            raise
        note(f"lookalike: {printable(str(error))}")


def spelled(place: Source) -> str:
    """Write a source so that ``open_source`` reads the same again."""
    return f"@{place.location}" if place.kind == "list" else place.location


def of_place(gallery: Gallery, place: Source) -> SourceRecord | None:
    """Find the source of a place in a gallery, whatever links lead to it."""
    return source_at(gallery.sources(), kind=place.kind, location=place.location)


def only(gallery: Gallery, place: Source | None) -> Callable[[SourceRecord], bool]:
    """Choose the sources to watch: the one that was named, or all."""
    if place is None:
        return lambda record: True
    named = of_place(gallery, place)
    wanted = None if named is None else named.source_id
    return lambda record: record.source_id == wanted


def shown_source(gallery: Gallery, place: Source | None) -> str:
    """Name what is watched."""
    if place is not None:
        return shown_path(place.location)
    sources = gallery.sources()
    if len(sources) == 1:
        return shown_path(sources[0].location)
    return counted(len(sources), "source")


class Teller:
    """Prints what each update did, and keeps the index fresh.

    Args:
        gallery: Whose.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._new = 0
        self._told: deque[float] = deque(maxlen=SHOWN_CHANGES)

    def tell(self, report: UpdateReport) -> None:
        """Print a line for each change; many are summed up."""
        now = clock()
        if len(report.changes) > 1 and self._are_many(len(report.changes)):
            say(f"{now}  {summed_up(report)}")
        else:
            for change in report.changes:
                say(f"{now}  {line_of(change)}")
        self._told.extend([time.monotonic()] * len(report.changes))
        tell_skipped(now, report.skipped)
        self._new += report.embedded
        if self._new >= FRESHEN_AFTER:
            self._new = 0
            freshen_index(self._gallery)

    def _are_many(self, count: int) -> bool:
        """Tell whether so many changes are too many for a line each, with those before."""
        since = time.monotonic() - SHOWN_WITHIN_S
        return count + sum(told > since for told in self._told) > SHOWN_CHANGES


def clock() -> str:
    """Write the time as the lines begin."""
    return time.strftime("%H:%M:%S")


def tell_problem(sentence: str) -> None:
    """Say what does not stop the watching, also with -q, and keep it in the log."""
    logger.warning("%s", sentence.rstrip("."), extra={"is_told": True})
    click.echo(f"{clock()}  {printable(sentence)}", err=True)


def line_of(change: FileChange) -> str:
    """Describe one change."""
    path = shown_path(change.path)
    if change.before is not None:
        path = f"{shown_path(change.before)} -> {path}"
    return f"{change.what:<7}  {path}"


def summed_up(report: UpdateReport) -> str:
    """Count what happened."""
    counts = Counter(change.what for change in report.changes)
    told = ", ".join(
        f"{counts[what]:,} {what}"
        for what in ("added", "changed", "renamed", "removed")
        if counts[what]
    )
    return f"{told} in {report.elapsed_s:.1f} s"


def tell_skipped(now: str, skipped: tuple[SkippedFile, ...]) -> None:
    """Warn of files that could not be used."""
    for item in skipped[:SHOWN_FAILURES]:
        note(f"{now}  skipped  {shown_path(item.path)}: {printable(bare_reason(item.reason))}")
    if len(skipped) > SHOWN_FAILURES:
        note(f"{now}  skipped  {counted(len(skipped) - SHOWN_FAILURES, 'more file')}")


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM end the watching in good order; the second one ends it at once.

    Yields:
        The event that says so.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in stopping_signals()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopping_signals() -> tuple[signal.Signals, ...]:
    """List the signals that end the watching; none where only the main thread may set them."""
    if threading.current_thread() is not threading.main_thread():
        return ()
    return (signal.SIGINT, signal.SIGTERM)
