"""Text that no encoding has: bytes of file names, and halves of pairs that JSON may hold."""

from __future__ import annotations

from lookalike.evaluation.reports import markup
from lookalike.evaluation.reproducing import SYSTEMS, Outcome, Reproduction, Table, published
from lookalike.evaluation.reproducing.outcome import write_reproduction
from lookalike.evaluation.writing import shown_text, text_bytes

HALF, BYTE = "\ud83d", "\udcff"


def test_bytes_of_names_stay_and_halves_become_marks():
    assert text_bytes(f"a{BYTE}b{HALF}\U0001f600") == b"a\xffb\xef\xbf\xbd\xf0\x9f\x98\x80"
    assert text_bytes("\udc7f\udc80\udd00") == b"\xef\xbf\xbd\x80\xef\xbf\xbd"


def test_pages_show_marks():
    assert markup.plain(f"<{HALF}{BYTE}") == "&lt;\ufffd\ufffd"
    assert shown_text(f"{HALF}{BYTE}") == "\ufffd\ufffd"


def test_a_reproduction_is_written(tmp_path):
    outcome = Outcome((Table(f"{HALF}{BYTE}", ("",), ((HALF,),)),))
    found = Reproduction(SYSTEMS[0], False, (), (), published("A"), outcome, tmp_path)
    write_reproduction(found)
    assert b"**\xef\xbf\xbd\xff**" in (tmp_path / "table.md").read_bytes()
