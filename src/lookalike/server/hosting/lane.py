"""A stage that is taken by several queries at once: they wait for each other, a little."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

__all__ = ["AnswerOrError", "Lane", "each_alone", "then"]

Item = TypeVar("Item")
Out = TypeVar("Out")

# What became of one: an answer, or why there is none.
AnswerOrError: TypeAlias = Out | Exception


@dataclass(frozen=True, slots=True, eq=False)
class Turn(Generic[Item, Out]):
    """A turn that somebody waits for.

    Attributes:
        item: What is to be done.
        since: When it came, in seconds of the monotonic clock.
        future: Where its caller waits.
    """

    item: Item
    since: float
    future: asyncio.Future[Out]


class Lane(Generic[Item, Out]):
    """Does what comes at the same time together, in threads. Belongs to one event loop.

    Whoever finds the lane empty goes on at once. While all threads are at work,
    those who come meanwhile gather, and are taken together.

    Args:
        work: Does a batch in a thread; gives an outcome for each, in order.
        pool: Whose threads.
        workers: How many batches are under way at most.
        max_batch: How many are taken together at most.
        window_s: How long one waits for ``others``.
        others: How many are on their way here.
        hold_s: A further thread begins only once those at work have been at it for so
            long; 0 lets idle threads share what waits.

    Attributes:
        workers: May be changed, as long as the pool has the threads.
        max_batch: May be changed.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[AnswerOrError[Out]]],
        pool: Executor,
        *,
        workers: int = 1,
        max_batch: int = 32,
        window_s: float = 0.0,
        others: Callable[[], int] = lambda: 0,
        hold_s: float = 0.0,
    ) -> None:
        self.workers = workers
        self.max_batch = max_batch
        self._work = work
        self._pool = pool
        self._window_s = window_s
        self._others = others
        self._hold_s = hold_s
        self._begun = 0.0
        self._waiting: deque[Turn[Item, Out]] = deque()
        self._busy = 0
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count those that wait."""
        return len(self._waiting)

    async def through(self, item: Item) -> Out:
        """Wait for a turn, and for the outcome; whoever is cancelled leaves the lane."""
        future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append(Turn(item, time.monotonic(), future))
        self.pump()
        return await future

    def pump(self) -> None:
        """Begin what can be begun; also called when ``others`` have become fewer."""
        while self._waiting and self._busy < self.workers:
            patience_s = self._patience_s()
            if patience_s > 0:
                if self._alarm is None:
                    loop = self._waiting[0].future.get_loop()
                    self._alarm = loop.call_later(patience_s, self._rung)
                return
            if batch := self._taken():
                self._begin(batch)

    def _patience_s(self) -> float:
        """Say how much longer to wait: for those at work, or for others to come."""
        now = time.monotonic()
        if self._busy and self._hold_s:
            return self._begun + self._hold_s - now
        if not self._window_s or len(self._waiting) >= self.max_batch or not self._others():
            return 0.0
        return self._waiting[0].since + self._window_s - now

    def _rung(self) -> None:
        self._alarm = None
        self.pump()

    def _taken(self) -> list[Turn[Item, Out]]:
        """Take those who wait, without those who left."""
        batch: list[Turn[Item, Out]] = []
        idle = 1 if self._hold_s else self.workers - self._busy
        share = -(-len(self._waiting) // idle)
        while self._waiting and len(batch) < min(share, self.max_batch):
            turn = self._waiting.popleft()
            if not turn.future.done():
                batch.append(turn)
        return batch

    def _begin(self, batch: list[Turn[Item, Out]]) -> None:
        self._busy += 1
        self._begun = time.monotonic()
        loop = batch[0].future.get_loop()
        try:
            under_way = loop.run_in_executor(self._pool, self._work, [turn.item for turn in batch])
        except RuntimeError as error:  # the pool was shut down
            self._busy -= 1
            hand_out(batch, [error] * len(batch))
            return
        under_way.add_done_callback(partial(self._done, batch))

    def _done(
        self,
        batch: list[Turn[Item, Out]],
        under_way: asyncio.Future[Sequence[AnswerOrError[Out]]],
    ) -> None:
        self._busy -= 1
        if under_way.cancelled():
            for turn in batch:
                turn.future.cancel()
        elif (error := under_way.exception()) is not None:
            failed = error if isinstance(error, Exception) else RuntimeError(repr(error))
            hand_out(batch, [failed] * len(batch))
        else:
            hand_out(batch, under_way.result())
        self.pump()


def hand_out(batch: Sequence[Turn[Item, Out]], outcomes: Sequence[AnswerOrError[Out]]) -> None:
    """Give each its outcome, if it is still there."""
    for turn, outcome in zip(batch, outcomes, strict=True):
        if turn.future.done():
            continue
        if isinstance(outcome, Exception):
            turn.future.set_exception(outcome)
        else:
            turn.future.set_result(outcome)


def each_alone(
    work: Callable[[Sequence[Item]], Sequence[Out]], items: Sequence[Item]
) -> list[AnswerOrError[Out]]:
    """Do all at once; where that fails, each for itself, so that an error stays its own."""
    if not items:
        return []
    try:
        return list(work(items))
    except Exception as error:
        if len(items) == 1:
            return [error]
    return [outcome for item in items for outcome in each_alone(work, [item])]


def then(
    outcomes: Sequence[AnswerOrError[Item]], work: Callable[[Sequence[Item]], Sequence[Out]]
) -> list[AnswerOrError[Out]]:
    """Go on with those that have come so far; the others keep their errors."""
    ready = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    done = iter(each_alone(work, ready))
    return [outcome if isinstance(outcome, Exception) else next(done) for outcome in outcomes]
