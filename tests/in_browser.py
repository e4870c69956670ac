"""Waiting for what a page does, however slow the machine is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PATIENCE_S = 60
# What is there for a moment only could come and go between two looks from outside.
WATCH = """(selector) => {
  const seen = (window.seen ??= {});
  const look = () => {
    if (!document.querySelector(selector)) return;
    seen[selector] = true;
    watcher.disconnect();
  };
  const watcher = new MutationObserver(look);
  watcher.observe(document, { attributes: true, childList: true, subtree: true });
  look();
}"""


def until(page: Page, claim: str) -> None:
    """Wait for something of the page; it allows no scripts of strings, as usual waits are."""
    end = time.monotonic() + PATIENCE_S
    while not page.evaluate(claim):
        assert time.monotonic() < end, f"never came true: {claim}"
        page.wait_for_timeout(50)


def watch(page: Page, selector: str) -> Callable[[], None]:
    """Note from here on whether something is there, if only for a moment; call to wait for it."""
    page.evaluate(WATCH, selector)
    return lambda: until(page, f"window.seen[{json.dumps(selector)}]")


class Held:
    """Requests that wait until they are let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.routes: list[Route] = []
        self.page, self.pattern = page, pattern
        page.route(pattern, lambda route: self.routes.append(route))

    def wait(self) -> None:
        """Wait for somebody to ask."""
        end = time.monotonic() + PATIENCE_S
        while not self.routes:
            assert time.monotonic() < end, f"nobody asked for {self.pattern}"
            self.page.wait_for_timeout(20)

    def answer(self, **told: Any) -> None:
        """Answer the first of them, once it is there."""
        self.wait()
        self.routes.pop(0).fulfill(**told)

    def let_go(self) -> None:
        """Let all pass, now and later."""
        from playwright.sync_api import Error

        self.page.unroute(self.pattern)
        for route in self.routes:
            with suppress(Error):  # the page may have given one of them up
                route.continue_()
