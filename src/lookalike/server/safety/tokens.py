"""Tokens: random, shown once, kept as SHA-256 in a file of the owner's alone.

Only the standard library is imported, and the lock.

Version 2 of the file keeps the tokens that are bound to galleries in a list of their own:
a program that knows version 1 alone does not see them, and so lets them in nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.server.settings import GALLERY_NAME, require_gallery_name

__all__ = ["SCOPES", "TokenEntry", "TokenFile", "default_token_file"]

logger = logging.getLogger(__name__)

SCOPES = ("read", "write")
VERSION = 2
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")

# Of a token's secret part; the beginning lets programs that look for secrets find it.
TOKEN_BYTES = 32
BEGINNING = "lk_"
LOCK_S = 10.0


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """What is kept of a token.

    Attributes:
        name: Who has it.
        scope: ``read``, or ``write``, which reads as well.
        sha256: Of the token: the token itself is nowhere.
        created: When, in UTC.
        galleries: The names of those it is for; None for all.
    """

    name: str
    scope: str
    sha256: str
    created: str
    galleries: tuple[str, ...] | None = None

    @property
    def can_write(self) -> bool:
        """Whether it allows changes."""
        return self.scope == "write"


class TokenFile:
    """The file of tokens; a change by another program is seen at the next look.

    Args:
        path: The file, which need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # A link is followed anew each time: it may lead elsewhere tomorrow.
        self.path = Path(os.path.abspath(path))
        self._seen: tuple[int, ...] | None = None
        self._entries: tuple[TokenEntry, ...] = ()

    def entries(self) -> tuple[TokenEntry, ...]:
        """Read all entries.

        Raises:
            UsageError: The file cannot be read, is no file of tokens, or could have
                been written by others.
        """
        try:
            with open(self.path, encoding="utf-8") as stream:
                self._require_own(os.fstat(stream.fileno()))
                told = json.load(stream)
            self._require_known(told.get("version", 1))
            return entries_of(told)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError(
                f"The tokens in {self.path} cannot be read ({error.strerror}): see to its "
                "permissions, or name another file."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{self.path} is no file of tokens, or it is damaged: move it away and make the "
                "tokens anew with 'lookalike tokens add NAME'."
            ) from error

    def _require_own(self, facts: os.stat_result) -> None:
        if os.name == "posix" and facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UsageError(
                f"Others may write to {self.path}, and so let themselves in: run chmod 600 on it."
            )

    def _require_known(self, version: Any) -> None:
        if not version <= VERSION:  # nor what is no number, which JSON of Python's knows
            raise UsageError(
                f"A newer Lookalike wrote {self.path}, and this one cannot tell what its tokens "
                "allow: use the newer one, or name another file."
            )

    def find(self, token: str) -> TokenEntry | None:
        """Find the entry of a token; how long that takes does not tell how near it was."""
        return self.with_digest(digest_of(token))

    def with_digest(self, digest: str) -> TokenEntry | None:
        """Find the entry of a token by what is kept of it."""
        found = None
        for entry in self.current():
            if hmac.compare_digest(entry.sha256, digest):
                found = entry
        return found

    def current(self) -> tuple[TokenEntry, ...]:
        """Return the entries of now; a file that went away or broke lets nobody in."""
        seen = self._signature()
        if seen != self._seen:
            try:
                self._entries = self.entries()
            except UsageError as error:
                logger.warning("%s Until then nobody is let in", error)
                self._entries = ()
            self._seen = seen
        return self._entries

    def _signature(self) -> tuple[int, ...]:
        try:
            facts = os.stat(self.path)
        except OSError:
            return ()
        return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_mode

    def add(self, name: str, scope: str, *, galleries: Iterable[str] = ()) -> str:
        """Make a token.

        Args:
            name: Who has it.
            scope: One of ``SCOPES``.
            galleries: The names of those it is for; none for all.

        Returns:
            The token, which nobody can tell again.

        Raises:
            UsageError: The name makes no sense or is taken, there is no such scope, no
                gallery can have such a name, or the file cannot be written.
        """
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a token: take letters, digits, dots, dashes, "
                "underscores and @, 64 at most, and begin with a letter or digit."
            )
        if scope not in SCOPES:
            raise UsageError(f"There is no scope {scope!r}: it is read or write.")
        bound = tuple(dict.fromkeys(galleries)) or None
        for gallery in bound or ():
            require_gallery_name(gallery)
        token = BEGINNING + secrets.token_urlsafe(TOKEN_BYTES)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._locked():
            entries = self.entries()
            if any(entry.name == name for entry in entries):
                raise UsageError(
                    f"There is a token {name!r} already: remove it first, or take another name."
                )
            self._write((*entries, TokenEntry(name, scope, digest_of(token), now, bound)))
        return token

    def remove(self, name: str) -> TokenEntry:
        """Take a token's entry out: a running server refuses the token from then on.

        Raises:
            UsageError: There is none of that name, or the file cannot be written.
        """
        with self._locked():
            entries = self.entries()
            gone = next((entry for entry in entries if entry.name == name), None)
            if gone is None:
                names = ", ".join(entry.name for entry in entries) or "none"
                raise UsageError(
                    f"There is no token {name!r} in {self.path}: those there are called {names}."
                    if entries
                    else f"There is no token {name!r}: {self.path} holds none."
                )
            # Of a file that was written by hand, all of the name.
            self._write(tuple(entry for entry in entries if entry.name != name))
        return gone

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        file = Path(os.path.realpath(self.path))
        lock = FileLock(f"{file}.lock", timeout=LOCK_S, mode=0o600)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise UsageError(
                f"Another program is writing to {self.path}: try again in a moment."
            ) from error
        except OSError as error:
            raise self._not_written(error) from error
        try:
            yield
        finally:
            lock.release()

    def _write(self, entries: tuple[TokenEntry, ...]) -> None:
        told = told_of(entries)
        file = Path(os.path.realpath(self.path))
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            # Nobody else's from its first moment on.
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as stream:
                stream.write(json.dumps(told, indent=1) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> UsageError:
        return UsageError(
            f"The tokens cannot be written to {self.path} ({error.strerror}): name another file "
            "with --file."
        )


def told_of(entries: Iterable[TokenEntry]) -> dict[str, Any]:
    """Write entries; where none is bound, as version 1 did."""
    free, bound = [], []
    for entry in entries:
        told = asdict(entry)
        if entry.galleries is None:
            del told["galleries"]
            free.append(told)
        else:
            bound.append(told)
    if not bound:
        return {"version": 1, "tokens": free}
    return {"version": VERSION, "tokens": free, "bound": bound}


def entries_of(told: Any) -> tuple[TokenEntry, ...]:
    """Read entries, in the order in which they were made.

    Raises:
        ValueError: They are none; so are KeyError, TypeError and AttributeError.
    """
    free = [entry_of(item) for item in told["tokens"]]
    bound = [entry_of(item) for item in told.get("bound", ())]
    if any(entry.galleries is None for entry in bound):
        raise ValueError("a bound token names no galleries")
    return tuple(sorted((*free, *bound), key=lambda entry: entry.created))


def entry_of(told: Any) -> TokenEntry:
    """Read an entry.

    Raises:
        ValueError: It is none; so are KeyError and TypeError.
    """
    galleries = galleries_of(told["galleries"]) if "galleries" in told else None
    entry = TokenEntry(told["name"], told["scope"], told["sha256"], told["created"], galleries)
    is_sound = (
        isinstance(entry.name, str)
        and isinstance(entry.created, str)
        and NAME.fullmatch(entry.name)
        and entry.scope in SCOPES
        and DIGEST.fullmatch(entry.sha256)
    )
    if not is_sound:
        raise ValueError("it is no entry of a token")
    return entry


def galleries_of(told: Any) -> tuple[str, ...]:
    """Read which galleries an entry is for.

    Raises:
        ValueError: They are none; so is TypeError.
    """
    if not (told and isinstance(told, list) and all(GALLERY_NAME.fullmatch(name) for name in told)):
        raise ValueError("these are no names of galleries")
    return tuple(told)


def digest_of(token: str) -> str:
    """Return what is kept of a token: 256 random bits need neither salt nor slowness."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def default_token_file() -> Path:
    """Return ``$LOOKALIKE_TOKENS``, else a file where the system keeps users' settings."""
    if chosen := os.environ.get("LOOKALIKE_TOKENS"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "lookalike" / "tokens.json"
