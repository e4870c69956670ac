"""``lookalike index`` with small commits, so that there is much to interrupt.

``indexing_process.py small ARGUMENTS`` is ``lookalike ARGUMENTS`` with a commit for
every eight files and a compaction for every dozen segments; after ``usual`` they are
as ever. ``PAUSE_S`` in its environment are the seconds that each picture takes longer.
With ``STAYS`` in it a process that is done waits to be killed, however fast it was.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from lookalike.cli.main import run
from lookalike.gallery import writing
from lookalike.ingest import batch, pipeline

usual = pipeline.decode


def decode(*given: Any, **options: Any) -> Any:
    time.sleep(float(os.environ.get("PAUSE_S", "0")))
    return usual(*given, **options)


pipeline.decode = decode
if sys.argv[1] == "small":
    batch.COMMIT_FILES = 8
    writing.MOST_SEGMENTS = 12
code = run(sys.argv[2:])
if code == 0 and "STAYS" in os.environ:
    os.close(2)  # there is nothing more to read
    sys.stdin.read()
sys.exit(code)
