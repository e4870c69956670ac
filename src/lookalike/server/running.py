"""A server as a process: listening, ready, and ended without losing what runs."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import ipaddress
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

import lookalike
from lookalike.client.records import ServerRecord, find_record, remove_record, write_record
from lookalike.errors import LookalikeError, UsageError
from lookalike.server.app import create_app
from lookalike.server.safety.connections import GuardedProtocol
from lookalike.server.safety.tokens import TokenFile

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from lookalike.server.settings import ServerSettings

__all__ = ["is_loopback_host", "require_tokens", "serve"]

logger = logging.getLogger(__name__)

# Requests that run when the server is asked to end have so long. Jobs then have their own time
# (``working``); the whole end is bounded by twice as much and a little to spare.
FINISH_S = 30
WHOLE_END_S = 2 * FINISH_S + 5
KEEP_ALIVE_S = 30
BACKLOG = 512
WANTED_FILES = 4096
SIGNALS = (signal.SIGINT, signal.SIGTERM)
FORCED = 130
# All addresses of a machine, and places of the world (for documentation only, RFC 5737 and
# 3849) to which each kind of address leads.
V4, V6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
PROBES = {"0.0.0.0": [V4], "::": [V4, V6]}


def serve(settings: ServerSettings, *, say: Callable[[str], None]) -> None:
    """Serve until a signal comes; then finish what runs, within a bound.

    A second signal ends the process at once: galleries survive that.

    Args:
        settings: What to serve, to whom.
        say: Tells people that the server is ready, and that it ends.

    Raises:
        UsageError: The address cannot be listened at, or it is one that others reach
            and nobody has a token.
        LookalikeError: A gallery or its encoder cannot be opened.
    """
    require_tokens(settings)
    heed_uvicorn()
    with listening(settings) as listener:
        settings = dataclasses.replace(
            settings, port=listener.getsockname()[1], local_token=secrets.token_urlsafe(32)
        )
        app = create_app(settings)
        starting = Starting(app)
        config = uvicorn.Config(
            starting,
            http=GuardedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=FINISH_S,
        )
        allow_many_files()
        with recorded(settings) as publish:
            process = Process(config, app, settings, say=say, publish=publish)
            try:
                process.run(sockets=[listener])
            except SystemExit:  # how uvicorn ends where the application did not start
                raise starting.reason() from None
            except OSError as error:
                if process.started:
                    raise
                raise UsageError(no_listening(settings, error)) from error


class Starting:
    """The application, seen by uvicorn; keeps why it did not start.

    Args:
        app: The application.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.failure: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.failure = error
            raise

    def reason(self) -> BaseException:
        """Return the error as its reader should see it."""
        if isinstance(self.failure, (LookalikeError, OSError, MemoryError)):
            return self.failure
        return LookalikeError(
            "The server could not be started: run it again with -vv, which shows why."
        )


class Process(uvicorn.Server):
    """Uvicorn with words for people, and an end that is one.

    Args:
        config: Of uvicorn.
        app: The application.
        settings: Of the server.
        say: Tells people.
        publish: Makes the server known to other programs of its user.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        settings: ServerSettings,
        *,
        say: Callable[[str], None],
        publish: Publishing,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._say = say
        self._publish = publish

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so when requests are answered."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            show_errors()
            self._publish()
            self._app.state.server.on_replaced = self._publish  # they name the catalog's file
            self._tell(f"Serving {self._served()} at {address_of(self._settings)}")
            if others := addresses_for_others(self._settings):
                self._tell(f"Others reach it at {' or '.join(others)}, if their network lets them.")
            for said in self._publish.others:
                self._tell(said)

    def _tell(self, text: str) -> None:
        logger.info("%s", text, extra={"is_told": True})  # for a log file alone
        with suppress(OSError):  # whoever listened went away: the server goes on
            self._say(text)

    def _served(self) -> str:
        galleries = self._app.state.server.galleries
        shown = [f"{name} ({pictures(len(one.gallery))})" for name, one in galleries.items()]
        return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish requests, then jobs; streams of events are ended."""
        self._tell("Stopping: what runs is finished. Once more ends it at once.")
        stopping = getattr(self._app.state, "stopping", None)
        if stopping is not None:
            stopping.begin()
        server = getattr(self._app.state, "server", None)
        if server is not None:
            server.jobs.stop()
        try:
            await asyncio.wait_for(super().shutdown(sockets), WHOLE_END_S)
        except asyncio.TimeoutError:
            logger.warning("Jobs were still running after %s s: they are left", WHOLE_END_S)
            self._end_now()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; the second time, end."""
        if self.should_exit:
            self._end_now()
        self.should_exit = True

    def _end_now(self) -> None:
        # Threads in the middle of their work would be waited for: galleries need no farewell.
        self._publish.forget()
        logging.shutdown()
        os._exit(FORCED)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Heed signals while serving; they are not raised again afterwards, as uvicorn does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in heeded()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def heeded() -> list[int]:
    """List the signals that end a server; a closed terminal does unless nohup says no."""
    found: list[int] = [*SIGNALS]
    hangup: int | None = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL:
        found.append(hangup)
    return found


class Publishing:
    """Writes and removes the records by which programs of the same user find the server.

    Args:
        settings: Of the server.

    Attributes:
        others: A sentence for each gallery that another server of this user serves, too.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._records: list[ServerRecord] = []
        address = loopback_address(settings.host)
        is_found = address is not None and settings.local_token is not None
        self.others = others_told(settings, asked="this one" if is_found else "that one")
        if address is None or settings.local_token is None:
            return  # nobody on this machine reaches it by a loopback address
        url = f"http://{address}:{settings.port}"
        for name, folder in settings.galleries.items():
            real = os.path.realpath(folder)
            self._records.append(
                ServerRecord(
                    url, real, name, os.getpid(), settings.local_token, lookalike.__version__
                )
            )

    def __call__(self) -> None:
        """Write the records; where that fails, commands do their work themselves."""
        for record in self._records:
            try:
                write_record(record)
            except OSError as error:
                logger.info("commands will not find this server: %s", error)

    def forget(self) -> None:
        """Remove the records."""
        for record in self._records:
            with suppress(OSError):
                remove_record(record)


