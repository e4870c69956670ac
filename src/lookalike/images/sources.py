"""The places pictures come from: a folder, a glob, a list file, one file.

Listing reads names, sizes and times, never a picture. Paths are ``str`` with
Python's surrogateescape for bytes that are not UTF-8, '/'-separated and
relative to the source, so that a folder can move together with its gallery.
"""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from lookalike.errors import SourceNotFound, UsageError
from lookalike.images.walking import EVERYTHING, GlobPattern, Identity, Names, identity_of, walk

__all__ = ["PICTURE_EXTENSIONS", "ImageRef", "Source", "open_source"]

logger = logging.getLogger(__name__)

PICTURE_EXTENSIONS: frozenset[str] = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".png", ".apng", ".gif", ".webp"),
        *(".bmp", ".dib", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm"),
        *(".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"),
    }
)
LIST_EXTENSIONS = frozenset({".txt", ".lst"})
KINDS = ("folder", "glob", "list", "file")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One picture file that a source lists.

    Attributes:
        path: Relative to the source's root, '/'-separated; a list may also
            name absolute paths.
        size_bytes: Of the file.
        mtime_ns: When it was changed last, in nanoseconds since 1970.
    """

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """A place pictures come from; :func:`open_source` makes one of what a user types.

    Attributes:
        kind: ``"folder"``, ``"glob"``, ``"list"`` or ``"file"``.
        location: Absolute: the folder, the glob pattern, the list, the picture.

    Raises:
        UsageError: The kind is unknown or the location not absolute.
    """

    kind: str
    location: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"Source kind {self.kind!r} is unknown: use {', '.join(KINDS)}.")
        if not os.path.isabs(self.location):
            raise UsageError(f"A source's location is absolute; {self.location!r} is not.")

    @property
    def root(self) -> str:
        """The folder that the paths of its pictures are relative to."""
        if self.kind == "folder":
            return self.location
        if self.kind == "glob":
            return split_pattern(self.location)[0]
        return os.path.dirname(self.location)

    @property
    def names(self) -> Names:
        """Which names below its root a walk follows."""
        return GlobPattern(split_pattern(self.location)[1]) if self.kind == "glob" else EVERYTHING

    def wants(self, path: str) -> bool:
        """Tell whether a file that a walk came to is one of its pictures."""
        return self.kind == "glob" or is_picture_name(path)

    def absolute(self, path: str) -> str:
        """Turn a path as :meth:`scan` gives it into one that can be opened."""
        return os.path.join(self.root, path)

    def scan(
        self,
        *,
        exclude: Collection[str] = (),
        on_unreadable: Callable[[str], object] | None = None,
        on_folder: Callable[[str, os.stat_result], object] | None = None,
    ) -> Iterator[ImageRef]:
        """List the pictures, sorted within each folder.

        A folder gives the files with a picture's extension; globs and lists
        give what they name. Folders reached through symbolic links come last
        and only if they were not reached directly: a link never renames a
        picture, and never makes the scan go round in circles. Hidden files and
        folders, and galleries, are left out.

        Args:
            exclude: Absolute folders that are not entered. The source's own
                root always is.
            on_unreadable: Called with the path, as in a reference, of what could
                not be looked into; it and what lies in it is unknown, not gone.
            on_folder: Called with each folder that a folder or glob is made of, and its
                facts from just before it was listed.

        Raises:
            SourceNotFound: The place is missing or cannot be read; while
                listing: it went away.
        """
        if self.kind == "file":
            return self._only_file()
        if self.kind == "list":
            return self._listed(on_unreadable)
        return self._walked(exclude, on_unreadable, on_folder)

    def _only_file(self) -> Iterator[ImageRef]:
        reference = reference_to(self.location, os.path.basename(self.location))
        if reference is not None:
            return iter([reference])
        if os.path.exists(self.location):
            raise SourceNotFound(f"{self.location!r} is a pipe or device, not a picture file.")
        # A file missing from a folder that is there was deleted.
        require_folder(self.root)
        return iter([])

    def _listed(self, on_unreadable: Callable[[str], object] | None) -> Iterator[ImageRef]:
        try:
            with open(self.location, "rb") as file:
                paths = listed_paths(file.read())
        except OSError as error:
            raise SourceNotFound(
                f"The list {self.location!r} cannot be read ({error.strerror}): bring it back, or "
                "forget it with lookalike remove --source."
            ) from error
        return self._listed_files(paths, on_unreadable)

    def _listed_files(
        self, paths: list[str], on_unreadable: Callable[[str], object] | None
    ) -> Iterator[ImageRef]:
        there = 0
        for path in paths:
            reference = reference_to(self.absolute(path), path)
            if reference is None:
                logger.warning("%r of the list %r is no file: left out", path, self.location)
                folder = os.path.dirname(self.absolute(path))
                if on_unreadable is not None and not os.path.isdir(folder):
                    on_unreadable(path)
            else:
                there += 1
                yield reference
        # One missing file was deleted; all of them missing is a drive that is not there.
        if paths and not there:
            raise SourceNotFound(
                f"None of the {len(paths)} files that the list {self.location!r} names is there: "
                "check that its drive is connected."
            )

    def _walked(
        self,
        exclude: Collection[str],
        on_unreadable: Callable[[str], object] | None,
        on_folder: Callable[[str, os.stat_result], object] | None,
    ) -> Iterator[ImageRef]:
        # Here and not in the generator: a missing place is an error of the call itself.
        root = require_folder(self.root)
        return self._walked_files(root, exclude, on_unreadable, on_folder)

    def _walked_files(
        self,
        root: Identity,
        exclude: Collection[str],
        on_unreadable: Callable[[str], object] | None,
        on_folder: Callable[[str, os.stat_result], object] | None,
    ) -> Iterator[ImageRef]:
        barred = {found for folder in exclude if (found := identity_of(folder))}
        for path, facts in walk(
            self.root,
            self.names,
            barred=barred,
            on_unreadable=on_unreadable,
            on_folder=on_folder,
        ):
            if self.wants(path):
                yield ImageRef(path, facts.st_size, facts.st_mtime_ns)
        # A drive that is pulled out looks like folders that are suddenly empty.
        if identity_of(self.root) != root:
            raise SourceNotFound(f"The folder {self.root!r} went away while it was listed.")


def open_source(location: str | os.PathLike[str]) -> Source:
    """Make a source of what a user types.

    A folder; ``@FILE`` or a ``.txt`` or ``.lst`` file for a list; any other
    file; or a glob such as ``photos/**/*.jpg``. What exists under exactly that
    name wins over what the name could mean. ``~`` is the home folder.

    Raises:
        SourceNotFound: Nothing is there.
    """
    typed = os.fsdecode(location)
    path = absolute_path(typed)
    if typed and os.path.isdir(path):
        return Source("folder", path)
    if typed and os.path.exists(path):
        extension = os.path.splitext(path)[1].lower()
        return Source("list" if extension in LIST_EXTENSIONS else "file", path)
    if typed.startswith("@"):
        path = absolute_path(typed[1:])
        if not os.path.isfile(path):
            raise SourceNotFound(f"There is no list file at {path!r}.")
        return Source("list", path)
    if glob.has_magic(path):
        return Source("glob", path)
    raise SourceNotFound(
        f"No folder, picture or list of pictures is at {typed!r}: check the spelling, "
        "and that its drive is connected."
    )


def absolute_path(typed: str) -> str:
    """Expand ``~`` and make absolute; the user's symbolic links stay."""
    return os.path.abspath(os.path.expanduser(typed))


