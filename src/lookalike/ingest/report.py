"""What an update did."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.errors import UsageError

__all__ = ["FileChange", "SkippedFile", "UpdateReport", "write_skipped"]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that could not be used.

    Attributes:
        path: Absolute path.
        reason: Why, in a sentence.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """What became of one file.

    Attributes:
        what: ``"added"``, ``"changed"``, ``"renamed"`` or ``"removed"``.
        path: Absolute path.
        image_id: Of its image, which a removed file has no longer.
        before: The absolute path that a renamed file had.
        is_copy: Whether its bytes were known already, so that it was not embedded.
    """

    what: str
    path: str
    image_id: int
    before: str | None = None
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What an update did, added up over its sources.

    Attributes:
        added: Pictures that were new.
        changed: Pictures whose bytes were not what they had been.
        renamed: Pictures found under another name by their content.
        forgotten: Pictures whose files are gone.
        unchanged: Pictures that were as they had been.
        embedded: How many of the added and changed went through the encoder.
        copies: How many of them did not: their bytes were known already.
        skipped: Files that could not be used, those of earlier runs included.
        described: Pictures that the metadata file had a row for.
        named: What its rows that name a picture call it.
        ambiguous: Bare file names in it that several pictures have, with their
            paths in the source: they describe none of them.
        elapsed_s: Seconds from start to end.
        stage_seconds: Busy seconds of scan, read, decode, encode and write, each
            added over its threads.
        bottleneck: The stage whose threads were busiest.
        changes: What became of each file, where single paths were updated; an update
            of whole sources only counts.
    """

    added: int = 0
    changed: int = 0
    renamed: int = 0
    forgotten: int = 0
    unchanged: int = 0
    embedded: int = 0
    copies: int = 0
    described: int = 0
    named: frozenset[str] = frozenset()
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: tuple[SkippedFile, ...] = ()
    elapsed_s: float = 0.0
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    bottleneck: str = ""
    changes: tuple[FileChange, ...] = ()

    def __add__(self, other: UpdateReport) -> UpdateReport:
        """Add up the reports of two sources."""
        stages = {
            name: self.stage_seconds.get(name, 0.0) + other.stage_seconds.get(name, 0.0)
            for name in {**self.stage_seconds, **other.stage_seconds}
        }
        return UpdateReport(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            renamed=self.renamed + other.renamed,
            forgotten=self.forgotten + other.forgotten,
            unchanged=self.unchanged + other.unchanged,
            embedded=self.embedded + other.embedded,
            copies=self.copies + other.copies,
            described=self.described + other.described,
            named=self.named | other.named,
            ambiguous={**self.ambiguous, **other.ambiguous},
            skipped=self.skipped + other.skipped,
            elapsed_s=self.elapsed_s + other.elapsed_s,
            stage_seconds=stages,
            bottleneck=max((self, other), key=lambda report: report.elapsed_s).bottleneck,
            changes=self.changes + other.changes,
        )


def write_skipped(skipped: tuple[SkippedFile, ...], file: str | os.PathLike[str]) -> None:
    """Write skipped files and their reasons as CSV.

    Bytes of a path that are not UTF-8 are written as they are on disk.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        with Path(file).open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["path", "reason"])
            writer.writerows((item.path, item.reason) for item in skipped)
    except OSError as error:
        raise UsageError(f"The report {file} cannot be written: {error.strerror}.") from error
