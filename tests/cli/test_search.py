"""``lookalike search``: scores worked out by hand, tables, JSON, sheets."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace

import pytest
from PIL import Image

# Unit embeddings: red (1, 0, 0), green (0, 1, 0), blue (0, 0, 1), yellow (1, 2, 0)/sqrt 5:
# its cosine with green is 2/sqrt 5 = .894, with red 1/sqrt 5 = .447, with blue 0.
TABLE = """\
   1   1.000  photos/yellow.png
   2   0.894  photos/green.png
   3   0.447  photos/red.png
   4   0.000  photos/blue.png
"""


def test_the_table_is_rank_score_path_best_first(lookalike, indexed):
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed)
    assert (done.code, done.out, done.err) == (0, TABLE, "")


def test_the_gallery_is_found_from_inside_its_folder(lookalike, indexed, monkeypatch):
    (indexed / "deep").mkdir()
    monkeypatch.chdir(indexed / "deep")
    done = lookalike("search", "../red.png", "-k", 1)
    assert done.out == "   1   1.000  ../red.png\n"


def test_the_path_is_absolute_where_that_is_shorter(lookalike, indexed, monkeypatch):
    monkeypatch.chdir("/usr/share")
    done = lookalike("search", indexed / "red.png", "-k", 1, "--gallery", indexed)
    shortest = min([str(indexed / "red.png"), f"../..{indexed}/red.png"], key=len)
    assert done.out == f"   1   1.000  {shortest}\n"


def test_excluding_self_and_a_least_score(lookalike, indexed):
    done = lookalike(
        "search", "photos/yellow.png", "--gallery", indexed, "--exclude-self", "--min-score", ".4"
    )
    assert done.out == "   1   0.894  photos/green.png\n   2   0.447  photos/red.png\n"


def test_nothing_found_is_said_on_standard_error_and_is_no_failure(lookalike, indexed):
    done = lookalike(
        "search", "photos/red.png", "--gallery", indexed, "--exclude-self", "--min-score", "1"
    )
    assert (done.code, done.out) == (0, "")
    assert done.err == "No picture of the gallery answers this query.\n"


def test_several_queries_are_answered_under_their_names(lookalike, indexed):
    done = lookalike("search", "photos/red.png", "photos/blue.png", "-k", 1, "--gallery", indexed)
    assert done.out == (
        "photos/red.png\n   1   1.000  photos/red.png\n"
        "\nphotos/blue.png\n   1   1.000  photos/blue.png\n"
    )


def test_an_image_of_the_gallery_is_searched_with_by_its_id(lookalike, indexed):
    hits = json.loads(
        lookalike("search", "photos/yellow.png", "-k", 1, "--json", "--gallery", indexed).out
    )["hits"]
    (indexed / "yellow.png").unlink()
    done = lookalike("search", "--id", hits[0]["image_id"], "--gallery", indexed)
    assert done.out == TABLE


def test_a_minus_reads_the_picture_from_standard_input(lookalike, indexed, monkeypatch):
    data = (indexed / "yellow.png").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert lookalike("search", "-", "--gallery", indexed).out == TABLE


def test_json_has_one_object_a_line_with_absolute_paths(lookalike, indexed):
    done = lookalike(
        "search", "photos/yellow.png", "photos/red.png", "-k", 2, "--json", "--gallery", indexed
    )
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert first["query"] == "photos/yellow.png"
    assert second["hits"][0]["path"] == str(indexed / "red.png")
    hit = first["hits"][1]
    assert hit.pop("score") == pytest.approx(0.8944, abs=1e-3)
    assert hit.pop("image_id") > 0
    assert hit == {
        "rank": 2,
        "path": str(indexed / "green.png"),
        "width": 12,
        "height": 8,
        "format": "PNG",
        "size_bytes": (indexed / "green.png").stat().st_size,
        "metadata": {},
    }


def test_asking_for_more_than_there_is_gives_what_there_is(lookalike, indexed):
    done = lookalike("search", "photos/yellow.png", "-k", 10**15, "--gallery", indexed)
    assert done.out == TABLE


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_a_sheet_is_a_picture_of_the_query_and_its_hits(lookalike, indexed, tmp_path, ending):
    done = lookalike(
        "search", "photos/red.png", "-k", 3, "--sheet", f"found.{ending}", "--gallery", indexed
    )
    assert done.err == f"Contact sheet: found.{ending}\n"
    assert len(done.out.splitlines()) == 3
    with Image.open(tmp_path / f"found.{ending}") as sheet:
        # four tiles of 176 pixels with gaps of 12 around them
        assert sheet.width == 4 * 176 + 5 * 12


def test_quiet_leaves_only_the_results(lookalike, indexed):
    done = lookalike(
        "search", "photos/red.png", "-k", 1, "-q", "--sheet", "found.jpg", "--gallery", indexed
    )
    assert (done.out, done.err) == ("   1   1.000  photos/red.png\n", "")


def test_an_encoder_that_was_moved_can_be_named(lookalike, indexed, encoder, tmp_path):
    place, options = encoder.removeprefix("onnx:").split("?")
    moved = tmp_path / "moved.onnx"
    with open(place, "rb") as file:
        moved.write_bytes(file.read())
    done = lookalike(
        "search", "photos/yellow.png", "--gallery", indexed, "--encoder", f"onnx:{moved}?{options}"
    )
    assert done.out == TABLE


def test_a_broken_query_is_named(lookalike, indexed, tmp_path):
    (tmp_path / "note.jpg").write_text("milk, eggs")
    done = lookalike("search", "photos/red.png", "note.jpg", "--gallery", indexed)
    assert (done.code, done.out) == (1, "")
    assert re.match(r"lookalike: Cannot decode 'note.jpg': it is .*\n\Z", done.err)
