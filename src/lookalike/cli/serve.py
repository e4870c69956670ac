"""``lookalike serve``."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from lookalike.cli.device_options import backend_option, device_option
from lookalike.cli.json_log import JsonFormatter, lines_of
from lookalike.cli.logs import DatedFormatter, ScreenHandler
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import absolute, located_gallery, logging_options
from lookalike.cli.output import is_quiet, note, say
from lookalike.cli.quantities import PERIOD, SIZE
from lookalike.cli.query_options import ARGUMENTS, QueryCommand, TypedWord, words_as_typed
from lookalike.errors import MissingExtra, UsageError

EXAMPLES = (
    ("lookalike serve ~/photos", "The page and the API, for this machine only."),
    ("lookalike serve ~/photos --watch", "New pictures are found seconds after they are there."),
    (
        "lookalike tokens add phone && lookalike serve ~/photos --host 0.0.0.0",
        "For others too: they need a token.",
    ),
    ("lookalike serve --gallery cats=~/cats --gallery dogs=~/dogs", "Several, by name."),
)
ACCESS_FORMAT = "%(asctime)s %(message)s"
# As good as none.
NO_RATE = 1e9


@click.command("serve", cls=QueryCommand, examples=EXAMPLES)
@click.argument("folders", nargs=-1, metavar="[GALLERY]...")
@click.option(
    "--gallery",
    "named",
    multiple=True,
    metavar="NAME=DIR",
    help="A gallery under a name of your choice; may be repeated. Default: the nearest "
    ".lookalike in the current folder or above.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen at: 0.0.0.0 for all of this machine. Any but the loopback needs a "
    "token.",
)
@click.option(
    "--port",
    type=WholeNumber(0, 65535),
    default=8080,
    show_default=True,
    metavar="N",
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="Ask everybody for a token of this file, made by 'lookalike tokens'. Default: none is "
    "asked for on the loopback; elsewhere those of the user's own file are.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Watch the galleries' sources, and take in changes; not with --read-only.",
)
@click.option(
    "--rescan",
    type=PERIOD,
    default="1m",
    show_default=True,
    metavar="TIME",
    help="With --watch: how often folders are listed all the same.",
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Answer questions, and change nothing; not with --watch, which changes the gallery.",
)
@click.option(
    "--allow-urls",
    is_flag=True,
    help="Fetch pictures from public addresses that a query names.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let pages of another server ask, as https://photos.example.org; may be repeated.",
)
@click.option(
    "--host-name",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which this server is asked besides its address, as behind a proxy; may be "
    "repeated.",
)
@click.option(
    "--rate",
    type=float,
    metavar="N",
    help="Requests a second of one token, or address, in the long run; 0 for any number. Default: "
    "50 where tokens are needed.",
)
@click.option(
    "--max-upload",
    type=SIZE,
    default="64MiB",
    show_default=True,
    metavar="SIZE",
    help="Largest request: one picture or several.",
)
@click.option(
    "--keep-free",
    type=SIZE,
    metavar="SIZE",
    help="So much of a gallery's disk uploads leave free, so that pictures can still be removed. "
    "Default: 64MiB, or a twentieth of a small disk.",
)
@click.option(
    "--window-ms",
    type=float,
    default=3.0,
    show_default=True,
    metavar="MS",
    help="How long a query waits for others to be answered together with; 0 for none.",
)
@device_option
@backend_option
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of the lines on the screen and in --log-file; json writes one object a line.",
)
@click.option("--open/--no-open", "is_opened", default=False, help="Open the page in a browser.")
@logging_options
def command(
    folders: tuple[str, ...],  # words_as_typed has both, in order
    named: tuple[str, ...],
    host: str,
    port: int,
    token_file: str | None,
    watch: bool,
    rescan: float,
    read_only: bool,
    allow_urls: bool,
    origins: tuple[str, ...],
    hosts: tuple[str, ...],
    rate: float | None,
    max_upload: float,
    keep_free: float | None,
    window_ms: float,
    device: str,
    backend: str,
    log_format: str,
    is_opened: bool,
) -> None:
    """Serve galleries: a page in the browser, and an API for programs.

    GALLERY is a gallery, or a folder that has it inside. One line says where, as
    soon as requests are answered; then there is one line for each, without what was
    asked. Ctrl-C or SIGTERM finishes what runs, a second one ends it at once.
    'lookalike search' asks the server of its gallery by itself.
    """
    with lines_of(log_format) as written:
        require_server()
        from lookalike.server.running import serve
        from lookalike.server.settings import Limits, ServerSettings

        if watch and read_only:
            raise UsageError(
                "--watch takes changes into the galleries, and --read-only changes nothing: leave "
                "one of them out."
            )
        settings = ServerSettings(
            galleries=galleries_of(words_as_typed()),
            limits=Limits(max_body_bytes=int(max_upload)),
            window_ms=window_ms,
            allow_urls=allow_urls,
            read_only=read_only,
            is_watching=watch,
            rescan_s=rescan,
            tokens_file=tokens_for(host, token_file),
            origins=origins,
            hosts=hosts,
            rate=checked_rate(rate),
            keep_free_bytes=None if keep_free is None else int(keep_free),
            host=host,
            port=port,
            device=device,
            backend=backend,
        )
        if not is_quiet():
            show_access(log_format)
        serve(settings, say=Announcer(written=written, is_opened=is_opened))


def require_server() -> None:
    """Look whether what serves is there.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import lookalike.server.running  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lookalike":
            raise  # no library is missing, but a part of this one
        raise MissingExtra("server", "Serving galleries") from error


