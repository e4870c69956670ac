"""Pictures on their way to a server, in portions that it takes, and what became of each."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from lookalike.client.connections import Body, Reply
from lookalike.client.failures import error_of, problem_of, told_by
from lookalike.client.multipart import FormField, form_body
from lookalike.client.receiving import AddProgress, AddReport, SentPicture, ServerJob
from lookalike.errors import LookalikeError, UsageError

__all__ = ["AddListener", "Adding", "PictureToAdd", "fields_of", "rows_of"]

# A path, or a picture's bytes.
PictureToAdd: TypeAlias = "str | os.PathLike[str] | bytes"

AddListener: TypeAlias = "Callable[[AddProgress], object]"

# Half of what a server takes at once, unless it was told otherwise; so many content hashes
# also fit into a filter.
PORTION_FILES = 32
PORTION_BYTES = 2**25


class Adding:
    """Sends pictures portion by portion, and keeps what became of each.

    Args:
        files: The pictures.
        rows: Columns to keep with each; None for none at all.
        send: Posts a form.
        url: Of the server, for errors.
        on_progress: Told after each portion, and after each job that has ended.
    """

    def __init__(
        self,
        files: Sequence[FormField],
        rows: Sequence[Mapping[str, Any] | None] | None,
        send: Callable[[Body], Reply],
        *,
        url: str,
        on_progress: AddListener | None,
    ) -> None:
        self._files = files
        self._rows = rows
        self._send = send
        self._url = url
        self._on_progress = on_progress
        self._outcomes: list[SentPicture | None] = [None] * len(files)
        self._jobs: list[tuple[list[int], ServerJob]] = []
        self._refusal: LookalikeError | None = None
        self._sent = 0

    def send_all(self, known: Callable[[Sequence[str]], Mapping[str, int]] | None) -> None:
        """Send the pictures.

        Args:
            known: Tells of content hashes those that the gallery holds, with an image each;
                they are not sent. None to send all.

        Raises:
            SourceNotFound: A file is not there; where it was so from the start, nothing is sent.
        """
        for portion in portions(self._files):
            new = portion if known is None else self._unknown(portion, known)
            if new:
                self._send_some(new)
            self._sent += len(portion)
            self._tell()

    def wait_with(self, wait: Callable[[ServerJob], ServerJob]) -> None:
        """Wait until all can be found.

        Raises:
            LookalikeError: A job failed.
        """
        for number, (places, job) in enumerate(self._jobs):
            if not job.has_ended:
                self._jobs[number] = (places, wait(job))
                self._settle(*self._jobs[number])
                self._tell()

    def report(self) -> AddReport:
        """Say what became of the pictures.

        Raises:
            ImageError: Not one of them can be used.
        """
        pictures = tuple(
            found or SentPicture(file.file_name or "", "waiting")
            for found, file in zip(self._outcomes, self._files, strict=True)
        )
        if self._refusal and all(picture.status == "refused" for picture in pictures):
            raise self._refusal
        return AddReport(pictures, tuple(job for _, job in self._jobs))

    def _unknown(
        self, places: Sequence[int], known: Callable[[Sequence[str]], Mapping[str, int]]
    ) -> list[int]:
        """Note which pictures of a portion the gallery holds; give the others."""
        hashes = {place: content_hash_of(self._files[place]) for place in places}
        found = known([*hashes.values()])
        for place, content in hashes.items():
            if content in found:
                name = self._files[place].file_name or ""
                self._outcomes[place] = SentPicture(name, "already_there", found[content])
        return [place for place in places if hashes[place] not in found]

    def _send_some(self, places: list[int]) -> None:
        """Send one portion; where not one of it can be used, go on with the next."""
        fields = [self._files[place] for place in places]
        if self._rows is not None:
            rows = [self._rows[place] for place in places]
            told = json.dumps([row and dict(row) for row in rows], allow_nan=False)
            fields = [FormField("metadata", told.encode("ascii")), *fields]
        reply = self._send(form_body(fields))
        problem = problem_of(reply)
        pictures = None if problem is None else problem.get("pictures")
        if problem is not None and isinstance(pictures, list) and len(pictures) == len(places):
            self._refusal = self._refusal or error_of(problem)
            self._note(places, pictures)
            return
        job = ServerJob.from_dict(told_by(reply, url=self._url))
        self._jobs.append((places, job))
        self._settle(places, job)

    def _settle(self, places: Sequence[int], job: ServerJob) -> None:
        """Note what a job tells of its pictures."""
        pictures = (job.result or {}).get("pictures", ())
        if len(pictures) == len(places):
            self._note(places, pictures)

    def _note(self, places: Sequence[int], pictures: Sequence[Mapping[str, Any]]) -> None:
        for place, told in zip(places, pictures, strict=True):
            self._outcomes[place] = SentPicture.from_dict(told)

    def _tell(self) -> None:
        if self._on_progress is None:
            return
        settled = sum(found is not None and found.status != "waiting" for found in self._outcomes)
        self._on_progress(AddProgress(self._sent, settled, len(self._files)))


def fields_of(pictures: PictureToAdd | Iterable[PictureToAdd]) -> list[FormField]:
    """Make a field of each picture.

    Raises:
        UsageError: There is none, or one is neither a path nor bytes.
    """
    several = [pictures] if isinstance(pictures, str | bytes | os.PathLike) else pictures
    found = [field_of(picture) for picture in several]
    if not found:
        raise UsageError("There is no picture to add: give paths, or pictures' bytes.")
    return found


def rows_of(
    metadata: Iterable[Mapping[str, Any] | None] | None, *, count: int
) -> list[Mapping[str, Any] | None] | None:
    """List the metadata.

    Raises:
        UsageError: There are not as many as pictures.
    """
    rows = None if metadata is None else list(metadata)
    if rows is not None and len(rows) != count:
        raise UsageError(
            f"{count} pictures have {len(rows)} metadata: give one, or None, for each."
        )
    return rows


def portions(files: Sequence[FormField]) -> Iterator[list[int]]:
    """Share pictures out, by their places, as many together as a server takes at once.

    Raises:
        SourceNotFound: A file is not there.
    """
    sizes = [file.size_bytes for file in files]
    portion: list[int] = []
    for place, size in enumerate(sizes):
        together = size + sum(sizes[other] for other in portion)
        if portion and (len(portion) == PORTION_FILES or together > PORTION_BYTES):
            yield portion
            portion = []
        portion.append(place)
    if portion:
        yield portion


def content_hash_of(file: FormField) -> str:
    """Hash a picture's bytes as the catalog does, block by block.

    Raises:
        SourceNotFound: It cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for block in file.blocks(file.size_bytes):
        digest.update(block)
    return digest.hexdigest()


def field_of(picture: PictureToAdd) -> FormField:
    """Make a field of a picture.

    Raises:
        UsageError: It is neither a path nor bytes.
    """
    if isinstance(picture, bytes):
        return FormField("picture", picture, file_name="picture")
    if not isinstance(picture, str | os.PathLike):
        raise UsageError(
            f"A picture to add is a path or a picture's bytes, not {type(picture).__name__}."
        )
    path = os.path.expanduser(os.fsdecode(picture))
    return FormField("picture", path=path, file_name=os.path.basename(path))
