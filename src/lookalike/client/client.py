"""A running server, asked as one asks a searcher."""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
from numpy.typing import NDArray

from lookalike.client.adding import Adding, AddListener, PictureToAdd, fields_of, rows_of
from lookalike.client.answers import API
from lookalike.client.connections import TOO_MANY_REQUESTS, Body, Connections, NotTaken
from lookalike.client.failures import error_of, failure_of, told_by
from lookalike.client.receiving import (
    AddReport,
    ServerJob,
    record_of,
    results_of,
)
from lookalike.client.saving import file_in, numbered_name, whole_file
from lookalike.client.sending import json_body, query_body, query_groups
from lookalike.errors import ServerError, ServerNotReached
from lookalike.gallery import Condition, ImageRecord
from lookalike.index import SearchParams
from lookalike.index.plans import Plan
from lookalike.search import Results
from lookalike.search.query import QueryInput
from lookalike.search.wanted import wanted_queries

__all__ = ["Client"]

PAGE = 500
# How often a job is looked at: at first nearly at once, then every second.
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 1.0


class Client:
    """Asks a server that ``lookalike serve`` runs, as ``Searcher`` asks a gallery.

    Safe to share between threads. Connections stay open between requests; ``close``,
    or leaving it as a context manager, ends them. Errors are those of the library,
    with the sentence that it would say.

    Args:
        url: Where the server answers; its API's own address does as well.
        gallery: Which of its galleries, by name; its first, if None.
        token: What it wants to be shown; the variable LOOKALIKE_TOKEN of the environment,
            if None.
        timeout: Seconds to wait for it.

    Raises:
        UsageError: The address is none.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        gallery: str | None = None,
        token: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        shown = token or os.environ.get("LOOKALIKE_TOKEN") or None
        self._connections = Connections(url.rstrip("/").removesuffix(API), timeout, shown)
        self._gallery = gallery
        self._finalizer = weakref.finalize(self, self._connections.close)

    def close(self) -> None:
        """Close its connections; it opens new ones if it is asked again."""
        self._connections.close()

    def __repr__(self) -> str:
        return f"Client({self._connections.url!r}, gallery={self._gallery!r})"

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Be made anew in another process, with the same address, token and time-out."""
        told = self._connections
        return (
            partial(
                Client,
                told.url,
                gallery=self._gallery,
                token=told.token,
                timeout=told.timeout_s,
            ),
            (),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def gallery(self) -> str:
        """The name of its gallery on the server."""
        if self._gallery is None:
            known = self.galleries()
            found = next((item for item in known if item.get("is_default")), None)
            if found is None:
                raise ServerError(
                    f"The server at {self._connections.url} has no gallery for this client."
                )
            self._gallery = str(found["name"])
        return self._gallery

    def search(
        self,
        query: QueryInput,
        k: int | None = None,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
        offset: int = 0,
    ) -> Results:
        """Find the k images that look most like the query, as ``Searcher.search`` does.

        Pictures, those of files too, are sent as the bytes that they are.

        Args:
            query: As of ``Searcher.search``.
            k: How many at most; 10 unless said.
            exclude_self: Leave out the image that is the query: the one with its
                image_id, else those with its very bytes.
            min_score: Leave out images of a lower score.
            where: Search only among the images that a filter lets through; as text.
            params: How hard the index looks; None as it was tuned.
            offset: Hits to leave out before the first.

        Raises:
            LookalikeError: As ``Searcher.search``.
            ServerError: The server does not answer, or not as it should.
        """
        wanted = wanted_queries(
            [query], k, exclude_self=exclude_self, min_score=min_score, where=where
        )[0]
        body = query_body(wanted, offset=offset, params=params)
        return results_of(self._told("POST", self._below("search"), body), wanted)

    def search_many(
        self,
        queries: Sequence[QueryInput],
        k: int | None = None,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> list[Results]:
        """Answer several queries, each as ``search`` answers one.

        Raises:
            LookalikeError: As ``search``; of several errors the first.
        """
        wanted = wanted_queries(
            queries, k, exclude_self=exclude_self, min_score=min_score, where=where
        )
        results: list[Results] = []
        for group in query_groups(wanted, params):
            told = self._told("POST", self._below("search/batch"), json_body({"queries": group}))
            for answer in told["answers"]:
                if "hits" not in answer:
                    raise error_of(answer)
                results.append(results_of(answer, wanted[len(results)]))
        return results

    def explain(
        self,
        query: QueryInput,
        k: int | None = None,
        *,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> Plan:
        """Search, and say how that was done."""
        plan = self.search(query, k, where=where, params=params).plan
        return Plan("exact", 0) if plan is None else plan

    def galleries(self) -> list[dict[str, Any]]:
        """Tell of each gallery of the server its name, how many images it has, and so on."""
        told = self._told("GET", f"{API}/galleries")
        found = told.get("galleries") if isinstance(told, dict) else None
        if not isinstance(found, list) or not all(is_gallery_entry(item) for item in found):
            raise ServerError(
                f"What answers at {self._connections.url} lists no galleries, and is no Lookalike "
                "server: check the address."
            )
        return found

    def info(self) -> dict[str, Any]:
        """Tell what the server knows of the gallery: counts, columns, its encoder, limits."""
        told: dict[str, Any] = self._told("GET", self._below(""))
        return told

    def columns(self) -> tuple[str, ...]:
        """Name what a filter can ask for."""
        return tuple(column["name"] for column in self.info()["columns"])

    def __len__(self) -> int:
        return int(self.info()["images"])

    def __bool__(self) -> bool:
        """A client is one whatever its gallery holds: nobody is asked."""
        return True

    def image(self, image_id: int) -> ImageRecord:
        """Read one image.

        Raises:
            ImageNotInGallery: There is none of that id.
        """
        return record_of(self._told("GET", self._below(f"images/{int(image_id)}")))

    def images(self, *, where: str | None = None) -> Iterator[ImageRecord]:
        """Stream all images, or those that a filter lets through, by image_id.

        Raises:
            UsageError: The filter cannot be read.
        """
        after: int | None = None
        while True:
            asked = {"order": "id", "limit": PAGE, "after": after, "where": where}
            told = self._told("GET", self._below("images", asked))
            yield from (record_of(item) for item in told["images"])
            after = told["next_after"]
            if after is None:
                return

    def embedding(self, image_id: int) -> NDArray[np.float32]:
        """Read one embedding as it is stored, float32 ``(dim,)``.

        Raises:
            ImageNotInGallery: There is none of that id.
        """
        told = self._told("GET", self._below(f"images/{int(image_id)}/embedding"))
        return np.array(told["embedding"], dtype=np.float32)

    def thumbnail(self, image_id: int, side: int = 256) -> bytes:
        """Read a small JPEG of an image, upright.

        Raises:
            ImageNotInGallery: There is none of that id.
            ImageError: Its file cannot be read any more.
        """
        place = self._below(f"images/{int(image_id)}/thumbnail", {"side": side})
        return self._bytes("GET", place)

    def original(self, image_id: int) -> bytes:
        """Read the file of an image.

        Raises:
            ImageNotInGallery: There is none of that id.
            LookalikeError: It is not there any more, or was changed.
        """
        return self._bytes("GET", self._below(f"images/{int(image_id)}/original"))

    def save_thumbnail(
        self, image_id: int, target: str | os.PathLike[str], side: int = 256
    ) -> Path:
        """Write a small JPEG of an image to a file.

        Args:
            image_id: Of the image.
            target: The file, which is replaced; or a folder, in which it gets the image's
                number for its name.
            side: Of the square that it fits into.

        Returns:
            The file.

        Raises:
            LookalikeError: As ``thumbnail``; nothing is left of it.
            OSError: The target cannot be written.
        """
        place = self._below(f"images/{int(image_id)}/thumbnail", {"side": side})
        return self._saved(place, file_in(target, lambda: f"{int(image_id)}.jpg"))

    def save_original(self, image_id: int, target: str | os.PathLike[str]) -> Path:
        """Write the file of an image to a file, block by block, however large it is.

        Args:
            image_id: Of the image.
            target: The file, which is replaced; or a folder, in which it gets the image's
                number for its name, and the ending that it has.

        Returns:
            The file.

        Raises:
            LookalikeError: As ``original``; nothing is left of it.
            OSError: The target cannot be written.
        """
        place = self._below(f"images/{int(image_id)}/original")
        return self._saved(place, file_in(target, lambda: numbered_name(self.image(image_id))))

    def add(
        self,
        pictures: PictureToAdd | Iterable[PictureToAdd],
        *,
        metadata: Iterable[Mapping[str, Any] | None] | None = None,
        wait: bool = True,
        skip_known: bool = False,
        on_progress: AddListener | None = None,
    ) -> AddReport:
        """Send pictures to be added, paths or bytes; the server keeps them.

        Args:
            pictures: One or more; many go in several requests.
            metadata: Columns to keep with each.
            wait: Whether to wait until they can be found.
            skip_known: Whether to ask first which of them the gallery holds already, by the
                hashes of their bytes, and not to send these: so an interrupted call is
                taken up again.
            on_progress: Told after each request how far it is.

        Raises:
            SourceNotFound: A file cannot be read.
            ImageError: Not one of them can be used.
        """
        files = fields_of(pictures)
        place = self._below("images")
        adding = Adding(
            files,
            rows_of(metadata, count=len(files)),
            lambda body: self._connections.ask("POST", place, body, is_repeatable=False),
            url=self._connections.url,
            on_progress=on_progress,
        )
        adding.send_all(self._known if skip_known else None)
        if wait:
            adding.wait_with(self.wait)
        return adding.report()

    def remove(self, image_ids: int | Sequence[int]) -> list[int]:
        """Take images out of the gallery; files that were not sent to the server stay.

        Returns:
            Those that were there.
        """
        wanted = [image_ids] if isinstance(image_ids, int | np.integer) else list(image_ids)
        if not wanted:
            return []
        body = json_body({"image_ids": [int(image_id) for image_id in wanted]})
        place = self._below("images/remove")
        removed: list[int] = self._told("POST", place, body, is_repeatable=False)["removed"]
        return removed

    def update(self, *, wait: bool = True) -> ServerJob:
        """Bring the gallery up to date with its sources.

        Raises:
            LookalikeError: That failed.
        """
        told = self._told("POST", self._below("update"), is_repeatable=False)
        job = ServerJob.from_dict(told)
        return self.wait(job) if wait else job

    def jobs(self) -> list[ServerJob]:
        """List what the server does and did for this gallery, the newest first."""
        asked = urlencode({"gallery": self.gallery})
        told = self._told("GET", f"{API}/jobs?{asked}")
        return [ServerJob.from_dict(item) for item in told["jobs"]]

    def job(self, job_id: str) -> ServerJob:
        """Tell how far a job is.

        Raises:
            UsageError: There is none of that name.
        """
        return ServerJob.from_dict(self._told("GET", job_place(job_id)))

    def cancel(self, job: ServerJob | str) -> ServerJob:
        """Ask for a job's end; what it has done stays."""
        name = job.job_id if isinstance(job, ServerJob) else job
        return ServerJob.from_dict(self._told("DELETE", job_place(name)))

    def wait(self, job: ServerJob | str, *, timeout: float | None = None) -> ServerJob:
        """Wait for a job's end; a server that was asked too often is asked later.

        Args:
            job: Which.
            timeout: Seconds to wait at most; None for as long as it takes.

        Raises:
            LookalikeError: The error that it failed of.
            ServerNotReached: It has not ended in time; it goes on.
        """
        name, found = (job, None) if isinstance(job, str) else (job.job_id, job)
        end = math.inf if timeout is None else time.monotonic() + timeout
        pause = FIRST_LOOK_S
        while found is None or not found.has_ended:
            reply = self._connections.ask("GET", job_place(name), patience_s=0)
            if reply.status != TOO_MANY_REQUESTS:
                found = ServerJob.from_dict(told_by(reply, url=self._connections.url))
                if found.has_ended:
                    break
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise ServerNotReached(
                    f"The job {name} has not ended within {timeout:g} seconds, and goes on: wait "
                    "for it again."
                )
            time.sleep(min(left_s, max(pause, reply.retry_after_s)))
            pause = min(2 * pause, LAST_LOOK_S)
        return found.require_done()

    def _below(self, place: str, asked: Mapping[str, Any] | None = None) -> str:
        """Write an address below the gallery's."""
        whole = f"{API}/galleries/{quote(self.gallery, safe='')}/{place}".rstrip("/")
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        return f"{whole}?{urlencode(given)}" if given else whole

    def _known(self, hashes: Sequence[str]) -> dict[str, int]:
        """Tell of content hashes those that the gallery holds, with the first image of each."""
        # Hexadecimal digits: nothing in them has to be quoted.
        where = f"content_hash IN ({', '.join(repr(each) for each in hashes)})"
        known: dict[str, int] = {}
        for record in self.images(where=where):
            known.setdefault(record.content_hash, record.image_id)
        return known

    def _saved(self, place: str, file: Path) -> Path:
        """Write what comes back to a file, whole or not at all."""
        try:
            with whole_file(file) as stream:
                reply = self._connections.ask("GET", place, take=stream.write)
                if reply.status != 200:
                    raise failure_of(reply, url=self._connections.url)
        except NotTaken as error:
            raise (error.__cause__ or error) from None
        return file

    def _told(
        self, method: str, path: str, body: Body | None = None, *, is_repeatable: bool = True
    ) -> Any:
        """Ask, and read the JSON that comes back."""
        reply = self._connections.ask(method, path, body, is_repeatable=is_repeatable)
        return told_by(reply, url=self._connections.url)

    def _bytes(self, method: str, path: str) -> bytes:
        """Ask, and take what comes back as it is."""
        reply = self._connections.ask(method, path)
        if reply.status != 200:
            raise failure_of(reply, url=self._connections.url)
        return reply.data


def job_place(job_id: str) -> str:
    """Write the address of a job."""
    return f"{API}/jobs/{quote(job_id, safe='')}"


def is_gallery_entry(item: object) -> bool:
    """Tell whether something is what a server tells of a gallery."""
    return isinstance(item, dict) and isinstance(item.get("name"), str)
