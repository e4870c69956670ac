"""Search engines on real galleries: 100,000 embeddings, or a million.

    python bench/search.py [--rows 1000000] [--engines ...]

Embeds the shared pictures and views of them (bench/views.py), takes the embeddings into a
gallery with ``lookalike import``, and runs ``lookalike bench search`` over it. Each step
that is done already is not done again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
VIEWS = RESULTS / "views"


def run(*arguments: object) -> None:
    """Run one step, or stop here."""
    subprocess.run([sys.executable, *map(str, arguments)], check=True)


def main() -> None:
    """Embed, import, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    given, rest = parser.parse_known_args()
    base = VIEWS / f"base-{given.rows}.npy"
    gallery = RESULTS / f"views-{given.rows}.gallery"
    if not base.exists():
        run(Path(__file__).with_name("views.py"), "--rows", given.rows, "--out", VIEWS)
    space = ("--space", "MobileNetV2 96 px, first 512 principal components")
    run("-m", "lookalike", "import", base, "--format", "numpy", "--gallery", gallery, *space)
    queries = ("--queries", VIEWS / "queries.npy")
    out = RESULTS / f"search-{given.rows}"
    run("-m", "lookalike", "bench", "search", "--gallery", gallery, *queries, "--out", out, *rest)


if __name__ == "__main__":
    main()
