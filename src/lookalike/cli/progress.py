"""The progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lookalike.cli.options import is_quiet
from lookalike.ingest import Progress

__all__ = ["progress_bar"]

REFRESH_SECONDS = 0.1


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None] | None]:
    """Show pictures done, pictures a second, time to go and the slowest stage.

    Yields:
        The listener for ``add_images``; None with -q or where nobody watches.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[bottleneck]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="", bottleneck="")
        shown = 0.0

        def show(progress: Progress) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown < REFRESH_SECONDS and progress.done < progress.total:
                return
            shown = now
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                rate=f"{progress.rate:.0f} pictures/s",
                bottleneck=f"busiest: {progress.bottleneck}",
            )

        yield show
