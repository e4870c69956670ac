"""What a run is asked for, and what it says of itself as it goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import MissingExtra
from lookalike.evaluation.datasets.listing import digest_of
from lookalike.evaluation.matrix.names import slug
from lookalike.evaluation.matrix.places import short_encoder_name
from lookalike.evaluation.matrix.telling import Tally
from lookalike.evaluation.reports.figures import can_draw
from lookalike.evaluation.reproducing.systems import Scale, System
from lookalike.evaluation.writing import kept

__all__ = [
    "Listener",
    "Means",
    "ReproduceWish",
    "Say",
    "file_name",
    "job_folder",
]

Say = Callable[[str], None]
Listener = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ReproduceWish:
    """How an experiment is to be run.

    Attributes:
        is_small: Whether a few minutes have to do.
        data_folders: Where archives of data sets may lie, besides the usual folder.
        encoders: Names to take in place of the system's own; empty for those.
        load: Loads an encoder by name.
        seed: Of everything drawn at random.
        is_fresh: Whether results of before do not count.
    """

    is_small: bool = False
    data_folders: tuple[Path, ...] = ()
    encoders: tuple[str, ...] = ()
    load: Callable[[str], Encoder] = load_encoder
    seed: int = 0
    is_fresh: bool = False


@dataclass(slots=True)
class Means:
    """With what one run is done, and what it says of that.

    Attributes:
        system: Whose experiment.
        wish: How it is to be run.
        folder: Where its files go.
        say: Told a line of text as the run goes on.
        tell: Told of what is done, and how much of how much.
        remarks: What stood in for what, one sentence each, in the order it came up.
        left_out: What could not be done for want of a library, and which extra brings it.
        tally: How many results were there already.
    """

    system: System
    wish: ReproduceWish
    folder: Path
    say: Say = lambda text: None
    tell: Listener = lambda what, done, total: None
    remarks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def scale(self) -> Scale:
        """How much is run."""
        return self.system.small if self.wish.is_small else self.system.whole

    def remark(self, sentence: str) -> None:
        """Note a sentence once, and say it."""
        if sentence not in self.remarks:
            self.remarks.append(sentence)
            self.say(sentence)

    def leave_out(self, error: MissingExtra) -> None:
        """Note once what cannot be done here."""
        if str(error) not in self.left_out:
            self.left_out.append(str(error))
            self.say(str(error))

    def kept(
        self,
        file: Path,
        facts: dict[str, Any],
        measure: Callable[[], Any],
        *,
        folder: Path | None = None,
    ) -> Any:
        """Read a result of the same facts, or measure it, and count which of the two it was.

        Args:
            file: Where it is kept.
            facts: What it depends on.
            measure: Measures it.
            folder: What else was made for it, and goes where all is measured again.
        """
        if self.wish.is_fresh:
            file.unlink(missing_ok=True)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        is_kept = True

        def measured() -> Any:
            nonlocal is_kept
            is_kept = False
            return measure()

        result = kept(file, facts, measured)
        self.tally.add(is_kept=is_kept)
        return result

    def written(self, title: str, name: str, write: Callable[[Path], object]) -> dict[str, Path]:
        """Write a plot or a page, unless what draws it is not installed.

        Returns:
            The file by its title; nothing where it was left out.
        """
        file = self.folder / name
        try:
            if not can_draw():
                raise MissingExtra("plot", "Drawing plots and the report")
            write(file)
        except MissingExtra as error:
            self.leave_out(error)
            return {}
        return {title: file}


def file_name(encoder: Encoder) -> str:
    """Name files after an encoder: short, and unlike those of its other forms."""
    name = encoder.card.name
    short = slug(short_encoder_name(name))
    return f"{short}-{encoder.space.fingerprint[:8]}" if "?" in name else short


def job_folder(means: Means, encoder: Encoder, facts: Mapping[str, Any]) -> Path:
    """Name the folder of a job after its facts.

    A gallery that another device made would bring the times of that device along.
    """
    return (
        means.folder / f"{file_name(encoder)}-{digest_of([json.dumps(facts, sort_keys=True)])[:8]}"
    )
