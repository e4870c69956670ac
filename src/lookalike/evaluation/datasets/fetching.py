"""Fetching photographs from a list of addresses: many at a time, each a few times."""

from __future__ import annotations

import http.client
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lookalike.encoders.weights.reach import is_set, why_out_of_reach
from lookalike.errors import DatasetError, ImageUnreadable, StorageFull
from lookalike.evaluation.datasets.captions import FAILURES, CaptionedSet, path_of
from lookalike.evaluation.datasets.preparing import Progress
from lookalike.evaluation.datasets.pulling import AGENT
from lookalike.evaluation.writing import FULL
from lookalike.images.formats import format_of

__all__ = ["Fetched", "Patience", "fetch_photographs"]

MAX_PHOTOGRAPH_BYTES = 64 * 2**20
CHUNK_BYTES = 2**16
SCHEMES = {"http", "https"}
# What a server says that may have an answer later.
BUSY = {408, 425, 429, 500, 502, 503, 504}
# Where Flickr sends who asks for a photograph that is gone.
GONE = "photo_unavailable"
# So many addresses without any answer at all, one after the other: the network is gone.
LOST_AFTER = 100
# Among so many addresses servers are looked for to ask whether they are there.
PROBED = 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, how often and how many at a time.

    Attributes:
        timeout_s: For connecting, and for each piece.
        attempts: In all, for each address.
        pause_s: Before the second attempt; doubled before each further one.
        at_a_time: How many are fetched at the same moment.
    """

    timeout_s: float = 10.0
    attempts: int = 3
    pause_s: float = 1.0
    at_a_time: int = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching.

    Attributes:
        here: How many photographs are on this machine.
        failed: How many could not be had, now or before.
        of: How many were wanted.
    """

    here: int
    failed: int
    of: int


class Unanswered(Exception):
    """No server said anything."""


class Failed(Exception):
    """The photograph cannot be had; the message says why."""


def fetch_photographs(
    captioned: CaptionedSet,
    *,
    count: int | None = None,
    retry: bool = False,
    patience: Patience | None = None,
    on_progress: Progress | None = None,
) -> Fetched:
    """Fetch the photographs of the first addresses that are not here yet.

    What cannot be had is written into ``failures.jsonl`` beside the texts and not tried
    again. Each photograph appears whole or not at all, so that an interrupted run goes on
    where it was.

    Args:
        captioned: The list.
        count: How many addresses of the list; None for all.
        retry: Whether to try again what failed before.
        patience: With servers.
        on_progress: Told how many addresses of how many are done.

    Raises:
        DatasetError: No server answers at all; what is here stays.
        StorageFull: There is no room; what is here stays.
    """
    if is_set("LOOKALIKE_OFFLINE"):
        raise DatasetError(
            "The photographs of sbu-captions were not fetched, because LOOKALIKE_OFFLINE is set: "
            "unset it to fetch them."
        )
    if retry:
        (captioned.root / FAILURES).unlink(missing_ok=True)
    urls = captioned.urls()[:count]
    done = {*captioned.fetched(), *captioned.failed()}
    wanted = [(number, url) for number, url in enumerate(urls, 1) if number not in done]
    if why := why_no_host_answers(wanted):
        raise out_of_reach(captioned, why)
    before = len(urls) - len(wanted)
    with Failures(captioned) as failures:
        outcomes = fetched_all(captioned.root, wanted, patience or Patience())
        for position, (number, url, reason) in enumerate(outcomes, 1):
            failures.note(number, url, reason)
            if on_progress:
                on_progress(before + position, len(urls))
    captioned.write_metadata()
    here = sum(number <= len(urls) for number in captioned.fetched())
    return Fetched(here, sum(number <= len(urls) for number in captioned.failed()), len(urls))


class Failures:
    """Writes down what could not be had, as soon as it is sure that the network is there."""

    def __init__(self, captioned: CaptionedSet) -> None:
        self._captioned = captioned
        self._file = (captioned.root / FAILURES).open("a", encoding="utf-8")
        self._unanswered: list[tuple[int, str, Exception]] = []

    def __enter__(self) -> Failures:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def note(self, number: int, url: str, reason: Exception | None) -> None:
        """Note what came of one address.

        Raises:
            DatasetError: None has answered for a long time.
        """
        if isinstance(reason, Unanswered):
            self._unanswered.append((number, url, reason))
            if len(self._unanswered) == LOST_AFTER:
                raise out_of_reach(self._captioned, str(reason))
            return
        # Somebody answers: those before who did not are gone, not the network.
        for each in self._unanswered:
            self._write(*each)
        self._unanswered.clear()
        if reason is not None:
            self._write(number, url, reason)

    def _write(self, number: int, url: str, reason: Exception) -> None:
        facts = {"number": number, "url": url, "reason": str(reason)}
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()


