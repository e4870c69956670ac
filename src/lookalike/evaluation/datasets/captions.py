"""Captioned photographs that were published as a list of addresses: SBU Captions.

The archive holds two texts, line by line an address and its caption. The photographs
themselves are fetched one by one, as long as their owners leave them where they were.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import DatasetNotFound, DatasetUnreadable
from lookalike.evaluation.datasets.archives import members
from lookalike.evaluation.datasets.listing import Listing, digest_of
from lookalike.evaluation.datasets.preparing import FileWriter

__all__ = ["CaptionedSet", "caption_files", "is_caption_member", "prepare_captions"]

URLS = "SBU_captioned_photo_dataset_urls.txt"
CAPTIONS = "SBU_captioned_photo_dataset_captions.txt"
MAX_TEXT_BYTES = 512 * 2**20
IMAGES = "images"
FAILURES = "failures.jsonl"
METADATA = "captions.jsonl"
PER_FOLDER = 1000


def is_caption_member(name: str) -> bool:
    """Tell by its name whether a file is one of the two texts."""
    return posixpath.basename(name) in {URLS, CAPTIONS}


def caption_files(folder: Path) -> Path | None:
    """Find the folder that holds the two texts: this one, or ``dataset`` in it."""
    for place in (folder, folder / "dataset"):
        if (place / URLS).is_file() and (place / CAPTIONS).is_file():
            return place
    return None


def prepare_captions(source: Path, writer: FileWriter) -> Listing:
    """Write the two texts side by side; the photographs are fetched later.

    Raises:
        DatasetUnreadable: One is missing, or they do not fit each other.
    """
    texts: dict[str, bytes] = {}
    if source.is_dir():
        texts = {name: (source / name).read_bytes() for name in (URLS, CAPTIONS)}
    else:
        for member in members(source):
            if is_caption_member(member.name):
                texts[posixpath.basename(member.name)] = member.data(MAX_TEXT_BYTES)
    counts = {name: len(lines_of(text)) for name, text in texts.items()}
    if set(counts) != {URLS, CAPTIONS} or len(set(counts.values())) != 1 or not counts[URLS]:
        raise DatasetUnreadable(
            f"{source} does not hold one caption for each address ({counts or 'no texts'}): fetch "
            "it again."
        )
    for name, text in texts.items():
        writer.write(name, iter([text]))
    return Listing(paths=())


def lines_of(text: bytes) -> list[str]:
    """Split a text into its lines, blank ones at the end aside."""
    return text.decode("utf-8", "replace").rstrip().split("\n") if text.strip() else []


@dataclass(frozen=True, slots=True)
class CaptionedSet:
    """The list of addresses on this machine, and what was fetched of it.

    Attributes:
        root: The folder of the two texts.
    """

    root: Path

    def urls(self) -> list[str]:
        """Read the addresses."""
        return [line.strip() for line in lines_of((self.root / URLS).read_bytes())]

    def __len__(self) -> int:
        """Count the addresses."""
        return (self.root / URLS).read_bytes().rstrip().count(b"\n") + 1

    def captions(self) -> list[str]:
        """Read the captions."""
        return [line.strip() for line in lines_of((self.root / CAPTIONS).read_bytes())]

    def fetched(self) -> dict[int, tuple[str, int]]:
        """List what is here: the number of its line to path and size, in order."""
        found = {}
        for path, size in walked(self.root / IMAGES):
            number = posixpath.basename(path).partition(".")[0]
            if number.isdigit():
                found[int(number)] = f"{IMAGES}/{path}", size
        return dict(sorted(found.items()))

    def failed(self) -> dict[int, str]:
        """List what could not be fetched: the number of its line to the reason."""
        failed = {}
        for line in text_lines(self.root / FAILURES):
            try:
                facts = json.loads(line)
                failed[int(facts["number"])] = str(facts["reason"])
            except (KeyError, TypeError, ValueError):  # the last line of a killed process
                continue
        return failed

    def listing(self) -> Listing:
        """List the photographs that are here, with their captions.

        Raises:
            DatasetNotFound: None was fetched yet.
        """
        fetched = self.fetched()
        if not fetched:
            raise DatasetNotFound(
                "The list of addresses of sbu-captions is here, and none of its photographs: "
                "fetch some with lookalike datasets pull sbu-captions --images 10000."
            )
        captions = self.captions()
        sizes = [size for _, size in fetched.values()]
        here = f"{len(fetched):,} of {len(captions):,} photographs are here"
        return Listing(
            paths=tuple(path for path, _ in fetched.values()),
            captions=tuple(captions[number - 1] for number in fetched),
            content=digest_of(sizes),
            remarks=(f"{here}; {len(self.failed()):,} could not be fetched.",),
        )

    def write_metadata(self) -> Path:
        """Write the captions of what is here as a metadata file for ``lookalike index``."""
        file, captions = self.root / METADATA, self.captions()
        part = file.with_name(f".{file.name}.part")
        with part.open("w", encoding="utf-8") as lines:
            for number, (path, _) in self.fetched().items():
                facts = {"path": path, "caption": captions[number - 1]}
                lines.write(json.dumps(facts, ensure_ascii=False) + "\n")
        os.replace(part, file)
        return file


def path_of(number: int, extension: str) -> str:
    """Name a photograph after the number of its line, a thousand to a folder."""
    return f"{IMAGES}/{(number - 1) // PER_FOLDER:04}/{number:07}.{extension}"


def walked(folder: Path) -> Iterator[tuple[str, int]]:
    """Walk through the folders of photographs: path and size."""
    try:
        inner = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        return
    for name in inner:
        for entry in os.scandir(folder / name):
            if not entry.name.startswith("."):
                yield f"{name}/{entry.name}", entry.stat().st_size


def text_lines(file: Path) -> list[str]:
    """Read lines; none where there is no file."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
