"""How soon the page shows pictures, in a browser.

    python bench/server.py --part page

Opens the page in Chromium with a query in its address, each time with nothing kept in the
browser, and each time a query that nobody asked before, so that the server has made none
of the small pictures. Over 100,000 pictures in their natural sizes
(bench/served_gallery.py), and over photographs as large as cameras' (bench/thumbnails.py),
where making them small is what takes long. The clock is the page's own, from the moment at
which the address is asked for; a picture counts when it is decoded and the frame after
that is drawn.

Needs playwright and a Chromium; without them this says that it was left out.
"""

from __future__ import annotations

import random
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.gallery import Gallery
from serving import Running, served
from thumbnails import ready_photographs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["page"]

WINDOW = {"width": 1280, "height": 860}
PATIENCE_MS = 60_000

# Notes when each picture of the results was decoded and drawn.
WATCH = """
(() => {
  const drawn = (window.drawn = new Map());
  document.addEventListener("load", ({ target }) => {
    if (!(target instanceof HTMLImageElement) || !target.closest(".grid.ranked")) return;
    target.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(() =>
      drawn.set(target, performance.now()))));
  }, true);
})();
"""

# Whether all pictures of the results that are in sight have been drawn.
IS_FULL = """
() => {
  const seen = [...document.querySelectorAll(".grid.ranked img")].filter((picture) => {
    const box = picture.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  });
  return seen.length > 0 && seen.every((picture) => window.drawn.has(picture)) && {
    first: Math.min(...window.drawn.values()),
    full: Math.max(...seen.map((picture) => window.drawn.get(picture))),
    pictures: seen.length,
  };
}
"""

# What had arrived by a moment: as it went over the network, heads included.
ARRIVED = """
(until) => {
  const entries = [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")].filter((each) => each.responseEnd <= until);
  const sum = (list) => list.reduce((all, each) => all + each.transferSize, 0);
  const small = entries.filter((each) => each.name.includes("/thumbnail"));
  return { requests: entries.length, bytes: sum(entries), thumbnails: sum(small) };
}
"""


def page(gallery: Path, *, looks: int = 15) -> list[dict[str, object]]:
    """Measure both galleries; medians. An empty list where there is no browser."""
    with browser() as opened:
        if opened is None:
            return []
        with served(gallery) as server:
            # The first look counts for nothing: it starts the browser's processes.
            found = [look(opened, server, image_id) for image_id in chosen(gallery, looks + 1)]
        rows = [row("100,000 pictures", found[1:])]
        photographs, found = ready_photographs(), []
        for image_id in chosen(photographs, max(1, looks // 3)):
            # There are so few that every answer holds pictures of the one before.
            with served(photographs) as server:
                found.append(look(opened, server, image_id))
        return [*rows, row("photographs of 12 and 24 megapixels", found)]


def row(title: str, looks: list[dict[str, float]]) -> dict[str, object]:
    """Write a row."""

    def of(name: str) -> list[float]:
        return sorted(each[name] for each in looks)

    return {
        "page over": title, "looks": len(looks),
        "first picture, ms": statistics.median(of("first")), "least": of("first")[0],
        "most": of("first")[-1], "screen full, ms": statistics.median(of("full")),
        "at most": of("full")[-1], "pictures": int(statistics.median(of("pictures"))),
        "requests": int(statistics.median(of("requests"))),
        "kB": statistics.median(of("bytes")) / 1000,
        "of these thumbnails": statistics.median(of("thumbnails")) / 1000,
    }  # fmt: skip


def look(opened: Browser, server: Running, image_id: int) -> dict[str, float]:
    """Open the page anew, with a query, and wait until the first screen is full."""
    context = opened.new_context(viewport=WINDOW)
    try:
        tab = context.new_page()
        tab.add_init_script(WATCH)
        tab.goto(f"http://127.0.0.1:{server.port}/#g=served&p=id:{image_id}")
        told: dict[str, float] = tab.wait_for_function(
            IS_FULL, polling="raf", timeout=PATIENCE_MS
        ).json_value()
        return told | tab.evaluate(ARRIVED, told["full"])
    finally:
        context.close()


@contextmanager
def browser() -> Iterator[Browser | None]:
    """Start the browser; None, and a word, where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.stderr.write("The page was left out: this Python has no playwright.\n")
        yield None
        return
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.stderr.write("The page was left out: there is no chromium on this machine.\n")
        yield None
        return
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def chosen(gallery: Path, count: int) -> list[Any]:
    """Choose queries: pictures that are far from one another in the gallery."""
    with Gallery.open(gallery) as opened:
        ids = [record.image_id for record in opened.images()]
    return random.Random(0).sample(ids, count)
