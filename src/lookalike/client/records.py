"""Which servers run on this machine: small files in the user's cache, one for each gallery.

Only the standard library is imported, since a command that asks a server must not
wait for anything else. A record holds a token that lives as long as its server, so
it is the user's alone: its folder is 0700 and its file 0600, and a record that
others could have written is not believed.
"""

from __future__ import annotations

import json
import os
import platform
import stat
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lookalike.caching import cache_folder, replace_text
from lookalike.gallery.finding import CATALOG

__all__ = ["ServerRecord", "find_record", "remove_record", "write_record"]

FOLDER = "servers"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# Of a record, besides itself: the machine, since when its process runs, and the file that
# is the gallery's catalog.
CIRCUMSTANCES = ("host", "started", "catalog")

# What others may do with a file or a folder.
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server of this machine that has a gallery open.

    Attributes:
        url: Where it answers, as in ``http://127.0.0.1:8080``.
        gallery: The gallery's folder, as its real path.
        name: What the server calls the gallery.
        pid: Its process.
        token: Lets in the user whose record this is.
        version: The Lookalike that it runs.
    """

    url: str
    gallery: str
    name: str
    pid: int
    token: str
    version: str


def write_record(record: ServerRecord) -> Path:
    """Make a running server known to the other programs of its user.

    Raises:
        OSError: It cannot be written.
    """
    folder = cache_folder() / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    file = file_of(record)
    told = {**asdict(record), **circumstances(record)}
    replace_text(file, json.dumps(told))
    os.chmod(file, 0o600)  # until now nobody could look into the folder
    return file


def remove_record(record: ServerRecord) -> None:
    """Take a server's record away, if it is there."""
    file_of(record).unlink(missing_ok=True)


def find_record(gallery: str | os.PathLike[str]) -> ServerRecord | None:
    """Find a server that runs on this machine and has a gallery open.

    Records that a killed server left behind are removed.

    Args:
        gallery: The gallery's folder, by any path.
    """
    real = os.path.realpath(gallery)
    try:
        folder = cache_folder() / FOLDER
        require_own(folder.lstat(), stat.S_ISDIR)
        files = sorted(folder.glob(f"{digest(real)}-*.json"), key=age)
    except OSError:
        return None
    found = (read_record(file) for file in files)
    return next((record for record in found if record and record.gallery == real), None)


def read_record(file: Path) -> ServerRecord | None:
    """Read a record, and believe it only if its user wrote it and its server runs."""
    try:
        told = own_object(file)
    except (OSError, ValueError):
        return None
    then = {name: told.pop(name, None) for name in CIRCUMSTANCES}
    if then["host"] != platform.node():
        return None  # the cache is shared with other machines
    try:
        record = ServerRecord(**told)
    except TypeError:
        return None  # of another Lookalike
    if not is_sound(record):
        return None
    now = circumstances(record)
    if not is_running(record.pid) or now["started"] != then["started"]:
        file.unlink(missing_ok=True)
        return None
    return record if now == then else None


def own_object(file: Path) -> dict[str, Any]:
    """Read a JSON object that nobody else could have written.

    Raises:
        OSError: Somebody could, or it cannot be read.
        ValueError: It is no JSON object.
    """
    with open(file, encoding="utf-8", opener=without_links) as stream:
        require_own(os.fstat(stream.fileno()), stat.S_ISREG)
        told = json.load(stream)
    if not isinstance(told, dict):
        raise ValueError(f"{file} holds no object")
    return told


def without_links(path: str, flags: int) -> int:
    """Open a file, but nothing that a link leads to, and without waiting for a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def require_own(facts: os.stat_result, is_kind: Any) -> None:
    """Refuse what is not the user's alone.

    Raises:
        PermissionError: It is another user's, others may read or write it, or it is no
            plain file or folder.
    """
    is_own = os.name != "posix" or (
        facts.st_uid == os.geteuid() and not stat.S_IMODE(facts.st_mode) & OTHERS
    )
    if not is_own or not is_kind(facts.st_mode):
        raise PermissionError("a record of a server is its user's alone")


def is_sound(record: ServerRecord) -> bool:
    """Tell whether each value is of its kind, and the server on this machine."""
    for item in fields(record):
        if not isinstance(getattr(record, item.name), int if item.name == "pid" else str):
            return False
    try:
        address = urlsplit(record.url)
    except ValueError:
        return False
    return address.scheme == "http" and address.hostname in LOOPBACK and record.pid > 0


def is_running(pid: int) -> bool:
    """Tell whether a process of the user lives."""
    if os.name != "posix":
        return True  # asking by a signal would end it there; a dead one does not answer anyway
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return True


def circumstances(record: ServerRecord) -> dict[str, Any]:
    """Tell by what a record that is out of date gives itself away: ``CIRCUMSTANCES``."""
    return dict(
        zip(
            CIRCUMSTANCES,
            (platform.node(), started(record.pid), catalog_file(record.gallery)),
            strict=True,
        )
    )


def catalog_file(gallery: str) -> list[int] | None:
    """Tell which file the catalog is: a gallery that was made anew has another.

    The old one's number is not given away while a server has it open.
    """
    try:
        facts = os.stat(os.path.join(gallery, CATALOG))
    except OSError:
        return None
    return [facts.st_dev, facts.st_ino]


def started(pid: int) -> str | None:
    """Tell when a process began, so that a later one of the same pid is not taken for it.

    In ticks since the machine's start, field 22 of /proc/PID/stat (proc(5)); None where
    a system does not say.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            # The name of the program, in brackets, may hold anything.
            return stream.read().rpartition(b")")[2].split()[19].decode("ascii")
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def file_of(record: ServerRecord) -> Path:
    """Name the file of a record."""
    return cache_folder() / FOLDER / f"{digest(record.gallery)}-{record.pid}.json"


def digest(gallery: str) -> str:
    """Shorten a path to what a file name holds; two paths of one digest do no harm."""
    return f"{zlib.crc32(os.fsencode(gallery)):08x}"


def age(file: Path) -> float:
    """Order files by how long ago they were written, the newest first and last what is gone."""
    try:
        return -file.stat().st_mtime
    except FileNotFoundError:  # its server ended just now
        return 0.0
