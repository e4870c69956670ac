"""The progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from lookalike.cli.output import is_quiet

if TYPE_CHECKING:
    from lookalike.ingest import Progress

__all__ = ["counting_bar", "late_bar", "progress_bar", "step_bar"]

REFRESH_S = 0.1


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None] | None]:
    """Show pictures done, pictures a second, time to go and the slowest stage.

    The bar is gone when the block ends, however it ends.

    Yields:
        The listener for ``add_images``; None with -q or where nobody watches.
    """
    with bar(title, "looking for pictures") as update:
        if update is None:
            yield None
            return

        def show(progress: Progress) -> None:
            update(
                progress.done,
                progress.total,
                f"{progress.rate:,.0f} pictures/s",
                f"bottleneck: {progress.bottleneck}" if progress.done else "",
            )

        yield show


@contextmanager
def counting_bar(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many of how many are done.

    Yields:
        The listener; None with -q or where nobody watches.
    """
    with bar(title, "") as update:
        if update is None:
            yield None
        else:
            yield lambda done, total: update(done, total, "", "")


@contextmanager
def late_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done, as soon as there is something to be done.

    Yields:
        The listener.
    """
    with ExitStack() as opened:
        shown: list[Callable[[int, int], None] | None] = []

        def show(done: int, total: int) -> None:
            if not shown and done < total:
                shown.append(opened.enter_context(counting_bar(title)))
            if shown and shown[0]:
                shown[0](done, total)

        yield show


@contextmanager
def step_bar(title: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show what is being done, and how many of how many are done.

    Yields:
        The listener; None with -q or where nobody watches.
    """
    with bar(title, "") as update:
        if update is None:
            yield None
        else:
            yield lambda step, done, total: update(done, total, "", step)


@contextmanager
def bar(title: str, waiting: str) -> Iterator[Callable[[int, int, str, str], None] | None]:
    """Draw a bar on standard error, a few times a second.

    Args:
        title: What is done.
        waiting: Shown until the first number is known.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[remark]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(title, total=None, counts=waiting, remark="")
        shown = 0.0

        def update(done: int, total: int, rate: str, remark: str) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown < REFRESH_S and done < total:
                return
            shown = now
            counts = f"{done:,}/{total:,} {rate}".rstrip() if total else rate
            drawn.update(task, completed=done, total=total or None, counts=counts, remark=remark)

        yield update
