"""How often one asker may ask: a bucket of tokens for each."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["DEFAULT_RATE", "Buckets", "address_key"]

# Requests a second where tokens are needed: a page and its small pictures stay far below.
DEFAULT_RATE = 50.0
# So many seconds' worth may come at once.
BURST_S = 4.0
MOST_BUCKETS = 10_000


class Buckets:
    """A bucket for each asker, filled at a steady rate; each request takes its weight.

    Args:
        rate: Requests a second.
        clock: Tells the seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = max(1.0, rate * BURST_S)
        self._clock = clock
        # Asker -> (what is left, when that was so); who was not seen longest comes first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def take(self, asker: str, weight: float = 1.0) -> float:
        """Take a request's weight from an asker's bucket.

        Returns:
            0 if it was there, else after how many seconds it will be.
        """
        now = self._clock()
        left, since = self._left.pop(asker, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        wanted = min(weight, self._most)
        wait = 0.0 if left >= wanted else (wanted - left) / self._rate
        self._left[asker] = (left if wait else left - wanted, now)
        # A bucket that is forgotten is full again: thousands of askers pay that for each other.
        while len(self._left) > MOST_BUCKETS:
            self._left.popitem(last=False)
        return wait

    def charge(self, asker: str, weight: float) -> None:
        """Take more afterwards, as far as there is."""
        left, since = self._left.get(asker, (self._most, self._clock()))
        self._left[asker] = (max(0.0, left - weight), since)


def address_key(address: str) -> str:
    """Name an asker by address; a whole IPv6 network of one subscriber is one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def retry_after(wait_s: float) -> str:
    """Write a wait for the header, in whole seconds."""
    return str(max(1, math.ceil(wait_s)))
