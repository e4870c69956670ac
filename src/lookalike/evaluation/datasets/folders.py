"""Folders of pictures whose names say what they show; tiny-ImageNet's layout among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lookalike.errors import DatasetUnreadable, SourceNotFound, UsageError
from lookalike.evaluation.datasets.choosing import GALLERY_SPLITS, QUERY_SPLITS
from lookalike.evaluation.datasets.listing import Listing, digest_of, pictures
from lookalike.images import ImageRef, Source

__all__ = ["folder_listing"]

FOLDER, PARENT = "folder", "parent"
# Caltech-101 was published with a folder of pictures of anything.
CALTECH, CLUTTER = "101_ObjectCategories", "BACKGROUND_Google"


def folder_listing(folder: Path, name: str) -> tuple[Path, Listing]:
    """List a folder of labelled folders.

    The name of the first folder below is the label; ``train`` and ``test`` (or ``val``)
    as the only folders are parts, with labelled folders in each. Where all lies in one
    folder alone, that one is looked into.

    Returns:
        The folder that the paths are relative to, and the listing.

    Raises:
        UsageError: It holds no pictures, or none in a folder.
        DatasetUnreadable: Files that its layout needs are damaged.
    """
    while (inner := only_folder(folder)) is not None:
        folder = inner
    try:
        found = list(Source("folder", str(folder)).scan())
    except SourceNotFound as error:
        raise UsageError(str(error)) from error
    if not found:
        raise UsageError(
            f"The data set {name} holds no pictures at {folder}: name a folder that has a folder "
            "of pictures for each class."
        )
    return folder, listed(folder, sorted(found, key=lambda one: one.path), name)


def only_folder(folder: Path) -> Path | None:
    """Find the folder that is all there is in another one."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return None
    if len(entries) != 1 or not entries[0].is_dir():
        return None
    inner = entries[0]
    # A folder that holds the pictures themselves is a class: the only one.
    return inner if any(entry.is_dir() for entry in inner.iterdir()) else None


def listed(folder: Path, found: Sequence[ImageRef], name: str) -> Listing:
    """Recognise the layout."""
    remarks: tuple[str, ...] = ()
    if folder.name == CALTECH:
        found = [one for one in found if top(one.path) != CLUTTER]
        remarks = (f"The folder {CLUTTER} is no class: it is left out.",)
    content = digest_of(one.size_bytes for one in found)
    paths = tuple(one.path for one in found)
    if (folder / "wnids.txt").is_file() and {"train", "val"} <= {top(path) for path in paths}:
        return tiny_imagenet(folder, paths, content)
    splits = None
    deeper = paths
    if is_split({top(path) for path in paths}):
        splits = tuple(top(path) for path in paths)
        deeper = tuple(path.partition("/")[2] for path in paths)
    labels = tuple(top(path) for path in deeper)
    columns = {FOLDER: labels}
    parents = tuple(path.rpartition("/")[0].rpartition("/")[2] for path in deeper)
    if parents != labels:
        columns[PARENT] = parents
    if not any(labels):
        raise UsageError(
            f"The pictures of the data set {name} lie side by side in {folder}, so that nothing "
            "says what they show: put them into folders named after it, or write a table with "
            "the columns path and label."
        )
    return Listing(paths, columns, splits, content=content, remarks=remarks)


def top(path: str) -> str:
    """Return the first folder of a path; empty where it lies in none."""
    return path.partition("/")[0] if "/" in path else ""


def is_split(tops: set[str]) -> bool:
    """Whether the folders are parts of a set, not classes."""
    return (
        tops <= {*QUERY_SPLITS, *GALLERY_SPLITS}
        and any(split in tops for split in QUERY_SPLITS)
        and any(split in tops for split in GALLERY_SPLITS)
    )


def tiny_imagenet(folder: Path, paths: Sequence[str], content: str) -> Listing:
    """List tiny-ImageNet: labelled training and validation pictures.

    The pictures of its part ``test`` were published without labels: they are left out.

    Raises:
        DatasetUnreadable: The list of validation labels is damaged.
    """
    of_val = validation_codes(folder)
    kept = [path for path in paths if top(path) in {"train", "val"}]
    codes = [code_of(path, of_val) for path in kept]
    names = class_names(folder, set(codes))
    remarks = []
    if left_out := len(paths) - len(kept):
        remarks.append(
            f"Left out for want of labels: {pictures(left_out)} outside of train and val."
        )
    return Listing(
        paths=tuple(kept),
        columns={
            "class": tuple(names.get(code, code) for code in codes),
            "wnid": tuple(codes),
        },
        splits=tuple(top(path) for path in kept),
        content=content,
        remarks=tuple(remarks),
    )


def code_of(path: str, of_val: Mapping[str, str]) -> str:
    """Tell the code of a picture's class: by its folder, or by the list; empty if unknown."""
    parts = path.split("/")
    if parts[0] == "val" and len(parts) == 3 and parts[1] == "images":
        return of_val.get(parts[2], "")
    return parts[1] if len(parts) > 2 else ""


def validation_codes(folder: Path) -> dict[str, str]:
    """Read which class each validation picture shows."""
    file = folder / "val" / "val_annotations.txt"
    codes = {}
    for line in lines_of(file):
        parts = line.split("\t")
        if len(parts) < 2:
            raise DatasetUnreadable(
                f"{file} is damaged: its line {line[:60]!r} names no class; unpack the archive "
                "again."
            )
        codes[parts[0]] = parts[1]
    return codes


def class_names(folder: Path, codes: set[str]) -> dict[str, str]:
    """Read the names of classes; two with one name keep their code."""
    named = {}
    for line in lines_of(folder / "words.txt"):
        code, _, words = line.partition("\t")
        if code in codes and words:
            named[code] = words.split(",")[0].strip()
    often = Counter(named.values())
    return {code: word if often[word] == 1 else f"{word} ({code})" for code, word in named.items()}


def lines_of(file: Path) -> list[str]:
    """Read a text file's lines; none where it is missing."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetUnreadable(f"{file} cannot be read: unpack the archive again.") from error
