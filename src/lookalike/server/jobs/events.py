"""Events: from any thread to everybody who listens, without anybody having to wait."""

from __future__ import annotations

import asyncio
import copy
import secrets
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any

from lookalike.server.answers import json_text

__all__ = ["Event", "Events", "Subscription"]

# Of how many things a listener that does not read is told when it reads again.
MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """The state of one thing after a change.

    Attributes:
        sequence: Its place among all events of this server.
        kind: What a browser listens for: ``"job"`` or ``"gallery"``.
        key: Which thing: a later event of the same key makes this one needless.
        gallery: The name of the gallery that it is about.
        text: The state, as JSON.
    """

    sequence: int
    kind: str
    key: str
    gallery: str
    text: str


class Events:
    """Hands events to subscriptions by topic.

    Everything that is told is a state and not a difference, so that a listener who is
    too slow, or was away, misses only what no longer matters.

    Attributes:
        run_id: Differs with each start of the server: sequences begin again.
    """

    def __init__(self) -> None:
        self.run_id = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._counter = count(1)
        self._by_topic: dict[str, set[Subscription]] = {}
        self._ended = threading.Event()
        self._galleries: Collection[str] | None = None

    def of(self, galleries: Collection[str]) -> Events:
        """Return the same events, of which who listens hears those of these galleries alone."""
        seen = copy.copy(self)
        seen._galleries = galleries
        return seen

    def next_sequence(self) -> int:
        """Number the next change."""
        return next(self._counter)

    def event(self, kind: str, key: str, state: Mapping[str, Any], sequence: int) -> Event:
        """Write an event that tells a state, which names its gallery."""
        return Event(sequence, kind, key, state["gallery"], json_text(state))

    def publish(self, topics: Collection[str], event: Event) -> None:
        """Hand an event to all who listen to one of these topics; from any thread."""
        with self._lock:
            listening = {sub for topic in topics for sub in self._by_topic.get(topic, ())}
        for loop, subscriptions in by_loop(listening).items():
            call_in(loop, offer_all, subscriptions, event)

    def has_listeners(self, topic: str) -> bool:
        """Tell whether anybody listens to a topic."""
        with self._lock:
            return bool(self._by_topic.get(topic))

    def subscriptions(self) -> set[Subscription]:
        """List those who listen to anything."""
        with self._lock:
            return {sub for listening in self._by_topic.values() for sub in listening}

    def subscribe(self, topics: Collection[str]) -> Subscription:
        """Listen to topics, from the running event loop; close it, or use it in a ``with``."""
        loop = asyncio.get_running_loop()
        subscription = Subscription(self, tuple(topics), loop, galleries=self._galleries)
        with self._lock:
            if self._ended.is_set():
                subscription.end()
            for topic in subscription.topics:
                self._by_topic.setdefault(topic, set()).add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Hand nothing more to a subscription."""
        with self._lock:
            for topic in subscription.topics:
                listening = self._by_topic.get(topic, set())
                listening.discard(subscription)
                if not listening:
                    self._by_topic.pop(topic, None)

    def end(self) -> None:
        """End all subscriptions, and those to come: the server stops."""
        with self._lock:
            self._ended.set()
        for loop, subscriptions in by_loop(self.subscriptions()).items():
            call_in(loop, end_all, subscriptions)

    def last_seen(self, last_event_id: str) -> int:
        """Read how far a listener who comes back had got; 0 where that says nothing here."""
        run_id, _, number = last_event_id.partition("-")
        if run_id != self.run_id or not (number.isascii() and number.isdigit()):
            return 0
        return int(number[:18])


class Subscription:
    """What one listener has not been told yet: the newest state of each thing.

    Everything but its making happens in its event loop.
    """

    def __init__(
        self,
        events: Events,
        topics: tuple[str, ...],
        loop: asyncio.AbstractEventLoop,
        *,
        galleries: Collection[str] | None = None,
    ) -> None:
        self.topics = topics
        self.loop = loop
        self._events = events
        self._galleries = galleries
        self._waiting: dict[str, Event] = {}
        self._changed = asyncio.Event()
        self._is_ended = False

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._events.forget(self)

    def offer(self, event: Event) -> None:
        """Keep an event until it is taken, unless a newer one of its thing waits.

        One of a gallery that is not there for the listener is not kept.
        """
        if self._galleries is not None and event.gallery not in self._galleries:
            return
        known = self._waiting.pop(event.key, None)
        newest = event if known is None or known.sequence < event.sequence else known
        self._waiting[event.key] = newest
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._changed.set()

    def end(self) -> None:
        """Let the listener take what waits, and then nothing more."""
        self._is_ended = True
        self._changed.set()

    async def take(self, timeout_s: float) -> list[Event] | None:
        """Take all that waits, in order.

        Returns:
            An empty list if nothing came in time; None if nothing will come.
        """
        if not self._waiting and not self._is_ended:
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except asyncio.TimeoutError:
                return []
        self._changed.clear()
        if not self._waiting and self._is_ended:
            return None
        taken = sorted(self._waiting.values(), key=lambda event: event.sequence)
        self._waiting.clear()
        if self._is_ended:
            self._changed.set()
        return taken


def by_loop(
    subscriptions: Iterable[Subscription],
) -> dict[asyncio.AbstractEventLoop, list[Subscription]]:
    """Sort subscriptions by their event loop: each loop is woken once."""
    found: dict[asyncio.AbstractEventLoop, list[Subscription]] = {}
    for subscription in subscriptions:
        found.setdefault(subscription.loop, []).append(subscription)
    return found


def call_in(loop: asyncio.AbstractEventLoop, function: Any, *values: Any) -> None:
    """Call in a loop, unless it has been closed meanwhile: then nobody listens any more."""
    try:
        loop.call_soon_threadsafe(function, *values)
    except RuntimeError:
        if not loop.is_closed():
            raise


def offer_all(subscriptions: Iterable[Subscription], event: Event) -> None:
    """Offer an event to several listeners of one loop."""
    for subscription in subscriptions:
        subscription.offer(event)


def end_all(subscriptions: Iterable[Subscription]) -> None:
    """End several subscriptions of one loop."""
    for subscription in subscriptions:
        subscription.end()