def split_pattern(pattern: str) -> tuple[str, list[str]]:
    """Split an absolute glob into its longest magic-free folder and the parts below."""
    drive, rest = os.path.splitdrive(pattern)
    parts = [part for part in rest.replace(os.sep, "/").split("/") if part]
    plain = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return os.path.join(drive + os.sep, *parts[:plain]), parts[plain:]


def require_folder(folder: str) -> Identity:
    """Check that a folder can be listed, and tell which one it is.

    Raises:
        SourceNotFound: It is missing, no folder, or may not be read.
    """
    try:
        with os.scandir(folder):
            found = identity_of(folder)
    except FileNotFoundError as error:
        raise SourceNotFound(
            f"There is no folder at {folder!r}: check the spelling, and that its drive is "
            "connected."
        ) from error
    except OSError as error:
        raise SourceNotFound(
            f"The folder {folder!r} cannot be listed: {error.strerror}."
        ) from error
    if found is None:
        raise SourceNotFound(f"The folder {folder!r} went away while it was opened.")
    return found


def reference_to(location: str, path: str) -> ImageRef | None:
    """Look a file up by name; None if it is missing or no regular file."""
    try:
        facts = os.stat(location)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return ImageRef(path, facts.st_size, facts.st_mtime_ns)


def is_picture_name(path: str) -> bool:
    """Tell by the extension, in any letter case."""
    return os.path.splitext(path)[1].lower() in PICTURE_EXTENSIONS


def listed_paths(data: bytes) -> list[str]:
    """Parse a list: one path a line, or NUL-separated as ``find -print0`` writes.

    Each path comes once, in the list's order.
    """
    if b"\0" in data:
        entries = [entry for entry in data.split(b"\0") if entry]
    else:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        entries = [line.removesuffix(b"\r") for line in lines]
        entries = [line for line in entries if line.strip() and not line.startswith(b"#")]
    return list(dict.fromkeys(tidy(os.fsdecode(entry)) for entry in entries))


def tidy(path: str) -> str:
    """Drop ``./`` and doubled slashes, so that a file has one name.

    ``..`` stays: behind a symbolic link it does not undo the folder before it.
    """
    path = path.replace(os.sep, "/")
    if ".." in path.split("/"):
        return path
    return os.path.normpath(path).replace(os.sep, "/")
