"""The desk of one gallery: takes pictures in, and sees to it that they are added."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike.encoders import Encoder
from lookalike.errors import ImageError, ImageOutOfReach, ImageUnreadable
from lookalike.gallery import Gallery, KnownImage, Skipped
from lookalike.gallery.failures import writing
from lookalike.gallery.files import KnownFiles
from lookalike.gallery.segments import flush_folder
from lookalike.images import ImageRef, Source, content_hash, read_file
from lookalike.images.decoding import check_size, in_plain_words
from lookalike.images.formats import format_of, open_picture
from lookalike.images.silence import silenced
from lookalike.ingest import Progress
from lookalike.ingest.removing import REMOVED_BY_HAND
from lookalike.server.jobs import Cancelled, Job, JobBoard
from lookalike.server.jobs.board import facts_of
from lookalike.server.jobs.sharing import Part
from lookalike.server.pools import low_pool
from lookalike.server.settings import Limits
from lookalike.server.uploads.adding import Submission, add_uploads, image_at, intact_copy
from lookalike.server.uploads.inbox import Inbox
from lookalike.server.uploads.names import safe_name
from lookalike.server.uploads.outcomes import Outcome, Waiting, told
from lookalike.server.uploads.places import (
    discard,
    kept_metadata,
    metadata_file,
    uploads_folder,
    uploads_source,
    write_metadata,
)
from lookalike.server.uploads.receiving import Received, ReceivedForm

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
    """

    def __init__(
        self,
        name: str,
        gallery: Gallery,
        encoder: Callable[[], Encoder],
        board: JobBoard,
        limits: Limits,
    ) -> None:
        self._name = name
        self._gallery = gallery
        self._encoder = encoder
        self._board = board
        self._limits = limits
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
        form = ReceivedForm(self._pool)
        try:
            with writing(self._gallery.path):
                yield form
        finally:
            # Also where the request was cut off.
            await asyncio.shield(form.beside(delete_all, form.files))

    def new_file(self) -> Path:
        """Name a file to receive into."""
        return self._inbox.new_file()

    def accept(
        self, files: Sequence[Received], metadata: Sequence[Mapping[str, Any] | None]
    ) -> Job | Sequence[Outcome]:
        """Take received files in: when this returns, those that wait are safe on the disk.

        Args:
            files: As they were received.
            metadata: Columns to keep with each.

        Returns:
            The job that adds them, which has ended already where there is nothing to add;
            or the outcomes where none of them can be used.

        Raises:
            StorageFull, GalleryReadOnly: They could not be written; none was taken in.
        """
        submission = Submission([], {})
        folders: set[Path] = set()
        try:
            with writing(self._gallery.path):
                for received, row in zip(files, metadata, strict=True):
                    self._take(submission, received, row, folders)
                for folder in folders:
                    flush_folder(folder)
        except BaseException:
            self._discard(submission)
            raise
        if all(outcome.status == "refused" for outcome in submission.outcomes):
            return submission.outcomes
        if not submission.waiting:
            return self._board.ended(self._name, KIND, told(submission.outcomes))
        return self._submit(submission)

    def recover(self) -> list[Job]:
        """Add what was taken in and not added, by servers that were killed or are stopped."""
        self._inbox.sweep()
        left = self._left()
        if left:
            logger.info("adding %d uploads of before to %s", len(left), self._name)
        return [
            self._submit(recovered(left[start : start + MOST_TOGETHER]))
            for start in range(0, len(left), MOST_TOGETHER)
        ]

    def retry(self) -> list[Job]:
        """Add again what failed for a reason outside, such as a full disk."""
        with self._lock:
            under_way = dict(self._under_way)
        jobs = {path: self._board.job(job_id) for path, job_id in under_way.items() if job_id}
        failed = [path for path, job in jobs.items() if job is None or job.has_ended]
        if not failed:
            return []
        self._forget(failed)
        return self.recover()

    @property
    def pending(self) -> int:
        """How many pictures were taken in and are not added yet."""
        with self._lock:
            return len(self._under_way)

    def close(self) -> None:
        """Delete what was being received; what was taken in stays."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._inbox.close()

    def _take(
        self,
        submission: Submission,
        received: Received,
        metadata: Mapping[str, Any] | None,
        folders: set[Path],
    ) -> None:
        """Look at one file, and keep it if it is a picture that is not there yet."""
        outcome = Outcome(received.name)
        try:
            with self._checking:
                content, form = checked(received, self._limits)
        except ImageError as error:
            submission.outcomes.append(outcome.refused(facts_of(error)))
            return
        known = intact_copy(self._gallery, content)
        if known is not None:
            submission.outcomes.append(outcome.known_as(known))
            return
        path = self._kept(received.file, safe_name(received.name, form), folders)
        submission.waiting[len(submission.outcomes)] = Waiting(path, content, metadata)
        submission.outcomes.append(Outcome(received.name, path=path))
        if metadata:
            write_metadata(uploads_folder(self._gallery) / path, metadata)

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

    def _forget(self, paths: Iterable[str]) -> None:
        """Note that files are no longer under way."""
        with self._lock:
            for path in paths:
                self._under_way.pop(path, None)

    def _submit(self, submission: Submission) -> Job:
        paths = [item.path for item in submission.waiting.values()]
        with self._lock:
            job = self._board.submit_shared(
                self._name,
                KIND,
                submission,
                self._add,
                weight=len(paths),
                result=told(submission.outcomes),
                on_cancel=lambda: self._discard(submission),
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

        submissions = [part.value for part in parts]
        add_uploads(self._gallery, self._encoder(), submissions, on_progress=listen)
        for part in parts:
            part.result = told(part.value.outcomes)
        self._forget(
            item.path
            for submission in submissions
            for place, item in submission.waiting.items()
            if submission.outcomes[place].status != "waiting"
        )

    def _discard(self, submission: Submission) -> None:
        """Delete pictures that nobody wants any more, unless they are images by now."""
        paths = [item.path for item in submission.waiting.values()]
        for path in paths:
            if image_at(self._gallery, path) is None:
                discard(uploads_folder(self._gallery) / path)
        self._forget(paths)

    def _left(self) -> list[Waiting]:
        """List the uploads that the gallery does not know, and that nobody is adding."""
        folder = uploads_folder(self._gallery)
        if not folder.is_dir():
            return []
        source = uploads_source(self._gallery)
        known = KnownFiles()
        if source is not None:
            known = self._gallery.known_files(source.source_id, [""])
        left = []
        for ref in Source("folder", str(folder)).scan():
            file = folder / ref.path
            seen = known.images.get(ref.path) or known.skipped.get(ref.path)
            # Another file may have had the name, and been deleted since.
            is_same = seen is not None and same_file(seen, ref)
            with self._lock:
                if ref.path in self._under_way:
                    continue
            if is_same and isinstance(seen, Skipped) and seen.reason == REMOVED_BY_HAND:
                discard(file)  # a kill came between the two halves of its removal
                continue
            if is_same and not metadata_file(file).exists():
                continue
            with suppress(ImageError):
                content = content_hash(read_file(str(file)))
                left.append(Waiting(ref.path, content, kept_metadata(file)))
        return left


def checked(received: Received, limits: Limits) -> tuple[str, str]:
    """Look at a file's header, without decoding it; give its content hash and format.

    Raises:
        ImageError: It is no picture, or too large a one.
    """
    data = read_file(str(received.file))
    name = f"{received.name!r:.120}"
    try:
        with silenced():
            form = format_of(data)
            check_size(open_picture(data).size, limits.max_pixels)
    except ImageError as error:
        raise type(error)(f"Cannot take {name}: {error}.") from error
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"Cannot take {name}: {in_plain_words(error)}.") from error
    except MemoryError as error:
        raise ImageOutOfReach(f"Cannot take {name}: the memory did not suffice.") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageUnreadable(
            f"Cannot take {name}: it is damaged ({in_plain_words(error)})."
        ) from error
    return content_hash(data), form


def same_file(seen: KnownImage | Skipped, ref: ImageRef) -> bool:
    """Tell whether a file is the one that the gallery saw."""
    return (seen.size_bytes, seen.mtime_ns) == (ref.size_bytes, ref.mtime_ns)


def recovered(left: Sequence[Waiting]) -> Submission:
    """Make a request of files that nobody waits for any more."""
    outcomes = [Outcome(item.path.rpartition("/")[2], path=item.path) for item in left]
    return Submission(outcomes, dict(enumerate(left)))


def delete_all(files: Sequence[Received]) -> None:
    """Delete what was received and has not been taken in."""
    for received in files:
        with suppress(OSError):
            received.file.unlink(missing_ok=True)
