"""Frames a second of the map's page in chromium without a graphics card.

    python bench/map_frames.py [--points 3000 30000 100000] [--page map.html]

Writes a page of so many points in clusters, opens it in chromium at 1200 x 900 and at a
phone's 390 x 844 (two pixels per point of length), and counts frames while the map is moved
and magnified without a pause. 60 is what the browser gives at most. On a busy machine the page
leaves points out while it moves: the share that it draws is said.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.evaluation.maps.columns import categories_of
from lookalike.evaluation.maps.standalone import MapPage, map_page
from reporting import publish

# Names under which systems know it.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WINDOWS = {"1200 x 900": (1200, 900, 1), "390 x 844, dense": (390, 844, 2)}
SECONDS = 5
EMBEDDED = 10_000

# Moves in circles, magnifies in and out between the whole map and 16 times.
DRIVE = """
new Promise((done) => {
  const map = window.pictureMap;
  const gaps = [], drawn = [], strides = [];
  const began = performance.now();
  let last = began;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    const share = (now - began) / (1000 * SECONDS);
    if (share >= 1) {
      gaps.shift();
      const sorted = gaps.slice().sort((a, b) => a - b);
      const own = drawn.slice().sort((a, b) => a - b);
      const at = (list, part) => list[Math.floor(part * (list.length - 1))];
      return done({frames: gaps.length, mean: gaps.reduce((a, b) => a + b) / gaps.length,
        p95: at(sorted, .95), worst: at(sorted, 1), draw: at(own, .5), drawWorst: at(own, 1),
        share: strides.reduce((sum, each) => sum + 1 / each, 0) / strides.length});
    }
    const angle = 2 * Math.PI * share * 3;
    map.view.pan(6 * Math.cos(angle), 6 * Math.sin(angle));
    const wanted = WHOLE ? 1 : 2 ** (2 - 2 * Math.cos(2 * Math.PI * share));
    map.view.zoomAt(wanted / map.view.zoom, map.view.size[0] / 2, map.view.size[1] / 2);
    const start = performance.now();
    map.draw();
    drawn.push(performance.now() - start);
    strides.push(map.stride);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""


class Chromium:
    """Chromium without a window, told what to do through a pair of pipes."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self.process, self.to, self.back = process, to, back
        self.number, self.rest = 0, b""
        self.session = ""
        self.problems: list[str] = []
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        found = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self.session = found["sessionId"]
        for part in ("Page", "Runtime"):
            self.tell(f"{part}.enable")

    def tell(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.heard()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]

    def heard(self) -> dict[str, Any]:
        """Read one message; remember what the page complains of."""
        while b"\0" not in self.rest:
            data = os.read(self.back, 1 << 20)
            if not data:
                raise RuntimeError("chromium has ended")
            self.rest += data
        text, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(message["params"])[:600])
        return message

    def open(
        self, file: Path, width: int, height: int, density: float, *, scheme: str = "light"
    ) -> None:
        """Open a page and wait until its map is drawn."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=density, mobile=density > 1,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.tell("Emulation.setEmulatedMedia", features=[feature])
        self.tell("Page.navigate", url=file.resolve().as_uri())
        self.run(
            "new Promise((done, fail) => { const began = Date.now(); const look = () => {"
            " if (window.pictureMap?.inView >= 0) setTimeout(done, 300);"
            " else if (Date.now() - began > 30000) fail(Error('no map in this page'));"
            " else setTimeout(look, 50); }; look(); })"
        )

    def run(self, script: str) -> Any:
        """Run a script in the page and wait for what it promises."""
        found = self.tell(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:800])
        return found["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """Save what is seen."""
        file.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot")["data"]))


def browser() -> str | None:
    """Find chromium on this machine."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Start chromium, without its sandbox, which root cannot have, and without a card."""
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()

    def connect() -> None:
        # As the browser expects them: 3 is read from, 4 is written to. Both are moved out
        # of the way first, as either may be 3 or 4 already.
        first, second = os.dup2(to_read, 60), os.dup2(back_write, 61)
        os.dup2(first, 3)
        os.dup2(second, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                browser() or "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                # A container's folder in memory may be too small for pictures.
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
                f"--user-data-dir={profile}", "about:blank",
            ],
            preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(back_write)
        try:
            yield Chromium(process, to_write, back_read)
        finally:
            process.kill()
            process.wait()
            os.close(to_write)
            os.close(back_read)


def invented(points: int, *, groups: int = 60) -> MapPage:
    """Make a map of so many points in groups of different sizes."""
    dice = np.random.default_rng(0)
    shares = dice.dirichlet(np.full(groups, 2.0))
    codes = np.sort(dice.choice(groups, points, p=shares)).astype(np.int32)
    middles = dice.uniform(-100, 100, (groups, 2))
    widths = 10 * np.sqrt(shares * groups)
    places = middles[codes] + dice.normal(0, 1, (points, 2)) * widths[codes, None]
    small = [invented_picture(dice) for _ in range(200)]
    return MapPage(
        f"{points:,} points",
        ("Invented, to measure frames a second.",),
        places.astype(np.float32),
        [f"/pictures/{code}/{row:06}.jpg" for row, code in enumerate(codes)],
        [categories_of("cluster", [f"group {code}" for code in codes])],
        [],
        dice.choice(points, points // 100, replace=False),
        # As many as the page would take in.
        [small[row % len(small)] if row < EMBEDDED else None for row in dice.permutation(points)],
    )


def invented_picture(dice: np.random.Generator) -> bytes:
    """Make a JPEG of a size that thumbnails have."""
    coarse = dice.integers(0, 255, (9, 12, 3), dtype=np.uint8)
    data = BytesIO()
    Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC).save(data, "JPEG")
    return data.getvalue()


def main() -> None:
    """Write pages, drive them, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[3_000, 30_000, 100_000])
    parser.add_argument("--page", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    print(f"load {os.getloadavg()[0]:.1f}")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        pages = {file.parent.name: file for file in given.page}
        for points in [] if given.page else given.points:
            pages[f"{points:,}"] = Path(folder) / f"{points}.html"
            pages[f"{points:,}"].write_text(map_page(invented(points)))
        for name, page in pages.items():
            for window, (width, height, density) in WINDOWS.items():
                rows += frames(name, page, window, (width, height, density))
    publish("map_frames", rows)


def frames(
    name: str, page: Path, window: str, size: tuple[int, int, float]
) -> list[dict[str, object]]:
    """Measure one page in one window."""
    rows: list[dict[str, object]] = []
    with chromium() as seen:
        seen.open(page, *size)
        for motion, is_whole in (("whole map moved", "true"), ("moved and magnified", "false")):
            script = DRIVE.replace("SECONDS", str(SECONDS)).replace("WHOLE", is_whole)
            found = seen.run(script)
            rows.append(
                {
                    "points": name, "window": window, "motion": motion,
                    "frames/s": 1000 / found["mean"], "95 % below, ms": found["p95"],
                    "worst, ms": found["worst"], "drawing p50, ms": found["draw"],
                    "drawing worst, ms": found["drawWorst"],
                    "points drawn": f"{found['share']:.0%}",
                }
            )  # fmt: skip
        if seen.problems:
            raise SystemExit("\n".join(seen.problems))
    return rows


if __name__ == "__main__":
    main()
