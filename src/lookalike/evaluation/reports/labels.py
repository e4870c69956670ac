"""Where labels go so that none lies on another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Box", "placed_beside", "spread", "ticks_between"]

# Steps within a power of ten, finest last.
STEPS: tuple[tuple[float, ...], ...] = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
MOST_TICKS = 7
FEWEST_TICKS = 3


class Box(NamedTuple):
    """A rectangle, in pixels."""

    left: float
    bottom: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Measure the area that both cover."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        up = min(self.bottom + self.height, other.bottom + other.height) - max(
            self.bottom, other.bottom
        )
        return max(0.0, across) * max(0.0, up)


def spread(wanted: Sequence[float], gap: float, *, low: float, high: float) -> list[float]:
    """Move places apart until neighbors are ``gap`` away, each as little as possible.

    Places that would overlap form a block around the mean of what its members want, and
    blocks that meet become one (pooling adjacent violators, the least-squares answer).
    Where all of them do not fit between ``low`` and ``high``, the gap shrinks.
    """
    if not wanted:
        return []
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    blocks: list[tuple[float, int]] = []
    for rank, place in enumerate(order):
        size = 1
        # What each would want if it were the first of all: equal wants are one block.
        mean = min(max(wanted[place], low), high) - gap * rank
        while blocks and blocks[-1][0] >= mean:
            other, count = blocks.pop()
            mean = (mean * size + other * count) / (size + count)
            size += count
        blocks.append((mean, size))
    top = high - gap * (len(wanted) - 1)
    firsts = [min(max(mean, low), top) for mean, size in blocks for _ in range(size)]
    places = [0.0] * len(wanted)
    for rank, place in enumerate(order):
        places[place] = firsts[rank] + gap * rank
    return places


def placed_beside(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    distance: float = 9,
) -> list[Box]:
    """Lay a label beside each point: right, left, above, below, or between those.

    Greedy: each takes the place that covers the least of labels and points so far, and
    the first of equals. Where all places nearby are taken it lies further away, where the
    caller has to draw a line to it.
    """
    # A little wider than the marker, so that a label does not touch a neighbor's.
    dots = [Box(x - distance / 2, y - distance / 2, distance, distance) for x, y in points]
    taken: list[Box] = []
    for place, ((x, y), (width, height)) in enumerate(zip(points, sizes, strict=True)):
        others = dots[:place] + dots[place + 1 :]
        best = min(
            candidates(x, y, width, height, distance),
            key=lambda box: cost(box, others + taken, frame),
        )
        taken.append(best)
    return taken


def candidates(x: float, y: float, width: float, height: float, distance: float) -> list[Box]:
    """List the places around a point, the most readable first."""
    right, left, middle = x + distance, x - distance - width, y - height / 2
    near = distance * 0.75
    ring = [
        Box(right, middle, width, height),
        Box(left, middle, width, height),
        Box(x - width / 2, y + distance, width, height),
        Box(x - width / 2, y - distance - height, width, height),
    ]
    corners = [
        Box(side, bottom, width, height)
        for bottom in (y + near, y - near - height)
        for side in (x + near, x - near - width)
    ]
    further = [
        Box(side + sign * distance, middle + step * (height + 2), width, height)
        for step in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
        for side, sign in ((right, 1), (left, -1))
    ]
    return [*ring, *corners, *further]


def cost(box: Box, others: Sequence[Box], frame: Box) -> float:
    """Measure what a place covers, and what of it lies outside."""
    outside = box.width * box.height - box.overlap(frame)
    return sum(map(box.overlap, others)) + 4 * outside


def ticks_between(low: float, high: float) -> list[float]:
    """Choose readable ticks of a logarithmic axis: powers of ten, with 3 or 2 and 5 between."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    chosen: list[float] = []
    for steps in STEPS:
        ticks = [
            step * 10.0**power
            for power in range(first, last + 1)
            for step in steps
            if low * 0.999 <= step * 10.0**power <= high * 1.001
        ]
        if len(ticks) > MOST_TICKS and chosen:
            break
        chosen = ticks
        if FEWEST_TICKS <= len(ticks) <= MOST_TICKS:
            break
    return chosen[:: -(-len(chosen) // MOST_TICKS)] if chosen else chosen
