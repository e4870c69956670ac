"""Bringing published files to this machine: resumed where they broke off, and compared."""

from __future__ import annotations

import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from lookalike.encoders.weights.reach import is_set, why_out_of_reach
from lookalike.errors import DatasetError, DatasetNotFound, DatasetUnreadable, StorageFull
from lookalike.evaluation.datasets.known import KnownFile, KnownSet
from lookalike.evaluation.datasets.places import datasets_folder, find_file
from lookalike.evaluation.datasets.preparing import Progress
from lookalike.evaluation.datasets.published import find_files, require_published
from lookalike.evaluation.writing import FULL

__all__ = ["pull_files"]

TIMEOUT_S = 20.0
# For asking whether anybody is there; a file has two addresses at most.
PROBE_S = 2.0
CHUNK_BYTES = 2**18
PAGE, PAGE_START_BYTES = "text/html", 1024
PARTIAL, WHOLE, BEYOND_THE_END = 206, 200, 416
AGENT = "lookalike (image similarity search; evaluation data)"


def pull_files(known: KnownSet, *, on_progress: Progress | None = None) -> list[Path]:
    """Bring the files of a set, in the first of the ways in which it was published.

    What is here is not fetched again; a file that broke off goes on where it stopped.
    Each is compared with what was published before it gets its name.

    Raises:
        DatasetNotFound: No address answers; the message says what to fetch by other means.
        DatasetUnreadable: What came is not what was published.
        DatasetError: It broke off; the same command goes on.
        StorageFull: There is no room.
    """
    if here := find_files(known):
        return list(here.values())
    folder = datasets_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"The folder {folder} cannot be made ({error.strerror}): set LOOKALIKE_DATASETS to one "
            "that can be written."
        ) from error
    missing = [file for file in known.variants[0] if find_file(file.name) is None]
    require_reach(missing, known, folder)
    done = 0

    def tell(size: int, announced: int) -> None:
        if on_progress:
            on_progress(done + size, known.size or done + announced)

    from filelock import FileLock

    for file in known.variants[0]:
        if file in missing:
            with FileLock(folder / f".{file.name}.lock"):
                pull_file(file, folder, tell)
        done += (folder / file.name).stat().st_size
    return [folder / file.name for file in known.variants[0]]


def require_reach(files: list[KnownFile], known: KnownSet, folder: Path) -> None:
    """Refuse early where nobody answers, and say what can be done.

    Raises:
        DatasetNotFound: No address of a file answers.
    """
    for file in files:
        why = "LOOKALIKE_OFFLINE is set" if is_set("LOOKALIKE_OFFLINE") else ""
        why = why or why_no_address(file)
        if why:
            places = [one.addresses[0] if one.addresses else one.name for one in files]
            raise DatasetNotFound(
                f"The data set {known.name} was not fetched ({why}): fetch "
                f"{' and '.join(places)} by other means and put "
                f"{'it' if len(files) == 1 else 'them'} into {folder}."
            )


def why_no_address(file: KnownFile) -> str:
    """Ask the places where a file can be had; empty if one answers."""
    reasons = []
    for address in file.addresses:
        parts = urlsplit(address)
        reason = why_out_of_reach(f"{parts.scheme}://{parts.netloc}", timeout_s=PROBE_S)
        if not reason:
            return ""
        reasons.append(f"{parts.netloc}: {reason}")
    return reasons[0] if reasons else f"no address of {file.name} is known"


def pull_file(file: KnownFile, folder: Path, tell: Callable[[int, int], None]) -> None:
    """Bring one file, from whichever of its addresses gives it."""
    target = folder / file.name
    if target.is_file():  # another process has brought it meanwhile
        return
    part = target.with_name(f"{file.name}.incomplete")
    problem: Exception | None = None
    for address in file.addresses:
        try:
            receive_all(address, part, file, tell)
            require_sound(file, part, address)
        except (OSError, http.client.HTTPException, DatasetUnreadable) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise no_room(folder, file) from error
            # The first address is where it was published: what is wrong there matters most.
            problem = problem or error
            continue
        os.replace(part, target)
        return
    if isinstance(problem, DatasetUnreadable):
        raise problem
    raise DatasetError(
        f"{file.name} was not fetched to its end ({worded(problem)}): pull again, it goes on where "
        f"it stopped; or fetch {file.addresses[0]} by other means and put it into {folder}."
    ) from problem


def worded(problem: Exception | None) -> str:
    """Say what went wrong, in a few words."""
    if isinstance(problem, urllib.error.HTTPError):
        return f"the server answers {problem.code}"
    reason = getattr(problem, "reason", None) or problem
    return str(getattr(reason, "strerror", None) or reason) or type(problem).__name__


def require_sound(file: KnownFile, part: Path, address: str) -> None:
    """Compare what came; what is wrong is not kept, so that it does not spoil the next try."""
    try:
        require_no_page(part)
        require_published(file, part)
    except DatasetUnreadable as error:
        part.unlink()
        raise DatasetUnreadable(
            f"What {urlsplit(address).netloc} sends as {file.name} is not what was "
            f"published, and was deleted ({error})"
        ) from error


def require_no_page(part: Path) -> None:
    """Refuse a page of the web, which servers send for what is gone: not all sets have checksums.

    Raises:
        DatasetUnreadable: It is one.
    """
    with part.open("rb") as stream:
        start = stream.read(PAGE_START_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise DatasetUnreadable("it is a page of the web: look at that address with a browser.")


def receive_all(
    address: str, part: Path, file: KnownFile, tell: Callable[[int, int], None]
) -> None:
    """Receive what is missing, again as long as each attempt brings something."""
    if file.size and part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            receive(address, part, file, tell)
            return
        except (OSError, http.client.HTTPException):
            after = part.stat().st_size if part.is_file() else 0
            if after <= before:
                raise


def receive(address: str, part: Path, file: KnownFile, tell: Callable[[int, int], None]) -> None:
    """Append what is missing of a file, or all of it where the server starts anew."""
    start = part.stat().st_size if part.is_file() else 0
    if file.size and start == file.size:
        return
    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(address, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == BEYOND_THE_END and not file.size:
            return  # nobody states its size, and there is no more
        raise
    with answer:
        if answer.headers.get_content_type() == PAGE:
            raise DatasetUnreadable(
                f"{urlsplit(address).netloc} sends a page of the web as {file.name}: look at "
                f"{address} with a browser, or fetch the file by other means."
            )
        if answer.status != PARTIAL:
            start = 0
        announced = start + int(answer.headers.get("Content-Length") or 0)
        require_room(part.parent, file, announced - start)
        with part.open("ab" if start else "wb") as stream:
            while chunk := answer.read(CHUNK_BYTES):
                stream.write(chunk)
                tell(stream.tell(), announced)
        if part.stat().st_size < announced:
            raise http.client.IncompleteRead(b"", announced - part.stat().st_size)


def require_room(folder: Path, file: KnownFile, size: int) -> None:
    """Refuse a download that cannot end well."""
    if shutil.disk_usage(folder).free < size:
        raise no_room(folder, file)


def no_room(folder: Path, file: KnownFile) -> StorageFull:
    """Make the error for a full disk."""
    return StorageFull(
        f"{file.name} does not fit into {folder}: make room, or set LOOKALIKE_DATASETS to another "
        "folder, and pull again; it goes on where it stopped."
    )
