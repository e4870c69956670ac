"""Looking at some places of a source only, by the same rules as a scan of the whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator

from lookalike.errors import SourceNotFound
from lookalike.images.sources import (
    ImageRef,
    Source,
    listed_paths,
    reference_to,
    require_folder,
)
from lookalike.images.walking import GALLERY_MARKS, Progress, identity_of, walk

__all__ = ["look_at", "paths_of"]

FolderListener = Callable[[str, os.stat_result], object]


def look_at(
    source: Source,
    paths: Iterable[str],
    *,
    exclude: Collection[str] = (),
    on_unreadable: Callable[[str], object] | None = None,
    on_folder: FolderListener | None = None,
) -> Iterator[ImageRef]:
    """List the pictures at some paths of a source: files, and folders with all below them.

    What a scan of the whole source would not list is not listed here: hidden
    names, galleries, other kinds of files, what a list or a pattern does not name.
    A folder linked to from two places outside the source may be listed under
    either name.

    Args:
        source: Whose.
        paths: Relative to its root, '/'-separated, as ``paths_of`` makes them.
        exclude: As for ``scan``.
        on_unreadable: As for ``scan``.
        on_folder: As for ``scan``.

    Raises:
        SourceNotFound: The source is not there; while listing: it went away.
    """
    if source.kind == "file":
        return _if_asked(source, source.scan(), paths)
    if source.kind == "list":
        return _listed(source, paths, on_unreadable)
    return _walked(source, paths, exclude, on_unreadable, on_folder)


def paths_of(source: Source, places: Iterable[str]) -> list[str]:
    """Name places as a source names its pictures, each once; others are left out.

    Args:
        source: Whose names.
        places: Absolute paths; links in them are not followed, but links to the
            source's root are.
    """
    root = source.root
    roots = tuple(dict.fromkeys(_with_slash(folder) for folder in (root, os.path.realpath(root))))
    named: dict[str, None] = {}
    for place in places:
        if place in {root, roots[-1].rstrip(os.sep)}:
            named[""] = None
        for start in roots:
            if place.startswith(start):
                named[place[len(start) :].replace(os.sep, "/")] = None
                break
        if source.kind == "list":  # it may name files by absolute paths
            named[place.replace(os.sep, "/")] = None
    return list(named)


def _with_slash(folder: str) -> str:
    return folder.rstrip(os.sep) + os.sep


def _is_at(path: str, places: Collection[str]) -> bool:
    """Tell whether a path is one of some places, or lies below one."""
    while path and path not in places:
        above = path.rpartition("/")[0]
        if not above and path.startswith("/"):
            return "" in places
        path = above
    return path in places


def _if_asked(
    source: Source, found: Iterator[ImageRef], paths: Iterable[str]
) -> Iterator[ImageRef]:
    asked = set(paths)
    return (ref for ref in found if _is_at(ref.path, asked))


def _listed(
    source: Source, paths: Iterable[str], on_unreadable: Callable[[str], object] | None
) -> Iterator[ImageRef]:
    try:
        with open(source.location, "rb") as file:
            listed = listed_paths(file.read())
    except OSError as error:
        raise SourceNotFound(
            f"The list {source.location!r} cannot be read ({error.strerror}): bring it back, or "
            "forget it with lookalike remove --source."
        ) from error
    asked = set(paths)
    return _listed_files(source, [path for path in listed if _is_at(path, asked)], on_unreadable)


def _listed_files(
    source: Source, listed: list[str], on_unreadable: Callable[[str], object] | None
) -> Iterator[ImageRef]:
    for path in listed:
        reference = reference_to(source.absolute(path), path)
        if reference is not None:
            yield reference
        elif on_unreadable is not None and not os.path.isdir(
            os.path.dirname(source.absolute(path))
        ):
            on_unreadable(path)


def _walked(
    source: Source,
    paths: Iterable[str],
    exclude: Collection[str],
    on_unreadable: Callable[[str], object] | None,
    on_folder: FolderListener | None,
) -> Iterator[ImageRef]:
    root = require_folder(source.root)
    look = _Look(source, exclude, on_unreadable, on_folder)

    def listed() -> Iterator[ImageRef]:
        walked: set[str] = set()
        for path in sorted(set(paths)):  # a folder comes before what lies in it
            if not _is_at(path, walked):
                yield from look.at(path, walked)
        if identity_of(source.root) != root:
            raise SourceNotFound(f"The folder {source.root!r} went away while it was listed.")

    return listed()


class _Look:
    """One look at some paths: what is learned of a folder holds for all paths in it."""

    def __init__(
        self,
        source: Source,
        exclude: Collection[str],
        on_unreadable: Callable[[str], object] | None,
        on_folder: FolderListener | None,
    ) -> None:
        self._source = source
        self._root = source.root
        self._names = source.names
        # The root too: a link to what lies above it would lead into it again.
        places = [*exclude, source.root]
        self._barred = {found for folder in places if (found := identity_of(folder))}
        self._on_unreadable = on_unreadable
        self._on_folder = on_folder
        self._entered: dict[str, Progress] = {"": self._names.start()}

    def at(self, path: str, walked: set[str]) -> Iterator[ImageRef]:
        """List what is at a path; a folder that was walked is noted."""
        if not path:
            reached = self._names.start()
        else:
            folder, _, name = path.rpartition("/")
            progress = self._progress_in(folder)
            reached = self._names.step(progress, name) if progress else progress
        if not reached:
            return
        facts = self._facts(path)
        if facts is None:
            return
        if stat.S_ISREG(facts.st_mode):
            if self._names.is_complete(reached) and self._source.wants(path):
                yield ImageRef(path, facts.st_size, facts.st_mtime_ns)
        elif stat.S_ISDIR(facts.st_mode) and self._progress_in(path):
            walked.add(path)
            yield from self._below(path, reached)

    def _below(self, path: str, progress: Progress) -> Iterator[ImageRef]:
        for found, facts in walk(
            self._root,
            self._names,
            barred=self._barred,
            on_unreadable=self._on_unreadable,
            on_folder=self._on_folder,
            start=(f"{path}/" if path else "", progress),
            is_elsewhere=self._is_elsewhere if path else None,
        ):
            if self._source.wants(found):
                yield ImageRef(found, facts.st_size, facts.st_mtime_ns)

    def _progress_in(self, folder: str) -> Progress:
        """Tell the progress in a folder; empty where a scan would not enter it."""
        unknown: list[str] = []
        while folder not in self._entered:
            unknown.append(folder)
            folder = folder.rpartition("/")[0]
        for below in reversed(unknown):
            above, _, name = below.rpartition("/")
            progress = self._entered[above]
            reached = self._names.step(progress, name) if progress else progress
            self._entered[below] = reached if reached and self._enters(below) else frozenset()
        return self._entered[unknown[0]] if unknown else self._entered[folder]

    def _enters(self, folder: str) -> bool:
        """Tell whether a scan enters a folder whose name it wants."""
        facts = self._facts(folder)
        if facts is None or not stat.S_ISDIR(facts.st_mode):
            return False
        if (facts.st_dev, facts.st_ino) in self._barred:
            return False
        place = os.path.join(self._root, folder)
        if all(os.path.lexists(os.path.join(place, mark)) for mark in GALLERY_MARKS):
            return False
        return not (os.path.islink(place) and self._is_elsewhere(folder))

    def _is_elsewhere(self, link: str) -> bool:
        """Tell whether a scan finds what a linked folder leads to by another way."""
        root = os.path.realpath(self._root)
        target = os.path.realpath(os.path.join(self._root, link))
        if target == root:
            return True
        start = _with_slash(root)
        if not target.startswith(start):
            return False
        return bool(self._progress_in(target[len(start) :].replace(os.sep, "/")))

    def _facts(self, path: str) -> os.stat_result | None:
        """Look a path up; what is out of reach, and not gone, is told."""
        place = os.path.join(self._root, path)
        try:
            return os.stat(place)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(place) and self._on_unreadable is not None:
                self._on_unreadable(path)
        except (OSError, ValueError):
            if self._on_unreadable is not None:
                self._on_unreadable(path)
        return None
