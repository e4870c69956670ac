"""One source that is watched: its folders as they were seen last, and what differs by now."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Sequence

from lookalike.errors import NoImagesFound, SourceNotFound
from lookalike.folder_dates import dated
from lookalike.gallery import Gallery, SourceRecord
from lookalike.gallery.files import KnownFiles
from lookalike.images import ImageRef, Source
from lookalike.images.looking import look_at, paths_of
from lookalike.images.sources import listed_paths
from lookalike.images.walking import Identity, identity_of
from lookalike.ingest.planning import make_plan
from lookalike.ingest.sharding import Shard, Sieve

__all__ = ["WatchedSource"]

logger = logging.getLogger(__name__)

# Files that are made in a new folder before the system watches it are told by nobody: it is
# listed again after these seconds.
LOOK_AGAIN_S = (0.3, 1.0, 2.5)


class WatchedSource:
    """A source, and what is remembered of its folders: a date for each, and no files.

    Args:
        gallery: Whose.
        record: Which source.
    """

    def __init__(self, gallery: Gallery, record: SourceRecord) -> None:
        self._gallery = gallery
        self.record = record
        self.source = Source(record.kind, record.location)
        self._root: Identity | None = None
        self._dates: dict[str, int | None] = {}
        self._young: list[tuple[float, str]] = []
        self._shard = None if gallery.shard is None else Shard.parse(gallery.shard)

    @property
    def is_there(self) -> bool:
        """Whether its root is the one that was seen last."""
        return self._root is not None and identity_of(self.source.root) == self._root

    @property
    def folders(self) -> list[str]:
        """Its folders, absolute."""
        return [self._absolute(folder) for folder in self._dates]

    @property
    def next_look(self) -> float | None:
        """When a new folder has to be listed again, on the monotonic clock."""
        return min((due for due, _ in self._young), default=None)

    def why_gone(self, error: SourceNotFound) -> str:
        """Say what is wrong with a source that cannot be found."""
        walks = self.record.kind in {"folder", "glob"}
        if os.path.lexists(self.source.root if walks else self.record.location):
            return str(error)
        return f"{self.record.location} is not there."

    def leave(self) -> list[str]:
        """Forget the folders of a source that went away; returns them."""
        left, self._root, self._dates, self._young = self.folders, None, {}, []
        return left

    def names(self, places: Iterable[str]) -> list[str]:
        """Name absolute paths as the source does; those of others are left out."""
        return paths_of(self.source, places)

    def is_folder(self, path: str) -> bool:
        """Tell whether a path was one of its folders when it was seen last."""
        return path in self._dates

    def wants(self, path: str) -> bool:
        """Tell whether a path may be one of its pictures, by its name alone."""
        if self.source.kind in {"list", "file"}:
            return True
        names = self.source.names
        progress = names.start()
        for name in path.split("/"):
            progress = names.step(progress, name)
        return names.is_complete(progress) and self.source.wants(path)

    def compare(self) -> list[str]:
        """Look at the whole source, and list the paths that differ from the gallery.

        Raises:
            SourceNotFound: It is not there.
            NoImagesFound: It holds no pictures though the gallery knows some of it.
        """
        self.leave()
        unseen: list[str] = []
        root = identity_of(self.source.root)
        sieve = Sieve(self._shard)
        found = list(
            sieve.kept(
                self.source.scan(
                    exclude=(str(self._gallery.path),),
                    on_unreadable=unseen.append,
                    on_folder=self._remember,
                )
            )
        )
        self._root = root
        self._remember_listed()
        known = self._gallery.known_files(self.record.source_id, [""])
        walks = self.record.kind in {"folder", "glob"}
        if walks and known.images and not found and not sieve.others:
            raise NoImagesFound(
                f"{self.record.location} holds no pictures any more, though the gallery knows "
                f"{len(known.images)} of them: nothing is forgotten; plug the drive in, or run "
                "lookalike remove --source on it."
            )
        return differing(found, known, unseen)

    def changed_folders(self) -> list[str]:
        """List what differs in folders whose date is not what it was.

        Costs one look at each folder, and lists only those that changed. What is
        written in place changes no folder: ``compare`` finds it.
        """
        paths: list[str] = []
        for folder, date in list(self._dates.items()):
            if folder not in self._dates:  # it went with the one that it lay in
                continue
            try:
                facts = os.stat(self._absolute(folder))
            except FileNotFoundError:
                paths += self.gone(folder)
            except OSError:
                continue
            else:
                if facts.st_mtime_ns != date:
                    paths += self.relist(folder)
        return paths

    def new_folders(self, now: float) -> list[str]:
        """List what differs in new folders that are due to be looked at again."""
        due = [folder for at, folder in self._young if at <= now]
        self._young = [(at, folder) for at, folder in self._young if at > now]
        return [
            path
            for folder in dict.fromkeys(due)
            if folder in self._dates
            for path in self.relist(folder)
        ]

    def enter(self, path: str) -> list[str]:
        """Walk through a new folder, and list the paths that differ from the gallery."""
        return self._differing([path], self._gallery.known_files(self.record.source_id, [path]))

    def gone(self, folder: str) -> list[str]:
        """Forget a folder that is gone with all below it; its path differs now."""
        if not folder:
            return []
        below = f"{folder}/"
        for path in [path for path in self._dates if path == folder or path.startswith(below)]:
            del self._dates[path]
        return [folder]

    def relist(self, folder: str) -> list[str]:
        """List what differs in one folder, and in the folders that are new in it."""
        try:
            facts = os.stat(self._absolute(folder))
            names = os.listdir(self._absolute(folder))
        except OSError:
            return []
        self._dates[folder] = dated(facts)
        within = f"{folder}/" if folder else ""
        asked = [within + name for name in names if within + name not in self._dates]
        known = self._gallery.known_files(self.record.source_id, [folder])
        return self._differing(asked, self._outside_folders(known, within))

    def _outside_folders(self, known: KnownFiles, within: str) -> KnownFiles:
        """Leave out what lies in folders that are looked at by themselves."""

        def is_meant(path: str) -> bool:
            name, slash, _ = path[len(within) :].partition("/")
            return not slash or within + name not in self._dates

        return KnownFiles(
            {path: image for path, image in known.images.items() if is_meant(path)},
            {path: item for path, item in known.skipped.items() if is_meant(path)},
        )

    def _differing(self, asked: Sequence[str], known: KnownFiles) -> list[str]:
        """Look at paths, remember the new folders among them, and compare with the gallery."""
        before = set(self._dates)
        unseen: list[str] = []
        try:
            found = list(
                Sieve(self._shard).kept(
                    look_at(
                        self.source,
                        asked,
                        exclude=(str(self._gallery.path),),
                        on_unreadable=unseen.append,
                        on_folder=self._remember,
                    )
                )
            )
        except SourceNotFound as error:
            logger.debug("%s", error)  # the next look at its root will tell
            return []
        now = time.monotonic()
        new = [folder for folder in self._dates if folder not in before]
        self._young += [(now + after, folder) for folder in new for after in LOOK_AGAIN_S]
        return differing(found, known, unseen)

    def _remember(self, folder: str, facts: os.stat_result) -> None:
        self._dates[folder] = dated(facts)

    def _remember_listed(self) -> None:
        """Watch the folders of the files that a list names, and the list's own."""
        if self.record.kind not in {"list", "file"}:
            return
        folders = {""}
        if self.record.kind == "list":
            try:
                with open(self.source.location, "rb") as file:
                    listed = listed_paths(file.read())
            except OSError:
                listed = []
            folders |= {path.rpartition("/")[0] for path in listed}
        for folder in folders:
            place = self._absolute(folder)
            if os.path.isdir(place):
                self._dates[folder] = None

    def _absolute(self, folder: str) -> str:
        return self.source.absolute(folder) if folder else self.source.root


def differing(found: Iterable[ImageRef], known: KnownFiles, unseen: Sequence[str]) -> list[str]:
    """List the paths whose files are not what the gallery knows, new and gone ones included."""

    def is_unseen(path: str) -> bool:
        return any(path == place or path.startswith(f"{place}/") for place in unseen)

    plan = make_plan(found, known.images, known.skipped).sparing(is_unseen)
    return [*(ref.path for ref in plan.to_read), *plan.gone, *plan.vanished]
