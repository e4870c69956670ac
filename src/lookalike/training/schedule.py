"""A learning-rate schedule over the wall clock, for machines that are shared with others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class WallClock:
    """Counts training seconds, also across interruptions, and turns them into progress."""

    def __init__(
        self, minutes: float, elapsed_s: float = 0.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.total_s = minutes * 60
        self.now = now
        self.started_s = now() - elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of training so far."""
        return self.now() - self.started_s

    @property
    def progress(self) -> float:
        """The share of the time that is over, in [0, 1]."""
        return min(self.elapsed_s / self.total_s, 1.0)


def learning_rate(progress: float, peak: float, warm_up: float = 0.03) -> float:
    """Rise linearly to `peak` over the share `warm_up`, then fall to zero along half a cosine."""
    if progress < warm_up:
        return peak * progress / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
