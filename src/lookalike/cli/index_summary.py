"""What an update did, laid out for people."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.cli.output import bare_reason, counted, is_quiet, printable, say, shown_path
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, UpdateReport

__all__ = ["show"]

SHOWN_FAILURES = 5
SHOWN_PLACES = 3
COUNTS = ("added", "changed", "renamed", "forgotten", "unchanged")


def show(
    done: UpdateReport,
    gallery: Gallery,
    report: str | None,
    *,
    metadata: MetadataTable | None = None,
) -> None:
    """Print the summary, unless -q was given.

    Args:
        done: What was done.
        gallery: Where to.
        report: The file that lists what was skipped, if there is one.
        metadata: The metadata file, if there is one.
    """
    if is_quiet():
        return
    say(f"{counted(len(gallery), 'picture')} in {shown_path(gallery.path)}")
    show_counts(done)
    if metadata is not None:
        show_metadata(done, metadata)
    show_skipped(done, report)
    if done.embedded:
        show_times(done)


def show_counts(done: UpdateReport) -> None:
    """Print the five counts below each other, and what else is known of them."""
    width = max(len(f"{getattr(done, name):,}") for name in COUNTS)
    for name in COUNTS:
        say(f"  {name:<9}  {getattr(done, name):{width},}")
    if done.copies:
        say(f"  {counted(done.copies, 'exact copy', 'exact copies')} not embedded again")
    if done.described:
        say(f"  {counted(done.described, 'picture')} described by the metadata file")


def show_metadata(done: UpdateReport, metadata: MetadataTable) -> None:
    """Print which rows of the metadata file describe no picture, and which names it repeats."""
    found = done.named | done.ambiguous.keys()
    missing = [name for name in metadata if name not in found]
    if missing and len(missing) == len(metadata):
        say(
            f"  none of the {counted(len(metadata), 'row')} of the metadata file names a picture: "
            f"name them by file name, or by the path below the source (the first names "
            f"{printable(missing[0])})"
        )
    elif missing:
        rows = counted(len(missing), "row")
        say(f"  {rows} of the metadata file without a picture: {first_of(missing)}")
    for_none = list(done.ambiguous)
    if for_none:
        paths = ", ".join(map(printable, done.ambiguous[for_none[0]][:SHOWN_PLACES]))
        say(
            f"  {counted(len(for_none), 'row')} left out, for several pictures have that file "
            f"name: {first_of(for_none)} ({paths}); write the path below the source"
        )
    if metadata.repeated:
        say(
            f"  {counted(len(metadata.repeated), 'name')} more than once in the metadata file, "
            f"the last row counts: {first_of(metadata.repeated)}"
        )


def first_of(names: Sequence[str]) -> str:
    """Show the first of some names, and that there are more."""
    return printable(names[0]) + (", ..." if len(names) > 1 else "")


def show_skipped(done: UpdateReport, report: str | None) -> None:
    """Print how many files were skipped, and the first of them with their reasons."""
    if not done.skipped:
        return
    listed = f": {shown_path(report)} lists them" if report else ":"
    say(f"  skipped {counted(len(done.skipped), 'file')}{listed}")
    if report:
        return
    for item in done.skipped[:SHOWN_FAILURES]:
        say(f"    {shown_path(item.path)}")
        say(f"      {printable(bare_reason(item.reason))}")
    if len(done.skipped) > SHOWN_FAILURES:
        say(f"    and {len(done.skipped) - SHOWN_FAILURES:,} more: --report FILE lists all")


def show_times(done: UpdateReport) -> None:
    """Print the rate, and where the time went."""
    rate = done.embedded / done.elapsed_s
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in done.stage_seconds.items())
    say(f"  {done.elapsed_s:.1f} s, {rate:,.0f} pictures/s; bottleneck: {done.bottleneck}")
    say(f"  seconds per stage, all threads together: {stages}")
