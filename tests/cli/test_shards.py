"""The commands embed, merge, export and import."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lookalike.gallery import Gallery


@pytest.fixture
def shards(lookalike, photos, encoder, tmp_path):
    """The four pictures in three shards."""
    for number in (2, 3, 1):
        outcome = lookalike(
            *("embed", photos, "--shard", f"{number}/3"),
            *("--out", tmp_path / f"shard{number}", "--encoder", encoder),
        )
        assert (outcome.code, outcome.err) == (0, "")
    return [tmp_path / f"shard{number}" for number in (1, 2, 3)]


def found(lookalike, gallery, photos):
    hits = json.loads(lookalike("search", photos / "red.png", "--gallery", gallery, "--json").out)[
        "hits"
    ]
    return [(hit["path"], hit["score"]) for hit in hits]


def test_shards_merged_answer_as_one_gallery(lookalike, shards, photos, encoder):
    assert lookalike("index", photos, "--encoder", encoder).code == 0

    outcome = lookalike("merge", *shards, "--into", "all")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "4 pictures in all\n  added    4\n"
    assert found(lookalike, "all", photos) == found(lookalike, photos, photos)
    assert lookalike("verify", "--gallery", "all").code == 0


def test_a_shard_that_runs_again_embeds_nothing_again(lookalike, shards, photos):
    with Gallery.open(shards[0]) as gallery:
        before = len(gallery)

    outcome = lookalike("embed", photos, "--shard", "1/3", "--out", shards[0])

    assert outcome.code == 0
    assert f"unchanged  {before}" in outcome.out
    assert "added      0" in outcome.out


def test_a_folder_keeps_to_its_shard(lookalike, shards, photos):
    outcome = lookalike("embed", photos, "--shard", "2/3", "--out", shards[0])
    assert outcome.code == 1
    assert "holds shard 1/3: name a folder of its own for each shard" in outcome.err

    outcome = lookalike("embed", photos, "--out", shards[0])
    assert outcome.code == 2
    assert "is shard 1/3, but all pictures were asked for" in outcome.err


@pytest.mark.parametrize("shard", ["0/10", "11/10", "three"])
def test_what_is_no_shard_is_refused(lookalike, photos, shard):
    outcome = lookalike("embed", photos, "--shard", shard, "--out", "out")

    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"Shard {shard}" in outcome.err.replace("'", "")


def test_a_source_that_is_not_there_leaves_no_gallery(lookalike, tmp_path, encoder):
    outcome = lookalike("embed", "nowhere", "--out", "out", "--encoder", encoder)

    assert outcome.code == 1
    assert not (tmp_path / "out").exists()


def test_without_a_shard_all_is_embedded(lookalike, photos, encoder):
    assert lookalike("embed", photos, "--out", "out", "--encoder", encoder).code == 0

    assert lookalike("info", "--gallery", "out").out.splitlines()[1] == "images      4"


def test_merging_again_changes_nothing(lookalike, shards):
    lookalike("merge", *shards, "--into", "all")

    outcome = lookalike("merge", *shards, "--into", "all")

    assert outcome.out == "4 pictures in all\n  added    0\n  already  4\n"


def test_merging_again_leaves_out_what_was_removed_until_it_is_asked_for(lookalike, shards, photos):
    lookalike("merge", *shards, "--into", "all")
    lookalike("remove", f"{photos}/red.png", "--gallery", "all")

    outcome = lookalike("merge", *shards, "--into", "all")
    assert outcome.out == (
        "3 pictures in all\n  added    0\n  already  3\n"
        "  1 picture left out that had been removed by hand: "
        "--restore PATH takes in what it names, a picture or a folder\n"
    )
    refused = lookalike("merge", *shards, "--into", "all", "--restore", f"{photos}/green.png")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "was removed by hand in these galleries" in refused.err
    outcome = lookalike("merge", *shards, "--into", "all", "--restore", photos)
    assert outcome.out.startswith("4 pictures in all\n  added    1\n")


def test_merging_what_makes_no_sense_leaves_no_gallery(lookalike, shards, tmp_path, encoder):
    encoder = encoder.replace("mean=0", "mean=.1")
    foreign = lookalike("embed", "photos", "--out", "foreign", "--encoder", encoder)
    assert foreign.code == 0

    assert lookalike("merge", shards[0], "foreign", "--into", "all").code == 1
    assert lookalike("merge", shards[0], shards[0], "--into", "all").code == 2
    assert lookalike("merge", "nowhere", "--into", "all").code == 1
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("chosen", ["clip-retrieval", "parquet", "numpy", "faiss"])
def test_what_is_exported_is_searched_with_pictures_again(lookalike, indexed, chosen):
    out = lookalike("export", "out", "--format", chosen, "--gallery", indexed)
    again = lookalike("import", "out", "--format", chosen, "--gallery", "again")

    assert (out.code, out.out) == (0, "4 pictures in out\n")
    assert (again.code, again.out) == (0, "4 pictures in again\n  added    4\n")
    assert found(lookalike, "again", indexed) == found(lookalike, indexed, indexed)


def test_embeddings_of_an_unknown_encoder_are_searched_by_id(lookalike, tmp_path):
    rows = np.array([[1, 0], [0, 5], [0.6, 0.8], [0, 0]], dtype=np.float32)
    np.save(tmp_path / "base.npy", rows)

    outcome = lookalike(
        "import", "base.npy", "--format", "numpy", "--space", "mine", "--gallery", "base"
    )

    assert outcome.out == (
        "3 pictures in base\n  added    3\n  1 embedding brought to unit length\n"
        "  skipped 1 row without a direction: 3\n"
    )
    hits = lookalike("search", "--id", "3", "--gallery", "base", "--exclude-self").out
    assert hits == "   1   0.800  1\n   2   0.600  0\n"
    refused = lookalike("search", "base.npy", "--gallery", "base")
    assert refused.code == 1
    assert "'mine'" in refused.err


def test_an_import_without_a_space_leaves_no_gallery(lookalike, tmp_path):
    np.save(tmp_path / "base.npy", np.eye(2, dtype=np.float32))
    words = ("import", "base.npy", "--format", "numpy", "--gallery", "base")

    assert "--encoder, or call it something with --space" in lookalike(*words).err
    assert lookalike(*words, "--space", "a", "--encoder", "builtin").code == 2
    assert "makes dim" in lookalike(*words, "--encoder", "builtin").err
    assert not (tmp_path / "base").exists()


def test_an_interrupted_import_goes_on(tmp_path):
    np.save(tmp_path / "base.npy", np.eye(300, 8, dtype=np.float32) + 1)
    program = (
        "import time\n"
        "from lookalike.cli.main import main\n"
        "from lookalike.gallery.writing import GalleryWriter\n"
        "from lookalike.ingest.interchange import importing\n"
        "importing.rows_at_once = lambda dim: 1\n"
        "commit = GalleryWriter.commit\n"
        "GalleryWriter.commit = lambda *a, **k: (time.sleep(0.1), commit(*a, **k))[1]\n"
        "main()\n"
    )
    words = ("import", "base.npy", "--format", "numpy", "--space", "s", "--gallery", "base")
    command = [sys.executable, "-c", program, *words]

    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while run.poll() is None and not images_in(tmp_path / "base"):
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=60)
    assert run.returncode == 130, error
    assert "the same command goes on from there" in error
    assert 0 < images_in(tmp_path / "base") < 300
    again = subprocess.run(
        [sys.executable, "-m", "lookalike", *words], cwd=tmp_path, check=True, capture_output=True
    )

    assert b"already" in again.stdout
    assert images_in(tmp_path / "base") == 300


def images_in(folder):
    if not (folder / "catalog.sqlite").exists():
        return 0
    with Gallery.open(folder) as gallery:
        return len(gallery)
