"""The forms in which sets are published, and how each becomes files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from lookalike.encoders.weights.digests import file_digest
from lookalike.evaluation.datasets.archives import Member, is_archive, members
from lookalike.evaluation.datasets.captions import (
    caption_files,
    is_caption_member,
    prepare_captions,
)
from lookalike.evaluation.datasets.cifar import is_cifar_member, prepare_cifar
from lookalike.evaluation.datasets.idx import idx_files, prepare_idx
from lookalike.evaluation.datasets.listing import Listing, digest_of
from lookalike.evaluation.datasets.preparing import (
    VERSION,
    FileWriter,
    Prepared,
    Progress,
    prepared,
    prepared_before,
)
from lookalike.evaluation.datasets.revisited import gnd_files, prepare_revisited
from lookalike.evaluation.datasets.unpacking import unpack
from lookalike.images.sources import is_picture_name

__all__ = ["CAPTIONS", "form_of", "prepare_files", "unpacked_before"]

PICTURES, CIFAR, IDX, REVISITED, CAPTIONS = "pictures", "cifar", "idx", "revisited", "captions"


def form_of(place: Path) -> tuple[str, list[Path]]:
    """Recognise what lies at a place.

    Returns:
        The form and the files to make it of; the form is empty for a folder of pictures,
        which is used as it is.

    Raises:
        DatasetUnreadable: An archive is damaged.
        DatasetNotFound: A part of the set is missing.
    """
    if place.is_file() and is_archive(place):
        return form_of_archive(place), [place]
    folder = place if place.is_dir() else place.parent
    if found := idx_files(place):
        return IDX, found
    if place.suffix == ".pkl" or place.is_dir():
        judgements = [place] if place.is_file() else gnd_files(folder)
        if judgements:
            packed = [file for file in sorted(folder.iterdir()) if is_archive(file)]
            return REVISITED, [judgements[0], *packed, folder]
    if place.is_dir() and (texts := caption_files(place)):
        return CAPTIONS, [texts]
    if place.is_dir() and any(is_cifar_member(member.name) for member in folder_members(place)):
        return CIFAR, [place]
    return "", [place]


def form_of_archive(archive: Path) -> str:
    """Recognise an archive by the first of its files that says something."""
    for member in members(archive):
        if is_cifar_member(member.name):
            return CIFAR
        if is_caption_member(member.name):
            return CAPTIONS
        if is_picture_name(member.name):
            return PICTURES
    return PICTURES


def folder_members(folder: Path) -> Iterator[Member]:
    """List the files of a folder, and of the folders in it, as an archive's are listed."""
    for inner in (folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())):
        if inner != folder and not inner.name.startswith("cifar-"):
            continue
        for file in sorted(entry for entry in inner.iterdir() if entry.is_file()):
            name = f"{inner.name}/{file.name}"
            yield Member(name, file.stat().st_size, str(folder), opener_of(file))


def opener_of(file: Path) -> Callable[[], IO[bytes]]:
    """Make what opens a file."""
    return lambda: file.open("rb")


def prepare_files(
    form: str,
    name: str,
    files: Sequence[Path],
    *,
    class_names: Sequence[str] = (),
    checksums: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
) -> Prepared:
    """Turn published files into picture files, or find that done.

    Args:
        form: As :func:`form_of` names it.
        name: Of the set.
        files: What it was published as.
        class_names: Of class numbers, where the files do not name them.
        checksums: Of the files, where they were compared with what was published.
        on_progress: Told how much of how much is done.

    Raises:
        DatasetError: The files are damaged, or cannot be written.
        UsageError: There are no labelled pictures in them.
        StorageFull: There is no room.
    """
    writers: dict[str, Callable[[FileWriter], Listing]] = {
        PICTURES: lambda writer: unpack(files[0], writer, on_progress),
        CIFAR: lambda writer: prepare_cifar(files[0], cifar_files(files[0]), writer, on_progress),
        IDX: lambda writer: prepare_idx(files, writer, class_names, on_progress),
        REVISITED: lambda writer: prepare_revisited(files[0], files[1:], writer, on_progress),
        CAPTIONS: lambda writer: prepare_captions(files[0], writer),
    }
    key = key_of(files, class_names)
    return prepared(name, key, writers[form], checksums=dict(checksums or {}))


def unpacked_before(name: str, archive: Path) -> Prepared | None:
    """Find what an archive was unpacked to, without looking into it again."""
    return prepared_before(name, key_of([archive]))


def key_of(files: Sequence[Path], class_names: Sequence[str] = ()) -> str:
    """Hash what a set is made of; its form follows from that."""
    return digest_of([VERSION], class_names, map(stamp, files))


def cifar_files(place: Path) -> Iterator[Member]:
    """List the files of a CIFAR, packed or not."""
    return folder_members(place) if place.is_dir() else members(place)


def stamp(place: Path) -> str:
    """Tell one state of a file or folder from another."""
    if place.is_file():
        return file_digest(place)
    facts = ((file, file.stat()) for file in sorted(place.rglob("*")) if file.is_file())
    return digest_of(f"{file.relative_to(place)} {one.st_size} {one.st_mtime_ns}"
                     for file, one in facts)  # fmt: skip
