"""What an update did, laid out for people."""

from __future__ import annotations

from lookalike.cli.output import bare_reason, counted, is_quiet, printable, say, shown_path
from lookalike.gallery import Gallery
from lookalike.ingest import UpdateReport

__all__ = ["show"]

SHOWN_FAILURES = 5
COUNTS = ("added", "changed", "renamed", "forgotten", "unchanged")


def show(
    done: UpdateReport, gallery: Gallery, report: str | None, *, metadata_rows: int = 0
) -> None:
    """Print the summary, unless -q was given.

    Args:
        done: What was done.
        gallery: Where to.
        metadata_rows: How many rows the metadata file has, if there is one.
        report: The file that lists what was skipped, if there is one.
    """
    if is_quiet():
        return
    say(f"{counted(len(gallery), 'picture')} in {shown_path(gallery.path)}")
    show_counts(done)
    if metadata_rows and not done.described:
        say(
            f"  none of the {counted(metadata_rows, 'row')} of the metadata file names a picture: "
            "name them by file name, or by the path below the source"
        )
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
