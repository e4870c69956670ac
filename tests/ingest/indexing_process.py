"""``lookalike index`` with small commits, so that there is much to interrupt.

``indexing_process.py ARGUMENTS`` is ``lookalike ARGUMENTS`` with a commit for
every eight files and a compaction for every dozen segments. ``PAUSE_S`` in its
environment are the seconds that each picture takes longer.
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
batch.COMMIT_FILES = 8
writing.MOST_SEGMENTS = 12
sys.exit(run(sys.argv[1:]))
