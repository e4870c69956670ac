"""What the server counts and times of itself, for Prometheus."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

import lookalike
from lookalike.client.answers import API

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Measured", "Measures", "route_of"]

# A query by image_id takes a thousandth of a second, an upload of many pictures minutes.
ANSWERS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STAGES_S = (0.0001, 0.00025, 0.0005, *ANSWERS_S[:12])
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Registry(CollectorRegistry):
    """A registry that does not tell of each number when it was first counted.

    The library's own switch for these series holds for a whole process.
    """

    def collect(self) -> Iterable[Metric]:
        """Collect everything else."""
        for metric in super().collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric

    def of_galleries(self, names: Collection[str]) -> Registry:
        """Return a registry of the same numbers, but for those of other galleries."""
        found = Registry()
        found.register(OfGalleries(self, names))
        return found


class OfGalleries(Collector):
    """Collects what a registry holds, but for the numbers of some galleries.

    Args:
        registry: Holds them.
        names: The galleries whose numbers are kept.
    """

    def __init__(self, registry: Registry, names: Collection[str]) -> None:
        self._registry = registry
        self._names = names

    def describe(self) -> Iterable[Metric]:
        """Promise no names: nothing else is in this registry."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Collect them."""
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if self._is_kept(each.labels)]
            yield metric

    def _is_kept(self, labels: Mapping[str, str]) -> bool:
        return "gallery" not in labels or labels["gallery"] in self._names


class Measures:
    """Counts and times, in a registry of its own. Safe to share between threads."""

    def __init__(self) -> None:
        registry = self.registry = Registry()
        ProcessCollector(registry=registry)
        build = Gauge("lookalike_build_info", "What runs.", ["version"], registry=registry)
        build.labels(lookalike.__version__).set(1)
        self._galleries: Collection[str] | None = None
        self.requests = Counter(
            "lookalike_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "lookalike_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=ANSWERS_S,
            registry=registry,
        )
        self.under_way = Gauge(
            "lookalike_requests_under_way", "Requests not answered yet.", registry=registry
        )
        self.bytes_in = Counter(
            "lookalike_received_bytes", "Bytes of request bodies.", registry=registry
        )
        self.stage_seconds = Histogram(
            "lookalike_search_stage_seconds",
            "Of a query: waiting, decoding, encoding, searching, joining with the catalog.",
            ["gallery", "stage"],
            buckets=STAGES_S,
            registry=registry,
        )
        self.batch_sizes = Histogram(
            "lookalike_batch_queries",
            "Queries answered together.",
            ["gallery", "stage"],
            buckets=BATCH_SIZES,
            registry=registry,
        )
        self.images = Gauge(
            "lookalike_images", "Images of a gallery.", ["gallery"], registry=registry
        )
        self.generation = Gauge(
            "lookalike_generation",
            "Changes committed to a gallery so far.",
            ["gallery"],
            registry=registry,
        )
        self.ready = Gauge(
            "lookalike_ready",
            "Whether a gallery answers every query.",
            ["gallery"],
            registry=registry,
        )
        self.pending_uploads = Gauge(
            "lookalike_pending_uploads",
            "Pictures that were received and are not added yet.",
            ["gallery"],
            registry=registry,
        )
        self.watching = Gauge(
            "lookalike_watching",
            "Whether the sources of a gallery are being watched just now.",
            ["gallery"],
            registry=registry,
        )
        self.watch_updates = Gauge(
            "lookalike_watch_last_update_timestamp_seconds",
            "When watching last wrote what it had found.",
            ["gallery"],
            registry=registry,
        )
        self.refused_tokens = Counter(
            "lookalike_refused_tokens", "Tokens shown that nobody knows.", registry=registry
        )

    def of(self, galleries: Collection[str]) -> Measures:
        """Return the same measures, which tell no numbers of other galleries."""
        seen = copy.copy(self)
        seen._galleries = galleries
        return seen

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        known = method if method in METHODS else "other"
        self.requests.labels(route, known, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def stages(self, gallery: str, seconds: Mapping[str, float]) -> None:
        """Time the stages of a query."""
        for stage, duration in seconds.items():
            self.stage_seconds.labels(gallery, stage).observe(duration)

    def batch(self, gallery: str, stage: str, size: int) -> None:
        """Note how many queries went through a stage together."""
        self.batch_sizes.labels(gallery, stage).observe(size)

    def gallery(self, name: str, images: int, generation: int) -> None:
        """Note how far a gallery has come."""
        self.images.labels(name).set(images)
        self.generation.labels(name).set(generation)

    def state(self, name: str, *, is_ready: bool, pending_uploads: int) -> None:
        """Note whether a gallery answers, and how many pictures wait to be added to it."""
        self.ready.labels(name).set(is_ready)
        self.pending_uploads.labels(name).set(pending_uploads)

    def is_watched(self, name: str, *, is_so: bool) -> None:
        """Note whether a gallery's watcher runs."""
        self.watching.labels(name).set(is_so)

    def watched(self, name: str) -> None:
        """Note that watching has just written what it had found."""
        self.watch_updates.labels(name).set_to_current_time()

    def exposition(self, jobs: Mapping[tuple[str, str], int]) -> tuple[bytes, str]:
        """Write everything as Prometheus reads it, and name that form.

        Args:
            jobs: How many jobs the asker may know of, by kind and state.
        """
        names = self._galleries
        shown = self.registry if names is None else self.registry.of_galleries(names)
        # In a registry of its own: several who ask at once may know of different jobs.
        own = Registry()
        remembered = Gauge("lookalike_jobs", "Jobs remembered.", ["kind", "state"], registry=own)
        for (kind, state), count in jobs.items():
            remembered.labels(kind, state).set(count)
        return generate_latest(shown) + generate_latest(own), CONTENT_TYPE_LATEST


class Measured:
    """Counts and times the requests that pass through it.

    Args:
        app: What answers them.
        measures: Where they are counted; called once a request, since it is made
            after the middlewares are.
    """

    def __init__(self, app: ASGIApp, measures: Callable[[Scope], Measures]) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        measures = self._measures(scope)
        status = 500
        received = 0
        start = time.perf_counter()

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 401 and is_of_token(scope, message):
                    measures.refused_tokens.inc()
            await send(message)

        measures.under_way.inc()
        try:
            await self._app(scope, counted, noted)
        finally:
            measures.under_way.dec()
            measures.bytes_in.inc(received)
            seconds = time.perf_counter() - start
            measures.request(route_of(scope) or "none", scope["method"], status, seconds)


def is_of_token(scope: Scope, message: Message) -> bool:
    """Tell whether who was not let in had shown a token, or tried to sign in with one."""
    is_shown = any(
        name.lower() == b"www-authenticate" and b"invalid_token" in value
        for name, value in message.get("headers", ())
    )
    return is_shown or scope["path"] == "/session"


def route_of(scope: Scope) -> str:
    """Name the route that answered, with its placeholders; empty where none did."""
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return ""
    # Newer FastAPI's routes do not know below which prefix their router is.
    is_below = scope["path"].startswith(f"{API}/") and not path.startswith(f"{API}/")
    return API + path if is_below else path
