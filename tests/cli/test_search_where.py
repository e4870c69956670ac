"""``lookalike search`` with a filter, with an index, and with an account of what was done."""

from __future__ import annotations

import json

import pytest

from directions import add, make, publish


def test_a_filter_keeps_what_it_names(lookalike, indexed):
    done = lookalike(
        "search", "photos/yellow.png", "--where", "path LIKE '%re%'", "--gallery", indexed
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == "   1   0.894  photos/green.png\n   2   0.447  photos/red.png\n"


def test_the_plan_is_told_beside_the_hits(lookalike, indexed):
    done = lookalike(
        "search", "photos/red.png", "--where", "width > 1", "--explain", "--gallery", indexed
    )
    assert done.err == "plan: exact over 4 allowed of 4 rows\nscores: cosine to the query\n"
    told = lookalike("search", "photos/red.png", "--explain", "--json", "--gallery", indexed)
    assert json.loads(told.out)["plan"]["summary"] == "exact over 4 rows"


@pytest.mark.parametrize("where", ["colour = 'red'", "width >", ""])
def test_a_filter_that_makes_no_sense_is_refused(lookalike, indexed, where):
    done = lookalike("search", "photos/red.png", "--where", where, "--gallery", indexed)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_the_index_is_asked_as_told(lookalike, tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        publish(gallery)
    asked = ["search", "--id", 3, "-k", 1, "--explain", "--gallery", tmp_path / "gallery"]
    for options, plan in [
        ([], "ivf, nprobe 8 over 700 rows"),
        (["--nprobe", 3], "ivf, nprobe 3 over 700 rows"),
        (["--nprobe", 5000], "ivf, nprobe 8 over 700 rows"),  # all of its lists
        (["--exact"], "exact over 700 rows"),
    ]:
        told = lookalike(*asked, *options).err
        assert told == f"plan: {plan}\nscores: cosine to the query\n"
    assert lookalike(*asked, "--nprobe", 0).code == 2


def test_settings_of_an_index_that_is_not_asked_are_refused(lookalike, indexed):
    done = lookalike(
        "search", "photos/red.png", "--exact", "--nprobe", 3, "--k-factor", 2, "--gallery", indexed
    )
    assert (done.code, done.out) == (2, "")
    assert "so that --nprobe and --k-factor would change nothing" in done.err
