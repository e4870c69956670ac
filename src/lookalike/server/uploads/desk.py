"""The desk of one gallery: takes pictures in, and sees to it that they are added."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lookalike.encoders import Encoder
from lookalike.errors import ImageError
from lookalike.gallery import Gallery
from lookalike.gallery.failures import writing
from lookalike.gallery.segments import flush_folder
from lookalike.gallery.uploads import discard, uploads_folder
from lookalike.ingest import Progress
from lookalike.server.jobs import Cancelled, Job, JobBoard
from lookalike.server.jobs.sharing import Part
from lookalike.server.pictures.names import name_to_keep
from lookalike.server.pools import low_pool
from lookalike.server.problems import facts_of
from lookalike.server.settings import Limits
from lookalike.server.uploads.adding import add_uploads, image_at, intact_copy
from lookalike.server.uploads.checking import checked
from lookalike.server.uploads.inbox import Inbox
from lookalike.server.uploads.left import left_files
from lookalike.server.uploads.metadata import write_metadata
from lookalike.server.uploads.receiving import Received, ReceivedForm
from lookalike.server.uploads.room import require_room
from lookalike.server.uploads.uploaded import KeptFile, UploadedPicture, result_of

__all__ = ["Uploads"]

logger = logging.getLogger(__name__)

KIND = "add"

# Threads that write what arrives, and wait for the disk.
WRITING_THREADS = 8

# Each header that is looked at holds a whole file in memory.
CHECKING_THREADS = 2

# In place of a job, while a file is being kept.
NO_JOB_YET = ""

# Uploads of before are added in jobs of so many.
MOST_TOGETHER = 256


class Uploads:
    """Takes pictures in for one gallery.

    Args:
        name: What the server calls the gallery.
        gallery: Where they go.
        encoder: Gives the gallery's encoder, perhaps after a while.
        board: Where the work is put.
        limits: How large a picture may be.
        keep_free_bytes: So much of the gallery's disk stays free, as ``require_room`` says.
    """

    def __init__(
        self,
        name: str,
        gallery: Gallery,
        encoder: Callable[[], Encoder],
        board: JobBoard,
        limits: Limits,
        *,
        keep_free_bytes: int | None = None,
    ) -> None:
        self._name = name
        self._gallery = gallery
        self._encoder = encoder
        self._board = board
        self._limits = limits
        self._require_room = partial(require_room, gallery.path, keep_free_bytes)
        self._inbox = Inbox(gallery)
        self._pool = low_pool(f"uploads {name}", WRITING_THREADS)
        self._checking = threading.BoundedSemaphore(CHECKING_THREADS)
        self._lock = threading.Lock()
        self._under_way: dict[str, str] = {}

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[ReceivedForm]:
        """Give a form to receive into; what is left of it in the end is deleted.

        Raises:
            StorageFull, GalleryReadOnly: It could not be written.
        """
        form = ReceivedForm(self._inbox.new_file, self._pool, self._require_room)
        try:
            with writing(self._gallery.path):
                yield form
        finally:
            # Also where the request was cut off.
            await asyncio.shield(form.beside(form.discard))

    def accept(
        self, files: Sequence[Received], metadata: Sequence[Mapping[str, Any] | None]
    ) -> Job | Sequence[UploadedPicture]:
        """Take received files in: when this returns, those that wait are safe on the disk.

        Args:
            files: As they were received.
            metadata: Columns to keep with each.

        Returns:
            The job that adds them, which has ended already where there is nothing to add;
            or why none of them can be used.

        Raises:
            StorageFull, GalleryReadOnly: They could not be written; none was taken in.
        """
        sent: list[UploadedPicture] = []
        folders: set[Path] = set()
        try:
            with writing(self._gallery.path):
                for received, row in zip(files, metadata, strict=True):
                    sent.append(self._taken(received, row, folders))
                    self._describe(sent[-1])
                for folder in folders:
                    flush_folder(folder)
        except BaseException:
            self._discard(sent)
            raise
        if all(picture.status == "refused" for picture in sent):
            return sent
        if not files_to_add(sent):
            return self._board.ended(self._name, KIND, result_of(sent))
        return self._submit(sent)

    def recover(self, failed: Collection[str] = ()) -> list[Job]:
        """Add what was taken in and not added, by servers that were killed or are stopped.

        Args:
            failed: Paths that count as left, though they were under way here.
        """
        self._inbox.sweep()
        is_ours = self._is_under_way
        files = list(left_files(self._gallery, lambda path: path not in failed and is_ours(path)))
        self._forget(failed)
        if files:
            logger.info("adding %d uploads of before to %s", len(files), self._name)
        sent = [UploadedPicture(file.path.rpartition("/")[2], kept=file) for file in files]
        return [
            self._submit(sent[start : start + MOST_TOGETHER])
            for start in range(0, len(sent), MOST_TOGETHER)
        ]

    def retry(self) -> list[Job]:
        """Add again what failed for a reason outside, such as a full disk."""
        with self._lock:
            under_way = dict(self._under_way)
        jobs = {path: self._board.job(job_id) for path, job_id in under_way.items() if job_id}
        # Of a cancelled one, the files are about to be deleted.
        failed = {
            path
            for path, job in jobs.items()
            if job is None or (job.has_ended and job.state != "cancelled")
        }
        return self.recover(failed) if failed else []

    @property
    def pending(self) -> int:
        """How many pictures were taken in and are not added yet."""
        with self._lock:
            return len(self._under_way)

    def close(self) -> None:
        """Delete what was being received; what was taken in stays."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._inbox.close()

    def _taken(
        self, received: Received, metadata: Mapping[str, Any] | None, folders: set[Path]
    ) -> UploadedPicture:
        """Look at one file, and keep it if it is a picture that is not there yet."""
        picture = UploadedPicture(received.name)
        try:
            with self._checking:
                content, form = checked(received, self._limits)
        except ImageError as error:
            return picture.refused(facts_of(error))
        known = intact_copy(self._gallery, content)
        if known is not None:
            return picture.known_as(known)
        path = self._kept(received.file, name_to_keep(received.name, form), folders)
        return UploadedPicture(received.name, kept=KeptFile(path, content, metadata))

    def _describe(self, picture: UploadedPicture) -> None:
        """Keep a picture's metadata beside its file."""
        if picture.kept is not None and picture.kept.metadata:
            write_metadata(uploads_folder(self._gallery) / picture.kept.path, picture.kept.metadata)

    def _kept(self, received: Path, name: str, folders: set[Path]) -> str:
        """Keep a file, which is under way from before it appears; tells its path."""
        tried: list[str] = []

        def claim(target: Path) -> bool:
            path = target.relative_to(uploads_folder(self._gallery)).as_posix()
            with self._lock:
                if path in self._under_way:
                    return False
                self._under_way[path] = NO_JOB_YET
            tried.append(path)
            return True

        kept = None
        try:
            self._inbox.keep(received, name, folders, claim=claim)
            kept = tried.pop()
        finally:
            self._forget(tried)
        return kept

    def _is_under_way(self, path: str) -> bool:
        with self._lock:
            return path in self._under_way

    def _forget(self, paths: Iterable[str]) -> None:
        """Note that files are no longer under way."""
        with self._lock:
            for path in paths:
                self._under_way.pop(path, None)

    def _submit(self, sent: Sequence[UploadedPicture]) -> Job:
        paths = [file.path for file in files_to_add(sent)]
        with self._lock:
            job = self._board.submit_shared(
                self._name,
                KIND,
                sent,
                self._add,
                weight=len(paths),
                result=result_of(sent),
                on_cancel=lambda: self._discard(sent),
            )
            self._under_way.update(dict.fromkeys(paths, job.job_id))
        return job

    def _add(self, parts: Sequence[Part]) -> None:
        """Add all that waits; called in the gallery's line of work."""

        def listen(progress: Progress) -> None:
            for part in parts:
                share = progress.done / progress.total if progress.total else 1.0
                part.handle.progress(int(part.weight * share), note="")
            if self._board.is_out_of_time:
                raise Cancelled

        requests = [part.value for part in parts]
        settled = add_uploads(self._gallery, self._encoder(), requests, on_progress=listen)
        for part, sent in zip(parts, settled, strict=True):
            part.result = result_of(sent)
            waiting = {file.path for file in files_to_add(sent)}
            self._forget(file.path for file in files_to_add(part.value) if file.path not in waiting)

    def _discard(self, sent: Sequence[UploadedPicture]) -> None:
        """Delete pictures that nobody wants any more, unless they are images by now."""
        paths = [file.path for file in files_to_add(sent)]
        for path in paths:
            if image_at(self._gallery, path) is None:
                discard(uploads_folder(self._gallery) / path)
        self._forget(paths)


def files_to_add(sent: Sequence[UploadedPicture]) -> list[KeptFile]:
    """List the files that are to become images."""
    return [file for picture in sent if (file := picture.to_add)]
