"""Running one system's experiment from end to end."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from lookalike.errors import UsageError
from lookalike.evaluation.reproducing.means import Listener, Means, ReproduceWish, Say
from lookalike.evaluation.reproducing.outcome import (
    Outcome,
    Reproduction,
    write_reproduction,
)
from lookalike.evaluation.reproducing.published import published
from lookalike.evaluation.reproducing.systems import system_of

__all__ = ["reproduce"]

# Each experiment's module and function; only the one asked for is imported.
EXPERIMENTS = {
    "A": ("precision", "compare_encoders"),
    "B": ("strategies", "compare_strategies"),
    "C": ("folder", "index_folder"),
    "D": ("shards", "merge_shards"),
    "E": ("clusters", "search_and_cluster"),
}


def reproduce(
    letter: str,
    wish: ReproduceWish | None = None,
    *,
    folder: Path,
    say: Say = lambda text: None,
    on_progress: Listener | None = None,
) -> Reproduction:
    """Run the experiment of one system on whatever of its data and encoders is here.

    Everything that takes long is kept in the folder, so that an interrupted run goes
    on, and a finished one is told again in seconds.

    Args:
        letter: A to E.
        wish: How; None for in full, with the system's own encoders.
        folder: Where to; the system gets a folder of its letter inside.
        say: Called with a line of text as the run goes on.
        on_progress: Called with what is done, how much, and of how much.

    Returns:
        What was found; ``table.md``, ``results.json`` and plots are written.

    Raises:
        UsageError: There is no such system.
        DatasetError: Neither its data nor a stand-in can be read.
        EncoderError: An encoder that the wish names cannot be used.
        MissingExtra: An encoder that the wish names needs a library that is not installed.
    """
    system = system_of(letter)
    known = published(system.letter)
    place = folder / system.letter
    make_folder(place)
    wish = wish or ReproduceWish()
    means = Means(system, wish, place, say, on_progress or (lambda what, done, total: None))
    outcome = experiment(system.letter)(means)
    found = Reproduction(
        system, wish.is_small, tuple(means.remarks), tuple(means.left_out), known, outcome, place
    )
    write_reproduction(found)
    if means.tally.kept:
        say(means.tally.sentence)
    return found


def make_folder(place: Path) -> None:
    """Make the folder of an experiment.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {place} cannot be made ({error.strerror}): name another one."
        ) from error


def experiment(letter: str) -> Callable[[Means], Outcome]:
    """Import an experiment."""
    module, function = EXPERIMENTS[letter]
    found: Callable[[Means], Outcome] = getattr(
        import_module(f"lookalike.evaluation.reproducing.{module}"), function
    )
    return found