def others_told(settings: ServerSettings, *, asked: str) -> list[str]:
    """Say which galleries are served already: that is allowed, and perhaps not what was meant.

    Args:
        settings: Of this server.
        asked: Which of both the command line asks.
    """
    return [
        f"{name} is served by another server, too, at {other.url} (process {other.pid}): both "
        f"answer, and 'lookalike search' asks {asked}."
        for name, other in other_servers(settings)
    ]


def other_servers(settings: ServerSettings) -> list[tuple[str, ServerRecord]]:
    """List the galleries that servers of this user have open already, each with its server."""
    found = [(name, find_record(folder)) for name, folder in settings.galleries.items()]
    return [(name, other) for name, other in found if other is not None]


@contextmanager
def recorded(settings: ServerSettings) -> Iterator[Publishing]:
    """Keep the records for as long as the server runs."""
    publishing = Publishing(settings)
    try:
        yield publishing
    finally:
        publishing.forget()


@contextmanager
def listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """Take an address before anything is loaded; it is listened at later.

    Raises:
        UsageError: It is taken, or not this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"There is no address {settings.host!r} to listen at: give --host an address of this "
            "machine."
        ) from error
    with socket.socket(family, kind, protocol) as listener:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(place)
        except OSError as error:
            raise UsageError(no_listening(settings, error)) from error
        yield listener


def no_listening(settings: ServerSettings, error: OSError) -> str:
    """Say why an address cannot be listened at."""
    host, port = settings.host, settings.port
    if error.errno == errno.EADDRINUSE:
        there = [other for _, other in other_servers(settings) if other.url.endswith(f":{port}")]
        if there:
            return (
                f"The gallery is served already, at {there[0].url} (process {there[0].pid}): open "
                "that, or choose another port with --port."
            )
        return (
            f"The port {port} of {host} is taken by another program, perhaps by a server that "
            "runs already: choose another one with --port, or 0 for any free one."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return (
            f"The port {port} of {host} may not be used by this user: choose one from 1024 on "
            "with --port."
        )
    return (
        f"The address {host} cannot be listened at ({error.strerror or error}): give --host an "
        "address of this machine."
    )


def require_tokens(settings: ServerSettings) -> None:
    """Refuse to be reached by others where anybody could ask.

    Raises:
        UsageError: The address is not of the loopback, and there is no token.
    """
    if settings.tokens_file is not None:
        if TokenFile(settings.tokens_file).entries():
            return
        raise UsageError(
            f"There is no token in {settings.tokens_file}, so nobody could ask the server: make "
            f"one with 'lookalike tokens add NAME --file {settings.tokens_file}'."
        )
    if not is_loopback_host(settings.host):
        raise UsageError(
            f"Others can reach {settings.host}, and without a token anybody could ask: make one "
            "with 'lookalike tokens add NAME', or leave --host out."
        )


def is_loopback_host(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def loopback_address(host: str) -> str | None:
    """Return how programs of this machine reach a server; None if by no loopback address."""
    if host in {"localhost", "127.0.0.1", "0.0.0.0"}:
        return "127.0.0.1"
    return "[::1]" if host in {"::1", "::"} else None


def address_of(settings: ServerSettings) -> str:
    """Write the address for people to open."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{shown}:{settings.port}"


def addresses_for_others(settings: ServerSettings) -> list[str]:
    """Write what others may open where the server listens at all addresses of its machine.

    Nothing is sent and no name is looked up: the system is asked which of its addresses
    it would take to send something to the world.
    """
    if settings.host not in PROBES:
        return []
    names = list(settings.hosts) or [*own_addresses(settings.host), socket.gethostname()]
    return [f"http://{name}:{settings.port}" for name in names if name]


def own_addresses(host: str) -> list[str]:
    """List the addresses by which the machine is known beyond itself."""
    found = []
    for family, place in PROBES[host]:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((place, 9))
            address = asked.getsockname()[0]
            if not is_loopback_host(address):
                found.append(f"[{address}]" if family == socket.AF_INET6 else address)
    return found


def pictures(count: int) -> str:
    """Write a number of pictures."""
    return f"{count:,} picture{'' if count == 1 else 's'}"


def heed_uvicorn() -> None:
    """Take uvicorn's own log: errors only, and where the library's go."""
    theirs = logging.getLogger("uvicorn")
    theirs.handlers = list(logging.getLogger("lookalike").handlers)
    theirs.propagate = False
    # Why the application did not start is told as a sentence.
    is_detailed = logger.isEnabledFor(logging.DEBUG)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR if is_detailed else logging.CRITICAL)


def show_errors() -> None:
    """Show what goes wrong in a server that runs."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def allow_many_files() -> None:
    """Ask for room for connections beside the files of the galleries."""
    if os.name != "posix":
        return
    import resource

    with suppress(OSError, ValueError):  # a sandbox may forbid even to ask
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
