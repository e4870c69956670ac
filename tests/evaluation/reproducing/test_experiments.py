"""Each system's experiment from end to end, on colours that nobody can mix up."""

from __future__ import annotations

import errno
import json
import shutil

import pytest
from PIL import Image

from lookalike.errors import StorageFull, UsageError
from lookalike.evaluation.reproducing import (
    ReproduceWish,
    clusters,
    folder,
    means,
    reproduce,
    shards,
    strategies,
)
from lookalike.evaluation.reproducing.folder import Regions, regions_for


@pytest.fixture
def quick(monkeypatch):
    """Time a few queries only."""
    for module in (strategies, shards, folder):
        true = module.seconds_each
        monkeypatch.setattr(
            module, "seconds_each", lambda *given, most=5, true=true: true(*given, most=5)
        )


@pytest.fixture
def run(tmp_path, data, encoder, quick):
    """Run a system's experiment."""

    def reproduced(letter, **wish):
        wish = {"data_folders": (data,), "encoders": ("colours",), **wish}
        return reproduce(letter, ReproduceWish(load=lambda name: encoder, **wish), folder=tmp_path)

    return reproduced


def test_a_compares_encoders_over_k(run, tmp_path):
    pytest.importorskip("matplotlib")
    found = run("A")
    (measured,) = found.outcome.facts["encoders"]
    # Of each colour 11 others are there: all of the first 10 are right, 11 of the first 20.
    assert measured["metrics"]["precision@10"]["mean"] == 1.0
    assert measured["metrics"]["precision@20"]["mean"] == pytest.approx(11 / 20)
    assert measured["metrics"]["fpr@20"]["mean"] == pytest.approx(9 / 20)
    # By the system's rule the first hit of a query from outside is right.
    assert measured["outside"]["1"] == 1.0
    assert {file.name for file in found.outcome.files.values()} == {
        "precision-over-k.png", "false-positives-over-k.png", "report.html",
    }  # fmt: skip
    assert all(file.stat().st_size for file in found.outcome.files.values())
    assert "| colours | 3 | 1.000 (1.000 to 1.000)" in (tmp_path / "A" / "table.md").read_text()


