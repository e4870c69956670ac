"""Weights from a hub: pulled once, checked, and found again without a network."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from lookalike.caching import cache_folder
from lookalike.encoders.cards import weights_digest
from lookalike.encoders.weights.folders import PICKLES, WeightsFolder, needed_files, open_folder
from lookalike.encoders.weights.reach import require_reach
from lookalike.encoders.weights.stored import (
    COMMIT,
    Repository,
    find_weights,
    record_pull,
    recorded_commit,
    repository_folder,
)
from lookalike.errors import (
    EncoderError,
    EncoderNotFound,
    LookalikeError,
    MissingExtra,
    StorageFull,
    first_line,
)

__all__ = ["Progress", "pull"]

logger = logging.getLogger(__name__)

# Told of bytes that are here, and of all there will be.
Progress = Callable[[int, int], None]
TIMEOUT_S = 10.0
# What brings both the hub's library and the one that the weights are for.
EXTRAS = {"timm": "timm", "openclip": "clip", "transformers": "hf"}
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, as the hub describes it.

    Attributes:
        size: In bytes.
        sha256: Of large files; empty for small ones.
        blob: The hash that git gives small files.
    """

    size: int
    sha256: str
    blob: str

    def is_in(self, path: Path) -> bool:
        """Whether a file on this machine is this one."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        if self.sha256:
            return weights_digest(path) == self.sha256
        return not self.blob or git_hash(path) == self.blob


def pull(repository: Repository, *, progress: Progress | None = None) -> WeightsFolder:
    """Bring weights to this machine, unless they are here already.

    Only what the encoder needs is fetched, and never a pickle. What another program
    left in the hub's own cache counts where it is all that is needed. A pull that broke
    off goes on where it stopped. Every file is compared with the hash that the hub
    states, and its sha256 is written down for later.

    Raises:
        MissingExtra: The hub's library is not installed.
        EncoderNotFound: The hub cannot be reached, or has no such repository.
        EncoderError: The weights cannot be used, or arrived damaged.
        StorageFull: There is no room for them.
    """
    try:
        if found := find_weights(repository, is_whole=True):
            return found
        state = "not all" if find_weights(repository, is_checked=False) else "not"
    except EncoderError:  # what is here is damaged: bring it again
        state = "damaged"
    library = hub_library(repository.family)
    require_reach(library.constants, repository, state=f"{state} on this machine")
    logger.info("pulling the weights %s from %s", repository, library.constants.ENDPOINT)
    with told(repository):
        # What was pulled once stays at its commit, also where more of it is fetched.
        revision = recorded_commit(repository) or repository.revision
        commit, listed = listing(library, replace(repository, revision=revision))
        chosen = chosen_files(listed, repository)
        path = repository_folder(repository.place) / commit
        path.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock

        with FileLock(path / ".lock"):
            digests = fetch_all(library, repository, path, chosen, progress or ignore)
            record_pull(path, repository, digests)
    return open_folder(path, family=repository.family)


def listing(library: Any, repository: Repository) -> tuple[str, dict[str, HubFile]]:
    """Ask the hub which commit it has, and what is in it."""
    constants = library.constants
    info = library.HfApi(endpoint=constants.ENDPOINT).model_info(
        repository.place,
        revision=repository.revision or None,
        files_metadata=True,
        timeout=TIMEOUT_S,
    )
    files = {}
    for item in info.siblings or []:
        sha256 = str(item.lfs.sha256) if item.lfs else ""
        files[item.rfilename] = HubFile(int(item.size or 0), sha256, str(item.blob_id or ""))
    commit = str(info.sha or "")
    if not COMMIT.fullmatch(commit):
        raise EncoderError(
            f"The hub names no commit for the weights {repository}: try again later."
        )
    return commit, files


def chosen_files(listed: Mapping[str, HubFile], repository: Repository) -> dict[str, HubFile]:
    """Choose what to fetch; weights come last, so that what is refused is refused early."""
    names = needed_files(listed, repository.family)
    if any(name.endswith(".safetensors") for name in names):
        return {name: listed[name] for name in names}
    pickles = sorted(name for name in listed if name.endswith(PICKLES))
    if pickles:
        raise EncoderError(
            f"The weights {repository} are only there as pickles ({pickles[0]}), and those are "
            "never loaded, because a pickle can run any program: choose a repository that has "
            "safetensors."
        )
    raise EncoderError(
        f"The repository {repository.place} holds no weights in safetensors of the form that "
        f"{repository.family or 'timm, OpenCLIP or Transformers'} writes: choose another one."
    )


def fetch_all(
    library: Any,
    repository: Repository,
    path: Path,
    files: Mapping[str, HubFile],
    progress: Progress,
) -> dict[str, str]:
    """Fetch what is missing.

    Returns:
        sha256 of every file.
    """
    missing = {name: file for name, file in files.items() if not file.is_in(path / name)}
    total = sum(file.size for file in files.values())
    done = total - sum(file.size for file in missing.values())
    require_room(path, sum(left_of(path / name, file) for name, file in missing.items()))
    progress(done, total)
    for name, file in missing.items():
        url = f"{library.constants.ENDPOINT}/{repository.place}/resolve/{path.name}/{quote(name)}"

        def tell(bytes_here: int, before: int = done) -> None:
            progress(before + bytes_here, total)

        fetch(url, path / name, file, tell)
        done += file.size
    return {name: file.sha256 or weights_digest(path / name) for name, file in files.items()}


def fetch(url: str, target: Path, file: HubFile, tell: Callable[[int], None]) -> None:
    """Fetch one file, from where an earlier attempt broke off."""
    part = incomplete(target)
    if part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    part.touch()
    while True:
        before = part.stat().st_size
        try:
            receive(url, part, file, tell)
            break
        except Exception:  # the library's HTTP client differs between its releases
            # Some of its releases give up at the first break: not while each attempt
            # brings something.
            if part.stat().st_size == before:
                raise
    if not file.is_in(part):
        part.unlink()
        raise EncoderError(
            f"{target.name} arrived damaged from the hub: its hash is not the one that the hub "
            "states; pull it again."
        )
    os.replace(part, target)


def receive(url: str, part: Path, file: HubFile, tell: Callable[[int], None]) -> None:
    """Append what is missing of a file."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    with part.open("ab") as stream, without_bars():
        start = stream.tell()
        tell(start)
        http_get(
            url,
            CountingFile(stream, tell),
            resume_size=start,
            headers=build_hf_headers(library_name="lookalike"),
            expected_size=file.size,
        )


