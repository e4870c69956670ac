"""An index as files: written whole, mapped for reading."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryTooNew, GalleryUnreadable, UsageError
from lookalike.index.collapsing import Copies
from lookalike.index.config import IndexConfig, SearchParams
from lookalike.index.faiss_index import FaissIndex, RowNumbers
from lookalike.index.faiss_library import faiss_library
from lookalike.index.protocol import Index

__all__ = ["SavedIndex", "checked_files", "load_index", "save_index"]

FACTS = "facts.json"
FORMAT = 1
BASE, REFINE, ROWS, COPIES = "base.faiss", "refine.faiss", "rows.npy", "copies.npy"
CHUNK_BYTES = 1 << 23


@dataclass(frozen=True, slots=True)
class SavedIndex:
    """What a folder holds.

    Attributes:
        index: Mapped; None where every row is to be compared where it lies, which
            needs no files.
        config: What it was built as.
        about: What was said of it when it was saved.
    """

    index: FaissIndex | None
    config: IndexConfig
    about: dict[str, Any]


def save_index(
    index: Index, folder: Path, about: dict[str, Any], *, config: IndexConfig | None = None
) -> None:
    """Write an index into a new folder, whole on the disk when this returns.

    Args:
        index: What ``build_index`` made.
        folder: Is made; its parent is there.
        about: Kept beside it, as JSON.
        config: What to note for an index that compares every row and so has no files.

    Raises:
        OSError: It could not be written; a part may lie there.
    """
    os.mkdir(folder)
    files: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {"format": FORMAT, "about": about}
    if isinstance(index, FaissIndex):
        facts["config"] = index.config.to_dict()
        facts["params"] = index.params.to_dict()
        for name, write in writers(index).items():
            files[name] = written(folder / name, write)
    else:
        facts["config"] = (config or IndexConfig()).to_dict()
    facts["files"] = files
    text = json.dumps(facts, indent=1).encode()
    written(folder / FACTS, lambda file: file.write(text))


def writers(index: FaissIndex) -> dict[str, Callable[[BinaryIO], Any]]:
    """Say how each file is written."""
    copies = np.stack([index.numbers.copies.first, index.numbers.copies.copy])
    every: dict[str, Callable[[BinaryIO], Any]] = {
        BASE: lambda file: write_structure(index.base, file),
        ROWS: lambda file: np.save(file, index.numbers.rows, allow_pickle=False),
        COPIES: lambda file: np.save(file, copies, allow_pickle=False),
    }
    if index.refine is not None:
        every[REFINE] = lambda file: write_structure(index.refine, file)
    return every


def write_structure(structure: Any, file: BinaryIO) -> None:
    """Write FAISS's part through Python: its own files know no Unicode names on Windows."""
    faiss = faiss_library()
    failed: list[OSError] = []

    def write(data: bytes) -> int:
        try:
            return file.write(data)
        except OSError as error:  # FAISS tells only that some write failed
            failed.append(error)
            raise

    try:
        faiss.write_index(structure, faiss.PyCallbackIOWriter(write))
    except Exception as error:
        raise failed[0] if failed else error from error