def why_no_host_answers(wanted: Sequence[tuple[int, str]]) -> str:
    """Ask a few of the servers for any answer at all, at the same time.

    Returns:
        Why there is none; empty if there is one, or nobody to ask.
    """
    parts = [urlsplit(url) for _, url in wanted[:PROBED]]
    places = [f"{one.scheme}://{one.netloc}" for one in parts if one.scheme in SCHEMES]
    places = list(dict.fromkeys(places))[:3]
    if not places:
        return ""
    with ThreadPoolExecutor(len(places)) as pool:
        reasons = list(pool.map(why_out_of_reach, places))
    return f"{places[0]}: {reasons[0]}" if all(reasons) else ""


def out_of_reach(captioned: CaptionedSet, why: str) -> DatasetError:
    """Make the error for a network that is not there."""
    return DatasetError(
        f"No photograph can be fetched, because no server answers ({why}). "
        f"{len(captioned.fetched()):,} are here; the same command goes on from there."
    )


def fetched_all(
    root: Path, wanted: Iterable[tuple[int, str]], patience: Patience
) -> Iterator[tuple[int, str, Exception | None]]:
    """Fetch many at a time, in any order: number, address, why it failed."""
    left, stop = iter(wanted), threading.Event()
    with ThreadPoolExecutor(patience.at_a_time, "fetch") as pool:
        running: dict[Future[Exception | None], tuple[int, str]] = {}
        try:
            while True:
                # A million addresses are not handed over at once.
                for number, url in islice(left, 2 * patience.at_a_time - len(running)):
                    attempt = pool.submit(attempted, root, number, url, patience, stop)
                    running[attempt] = number, url
                if not running:
                    return
                done = wait(running, return_when=FIRST_COMPLETED).done
                for finished in sorted(done, key=running.__getitem__):
                    yield (*running.pop(finished), finished.result())
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def attempted(
    root: Path, number: int, url: str, patience: Patience, stop: threading.Event
) -> Exception | None:
    """Fetch one, with some patience, unless nobody waits for it any more.

    Returns:
        Why it failed.
    """
    reason: Exception = Unanswered("interrupted")
    for attempt in range(patience.attempts):
        if attempt:
            stop.wait(patience.pause_s * 2 ** (attempt - 1))
        if stop.is_set():
            return reason
        try:
            keep(root, number, received(url, patience.timeout_s))
            return None
        except Failed as error:
            return error
        except urllib.error.HTTPError as error:
            error.close()
            reason = Failed(f"the server answers {error.code}")
            if error.code not in BUSY:
                return reason
        except (OSError, http.client.HTTPException) as error:
            reason = Unanswered(
                str(getattr(error, "reason", None) or error) or type(error).__name__
            )
    return reason


def received(url: str, timeout_s: float) -> bytes:
    """Ask for one photograph.

    Raises:
        Failed: What comes is no photograph.
        OSError, HTTPException: It did not come, or not to its end.
    """
    if urlsplit(url).scheme not in SCHEMES:
        raise Failed("its address is none of the web")
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})
    with opener().open(request, timeout=timeout_s) as answer:
        if GONE in answer.geturl():
            raise Failed("the photograph is gone")
        chunks, size = [], 0
        while chunk := answer.read(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_PHOTOGRAPH_BYTES:
                raise Failed("it is too large for a photograph")
        announced = answer.headers.get("Content-Length")
        if announced and announced.isdigit() and size < int(announced):
            raise http.client.IncompleteRead(b"", int(announced) - size)
    return b"".join(chunks)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to another address, unless that says that the photograph is gone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Look at the address before going there."""
        if GONE in newurl or urlsplit(newurl).scheme not in SCHEMES:
            fp.close()
            is_gone = GONE in newurl
            raise Failed("the photograph is gone" if is_gone else "the server sends elsewhere")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
    Redirects,
)


def opener() -> urllib.request.OpenerDirector:
    """Make what opens addresses of the web, and neither files nor FTP, redirected or not."""
    director = urllib.request.OpenerDirector()
    for kind in HANDLERS:
        director.add_handler(kind())
    return director


def keep(root: Path, number: int, data: bytes) -> None:
    """Write a photograph, whole or not at all.

    Raises:
        Failed: It is no picture in a format that can be read.
        StorageFull: There is no room.
        DatasetError: The folder cannot be written.
    """
    try:
        extension = format_of(data).lower().replace("jpeg", "jpg")
    except ImageUnreadable as error:
        raise Failed(f"what came is no photograph: {error}") from error
    file = root / path_of(number, extension)
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in FULL:
            raise StorageFull(
                f"The disk became full while photographs were fetched into {root}: make room; the "
                "same command goes on from there."
            ) from error
        raise DatasetError(
            f"A photograph cannot be written into {root} ({error.strerror or error}): check its "
            "permissions; the same command goes on from there."
        ) from error