class CountingFile:
    """A file being written that says how far it is."""

    def __init__(self, stream: BinaryIO, tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell

    @property
    def name(self) -> str:
        """Where it is, for a library that writes it by other means."""
        return str(self._stream.name)

    def write(self, data: bytes) -> int:
        """Write, and say how much is here."""
        written = self._stream.write(data)
        self._tell(self._stream.tell())
        return written

    def tell(self) -> int:
        """Say where the next byte goes."""
        return self._stream.tell()

    def seek(self, place: int) -> int:
        """Go elsewhere."""
        return self._stream.seek(place)

    def truncate(self) -> int:
        """Forget what follows: the hub sends all of it again."""
        return self._stream.truncate()


def incomplete(target: Path) -> Path:
    """Name the file in which a download grows."""
    return target.with_name(f"{target.name}.incomplete")


def left_of(target: Path, file: HubFile) -> int:
    """Count the bytes that are still to come."""
    part = incomplete(target)
    return max(0, file.size - (part.stat().st_size if part.is_file() else 0))


def require_room(path: Path, size_bytes: int) -> None:
    """Refuse a download that cannot end well."""
    free = shutil.disk_usage(path).free
    if free < size_bytes:
        raise StorageFull(
            f"{size_bytes / 1e6:.0f} MB of weights do not fit below {path}, where "
            f"{free / 1e6:.0f} MB are free: make room, or set LOOKALIKE_CACHE to another folder."
        )


def git_hash(path: Path) -> str:
    """Hash a small file as git does: sha1 over a header and the bytes."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def ignore(done: int, total: int) -> None:
    """Tell nobody."""


def hub_library(family: str) -> Any:
    """Import the hub's library, which comes along with the family's own."""
    try:
        import huggingface_hub
        import huggingface_hub.constants  # is not an attribute before it is imported
    except ImportError as error:
        extra = EXTRAS.get(family, "hub")
        raise MissingExtra(extra, "Pulling weights from a hub") from error
    return huggingface_hub


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the library from drawing over the caller's own progress."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    group = "huggingface_hub.http_get"
    if are_progress_bars_disabled(group):
        yield
        return
    disable_progress_bars(group)
    try:
        yield
    finally:
        enable_progress_bars(group)


@contextmanager
def told(repository: Repository) -> Iterator[None]:
    """Turn what the library raises into sentences."""
    from huggingface_hub import errors

    try:
        yield
    except LookalikeError:
        raise
    except errors.GatedRepoError as error:
        raise EncoderError(
            f"The weights {repository} are given only to those who accept their licence: accept it "
            "on the repository's page, make an access token, and set HF_TOKEN to it."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EncoderNotFound(
            f"The hub has no repository {repository.place}, or shows it only to its owner: check "
            "the name, or set HF_TOKEN to an access token."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise EncoderNotFound(
            f"The repository {repository.place} has no revision {repository.revision!r}: "
            "leave it out, or give a commit, branch or tag that is there."
        ) from error
    except Exception as error:  # the library's HTTP client differs between its releases
        if problem := disk_problem(repository, error):
            raise problem from error
        raise EncoderError(
            f"Pulling the weights {repository} broke off ({first_line(error)}): pull again; "
            "it goes on where it stopped."
        ) from error


def disk_problem(repository: Repository, error: Exception) -> LookalikeError | None:
    """Tell failures of the disk; None for any other."""
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return StorageFull(
            f"The disk is full; the weights {repository} are not all here: make room, or set "
            "LOOKALIKE_CACHE to another folder, and pull again; it goes on where it stopped."
        )
    if number in READ_ONLY:
        return EncoderError(
            f"The weights {repository} cannot be written below {cache_folder()} "
            f"({first_line(error)}): set LOOKALIKE_CACHE to a folder that can be written."
        )
    return None
