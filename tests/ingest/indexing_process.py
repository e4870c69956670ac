"""``lookalike index`` with small commits, so that there is much to interrupt.

``indexing_process.py ARGUMENTS`` is ``lookalike ARGUMENTS`` with a commit for
every eight files and a compaction for every dozen segments.
"""

from __future__ import annotations

import sys

from lookalike.cli.main import run
from lookalike.gallery import writing
from lookalike.ingest import batch

batch.COMMIT_FILES = 8
writing.MOST_SEGMENTS = 12
sys.exit(run(sys.argv[1:]))
