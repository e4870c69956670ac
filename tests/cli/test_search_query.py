"""``lookalike search`` with several parts: what each option means, and what follows what.

The embedding of a picture is its mean colour times (1, 2, 4), at unit length: red
(1, 0, 0), green (0, 1, 0), blue (0, 0, 1), yellow (1, 2, 0) / sqrt 5.
"""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import NetworkEncoder

WORDS = {"red": (1, 0, 0), "sky": (0, 0, 1), "a photo of sky": (0, 0, 1)}


@pytest.fixture
def texts(monkeypatch):
    """Give the encoder a text tower that knows three texts."""

    def encode_texts(self, texts, *, template=None):
        return np.array([WORDS[text] for text in texts], dtype=np.float32)

    monkeypatch.setattr(NetworkEncoder, "encode_texts", encode_texts)


@pytest.fixture
def search(lookalike, indexed):
    """Search the four pictures."""

    def searched(*words):
        return lookalike("search", *words, "--gallery", indexed)

    return searched


@pytest.fixture
def numbered(search):
    """The image_id of each colour."""
    hits = json.loads(search("photos/red.png", "--json").out)["hits"]
    return {hit["path"].rsplit("/")[-1].removesuffix(".png"): hit["image_id"] for hit in hits}


def table(done):
    """Read a table: each colour with its score."""
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    return [(path.removeprefix("photos/").removesuffix(".png"), score) for _, score, path in lines]


def test_pictures_texts_and_what_is_taken_away_with_their_weights(search, texts):
    # (1, 2, 0) / sqrt 5 + .5 (0, 0, 1) - .25 (1, 0, 0): (.1972, .8944, .5), 1.0435 long
    done = search(
        "photos/yellow.png", "--text", "sky", "--weight", ".5", "--minus", "photos/red.png",
        "--weight", ".25",
    )  # fmt: skip
    assert table(done) == [
        ("green", "0.857"), ("yellow", "0.851"), ("blue", "0.479"), ("red", "0.189"),
    ]  # fmt: skip


def test_a_weight_is_for_what_precedes_it_wherever_the_other_options_are(search, texts):
    ways = [
        ["photos/red.png", "--weight", "2", "--text", "sky"],
        ["-k", "4", "photos/red.png", "--weight=2", "--text=sky"],
        ["--text", "sky", "photos/red.png", "--weight", "2"],
        ["--text", "sky", "-qk4", "photos/red.png", "--exact", "--weight", "2"],
        ["--text", "sky", "--weight", "2", "--weight", "1"],
    ]
    answers = [search(*way) for way in ways]
    # (2, 0, 1) / sqrt 5
    for answer in answers[:4]:
        assert table(answer)[0] == ("red", "0.894")
    assert (answers[4].code, answers[4].out) == (2, "")
    assert "--weight 1 is the second of its part" in answers[4].err


def test_after_two_dashes_everything_is_a_picture(search):
    done = search("-k", 1, "--combine", "mean", "--", "photos/red.png", "photos/blue.png")
    # the command's --gallery was taken for a picture
    assert (done.code, done.out) == (1, "")


def test_a_text_alone_with_a_template(search, texts):
    assert table(search("--text", "sky", "-k", 1)) == [("blue", "1.000")]
    done = search("--text", "sky", "-k", 1, "--template", "a photo of {}")
    assert table(done) == [("blue", "1.000")]


def test_images_of_the_gallery_are_added_and_taken_away_by_id(search, numbered):
    # yellow - red: (-.5528, .8944, 0), 1.0515 long
    done = search("--id", numbered["yellow"], "--minus-id", numbered["red"], "-k", 2)
    assert table(done) == [("green", "0.851"), ("yellow", "0.526")]


def test_only_taking_away_finds_the_least_alike(search, texts):
    done = search("--minus-text", "red", "-k", 3, "--explain")
    assert [score for _, score in table(done)] == ["0.000", "0.000", "-0.447"]
    assert done.err.splitlines()[1] == (
        "scores: cosine to the opposite of 1 text: the least alike come first"
    )


def test_several_pictures_are_combined_where_that_is_asked_for(search):
    pair = ["photos/red.png", "photos/green.png"]
    # (1, 1, 0) / sqrt 2; yellow is 3 / sqrt 10 = .949
    assert table(search(*pair, "--combine", "mean", "-k", 1)) == [("yellow", "0.949")]
    best = search(*pair, "--combine", "best", "--explain")
    scores = dict(table(best))
    assert scores == {"red": "1.000", "green": "1.000", "yellow": "0.894", "blue": "0.000"}
    assert "scores: best cosine of 2 pictures\n" in best.err


def test_several_bare_pictures_stay_a_query_each(search, paint, tmp_path):
    paint(tmp_path / "wide.png", (255, 0, 0))
    done = search("photos/red.png", "wide.png", "--region", "0,0,3,3", "-k", 1)
    assert done.out == (
        "photos/red.png\n   1   1.000  photos/red.png\n"
        "\nwide.png [0,0,3,3]\n   1   1.000  photos/red.png\n"
    )