class Announcer:
    """Tells people: the first line is the address, the rest are remarks.

    Args:
        written: Makes a line of what is told.
        is_opened: Whether the address is opened in a browser.
    """

    def __init__(self, *, written: Callable[[str], str], is_opened: bool) -> None:
        self._written = written
        self._is_opened = is_opened
        self._is_first = True

    def __call__(self, text: str) -> None:
        """Tell one line."""
        if not self._is_first:
            note(self._written(text))
            return
        self._is_first = False
        say(self._written(text))
        if self._is_opened:
            import webbrowser

            address = text.rpartition(" at ")[2].replace("//0.0.0.0:", "//localhost:")
            # It may wait for the browser, which waits for us.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def galleries_of(typed: Sequence[TypedWord]) -> dict[str, Path]:
    """Find the galleries and their names, in the order in which they were typed.

    Raises:
        UsageError: A name is missing, or given twice; or a gallery is.
        GalleryNotFound: Nothing was named, and there is none in the current folder or above.
    """
    from lookalike.server.settings import named_galleries

    words = [word for word in typed if word.name in {"named", ARGUMENTS}]
    pairs = [
        name_and_folder(word.text) if word.name == "named" else (None, word.text) for word in words
    ]
    if not pairs:
        return named_galleries([located_gallery(None)])
    places = [located_gallery(folder) for _, folder in pairs]
    require_apart(places)
    chosen = [name for name, _ in pairs]
    usual = named_galleries(
        place for name, place in zip(chosen, places, strict=True) if name is None
    )
    names = iter(usual)
    found: dict[str, Path] = {}
    for given, place in zip(chosen, places, strict=True):
        name = next(names) if given is None else given
        if name in found or (given is not None and name in usual):
            raise UsageError(f"Two galleries would be called {name!r}: choose another name.")
        found[name] = place
    return found


def name_and_folder(text: str) -> tuple[str, str]:
    """Part what --gallery was given.

    Raises:
        UsageError: One of both is missing.
    """
    name, mark, folder = text.partition("=")
    if not (mark and name and folder):
        raise UsageError(
            f"--gallery {text} names no folder: write --gallery NAME=DIR, or the folder alone."
        )
    return name, folder


def require_apart(places: Sequence[Path]) -> None:
    """Refuse to serve one gallery twice: each would think the other a stranger.

    Raises:
        UsageError: It is named twice, be it by two paths.
    """
    seen: set[str] = set()
    for place in places:
        real = os.path.realpath(place)
        if real in seen:
            raise UsageError(f"The gallery {place} is named twice: name it once.")
        seen.add(real)


def checked_rate(rate: float | None) -> float | None:
    """Read --rate, where 0 stands for any number.

    Raises:
        UsageError: It is below 0, or no number.
    """
    if rate is None or 0 < rate < float("inf"):
        return rate
    if rate == 0:
        return NO_RATE
    raise UsageError(
        f"--rate is {rate:g}: give a number of requests a second, or 0 for any number of them."
    )


def tokens_for(host: str, token_file: str | None) -> Path | None:
    """Say whose tokens are asked for; None where nobody's are."""
    from lookalike.server.running import is_loopback_host
    from lookalike.server.safety.tokens import TokenFile, default_token_file

    if token_file is not None:
        return Path(absolute(token_file))
    if is_loopback_host(host):
        return None
    own = default_token_file()
    return own if TokenFile(own).entries() else None


def show_access(form: str) -> None:
    """Show a line for each request, also without -v, but for small pictures."""
    from lookalike.server.safety.access_log import is_worth_showing

    access = logging.getLogger("lookalike.access")
    if logging.getLogger("lookalike").isEnabledFor(logging.INFO) and any(
        handler.level <= logging.INFO and isinstance(handler, ScreenHandler)
        for handler in logging.getLogger("lookalike").handlers
    ):
        return  # -v shows it among the rest
    screen = ScreenHandler(logging.INFO)
    screen.setFormatter(
        JsonFormatter() if form == "json" else DatedFormatter(ACCESS_FORMAT, "seconds")
    )
    screen.addFilter(is_worth_showing)
    access.handlers = [screen]
    access.setLevel(logging.INFO)