def written(path: Path, write: Callable[[BinaryIO], Any]) -> dict[str, Any]:
    """Write one file to the disk, and take its size and checksum."""
    with open(path, "xb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    return {"size_bytes": path.stat().st_size, "sha256": checksum(path)}


def checksum(path: Path) -> str:
    """Hash a file as ``sha256sum`` does."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()


def load_index(folder: Path, *, is_mapped: bool = True) -> SavedIndex:
    """Open a saved index; its codes and graph stay on the disk until they are needed.

    Args:
        folder: Where ``save_index`` wrote it.
        is_mapped: False reads it into memory.

    Raises:
        FileNotFoundError: There is none (any more).
        GalleryUnreadable: It is damaged.
        GalleryTooNew: A newer Lookalike wrote it.
    """
    facts = read_facts(folder)
    try:
        config = IndexConfig.from_dict(facts["config"])
        require_sizes(folder, facts["files"])
        if not facts["files"]:
            return SavedIndex(None, config, facts["about"])
        require_whole(folder, facts["files"], (ROWS, COPIES))
        numbers = RowNumbers(load_rows(folder / ROWS), Copies(*load_rows(folder / COPIES)))
        base = read_structure(folder / BASE, is_mapped)
        refine = None
        if REFINE in facts["files"]:
            refine = read_structure(folder / REFINE, is_mapped)
        parts = [part for part in (base, refine) if part is not None]
        if any(part.ntotal != len(numbers.rows) for part in parts):
            raise ValueError("its files belong to different indexes")
        index = FaissIndex(
            base, refine, config, numbers, params=SearchParams.from_dict(facts["params"])
        )
    except (KeyError, TypeError, ValueError, EOFError, RuntimeError, UsageError) as error:
        raise damaged(folder, str(error)) from error
    return SavedIndex(index, config, facts["about"])


def read_facts(folder: Path) -> dict[str, Any]:
    """Read what is told of the files.

    Raises:
        FileNotFoundError: There is none.
        GalleryUnreadable: It cannot be understood.
        GalleryTooNew: A newer Lookalike wrote it.
    """
    file = folder / FACTS
    if is_no_file(file):
        raise damaged(folder, f"{FACTS} is no file")
    try:
        facts = json.loads(file.read_bytes())
        told = facts["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(folder, f"{FACTS} cannot be read") from error
    if told != FORMAT:
        raise GalleryTooNew(
            f"The index {folder} has format {told}, but this Lookalike reads format {FORMAT}: "
            "every picture is compared; use the newer Lookalike to search with the index."
        )
    try:
        are_parts = facts["files"].keys() <= {BASE, REFINE, ROWS, COPIES}
        are_told = all({"size_bytes", "sha256"} <= told.keys() for told in facts["files"].values())
    except (KeyError, AttributeError):
        are_parts = are_told = False
    if not are_parts or not are_told:
        raise damaged(folder, f"{FACTS} tells of files that are no parts of an index")
    return dict(facts)


def is_no_file(path: Path) -> bool:
    """Tell whether something else has a file's name, as a pipe, for which one would wait."""
    return path.exists() and not path.is_file()


def require_sizes(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    """Refuse a file that was cut: reading it mapped would end the process."""
    for name, told in files.items():
        try:
            size_bytes = (folder / name).stat().st_size
        except FileNotFoundError as error:
            if not folder.exists():
                raise
            raise ValueError(f"{name} is missing") from error
        if is_no_file(folder / name):
            raise ValueError(f"{name} is no file")
        if size_bytes != told["size_bytes"]:
            raise ValueError(f"{name} should have {told['size_bytes']} bytes but has {size_bytes}")


def require_whole(folder: Path, files: dict[str, dict[str, Any]], names: Iterable[str]) -> None:
    """Refuse small files that changed: they are read whole anyway, and a wrong row is silent."""
    for name in names:
        if checksum(folder / name) != files[name]["sha256"]:
            raise ValueError(f"{name} is not as it was written")


def checked_files(folder: Path) -> list[str]:
    """Read every byte of a saved index, and name the files that are not as they were written."""
    files = read_facts(folder)["files"]
    return [
        name
        for name, told in files.items()
        if is_no_file(folder / name) or checksum(folder / name) != told["sha256"]
    ]


def damaged(folder: Path, reason: str) -> GalleryUnreadable:
    """Say what is wrong with an index, and that nothing is lost."""
    return GalleryUnreadable(
        f"The index {folder} cannot be used ({reason}): every picture is compared until "
        "'lookalike index' or 'lookalike tune' has built it again."
    )


def load_rows(path: Path) -> NDArray[np.int64]:
    """Read row numbers."""
    rows: NDArray[np.int64] = np.load(path, allow_pickle=False)
    return rows


def read_structure(path: Path, is_mapped: bool) -> Any:
    """Read FAISS's part, mapped where this FAISS and this file name allow it."""
    faiss = faiss_library()
    flag = getattr(faiss, "IO_FLAG_MMAP_IFC", None)
    name = str(path)
    # FAISS opens mapped files itself, and knows the system's own letters at best.
    if is_mapped and flag is not None and (name.isascii() or is_utf8_system(name)):
        return faiss.read_index(name, flag)
    with open(path, "rb") as file:
        return faiss.read_index(faiss.PyCallbackIOReader(file.read))


def is_utf8_system(name: str) -> bool:
    """Tell whether a file name reaches the system as UTF-8."""
    if os.name == "nt":
        return False
    try:
        return os.fsencode(name) == name.encode()
    except UnicodeEncodeError:
        return False