@pytest.mark.parametrize(
    "others",
    [["--text", "sky"], ["--minus", "photos/blue.png"], ["--weight", 2], ["--keep", 1]],
)
def test_several_pictures_beside_other_parts_must_say_how(search, texts, others):
    done = search("photos/red.png", "photos/green.png", *others)
    assert (done.code, done.out) == (2, "")
    assert "say --combine mean or --combine best" in done.err
    assert done.err.count("\n") == 1
    assert search("photos/red.png", "photos/green.png", *others, "--combine", "mean").code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--weight", 2, "photos/red.png"], 2, "--weight 2 stands before all parts"),
        (["--region", "1,1,1,1", "photos/red.png"], 2, "--region 1,1,1,1 stands before"),
        (["photos/red.png", "--weight", -1], 2, "take away with --minus"),
        (["photos/red.png", "--weight", 0], 2, "--weight 0 is no weight"),
        (["photos/red.png", "--weight", "nan"], 2, "--weight nan is no weight"),
        (["photos/red.png", "--weight", "much"], 2, "'much' is not a valid float"),
        (["photos/red.png", "--region", "0,0,13,1"], 2, "'photos/red.png' at 12 x 8 pixels"),
        (["--text", "x", "--region", "0,0,1,1"], 2, "only a picture has regions"),
        (["--text", "x"], 2, "knows pictures only"),
        (["photos/red.png", "--template", "{}"], 2, "no text to go into"),
        (["photos/red.png", "--minus", "photos/red.png"], 2, "cancel each other"),
        (["photos/red.png", "--diversity", 2], 2, "not in the range"),
        (["photos/red.png", "--group-by", "prodct"], 2, "no column of this gallery"),
        (["photos/red.png", "--keep", 99], 1, "has no image 99"),
        (["photos/red.png", "--keep", 1, "--reject", 1], 2, "kept and rejected"),
        (["--minus", "photos/red.png", "--combine", "best"], 2, "no part has a weight above 0"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(search, words, code, says):
    done = search(*words)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_a_region_of_a_turned_picture_is_as_it_is_seen(search, tmp_path):
    pixels = np.zeros((10, 20, 3), dtype=np.uint8)
    pixels[:, :10], pixels[:, 10:] = (0, 0, 255), (0, 255, 0)  # blue left, green right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right: blue is above
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    for region, colour in [
        ("0,0,10,10", "blue"),
        ("0,10,10,10", "green"),
        ("0%,50%,100%,50%", "green"),
        ("0,0,1.0,.5", "blue"),
    ]:
        done = search("turned.png", "--region", region, "-k", 1)
        assert table(done) == [(colour, "1.000")]


def test_feedback(search, numbered):
    # red + .75 blue - .15 yellow: (.9329, -.1342, .75), 1.2045 long
    done = search(
        "photos/red.png", "--keep", numbered["blue"], "--reject", numbered["yellow"], "--explain"
    )
    assert table(done) == [("red", "0.775"), ("blue", "0.623"), ("green", "-0.111")]
    assert "scores: cosine to the query, moved by feedback (1 kept and 1 rejected)" in done.err
    assert table(search("--keep", numbered["blue"], "-k", 1)) == [("blue", "1.000")]


def test_copies_of_the_query_are_left_out(search, lookalike, indexed, paint):
    (indexed / "again.bmp").write_bytes(b"")
    with Image.open(indexed / "red.png") as picture:
        picture.save(indexed / "again.bmp")
    assert lookalike("index", "--gallery", indexed).code == 0
    assert (
        len(search("photos/red.png", "--exclude-self", "--min-score", ".9").out.splitlines()) == 1
    )
    done = search("photos/red.png", "--exclude-copies")
    assert [name for name, _ in table(done)] == ["yellow", "blue", "green"]


def test_groups_and_diversity(search):
    assert table(search("photos/red.png", "--group-by", "format")) == [("red", "1.000")]
    # gains with .6, after red: yellow .4 * .447 - .6 * .447 < 0, blue and green 0
    done = search("photos/red.png", "--diversity", ".6")
    assert [name for name, _ in table(done)] == ["red", "blue", "green", "yellow"]


def test_json_carries_the_query_and_what_the_scores_mean(search, texts):
    done = search("photos/red.png", "--text", "sky", "--weight", ".5", "-k", 1, "--json")
    told = json.loads(done.out)
    assert told["query"] == 'photos/red.png + "sky" (0.5)'
    assert told["asked"] == {
        "parts": [{"picture": "photos/red.png"}, {"text": "sky", "weight": 0.5}],
        "k": 1,
    }
    assert told["score_kind"] == "cosine"
    assert told["meaning"] == "cosine to the weighted sum of 1 picture and 1 text"
    assert len(told["hits"]) == 1


def test_standard_input_is_a_part_like_any_other(search, indexed, monkeypatch):
    data = (indexed / "red.png").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    done = search("photos/yellow.png", "--minus", "-", "-k", 2, "--json")
    told = json.loads(done.out)
    assert told["asked"]["parts"] == [
        {"picture": "photos/yellow.png"},
        {"picture": "-", "weight": -1.0},
    ]
    assert [hit["path"].rsplit("/")[-1] for hit in told["hits"]] == ["green.png", "yellow.png"]


def test_a_sheet_shows_every_part(search, texts, tmp_path, numbered):
    done = search(
        "photos/red.png", "--region", "0,0,4,4", "--text", "sky", "--minus-id", numbered["green"],
        "-k", 2, "--sheet", "found.png",
    )  # fmt: skip
    assert done.err == "Contact sheet: found.png\n"
    with Image.open(tmp_path / "found.png") as sheet:
        assert sheet.width == 5 * 176 + 6 * 12  # three parts and two hits
        assert sheet.getpixel((12 + 88, 12 + 88)) == (255, 0, 0)
        assert sheet.getpixel((12 + 2 * 188 + 88, 12 + 88)) == (0, 255, 0)