def test_b_times_three_ways_at_two_sizes(run, tmp_path):
    found = run("B")
    (measured,) = found.outcome.facts["encoders"]
    small, large = measured["sizes"]
    # 24 of 120 pictures are queries; the larger gallery is ten times the smaller.
    assert (small["rows"], large["rows"]) == (96, 960)
    assert (small["views"], large["views"]) == (0, 864)
    assert (small["nlist"], large["nlist"]) == (10, 31)
    for size in (small, large):
        methods = [point["method"] for point in size["points"]]
        assert methods[:3] == ["brute", "flat", "ivf"]
        assert {*methods[2:]} == {"ivf"}
        # Some views are so alike that they tie: brute force may take another one.
        assert size["points"][0]["ann_recall"] > 0.9
        assert size["points"][1]["ann_recall"] == 1.0
        assert [point["ann_recall"] for point in size["points"][2:]] == sorted(
            point["ann_recall"] for point in size["points"][2:]
        )
    assert small["points"][1]["precision"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    text = (tmp_path / "B" / "table.md").read_text()
    assert "not comparable with the published ones" in text
    assert "0.02646 | 0.04427 | 0.02701" in text


def test_b_measures_nothing_again(run, monkeypatch):
    first = run("B")

    def never(*given, **options):
        raise AssertionError("measured again")

    monkeypatch.setattr(strategies, "seconds_each", never)
    again = run("B")
    assert again.outcome.facts["encoders"] == json.loads(
        json.dumps(first.outcome.facts["encoders"])
    )


def test_b_forgets_what_was_measured_with_other_queries(run, monkeypatch):
    run("B")
    asked = []
    monkeypatch.setattr(strategies, "seconds_each", lambda *given: asked.append(given) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("B", seed=1)
    assert asked


@pytest.fixture
def elsewhere(monkeypatch, encoder):
    """Let the encoder say that another device runs it."""

    def moved():
        monkeypatch.setattr(type(encoder), "runs_on", property(lambda encoder: "another device"))

    return moved


@pytest.mark.parametrize(("letter", "module"), [("B", strategies), ("C", folder), ("D", shards)])
def test_what_another_device_took_is_not_told_again(run, elsewhere, monkeypatch, letter, module):
    run(letter)
    elsewhere()
    asked, true = [], module.measured_encoder
    monkeypatch.setattr(module, "measured_encoder", lambda *given: asked.append(1) or true(*given))
    (measured,) = run(letter).outcome.facts["encoders"]
    assert asked == [1]
    # Extraction is timed anew too: no gallery of the other device is taken over.
    assert letter == "B" or any(each["pictures"] for each in measured["steps"].values())
    assert run(letter).outcome.facts["encoders"][0]["title"] == measured["title"]
    assert asked == [1]


def test_c_measures_pictures_anew_that_were_replaced(run, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for number in range(8):
        Image.new("RGB", (16, 16), (30 * number, 0, 250 - 30 * number)).save(own / f"{number}.png")
    (first,) = run("C", data_folders=(own,)).outcome.facts["encoders"]
    for number in range(8):
        Image.new("RGB", (20, 20), (20, 30 * number, 9)).save(own / f"{number}.png")
    (second,) = run("C", data_folders=(own,)).outcome.facts["encoders"]
    assert second["steps"]["indexing the folder"]["pictures"] == 8 - 1
    scores = [[hit["score"] for hit in each["answers"][0]["hits"]] for each in (first, second)]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("number", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
def test_c_says_that_there_is_no_room_for_its_copies(run, monkeypatch, number):
    def full(*given):
        raise OSError(number, "full")

    monkeypatch.setattr(folder.shutil, "copyfile", full)
    with pytest.raises(StorageFull, match="no room left"):
        run("C")


def test_c_finds_pictures_that_were_added_while_it_was_open(run, tmp_path):
    found = run("C")
    (measured,) = found.outcome.facts["encoders"]
    assert measured["steps"]["indexing the folder"]["pictures"] == 108
    assert measured["steps"]["adding new pictures"]["pictures"] == 12
    assert (measured["index"]["rows"], measured["index"]["wanted"]) == (108, 10)
    assert measured["index"]["nlist"] == 2
    assert measured["found_themselves"] == measured["queries"] == 12
    hit = measured["answers"][0]["hits"][0]
    assert hit["path"] == measured["answers"][0]["query"]
    assert hit["score"] == pytest.approx(1.0, abs=1e-3)
    (sheet,) = found.outcome.files.values()
    assert sheet.read_bytes()[:2] == b"\xff\xd8"
    assert f"| {hit['name']} | {hit['path']} | 1.000 |" in (tmp_path / "C/table.md").read_text()


def test_c_goes_on_where_it_was_interrupted(run, monkeypatch):
    true = folder.contact_sheet

    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "contact_sheet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("C")
    monkeypatch.setattr(folder, "contact_sheet", true)
    (measured,) = run("C").outcome.facts["encoders"]
    assert measured["steps"]["indexing the folder"]["pictures"] == 108
    assert measured["steps"]["adding new pictures"]["pictures"] == 12
    assert measured["index"]["rows"] == 108


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (50, Regions(5, 1, 1)),  # a tenth; 39 rows a list leave one
        (38, Regions(3, 0, 0)),  # too few for a list
        (400, Regions(20, 10, 2)),  # the square root; ten lists of 39
        (10_000, Regions(400, 256, 20)),  # four roots
        (1_000_000, Regions(4000, 4000, 20)),
        (1, Regions(1, 0, 0)),
    ],
)
def test_c_chooses_lists_by_the_systems_rule(rows, wanted):
    assert regions_for(rows) == wanted


@pytest.mark.parametrize("letter", ["B", "D"])
def test_b_and_d_need_more_than_a_handful_of_pictures(run, tmp_path, data, letter):
    few = tmp_path / "few" / "tiny-imagenet-200"
    for label in range(2):
        shutil.copytree(data / "tiny-imagenet-200" / f"colour{label}", few / f"colour{label}")
    with pytest.raises(UsageError, match="has 24 pictures: take a set of 60 at least"):
        run(letter, data_folders=(tmp_path / "few",))


def test_d_merges_shards_into_what_one_index_would_find(run, tmp_path):
    found = run("D")
    (measured,) = found.outcome.facts["encoders"]
    assert sum(measured["shards"]) == measured["pictures"] == 96
    # One for ten pictures; ten where there are a hundred or more.
    assert len(measured["shards"]) == 9
    assert measured["rows"] == 96
    assert {"shard 1", "lists", "index 9", "merge", "join"} <= set(measured["steps"])
    searches = {
        (search["method"], search["setting"].get("nprobe")): search["ann_recall"]
        for search in measured["searches"]
    }
    assert set(searches["flat", None].values()) == {1.0}
    assert searches["ivf", measured["nlist"]]["10"] == pytest.approx(1.0)
    # Of 24 queries all are judged by brute force, so nothing is said of fewer.
    assert measured["searches"][0]["judged"] == measured["queries"] == 24
    assert list(measured["searches"][0]["ann_recall"]) == [str(k) for k in (1, *range(10, 91, 10))]


def test_d_says_by_how_many_queries_brute_force_is_judged(run, monkeypatch):
    monkeypatch.setattr(shards, "BRUTE_QUERIES", 7)
    found = run("D")
    assert "24 queries that are not in the gallery" in found.outcome.tables[1].note
    assert "by brute force of the first 7." in found.outcome.tables[1].note


def test_d_goes_on_where_it_was_interrupted(run, monkeypatch):
    true = shards.merge_galleries

    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(shards, "merge_galleries", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("D")
    monkeypatch.setattr(shards, "merge_galleries", true)
    (measured,) = run("D").outcome.facts["encoders"]
    assert measured["pictures"] == 96
    assert measured["steps"]["shard 1"]["pictures"] == measured["shards"][0]


def test_e_judges_clusters_and_places(run, tmp_path):
    pytest.importorskip("matplotlib")
    found = run("E")
    (measured,) = found.outcome.facts["encoders"]
    assert measured["metrics"]["precision@10"]["mean"] == 1.0
    assert measured["map"]["scores"]["labels"] == 10
    assert measured["map"]["scores"]["purity"] == 1.0
    assert len(measured["map"]["clusters"]) == 10
    names = {file.name for file in found.outcome.files.values()}
    assert {"precision-over-k.png", "report.html", "map.html"} < names
    (page,) = (tmp_path / "E").glob("map-*/map.html")
    assert f"<title>{found.outcome.facts['set']['name']}: " in page.read_text()
    text = (tmp_path / "E" / "table.md").read_text()
    assert "purity 1.000, NMI 1.000, ARI 1.000." in text
    assert "| precision@5 | 1.000 (1.000 to 1.000) | 0.6 |" in text


def test_without_a_library_for_plots_the_numbers_are_there(run, monkeypatch, tmp_path):
    monkeypatch.setattr(means, "can_draw", lambda: False)
    found = run("A")
    assert found.outcome.files == {}
    assert found.left_out == (
        "Drawing plots and the report needs an optional library that is not installed: run pip "
        "install 'lookalike[plot]'.",
    )
    assert "What is left out" in (tmp_path / "A" / "table.md").read_text()


def test_without_a_library_for_tsne_principal_components_are_drawn(run, monkeypatch):
    from lookalike.errors import MissingExtra

    def missing(layout):
        raise MissingExtra("eval", "The layout 'tsne'")

    monkeypatch.setattr(clusters, "layout_library", missing)
    monkeypatch.setattr(clusters, "can_draw", lambda: False)
    found = run("E")
    assert not any("t-SNE" in title for title in found.outcome.files)
    assert found.outcome.facts["encoders"][0]["map"]["scores"]["purity"] == 1.0
    assert "lookalike[eval]" in found.left_out[0]


def test_results_say_what_they_are(run, tmp_path):
    run("B")
    results = json.loads((tmp_path / "B" / "results.json").read_text())
    assert (results["system"], results["format"], results["is_comparable"]) == ("B", 1, False)
    assert results["remarks"][1].startswith("As was asked, colours instead of")
    assert results["published"]["tables"][0]["rows"]["ivf"] == [0.00016, 0.00035, 0.00017]
    assert results["tables"][0]["rows"][1][0] == "brute-force cosine"


def test_a_folder_that_cannot_be_made_is_refused(run, tmp_path):
    (tmp_path / "A").write_text("a file")
    with pytest.raises(UsageError, match="A cannot be made"):
        run("A")


@pytest.mark.heavy
@pytest.mark.shared
def test_c_finds_real_photographs_with_the_encoder_in_the_box(shared, tmp_path, quick):
    wish = ReproduceWish(is_small=True, data_folders=(shared / "data",), encoders=("builtin",))
    found = reproduce("C", wish, folder=tmp_path)
    (measured,) = found.outcome.facts["encoders"]
    assert measured["set"] == "caltech101-eval"
    assert measured["pictures"] == 2020
    assert measured["found_themselves"] == measured["queries"] == 50
    # 11 of 46 lists: the system's rule, as far as there are pictures to learn lists from.
    assert (measured["index"]["nlist"], measured["index"]["nprobe"]) == (46, 11)
    assert measured["index"]["ann_recall"] > 0.95
